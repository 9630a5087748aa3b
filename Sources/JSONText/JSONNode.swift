/// One value of a JSON text, and where it stands.
public struct JSONNode: Hashable, Sendable {
  public var value: JSONValue
  /// Bytes of the text before it.
  public var offset: Int

  public init(_ value: JSONValue, offset: Int = 0) {
    self.value = value
    self.offset = offset
  }
}

/// RFC 8259 §3. Integers are kept apart from other numbers where they fit, so that no digit of them is lost.
public indirect enum JSONValue: Hashable, Sendable {
  case null
  case boolean(Bool)
  /// Written without fraction and exponent, and within 64 bits.
  case integer(Int64)
  /// Any other number; always finite.
  case number(Double)
  case string(String)
  case array([JSONNode])
  case object(JSONObject)

  /// What kind of value it is, in the words of messages.
  public var kind: String {
    switch self {
    case .null: "null"
    case .boolean: "a boolean"
    case .integer, .number: "a number"
    case .string: "a string"
    case .array: "a list"
    case .object: "an object"
    }
  }
}

/// The members of an object in the order of the text, repeated keys included.
public struct JSONObject: Hashable, Sendable {
  public struct Member: Hashable, Sendable {
    public var key: String
    /// Bytes of the text before the key.
    public var offset: Int
    public var node: JSONNode

    public init(key: String, offset: Int = 0, node: JSONNode) {
      self.key = key
      self.offset = offset
      self.node = node
    }
  }

  public var members: [Member]

  public init(_ members: [Member] = []) { self.members = members }

  public var isEmpty: Bool { members.isEmpty }

  /// The value of `key`; of a repeated key the last one, as most readers have it.
  public subscript(key: String) -> JSONNode? { members.last { $0.key == key }?.node }

  /// Each key once, at its last place, in the order of the text.
  public var lastMembers: [Member] {
    var seen: Set<String> = []
    return members.reversed().filter { seen.insert($0.key).inserted }.reversed()
  }
}
