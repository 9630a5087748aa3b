/// A compound RTCP packet (RFC 3550 §6.1, A.2; reduced-size packets of RFC 5506 are accepted too).
public struct RTCPCompound: Sendable, Hashable {
  /// Packets in it.
  public var count: Int
  /// SSRC of the sender.
  public var ssrc: UInt32
  /// NTP timestamp, middle 32 bits, when it begins with a sender report.
  public var senderReport: UInt32?

  /// Most packets one compound may hold.
  public static let limit = 64

  /// Checks version, packet types, lengths and padding of every part. Nil when anything does not add up.
  public static func parse(_ packet: UnsafeRawBufferPointer) -> RTCPCompound? {
    guard packet.count >= 8, packet.count % 4 == 0, let base = packet.baseAddress else { return nil }
    var result = RTCPCompound(count: 0, ssrc: base.loadBigEndian32(4), senderReport: nil)
    var offset = 0
    while offset < packet.count {
      guard packet.count - offset >= 4, result.count < limit else { return nil }
      let first = packet[offset]
      let type = packet[offset + 1]
      let length = (Int(base.loadBigEndian16(offset + 2)) + 1) * 4
      let isLast = offset + length == packet.count
      guard first >> 6 == 2, (192...213).contains(type), length <= packet.count - offset else { return nil }
      if first & 0x20 != 0 {
        // Padding only in the last packet, and within it.
        let padding = Int(packet[packet.count - 1])
        guard isLast, padding > 0, padding % 4 == 0, padding <= length - 4 else { return nil }
      }
      switch type {
      case 200:
        guard length >= 28 + Int(first & 31) * 24 else { return nil }
        if offset == 0 { result.senderReport = base.loadBigEndian32(10) }
      case 201:
        guard length >= 8 + Int(first & 31) * 24 else { return nil }
      case 205, 206:
        guard length >= 12 else { return nil }
      default: break
      }
      result.count += 1
      offset += length
    }
    return result
  }

  /// Calls `body` with the offset of each report block in a compound that ``parse(_:)`` accepted.
  @inline(__always)
  static func forEachReportBlock(_ packet: UnsafeRawBufferPointer, _ body: (Int) -> Void) {
    guard let base = packet.baseAddress else { return }
    var offset = 0
    while offset + 4 <= packet.count {
      let type = packet[offset + 1]
      let length = (Int(base.loadBigEndian16(offset + 2)) + 1) * 4
      guard length <= packet.count - offset else { return }
      if type == 200 || type == 201 {
        let first = offset + (type == 200 ? 28 : 8)
        for i in 0..<Int(packet[offset] & 31) where first + (i + 1) * 24 <= offset + length {
          body(first + i * 24)
        }
      }
      offset += length
    }
  }
}

/// What a party last reported of the stream it receives (RFC 3550 §6.4.1).
struct ReceiverReport {
  var hasReport = false
  var fractionLost: UInt8 = 0
  /// Signed 24 bits.
  var lost: Int32 = 0
  /// RTP timestamp units.
  var jitter: UInt32 = 0
  /// Nanoseconds, -1 before the first.
  var roundTrip: Int64 = -1
}
