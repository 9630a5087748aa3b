/// An integer beyond 64 bits. Python's integers have no size; a policy script gets there with a hash taken as a number.
///
/// Bounded: whoever computes checks ``bitWidth`` against ``ScriptLimits/integerBits``.
struct BigInteger: Hashable, Sendable {
  /// Least significant first, without leading zeros: zero has none.
  private(set) var limbs: [UInt32]
  private(set) var isNegative: Bool

  init(limbs: [UInt32], isNegative: Bool) {
    var limbs = limbs
    while limbs.last == 0 { limbs.removeLast() }
    self.limbs = limbs
    self.isNegative = isNegative && !limbs.isEmpty
  }

  init(_ value: Int) {
    let magnitude = value.magnitude
    self.init(
      limbs: [UInt32(truncatingIfNeeded: magnitude), UInt32(truncatingIfNeeded: magnitude >> 32)],
      isNegative: value < 0)
  }

  /// The integral part; `value` must be finite.
  init(_ value: Double) {
    let whole = value.magnitude.rounded(.towardZero)
    guard whole >= 1 else {
      self.init(limbs: [], isNegative: false)
      return
    }
    let exponent = Int(whole.exponent)
    let significand = UInt64(1) << 52 | whole.significandBitPattern
    let shifted =
      exponent >= 52
      ? BigInteger(UInt64Limbs: significand).shiftedLeft(exponent - 52)
      : BigInteger(UInt64Limbs: significand >> UInt64(52 - exponent))
    self.init(limbs: shifted.limbs, isNegative: value < 0)
  }

  private init(UInt64Limbs value: UInt64) {
    self.init(
      limbs: [UInt32(truncatingIfNeeded: value), UInt32(truncatingIfNeeded: value >> 32)], isNegative: false)
  }

  var isZero: Bool { limbs.isEmpty }
  var isOdd: Bool { limbs.first.map { $0 & 1 == 1 } ?? false }

  var bitWidth: Int { limbs.last.map { limbs.count * 32 - $0.leadingZeroBitCount } ?? 0 }

  /// Nil when it does not fit.
  var asInt: Int? {
    guard limbs.count <= 2 else { return nil }
    var magnitude: UInt = 0
    for (i, limb) in limbs.enumerated() { magnitude |= UInt(limb) << UInt(32 * i) }
    if isNegative { return magnitude <= Int.min.magnitude ? Int(truncatingIfNeeded: 0 &- magnitude) : nil }
    return Int(exactly: magnitude)
  }

  /// The nearest double, ties to even; infinite when too large.
  var asDouble: Double {
    let width = bitWidth
    guard width > 0 else { return 0 }
    if width > 1_024 { return isNegative ? -.infinity : .infinity }
    // 64 leading bits, the last of which also stands for all below: then the conversion rounds once and rightly.
    let shift = max(0, width - 64)
    let top = shiftedRight(shift)
    var bits = UInt64(top.limbs[0])
    if top.limbs.count > 1 { bits |= UInt64(top.limbs[1]) << 32 }
    if shift > 0, hasBits(below: shift) { bits |= 1 }
    let value = Double(sign: .plus, exponent: shift, significand: Double(bits))
    return isNegative ? -value : value
  }

  private func hasBits(below bit: Int) -> Bool {
    for i in 0..<min(bit / 32, limbs.count) where limbs[i] != 0 { return true }
    guard bit % 32 > 0, bit / 32 < limbs.count else { return false }
    return limbs[bit / 32] & (UInt32(1) << UInt32(bit % 32) - 1) != 0
  }

  func shiftedLeft(_ bits: Int) -> BigInteger {
    var result = [UInt32](repeating: 0, count: bits / 32)
    let part = UInt32(bits % 32)
    var carry: UInt32 = 0
    for limb in limbs {
      result.append(limb << part | carry)
      carry = part == 0 ? 0 : limb >> (32 - part)
    }
    result.append(carry)
    return BigInteger(limbs: result, isNegative: isNegative)
  }

  /// Towards zero.
  func shiftedRight(_ bits: Int) -> BigInteger {
    let whole = bits / 32
    guard whole < limbs.count else { return BigInteger(limbs: [], isNegative: false) }
    let part = UInt32(bits % 32)
    var result: [UInt32] = []
    for i in whole..<limbs.count {
      let next = i + 1 < limbs.count && part > 0 ? limbs[i + 1] << (32 - part) : 0
      result.append(limbs[i] >> part | next)
    }
    return BigInteger(limbs: result, isNegative: isNegative)
  }

  // MARK: Arithmetic

  static prefix func - (a: BigInteger) -> BigInteger {
    BigInteger(limbs: a.limbs, isNegative: !a.isNegative)
  }

  static func + (a: BigInteger, b: BigInteger) -> BigInteger {
    if a.isNegative == b.isNegative {
      return BigInteger(limbs: sum(a.limbs, b.limbs), isNegative: a.isNegative)
    }
    return precedes(a.limbs, b.limbs)
      ? BigInteger(limbs: difference(b.limbs, a.limbs), isNegative: b.isNegative)
      : BigInteger(limbs: difference(a.limbs, b.limbs), isNegative: a.isNegative)
  }

  static func - (a: BigInteger, b: BigInteger) -> BigInteger { a + -b }

  static func * (a: BigInteger, b: BigInteger) -> BigInteger {
    guard !a.isZero, !b.isZero else { return BigInteger(limbs: [], isNegative: false) }
    var result = [UInt32](repeating: 0, count: a.limbs.count + b.limbs.count)
    for (i, x) in a.limbs.enumerated() {
      var carry: UInt64 = 0
      for (j, y) in b.limbs.enumerated() {
        let value = UInt64(x) * UInt64(y) + UInt64(result[i + j]) + carry
        result[i + j] = UInt32(truncatingIfNeeded: value)
        carry = value >> 32
      }
      result[i + b.limbs.count] = UInt32(carry)
    }
    return BigInteger(limbs: result, isNegative: a.isNegative != b.isNegative)
  }

  /// Quotient towards negative infinity and the remainder that has the divisor's sign, as Python; `divisor` is not zero.
  func floorDivided(by divisor: BigInteger) -> (quotient: BigInteger, remainder: BigInteger) {
    let (q, r) = BigInteger.divide(limbs, divisor.limbs)
    let quotient = BigInteger(limbs: q, isNegative: isNegative != divisor.isNegative)
    let remainder = BigInteger(limbs: r, isNegative: isNegative)
    guard !remainder.isZero, isNegative != divisor.isNegative else { return (quotient, remainder) }
    return (quotient - BigInteger(1), remainder + divisor)
  }

  static func < (a: BigInteger, b: BigInteger) -> Bool {
    if a.isNegative != b.isNegative { return a.isNegative }
    return a.isNegative ? precedes(b.limbs, a.limbs) : precedes(a.limbs, b.limbs)
  }

  private static func precedes(_ a: [UInt32], _ b: [UInt32]) -> Bool {
    if a.count != b.count { return a.count < b.count }
    for i in a.indices.reversed() where a[i] != b[i] { return a[i] < b[i] }
    return false
  }

  private static func sum(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
    var result: [UInt32] = []
    var carry: UInt64 = 0
    for i in 0..<max(a.count, b.count) {
      let value = UInt64(i < a.count ? a[i] : 0) + UInt64(i < b.count ? b[i] : 0) + carry
      result.append(UInt32(truncatingIfNeeded: value))
      carry = value >> 32
    }
    result.append(UInt32(carry))
    return result
  }

  /// `a` must not be less than `b`.
  private static func difference(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
    var result: [UInt32] = []
    var borrow: Int64 = 0
    for i in 0..<a.count {
      var value = Int64(a[i]) - Int64(i < b.count ? b[i] : 0) - borrow
      borrow = value < 0 ? 1 : 0
      if value < 0 { value += 1 << 32 }
      result.append(UInt32(value))
    }
    return result
  }

  /// Division of magnitudes, Knuth's algorithm D (The Art of Computer Programming 2, 4.3.1).
  private static func divide(_ a: [UInt32], _ b: [UInt32]) -> (quotient: [UInt32], remainder: [UInt32]) {
    if precedes(a, b) { return ([], a) }
    if b.count == 1 {
      let (quotient, remainder) = divide(a, by: b[0])
      return (quotient, [remainder])
    }
    let shift = b[b.count - 1].leadingZeroBitCount
    let v = BigInteger(limbs: b, isNegative: false).shiftedLeft(shift).limbs
    var u = BigInteger(limbs: a, isNegative: false).shiftedLeft(shift).limbs
    while u.count <= a.count { u.append(0) }
    let n = v.count
    let top = UInt64(v[n - 1])
    let second = UInt64(v[n - 2])
    var quotient = [UInt32](repeating: 0, count: u.count - n)
    for j in (0..<(u.count - n)).reversed() {
      let numerator = UInt64(u[j + n]) << 32 | UInt64(u[j + n - 1])
      var guess = numerator / top
      var rest = numerator % top
      while guess >> 32 != 0 || guess * second > (rest << 32 | UInt64(u[j + n - 2])) {
        guess -= 1
        rest += top
        if rest >> 32 != 0 { break }
      }
      var borrow: Int64 = 0
      var carry: UInt64 = 0
      for i in 0..<n {
        let product = guess * UInt64(v[i]) + carry
        carry = product >> 32
        let value = Int64(u[i + j]) - borrow - Int64(product & 0xffff_ffff)
        u[i + j] = UInt32(truncatingIfNeeded: value)
        borrow = value < 0 ? 1 : 0
      }
      let value = Int64(u[j + n]) - borrow - Int64(carry)
      u[j + n] = UInt32(truncatingIfNeeded: value)
      if value < 0 {
        guess -= 1
        var carry: UInt64 = 0
        for i in 0..<n {
          let value = UInt64(u[i + j]) + UInt64(v[i]) + carry
          u[i + j] = UInt32(truncatingIfNeeded: value)
          carry = value >> 32
        }
        u[j + n] = UInt32(truncatingIfNeeded: UInt64(u[j + n]) + carry)
      }
      quotient[j] = UInt32(truncatingIfNeeded: guess)
    }
    let remainder = BigInteger(limbs: u, isNegative: false).shiftedRight(shift).limbs
    return (quotient, remainder)
  }

  private static func divide(_ a: [UInt32], by divisor: UInt32) -> (quotient: [UInt32], remainder: UInt32) {
    var quotient = a
    var remainder: UInt64 = 0
    for i in a.indices.reversed() {
      let value = remainder << 32 | UInt64(a[i])
      quotient[i] = UInt32(value / UInt64(divisor))
      remainder = value % UInt64(divisor)
    }
    while quotient.last == 0 { quotient.removeLast() }
    return (quotient, UInt32(remainder))
  }

  // MARK: Digits

  /// Digits of `radix`, 2 to 36, without sign or prefix; nil when there are none or one is none.
  init?(digits: some Sequence<UInt8>, radix: Int) {
    var limbs: [UInt32] = []
    var isEmpty = true
    for byte in digits {
      guard let digit = BigInteger.digit(byte), digit < radix else { return nil }
      isEmpty = false
      var carry = UInt64(digit)
      for i in limbs.indices {
        let value = UInt64(limbs[i]) * UInt64(radix) + carry
        limbs[i] = UInt32(truncatingIfNeeded: value)
        carry = value >> 32
      }
      if carry > 0 { limbs.append(UInt32(carry)) }
    }
    if isEmpty { return nil }
    self.init(limbs: limbs, isNegative: false)
  }

  static func digit(_ byte: UInt8) -> Int? {
    switch byte {
    case 0x30...0x39: Int(byte) - 0x30
    case 0x41...0x5a: Int(byte) - 0x41 + 10
    case 0x61...0x7a: Int(byte) - 0x61 + 10
    default: nil
    }
  }

  /// Lower-case digits of the magnitude.
  func magnitudeText(radix: Int = 10) -> String {
    guard !isZero else { return "0" }
    // As many digits at a time as fit a limb.
    var chunk = UInt32(radix)
    var chunkDigits = 1
    while UInt64(chunk) * UInt64(radix) <= UInt64(UInt32.max) {
      chunk *= UInt32(radix)
      chunkDigits += 1
    }
    var parts: [String] = []
    var rest = limbs
    while !rest.isEmpty {
      let (quotient, remainder) = BigInteger.divide(rest, by: chunk)
      let digits = String(remainder, radix: radix)
      parts.append(
        quotient.isEmpty ? digits : String(repeating: "0", count: chunkDigits - digits.count) + digits)
      rest = quotient
    }
    return parts.reversed().joined()
  }

  var text: String { (isNegative ? "-" : "") + magnitudeText() }
}
