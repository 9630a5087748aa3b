import CallModel
import PolicyEngine

/// What a local script did to a decision, for people and for programs.
struct PolicyScriptSentence {
  let script: PolicyScriptRecord

  /// The first line, and below it what it changed or what is wrong.
  var lines: [String] {
    var lines = [
      "“\(script.script)” looks at the \(script.kind == "media_location" ? "media location" : script.kind): \(result)"
    ]
    lines += script.changes.map { change in
      switch (change.before, change.after) {
      case (let before?, let after?): "\(change.field): \(before) becomes \(after)"
      case (nil, let after?): "\(change.field): \(after)"
      case (_, nil): "\(change.field): no longer set"
      }
    }
    lines += script.findings.map { finding in
      let text = finding.field.isEmpty ? finding.problem : "\(finding.field): \(finding.problem)"
      return (finding.isError ? "wrong: " : "note: ") + text
    }
    return lines
  }

  private var result: String {
    var text: String
    switch script.outcome {
    case .used:
      text =
        script.changes.isEmpty
        ? "its result is in force" : "it changes \(script.changes.map(\.field).joined(separator: ", "))"
    case .unchanged: text = "it changes nothing"
    case .reject: text = "it refuses"
    case .redirect: text = "it redirects"
    case .otherService: text = "not applied: its result is another service than the call's"
    case .notApplied: text = "not applied, as it asks: \(failure)"
    case .error: text = "not applied: it fails\(place): \(failure)"
    case .limit: text = "not applied: it was stopped\(place): \(failure)"
    case .badOutput: text = "not applied: its output is wrong\(place): \(failure)"
    case .invalid: text = "not applied: its result is wrong"
    case .overloaded: text = "not run, since too many scripts are waiting"
    }
    if script.isFallback { text += "; its fallback refuses the call" }
    return text
  }

  private var failure: String { script.failure ?? "no reason is known" }
  private var place: String { script.line > 0 ? " at \(script.line):\(script.column)" : "" }

  var json: JSONText {
    .object([
      ("profile", .string(script.profile)), ("kind", .string(script.kind)),
      ("script", .string(script.script)),
      ("outcome", .string(script.outcome.rawValue)), ("fallback", .boolean(script.isFallback)),
      ("failure", JSONText(script.failure)), ("line", .integer(script.line)),
      ("column", .integer(script.column)), ("steps", .integer(script.steps)),
      ("time_ms", .number(script.time.seconds * 1_000)),
      (
        "findings",
        .array(
          script.findings.map {
            .object([
              ("field", .string($0.field)), ("problem", .string($0.problem)), ("error", .boolean($0.isError)),
            ])
          })
      ),
      (
        "changes",
        .array(
          script.changes.map {
            .object([
              ("field", .string($0.field)), ("before", JSONText($0.before)), ("after", JSONText($0.after)),
            ])
          })
      ),
    ])
  }
}
