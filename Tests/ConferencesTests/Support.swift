import CallModel
import TestSupport
import Testing

@testable import Conferences

/// A conference on a virtual clock, whose participants have names. What it asks for comes back as lines to read.
final class Room {
  private(set) var conference: Conference
  private(set) var now = MonotonicInstant.zero
  private var names: [ParticipantID: String] = [:]
  private(set) var replay = Replay()

  init(
    _ settings: ConferenceSettings = ConferenceSettings(name: "Weekly"),
    globals: ConferenceGlobals = ConferenceGlobals()
  ) {
    conference = Conference(
      settings, globals: globals, token: "token-of-" + settings.name, random: SplitMix(seed: 1), now: now)
    check()
  }

  var seconds: Int64 { now.nanoseconds / 1_000_000_000 }

  func id(_ name: String) -> ParticipantID {
    if let id = names.first(where: { $0.value == name })?.key { return id }
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    let id = ParticipantID(high: hash, low: hash)
    names[id] = name
    return id
  }

  /// A participant the conference itself has dialled, by its number.
  func name(_ id: ParticipantID) -> String { names[id] ?? id.description }

  subscript(name: String) -> Participant? { conference[id(name)] }
  var roster: [String] { conference.participants.map { name($0.id) } }
  var inside: [String] { conference.participants.filter { $0.stage == .inConference }.map { name($0.id) } }
  var status: ConferenceStatus { conference.status }

  // MARK: What happens

  @discardableResult func arrives(
    _ name: String, media: Participant.Media = .audio, _ change: (inout Arrival) -> Void = { _ in }
  ) -> [String] {
    var arrival = Arrival(
      id: id(name), callProtocol: media.isEmpty ? .api : .sip, alias: name + "@example.com",
      localAlias: "weekly@example.com", displayName: name, media: media)
    change(&arrival)
    return did { $0.arrived(arrival, now: now) }
  }

  @discardableResult func presses(_ name: String, _ keys: String) -> [String] {
    keys.compactMap { DTMFDigit($0) }.flatMap { key in did { $0.pressed(id(name), key, now: now) } }
  }

  @discardableResult func leaves(_ name: String) -> [String] {
    did { $0.left(id(name), Disconnect(.normal), now: now) }
  }

  @discardableResult func fails(_ name: String, _ cause: Cause = .busy) -> [String] {
    did { $0.left(id(name), Disconnect(cause), now: now) }
  }

  @discardableResult func answers(_ name: String, media: Participant.Media = .audio) -> [String] {
    did { $0.answered(id(name), media: media, now: now) }
  }

  @discardableResult func earlyMedia(_ name: String) -> [String] {
    did { $0.progressed(id(name), hasEarlyMedia: true, now: now) }
  }

  @discardableResult func isExtension(_ name: String) -> [String] {
    did { $0.routed(id(name), isExtension: true, now: now) }
  }

  @discardableResult func recordingBegins() -> [String] { did { $0.recordingBegan(now: now) } }
  @discardableResult func recordingFails() -> [String] { did { $0.recordingFailed(now: now) } }

  @discardableResult func media(_ name: String, _ media: Participant.Media) -> [String] {
    did { $0.mediaChanged(id(name), media, now: now) }
  }

  @discardableResult func holds(_ name: String, _ isOnHold: Bool) -> [String] {
    did { $0.held(id(name), isOnHold, now: now) }
  }

  @discardableResult func speak(_ names: [String]) -> [String] {
    did { $0.speakersChanged(names.map { id($0) }, now: now) }
  }

  @discardableResult func apply(_ settings: ConferenceSettings, globals: ConferenceGlobals? = nil) -> [String]
  {
    did { $0.apply(settings, globals: globals, now: now) }
  }

  @discardableResult func command(_ command: ConferenceCommand, by name: String? = nil) -> [String] {
    var refusal: ConferenceRefusal?
    let requester = name.map { ConferenceRequester.participant(id($0)) } ?? .administrator
    let lines = did {
      let (actions, refused) = $0.perform(command, by: requester, now: now)
      refusal = refused
      return actions
    }
    return refusal.map { ["refused: \($0)"] } ?? lines
  }

  @discardableResult func dials(
    _ name: String, role: Participant.Role = .guest, keepAlive: Participant.KeepAlive = .yes,
    by requester: String? = nil, _ change: (inout DialOut) -> Void = { _ in }
  ) -> [String] {
    var dialOut = DialOut(
      destination: name + "@example.com", localAlias: "weekly@example.com", role: role, keepAlive: keepAlive)
    change(&dialOut)
    return command(.dial(id(name), dialOut), by: requester)
  }

  /// Lets time pass; every deadline on the way is kept.
  @discardableResult func after(_ span: TimeSpan) -> [String] {
    let end = now + span
    var lines: [String] = []
    while let deadline = conference.nextDeadline, deadline <= end {
      #expect(deadline > now || deadline == now, "a deadline lies in the past")
      now = max(now, deadline)
      let before = conference.nextDeadline
      lines += did { $0.advance(to: now) }
      if conference.nextDeadline == before {
        Issue.record("a deadline passed and stands again")
        break
      }
    }
    now = end
    return lines
  }

  @discardableResult func after(seconds: Int64) -> [String] { after(.seconds(seconds)) }

  private func did(_ step: (inout Conference) -> [ConferenceAction]) -> [String] {
    let actions = step(&conference)
    for case .dial(let id, let dialOut) in actions where names[id] == nil { names[id] = dialOut.destination }
    check()
    return actions.map { line($0) }
  }

  // MARK: Roster and events agree

  func check() {
    replay.follow(conference.events)
    #expect(replay.roster == conference.participants)
    if !conference.isOver { #expect(replay.status == conference.status) }
    #expect(replay.isOver == conference.isOver)
    if conference.isOver { #expect(conference.participants.isEmpty && conference.nextDeadline == nil) }
  }

  // MARK: Lines

  private func line(_ action: ConferenceAction) -> String {
    switch action {
    case .answer(let id): "answer \(name(id))"
    case .reject(let id, let disconnect): "reject \(name(id)): \(disconnect.cause)"
    case .dial(let id, let dialOut): "dial \(names[id] ?? dialOut.destination)"
    case .place(let id, let placement): "\(name(id)) \(word(placement))"
    case .play(let parts, let audience): "say \(words(parts)) to \(word(audience))"
    case .stopPlaying(let id): "hush \(name(id))"
    case .send(let id, let digit): "send \(digit) to \(name(id))"
    case .disconnect(let id, let disconnect, let parts):
      "drop \(name(id)): \(disconnect.text ?? "")" + (parts.isEmpty ? "" : ", saying \(words(parts))")
    case .transfer(let id, let transfer): "transfer \(name(id)) to \(transfer.alias)"
    case .record(let isWanted): isWanted ? "record" : "stop recording"
    case .countWrongPIN(let id): "wrong PIN of \(name(id))"
    case .notify(let id, let notice): "notify \(name(id)) \(notice)"
    case .changePresenter(let id): "presenter \(id.map { name($0) } ?? "nobody")"
    case .changeView(let change, let id): "\(change) by \(name(id))"
    case .end(let disconnect): "end: \(disconnect.text ?? "")"
    }
  }

  private func word(_ placement: ConferenceAction.Placement) -> String {
    switch placement {
    case .alone: "alone"
    case .waiting: "waits"
    case .mix(true, true): "mixed"
    case .mix(false, true): "mixed, muted"
    case .mix(true, false): "mixed, deaf"
    case .mix(false, false): "mixed, muted, deaf"
    }
  }

  private func word(_ audience: ConferenceAction.Audience) -> String {
    switch audience {
    case .one(let id): name(id)
    case .everybody: "everybody"
    case .hosts: "hosts"
    }
  }

  private func words(_ parts: [PromptPart]) -> String {
    parts.map {
      switch $0 {
      case .prompt(let prompt): prompt.rawValue
      case .digits(let digits): digits
      case .caller(let id, _): "<\(name(id))>"
      }
    }.joined(separator: "+")
  }
}

/// What somebody knows who follows the events alone.
struct Replay {
  private(set) var roster: [Participant] = []
  private(set) var status: ConferenceStatus?
  private(set) var messages: [ConferenceMessage] = []
  private(set) var stage: [ParticipantID] = []
  private(set) var presenter: ParticipantID?
  private(set) var isOver = false
  private var sequence: UInt64 = 0

  mutating func follow(_ log: ConferenceEventLog) {
    guard let events = log.events(after: sequence) else {
      Issue.record("events were lost")
      return
    }
    for event in events {
      #expect(event.sequence == sequence + 1)
      #expect(!isOver, "an event after the end")
      sequence = event.sequence
      switch event.kind {
      case .participantCreated(let participant):
        #expect(!roster.contains { $0.id == participant.id })
        roster.append(participant)
      case .participantUpdated(let participant):
        let index = roster.firstIndex { $0.id == participant.id }
        #expect(index != nil && roster[index ?? 0] != participant)
        if let index { roster[index] = participant }
      case .participantDeleted(let id, _):
        #expect(roster.contains { $0.id == id })
        roster.removeAll { $0.id == id }
      case .conferenceUpdated(let status):
        #expect(self.status != status)
        self.status = status
      case .stage(let ids): stage = ids
      case .presentationStarted(let id):
        #expect(roster.contains { $0.id == id })
        presenter = id
      case .presentationStopped: presenter = nil
      case .message(let message): messages.append(message)
      case .conferenceEnded: isOver = true
      }
    }
  }
}

/// A meeting room with PINs: 1234 for Hosts, and for Guests 5678 or none.
func meetingRoom(
  guestPIN: String? = nil, _ change: (inout ConferenceSettings) -> Void = { _ in }
) -> ConferenceSettings {
  var settings = ConferenceSettings(name: "Weekly")
  settings.entry = EntryRules(
    pin: Secret("1234"), guestPIN: guestPIN.map { Secret($0) }, allowsGuests: true)
  change(&settings)
  return settings
}

extension RoomSettings.AutomaticParticipant {
  static func calling(_ alias: String, as localAlias: String) -> Self {
    Self(localAlias: localAlias, remoteAlias: alias, callProtocol: .sip, role: .guest)
  }
}
