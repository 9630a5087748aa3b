/// Bytes that have a meaning in the grammar, and its character classes (RFC 3261 §25.1).
extension UInt8 {
  static let tab: UInt8 = 0x09
  static let lineFeed: UInt8 = 0x0a
  static let carriageReturn: UInt8 = 0x0d
  static let space: UInt8 = 0x20
  static let doubleQuote: UInt8 = 0x22
  static let percent: UInt8 = 0x25
  static let leftParenthesis: UInt8 = 0x28
  static let rightParenthesis: UInt8 = 0x29
  static let asterisk: UInt8 = 0x2a
  static let comma: UInt8 = 0x2c
  static let hyphen: UInt8 = 0x2d
  static let slash: UInt8 = 0x2f
  static let colon: UInt8 = 0x3a
  static let semicolon: UInt8 = 0x3b
  static let lessThan: UInt8 = 0x3c
  static let equals: UInt8 = 0x3d
  static let greaterThan: UInt8 = 0x3e
  static let questionMark: UInt8 = 0x3f
  static let at: UInt8 = 0x40
  static let leftBracket: UInt8 = 0x5b
  static let backslash: UInt8 = 0x5c
  static let rightBracket: UInt8 = 0x5d

  @inline(__always) var asciiLowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }
  @inline(__always) var isDigit: Bool { self &- 0x30 < 10 }
  @inline(__always) var isAlpha: Bool { (self | 0x20) &- 0x61 < 26 }
  /// Space or tab.
  @inline(__always) var isBlank: Bool { self == .space || self == .tab }

  /// The value of a hexadecimal digit.
  var hexValue: UInt8? {
    if isDigit { return self &- 0x30 }
    let letter = (self | 0x20) &- 0x61
    return letter < 6 ? letter &+ 10 : nil
  }

  @inline(__always) var isToken: Bool { ASCIIClass.token.contains(self) }
}

/// A set of ASCII characters as two words: a test is a shift and a mask.
struct ASCIIClass: Sendable {
  private let low: UInt64
  private let high: UInt64

  init(_ characters: StaticString, alphanumeric: Bool = true) {
    var low: UInt64 = 0
    var high: UInt64 = 0
    func insert(_ byte: UInt8) {
      if byte < 64 { low |= 1 << UInt64(byte) } else if byte < 128 { high |= 1 << UInt64(byte - 64) }
    }
    characters.withUTF8Buffer { for byte in $0 { insert(byte) } }
    if alphanumeric { for byte in UInt8(0)..<128 where byte.isDigit || byte.isAlpha { insert(byte) } }
    self.low = low
    self.high = high
  }

  @inline(__always) func contains(_ byte: UInt8) -> Bool {
    let word = byte < 64 ? low : high
    return byte < 128 && word >> UInt64(byte & 63) & 1 != 0
  }

  static let token = ASCIIClass("-.!%*_+`'~")
  /// `word` of Call-ID and similar.
  static let word = ASCIIClass("-.!%*_+`'~()<>:\\\"/[]?{}")
  /// `unreserved` / `user-unreserved`: what a user part shows unescaped.
  static let user = ASCIIClass("-_.!~*'()&=+$,;?/")
  static let password = ASCIIClass("-_.!~*'()&=+$,")
  /// `paramchar` without the escape.
  static let uriParameter = ASCIIClass("-_.!~*'()[]/:&+$")
  /// `hvalue` without the escape.
  static let uriHeader = ASCIIClass("-_.!~*'()[]/?:+$=&")
  static let host = ASCIIClass("-._")
  static let scheme = ASCIIClass("+-.")
  /// `reserved` and `unreserved` of RFC 2396, for an absolute URI.
  static let absoluteURI = ASCIIClass("-_.!~*'();/?:@&=+$,%[]#|^{}`\\")
}

/// Equality of two strings where `A` equals `a`; all other bytes must be the same.
func equalIgnoringASCIICase(_ a: some StringProtocol, _ b: some StringProtocol) -> Bool {
  let x = a.utf8
  let y = b.utf8
  guard x.count == y.count else { return false }
  return zip(x, y).allSatisfy { $0.asciiLowercased == $1.asciiLowercased }
}
