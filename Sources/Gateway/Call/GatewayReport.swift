import CallModel
import MediaRelay

/// A gateway call as administrators see it: a conference of two. What makes ids of it costs nothing here: there may be thousands.
public struct GatewayReport: Sendable {
  public struct Party: Sendable {
    /// Which of the call's participants it is (``CallModel/CallID/uuid(_:)``).
    public var part: UInt64
    public var party: LegParty
    public var localAlias: String
    public var isEncrypted: Bool
    public var hasMedia: Bool
    public var isOnHold: Bool
    public var started: WallClock
    public var connected: WallClock?
  }

  public var call: CallID
  public var service: String
  public var tag: String
  public var started: WallClock
  public var isConnected: Bool
  public var parties: [Party]

  public var identity: ConferenceIdentity {
    ConferenceIdentity(gateway: call, service: service, tag: tag, started: started)
  }
}

extension GatewayReport.Party {
  /// As the record of the call keeps it.
  public func record(of call: CallID, in conference: ConferenceIdentity) -> ParticipantRecord {
    var record = ParticipantRecord(
      id: call.uuid(part), conference: conference, isIncoming: party.isIncoming, role: "unknown",
      displayName: party.displayName, remoteAlias: party.alias, localAlias: localAlias,
      callProtocol: party.callProtocol, address: party.address, vendor: party.vendor, started: started)
    record.isEncrypted = isEncrypted
    record.hasMedia = hasMedia
    record.connected = connected
    return record
  }
}

/// Which participants a gateway call has had.
struct GatewayRoster {
  /// The party of a side, by its number.
  var parts: [RelaySideName: UInt64] = [.a: 1, .b: 2]
  /// When it came, where that was not at the beginning.
  var joined: [RelaySideName: WallClock] = [:]
  private var next: UInt64 = 3

  /// Somebody else is there now.
  mutating func replace(_ side: RelaySideName, at now: WallClock) {
    parts[side] = next
    joined[side] = now
    next += 1
  }
}
