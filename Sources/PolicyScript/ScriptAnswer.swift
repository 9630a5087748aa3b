import JSONText

/// The three places where a local policy script runs.
public enum ScriptKind: String, Hashable, Sendable, CaseIterable {
  case service, participant, location

  /// The variables that such a script is given.
  public var variables: Set<String> {
    switch self {
    case .service: ["call_info", "service_config"]
    case .participant: ["call_info", "service_config", "participant"]
    case .location: ["call_info", "service_config", "suggested_media_overflow_locations"]
    }
  }

  /// The actions that it can ask for; none for a location.
  public var actions: Set<String> {
    switch self {
    case .service: ["continue", "reject", "redirect"]
    case .participant: ["continue", "reject"]
    case .location: []
    }
  }
}

/// The output of a script, read: one JSON object with `action` and `result`.
public struct ScriptAnswer: Hashable, Sendable {
  public enum Action: String, Hashable, Sendable { case `continue`, reject, redirect }

  /// `continue` when the script says none; always so for a location.
  public var action: Action
  /// The members of `result`, with their places in the output; nil when it is missing or null: nothing is changed then.
  public var result: JSONObject?

  /// - Parameter limits: Of the JSON text.
  /// - Throws: What is wrong with the output, and where in it. The script then counts as not applied.
  public static func read(
    _ output: String, of script: String, kind: ScriptKind, limits: JSONReader.Limits = JSONReader.Limits()
  ) throws(ScriptDiagnostic) -> ScriptAnswer {
    let source = ScriptSource(output, name: "output of \(script)")
    func problem(
      _ message: String, at: Int, found: String? = nil, expected: String? = nil, suggestion: String? = nil
    ) -> ScriptDiagnostic {
      source.diagnostic(
        .error, "bad-answer", message, at: at, found: found, expected: expected, suggestion: suggestion)
    }
    let node: JSONNode
    do throws(JSONError) {
      node = try JSONReader.read(source.bytes, limits: limits)
    } catch {
      throw source.diagnostic(
        .error, "bad-json", "the output is no JSON: \(error.reason)", at: error.offset,
        suggestion: suggestion(at: error.offset, in: source))
    }
    guard case .object(let object) = node.value else {
      throw problem(
        "the output is no JSON object", at: node.offset, found: node.value.kind, expected: "an object")
    }
    var answer = ScriptAnswer(action: .continue, result: nil)
    if kind != .location, let node = object["action"], node.value != .null {
      guard case .string(let text) = node.value else {
        throw problem("the action is no text", at: node.offset, found: node.value.kind)
      }
      guard kind.actions.contains(text), let action = Action(rawValue: text) else {
        throw problem(
          "unknown action “\(text)”", at: node.offset,
          expected: kind.actions.sorted().map { "“\($0)”" }.joined(separator: " or "),
          suggestion: nearestName(to: text, in: kind.actions).map { "did you mean “\($0)”?" })
      }
      answer.action = action
    }
    if let node = object["result"], node.value != .null {
      guard case .object(let result) = node.value else {
        throw problem("the result is no object", at: node.offset, found: node.value.kind)
      }
      answer.result = result
    }
    if kind == .location, answer.result == nil { throw problem("the result is missing", at: node.offset) }
    return answer
  }

  /// What scripts write when they forget `|pex_to_json`.
  private static func suggestion(at offset: Int, in source: ScriptSource) -> String? {
    for word in ["None", "True", "False", "'"] as [StaticString] where source.starts(with: word, at: offset) {
      return "write values with |pex_to_json"
    }
    return nil
  }
}
