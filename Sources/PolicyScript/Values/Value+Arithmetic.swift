import Glibc

enum BinaryOperator: String {
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case floorDivide = "//"
  case remainder = "%"
  case power = "**"
}

extension Run {
  func apply(_ operation: BinaryOperator, _ a: Value, _ b: Value) throws(Fault) -> Value {
    if let x = Number(a), let y = Number(b) { return try arithmetic(operation, x, y) }
    switch (operation, a, b) {
    case (.add, .string(let a), .string(let b)): return try joined(a, b)
    case (.add, .list(let a), .list(let b)):
      try charge(a.items.count + b.items.count)
      return try list(a.items + b.items)
    case (.add, .tuple(let a), .tuple(let b)):
      try charge(a.items.count + b.items.count)
      return try tuple(a.items + b.items)
    case (.remainder, .string(let format), _):
      return .string(try PercentFormat.apply(format, to: b, self))
    case (.multiply, .string, _), (.multiply, .list, _), (.multiply, .tuple, _):
      if let count = Number(b) { return try repeated(a, count) }
    case (.multiply, _, .string), (.multiply, _, .list), (.multiply, _, .tuple):
      if let count = Number(a) { return try repeated(b, count) }
    default: break
    }
    try requireDefined(a)
    try requireDefined(b)
    var suggestion: String?
    if operation == .add { suggestion = "write ~ to join values of different kinds as text" }
    throw Fault(
      .type, "\(operation.rawValue) cannot be applied to a \(a.typeName) and a \(b.typeName)", suggestion)
  }

  func joined(_ a: Text, _ b: Text) throws(Fault) -> Value {
    let count = a.bytes.count + b.bytes.count
    try charge(bytes: count)
    try check(bytes: count)
    return .string(Text(bytes: a.bytes + b.bytes))
  }

  private func repeated(_ value: Value, _ count: Number) throws(Fault) -> Value {
    let times: Int
    switch count {
    case .integer(let n): times = max(0, n)
    case .big(let n): times = n.isNegative ? 0 : .max
    case .float: throw Fault(.type, "a \(value.typeName) cannot be repeated a fractional number of times")
    }
    switch value {
    case .string(let text):
      let (size, overflow) = text.bytes.count.multipliedReportingOverflow(by: times)
      try check(bytes: overflow ? .max : size)
      try charge(bytes: size)
      var bytes: [UInt8] = []
      bytes.reserveCapacity(size)
      if !text.isEmpty { for _ in 0..<times { bytes.append(contentsOf: text.bytes) } }
      return .string(Text(bytes: bytes))
    case .list(let storage): return try list(repeated(storage.items, times))
    case .tuple(let storage): return try tuple(repeated(storage.items, times))
    default: throw Fault(.type, "a \(value.typeName) cannot be repeated")
    }
  }

  private func repeated(_ items: [Value], _ times: Int) throws(Fault) -> [Value] {
    let (count, overflow) = items.count.multipliedReportingOverflow(by: times)
    try check(count: overflow ? .max : count)
    try charge(count)
    var result: [Value] = []
    result.reserveCapacity(count)
    if !items.isEmpty { for _ in 0..<times { result += items } }
    return result
  }

  // MARK: Numbers

  private func arithmetic(_ operation: BinaryOperator, _ a: Number, _ b: Number) throws(Fault) -> Value {
    if case .integer(let x) = a, case .integer(let y) = b, let result = try small(operation, x, y) {
      return result
    }
    if let x = a.asBig, let y = b.asBig { return try big(operation, x, y) }
    let x = try double(a)
    let y = try double(b)
    switch operation {
    case .add: return .float(x + y)
    case .subtract: return .float(x - y)
    case .multiply: return .float(x * y)
    case .divide:
      guard y != 0 else { throw .divisionByZero }
      return .float(x / y)
    case .floorDivide: return .float(try floorDivision(x, y).quotient)
    case .remainder: return .float(try floorDivision(x, y).remainder)
    case .power: return .float(try power(x, y))
    }
  }

  private func double(_ number: Number) throws(Fault) -> Double {
    let value = number.asDouble
    if case .big = number, value.isInfinite {
      throw Fault(.arithmetic, "the integer is too large for a float")
    }
    return value
  }

  /// Nil when the result does not fit.
  private func small(_ operation: BinaryOperator, _ x: Int, _ y: Int) throws(Fault) -> Value? {
    let result: (Int, Bool)
    switch operation {
    case .add: result = x.addingReportingOverflow(y)
    case .subtract: result = x.subtractingReportingOverflow(y)
    case .multiply: result = x.multipliedReportingOverflow(by: y)
    case .divide:
      guard y != 0 else { throw .divisionByZero }
      // Both exact as doubles: then the quotient rounds once.
      guard x.magnitude <= 1 << 53, y.magnitude <= 1 << 53 else { return nil }
      return .float(Double(x) / Double(y))
    case .floorDivide, .remainder:
      guard y != 0 else { throw .divisionByZero }
      guard y != -1 else { return operation == .remainder ? .integer(0) : x == .min ? nil : .integer(-x) }
      let (quotient, remainder) = x.quotientAndRemainder(dividingBy: y)
      let isBelow = remainder != 0 && (remainder < 0) != (y < 0)
      if operation == .floorDivide { return .integer(isBelow ? quotient - 1 : quotient) }
      return .integer(isBelow ? remainder + y : remainder)
    case .power: return nil
    }
    return result.1 ? nil : .integer(result.0)
  }

  private func big(_ operation: BinaryOperator, _ x: BigInteger, _ y: BigInteger) throws(Fault) -> Value {
    let result: BigInteger
    switch operation {
    case .add: result = x + y
    case .subtract: result = x - y
    case .multiply:
      try check(bits: x.bitWidth + y.bitWidth)
      try charge(x.limbs.count * y.limbs.count / 16)
      result = x * y
    case .divide:
      guard !y.isZero else { throw .divisionByZero }
      return .float(try quotient(x, y))
    case .floorDivide, .remainder:
      guard !y.isZero else { throw .divisionByZero }
      try charge(x.limbs.count * y.limbs.count / 16)
      let (quotient, remainder) = x.floorDivided(by: y)
      result = operation == .floorDivide ? quotient : remainder
    case .power:
      guard !y.isNegative else {
        guard !x.isZero else { throw Fault(.arithmetic, "zero has no negative power") }
        return .float(try power(double(.big(x)), double(.big(y))))
      }
      result = try power(x, y)
    }
    try check(bits: result.bitWidth)
    return Value(result)
  }

  private func power(_ base: BigInteger, _ exponent: BigInteger) throws(Fault) -> BigInteger {
    if exponent.isZero { return BigInteger(1) }
    if base.bitWidth <= 1 { return base.isNegative && !exponent.isOdd ? -base : base }
    guard let exponent = exponent.asInt, exponent <= limits.integerBits else { throw .tooWide(limits) }
    try check(bits: (base.bitWidth - 1) * exponent)
    try charge(base.bitWidth * exponent / 64)
    var result = BigInteger(1)
    var square = base
    var rest = exponent
    while rest > 0 {
      if rest & 1 == 1 { result = result * square }
      rest >>= 1
      if rest > 0 { square = square * square }
    }
    return result
  }

  /// The correctly rounded quotient of two integers.
  private func quotient(_ x: BigInteger, _ y: BigInteger) throws(Fault) -> Double {
    if x.isZero { return 0 }
    // Scale so that the integer quotient has at least 66 bits; a rest stands in its last bit.
    let shift = max(0, 66 - (x.bitWidth - y.bitWidth))
    let numerator = BigInteger(limbs: x.limbs, isNegative: false).shiftedLeft(shift)
    let divisor = BigInteger(limbs: y.limbs, isNegative: false)
    var (whole, rest) = numerator.floorDivided(by: divisor)
    if !rest.isZero, !whole.isOdd { whole = whole + BigInteger(1) }
    let value = Double(sign: .plus, exponent: -shift, significand: whole.asDouble)
    guard value.isFinite else { throw Fault(.arithmetic, "the quotient is too large for a float") }
    return x.isNegative != y.isNegative ? -value : value
  }

  /// Python's float division to an integer: the quotient towards negative infinity.
  private func floorDivision(
    _ x: Double, _ y: Double
  ) throws(Fault) -> (quotient: Double, remainder: Double) {
    guard y != 0 else { throw .divisionByZero }
    var remainder = fmod(x, y)
    var quotient = (x - remainder) / y
    if remainder != 0 {
      if (y < 0) != (remainder < 0) {
        remainder += y
        quotient -= 1
      }
    } else {
      remainder = Double(signOf: y, magnitudeOf: 0)
    }
    if quotient != 0 {
      let floor = quotient.rounded(.down)
      quotient = quotient - floor > 0.5 ? floor + 1 : floor
    } else {
      quotient = Double(signOf: x / y, magnitudeOf: 0)
    }
    return (quotient, remainder)
  }

  private func power(_ x: Double, _ y: Double) throws(Fault) -> Double {
    if x == 0, y < 0 { throw Fault(.arithmetic, "zero has no negative power") }
    if x < 0, x.isFinite, y.isFinite, y != y.rounded() {
      throw Fault(.arithmetic, "a fractional power of a negative number is no real number")
    }
    let result = pow(x, y)
    if result.isInfinite, x.isFinite, y.isFinite {
      throw Fault(.arithmetic, "the power is too large for a float")
    }
    return result
  }

  func negated(_ value: Value) throws(Fault) -> Value {
    switch Number(value) {
    case .integer(let n): return n == .min ? .bigInteger(-BigInteger(n)) : .integer(-n)
    case .big(let n): return Value(-n)
    case .float(let n): return .float(-n)
    case nil:
      try requireDefined(value)
      throw Fault(.type, "- cannot be applied to a \(value.typeName)")
    }
  }

  /// Unary plus.
  func asserted(_ value: Value) throws(Fault) -> Value {
    switch Number(value) {
    case .integer(let n): return .integer(n)
    case .big(let n): return Value(n)
    case .float(let n): return .float(n)
    case nil:
      try requireDefined(value)
      throw Fault(.type, "+ cannot be applied to a \(value.typeName)")
    }
  }
}
