import CallModel
import PolicyEngine

/// One thing that happened in a conference, as it is told outside: with what only its host knows of a participant, and on the wall
/// clock. Names and shapes are those of the reference system's event stream (reference §10).
public struct ConferenceNews: Sendable {
  public enum Kind: Sendable {
    /// The whole state follows: what was known before is to be forgotten.
    case stateBegins
    case participantCreated(ConferenceReport.Row)
    /// The whole participant, never a difference.
    case participantUpdated(ConferenceReport.Row)
    case participantDeleted(ParticipantID, Disconnect)
    case participantsShown
    case conferenceUpdated(ConferenceStatus)
    case stage([ParticipantID])
    case presentationStarted(ParticipantID, Participant?)
    case presentationStopped
    case message(ConferenceMessage)
    case conferenceEnded(Disconnect)
  }

  /// From where to go on after this. nil: in the middle of the state.
  public var sequence: UInt64?
  public var time: WallClock
  public var kind: Kind

  public init(sequence: UInt64?, time: WallClock, kind: Kind) {
    self.sequence = sequence
    self.time = time
    self.kind = kind
  }

  public var name: String {
    switch kind {
    case .stateBegins: "participant_sync_begin"
    case .participantCreated: "participant_create"
    case .participantUpdated: "participant_update"
    case .participantDeleted: "participant_delete"
    case .participantsShown: "participant_sync_end"
    case .conferenceUpdated: "conference_update"
    case .stage: "stage"
    case .presentationStarted: "presentation_start"
    case .presentationStopped: "presentation_stop"
    case .message: "message_received"
    case .conferenceEnded: "conference_ended"
    }
  }

  package var data: JSONText {
    switch kind {
    case .stateBegins, .participantsShown: .null
    case .participantCreated(let row), .participantUpdated(let row): row.clientObject
    case .participantDeleted(let id, let disconnect):
      .object([("uuid", .string(id.description)), ("reason", .string(disconnect.words))])
    case .conferenceUpdated(let status): status.clientObject
    case .stage(let ids):
      .array(
        ids.enumerated().map { index, id in
          .object([
            ("stage_index", .integer(index)), ("participant_uuid", .string(id.description)),
            ("vad", .integer(100)),
          ])
        })
    case .presentationStarted(let id, let participant):
      .object([
        ("presenter_name", .string(participant?.displayName ?? "")),
        ("presenter_uri", .string(participant?.alias ?? "")), ("presenter_uuid", .string(id.description)),
        ("presenter_source", .string("video")),
      ])
    case .presentationStopped: .object([])
    case .message(let message):
      .object([
        ("origin", .string(message.origin)), ("uuid", .string(message.sender?.description ?? "")),
        ("type", .string(message.contentType)), ("payload", .string(message.text)),
        ("direct", .boolean(message.recipient != nil)),
      ])
    case .conferenceEnded(let disconnect): .object([("reason", .string(disconnect.words))])
    }
  }

  /// One line of JSON without its end: number, time, name and data.
  public var json: String {
    JSONText.object([
      ("sequence", sequence.map { .integer(Int(clamping: $0)) } ?? .null),
      ("time", .string(time.statusText)), ("event", .string(name)), ("data", data),
    ]).line
  }

  /// A line for people, without its end.
  public var text: String {
    let number = sequence.map { "\($0)" } ?? "-"
    return "\(time.statusText.dropFirst(11).prefix(12))  \(number)  \(name)  \(summary)"
  }

  private var summary: String {
    switch kind {
    case .participantCreated(let row), .participantUpdated(let row):
      let participant = row.participant
      var words = [
        String(participant.id.description.prefix(8)), participant.displayName, row.serviceType,
        participant.role?.word ?? "",
      ]
      if participant.isMuted { words.append("muted") }
      if participant.isOnHold { words.append("on hold") }
      return words.filter { !$0.isEmpty }.joined(separator: ", ")
    case .participantDeleted(let id, let disconnect):
      return "\(id.description.prefix(8)), \(disconnect.words)"
    case .conferenceUpdated(let status):
      return [
        status.isStarted ? "started" : "not started", status.isLocked ? "locked" : "open",
        status.areGuestsMuted ? "guests muted" : "", status.isRecording ? "recorded" : "",
      ].filter { !$0.isEmpty }.joined(separator: ", ")
    case .stage(let ids): return ids.map { $0.description.prefix(8) }.joined(separator: ", ")
    case .presentationStarted(let id, let participant):
      return participant?.displayName ?? id.description
    case .message(let message): return "from \(message.origin)"
    case .conferenceEnded(let disconnect): return disconnect.words
    case .stateBegins, .participantsShown, .presentationStopped: return ""
    }
  }
}

extension Disconnect {
  /// What was said of it, or else the cause.
  fileprivate var words: String { text.flatMap { $0.isEmpty ? nil : $0 } ?? cause.rawValue }
}
