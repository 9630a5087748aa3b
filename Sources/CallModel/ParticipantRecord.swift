/// Which conference somebody was in. The name stays the same for ever, the id is that of one run of it.
public struct ConferenceIdentity: Hashable, Sendable {
  /// A version 4 UUID (RFC 9562 §5.4).
  public var id: String
  public var name: String
  /// A kind of service, or `gateway` for a call between two parties.
  public var serviceType: String
  public var tag: String
  public var started: WallClock

  public init(id: String, name: String, serviceType: String, tag: String, started: WallClock) {
    self.id = id
    self.name = name
    self.serviceType = serviceType
    self.tag = tag
    self.started = started
  }

  /// A call between two parties. Its name is that of its rule, made unique.
  public init(gateway call: CallID, service: String, tag: String, started: WallClock) {
    let id = call.uuid()
    self.init(id: id, name: "\(service)_\(id.prefix(8))", serviceType: "gateway", tag: tag, started: started)
  }
}

/// Somebody's stay in a conference, part of the record of its call. A call that goes from one conference to another has one each.
public struct ParticipantRecord: Hashable, Sendable {
  /// A version 4 UUID (RFC 9562 §5.4).
  public var id: String
  public var conference: ConferenceIdentity
  /// It dialled in.
  public var isIncoming: Bool
  /// `chair`, `guest` or `unknown`.
  public var role: String
  public var displayName: String
  public var remoteAlias: String
  public var localAlias: String
  public var callProtocol: CallProtocol
  public var address: TransportAddress?
  public var vendor: String
  public var callTag: String
  public var isEncrypted = false
  public var hasMedia = false
  public var isStreaming = false
  /// When it came, or was called.
  public var started: WallClock
  /// When it was answered, by either side.
  public var connected: WallClock?
  /// nil: it is there.
  public var ended: WallClock?
  /// Why it went; nil while it is there.
  public var disconnect: Disconnect?

  public init(
    id: String, conference: ConferenceIdentity, isIncoming: Bool, role: String, displayName: String,
    remoteAlias: String, localAlias: String, callProtocol: CallProtocol, address: TransportAddress? = nil,
    vendor: String = "", callTag: String = "", started: WallClock
  ) {
    self.id = id
    self.conference = conference
    self.isIncoming = isIncoming
    self.role = role
    self.displayName = displayName
    self.remoteAlias = remoteAlias
    self.localAlias = localAlias
    self.callProtocol = callProtocol
    self.address = address
    self.vendor = vendor
    self.callTag = callTag
    self.started = started
  }
}

/// A participant that has left, as the records tell it.
public struct PastParticipant: Hashable, Sendable {
  public var call: CallID
  public var record: ParticipantRecord

  public init(call: CallID, record: ParticipantRecord) {
    self.call = call
    self.record = record
  }
}

/// A conference that is over, as the records tell it.
public struct PastConference: Hashable, Sendable {
  public var identity: ConferenceIdentity
  public var ended: WallClock
  /// In the order in which their calls began.
  public var participants: [String]

  public init(identity: ConferenceIdentity, ended: WallClock, participants: [String]) {
    self.identity = identity
    self.ended = ended
    self.participants = participants
  }
}

extension CallID {
  /// The id of a call between two parties where it is shown as a conference, and of its participants: made of the call's, so that what
  /// runs and what is over have the same.
  ///
  /// - Parameter part: 0: the conference; from 1 on: a participant.
  public func uuid(_ part: UInt64 = 0) -> String {
    let masked = masked(part)
    let words = [masked.high, masked.low]
    var text = ""
    for position in 0..<32 {
      if [8, 12, 16, 20].contains(position) { text.append("-") }
      text += String(words[position / 16] >> UInt64(60 - position % 16 * 4) & 15, radix: 16)
    }
    return text
  }

  /// The same as a number: cheap to compare with ``init(uuid:)``.
  public func masked(_ part: UInt64) -> CallID {
    CallID(high: high & ~0xf000 | 0x4000, low: (low ^ part) & ~(3 << 62) | 2 << 62)
  }

  /// The number that a UUID is; nil when the text is none.
  public init?(uuid text: String) {
    let digits = text.utf8.filter { $0 != UInt8(ascii: "-") }
    guard text.utf8.count == 36, digits.count == 32,
      let high = UInt64(String(decoding: digits.prefix(16), as: UTF8.self), radix: 16),
      let low = UInt64(String(decoding: digits.dropFirst(16), as: UTF8.self), radix: 16)
    else { return nil }
    self.init(high: high, low: low)
  }

  /// All calls that may have given rise to this UUID; nil when it is none.
  public static func candidates(forUUID text: String) -> ClosedRange<String>? {
    guard let high = CallID(uuid: text)?.high else { return nil }
    return CallID(high: high & ~0xffff, low: 0)
      .description...CallID(high: high | 0xffff, low: .max).description
  }
}

/// What is asked of the conferences and participants of the past; nil asks for nothing.
public struct HistoryQuery: Hashable, Sendable {
  /// Conferences that began at or after this; participants that were there at or after this.
  public var since: WallClock?
  /// That began, or came, at or before this.
  public var until: WallClock?
  /// Only the one with this id.
  public var id: String?

  /// Conferences that are looked at, the newest.
  public static let maximumConferences = 10_000
  /// Participants of these, the newest.
  public static let maximumParticipants = 100_000

  public init(since: WallClock? = nil, until: WallClock? = nil, id: String? = nil) {
    self.since = since
    self.until = until
    self.id = id
  }
}
