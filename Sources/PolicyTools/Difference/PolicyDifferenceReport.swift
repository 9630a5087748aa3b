import CallModel
import PolicyEngine

/// A difference as text and JSON, with the exit code for CI.
public struct PolicyDifferenceReport: Sendable {
  public var difference: PolicyDifference
  public var oldVersion: String
  public var newVersion: String
  /// Whether calls come at another time than now: then the time is told.
  private let usesTime: Bool
  public var listed: Int

  public init(
    _ difference: PolicyDifference, from old: PolicySnapshot, to new: PolicySnapshot, listed: Int = 50
  ) {
    self.difference = difference
    oldVersion = old.version.description
    newVersion = new.version.description
    usesTime = !old.policy.schedules.isEmpty || !new.policy.schedules.isEmpty
    self.listed = listed
  }

  /// 0: no call is decided differently; 1: some are.
  public var exitCode: Int32 { difference.differs ? 1 : 0 }

  public var text: String {
    var lines: [String] = []
    for finding in difference.findings.prefix(listed) {
      lines.append("\(finding.change.rawValue): \(finding.summary)")
      guard let witness = finding.witness else { continue }
      let time = usesTime ? " at \(witness.call.at.iso8601)" : ""
      lines.append("    for example “\(witness.call.alias)” \(witness.call.callerSentence)\(time)")
      lines.append("    was    \(witness.before)")
      lines.append("    would  \(witness.after)")
    }
    if difference.findings.count > listed {
      lines.append("… and \(difference.findings.count - listed) more")
    }
    if !lines.isEmpty { lines.append("") }
    for note in difference.notes { lines.append("note: \(note.message) [\(note.code)]") }
    lines.append("\(oldVersion) → \(newVersion): \(conclusion)")
    return lines.joined(separator: "\n") + "\n"
  }

  private var conclusion: String {
    let common = "\(difference.commonRules) rule\(difference.commonRules == 1 ? "" : "s") in common"
    guard difference.differs else {
      return "No call is decided differently: "
        + (difference.isProved ? "proved" : "proved but for what the notes say") + "; \(common)"
    }
    let counts = DecisionChange.allCases.compactMap { change -> String? in
      let count = difference.findings.count { $0.change == change }
      return count == 0 ? nil : "\(count) \(change.rawValue)"
    }
    let count = difference.findings.count
    return "\(count) difference\(count == 1 ? "" : "s"): \(counts.joined(separator: ", ")); \(common)"
  }

  public var json: String {
    JSONText.object([
      ("same", .boolean(!difference.differs)), ("proved", .boolean(difference.isProved)),
      ("old_version", .string(oldVersion)), ("new_version", .string(newVersion)),
      ("common_rules", .integer(difference.commonRules)),
      ("calls_tried", .integer(difference.calls)),
      ("differences", .array(difference.findings.map(json))),
      (
        "notes",
        .array(
          difference.notes.map {
            .object([("code", .string($0.code)), ("message", .string($0.message))])
          })
      ),
    ]).text
  }

  private func json(_ finding: PolicyDifference.Finding) -> JSONText {
    var pairs: [(String, JSONText)] = [
      ("change", .string(finding.change.rawValue)), ("subject", .string(finding.subject.rawValue)),
      ("summary", .string(finding.summary)),
    ]
    if let witness = finding.witness {
      let call = witness.call
      pairs.append(
        (
          "witness",
          .object([
            ("alias", .string(call.alias)), ("direction", .string(call.direction.rawValue)),
            ("protocol", .string(call.callProtocol.rawValue)), ("from", .string(call.from)),
            ("registered", .boolean(call.isRegistered)), ("location", JSONText(call.location)),
            ("source", JSONText(call.source?.description)), ("trunk", JSONText(call.trunk)),
            ("capability", .string(call.capability.rawValue)), ("tag", .string(call.tag)),
            ("at", .string(call.at.iso8601)),
            ("explain", .array(call.explainArguments.map(JSONText.string))),
          ])
        ))
      pairs.append(("before", .string(witness.before)))
      pairs.append(("after", .string(witness.after)))
    } else {
      pairs.append(("witness", .null))
    }
    return .object(pairs)
  }
}
