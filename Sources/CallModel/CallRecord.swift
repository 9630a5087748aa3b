/// What is kept of a call: written when it is accepted, brought up to date as it goes, closed when it ends.
public struct CallRecord: Hashable, Sendable {
  public var id: CallID
  public var started: WallClock
  public var connected: WallClock?
  public var ended: WallClock?
  public var caller: LegParty
  /// What was dialled.
  public var calledAlias: String
  /// The gateway's rule or the service that took the call; empty before a decision.
  public var serviceName: String
  /// `gateway`, or the service's kind; empty for a rejected call.
  public var serviceType: String
  public var tag: String
  public var decision: DecisionRecord
  public var attempts: [CallAttempt]
  /// How the call ended; nil while it is up.
  public var disconnect: Disconnect?
  /// Which side ended it.
  public var endedBy: Side?
  public var media: [MediaQuality]
  /// Transfers and other turning points, in order.
  public var events: [CallEvent]
  /// Its stays in conferences, in order. A call between two parties has some only if somebody was moved in it: else its
  /// participants are the caller and who answered.
  public var participants: [ParticipantRecord] = []

  public enum Side: String, Hashable, Sendable, Codable {
    case caller, called, tandem
  }

  public init(
    id: CallID, started: WallClock, caller: LegParty, calledAlias: String, serviceName: String,
    serviceType: String,
    tag: String, decision: DecisionRecord
  ) {
    self.id = id
    self.started = started
    self.caller = caller
    self.calledAlias = calledAlias
    self.serviceName = serviceName
    self.serviceType = serviceType
    self.tag = tag
    self.decision = decision
    attempts = []
    media = []
    events = []
  }
}

/// One try to reach one target.
public struct CallAttempt: Hashable, Sendable {
  /// The trunk's name, `registration`, `dns`, or `pickup` for a party that took the call from those who rang.
  public var via: String
  /// The called alias as sent.
  public var alias: String
  public var address: TransportAddress?
  public var started: WallClock
  public var rang: WallClock?
  public var answered: WallClock?
  public var ended: WallClock?
  public var disconnect: Disconnect?

  public init(via: String, alias: String, address: TransportAddress? = nil, started: WallClock) {
    self.via = via
    self.alias = alias
    self.address = address
    self.started = started
  }
}

/// What one side of one stream sent and received.
public struct MediaQuality: Hashable, Sendable {
  public var side: CallRecord.Side
  public var kind: String
  public var codec: String
  public var isEncrypted: Bool
  public var packetsReceived: UInt64
  public var packetsSent: UInt64
  public var bytesReceived: UInt64
  public var packetsLost: Int64
  /// Milliseconds (RFC 3550 §6.4.1).
  public var jitter: Double
  /// Milliseconds; nil when no RTCP told.
  public var roundTrip: Double?

  public init(
    side: CallRecord.Side, kind: String, codec: String, isEncrypted: Bool, packetsReceived: UInt64,
    packetsSent: UInt64, bytesReceived: UInt64, packetsLost: Int64, jitter: Double, roundTrip: Double?
  ) {
    self.side = side
    self.kind = kind
    self.codec = codec
    self.isEncrypted = isEncrypted
    self.packetsReceived = packetsReceived
    self.packetsSent = packetsSent
    self.bytesReceived = bytesReceived
    self.packetsLost = packetsLost
    self.jitter = jitter
    self.roundTrip = roundTrip
  }
}

public struct CallEvent: Hashable, Sendable {
  public var at: WallClock
  public var what: String
  public init(at: WallClock, what: String) {
    self.at = at
    self.what = what
  }
}

/// Takes records as calls go. Never blocks the caller: it queues, in order, and loses nothing that ``began(_:)`` accepted.
public protocol CallRecorder: Sendable {
  /// False when the record cannot be accepted (the queue is full, the store has failed): the call must then be refused.
  func began(_ record: CallRecord) -> Bool
  func changed(_ record: CallRecord)
  func ended(_ record: CallRecord)
}
