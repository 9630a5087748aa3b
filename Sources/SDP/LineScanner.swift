/// The words of one line, read from left to right. Runs of blanks count as one.
struct LineScanner {
  let bytes: UnsafeBufferPointer<UInt8>
  private(set) var position: Int
  let end: Int

  @inline(__always)
  init(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int, to end: Int) {
    self.bytes = bytes
    position = start
    self.end = end
  }

  @inline(__always)
  var isAtEnd: Bool { position >= end }

  mutating func skipBlanks() {
    while position < end, bytes[position] == 0x20 || bytes[position] == 0x09 { position += 1 }
  }

  /// The next word as a range; empty at the end of the line.
  mutating func word() -> Range<Int> {
    skipBlanks()
    let start = position
    while position < end, bytes[position] != 0x20, bytes[position] != 0x09 { position += 1 }
    return start..<position
  }

  /// The next word as text; nil at the end of the line.
  mutating func text() -> String? {
    let range = word()
    return range.isEmpty ? nil : string(range)
  }

  func string(_ range: Range<Int>) -> String {
    String(decoding: UnsafeBufferPointer(rebasing: bytes[range]), as: UTF8.self)
  }

  /// A decimal number without sign; nil when it has other bytes, none, or is above `maximum`.
  func number(_ range: Range<Int>, maximum: Int = 1 << 50) -> Int? {
    guard !range.isEmpty, range.count <= 18 else { return nil }
    var value = 0
    for i in range {
      let digit = Int(bytes[i]) - 0x30
      guard digit >= 0, digit <= 9 else { return nil }
      value = value * 10 + digit
    }
    return value <= maximum ? value : nil
  }

  func firstIndex(of byte: UInt8, in range: Range<Int>) -> Int? {
    var i = range.lowerBound
    while i < range.upperBound {
      if bytes[i] == byte { return i }
      i += 1
    }
    return nil
  }
}

extension UnsafeBufferPointer<UInt8> {
  /// Whether the bytes are the ASCII text, ignoring case.
  func isASCII(_ range: Range<Int>, _ upperCased: StaticString) -> Bool {
    guard range.count == upperCased.utf8CodeUnitCount else { return false }
    for i in 0..<range.count {
      var byte = self[range.lowerBound + i]
      if byte >= 0x61 && byte <= 0x7a { byte -= 0x20 }
      if byte != upperCased.utf8Start[i] { return false }
    }
    return true
  }
}
