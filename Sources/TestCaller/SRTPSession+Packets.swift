import CallModel
import MediaRelay

/// Whole packets in and out: simple rather than fast, for one call at a time.
extension SRTPSession {
  convenience init?(_ crypto: SDESCrypto, _ direction: Direction) {
    self.init(SRTPParameters(crypto), direction: direction)
  }

  /// The SRTP packet for an RTP packet; nil when it is no RTP packet or the key is used up.
  func protected(_ packet: [UInt8]) -> [UInt8]? {
    var buffer = packet + [UInt8](repeating: 0, count: SRTPSession.overhead)
    let length = buffer.withUnsafeMutableBytes { protect($0, count: packet.count) }
    return length.map { Array(buffer.prefix($0)) }
  }

  /// The RTP packet of an SRTP packet; nil when it is forged, repeated or too old.
  func unprotected(_ packet: [UInt8]) -> [UInt8]? {
    var buffer = packet
    let length = buffer.withUnsafeMutableBytes { unprotect($0) }
    return length.map { Array(buffer.prefix($0)) }
  }
}
