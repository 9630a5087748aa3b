/// A Python `dict`: keeps the order of insertion.
final class DictionaryStorage: Container {
  struct Entry {
    let hash: Key
    let key: Value
    var value: Value
  }

  /// A key by what Python holds equal: `1`, `1.0` and `True` are one.
  enum Key: Hashable {
    case none
    case integer(Int)
    case bigInteger(BigInteger)
    case float(Double)
    case string(Text)
    case tuple([Key])
    case range(Int, Int, Int)
    case undefined
    case object(ObjectIdentifier)
  }

  private(set) var entries: [Entry] = []
  /// Positions by key, only for more than a few entries: below that a scan is quicker than hashing.
  private var positions: [Key: Int] = [:]
  private static let scanned = 8
  var isReadOnly = false

  fileprivate override init() {}

  override func dismantle() {
    entries = []
    positions = [:]
  }

  var count: Int { entries.count }

  private func position(of key: Key) -> Int? {
    if entries.count > DictionaryStorage.scanned { return positions[key] }
    return entries.firstIndex { $0.hash == key }
  }

  subscript(key: Key) -> Value? { position(of: key).map { entries[$0].value } }

  subscript(name: Text) -> Value? {
    if entries.count <= DictionaryStorage.scanned {
      for entry in entries {
        if case .string(let text) = entry.hash, text == name { return entry.value }
      }
      return nil
    }
    return self[.string(name)]
  }

  /// The first key given stays, as in Python.
  func set(_ key: Value, hash: Key, to value: Value) {
    if let position = position(of: hash) {
      entries[position].value = value
      return
    }
    entries.append(Entry(hash: hash, key: key, value: value))
    if entries.count > DictionaryStorage.scanned {
      if positions.isEmpty { indexAll() } else { positions[hash] = entries.count - 1 }
    }
  }

  func remove(_ key: Key) -> Value? {
    guard let position = position(of: key) else { return nil }
    let value = entries.remove(at: position).value
    positions = [:]
    if entries.count > DictionaryStorage.scanned { indexAll() }
    return value
  }

  private func indexAll() {
    for (i, entry) in entries.enumerated() { positions[entry.hash] = i }
  }
}

extension Run {
  func makeDictionary() -> DictionaryStorage {
    let storage = DictionaryStorage()
    own(storage)
    return storage
  }

  func copy(_ dictionary: DictionaryStorage) throws(Fault) -> DictionaryStorage {
    let copy = makeDictionary()
    try charge(dictionary.count)
    for entry in dictionary.entries { copy.set(entry.key, hash: entry.hash, to: entry.value) }
    return copy
  }

  func set(_ key: Value, to value: Value, in dictionary: DictionaryStorage) throws(Fault) {
    let hash = try key.hashKey(self)
    try check(count: dictionary.count + 1)
    dictionary.set(key, hash: hash, to: value)
  }
}

extension Value {
  /// - Throws: For what Python calls unhashable: lists and dictionaries.
  func hashKey(_ run: Run, depth: Int = 0) throws(Fault) -> DictionaryStorage.Key {
    switch self {
    case .none: return .none
    case .boolean(let value): return .integer(value ? 1 : 0)
    case .integer(let value): return .integer(value)
    case .bigInteger(let value): return .bigInteger(value)
    case .float(let value):
      if let integer = Int(exactly: value) { return .integer(integer) }
      return .float(value)
    case .string(let text): return .string(text)
    case .tuple(let tuple):
      guard depth < ScriptLimits.valueDepth else { throw .tooDeep }
      var keys: [DictionaryStorage.Key] = []
      for item in tuple.items {
        try run.step()
        keys.append(try item.hashKey(run, depth: depth + 1))
      }
      return .tuple(keys)
    case .range(let range): return .range(range.start, range.stop, range.step)
    case .undefined: return .undefined
    case .function(let function): return .object(ObjectIdentifier(function))
    case .object(let object): return .object(ObjectIdentifier(object))
    case .list, .dictionary, .view:
      throw Fault(.type, "a \(typeName) cannot be a key")
    }
  }
}
