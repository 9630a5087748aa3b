import CallModel

/// Whose packets a side believes, and when it follows a source address that differs from the signalled one
/// (symmetric RTP, RFC 4961; hosted NAT traversal and its dangers, RFC 7362 §5).
///
/// The rules, in the order they are applied to a packet that passed RTP validation and carries a negotiated
/// payload type:
///
/// 1. A side that is *latched* takes packets only from the source it latched to. All others are counted as
///    ``DropReason/foreignSource`` and dropped.
/// 2. A side that is not latched takes the first packet from an address that ``Source`` allows. A packet from
///    an address nobody signalled (``Source/any``) must be followed by a second one in sequence from the same
///    source before it is believed (RFC 3550 A.1), and only within ``LatchTiming/window`` after the last
///    negotiation; after that only the signalled addresses count. Until then it is believed provisionally: two
///    packets in sequence from a signalled address displace it, so that who was first is not right for the
///    whole call (RFC 7362 §5).
/// 3. A latched side changes its source only when the old source has been silent: for
///    ``LatchTiming/authenticatedSilence`` when SRTP authenticates the new packet and it is newer than
///    anything received; for ``LatchTiming/silence`` when it is plain RTP that continues the same SSRC and
///    sequence from an allowed address.
/// 4. With SRTP, nothing latches before it has been authenticated.
/// 5. A negotiation that moves the signalled address opens the side again; one that does not keeps the latch.
///
/// A source that has been steady for half a second gets its socket connected to it until it falls silent for
/// one to two seconds: in that time the kernel refuses strangers, and a party that moves without a
/// negotiation is followed that much later.
///
/// Media is sent to the latched source when there is one, and to the signalled address until then.
public struct LatchPolicy: Sendable, Hashable {
  public enum Source: UInt8, Sendable, Hashable {
    /// Only the signalled address and port. For peers known to be symmetric, and trunks.
    case exact
    /// Any port of the signalled address. The default: it survives port-translating NAT on the same address.
    case signalledAddress
    /// Any address, for a caller the signalling has found to be behind NAT.
    case any
  }

  public var source: Source
  /// A second address allowed beside the signalled one: where the signalling came from (RFC 3581 `received`).
  public var signallingAddress: IPAddress?

  public init(_ source: Source = .signalledAddress, signallingAddress: IPAddress? = nil) {
    self.source = source
    self.signallingAddress = signallingAddress
  }
}

/// The times of ``LatchPolicy``, one set for the whole media plane.
public struct LatchTiming: Sendable, Hashable {
  /// How long after a negotiation an address nobody signalled may be latched.
  public var window: TimeSpan
  /// Silence of the old source before plain RTP may move.
  public var silence: TimeSpan
  /// Silence of the old source before authenticated SRTP may move.
  public var authenticatedSilence: TimeSpan

  public init(
    window: TimeSpan = .seconds(60), silence: TimeSpan = .milliseconds(1500),
    authenticatedSilence: TimeSpan = .milliseconds(250)
  ) {
    self.window = window
    self.silence = silence
    self.authenticatedSilence = authenticatedSilence
  }
}
