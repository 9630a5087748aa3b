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
  /// Asked once, when the tap is attached. Where it is, the reports of that side (RTCP) end here too, and ours are sent: the
  /// streams of the two sides are not the same any more.
  var takesRTP: Bool { get }
  /// The tap is in place: until ``detached()`` it may send through the endpoint, while it is called on this thread.
  func attached(to endpoint: RelayEndpoint)
  func detached()
  /// A packet that is neither RTP nor RTCP, or (``takesRTP``) an RTP packet after SRTP.
  ///
  /// - Parameter at: when it came in. On a thread that mixes that may be somewhat before ``RelayOutput/now``.
  func received(
    _ packet: UnsafeRawBufferPointer, kind: PacketKind, from: TransportAddress, at: MonotonicInstant,
    output: borrowing RelayOutput)
}

extension MediaTap {
  public func attached(to endpoint: RelayEndpoint) {}
  public func detached() {}
}

/// A party as its tap may send to it: on the thread of the stream, from ``MediaTap/attached(to:)`` until
/// ``MediaTap/detached()``.
public struct RelayEndpoint {
  let side: UnsafeMutablePointer<SideState>
  let loop: UnsafeMutablePointer<RelayLoop>

  /// The other party of the packet in hand.
  public init(otherOf output: borrowing RelayOutput) {
    side = output.side.pointee.peer
    loop = output.loop
  }

  init(side: UnsafeMutablePointer<SideState>, loop: UnsafeMutablePointer<RelayLoop>) {
    self.side = side
    self.loop = loop
  }

  /// Sends a packet to this party: header and payload as given, but for the sequence number where digits were inserted
  /// before. Protected when the side has keys; dropped while digits are being sent to it, on hold, and without an address.
  @inline(__always)
  public func sendRTP(_ header: RTPHeader, payload: UnsafeRawBufferPointer) {
    loop.pointee.sendFromTap(header, payload, to: side)
  }

  public var stream: RelayStream.ID { side.pointee.stream.pointee.id }

  /// The part of what is sent to this party that it lost in the interval of its last report, in 1/256 (RFC 3550 §6.4.1).
  public var reportedFractionLost: UInt8 { side.pointee.reported.fractionLost }

  /// Whether packets would go anywhere.
  public var canSend: Bool { side.pointee.sends && !side.pointee.destination.isNone }
}

/// What a ``MediaTap`` may do while it is being called.
public struct RelayOutput: ~Copyable {
  let side: UnsafeMutablePointer<SideState>
  let loop: UnsafeMutablePointer<RelayLoop>
  let source: TransportAddress

  /// The time.
  public var now: MonotonicInstant { MonotonicInstant(nanoseconds: loop.pointee.now) }

  /// Sends bytes as they are back to the source of the packet (STUN and DTLS answers).
  public func reply(_ bytes: UnsafeRawBufferPointer) {
    loop.pointee.sendRaw(bytes, from: side, to: source)
  }

  /// Sends an RTP packet to this party: payload type and SSRC as given, the sequence number too unless digits were inserted
  /// before; protected when the side has keys.
  public func sendRTP(_ packet: UnsafeRawBufferPointer) {
    loop.pointee.sendRTPFromTap(packet, to: side)
  }

  /// Sends an RTP packet to the other party.
  public func sendRTPToOther(_ packet: UnsafeRawBufferPointer) {
    loop.pointee.sendRTPFromTap(packet, to: side.pointee.peer)
  }

  /// The same from its parts. The payload may lie in the packet that was received.
  @inline(__always)
  public func sendRTPToOther(_ header: RTPHeader, payload: UnsafeRawBufferPointer) {
    loop.pointee.sendFromTap(header, payload, to: side.pointee.peer)
  }
}
