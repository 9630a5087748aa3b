/// The two encodings of a policy request (routing reference §9): UTF-8, unreserved characters as they are (RFC 3986 §2.3),
/// everything else as percent and two upper-case digits.
enum FormEncoding {
  /// Appends `text` as part of a query, `application/x-www-form-urlencoded`: a space is `+`.
  static func appendQuery(_ text: String, to target: inout [UInt8]) {
    for byte in text.utf8 {
      if byte == 0x20 { target.append(UInt8(ascii: "+")) } else { append(byte, to: &target) }
    }
  }

  /// Appends `text` as one path segment: `/`, `@` and `:` are escaped, a space is `%20`.
  static func appendSegment(_ text: String, to target: inout [UInt8]) {
    for byte in text.utf8 { append(byte, to: &target) }
  }

  private static let digits = Array("0123456789ABCDEF".utf8)

  private static func append(_ byte: UInt8, to target: inout [UInt8]) {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"),
      UInt8(ascii: "~"):
      target.append(byte)
    default:
      target.append(UInt8(ascii: "%"))
      target.append(digits[Int(byte >> 4)])
      target.append(digits[Int(byte & 15)])
    }
  }
}
