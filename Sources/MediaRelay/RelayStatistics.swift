import CallModel

/// Why a packet was not forwarded.
public enum DropReason: Int, Sendable, Hashable, CaseIterable {
  /// No RTP or RTCP packet (RFC 3550 A.1, A.2), and nothing else we speak.
  case malformed
  /// Longer than ``MediaRelayConfiguration/maximumPacketSize``.
  case tooLarge
  /// From an address the side does not believe; see ``LatchPolicy``.
  case foreignSource
  /// A payload type that was not negotiated.
  case payloadType
  /// SRTP authentication failed, or the MKI is unknown.
  case authentication
  /// SRTP replay or duplicate.
  case replay
  /// The negotiated direction forbids it (hold).
  case direction
  /// The other side has no address yet.
  case noDestination
  /// Media of the other side displaced by a digit being sent, or absorbed telephone events.
  case absorbed
  /// STUN, DTLS and other packets nobody asked for.
  case unexpectedKind
  /// The system refused to send.
  case sendFailed
}

/// Packets dropped, by reason.
public struct DropCounts: Sendable, Hashable {
  // In the order of ``DropReason``. Fixed storage: the relay counts here per packet.
  var counts: InlineCounts = InlineCounts()

  public init() {}
  public subscript(_ reason: DropReason) -> UInt64 { counts[reason.rawValue] }
  public var total: UInt64 { DropReason.allCases.reduce(0) { $0 + self[$1] } }
}

/// A fixed row of counters that is a plain value.
struct InlineCounts: Sendable, Hashable {
  private var low: SIMD8<UInt64> = .zero
  private var high: SIMD4<UInt64> = .zero
  subscript(_ i: Int) -> UInt64 {
    get { i < 8 ? low[i] : high[i - 8] }
    set { if i < 8 { low[i] = newValue } else { high[i - 8] = newValue } }
  }
}

/// What one party sent and was sent. Times are on the monotonic clock.
public struct RelaySideStatistics: Sendable, Hashable {
  /// RTP packets and bytes (UDP payload) taken from this party.
  public var packetsReceived: UInt64 = 0
  public var bytesReceived: UInt64 = 0
  /// RTP packets and bytes sent to it.
  public var packetsSent: UInt64 = 0
  public var bytesSent: UInt64 = 0
  public var rtcpReceived: UInt64 = 0
  public var rtcpSent: UInt64 = 0
  /// Expected minus received (RFC 3550 A.3), never below 0.
  public var packetsLost: UInt64 = 0
  public var packetsOutOfOrder: UInt64 = 0
  public var packetsDuplicated: UInt64 = 0
  /// Interarrival jitter of what this party sends, in milliseconds (RFC 3550 A.8).
  public var jitterMilliseconds: Double = 0
  /// Last round trip between us and this party, in milliseconds, from its reports (RFC 3550 §6.4.1); nil
  /// until one.
  public var roundTripMilliseconds: Double?
  /// What this party says it lost of what we send, cumulative; nil until it reported.
  public var reportedLost: Int32?
  /// The same over its last interval, 0...1.
  public var reportedFractionLost: Double?
  /// Jitter it reports, in milliseconds.
  public var reportedJitterMilliseconds: Double?
  /// SSRC heard last.
  public var ssrc: UInt32?
  /// Payload type heard last.
  public var payloadType: UInt8?
  public var firstPacket: MonotonicInstant?
  public var lastPacket: MonotonicInstant?
  /// The source this side is latched to.
  public var source: TransportAddress?
  public var drops = DropCounts()

  public init() {}
}

public struct RelayStreamStatistics: Sendable, Hashable {
  public var a = RelaySideStatistics()
  public var b = RelaySideStatistics()

  public init() {}
  public subscript(_ side: RelaySideName) -> RelaySideStatistics { side == .a ? a : b }
}

/// Figures of the whole media plane since it was started.
public struct MediaRelayCounters: Sendable, Hashable {
  public var sessions = 0
  public var streams = 0
  public var portsInUse = 0
  /// Sockets open for the next call.
  public var portsWarm = 0
  /// Times a port was asked for and none was free.
  public var portExhaustions: UInt64 = 0
  public var packetsRelayed: UInt64 = 0
  public var bytesRelayed: UInt64 = 0
  public var wakes: UInt64 = 0
  /// Packets that arrived on a port no stream uses.
  public var strayPackets: UInt64 = 0
  /// Times that a mix was worked on, and those of them that came a whole tick too late or more.
  public var ticks: UInt64 = 0
  public var lateTicks: UInt64 = 0
  public var drops = DropCounts()

  public init() {}
}
