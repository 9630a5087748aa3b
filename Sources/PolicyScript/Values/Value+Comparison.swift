/// A number as Python's arithmetic promotes it: truth values are integers.
enum Number {
  case integer(Int)
  case big(BigInteger)
  case float(Double)

  init?(_ value: Value) {
    switch value {
    case .boolean(let value): self = .integer(value ? 1 : 0)
    case .integer(let value): self = .integer(value)
    case .bigInteger(let value): self = .big(value)
    case .float(let value): self = .float(value)
    default: return nil
    }
  }

  var asBig: BigInteger? {
    switch self {
    case .integer(let value): BigInteger(value)
    case .big(let value): value
    case .float: nil
    }
  }

  var asDouble: Double {
    switch self {
    case .integer(let value): Double(value)
    case .big(let value): value.asDouble
    case .float(let value): value
    }
  }

  /// Less than, equal or greater as -1, 0 and 1; nil with a NaN. Integers and floats compare exactly.
  static func compare(_ a: Number, _ b: Number) -> Int? {
    func order<T: Comparable>(_ a: T, _ b: T) -> Int { a < b ? -1 : a == b ? 0 : 1 }
    switch (a, b) {
    case (.integer(let a), .integer(let b)): return order(a, b)
    case (.float(let a), .float(let b)): return a.isNaN || b.isNaN ? nil : order(a, b)
    case (.float, _): return compare(b, a).map { -$0 }
    case (_, .float(let b)):
      if b.isNaN { return nil }
      if b.isInfinite { return b < 0 ? 1 : -1 }
      guard let a = a.asBig else { return nil }
      let whole = BigInteger(b)
      if a != whole { return a < whole ? -1 : 1 }
      return order(0, b - b.rounded(.towardZero))
    default:
      guard let a = a.asBig, let b = b.asBig else { return nil }
      return a == b ? 0 : a < b ? -1 : 1
    }
  }
}

extension Run {
  /// Python's `==`.
  func isEqual(_ a: Value, _ b: Value, depth: Int = 0) throws(Fault) -> Bool {
    switch (a, b) {
    case (.string(let a), .string(let b)): return a == b
    case (.integer(let a), .integer(let b)): return a == b
    case (.none, .none), (.undefined, .undefined): return true
    case (.list(let a), .list(let b)):
      return a === b ? true : try isEqual(a.items, b.items, depth: depth)
    case (.tuple(let a), .tuple(let b)):
      return a === b ? true : try isEqual(a.items, b.items, depth: depth)
    case (.dictionary(let a), .dictionary(let b)):
      if a === b { return true }
      guard a.count == b.count else { return false }
      guard depth < ScriptLimits.valueDepth else { throw .tooDeep }
      for entry in a.entries {
        try step()
        guard let other = b[entry.hash], try isEqual(entry.value, other, depth: depth + 1) else {
          return false
        }
      }
      return true
    case (.view(let a, let view), .view(let b, let other)):
      guard view == other, view != .values, a.count == b.count else { return false }
      for entry in a.entries {
        guard let value = b[entry.hash] else { return false }
        if view == .items, try !isEqual(entry.value, value, depth: depth + 1) { return false }
      }
      return true
    case (.range(let a), .range(let b)):
      return a.count == b.count
        && (a.count == 0 || a.start == b.start && (a.count == 1 || a.step == b.step))
    case (.function(let a), .function(let b)): return a === b
    case (.object(let a), .object(let b)): return a === b
    default:
      guard let a = Number(a), let b = Number(b) else { return false }
      return Number.compare(a, b) == 0
    }
  }

  private func isEqual(_ a: [Value], _ b: [Value], depth: Int) throws(Fault) -> Bool {
    guard a.count == b.count else { return false }
    guard depth < ScriptLimits.valueDepth else { throw .tooDeep }
    for (a, b) in zip(a, b) {
      try step()
      if try !isEqual(a, b, depth: depth + 1) { return false }
    }
    return true
  }

  enum Ordering: String { case less = "<", lessOrEqual = "<=", greater = ">", greaterOrEqual = ">=" }

  /// Python's `<`, `<=`, `>` and `>=`.
  func isOrdered(_ a: Value, _ ordering: Ordering, _ b: Value, depth: Int = 0) throws(Fault) -> Bool {
    func holds(_ order: Int) -> Bool {
      switch ordering {
      case .less: order < 0
      case .lessOrEqual: order <= 0
      case .greater: order > 0
      case .greaterOrEqual: order >= 0
      }
    }
    switch (a, b) {
    case (.string(let a), .string(let b)): return holds(a < b ? -1 : a == b ? 0 : 1)
    case (.list(let a), .list(let b)):
      return try isOrdered(a.items, ordering, b.items, depth: depth, holds)
    case (.tuple(let a), .tuple(let b)):
      return try isOrdered(a.items, ordering, b.items, depth: depth, holds)
    default:
      if let a = Number(a), let b = Number(b) { return Number.compare(a, b).map(holds) ?? false }
      try requireDefined(a)
      try requireDefined(b)
      throw Fault(
        .type, "\(ordering.rawValue) cannot compare a \(a.typeName) with a \(b.typeName)")
    }
  }

  /// The first elements that differ decide, else the lengths.
  private func isOrdered(
    _ a: [Value], _ ordering: Ordering, _ b: [Value], depth: Int, _ holds: (Int) -> Bool
  ) throws(Fault) -> Bool {
    guard depth < ScriptLimits.valueDepth else { throw .tooDeep }
    for (x, y) in zip(a, b) {
      try step()
      if try !isEqual(x, y, depth: depth + 1) { return try isOrdered(x, ordering, y, depth: depth + 1) }
    }
    return holds(a.count < b.count ? -1 : a.count == b.count ? 0 : 1)
  }

  /// Python's `in`.
  func contains(_ container: Value, _ item: Value) throws(Fault) -> Bool {
    switch container {
    case .string(let text):
      guard case .string(let part) = item else {
        try requireDefined(item)
        throw Fault(.type, "only text can be in text, found \(item.described)")
      }
      try charge(bytes: text.bytes.count)
      return text.contains(part)
    case .dictionary(let dictionary), .view(let dictionary, .keys):
      return dictionary[try item.hashKey(self)] != nil
    case .range(let range):
      guard let number = Number(item) else { return false }
      let value: Int
      switch number {
      case .integer(let n): value = n
      case .float(let n):
        guard let whole = Int(exactly: n) else { return false }
        value = whole
      case .big: return false
      }
      guard range.count > 0 else { return false }
      let last = range[range.count - 1]
      guard value >= min(range.start, last), value <= max(range.start, last) else { return false }
      return (value - range.start) % range.step == 0
    default:
      var iterator = try iterator(over: container)
      while let element = try iterator.next(self) {
        try step()
        if try isIdentical(element, item) { return true }
        if try isEqual(element, item) { return true }
      }
      return false
    }
  }

  /// Python's `is`, as far as values have an identity here.
  func isIdentical(_ a: Value, _ b: Value) throws(Fault) -> Bool {
    switch (a, b) {
    case (.none, .none): true
    case (.boolean(let a), .boolean(let b)): a == b
    case (.undefined(let a), .undefined(let b)): a === b
    case (.integer, .integer), (.string, .string), (.bigInteger, .bigInteger): try isEqual(a, b)
    case (.float(let a), .float(let b)): a.bitPattern == b.bitPattern
    case (.list(let a), .list(let b)): a === b
    case (.tuple(let a), .tuple(let b)): a === b || a.items.isEmpty && b.items.isEmpty
    case (.dictionary(let a), .dictionary(let b)): a === b
    case (.range(let a), .range(let b)): a === b
    case (.function(let a), .function(let b)): a === b
    case (.object(let a), .object(let b)): a === b
    default: false
    }
  }

  func requireDefined(_ value: Value) throws(Fault) {
    if case .undefined(let undefined) = value { throw Fault(undefined) }
  }
}
