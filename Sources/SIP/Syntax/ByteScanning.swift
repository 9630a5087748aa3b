import Glibc

/// The bytes a scanner works on. Positions are offsets from its start; every scanner is given the end it may
/// not pass.
typealias Bytes = UnsafeRawBufferPointer

extension UnsafeRawBufferPointer {
  /// The position of the first `byte` in `range`.
  @inline(__always) func firstIndex(of byte: UInt8, in range: Range<Int>) -> Int? {
    guard !range.isEmpty, let base = baseAddress,
      let found = memchr(base + range.lowerBound, Int32(byte), range.count)
    else { return nil }
    return UnsafeRawPointer(found) - base
  }

  /// The text of a range; bytes that are not UTF-8 become U+FFFD.
  @inline(__always) func text(_ range: Range<Int>) -> String {
    String(decoding: UnsafeRawBufferPointer(rebasing: self[range]), as: UTF8.self)
  }

  @inline(__always) func skipBlanks(_ position: Int, _ end: Int) -> Int {
    var i = position
    while i < end, self[i].isBlank { i += 1 }
    return i
  }

  /// The range without blanks at its ends.
  @inline(__always) func trimmed(_ range: Range<Int>) -> Range<Int> {
    let lower = skipBlanks(range.lowerBound, range.upperBound)
    var upper = range.upperBound
    while upper > lower, self[upper - 1].isBlank { upper -= 1 }
    return lower..<upper
  }

  @inline(__always) func skipToken(_ position: Int, _ end: Int) -> Int {
    var i = position
    let token = ASCIIClass.token
    while i < end, token.contains(self[i]) { i += 1 }
    return i
  }

  /// Whether the range is this lower-case ASCII text, without regard to case.
  func equals(_ range: Range<Int>, _ lowercased: StaticString) -> Bool {
    guard range.count == lowercased.utf8CodeUnitCount else { return false }
    let start = lowercased.utf8Start
    for i in 0..<range.count where self[range.lowerBound + i].asciiLowercased != start[i] { return false }
    return true
  }

  /// The position after the closing quote of a quoted string that opens at `position`.
  func skipQuotedString(_ position: Int, _ end: Int) throws(SyntaxFault) -> Int {
    var i = position + 1
    while i < end {
      let byte = self[i]
      if byte == .doubleQuote { return i + 1 }
      if byte == .backslash { i += 1 }
      guard i < end, self[i] != .lineFeed, self[i] != .carriageReturn else { break }
      i += 1
    }
    throw SyntaxFault(.unterminatedQuotedString, position)
  }

  /// The text inside a quoted string, its escapes resolved (RFC 3261 §25.1 `quoted-pair`).
  func unquoted(_ inner: Range<Int>) -> String {
    guard firstIndex(of: .backslash, in: inner) != nil else { return text(inner) }
    var result: [UInt8] = []
    result.reserveCapacity(inner.count)
    var i = inner.lowerBound
    while i < inner.upperBound {
      if self[i] == .backslash, i + 1 < inner.upperBound { i += 1 }
      result.append(self[i])
      i += 1
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// A decimal number of digits only, at most `limit`; nil when it is anything else.
  func decimal(_ range: Range<Int>, limit: UInt64 = UInt64(UInt32.max)) -> UInt64? {
    guard !range.isEmpty else { return nil }
    var value: UInt64 = 0
    for i in range {
      guard self[i].isDigit else { return nil }
      value = value &* 10 &+ UInt64(self[i] &- 0x30)
      guard value <= limit else { return nil }
    }
    return value
  }

  /// Calls `body` with each element of a comma-separated list, trimmed. Commas inside quotes and angle
  /// brackets do not separate. Empty elements are passed too.
  func forEachElement(
    _ range: Range<Int>, _ body: (Range<Int>) throws(SyntaxFault) -> Void
  ) throws(SyntaxFault) {
    var start = range.lowerBound
    var i = start
    let end = range.upperBound
    while i < end {
      switch self[i] {
      case .doubleQuote: i = try skipQuotedString(i, end)
      case .lessThan:
        guard let close = firstIndex(of: .greaterThan, in: i..<end) else {
          throw SyntaxFault(.malformedHeader, i)
        }
        i = close + 1
      case .comma:
        try body(trimmed(start..<i))
        i += 1
        start = i
      default: i += 1
      }
    }
    try body(trimmed(start..<end))
  }
}

/// Runs a scanner over the bytes of a string.
@inline(__always)
func scanning<T>(
  _ text: some StringProtocol, _ body: (Bytes) throws(SyntaxFault) -> T
) throws(SyntaxFault) -> T {
  var text = String(text)
  let result: Result<T, SyntaxFault> = text.withUTF8 { buffer in
    do throws(SyntaxFault) {
      return .success(try body(UnsafeRawBufferPointer(buffer)))
    } catch {
      return .failure(error)
    }
  }
  return try result.get()
}

extension [UInt8] {
  /// Copies the text in one piece: appending its UTF-8 view goes byte by byte.
  @inline(__always) mutating func append(_ text: String) {
    var text = text
    text.withUTF8 { append(contentsOf: $0) }
  }
  @inline(__always) mutating func append(_ text: StaticString) {
    append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  mutating func append(decimal number: some BinaryInteger) { append(String(number)) }

  /// Text as a quoted string: `"` and `\` escaped, line ends turned into spaces.
  mutating func append(quoted text: String) {
    append(.doubleQuote)
    for byte in text.utf8 {
      switch byte {
      case .doubleQuote, .backslash:
        append(.backslash)
        append(byte)
      case .carriageReturn, .lineFeed: append(.space)
      default: append(byte)
      }
    }
    append(.doubleQuote)
  }

  /// Text with every byte outside `set` percent-encoded; an escape that stands in the text already stays as
  /// it is.
  mutating func append(escaping text: String, except set: ASCIIClass) {
    let bytes = Array(text.utf8)
    for (i, byte) in bytes.enumerated() {
      if set.contains(byte) {
        append(byte)
      } else if byte == .percent, i + 2 < bytes.count, bytes[i + 1].hexValue != nil,
        bytes[i + 2].hexValue != nil
      {
        append(byte)
      } else {
        let digits = Array("0123456789ABCDEF".utf8)
        append(.percent)
        append(digits[Int(byte >> 4)])
        append(digits[Int(byte & 15)])
      }
    }
  }
}
