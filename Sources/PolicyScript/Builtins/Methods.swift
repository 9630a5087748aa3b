/// The methods that scripts can call, and no others.
enum Methods {
  private static let text: Set<String> = [
    "startswith", "endswith", "lower", "upper", "strip", "lstrip", "rstrip", "split", "replace", "find",
    "join",
    "isdigit", "title", "format", "count", "index",
  ]
  private static let list: Set<String> = ["append", "extend", "index", "count"]
  private static let tuple: Set<String> = ["index", "count"]
  private static let dictionary: Set<String> = ["get", "keys", "values", "items", "update", "pop"]

  /// All of them, and those of `loop` and of times.
  static let names: Set<String> =
    text.union(list).union(dictionary).union([
      "cycle", "changed", "weekday", "isoweekday", "strftime", "isoformat",
    ])

  static func names(of value: Value) -> Set<String> {
    switch value {
    case .string: text
    case .list: list
    case .tuple, .range: tuple
    case .dictionary: dictionary
    default: []
    }
  }

  static func has(_ name: String, _ value: Value) -> Bool { names(of: value).contains(name) }

  /// Nil when there is no such method.
  static func call(_ name: String, _ value: Value, _ arguments: Arguments, _ run: Run) throws(Fault) -> Value?
  {
    switch value {
    case .string(let text): try TextMethods.call(name, text, arguments, run)
    case .list(let list): try call(name, list, arguments, run)
    case .tuple, .range:
      switch name {
      case "index": .integer(try index(try run.items(of: value), arguments, run))
      case "count": .integer(try count(try run.items(of: value), arguments, run))
      default: nil
      }
    case .dictionary(let dictionary): try call(name, dictionary, arguments, run)
    default: nil
    }
  }

  // MARK: Lists

  private static let oneValue = Signature("value")
  private static let indexSignature = Signature("value", "start?", "stop?")

  private static func call(
    _ name: String, _ list: ListStorage, _ arguments: Arguments, _ run: Run
  ) throws(Fault) -> Value? {
    switch name {
    case "append":
      let bound = try oneValue.bind(arguments, to: name)
      try requireWritable(list.isReadOnly)
      try run.check(count: list.items.count + 1)
      list.items.append(bound[0] ?? .none)
      return Value.none
    case "extend":
      let bound = try oneValue.bind(arguments, to: name)
      try requireWritable(list.isReadOnly)
      let items = try run.items(of: bound[0] ?? .none)
      try run.check(count: list.items.count + items.count)
      try run.charge(items.count)
      list.items += items
      return Value.none
    case "index": return .integer(try index(list.items, arguments, run))
    case "count": return .integer(try count(list.items, arguments, run))
    default: return nil
    }
  }

  private static func requireWritable(_ isReadOnly: Bool) throws(Fault) {
    if isReadOnly {
      throw Fault(
        .readOnly, "this cannot be changed: it is what was given to the script",
        "make a changed copy with |pex_update")
    }
  }

  private static func index(_ items: [Value], _ arguments: Arguments, _ run: Run) throws(Fault) -> Int {
    let bound = try indexSignature.bind(arguments, to: "index")
    let value = bound[0] ?? .none
    func bounded(_ value: Value?, _ missing: Int) throws(Fault) -> Int {
      guard let n = try value?.requireInteger("a bound") else { return missing }
      return n < 0 ? max(0, max(n, -items.count) + items.count) : min(n, items.count)
    }
    let start = try bounded(bound[1], 0)
    let stop = try bounded(bound[2], items.count)
    for i in start..<max(start, stop) {
      try run.step()
      if try run.isEqual(items[i], value) { return i }
    }
    throw Fault(.value, "\(value.described) is not in the list")
  }

  private static func count(_ items: [Value], _ arguments: Arguments, _ run: Run) throws(Fault) -> Int {
    let value = try oneValue.bind(arguments, to: "count")[0] ?? .none
    var count = 0
    for item in items {
      try run.step()
      if try run.isEqual(item, value) { count += 1 }
    }
    return count
  }

  // MARK: Dictionaries

  private static let nothing = Signature()
  private static let keyAndDefault = Signature("key", "default?")
  private static let updateSignature = Signature("values?", isVariadic: true)

  private static func call(
    _ name: String, _ dictionary: DictionaryStorage, _ arguments: Arguments, _ run: Run
  ) throws(Fault) -> Value? {
    switch name {
    case "get":
      let bound = try keyAndDefault.bind(arguments, to: name)
      return dictionary[try (bound[0] ?? .none).hashKey(run)] ?? bound[1] ?? Value.none
    case "keys", "values", "items":
      _ = try nothing.bind(arguments, to: name)
      return .view(dictionary, name == "keys" ? .keys : name == "values" ? .values : .items)
    case "update":
      guard arguments.positional.count <= 1 else { throw Fault(.type, "“update” takes at most 1 argument") }
      try requireWritable(dictionary.isReadOnly)
      if let values = arguments.positional.first { try update(dictionary, with: values, run) }
      for (name, value) in arguments.keywords { try run.set(.text(name), to: value, in: dictionary) }
      return Value.none
    case "pop":
      let bound = try keyAndDefault.bind(arguments, to: name)
      try requireWritable(dictionary.isReadOnly)
      let key = bound[0] ?? .none
      try run.charge(dictionary.count)
      if let value = dictionary.remove(try key.hashKey(run)) ?? bound[1] { return value }
      throw Fault(.value, "the dict has no key \(key.described)")
    default: return nil
    }
  }

  /// Takes over the entries of another dictionary, or of pairs.
  static func update(
    _ dictionary: DictionaryStorage, with values: Value, _ run: Run
  ) throws(Fault) {
    if case .dictionary(let other) = values {
      try run.charge(other.count)
      for entry in other.entries {
        try run.check(count: dictionary.count + 1)
        dictionary.set(entry.key, hash: entry.hash, to: entry.value)
      }
      return
    }
    for pair in try run.items(of: values) {
      try run.step()
      let parts = try run.items(of: pair)
      guard parts.count == 2 else { throw Fault(.value, "a dict is made of pairs, found \(pair.described)") }
      try run.set(parts[0], to: parts[1], in: dictionary)
    }
  }
}
