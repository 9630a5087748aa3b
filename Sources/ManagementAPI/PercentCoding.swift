import CallModel

/// The percent-encoding of paths, queries and forms (RFC 3986 §2.1; forms: URL Standard, application/x-www-form-urlencoded).
enum PercentCoding {
  /// - Parameter isForm: `+` stands for a space.
  /// - Returns: nil when it is no percent-encoded UTF-8.
  static func decoded(_ text: some StringProtocol, isForm: Bool = false) -> String? {
    var bytes: [UInt8] = []
    var rest = text.utf8.makeIterator()
    while let byte = rest.next() {
      switch byte {
      case UInt8(ascii: "%"):
        guard let high = rest.next()?.hexDigitValue, let low = rest.next()?.hexDigitValue else {
          return nil
        }
        bytes.append(high << 4 | low)
      case UInt8(ascii: "+") where isForm: bytes.append(0x20)
      default: bytes.append(byte)
      }
    }
    return String(validating: bytes, as: UTF8.self)
  }

  /// As one segment of a path: all but what is unreserved stands in hexadecimal digits (RFC 3986 §2.3).
  static func encoded(_ text: String) -> String {
    text.utf8.map { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e: String(UnicodeScalar(byte))
      default: "%" + String(UInt16(byte) | 0x100, radix: 16, uppercase: true).dropFirst()
      }
    }
    .joined()
  }

  /// Names and values, in order; nil when something is not percent-encoded as it must be, or there are more than a hundred.
  static func pairs(_ text: String) -> [(name: String, value: String)]? {
    var pairs: [(name: String, value: String)] = []
    for part in text.split(separator: "&") {
      guard pairs.count < 100 else { return nil }
      let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = decoded(halves[0], isForm: true),
        let value = decoded(halves.count > 1 ? halves[1] : "", isForm: true)
      else { return nil }
      pairs.append((name, value))
    }
    return pairs
  }
}
