import CallModel

/// SRTP of one direction of one stream for endpoints of our own that handle whole packets, such as test
/// callers.
///
/// The same transforms as the relay uses, with an array in and an array out; not for the relay's path. To be
/// used by one thread at a time.
public final class SRTPTransform {
  public enum Direction: Sendable { case send, receive }

  private let context: UnsafeMutablePointer<SRTPContext>

  /// Nil when the key does not fit its suite.
  public init?(_ crypto: SDESCrypto, _ direction: Direction) {
    guard
      let context = SRTPContext.create(
        SRTPParameters(crypto), direction: direction == .send ? .send : .receive)
    else { return nil }
    self.context = context
  }

  deinit { SRTPContext.destroy(context) }

  /// The SRTP packet for an RTP packet; nil when it is no RTP packet or the key is used up.
  public func protect(_ packet: [UInt8]) -> [UInt8]? {
    guard let header = packet.withUnsafeBytes({ RTPHeader.parse($0) }) else { return nil }
    return transform(packet, room: SRTPContext.overhead) { buffer, count in
      try? context.pointee.protect(buffer, count: count, header: header.length)
    }
  }

  /// The RTP packet of an SRTP packet; nil when it is forged, repeated or too old.
  public func unprotect(_ packet: [UInt8]) -> [UInt8]? {
    transform(packet, room: 0) { buffer, count in try? context.pointee.unprotect(buffer, count: count) }
  }

  private func transform(
    _ packet: [UInt8], room: Int, _ body: (UnsafeMutableRawPointer, Int) -> Int?
  ) -> [UInt8]? {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: packet.count + room + 1, alignment: 16)
    defer { buffer.deallocate() }
    buffer.copyBytes(from: packet)
    guard let start = buffer.baseAddress, let count = body(start, packet.count) else { return nil }
    return Array(UnsafeRawBufferPointer(start: start, count: count))
  }
}
