import CallModel
import PolicyEngine

/// A replay as text and JSON, with the exit code for CI.
public struct PolicyReplayReport: Sendable {
  public var replay: PolicyReplay
  public var version: String
  /// Per cent of the calls that may be decided differently.
  public var maximumShare: Double
  /// Differences listed in the text.
  public var listed: Int

  public init(replay: PolicyReplay, version: String, maximumShare: Double = 0, listed: Int = 50) {
    self.replay = replay
    self.version = version
    self.maximumShare = maximumShare
    self.listed = listed
  }

  /// 0: no more calls than allowed are decided differently; 1: more are.
  public var exitCode: Int32 { replay.changedShare > maximumShare ? 1 : 0 }

  public var text: String {
    var lines: [String] = []
    for difference in replay.differences.prefix(listed) {
      lines.append(
        "\(difference.change.rawValue): \(difference.caller) → \(difference.alias) (\(difference.call))")
      lines.append("    was    \(difference.before)")
      lines.append("    would  \(difference.after)")
    }
    if replay.differences.count > listed {
      lines.append("… and \(replay.differences.count - listed) more")
    }
    if !lines.isEmpty { lines.append("") }
    let counts = PolicyReplay.Change.allCases.compactMap { change -> String? in
      let count = replay.differences.count { $0.change == change }
      return count == 0 ? nil : "\(count) \(change.rawValue)"
    }
    lines.append(
      "\(replay.compared) calls decided again by policy \(version): "
        + (counts.isEmpty ? "none differs" : counts.joined(separator: ", "))
        + (replay.skipped == 0 ? "" : "; \(replay.skipped) not comparable"))
    return lines.joined(separator: "\n") + "\n"
  }

  public var json: String {
    JSONText.object([
      ("ok", .boolean(exitCode == 0)), ("policy_version", .string(version)),
      ("compared", .integer(replay.compared)), ("skipped", .integer(replay.skipped)),
      ("changed_percent", .number(replay.changedShare)),
      (
        "differences",
        .array(
          replay.differences.map {
            .object([
              ("call", .string("\($0.call)")), ("started_ms", .integer(Int($0.started.milliseconds))),
              ("caller", .string($0.caller)), ("alias", .string($0.alias)),
              ("change", .string($0.change.rawValue)), ("before", .string($0.before)),
              ("after", .string($0.after)),
            ])
          })
      ),
    ]).text
  }
}
