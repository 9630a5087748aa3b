import JSONText

/// A value that goes into a script or comes out as its result: what JSON can say.
public enum ScriptValue: Hashable, Sendable {
  case null
  case boolean(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case list([ScriptValue])
  case object(ScriptObject)
}

/// A JSON object that keeps the order of its keys. Two with the same members in another order are equal.
public struct ScriptObject: Sendable {
  private var members: [(key: String, value: ScriptValue)] = []
  private var positions: [String: Int] = [:]

  public init() {}

  /// Of two equal keys the last one counts.
  public init(_ members: some Sequence<(key: String, value: ScriptValue)>) {
    for (key, value) in members { self[key] = value }
  }

  public var count: Int { members.count }
  public var isEmpty: Bool { members.isEmpty }
  public var keys: [String] { members.map(\.key) }

  public subscript(key: String) -> ScriptValue? {
    get { positions[key].map { members[$0].value } }
    set {
      switch (positions[key], newValue) {
      case (let position?, let value?): members[position].value = value
      case (nil, let value?):
        positions[key] = members.count
        members.append((key, value))
      case (let position?, nil):
        members.remove(at: position)
        positions = [:]
        for (i, member) in members.enumerated() { positions[member.key] = i }
      case (nil, nil): break
      }
    }
  }
}

extension ScriptObject: Sequence {
  public func makeIterator() -> IndexingIterator<[(key: String, value: ScriptValue)]> {
    members.makeIterator()
  }
}

extension ScriptObject: Hashable {
  public static func == (a: ScriptObject, b: ScriptObject) -> Bool {
    a.count == b.count && a.members.allSatisfy { b[$0.key] == $0.value }
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(members.count)
    var sum = 0
    for member in members {
      var one = hasher
      one.combine(member.key)
      one.combine(member.value)
      sum ^= one.finalize()
    }
    hasher.combine(sum)
  }
}

extension ScriptObject: ExpressibleByDictionaryLiteral {
  public init(dictionaryLiteral elements: (String, ScriptValue)...) {
    for (key, value) in elements { self[key] = value }
  }
}

extension ScriptValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral,
  ExpressibleByNilLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(booleanLiteral value: Bool) { self = .boolean(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(arrayLiteral elements: ScriptValue...) { self = .list(elements) }
  public init(dictionaryLiteral elements: (String, ScriptValue)...) {
    var object = ScriptObject()
    for (key, value) in elements { object[key] = value }
    self = .object(object)
  }
  public init(nilLiteral: ()) { self = .null }
}

/// The variables that a script is given.
public struct ScriptContext: Sendable {
  struct Variable: Sendable {
    var value: ScriptValue
    var isReadOnly: Bool
  }

  private(set) var variables: [String: Variable] = [:]

  public init() {}

  public init(_ values: [String: ScriptValue], readOnly: Set<String> = []) {
    for (name, value) in values { set(name, to: value, isReadOnly: readOnly.contains(name)) }
  }

  /// - Parameter isReadOnly: Then `update`, `append` and the like on it, or on what is in it, are errors.
  public mutating func set(_ name: String, to value: ScriptValue, isReadOnly: Bool = false) {
    variables[name] = Variable(value: value, isReadOnly: isReadOnly)
  }
}

extension ScriptValue {
  /// The value of a JSON text, such as the input of a script that is tried out. Of repeated keys the last one counts.
  public init(_ json: JSONValue) {
    switch json {
    case .null: self = .null
    case .boolean(let value): self = .boolean(value)
    case .integer(let value): self = .integer(Int(value))
    case .number(let value): self = .number(value)
    case .string(let value): self = .string(value)
    case .array(let nodes): self = .list(nodes.map { ScriptValue($0.value) })
    case .object(let object):
      self = .object(ScriptObject(object.members.map { (key: $0.key, value: ScriptValue($0.node.value)) }))
    }
  }
}
