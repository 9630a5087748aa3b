/// The fixed header of an RTP packet and where its payload lies (RFC 3550 §5.1, §5.3.1).
public struct RTPHeader: Sendable, Hashable {
  public var hasPadding: Bool
  public var marker: Bool
  public var payloadType: UInt8
  public var sequenceNumber: UInt16
  public var timestamp: UInt32
  public var ssrc: UInt32
  /// Bytes before the payload: fixed header, CSRCs, header extension.
  public var length: Int

  /// Bytes of the smallest packet.
  public static let minimumLength = 12

  /// Reads and checks a header: version 2, CSRC list and extension inside the packet. Nil when it is no RTP
  /// packet. Padding is not looked at: with SRTP it is encrypted.
  @inline(__always)
  public static func parse(_ packet: UnsafeRawBufferPointer) -> RTPHeader? {
    guard packet.count >= minimumLength, let base = packet.baseAddress else { return nil }
    let first = base.load(as: UInt8.self)
    guard first >> 6 == 2 else { return nil }
    var length = minimumLength + Int(first & 15) * 4
    if first & 0x10 != 0 {
      guard packet.count >= length + 4 else { return nil }
      length += 4 + Int(base.loadBigEndian16(length + 2)) * 4
    }
    guard packet.count >= length else { return nil }
    let second = base.load(fromByteOffset: 1, as: UInt8.self)
    return RTPHeader(
      hasPadding: first & 0x20 != 0, marker: second & 0x80 != 0, payloadType: second & 0x7f,
      sequenceNumber: base.loadBigEndian16(2), timestamp: base.loadBigEndian32(4),
      ssrc: base.loadBigEndian32(8),
      length: length)
  }

  /// The bounds of the payload without padding, or nil when the padding count is impossible (RFC 3550 A.1).
  public func payload(in packet: UnsafeRawBufferPointer) -> Range<Int>? {
    guard hasPadding else { return length..<packet.count }
    guard packet.count > length else { return nil }
    let padding = Int(packet[packet.count - 1])
    guard padding > 0, packet.count - padding >= length else { return nil }
    return length..<packet.count - padding
  }

  /// Writes the twelve fixed bytes of a packet without CSRCs and extension.
  public func write(to buffer: UnsafeMutableRawPointer) {
    buffer.storeBytes(of: hasPadding ? 0xa0 : 0x80, as: UInt8.self)
    buffer.storeBytes(of: payloadType & 0x7f | (marker ? 0x80 : 0), toByteOffset: 1, as: UInt8.self)
    buffer.storeBigEndian(sequenceNumber, 2)
    buffer.storeBigEndian(timestamp, 4)
    buffer.storeBigEndian(ssrc, 8)
  }

  public init(
    payloadType: UInt8, sequenceNumber: UInt16, timestamp: UInt32, ssrc: UInt32, marker: Bool = false
  ) {
    self.init(
      hasPadding: false, marker: marker, payloadType: payloadType, sequenceNumber: sequenceNumber,
      timestamp: timestamp, ssrc: ssrc, length: RTPHeader.minimumLength)
  }

  @usableFromInline
  init(
    hasPadding: Bool, marker: Bool, payloadType: UInt8, sequenceNumber: UInt16, timestamp: UInt32,
    ssrc: UInt32,
    length: Int
  ) {
    self.hasPadding = hasPadding
    self.marker = marker
    self.payloadType = payloadType
    self.sequenceNumber = sequenceNumber
    self.timestamp = timestamp
    self.ssrc = ssrc
    self.length = length
  }
}

extension UnsafeRawPointer {
  @inline(__always)
  func loadBigEndian16(_ offset: Int) -> UInt16 {
    UInt16(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }
  @inline(__always)
  func loadBigEndian32(_ offset: Int) -> UInt32 {
    UInt32(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }
}

extension UnsafeMutableRawPointer {
  @inline(__always)
  func loadBigEndian16(_ offset: Int) -> UInt16 { UnsafeRawPointer(self).loadBigEndian16(offset) }
  @inline(__always)
  func loadBigEndian32(_ offset: Int) -> UInt32 { UnsafeRawPointer(self).loadBigEndian32(offset) }
  @inline(__always)
  func storeBigEndian<T: FixedWidthInteger>(_ value: T, _ offset: Int) {
    storeBytes(of: value.bigEndian, toByteOffset: offset, as: T.self)
  }
}
