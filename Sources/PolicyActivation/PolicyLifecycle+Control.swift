import CallModel
import PolicyEngine

extension PolicyLifecycle {
  /// Does what an admin asks, and says what came of it.
  public func answer(_ request: ControlRequest, isJSON: Bool) async -> ControlReply {
    switch request {
    case .status:
      return ControlReply(exitCode: 0, output: isJSON ? status.json : status.text)
    case .activate(let request):
      let result = await activate(request)
      return ControlReply(exitCode: result.isActivated ? 0 : 1, output: isJSON ? result.json : result.text)
    case .rollback(let version, let by, let note):
      let result = await rollback(to: version, by: by, note: note)
      return ControlReply(exitCode: result.isActivated ? 0 : 1, output: isJSON ? result.json : result.text)
    case .startShadow(let directory):
      let (version, errors) = await startShadow(directory)
      let text =
        version.map { "Candidate \($0) looks on.\n" }
        ?? errors.map { "\($0.description)\n" }.joined() + "The candidate has errors: nothing looks on.\n"
      let json = JSONText.object([
        ("ok", .boolean(version != nil)), ("version", JSONText(version)),
        ("errors", .array(errors.map { .string($0.description) })),
      ]).text
      return ControlReply(exitCode: version == nil ? 1 : 0, output: isJSON ? json : text)
    case .stopShadow: return reply(await stopShadow(), isJSON)
    case .reportShadow: return reply(shadow.map(ShadowReport.init), isJSON)
    }
  }

  private func reply(_ report: ShadowReport?, _ isJSON: Bool) -> ControlReply {
    guard let report else {
      return ControlReply(exitCode: 1, output: isJSON ? "null\n" : "No candidate is in shadow mode.\n")
    }
    return ControlReply(exitCode: 0, output: isJSON ? report.json : report.text)
  }
}

extension ControlReply {
  /// The line that is sent, with its end.
  public var line: String {
    JSONText.object([("exit", .integer(Int(exitCode))), ("output", .string(output))]).line + "\n"
  }
}

extension ControlRequest {
  /// The line that asks for something, with its end.
  public static func line(command: String, _ fields: [(String, Field)], isJSON: Bool) -> String {
    let pairs: [(String, JSONText)] = fields.compactMap { key, field in
      switch field {
      case .text(let text): text.map { (key, .string($0)) }
      case .integer(let number): number.map { (key, .integer($0)) }
      case .number(let number): (key, .number(number))
      case .flag(let value): (key, .boolean(value))
      }
    }
    return JSONText.object([("command", .string(command))] + pairs + [("json", .boolean(isJSON))]).line + "\n"
  }

  /// A value of a request; nil: left out.
  public enum Field: Sendable {
    case text(String?)
    case integer(Int?)
    case number(Double)
    case flag(Bool)
  }
}

extension PolicyLifecycle.Status {
  public var text: String {
    var lines = ["Policy      \(version), in force since \(since.iso8601)"]
    lines.append(
      "Activation  "
        + (isManual
          ? "manual: changes of \(directory) wait for `tandem policy activate`"
          : "automatic: changes of \(directory) act at once"))
    if directoryErrors > 0 {
      lines.append("Directory   \(directoryErrors) errors: the last good version is served")
    } else if let setAside, !isManual {
      lines.append("Directory   its version \(setAside) is set aside until a file changes")
    }
    lines.append("Shadow      \(shadow.map { "\($0.version): \($0.summary)" } ?? "no candidate")")
    return lines.joined(separator: "\n") + "\n"
  }

  public var json: String {
    JSONText.object([
      ("version", .string(version)), ("since", .string(since.iso8601)),
      ("activation", .string(isManual ? "manual" : "automatic")), ("directory", .string(directory)),
      ("directory_errors", .integer(directoryErrors)), ("set_aside", JSONText(setAside)),
      ("shadow", shadow?.object ?? .null),
    ]).text
  }
}

extension PolicyLifecycle.ActivationResult {
  public var text: String {
    var lines = self.lines
    if isActivated {
      for objection in objections { lines.append("confirmed although \(objection)") }
      lines.append("Policy \(version ?? "") is in force (before: \(previous)).")
    } else {
      for objection in objections { lines.append("refused: \(objection)") }
      lines.append("Policy \(previous) stays in force.")
      if version != nil { lines.append("Allow more with --max-difference, or insist with --confirm.") }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  public var json: String {
    JSONText.object([
      ("activated", .boolean(isActivated)), ("version", JSONText(version)), ("previous", .string(previous)),
      ("objections", .array(objections.map(JSONText.string))), ("report", .array(lines.map(JSONText.string))),
    ]).text
  }
}
