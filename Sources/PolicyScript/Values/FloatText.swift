import Glibc

/// Floating-point numbers as Python writes them.
enum FloatText {
  /// Python's `repr`: the shortest digits that read back as the same number, with an exponent below 1e-4 and from 1e16.
  static func repr(_ value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    if value == 0 { return value.sign == .minus ? "-0.0" : "0.0" }
    let (digits, point) = shortest(value.magnitude)
    var text = value < 0 ? "-" : ""
    if point > 16 || point < -3 {
      text.append(digits[digits.startIndex])
      if digits.count > 1 { text += "." + digits.dropFirst() }
      let exponent = point - 1
      text += exponent < 0 ? "e-" : "e+"
      text += abs(exponent) < 10 ? "0\(abs(exponent))" : "\(abs(exponent))"
    } else if point <= 0 {
      text += "0." + String(repeating: "0", count: -point) + digits
    } else if digits.count <= point {
      text += digits + String(repeating: "0", count: point - digits.count) + ".0"
    } else {
      text += digits.prefix(point) + "." + digits.dropFirst(point)
    }
    return text
  }

  /// Significant digits, and where the point stands: `0.digits * 10^point`. `value` is positive and finite.
  private static func shortest(_ value: Double) -> (digits: String, point: Int) {
    // Swift writes shortest digits too, with other rules for the exponent.
    var digits = ""
    var point = 0
    var exponent = 0
    var hasPoint = false
    let text = value.description
    if let e = text.firstIndex(where: { $0 == "e" || $0 == "E" }) {
      exponent = Int(text[text.index(after: e)...]) ?? 0
    }
    for character in text {
      if character == "e" || character == "E" { break }
      if character == "." {
        hasPoint = true
      } else if digits.isEmpty, character == "0" {
        if hasPoint { point -= 1 }
      } else {
        digits.append(character)
        if !hasPoint { point += 1 }
      }
    }
    while digits.last == "0" { digits.removeLast() }
    return (digits, point + exponent)
  }

  /// C's `printf` with one of `e E f F g G`, which rounds exactly, as Python does. `value` is finite.
  static func printf(_ value: Double, precision: Int, type: Character, alternate: Bool = false) -> String {
    let format = "%\(alternate ? "#" : "").\(precision)\(type)"
    return withVaList([value]) { arguments in
      // The widest is 1.8e308 in fixed notation.
      var buffer = [CChar](repeating: 0, count: 340 + precision)
      let length = vsnprintf(&buffer, buffer.count, format, arguments)
      return String(decoding: buffer.prefix(Int(max(0, length))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }

  /// Python's `round(value, digits)`: exact, ties to even.
  static func rounded(_ value: Double, digits: Int) -> Double {
    guard value.isFinite, digits <= 323 else { return value }
    if digits >= 0 { return Double(printf(value, precision: digits, type: "f")) ?? value }
    guard digits >= -308 else { return Double(signOf: value, magnitudeOf: 0) }
    var unit = BigInteger(1)
    for _ in 0..<(-digits) { unit = unit * BigInteger(10) }
    let whole = BigInteger(value.magnitude)
    let (quotient, remainder) = whole.floorDivided(by: unit)
    let twice = remainder + remainder
    // What stands behind the point decides a tie.
    let isAboveTie = twice == unit && value.magnitude != value.magnitude.rounded(.towardZero)
    let roundsUp = unit < twice || isAboveTie || twice == unit && quotient.isOdd
    let result = (roundsUp ? quotient + BigInteger(1) : quotient) * unit
    return Double(signOf: value, magnitudeOf: result.asDouble)
  }

  /// Python's `float(text)`: decimal notation, `inf`, `infinity` and `nan` in any case, white space around, underscores between
  /// digits. Nil for all else, hexadecimal notation too.
  static func parse(_ text: Text) -> Double? {
    var bytes: [UInt8] = []
    let trimmed = text.trimmed
    for (i, byte) in trimmed.bytes.enumerated() {
      switch byte {
      case UInt8(ascii: "_"):
        let isBetweenDigits =
          i > 0 && isDigit(trimmed.bytes[i - 1]) && i + 1 < trimmed.bytes.count
          && isDigit(trimmed.bytes[i + 1])
        if !isBetweenDigits { return nil }
      case 0x30...0x39, UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "e"),
        UInt8(ascii: "E"):
        bytes.append(byte)
      default:
        guard trimmed.isASCII else { return nil }
        return special(trimmed.string.lowercased())
      }
    }
    guard !bytes.isEmpty else { return nil }
    return Double(String(decoding: bytes, as: UTF8.self))
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  private static func special(_ text: String) -> Double? {
    switch text {
    case "nan", "+nan", "-nan": .nan
    case "inf", "+inf", "infinity", "+infinity": .infinity
    case "-inf", "-infinity": -.infinity
    default: nil
    }
  }
}
