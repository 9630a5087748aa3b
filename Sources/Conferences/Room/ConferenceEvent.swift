import CallModel

/// One thing that happened in a conference, for the client API's event stream (reference §10), status and the event sink.
public struct ConferenceEvent: Hashable, Sendable {
  public enum Kind: Hashable, Sendable {
    case participantCreated(Participant)
    /// The whole participant, never a difference.
    case participantUpdated(Participant)
    case participantDeleted(ParticipantID, Disconnect)
    case conferenceUpdated(ConferenceStatus)
    /// This participant presents now, in the place of whoever did.
    case presentationStarted(ParticipantID)
    case presentationStopped
    /// Who speaks, the latest first.
    case stage([ParticipantID])
    case message(ConferenceMessage)
    /// The last event of a conference.
    case conferenceEnded(Disconnect)
  }

  /// Counts up by one from 1.
  public var sequence: UInt64
  public var time: MonotonicInstant
  public var kind: Kind
}

/// What `conference_update` tells (reference §10).
public struct ConferenceStatus: Hashable, Sendable {
  public var isStarted = false
  public var isLocked = false
  public var areGuestsMuted = false
  /// Everybody who could speak is muted.
  public var isEverybodyMuted = false
  public var guestsCanUnmute = true
  public var guestsCanPresent = true
  public var isChatEnabled = true
  public var isStreaming = false
  /// What is heard in it is written to a file.
  public var isRecording = false
  /// The banner on everybody's video; empty: none.
  public var messageText = ""
}

/// A chat message inside a conference.
public struct ConferenceMessage: Hashable, Sendable {
  /// The sender's display name.
  public var origin: String
  /// nil: an administrator.
  public var sender: ParticipantID?
  /// nil: to everybody.
  public var recipient: ParticipantID?
  public var contentType: String
  public var text: String

  /// Bytes of one message.
  public static let maximumLength = 16_384
}

/// The latest events of one conference, in order, bounded: who has fallen behind further than this takes the state anew.
public struct ConferenceEventLog: Sendable {
  private var events: [ConferenceEvent] = []
  private var first = 0
  public private(set) var lastSequence: UInt64 = 0
  public let capacity: Int

  public init(capacity: Int = 1_024) { self.capacity = max(1, capacity) }

  mutating func append(_ kind: ConferenceEvent.Kind, at now: MonotonicInstant) {
    lastSequence += 1
    let event = ConferenceEvent(sequence: lastSequence, time: now, kind: kind)
    if events.count < capacity {
      events.append(event)
    } else {
      events[first] = event
      first = (first + 1) % capacity
    }
  }

  /// All that is still there.
  var kept: [ConferenceEvent] { events(after: lastSequence - UInt64(events.count)) ?? [] }

  /// What happened after the event with this number (0: from the start). nil: some of it is gone, or was never here; show the
  /// roster and the status anew, then follow from ``lastSequence``.
  public func events(after sequence: UInt64) -> [ConferenceEvent]? {
    guard sequence <= lastSequence else { return nil }
    let missing = lastSequence - sequence
    guard missing <= UInt64(events.count) else { return nil }
    let start = events.count - Int(missing)
    return (start..<events.count).map { events[(first + $0) % events.count] }
  }
}
