import CallModel

/// Where something stands in the files of a policy.
struct SourcePosition: Hashable, Sendable {
  /// Index of the file.
  var file: Int
  /// From 1.
  var line: Int
  /// From 1, in characters.
  var column: Int
}

/// A value that has the type its schema asks for.
struct CheckedValue: Sendable {
  enum Content: Sendable {
    case text(String)
    case boolean(Bool)
    case integer(Int)
    case number(Double)
    case duration(TimeSpan)
    case bandwidth(Bandwidth)
    case address(IPAddress)
    case network(IPNetwork)
    case socketAddress(TransportAddress)
    case portRange(ClosedRange<UInt16>)
    case quota(Quota)
    case secret(Secret)
    /// A text file, read.
    case file(path: String, text: String)
    case list([CheckedValue])
    case object(CheckedObject)
    /// The word that stands for "none".
    case none
    /// Wrong, and reported; what depends on it is not reported again.
    case invalid
  }

  var position: SourcePosition
  var content: Content
}

/// A mapping whose keys its schema knows.
struct CheckedObject: Sendable {
  var schema: ObjectSchema
  var position: SourcePosition
  var fields: [String: CheckedValue] = [:]
  /// Keys as they stand, for what is said about a key.
  var keyPositions: [String: SourcePosition] = [:]
  /// Keys that its schema does not know were reported.
  var hasUnknownKeys = false

  private func content(_ key: String) -> CheckedValue.Content? {
    precondition(schema.field(key) != nil, "\(schema.name) has no key \(key)")
    return fields[key]?.content
  }

  func has(_ key: String) -> Bool { content(key) != nil }

  /// True when the key was given as the word for "none".
  func isNone(_ key: String) -> Bool { if case .none? = content(key) { true } else { false } }

  func text(_ key: String) -> String? { if case .text(let value)? = content(key) { value } else { nil } }
  func boolean(_ key: String) -> Bool? { if case .boolean(let value)? = content(key) { value } else { nil } }
  func integer(_ key: String) -> Int? { if case .integer(let value)? = content(key) { value } else { nil } }
  func number(_ key: String) -> Double? { if case .number(let value)? = content(key) { value } else { nil } }
  func duration(_ key: String) -> TimeSpan? {
    if case .duration(let value)? = content(key) { value } else { nil }
  }
  func bandwidth(_ key: String) -> Bandwidth? {
    if case .bandwidth(let value)? = content(key) { value } else { nil }
  }
  func address(_ key: String) -> IPAddress? {
    if case .address(let value)? = content(key) { value } else { nil }
  }
  func socketAddress(_ key: String) -> TransportAddress? {
    if case .socketAddress(let value)? = content(key) { value } else { nil }
  }
  func portRange(_ key: String) -> ClosedRange<UInt16>? {
    if case .portRange(let value)? = content(key) { value } else { nil }
  }
  func quota(_ key: String) -> Quota? { if case .quota(let value)? = content(key) { value } else { nil } }
  func secret(_ key: String) -> Secret? { if case .secret(let value)? = content(key) { value } else { nil } }
  func file(_ key: String) -> (path: String, text: String)? {
    if case .file(let path, let text)? = content(key) { (path, text) } else { nil }
  }
  func object(_ key: String) -> CheckedObject? {
    if case .object(let value)? = content(key) { value } else { nil }
  }
  func list(_ key: String) -> [CheckedValue]? {
    if case .list(let values)? = content(key) { values } else { nil }
  }
  func texts(_ key: String) -> [String]? {
    list(key)?.compactMap { if case .text(let text) = $0.content { text } else { nil } }
  }
  func socketAddresses(_ key: String) -> [TransportAddress]? {
    list(key)?.compactMap { if case .socketAddress(let address) = $0.content { address } else { nil } }
  }
  func addresses(_ key: String) -> [IPAddress]? {
    list(key)?.compactMap { if case .address(let address) = $0.content { address } else { nil } }
  }
  func networks(_ key: String) -> [IPNetwork]? {
    list(key)?.compactMap { if case .network(let network) = $0.content { network } else { nil } }
  }

  /// The value at a path below this object, or the nearest thing above it that exists; `isExact` tells which.
  func position(of steps: ArraySlice<PolicyPath.Step>) -> (
    position: SourcePosition, isExact: Bool, isValid: Bool
  ) {
    guard case .key(let key)? = steps.first else { return (position, true, true) }
    guard let value = fields[key] else { return (keyPositions[key] ?? position, false, true) }
    return CheckedObject.position(of: steps.dropFirst(), in: value)
  }

  private static func position(of steps: ArraySlice<PolicyPath.Step>, in value: CheckedValue)
    -> (position: SourcePosition, isExact: Bool, isValid: Bool)
  {
    switch (value.content, steps.first) {
    case (.invalid, _): return (value.position, steps.isEmpty, false)
    case (.object(let object), nil):
      // What is said of a pattern is said of its text.
      guard object.schema.name == PolicySchema.ruleMatch.name else { return (value.position, true, true) }
      // Parts that are wrong are reported; what follows from their absence is not.
      let isWhole =
        !object.hasUnknownKeys
        && object.fields.values.allSatisfy { if case .invalid = $0.content { false } else { true } }
      guard let regex = object.fields["regex"] else { return (value.position, true, isWhole) }
      return position(of: steps, in: regex)
    case (.object(let object), .key?): return object.position(of: steps)
    case (.list(let items), .index(let i)?) where i < items.count:
      return position(of: steps.dropFirst(), in: items[i])
    default: return (value.position, steps.isEmpty, true)
    }
  }
}
