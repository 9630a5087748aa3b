/// What an expression evaluates to: a Python object of the kinds that policy scripts know.
///
/// Lists and dictionaries are references, as in Python: `{{ l.append(1) or "" }}` changes the list that other names hold too.
enum Value {
  case undefined(Undefined)
  case none
  case boolean(Bool)
  case integer(Int)
  /// Never one that fits ``integer(_:)``.
  case bigInteger(BigInteger)
  case float(Double)
  case string(Text)
  case list(ListStorage)
  case tuple(TupleStorage)
  case dictionary(DictionaryStorage)
  case view(DictionaryStorage, DictionaryView)
  case range(RangeValue)
  case function(Function)
  case object(NativeObject)
}

/// What was looked for and is not there: prints as nothing, and any other use of it is an error that says what was missing.
final class Undefined: Sendable {
  enum Reason: Sendable {
    case variable(String)
    case attribute(String, typeName: String)
    case element(String, typeName: String)
    /// An inline `if` without `else`, the first of nothing.
    case other(String)
  }

  let reason: Reason
  init(_ reason: Reason) { self.reason = reason }

  var message: String {
    switch reason {
    case .variable(let name): "“\(name)” is undefined"
    case .attribute(let name, let type): "\(type) has no attribute “\(name)”"
    case .element(let index, let type): "\(type) has no element \(index)"
    case .other(let message): message
    }
  }
}

/// Anything that can hold values. The run that made it takes it apart at its end: scripts can make circles and chains of any
/// length, which reference counting alone would leak, or free by recursion.
class Container {
  func dismantle() {}
}

final class ListStorage: Container {
  var items: [Value]
  /// Request facts: a script may read them only.
  var isReadOnly = false

  fileprivate init(_ items: [Value]) { self.items = items }
  override func dismantle() { items = [] }
}

final class TupleStorage: Container {
  private(set) var items: [Value]
  fileprivate init(_ items: [Value]) { self.items = items }
  override func dismantle() { items = [] }
}

enum DictionaryView { case keys, values, items }

/// Python's `range`: `start`, `start + step`, ... before `stop`.
final class RangeValue: Sendable {
  let start: Int
  let stop: Int
  let step: Int
  let count: Int

  /// Nil when the span is beyond what an `Int` holds. `step` is not zero.
  init?(start: Int, stop: Int, step: Int) {
    self.start = start
    self.stop = stop
    self.step = step
    let (span, overflow) =
      step > 0 ? stop.subtractingReportingOverflow(start) : start.subtractingReportingOverflow(stop)
    if overflow || step == .min { return nil }
    count = span <= 0 ? 0 : (span - 1) / abs(step) + 1
  }

  subscript(index: Int) -> Int { start + index * step }
}

/// A value with attributes or methods of its own: `loop`, a namespace, a time.
class NativeObject: Container {
  var typeName: String { "object" }
  func attribute(_ name: String, _ run: Run) throws(Fault) -> Value? { nil }
  func call(_ method: String, _ arguments: Arguments, _ run: Run) throws(Fault) -> Value? { nil }
  var text: String { "<\(typeName)>" }
}

/// A function or filter of the script language.
final class Function: Sendable {
  let name: String
  let signature: Signature
  let body: @Sendable ([Value?], Arguments, Run) throws(Fault) -> Value

  init(
    _ name: String, _ signature: Signature,
    _ body: @escaping @Sendable ([Value?], Arguments, Run) throws(Fault) -> Value
  ) {
    self.name = name
    self.signature = signature
    self.body = body
  }

  func call(_ arguments: Arguments, _ run: Run) throws(Fault) -> Value {
    try body(try signature.bind(arguments, to: name), arguments, run)
  }
}

extension Run {
  func list(_ items: [Value]) throws(Fault) -> Value { .list(try makeList(items)) }

  func makeList(_ items: [Value]) throws(Fault) -> ListStorage {
    try check(count: items.count)
    let storage = ListStorage(items)
    own(storage)
    return storage
  }

  func tuple(_ items: [Value]) throws(Fault) -> Value {
    try check(count: items.count)
    let storage = TupleStorage(items)
    own(storage)
    return .tuple(storage)
  }
}

extension Value {
  static func text(_ string: String) -> Value { .string(Text(string)) }
  static func undefined(_ reason: Undefined.Reason) -> Value { .undefined(Undefined(reason)) }

  /// The smallest form.
  init(_ value: BigInteger) {
    if let small = value.asInt { self = .integer(small) } else { self = .bigInteger(value) }
  }

  var isUndefined: Bool { if case .undefined = self { true } else { false } }

  /// As Python calls it.
  var typeName: String {
    switch self {
    case .undefined: "undefined"
    case .none: "None"
    case .boolean: "bool"
    case .integer, .bigInteger: "int"
    case .float: "float"
    case .string: "str"
    case .list: "list"
    case .tuple: "tuple"
    case .dictionary: "dict"
    case .view(_, .keys): "dict_keys"
    case .view(_, .values): "dict_values"
    case .view(_, .items): "dict_items"
    case .range: "range"
    case .function: "function"
    case .object(let object): object.typeName
    }
  }

  /// Python's truth value.
  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .boolean(let value): value
    case .integer(let value): value != 0
    case .bigInteger: true
    case .float(let value): value != 0
    case .string(let text): !text.isEmpty
    case .list(let list): !list.items.isEmpty
    case .tuple(let tuple): !tuple.items.isEmpty
    case .dictionary(let dictionary), .view(let dictionary, _): dictionary.count > 0
    case .range(let range): range.count > 0
    case .function, .object: true
    }
  }

  /// A short description of a wrong value for a message: `str “abc”`, `None`.
  var described: String {
    switch self {
    case .undefined(let undefined): "an undefined value (\(undefined.message))"
    case .none: "None"
    case .boolean(let value): value ? "True" : "False"
    case .integer(let value): "int \(value)"
    case .float(let value): "float \(FloatText.repr(value))"
    case .string(let text):
      text.count <= 40 ? "str “\(text.string)”" : "str “\(text[0..<37].string)...”"
    default: "a \(typeName)"
    }
  }
}
