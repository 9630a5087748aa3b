import CallModel

/// The kinds of packet that share a media port, told apart by the first byte (RFC 7983 §7, RFC 9443).
public enum PacketKind: UInt8, Sendable, Hashable {
  case stun, zrtp, dtls, turnChannel, rtp, rtcp, unknown

  /// Classifies by the first two bytes; `multiplexed` widens what counts as RTCP to RFC 5761 §4.
  @inline(__always)
  static func of(_ first: UInt8, _ second: UInt8, multiplexed: Bool) -> PacketKind {
    if first >> 6 == 2 {
      return (multiplexed ? 192...223 : 200...213).contains(second) ? .rtcp : .rtp
    }
    switch first {
    case 0...3: return .stun
    case 16...19: return .zrtp
    case 20...63: return .dtls
    case 64...79: return .turnChannel
    default: return .unknown
    }
  }
}

/// The door for what is not plain relaying: ICE, DTLS, transcoding, mixing.
///
/// A tap is attached to one side of a stream. Packets that are not RTP or RTCP always go to it. Decrypted,
/// validated RTP of that side goes to it *instead of* to the other side when ``takesRTP`` says so. A side
/// without a tap pays one comparison for this.
///
/// All calls come on the relay thread that owns the stream: they must not block, and must not keep the
/// buffers.
public protocol MediaTap: AnyObject, Sendable {
  /// Asked once, when the tap is attached.
  var takesRTP: Bool { get }
  /// A packet that is neither RTP nor RTCP, or (``takesRTP``) an RTP packet after SRTP.
  func received(
    _ packet: UnsafeRawBufferPointer, kind: PacketKind, from: TransportAddress, at: MonotonicInstant,
    output: borrowing RelayOutput)
}

/// What a ``MediaTap`` may do while it is being called.
public struct RelayOutput: ~Copyable {
  let side: UnsafeMutablePointer<SideState>
  let loop: UnsafeMutablePointer<RelayLoop>
  let source: TransportAddress

  /// Sends bytes as they are back to the source of the packet (STUN and DTLS answers).
  public func reply(_ bytes: UnsafeRawBufferPointer) {
    loop.pointee.sendRaw(bytes, from: side, to: source)
  }

  /// Sends an RTP packet to this party: payload type, sequence and SSRC as given, protected when the side has
  /// keys.
  public func sendRTP(_ packet: UnsafeRawBufferPointer) {
    loop.pointee.sendRTPFromTap(packet, to: side)
  }

  /// Sends an RTP packet to the other party.
  public func sendRTPToOther(_ packet: UnsafeRawBufferPointer) {
    loop.pointee.sendRTPFromTap(packet, to: side.pointee.peer)
  }
}
