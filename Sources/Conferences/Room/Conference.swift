import CallModel

/// One running conference: who is in it, who waits, what ends it (reference §3, §4, §6).
///
/// Sans-IO: a driver tells it what happens to the participants' calls and what they press, does what the returned
/// ``ConferenceAction``s say, and calls ``advance(to:)`` at ``nextDeadline``. What others may know of it is in
/// ``participants``, ``status`` and ``events``; the roster and the events always agree.
public struct Conference {
  public internal(set) var settings: ConferenceSettings
  public internal(set) var globals: ConferenceGlobals
  /// Names this run of the conference: the name is the same every time. A version 4 UUID (RFC 9562 §5.4).
  public let id: String
  /// What its outgoing calls carry, to be recognised when they come back.
  public let token: String
  public let createdAt: MonotonicInstant
  public internal(set) var status = ConferenceStatus()
  public internal(set) var events = ConferenceEventLog()
  public internal(set) var isOver = false

  var members: [ParticipantID: Member] = [:]
  /// In the order they came.
  var order: [ParticipantID] = []
  /// Invited by telephone key, in order.
  var invited: [ParticipantID] = []
  var presenter: ParticipantID?
  /// Who speaks, the latest first.
  var speakers: [ParticipantID] = []
  var hasCalledAutomaticParticipants = false
  /// Somebody wants it recorded; whether it is, the status tells.
  var wantsRecording = false
  /// It was to be recorded from its beginning, and that was begun.
  var hasBegunRecording = false
  var automaticCallsDueAt: MonotonicInstant?
  /// A Host has been in since it started: the last one's going counts.
  var hasHadHost = false
  /// Since when no Host is there but Guests are.
  var guestsOnlySince: MonotonicInstant?
  /// Since when the last participant is alone.
  var lastParticipantSince: MonotonicInstant?
  var random: any RandomNumberGenerator
  private var actions: [ConferenceAction] = []
  /// Changed in this turn, or new.
  private var touched: Set<ParticipantID> = []
  private var wasAlone = false
  /// Somebody went in this turn.
  var hasLost = false
  private var publishedStatus: ConferenceStatus?

  public init(
    _ settings: ConferenceSettings, globals: ConferenceGlobals = ConferenceGlobals(), token: String,
    random: any RandomNumberGenerator = SystemRandomNumberGenerator(), now: MonotonicInstant
  ) {
    self.settings = settings
    self.globals = globals
    self.token = token
    self.random = random
    id = ParticipantID.random(using: &self.random).description
    createdAt = now
    status.isLocked = settings.isLocked
    status.areGuestsMuted = settings.mutesGuests
    adopt()
    commit(now)
  }

  /// The roster, in the order of arrival.
  public var participants: [Participant] { order.compactMap { members[$0]?.participant } }

  public subscript(id: ParticipantID) -> Participant? { members[id]?.participant }

  /// What a call from this conference carries: its own token first, then those of the conferences it is linked to.
  public var linkTokens: [String] {
    var tokens = [token]
    for id in order {
      for token in members[id]?.linkTokens ?? []
      where tokens.count < ConferenceLinks.maximumTokens && !tokens.contains(token) {
        tokens.append(token)
      }
    }
    return tokens
  }

  // MARK: One turn

  /// Everything that happens to a conference goes through here: what was due before, the event itself, what follows from it.
  mutating func turn(
    _ now: MonotonicInstant, _ event: (inout Conference) -> Void
  ) -> [ConferenceAction] {
    guard !isOver else { return [] }
    fireDue(now)
    if !isOver { event(&self) }
    if !isOver { settle(now) }
    commit(now)
    defer { actions = [] }
    return actions
  }

  mutating func act(_ action: ConferenceAction) { actions.append(action) }

  mutating func say(_ prompts: PromptPart..., to audience: ConferenceAction.Audience) {
    act(.play(prompts, audience))
  }

  mutating func say(_ prompt: Prompt, to id: ParticipantID) { act(.play([.prompt(prompt)], .one(id))) }

  mutating func update(_ id: ParticipantID, _ change: (inout Member) -> Void) {
    guard let index = members.index(forKey: id) else { return }
    touched.insert(id)
    change(&members.values[index])
  }

  /// A new member, at the end of the roster.
  mutating func add(_ member: Member) {
    let id = member.participant.id
    members[id] = member
    order.append(id)
    touched.insert(id)
  }

  /// Brings events and placements up to what the turn has left.
  private mutating func commit(_ now: MonotonicInstant) {
    // One at most is alone; when somebody begins or ceases to be, it may be somebody nothing has happened to.
    let isAlone = settings.playsMusicWhenAlone && members.values.count(where: { isMixed($0) }) == 1
    let isAboutAll = isAlone != wasAlone
    wasAlone = isAlone
    defer { touched.removeAll(keepingCapacity: true) }
    for id in isAboutAll || touched.count > 1 ? order : Array(touched) {
      guard isAboutAll || touched.contains(id), var member = members[id] else { continue }
      let participant = member.participant
      let placement = placement(of: member, isAlone: isAlone)
      guard member.published != participant || member.placement != placement else { continue }
      if member.published == nil {
        events.append(.participantCreated(participant), at: now)
      } else if member.published != participant {
        events.append(.participantUpdated(participant), at: now)
      }
      if let placement, placement != member.placement {
        if isAlone, member.isInside { say(.youAreAlone, to: id) }
        act(.place(id, placement))
      }
      member.published = participant
      member.placement = placement
      members[id] = member
    }
    if isOver { return }
    if !touched.isEmpty || hasLost { countHeard() }
    hasLost = false
    if publishedStatus != status {
      publishedStatus = status
      events.append(.conferenceUpdated(status), at: now)
    }
  }

  private mutating func countHeard() {
    var (heard, muted, streams) = (0, 0, 0)
    for member in members.values where member.isInside {
      if member.participant.isStreaming {
        streams += 1
      } else if member.participant.media.contains(.audio) {
        heard += 1
        if member.participant.isMuted { muted += 1 }
      }
    }
    status.isEverybodyMuted = heard > 0 && muted == heard
    status.isStreaming = streams > 0
  }

  private func isMixed(_ member: Member) -> Bool {
    guard !member.participant.media.isEmpty else { return false }
    return member.isInside || (member.participant.stage == .connecting && member.hasEarlyMedia)
  }

  private func placement(of member: Member, isAlone: Bool) -> ConferenceAction.Placement? {
    let participant = member.participant
    guard !participant.media.isEmpty else { return nil }
    switch participant.stage {
    case .ivr: return .alone
    case .waitingForHost, .waitingForAdmission: return .waiting
    case .connecting: return isMixed(member) ? .mix(isHeard: true, hears: true) : nil
    case .inConference:
      if isAlone { return .waiting }
      return .mix(
        isHeard: !participant.isMuted && !participant.isOnHold && !participant.isStreaming,
        hears: !participant.isTxMuted && !participant.isOnHold)
    }
  }

  /// What of the settings is part of the status.
  mutating func adopt() {
    status.guestsCanUnmute = settings.guestsCanUnmute
    status.guestsCanPresent = settings.guestsCanPresent
    status.isChatEnabled = settings.isChatEnabled
  }

  // MARK: Time

  /// When ``advance(to:)`` has something to do.
  public var nextDeadline: MonotonicInstant? {
    guard !isOver else { return nil }
    var earliest: MonotonicInstant?
    func consider(_ deadline: MonotonicInstant?) {
      if let deadline, earliest.map({ deadline < $0 }) ?? true { earliest = deadline }
    }
    consider(automaticCallsDueAt)
    consider(guestsOnlyDeadline)
    consider(lastParticipantDeadline)
    for member in members.values {
      consider(deadlineAtDoor(member))
      consider(member.keys.nextDeadline)
      consider(member.numberEntry?.deadline)
      consider(member.tones?.nextDeadline)
    }
    return earliest
  }

  var guestsOnlyDeadline: MonotonicInstant? { guestsOnlySince.map { $0 + globals.guestsOnlyTimeout } }

  var lastParticipantDeadline: MonotonicInstant? {
    guard let timeout = globals.lastParticipantTimeout else { return nil }
    return lastParticipantSince.map { $0 + timeout }
  }

  /// When a participant that is not in yet is given up.
  func deadlineAtDoor(_ member: Member) -> MonotonicInstant? {
    switch member.participant.stage {
    case .connecting: member.participant.arrivedAt + globals.dialOutTimeout
    case .ivr: member.pinEntry.map { $0.startedAt + globals.pinEntryTimeout }
    case .waitingForHost, .waitingForAdmission: member.waitingSince.map { $0 + globals.waitingForHostTimeout }
    case .inConference: nil
    }
  }

  public mutating func advance(to now: MonotonicInstant) -> [ConferenceAction] { turn(now) { _ in } }

  private mutating func fireDue(_ now: MonotonicInstant) {
    guard let first = nextDeadline, first <= now else { return }
    if let due = automaticCallsDueAt, due <= now { callAutomaticParticipants(now) }
    for id in order where !isOver {
      guard let member = members[id] else { continue }
      if let deadline = deadlineAtDoor(member), deadline <= now {
        giveUp(id, member.participant.stage, now)
        continue
      }
      if member.numberEntry.map({ $0.deadline <= now }) ?? false { update(id) { $0.numberEntry = nil } }
      if member.tones?.nextDeadline.map({ $0 <= now }) ?? false {
        var digits: [DTMFDigit] = []
        update(id) { member in
          digits = member.tones?.advance(to: now) ?? []
          if member.tones?.nextDeadline == nil { member.tones = nil }
        }
        for digit in digits { act(.send(id, digit)) }
      }
      if member.keys.nextDeadline.map({ $0 <= now }) ?? false {
        var match: KeyMatcher.Match?
        update(id) { match = $0.keys.advance(to: now) }
        if let match { control(match, by: id, now) }
      }
    }
    if isOver { return }
    if let deadline = [guestsOnlyDeadline, lastParticipantDeadline].compactMap({ $0 }).min(), deadline <= now
    {
      finish(
        Disconnect(.normal, text: "Conference terminated: timed out"), saying: [.prompt(.conferenceEnds)], now
      )
    }
  }

  private mutating func giveUp(_ id: ParticipantID, _ stage: Participant.Stage, _ now: MonotonicInstant) {
    switch stage {
    case .connecting: drop(id, Disconnect(.noAnswer, text: "No answer"), now)
    case .ivr:
      drop(id, Disconnect(.normal, text: "PIN entry timed out"), saying: [.prompt(.noPINEntered)], now)
    case .waitingForHost:
      drop(id, Disconnect(.normal, text: "No host joined"), saying: [.prompt(.hostDidNotCome)], now)
    case .waitingForAdmission:
      drop(id, Disconnect(.normal, text: "Not admitted"), saying: [.prompt(.notAdmitted)], now)
    case .inConference: break
    }
  }
}
