/// Backslash escapes in text literals, by Python's rules: an escape that Python does not know stays as written.
enum StringLiteral {
  struct Invalid: Error {
    var message: String
    /// Offset in the script.
    var at: Int
    var suggestion: String?
  }

  /// - Parameter literal: What stands between the quotes, with its place in the script as indices.
  static func decode(_ literal: ArraySlice<UInt8>) throws(Invalid) -> Text {
    guard literal.contains(UInt8(ascii: "\\")) else { return Text(bytes: literal) }
    var result: [UInt8] = []
    var i = literal.startIndex
    while i < literal.endIndex {
      guard literal[i] == UInt8(ascii: "\\"), i + 1 < literal.endIndex else {
        result.append(literal[i])
        i += 1
        continue
      }
      let start = i
      let escape = literal[i + 1]
      i += 2
      switch escape {
      case UInt8(ascii: "\n"): break
      case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): result.append(escape)
      case UInt8(ascii: "a"): result.append(7)
      case UInt8(ascii: "b"): result.append(8)
      case UInt8(ascii: "f"): result.append(12)
      case UInt8(ascii: "n"): result.append(10)
      case UInt8(ascii: "r"): result.append(13)
      case UInt8(ascii: "t"): result.append(9)
      case UInt8(ascii: "v"): result.append(11)
      case UInt8(ascii: "0")...UInt8(ascii: "7"):
        var value = UInt32(escape - 0x30)
        var count = 1
        while count < 3, i < literal.endIndex, (0x30...0x37).contains(literal[i]) {
          value = value * 8 + UInt32(literal[i] - 0x30)
          i += 1
          count += 1
        }
        if let scalar = Unicode.Scalar(value) { result.append(scalar) }
      case UInt8(ascii: "x"): try hexadecimal(2, literal, &i, start, &result)
      case UInt8(ascii: "u"): try hexadecimal(4, literal, &i, start, &result)
      case UInt8(ascii: "U"): try hexadecimal(8, literal, &i, start, &result)
      case UInt8(ascii: "N"):
        throw Invalid(
          message: "characters by name are not available", at: start, suggestion: "write \\uXXXX instead")
      case 0x80...:
        // Python writes such a character as an escape first, so that the backslash escapes that escape's own.
        let end = min(i - 1 + Text.width(escape), literal.endIndex)
        let scalar = String(decoding: literal[(i - 1)..<end], as: UTF8.self).unicodeScalars.first
        if let scalar { result.append(text: scalar.pythonEscape) }
        i = end
      default: result += [UInt8(ascii: "\\"), escape]
      }
    }
    return Text(bytes: result)
  }

  private static func hexadecimal(
    _ count: Int, _ literal: ArraySlice<UInt8>, _ i: inout Int, _ start: Int, _ result: inout [UInt8]
  ) throws(Invalid) {
    var value: UInt32 = 0
    for _ in 0..<count {
      guard i < literal.endIndex, let digit = BigInteger.digit(literal[i]), digit < 16 else {
        throw Invalid(
          message: "this escape needs \(count) hexadecimal digits", at: start,
          suggestion: "write \\\\ for a backslash")
      }
      value = value << 4 | UInt32(digit)
      i += 1
    }
    guard let scalar = Unicode.Scalar(value) else {
      throw Invalid(message: "U+\(String(value, radix: 16, uppercase: true)) is no character", at: start)
    }
    result.append(scalar)
  }
}
