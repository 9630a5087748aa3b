import JSONText

/// The fields of a command, from JSON or from a form. Lenient in what is read: a number or a boolean may stand as text.
struct CommandBody {
  struct Invalid: Error, Hashable {
    /// nil: the body as a whole.
    var field: String?
    var message: String
  }

  private var fields: [String: JSONValue] = [:]

  /// An empty body has no fields.
  init(_ request: ManagementRequest) throws(Invalid) {
    guard !request.body.isEmpty else { return }
    let isForm = request.contentType.lowercased().hasPrefix("application/x-www-form-urlencoded")
    if isForm {
      guard let text = String(validating: request.body, as: UTF8.self), let pairs = PercentCoding.pairs(text)
      else {
        throw Invalid(field: nil, message: "The form cannot be read.")
      }
      for (name, value) in pairs { fields[name] = .string(value) }
      return
    }
    let node: JSONNode
    do {
      node = try JSONReader.read(
        request.body, limits: JSONReader.Limits(bytes: ManagementRequest.maximumBody, depth: 8, values: 1_000)
      )
    } catch {
      throw Invalid(field: nil, message: "The body is not JSON: \(error)")
    }
    guard case .object(let object) = node.value else {
      throw Invalid(field: nil, message: "The body must be a JSON object.")
    }
    for member in object.lastMembers { fields[member.key] = member.node.value }
  }

  /// Text that has to be there.
  func required(_ name: String) throws(Invalid) -> String {
    guard let text = try text(name), !text.isEmpty else {
      throw Invalid(field: name, message: "This field is required.")
    }
    return text
  }

  /// nil: missing, or null.
  func text(_ name: String) throws(Invalid) -> String? {
    switch fields[name] {
    case nil, .null: return nil
    case .string(let text): return text
    case .integer(let number): return String(number)
    case .boolean(let flag): return flag ? "true" : "false"
    default: throw Invalid(field: name, message: "This must be text.")
    }
  }

  func flag(_ name: String) throws(Invalid) -> Bool {
    switch fields[name] {
    case nil, .null: return false
    case .boolean(let flag): return flag
    case .string(let text):
      switch text.lowercased() {
      case "true", "yes", "1", "on": return true
      case "false", "no", "0", "off", "": return false
      default: throw Invalid(field: name, message: "This must be true or false.")
      }
    default: throw Invalid(field: name, message: "This must be true or false.")
    }
  }

  /// One of the raw values of a type; nil: missing or empty.
  func choice<Choice: RawRepresentable & CaseIterable>(
    _ name: String, _: Choice.Type
  ) throws(Invalid) -> Choice? where Choice.RawValue == String {
    guard let text = try text(name), !text.isEmpty else { return nil }
    guard let choice = Choice(rawValue: text) else {
      let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw Invalid(field: name, message: "“\(text.prefix(100))” is not one of: \(known).")
    }
    return choice
  }
}
