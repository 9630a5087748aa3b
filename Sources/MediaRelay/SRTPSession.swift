/// SRTP and SRTCP of one direction for use outside the relay: test callers, fuzzing, tools.
///
/// Not thread-safe: one owner at a time.
public final class SRTPSession {
  public enum Direction: Sendable { case send, receive }

  /// Bytes a packet may grow by; buffers to protect in need that much room.
  public static let overhead = SRTPContext.overhead

  private let context: UnsafeMutablePointer<SRTPContext>

  /// Nil when the key does not fit the suite.
  public init?(_ parameters: SRTPParameters, direction: Direction) {
    guard let context = SRTPContext.create(parameters, direction: direction == .send ? .send : .receive)
    else {
      return nil
    }
    self.context = context
  }

  deinit { SRTPContext.destroy(context) }

  /// Protects the RTP packet in the first `count` bytes. Returns the new length; nil when it is no RTP
  /// packet, its number was used before, or the buffer lacks room.
  public func protect(_ buffer: UnsafeMutableRawBufferPointer, count: Int) -> Int? {
    guard let base = buffer.baseAddress, count >= 0, count + Self.overhead <= buffer.count,
      let header = RTPHeader.parse(UnsafeRawBufferPointer(start: base, count: count))
    else { return nil }
    return try? context.pointee.protect(base, count: count, header: header.length)
  }

  /// Opens the SRTP packet that fills the buffer, in place. Returns the length of the RTP packet; nil when it
  /// is not authentic, was seen before, or is no packet.
  public func unprotect(_ buffer: UnsafeMutableRawBufferPointer) -> Int? {
    guard let base = buffer.baseAddress else { return nil }
    return try? context.pointee.unprotect(base, count: buffer.count)
  }

  /// As ``protect(_:count:)``, for a compound RTCP packet.
  public func protectControl(_ buffer: UnsafeMutableRawBufferPointer, count: Int) -> Int? {
    guard let base = buffer.baseAddress, count >= 0, count + Self.overhead <= buffer.count else { return nil }
    return try? context.pointee.protectControl(base, count: count)
  }

  /// As ``unprotect(_:)``, for SRTCP.
  public func unprotectControl(_ buffer: UnsafeMutableRawBufferPointer) -> Int? {
    guard let base = buffer.baseAddress else { return nil }
    return try? context.pointee.unprotectControl(base, count: buffer.count)
  }
}
