import CallModel

/// How participants come in (reference §3).
extension Conference {
  /// Somebody comes by itself.
  public mutating func arrived(_ arrival: Arrival, now: MonotonicInstant) -> [ConferenceAction] {
    var isHeard = false
    let actions = turn(now) {
      isHeard = true
      $0.admit(arrival, now)
      // Who was turned away was the first.
      if $0.members.isEmpty, !$0.isOver { $0.finish(Disconnect(.normal, text: "Nobody came in"), now) }
    }
    // It was over already, or its time was up at this very moment.
    let late = Disconnect(.temporarilyUnavailable, text: "Conference terminated")
    return isHeard ? actions : [.reject(arrival.id, late)] + actions
  }

  private mutating func admit(_ arrival: Arrival, _ now: MonotonicInstant) {
    guard members[arrival.id] == nil else { return }
    guard !arrival.linkTokens.contains(token) else {
      return act(.reject(arrival.id, Disconnect(.loop, text: "The conference calls itself")))
    }
    let replaced = arrival.takesPlaceOf.flatMap { members[$0]?.participant }
    guard !isFull || replaced != nil else { return turnAway(arrival) }
    var participant = Participant(
      id: arrival.id, direction: .incoming, stage: .ivr, callProtocol: arrival.callProtocol,
      alias: arrival.alias, localAlias: arrival.localAlias, displayName: arrival.displayName,
      vendor: arrival.vendor, callTag: arrival.callTag, media: arrival.media, arrivedAt: now)
    participant.isStreaming = arrival.isStreaming
    participant.isEncrypted = arrival.isEncrypted
    if let overlayText = arrival.overlayText { participant.overlayText = overlayText }
    participant.isOwner = arrival.isOwner || replaced?.isOwner == true
    participant.isExtension = arrival.isExtension
    participant.connectedAt = now
    var member = Member(participant)
    member.bypassesLock = arrival.bypassesLock || replaced != nil
    member.linkTokens = Array(arrival.linkTokens.prefix(ConferenceLinks.maximumTokens))
    // Only conferences give their calls tokens.
    member.isConference = !member.linkTokens.isEmpty
    add(member)
    if !arrival.isAnswered, !arrival.media.isEmpty { act(.answer(arrival.id)) }

    if let replaced {
      enter(arrival.id, as: replaced.role ?? .guest, now)
      return takePlace(of: replaced.id, now)
    }
    if let role = arrival.role ?? settings.entry.roleWithoutPIN { return enter(arrival.id, as: role, now) }
    var failures = 0
    if let pin = arrival.pin, !pin.isEmpty {
      if let role = settings.entry.role(for: pin) { return enter(arrival.id, as: role, now) }
      failures = 1
      act(.countWrongPIN(arrival.id))
    }
    guard !arrival.media.isEmpty else {
      // Nothing to press keys on, and its PIN was to be asked for before.
      return drop(arrival.id, Disconnect(.forbidden, text: "PIN required"), now)
    }
    let entry = PINEntry(rules: settings.entry, failures: failures, now: now)
    update(arrival.id) { $0.pinEntry = entry }
    if !settings.entry.asksEverybody { scheduleAutomaticCalls(now) }
    act(
      .play((failures > 0 ? [.prompt(.wrongPIN)] : []) + [.prompt(settings.entry.prompt)], .one(arrival.id)))
  }

  private mutating func turnAway(_ arrival: Arrival) {
    let disconnect = Disconnect(.limitReached, text: "Participant limit reached")
    guard !arrival.media.isEmpty else { return act(.reject(arrival.id, disconnect)) }
    if !arrival.isAnswered { act(.answer(arrival.id)) }
    act(.disconnect(arrival.id, disconnect, saying: [.prompt(.conferenceFull)]))
  }

  /// Those who enter a PIN take no place yet, but are bounded as all are.
  var isFull: Bool {
    let taken = members.values.count { $0.participant.stage != .ivr }
    return taken >= min(settings.participantLimit ?? .max, globals.maximumParticipants)
      || members.count >= 2 * globals.maximumParticipants
  }

  // MARK: PIN

  /// A key at the PIN prompt.
  mutating func pressAtPrompt(_ id: ParticipantID, _ key: DTMFDigit, _ now: MonotonicInstant) {
    guard var entry = members[id]?.pinEntry else { return }
    let outcome = entry.press(key)
    update(id) { $0.pinEntry = entry }
    act(.stopPlaying(id))
    switch outcome {
    case .none: break
    case .welcome(let role):
      update(id) { $0.pinEntry = nil }
      if isFull {
        drop(
          id, Disconnect(.limitReached, text: "Participant limit reached"),
          saying: [.prompt(.conferenceFull)],
          now)
      } else {
        enter(id, as: role, now)
      }
    case .wrong:
      act(.countWrongPIN(id))
      act(.play([.prompt(.wrongPIN), .prompt(settings.entry.prompt)], .one(id)))
    case .failed:
      act(.countWrongPIN(id))
      drop(id, Disconnect(.normal, text: "PIN entry failed"), saying: [.prompt(.threeWrongPINs)], now)
    }
  }

  // MARK: Door

  /// The role is known: on to the door.
  mutating func enter(_ id: ParticipantID, as role: Participant.Role, _ now: MonotonicInstant) {
    scheduleAutomaticCalls(now)
    update(id) {
      $0.participant.role = role
      $0.waitingSince = now
    }
    guard let member = members[id] else { return }
    move(id, to: door(for: member), now)
  }

  /// Where somebody with a role belongs now.
  func door(for member: Member) -> Participant.Stage {
    let participant = member.participant
    let hasKey =
      participant.isHost && (settings.entry.pin != nil || participant.direction == .outgoing)
    if status.isLocked, !member.bypassesLock, !member.isAdmitted, !hasKey { return .waitingForAdmission }
    if !participant.isHost, settings.guestsWaitForHost, !isHostPresent { return .waitingForHost }
    return .inConference
  }

  var isHostPresent: Bool { members.values.contains { $0.isHostInside } }

  /// Lets in whoever may come in now.
  mutating func openDoor(_ now: MonotonicInstant) {
    var hasMoved = true
    while hasMoved {
      hasMoved = false
      for id in order {
        guard let member = members[id], member.isWaiting else { continue }
        let stage = door(for: member)
        guard stage != member.participant.stage else { continue }
        move(id, to: stage, now)
        hasMoved = hasMoved || stage == .inConference
      }
    }
  }

  private mutating func move(_ id: ParticipantID, to stage: Participant.Stage, _ now: MonotonicInstant) {
    update(id) { $0.participant.stage = stage }
    guard let participant = members[id]?.participant else { return }
    switch stage {
    case .inConference:
      let joinsMuted = !participant.isHost && status.areGuestsMuted
      update(id) {
        $0.waitingSince = nil
        $0.participant.joinedAt = now
        if joinsMuted { $0.participant.isMuted = true }
      }
      if participant.isOwner, members.count == 1 { say(.localConferenceCreated, to: id) }
      if status.isRecording { say(.isBeingRecorded, to: id) }
      announce(participant, tone: .joinTone, .hasJoined)
    case .waitingForHost:
      say(.waitingForHost, to: id)
    case .waitingForAdmission:
      say(.waitingForAdmission, to: id)
      say(.prompt(.knock), to: .hosts)
    case .connecting, .ivr:
      break
    }
  }

  /// Tells those who are in who comes or goes; the owner of a local conference is not announced (reference §12.2).
  mutating func announce(_ participant: Participant, tone: Prompt, _ prompt: Prompt) {
    guard participant.isHolding, !participant.isOwner else { return }
    if settings.playsTones { say(.prompt(tone), to: .everybody) }
    if settings.announcesCallers {
      say(.caller(participant.id, alias: participant.alias), .prompt(prompt), to: .everybody)
    }
  }

  // MARK: Participants that are dialled

  /// A call we placed makes progress; early media is mixed where the settings say so.
  public mutating func progressed(
    _ id: ParticipantID, hasEarlyMedia: Bool, now: MonotonicInstant
  ) -> [ConferenceAction] {
    turn(now) {
      let isMixed = hasEarlyMedia && $0.settings.mixesEarlyMedia
      $0.update(id) {
        guard $0.participant.stage == .connecting, isMixed else { return }
        $0.hasEarlyMedia = true
        if $0.participant.media.isEmpty { $0.participant.media = .audio }
      }
    }
  }

  /// Routing has shown that it is another conference of ours: who is in there holds that one, and not this one as well. Two that
  /// hold each other would never end.
  public mutating func joined(_ id: ParticipantID, now: MonotonicInstant) -> [ConferenceAction] {
    turn(now) { $0.update(id) { $0.isConference = true } }
  }

  /// Routing has shown whether the number that was invited is an extension of this platform.
  public mutating func routed(
    _ id: ParticipantID, isExtension: Bool, now: MonotonicInstant
  ) -> [ConferenceAction] {
    turn(now) {
      $0.update(id) { if $0.participant.direction == .outgoing { $0.participant.isExtension = isExtension } }
    }
  }

  /// A call we placed was answered: in, without prompt or PIN.
  public mutating func answered(
    _ id: ParticipantID, media: Participant.Media, isEncrypted: Bool? = nil, now: MonotonicInstant
  ) -> [ConferenceAction] {
    turn(now) {
      guard let member = $0.members[id], member.participant.stage == .connecting, let dialOut = member.dialOut
      else { return }
      $0.update(id) {
        $0.participant.media = media
        $0.participant.isEncrypted = isEncrypted
        $0.participant.connectedAt = now
        $0.hasEarlyMedia = false
        $0.tones = dialOut.dtmfSequence.map { DTMFSequencer($0, answeredAt: now) }
        if $0.tones?.nextDeadline == nil { $0.tones = nil }
      }
      $0.enter(id, as: dialOut.role, now)
      if let standIn = dialOut.standIn { $0.takePlace(of: standIn.participant, now) }
    }
  }

  /// Enters a call to place into the roster. The driver is told to dial.
  mutating func dial(_ dialOut: DialOut, as id: ParticipantID, _ now: MonotonicInstant) {
    var participant = Participant(
      id: id, direction: .outgoing, stage: .connecting, callProtocol: dialOut.callProtocol,
      alias: dialOut.shownDestination, localAlias: dialOut.localAlias,
      displayName: dialOut.remoteDisplayName ?? dialOut.shownDestination, media: [], arrivedAt: now)
    participant.role = dialOut.role
    participant.overlayText = dialOut.overlayText ?? participant.displayName
    participant.isStreaming = dialOut.isStreaming
    participant.keepAlive = dialOut.keepAlive
    participant.isExtension = dialOut.isExtension
    var member = Member(participant)
    member.dialOut = dialOut
    member.bypassesLock = dialOut.bypassesLock
    add(member)
    act(.dial(id, dialOut))
  }

  // MARK: Automatically dialled participants

  /// The first participant is there.
  private mutating func scheduleAutomaticCalls(_ now: MonotonicInstant) {
    guard !hasCalledAutomaticParticipants, automaticCallsDueAt == nil,
      !settings.automaticParticipants.isEmpty
    else { return }
    automaticCallsDueAt = now + DialOut.automaticDelay
  }

  mutating func callAutomaticParticipants(_ now: MonotonicInstant) {
    automaticCallsDueAt = nil
    hasCalledAutomaticParticipants = true
    guard globals.isDialOutEnabled else { return }
    for automatic in settings.automaticParticipants where !isFull {
      let dialOut = DialOut(automatic)
      guard !members.values.contains(where: { dialOut.isCall(to: $0.participant) }) else { continue }
      dial(dialOut, as: ParticipantID.random(using: &random), now)
    }
  }
}
