/// One page of an Ogg stream (RFC 3533 §6).
public struct OggPage: Hashable, Sendable {
  public var isContinuation: Bool
  public var isFirst: Bool
  public var isLast: Bool
  /// The position at the end of the last packet that ends on this page; -1 when none does.
  public var granulePosition: Int64
  public var serialNumber: UInt32
  public var sequenceNumber: UInt32
  /// The lacing values: 255 says that the packet goes on.
  public var segments: [UInt8]
  public var body: [UInt8]

  public static let headerLength = 27
  /// Of a whole page.
  public static let maximumLength = headerLength + 255 + 255 * 255

  public init(
    isContinuation: Bool = false, isFirst: Bool = false, isLast: Bool = false, granulePosition: Int64,
    serialNumber: UInt32, sequenceNumber: UInt32, segments: [UInt8], body: [UInt8]
  ) {
    self.isContinuation = isContinuation
    self.isFirst = isFirst
    self.isLast = isLast
    self.granulePosition = granulePosition
    self.serialNumber = serialNumber
    self.sequenceNumber = sequenceNumber
    self.segments = segments
    self.body = body
  }

  public enum Reading: Hashable, Sendable {
    case page(OggPage, length: Int)
    /// More bytes are needed.
    case incomplete
    /// No page begins here, or it is damaged: look for the next one.
    case none
  }

  /// Reads a page at an offset; the checksum must match.
  public static func read(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Reading {
    let rest = bytes.count - offset
    guard rest >= 4 else {
      for i in 0..<max(0, rest) where bytes[offset + i] != capture[i] { return .none }
      return .incomplete
    }
    guard bytes.hasText("OggS", at: offset) else { return .none }
    guard rest >= headerLength else { return .incomplete }
    guard bytes[offset + 4] == 0 else { return .none }
    let segmentCount = Int(bytes[offset + 26])
    guard rest >= headerLength + segmentCount else { return .incomplete }
    let start = offset + headerLength
    var bodyLength = 0
    for i in 0..<segmentCount { bodyLength += Int(bytes[start + i]) }
    let length = headerLength + segmentCount + bodyLength
    guard rest >= length else { return .incomplete }
    var checksum = OggChecksum()
    checksum.add(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + 22]))
    checksum.addZeros(4)
    checksum.add(UnsafeRawBufferPointer(rebasing: bytes[offset + 26..<offset + length]))
    guard checksum.value == bytes.littleEndian32(offset + 22) else { return .none }
    let flags = bytes[offset + 5]
    return .page(
      OggPage(
        isContinuation: flags & 1 != 0, isFirst: flags & 2 != 0, isLast: flags & 4 != 0,
        granulePosition: Int64(bitPattern: bytes.littleEndian64(offset + 6)),
        serialNumber: bytes.littleEndian32(offset + 14), sequenceNumber: bytes.littleEndian32(offset + 18),
        segments: Array(bytes[start..<start + segmentCount]),
        body: Array(bytes[start + segmentCount..<offset + length])), length: length)
  }

  /// The page with its checksum.
  public var bytes: [UInt8] {
    var page = OggPage.capture + [0]
    page.append((isContinuation ? 1 : 0) | (isFirst ? 2 : 0) | (isLast ? 4 : 0))
    func put<T: FixedWidthInteger>(_ value: T) {
      withUnsafeBytes(of: value.littleEndian) { page.append(contentsOf: $0) }
    }
    put(granulePosition)
    put(serialNumber)
    put(sequenceNumber)
    put(UInt32(0))
    page.append(UInt8(segments.count))
    page += segments
    page += body
    var checksum = OggChecksum()
    page.withUnsafeBytes { checksum.add($0) }
    withUnsafeBytes(of: checksum.value.littleEndian) { for i in 0..<4 { page[22 + i] = $0[i] } }
    return page
  }

  private static let capture = Array("OggS".utf8)
}

/// The CRC of Ogg pages: polynomial 0x04c11db7, no reflection, starting at zero (RFC 3533 §6, field 7).
struct OggChecksum {
  private(set) var value: UInt32 = 0

  private static let table: [UInt32] = (0..<256).map { index in
    var value = UInt32(index) << 24
    for _ in 0..<8 { value = value & 0x8000_0000 != 0 ? value << 1 ^ 0x04c1_1db7 : value << 1 }
    return value
  }

  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    OggChecksum.table.withUnsafeBufferPointer { table in
      for byte in bytes { value = value << 8 ^ table[Int(UInt8(value >> 24) ^ byte)] }
    }
  }

  mutating func addZeros(_ count: Int) {
    for _ in 0..<count { value = value << 8 ^ OggChecksum.table[Int(value >> 24)] }
  }
}
