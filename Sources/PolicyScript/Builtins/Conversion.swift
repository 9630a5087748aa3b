/// Python's `int`, `float` and `round`.
enum Conversion {
  /// Nil for what is no number.
  static func float(_ value: Value, _ run: Run) throws(Fault) -> Double? {
    try run.requireDefined(value)
    if case .string(let text) = value {
      try run.charge(bytes: text.bytes.count)
      return FloatText.parse(text)
    }
    guard let number = Number(value) else { return nil }
    let result = number.asDouble
    if case .big = number, result.isInfinite {
      throw Fault(.arithmetic, "the integer is too large for a float")
    }
    return result
  }

  /// Nil for what is no number. A text may hold a fraction, which is cut off.
  static func integer(_ value: Value, base: Int, _ run: Run) throws(Fault) -> Value? {
    try run.requireDefined(value)
    if case .string(let text) = value {
      try run.charge(bytes: text.bytes.count)
      // Digits, and as many underscores.
      guard text.bytes.count <= run.limits.integerBits else { throw .tooWide(run.limits) }
      if let integer = integer(text.trimmed, base: base) {
        try run.check(bits: integer.bitWidth)
        return Value(integer)
      }
      guard let number = FloatText.parse(text), number.isFinite else { return nil }
      return Value(BigInteger(number))
    }
    switch Number(value) {
    case .integer(let n): return .integer(n)
    case .big: return value
    case .float(let n): return n.isFinite ? Value(BigInteger(n)) : nil
    case nil: return nil
    }
  }

  /// Python's `int(text, base)`: a sign, a prefix that fits the base, digits with single underscores between.
  private static func integer(_ text: Text, base: Int) -> BigInteger? {
    guard base == 0 || (2...36).contains(base) else { return nil }
    var bytes = text.bytes[...]
    var isNegative = false
    if let sign = bytes.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      isNegative = sign == UInt8(ascii: "-")
      bytes = bytes.dropFirst()
    }
    var radix = base
    var hasPrefix = false
    if bytes.count > 2, bytes.first == UInt8(ascii: "0") {
      let marked: Int
      switch bytes[bytes.startIndex + 1] | 0x20 {
      case UInt8(ascii: "x"): marked = 16
      case UInt8(ascii: "o"): marked = 8
      case UInt8(ascii: "b"): marked = 2
      default: marked = 0
      }
      if marked != 0, base == marked || base == 0 {
        radix = marked
        hasPrefix = true
        bytes = bytes.dropFirst(2)
        if bytes.first == UInt8(ascii: "_") { bytes = bytes.dropFirst() }
      }
    }
    if radix == 0 { radix = 10 }
    var digits: [UInt8] = []
    var previous: UInt8?
    if !text.isASCII {
      // Other scripts' decimal digits count too.
      var folded: [UInt8] = []
      for scalar in Text(bytes: bytes).scalars {
        if scalar.isASCII {
          folded.append(UInt8(scalar.value))
        } else if scalar.properties.numericType == .decimal, let value = scalar.properties.numericValue {
          folded.append(0x30 + UInt8(value))
        } else {
          return nil
        }
      }
      bytes = folded[...]
    }
    for byte in bytes {
      if byte == UInt8(ascii: "_") {
        guard let last = previous, last != byte else { return nil }
      } else {
        digits.append(byte)
      }
      previous = byte
    }
    if previous == UInt8(ascii: "_") { return nil }
    guard let magnitude = BigInteger(digits: digits, radix: radix) else { return nil }
    if base == 0, !hasPrefix, digits.count > 1, digits[0] == UInt8(ascii: "0"), !magnitude.isZero {
      return nil
    }
    return isNegative ? -magnitude : magnitude
  }

  /// Jinja's `round`.
  static func rounded(_ value: Value, _ precision: Value?, _ method: Value?, _ run: Run) throws(Fault)
    -> Value
  {
    let digits = try precision?.requireInteger("the precision") ?? 0
    let method = try method?.requireText("the method").string ?? "common"
    try run.requireDefined(value)
    guard let number = Number(value) else {
      throw Fault(.type, "“round” needs a number, found \(value.described)")
    }
    switch method {
    case "common":
      if case .float(let n) = number {
        return .float(FloatText.rounded(n, digits: min(max(digits, -400), 400)))
      }
      guard digits < 0, let big = number.asBig else { return try run.asserted(value) }
      return try rounded(big, zeros: -digits, run)
    case "ceil", "floor":
      let power = try run.apply(.power, .integer(10), .integer(digits))
      let scaled = try run.apply(.multiply, value, power)
      let whole: Value
      switch Number(scaled) {
      case .float(let n):
        guard n.isFinite else {
          throw Fault(.arithmetic, "\(FloatText.repr(n)) cannot be rounded to an integer")
        }
        whole = Value(BigInteger(method == "ceil" ? n.rounded(.up) : n.rounded(.down)))
      default: whole = scaled
      }
      return try run.apply(.divide, whole, power)
    default:
      throw Fault(.value, "the method of “round” is “common”, “ceil” or “floor”, found “\(method)”")
    }
  }

  /// To a multiple of a power of ten, ties to even.
  private static func rounded(_ value: BigInteger, zeros: Int, _ run: Run) throws(Fault) -> Value {
    guard zeros <= run.limits.integerBits / 3 else { return .integer(0) }
    let unit = try run.apply(.power, .integer(10), .integer(zeros))
    guard let unit = Number(unit)?.asBig else { return Value(value) }
    let (quotient, remainder) = value.floorDivided(by: unit)
    let twice = remainder + remainder
    let roundsUp = unit < twice || unit == twice && quotient.isOdd
    return Value((roundsUp ? quotient + BigInteger(1) : quotient) * unit)
  }
}
