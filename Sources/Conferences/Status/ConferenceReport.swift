import CallModel
import PolicyEngine
import Router

/// A running conference as administrators see it: by name, with its times on the wall clock.
public struct ConferenceReport: Sendable {
  public struct Row: Sendable {
    public var participant: Participant
    /// What it is in now (`service_type`): the conference, or where one waits for it.
    public var serviceType: String
    public var arrived: WallClock
    /// nil: its call has not been answered yet.
    public var connected: WallClock?
    public var address: TransportAddress?
    public var call: CallID?
    var handRaised: WallClock?
    var spotlit: WallClock?

    init(
      _ participant: Participant, in kind: ServiceConfiguration.Kind, _ room: HostedRoom?,
      time: (MonotonicInstant) -> WallClock
    ) {
      let call = room?.calls[participant.id]
      self.participant = participant
      serviceType = participant.stage.serviceType(in: kind)
      arrived = time(participant.arrivedAt)
      connected = participant.connectedAt.map(time)
      address = call?.leg?.leg.party.address
      self.call = call?.live?.id
      handRaised = participant.handRaisedAt.map(time)
      spotlit = participant.spotlitAt.map(time)
    }

    /// A party of a call between two.
    init(_ party: ParticipantRecord, of call: CallID, isOnHold: Bool) {
      participant = Participant(
        id: ParticipantID(party.id) ?? ParticipantID(high: 0, low: 0),
        direction: party.isIncoming ? .incoming : .outgoing, stage: .inConference,
        callProtocol: party.callProtocol, alias: party.remoteAlias, localAlias: party.localAlias,
        displayName: party.displayName, vendor: party.vendor, callTag: party.callTag,
        media: party.hasMedia ? .audio : [], arrivedAt: .zero)
      participant.isOnHold = isOnHold
      participant.isEncrypted = party.isEncrypted
      serviceType = party.conference.serviceType
      arrived = party.started
      connected = party.connected
      address = party.address
      self.call = call
    }
  }

  /// A version 4 UUID (RFC 9562 §5.4).
  public var id: String
  public var name: String
  public var serviceType: String
  public var tag: String
  public var status: ConferenceStatus
  public var began: WallClock
  public var rows: [Row]

  init(_ conference: Conference, _ room: HostedRoom?, now: MonotonicInstant, wallClock: WallClock) {
    func time(_ instant: MonotonicInstant) -> WallClock {
      WallClock(milliseconds: wallClock.milliseconds - (now - instant).milliseconds)
    }
    let settings = conference.settings
    id = conference.id
    name = settings.name
    serviceType = settings.kind.rawValue
    tag = settings.tag
    status = conference.status
    began = time(conference.createdAt)
    rows = conference.participants.map { Row($0, in: settings.kind, room, time: time) }
  }

  /// A call between two parties, shown as a conference.
  public init(
    _ identity: ConferenceIdentity, call: CallID, parties: [(record: ParticipantRecord, isOnHold: Bool)],
    isStarted: Bool
  ) {
    id = identity.id
    name = identity.name
    serviceType = identity.serviceType
    tag = identity.tag
    status = ConferenceStatus()
    status.isStarted = isStarted
    began = identity.started
    rows = parties.map { Row($0.record, of: call, isOnHold: $0.isOnHold) }
  }

  /// As in a list of all.
  var line: [String] {
    [
      name, began.iso8601, "\(rows.count)", status.isLocked ? "locked" : "open",
      status.isStarted ? (status.isRecording ? "is recorded" : "") : "waits for a host",
    ]
  }

  public var text: String {
    var lines = [
      "\(name), since \(began.iso8601), \(status.isLocked ? "locked" : "open")"
        + (status.areGuestsMuted ? ", guests muted" : "") + (status.isRecording ? ", recorded" : "")
        + (status.isStarted ? "" : ", not started")
    ]
    let table = rows.map { row -> [String] in
      let p = row.participant
      var flags: [String] = []
      if p.isMuted { flags.append("muted") }
      if p.isOnHold { flags.append("on hold") }
      if p.isEncrypted == true { flags.append("encrypted") }
      if p.isStreaming { flags.append("streaming") }
      return [
        String(p.id.description.prefix(8)), p.role?.word ?? "-", row.serviceType,
        p.direction.rawValue, p.displayName, row.arrived.iso8601, flags.joined(separator: ", "),
      ]
    }
    lines += ConferenceReport.columns(table).map { "  \($0)" }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Cells under each other.
  package static func columns(_ rows: [[String]]) -> [String] {
    let count = rows.map(\.count).max() ?? 0
    let widths = (0..<count).map { column in
      rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
      var text = ""
      for (column, cell) in row.enumerated() {
        text += cell + String(repeating: " ", count: widths[column] - cell.count + 2)
      }
      while text.last == " " { text.removeLast() }
      return text
    }
  }

  /// The same, with what the reference system has no field for.
  var ownJSON: [(String, JSONText)] { json + [("is_recording", .boolean(status.isRecording))] }

  /// The object of `status/v1/conference/` (management reference).
  package var json: [(String, JSONText)] {
    [
      ("id", .string(id)), ("name", .string(name)),
      ("service_type", .string(serviceType)), ("start_time", .string(began.statusText)),
      ("is_started", .boolean(status.isStarted)), ("is_locked", .boolean(status.isLocked)),
      ("guests_muted", .boolean(status.areGuestsMuted)), ("direct_media_available", .boolean(false)),
      ("tag", .string(tag)),
    ]
  }

  /// The objects of `status/v1/participant/`.
  package var participantObjects: [[(String, JSONText)]] {
    rows.map { row in
      let p = row.participant
      return [
        ("id", .string(p.id.description)), ("call_uuid", JSONText(row.call?.description)),
        ("conference", .string(name)), ("service_type", .string(row.serviceType)),
        ("service_tag", .string(tag)), ("call_tag", .string(p.callTag)),
        ("role", .string(p.role?.rawValue ?? "unknown")), ("display_name", .string(p.displayName)),
        ("participant_alias", .string(p.alias)),
        ("source_alias", .string(p.direction == .incoming ? p.alias : p.localAlias)),
        ("destination_alias", .string(p.direction == .incoming ? p.localAlias : p.alias)),
        ("protocol", .string(p.callProtocol.statusWord)), ("vendor", .string(p.vendor)),
        ("call_direction", .string(p.direction.rawValue)),
        ("encryption", .string(p.isEncrypted == true ? "On" : "Off")),
        ("connect_time", JSONText(row.connected?.statusText)),
        ("remote_address", JSONText(row.address?.ip.description)),
        ("remote_port", row.address.map { .integer(Int($0.port)) } ?? .null),
        ("has_media", .boolean(!p.media.isEmpty)), ("is_muted", .boolean(p.isMuted)),
        ("is_client_muted", .boolean(p.isClientMuted)), ("is_on_hold", .boolean(p.isOnHold)),
        ("is_presenting", .boolean(p.isPresenting)), ("is_streaming", .boolean(p.isStreaming)),
        ("is_mute_supported", .boolean(serviceType != "gateway")),
        ("is_disconnect_supported", .boolean(true)),
        ("is_transfer_supported", .boolean(p.stage == .inConference)),
      ]
    }
  }
}

extension WallClock {
  /// `2026-01-31T12:00:00.123000`: UTC without saying so, to the microsecond, as the reference system writes it.
  package var statusText: String {
    let thousandths = ((milliseconds % 1_000) + 1_000) % 1_000
    return "\(iso8601.prefix(19)).\(String(1_000 + thousandths).dropFirst())000"
  }
}

extension Participant.Role {
  /// As people say it.
  var word: String { self == .chair ? "host" : "guest" }
}

extension CallProtocol {
  /// As status tables write it.
  package var statusWord: String {
    switch self {
    case .sip: "SIP"
    case .h323: "H323"
    case .mssip: "MSSIP"
    case .webrtc: "WebRTC"
    case .rtmp: "RTMP"
    case .api: "API"
    case .teams: "TEAMS"
    case .gms: "GMS"
    }
  }
}
