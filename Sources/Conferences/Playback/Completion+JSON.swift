import JSONText

extension MediaPlayback.Settings.Completion {
  /// What is wrong with an `on_completion` text, for whoever wrote it.
  public struct Invalid: Error, Hashable, Sendable, CustomStringConvertible {
    public var description: String
  }

  /// Reads `on_completion`: `{"disconnect": true}`, or `{"transfer": {"conference": "<alias>", "role": "auto"}}` with the roles
  /// `auto`, `host` (or `chair`) and `guest`. Nothing, or `{}`: the caller stays.
  public init(json text: String) throws(Invalid) {
    if text.allSatisfy(\.isWhitespace) {
      self = .stay
      return
    }
    let node: JSONNode
    do {
      node = try JSONReader.read(text, limits: JSONReader.Limits(bytes: 4_096, depth: 4, values: 16))
    } catch {
      throw Invalid(description: error.description)
    }
    guard case .object(let object) = node.value else { throw Invalid(description: "an object is expected") }
    var completion = MediaPlayback.Settings.Completion.stay
    for member in object.lastMembers {
      let next: MediaPlayback.Settings.Completion
      switch (member.key, member.node.value) {
      case ("disconnect", .boolean(let disconnects)): next = disconnects ? .disconnect : .stay
      case ("transfer", .object(let transfer)): next = try .init(transfer: transfer)
      case ("disconnect", _): throw Invalid(description: "disconnect is true or false")
      case ("transfer", _): throw Invalid(description: "transfer is an object")
      default: throw Invalid(description: "disconnect and transfer are known, \(member.key) is not")
      }
      if next != .stay, completion != .stay { throw Invalid(description: "either disconnect or transfer") }
      if next != .stay { completion = next }
    }
    self = completion
  }

  private init(transfer: JSONObject) throws(Invalid) {
    guard case .string(let alias)? = transfer["conference"]?.value, !alias.isEmpty else {
      throw Invalid(description: "transfer needs the alias of a conference")
    }
    let role: Participant.Role?
    switch transfer["role"]?.value {
    case nil, .string("auto"): role = nil
    case .string("host"), .string("chair"): role = .chair
    case .string("guest"): role = .guest
    default: throw Invalid(description: "role is auto, host or guest")
    }
    self = .transfer(alias: alias, role: role)
  }
}
