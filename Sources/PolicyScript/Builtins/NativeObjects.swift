/// What `namespace()` makes: variables that loops can change.
final class Namespace: NativeObject {
  let values: DictionaryStorage

  init(_ values: DictionaryStorage) { self.values = values }

  override var typeName: String { "Namespace" }

  override func attribute(_ name: String, _ run: Run) throws(Fault) -> Value? { values[Text(name)] }
}

/// A method taken as a value: `{% set f = s.lower %}`.
final class BoundMethod: NativeObject {
  private(set) var receiver: Value
  let name: String

  init(_ receiver: Value, _ name: String) {
    self.receiver = receiver
    self.name = name
  }

  override var typeName: String { "method" }
  override var text: String { "<method \(name) of \(receiver.typeName)>" }
  override func dismantle() { receiver = .none }
}

/// What a loop goes through, after its condition.
final class LoopSource {
  let value: Value
  private var iterator: ValueIterator
  private let condition: ((Run, Value) throws(Fault) -> Bool)?

  init(_ value: Value, _ iterator: ValueIterator, _ condition: ((Run, Value) throws(Fault) -> Bool)?) {
    self.value = value
    self.iterator = iterator
    self.condition = condition
  }

  var hasCondition: Bool { condition != nil }

  func next(_ run: Run) throws(Fault) -> Value? {
    while let item = try iterator.next(run) {
      guard let condition else { return item }
      try run.step()
      if try condition(run, item) { return item }
    }
    return nil
  }
}

/// The variable `loop`. Looks ahead only when asked for what needs it.
final class LoopObject: NativeObject {
  private let source: LoopSource
  private var position = -1
  private var previous: Value?
  private var current: Value?
  private var ahead: [Value] = []
  private var length: Int?
  private var changed: [Value]?

  init(_ source: LoopSource) { self.source = source }

  override var typeName: String { "LoopContext" }

  override func dismantle() {
    previous = nil
    current = nil
    ahead = []
    changed = nil
  }

  func next(_ run: Run) throws(Fault) -> Value? {
    let item: Value?
    if ahead.isEmpty { item = try source.next(run) } else { item = ahead.removeFirst() }
    guard let item else { return nil }
    position += 1
    previous = current
    current = item
    return item
  }

  private func peek(_ run: Run) throws(Fault) -> Value? {
    if ahead.isEmpty, let item = try source.next(run) { ahead.append(item) }
    return ahead.first
  }

  private func length(_ run: Run) throws(Fault) -> Int {
    if let length { return length }
    if !source.hasCondition, let count = run.length(of: source.value) {
      length = count
      return count
    }
    while let item = try source.next(run) {
      try run.step()
      try run.check(count: ahead.count + 1)
      ahead.append(item)
    }
    let count = position + 1 + ahead.count
    length = count
    return count
  }

  override func attribute(_ name: String, _ run: Run) throws(Fault) -> Value? {
    switch name {
    case "index": return .integer(position + 1)
    case "index0": return .integer(position)
    case "revindex": return .integer(try length(run) - position)
    case "revindex0": return .integer(try length(run) - position - 1)
    case "first": return .boolean(position == 0)
    case "last": return .boolean(try peek(run) == nil)
    case "length": return .integer(try length(run))
    case "depth": return .integer(1)
    case "depth0": return .integer(0)
    case "previtem": return previous ?? .undefined(.other("the first pass has no previous item"))
    case "nextitem": return try peek(run) ?? .undefined(.other("the last pass has no next item"))
    default: return nil
    }
  }

  override func call(_ method: String, _ arguments: Arguments, _ run: Run) throws(Fault) -> Value? {
    switch method {
    case "cycle":
      guard !arguments.positional.isEmpty else { throw Fault(.type, "“cycle” needs items") }
      return arguments.positional[position % arguments.positional.count]
    case "changed":
      let new = arguments.positional
      defer { changed = new }
      guard let old = changed, old.count == new.count else { return .boolean(true) }
      for (a, b) in zip(old, new) where try !run.isEqual(a, b) { return .boolean(true) }
      return .boolean(false)
    default: return nil
    }
  }
}
