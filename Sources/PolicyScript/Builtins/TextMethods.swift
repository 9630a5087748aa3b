/// Methods of texts.
enum TextMethods {
  private static let nothing = Signature()
  private static let characters = Signature("chars?")
  private static let separated = Signature("sep?", "maxsplit?")
  private static let replacing = Signature("old", "new", "count?")
  private static let searching = Signature("sub", "start?", "end?")
  private static let joining = Signature("iterable")

  /// Nil when there is no such method.
  static func call(_ name: String, _ text: Text, _ arguments: Arguments, _ run: Run) throws(Fault) -> Value? {
    try run.charge(bytes: text.bytes.count)
    switch name {
    case "lower", "upper", "title":
      _ = try nothing.bind(arguments, to: name)
      return .string(name == "lower" ? text.lowercased : name == "upper" ? text.uppercased : text.titlecased)
    case "isdigit":
      _ = try nothing.bind(arguments, to: name)
      return .boolean(
        !text.isEmpty
          && text.scalars.allSatisfy {
            $0.properties.numericType == .decimal || $0.properties.numericType == .digit
          })
    case "strip", "lstrip", "rstrip":
      let bound = try characters.bind(arguments, to: name)
      return .string(try strip(text, bound[0], leading: name != "rstrip", trailing: name != "lstrip"))
    case "split":
      let bound = try separated.bind(arguments, to: name)
      return try run.list(split(text, bound[0], bound[1], run).map { .string($0) })
    case "replace":
      let bound = try replacing.bind(arguments, to: name)
      return .string(
        try replace(
          text, (bound[0] ?? .none).requireText("the text to replace"),
          (bound[1] ?? .none).requireText("the new text"),
          bound[2]?.requireInteger("the count") ?? -1, run))
    case "startswith", "endswith":
      return .boolean(
        try hasAffix(text, try searching.bind(arguments, to: name), atStart: name == "startswith"))
    case "find", "index", "count":
      let bound = try searching.bind(arguments, to: name)
      let part = try (bound[0] ?? .none).requireText("the text to look for")
      guard let (start, end) = try range(text, bound[1], bound[2]) else {
        if name == "index" { throw Fault(.value, "the text “\(part.string)” was not found") }
        return .integer(name == "count" ? 0 : -1)
      }
      if name == "count" { return .integer(count(part, in: text, start, end)) }
      if let found = text.find(part, from: start, to: end) { return .integer(text.index(ofOffset: found)) }
      if name == "index" { throw Fault(.value, "the text “\(part.string)” was not found") }
      return .integer(-1)
    case "join":
      let items = try run.items(of: try joining.bind(arguments, to: name)[0] ?? .none)
      var bytes: [UInt8] = []
      for (i, item) in items.enumerated() {
        if i > 0 { bytes += text.bytes }
        bytes += try item.requireText("what is joined").bytes
        try run.step()
        try run.check(bytes: bytes.count)
      }
      try run.charge(bytes: bytes.count)
      return .string(Text(bytes: bytes))
    case "format": return .string(try BraceFormat.apply(text, arguments, run))
    default: return nil
    }
  }

  static func strip(_ text: Text, _ characters: Value?, leading: Bool, trailing: Bool) throws(Fault) -> Text {
    switch characters {
    case nil, .none?: return text.trimmed(leading: leading, trailing: trailing) { $0.isPythonSpace }
    case let characters?:
      let set = Set(try characters.requireText("the characters to strip").scalars)
      return text.trimmed(leading: leading, trailing: trailing) { set.contains($0) }
    }
  }

  private static func split(_ text: Text, _ separator: Value?, _ limit: Value?, _ run: Run) throws(Fault)
    -> [Text]
  {
    let given = try limit?.requireInteger("maxsplit") ?? -1
    let limit = given < 0 ? Int.max : given
    guard let separator, case let value = separator else { return text.words(limit: limit) }
    if case .none = value { return text.words(limit: limit) }
    let part = try value.requireText("the separator")
    guard !part.isEmpty else { throw Fault(.value, "the separator is empty") }
    var parts: [Text] = []
    var start = 0
    while parts.count < limit, let found = text.find(part, from: start, to: text.bytes.count) {
      parts.append(Text(bytes: text.bytes[start..<found]))
      start = found + part.bytes.count
      try run.step()
    }
    parts.append(Text(bytes: text.bytes[start...]))
    return parts
  }

  /// - Parameter count: Negative: all of them.
  static func replace(_ text: Text, _ old: Text, _ new: Text, _ count: Int, _ run: Run) throws(Fault) -> Text
  {
    try run.charge(bytes: text.bytes.count)
    var remaining = count < 0 ? Int.max : count
    var result: [UInt8] = []
    if old.isEmpty {
      // Between all characters, and at both ends.
      for scalar in text.scalars {
        if remaining > 0 {
          result += new.bytes
          remaining -= 1
          try run.check(bytes: result.count)
        }
        result.append(scalar)
      }
      if remaining > 0 { result += new.bytes }
    } else {
      var start = 0
      while remaining > 0, let found = text.find(old, from: start, to: text.bytes.count) {
        result += text.bytes[start..<found]
        result += new.bytes
        start = found + old.bytes.count
        remaining -= 1
        try run.step()
        try run.check(bytes: result.count)
      }
      if start == 0 { return text }
      result += text.bytes[start...]
    }
    try run.check(bytes: result.count)
    try run.charge(bytes: result.count)
    return Text(bytes: result)
  }

  /// Offsets in bytes; nil when `start` lies behind `end` or the text.
  private static func range(_ text: Text, _ start: Value?, _ end: Value?) throws(Fault) -> (Int, Int)? {
    let count = text.count
    func bound(_ value: Value?, _ missing: Int) throws(Fault) -> Int {
      guard let value else { return missing }
      if case .none = value { return missing }
      let n = try value.requireInteger("a bound")
      return n < 0 ? max(0, max(n, -count) + count) : n
    }
    let low = try bound(start, 0)
    let high = min(try bound(end, count), count)
    guard low <= high else { return nil }
    return (text.offset(of: low), text.offset(of: high))
  }

  private static func hasAffix(_ text: Text, _ bound: [Value?], atStart: Bool) throws(Fault) -> Bool {
    let affixes: [Value]
    switch bound[0] {
    case .tuple(let tuple)?: affixes = tuple.items
    case let value?: affixes = [value]
    case nil: affixes = []
    }
    let range = try range(text, bound[1], bound[2])
    for affix in affixes {
      let affix = try affix.requireText(atStart ? "the beginning" : "the end")
      guard let (start, end) = range, affix.bytes.count <= end - start else { continue }
      let part = text.bytes[start..<end]
      if atStart ? part.starts(with: affix.bytes) : part.suffix(affix.bytes.count).elementsEqual(affix.bytes)
      {
        return true
      }
    }
    return false
  }

  private static func count(_ part: Text, in text: Text, _ start: Int, _ end: Int) -> Int {
    if part.isEmpty { return text.index(ofOffset: end) - text.index(ofOffset: start) + 1 }
    var count = 0
    var position = start
    while let found = text.find(part, from: position, to: end) {
      count += 1
      position = found + part.bytes.count
    }
    return count
  }
}
