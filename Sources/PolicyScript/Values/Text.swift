/// A Python `str`: characters are code points, equality and order are by code point, nothing is normalised.
///
/// Swift's `String` counts grapheme clusters and compares canonically equivalent texts as equal, so the bytes are held as
/// they are. Always valid UTF-8.
struct Text: Hashable, Sendable {
  let bytes: [UInt8]
  /// Then an offset in characters is an offset in bytes.
  let isASCII: Bool

  /// - Parameter bytes: Valid UTF-8.
  init(bytes: [UInt8]) {
    self.bytes = bytes
    isASCII = bytes.allSatisfy { $0 < 0x80 }
  }

  init(bytes: ArraySlice<UInt8>) { self.init(bytes: Array(bytes)) }

  init(_ string: String) { self.init(bytes: Array(string.utf8)) }

  init(scalars: some Sequence<Unicode.Scalar>) {
    var bytes: [UInt8] = []
    for scalar in scalars { bytes.append(scalar) }
    self.init(bytes: bytes)
  }

  static let empty = Text(bytes: [UInt8]())

  var isEmpty: Bool { bytes.isEmpty }
  var string: String { String(decoding: bytes, as: UTF8.self) }

  /// Number of code points.
  var count: Int {
    if isASCII { return bytes.count }
    var count = 0
    for byte in bytes where byte & 0xc0 != 0x80 { count += 1 }
    return count
  }

  var scalars: String.UnicodeScalarView { string.unicodeScalars }

  /// The offset in bytes of the code point at `index`, which must be in `0...count`.
  func offset(of index: Int) -> Int {
    if isASCII { return index }
    var remaining = index
    var offset = 0
    while remaining > 0, offset < bytes.count {
      offset += Text.width(bytes[offset])
      remaining -= 1
    }
    return offset
  }

  /// The number of code points before the byte at `offset`.
  func index(ofOffset offset: Int) -> Int {
    if isASCII { return offset }
    var count = 0
    for byte in bytes[..<offset] where byte & 0xc0 != 0x80 { count += 1 }
    return count
  }

  /// Bytes of the code point that begins with `lead`.
  static func width(_ lead: UInt8) -> Int { lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4 }

  /// Code points `lower..<upper`, which must be in range.
  subscript(range: Range<Int>) -> Text {
    if isASCII { return Text(bytes: bytes[range]) }
    let start = offset(of: range.lowerBound)
    var end = start
    for _ in range where end < bytes.count { end += Text.width(bytes[end]) }
    return Text(bytes: bytes[start..<end])
  }

  static func < (a: Text, b: Text) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }

  /// Where `needle` first begins at or after the byte `start`, as an offset in bytes; it must fit before `end`.
  func find(_ needle: Text, from start: Int, to end: Int) -> Int? {
    let count = needle.bytes.count
    guard start <= end, count <= end - start else { return nil }
    guard let first = needle.bytes.first else { return start }
    // Quick for what is usual; its time would grow with the product of the lengths for what is not.
    if count > 16 { return findLong(needle.bytes, from: start, to: end) }
    return bytes.withUnsafeBufferPointer { bytes in
      needle.bytes.withUnsafeBufferPointer { needle in
        var i = start
        while i <= end - count {
          if bytes[i] == first {
            var j = 1
            while j < count, bytes[i + j] == needle[j] { j += 1 }
            if j == count { return i }
          }
          i += 1
        }
        return nil
      }
    }
  }

  /// Knuth, Morris and Pratt: no byte of the text is looked at twice.
  private func findLong(_ needle: [UInt8], from start: Int, to end: Int) -> Int? {
    // For each beginning of the needle, the length of the longest other beginning that it ends with.
    var borders = [0]
    borders.reserveCapacity(needle.count)
    var length = 0
    for i in 1..<needle.count {
      while length > 0, needle[i] != needle[length] { length = borders[length - 1] }
      if needle[i] == needle[length] { length += 1 }
      borders.append(length)
    }
    length = 0
    for i in start..<end {
      while length > 0, bytes[i] != needle[length] { length = borders[length - 1] }
      if bytes[i] == needle[length] { length += 1 }
      if length == needle.count { return i + 1 - length }
    }
    return nil
  }

  func contains(_ needle: Text) -> Bool { find(needle, from: 0, to: bytes.count) != nil }
}

extension [UInt8] {
  mutating func append(_ scalar: Unicode.Scalar) {
    if scalar.value < 0x80 {
      append(UInt8(truncatingIfNeeded: scalar.value))
    } else {
      append(contentsOf: UTF8.encode(scalar)!)  // every scalar can be encoded
    }
  }

  mutating func append(text: String) { append(contentsOf: text.utf8) }
}

extension Unicode.Scalar {
  /// What Python's `str.isspace`, `strip` and `split` take for white space.
  var isPythonSpace: Bool {
    switch value {
    case 0x09...0x0d, 0x1c...0x20, 0x85, 0xa0, 0x1680, 0x2000...0x200a, 0x2028, 0x2029, 0x202f, 0x205f,
      0x3000:
      true
    default: false
    }
  }

  /// What Python's `repr` writes as it is.
  var isPythonPrintable: Bool {
    if value < 0x7f { return value >= 0x20 }
    switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
      .spaceSeparator:
      return false
    default: return true
    }
  }
}
