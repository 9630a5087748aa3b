import CallModel

/// A local RTP port (and its RTCP port) reserved for one side of one stream.
public struct RelayPort: Sendable, Hashable {
  /// Position of the pair in the port pool; also names the socket inside the relay thread.
  let slot: Int32
  /// What belongs into `c=` and `m=`: the advertised address and the RTP port.
  public let rtp: TransportAddress
  /// What belongs into `a=rtcp`; with rtcp-mux RTCP uses ``rtp`` instead.
  public let rtcp: TransportAddress
  /// Index into ``MediaRelayConfiguration/interfaces``.
  public let interface: Int
}

/// SRTP keys of one direction (RFC 4568 or DTLS-SRTP, RFC 5764).
public struct SRTPParameters: Sendable, Hashable {
  public var suite: SDESCrypto.Suite
  /// Master key and master salt in base64, ``SDESCrypto/Suite/keyLength`` + ``SDESCrypto/Suite/saltLength``
  /// bytes.
  public var keyAndSalt: Secret
  public var mki: SDESCrypto.MKI?

  public init(suite: SDESCrypto.Suite, keyAndSalt: Secret, mki: SDESCrypto.MKI? = nil) {
    self.suite = suite
    self.keyAndSalt = keyAndSalt
    self.mki = mki
  }

  public init(_ crypto: SDESCrypto) {
    self.init(suite: crypto.suite, keyAndSalt: crypto.keyAndSalt, mki: crypto.mki)
  }
}

/// Payload types accepted from a side, and the number each has on the other side, in the form the relay
/// takes.
public struct RelayPayloadTypes: Sendable, Hashable {
  /// One accepted payload type, 0...127 both.
  public struct Entry: Sendable, Hashable {
    public var incoming: UInt8
    public var outgoing: UInt8
    public init(_ incoming: UInt8, _ outgoing: UInt8) {
      self.incoming = incoming
      self.outgoing = outgoing
    }
  }

  /// Nil passes every payload type unchanged; otherwise what is not listed is dropped and counted.
  public private(set) var entries: [Entry]?
  /// Types that this party may send and the other does not take: dropped, and the first is reported
  /// (``RelayEvent/otherFormat(stream:side:payloadType:)``).
  public private(set) var reported: [UInt8] = []

  /// Every payload type passes unchanged.
  public static let all = RelayPayloadTypes(entries: nil)

  private init(entries: [Entry]?) { self.entries = entries }

  /// Only the given types pass. Entries with a number above 127 are ignored; of two with the same incoming
  /// number the first counts.
  public init(_ entries: [Entry], reporting reported: [UInt8] = []) {
    self.reported = reported.filter { type in
      type < 128 && !entries.contains { $0.incoming == type }
    }
    self.entries = entries.filter { $0.incoming < 128 && $0.outgoing < 128 }
  }

  /// What two negotiations agreed on.
  public init(_ map: PayloadTypeMap) {
    self.init((0..<128).compactMap { type in map[type].map { Entry(type, $0) } })
  }
}

/// One side of a relayed stream: a remote party as negotiated with it.
public struct RelaySide: Sendable, Hashable {
  public var port: RelayPort
  /// Where the remote party wants RTP; nil while unknown (early offer without answer).
  public var remoteRTP: TransportAddress?
  /// Where it wants RTCP; nil means one port above ``remoteRTP``. Unused with ``isRTCPMultiplexed``.
  public var remoteRTCP: TransportAddress?
  /// RFC 5761 agreed with this party. Without it a second socket is opened for RTCP.
  public var isRTCPMultiplexed: Bool
  public var latch: LatchPolicy
  /// Keys for what we send to this party (ours), nil for plain RTP.
  public var sendKeys: SRTPParameters?
  /// Keys of what this party sends to us (theirs), nil for plain RTP.
  public var receiveKeys: SRTPParameters?
  /// The negotiated direction *as we see it*: `sends` allows packets to this party, `receives` takes them
  /// from it. Packets against it are dropped and counted.
  public var direction: MediaStream.Direction
  /// Payload types this party may send, with their number on the other side.
  public var payloadTypes: RelayPayloadTypes
  /// RTP clock of the main codec in Hz, for jitter and telephone events.
  public var clockRate: UInt32
  /// RFC 4733 payload type this party *sends to us*, for detection.
  public var receivedTelephoneEvent: UInt8?
  /// RFC 4733 payload type this party *wants from us*, for generated digits.
  public var sentTelephoneEvent: UInt8?
  /// Clock of the telephone-event payload type in Hz (RFC 4733 §2.1: that of the audio stream).
  public var telephoneEventClockRate: UInt32
  /// Telephone events under a second payload type and clock that this party may send, where formats of two clock rates were
  /// agreed.
  public var secondTelephoneEvent: TelephoneEventFormat?
  /// True when this party's telephone-event packets end here (they travel as SIP INFO on the other side).
  public var absorbsTelephoneEvents: Bool

  /// A payload type of RFC 4733 and its clock in Hz.
  public struct TelephoneEventFormat: Sendable, Hashable {
    public var payloadType: UInt8
    public var clockRate: UInt32
    public init(payloadType: UInt8, clockRate: UInt32) {
      self.payloadType = payloadType
      self.clockRate = clockRate
    }
  }

  public init(
    port: RelayPort, remoteRTP: TransportAddress? = nil, remoteRTCP: TransportAddress? = nil,
    isRTCPMultiplexed: Bool = false, latch: LatchPolicy = LatchPolicy(), sendKeys: SRTPParameters? = nil,
    receiveKeys: SRTPParameters? = nil, direction: MediaStream.Direction = .sendReceive,
    payloadTypes: RelayPayloadTypes = .all, clockRate: UInt32 = 8000, receivedTelephoneEvent: UInt8? = nil,
    sentTelephoneEvent: UInt8? = nil, telephoneEventClockRate: UInt32 = 8000,
    absorbsTelephoneEvents: Bool = false
  ) {
    self.port = port
    self.remoteRTP = remoteRTP
    self.remoteRTCP = remoteRTCP
    self.isRTCPMultiplexed = isRTCPMultiplexed
    self.latch = latch
    self.sendKeys = sendKeys
    self.receiveKeys = receiveKeys
    self.direction = direction
    self.payloadTypes = payloadTypes
    self.clockRate = clockRate
    self.receivedTelephoneEvent = receivedTelephoneEvent
    self.sentTelephoneEvent = sentTelephoneEvent
    self.telephoneEventClockRate = telephoneEventClockRate
    self.absorbsTelephoneEvents = absorbsTelephoneEvents
  }
}

/// Which of the two parties of a stream is meant.
public enum RelaySideName: UInt8, Sendable, Hashable, CaseIterable {
  case a, b
  public var other: RelaySideName { self == .a ? .b : .a }
}
