import JSONText

/// `{"status": …, "action": …, "result": …}`: what every JSON answer is wrapped in. Other keys are allowed.
struct AnswerEnvelope {
  enum Action: Hashable {
    case `continue`, reject, redirect
    /// Missing, or a word we do not know.
    case other
  }

  var isSuccess: Bool
  var action: Action
  /// Nil when missing or null.
  var result: JSONNode?
  /// `ignore_local` of directory answers.
  var ignoreLocal: JSONNode?

  /// Nil, with a finding, when the text is no JSON object.
  init?(_ body: [UInt8], _ reader: inout FieldReader) {
    let root: JSONNode
    do throws(JSONError) {
      root = try JSONReader.read(body, limits: JSONReader.Limits(bytes: .max, depth: 32, values: 50_000))
    } catch {
      reader.note("", .notJSON(AnswerEnvelope.likeness(of: body) ?? error.description))
      return nil
    }
    guard let members = reader.members(root, "") else { return nil }
    switch members["status"]?.value {
    case .string("success")?: isSuccess = true
    case .string(let other)?:
      isSuccess = false
      reader.note("status", .statusIsNotSuccess(other), .note)
    case let other:
      isSuccess = false
      reader.note("status", .statusIsNotSuccess(other?.kind ?? "nothing"), .note)
    }
    switch members["action"]?.value {
    case .string("continue")?: action = .continue
    case .string("reject")?: action = .reject
    case .string("redirect")?: action = .redirect
    case nil, .null?: action = .other
    case .string(let other)?:
      action = .other
      reader.note("action", .unknownAction(other), .note)
    case let other?:
      action = .other
      reader.note("action", .unknownAction(other.kind), .note)
    }
    result = members["result"].flatMap { if case .null = $0.value { nil } else { $0 } }
    ignoreLocal = members["ignore_local"]
  }

  /// Nothing in it: `{}`, or no result at all.
  var isResultEmpty: Bool {
    guard let result else { return true }
    if case .object(let object) = result.value { return object.isEmpty }
    return false
  }

  /// What a body seems to be that is no JSON; nil when the position of the fault says more.
  private static func likeness(of body: [UInt8]) -> String? {
    switch (body.first, body.dropFirst().first) {
    case (0xff, 0xfe), (0xfe, 0xff), (0x7b, 0x00), (0x00, 0x7b), (0x00, 0x00):
      "it is in UTF-16 or UTF-32, not in UTF-8"
    case (0x1f, 0x8b): "it is compressed, which was not asked for"
    case (0x3c, _): "it is HTML or XML"
    default: nil
    }
  }
}
