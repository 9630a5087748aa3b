import CallModel

/// How participants go, and how a conference ends (reference §4).
extension Conference {
  /// A participant's call has ended, or a call we placed came to nothing.
  public mutating func left(
    _ id: ParticipantID, _ disconnect: Disconnect, now: MonotonicInstant
  ) -> [ConferenceAction] {
    turn(now) {
      guard let member = $0.members[id] else { return }
      if member.participant.stage == .connecting, let inviter = member.dialOut?.invitedBy,
        $0.members[inviter] != nil
      {
        $0.say(.invitationFailed, to: inviter)
      }
      $0.remove(id, disconnect, now)
    }
  }

  /// Ends a participant's call.
  mutating func drop(
    _ id: ParticipantID, _ disconnect: Disconnect, saying parts: [PromptPart] = [], _ now: MonotonicInstant
  ) {
    guard members[id] != nil else { return }
    act(.disconnect(id, disconnect, saying: parts))
    remove(id, disconnect, now)
  }

  private mutating func remove(_ id: ParticipantID, _ disconnect: Disconnect, _ now: MonotonicInstant) {
    guard let member = members.removeValue(forKey: id) else { return }
    hasLost = true
    standInFailed(member)
    order.removeAll { $0 == id }
    invited.removeAll { $0 == id }
    if member.published != nil { events.append(.participantDeleted(id, disconnect), at: now) }
    stopPresenting(id, now)
    if speakers.contains(id) {
      speakers.removeAll { $0 == id }
      events.append(.stage(speakers), at: now)
    }
    if member.isInside, !members.isEmpty { announce(member.participant, tone: .leaveTone, .hasLeft) }
    if settings.ending == .owner, member.participant.isOwner, member.isInside || isWithoutPrincipal(member),
      !members.values.contains(where: { $0.standsInFor == id })
    {
      return finish(Disconnect(.normal, text: "Conference terminated: its owner left"), now)
    }
    if member.isHolding || member.standsInFor != nil { considerEnd(hasLeft: true, now) }
    if !isOver, members.isEmpty { finish(Disconnect(.normal, text: "Everybody left"), now) }
  }

  /// Somebody who counted counts no more (``hasLeft``), or counts as something else.
  mutating func considerEnd(hasLeft: Bool, _ now: MonotonicInstant) {
    guard status.isStarted, !isOver, !members.isEmpty else { return }
    let holding = members.values.filter { $0.isHolding }
    // Whoever has gone already is held for by whom it has called.
    let standIns = members.values.filter { isWithoutPrincipal($0) }
    if !isHeldAlive(by: holding + standIns) {
      return endSession(Disconnect(.normal, text: "Conference terminated: nobody keeps it alive"), now)
    }
    if hasLeft, holding.count == 1, lastParticipantSince == nil { lastParticipantSince = now }
    guard !holding.contains(where: { $0.isInside }), standIns.isEmpty else { return }
    // Nobody is in any more, and Guests at the door wait for a Host as they did before. The lock was that of those who left,
    // and nobody remains who could let in whom they kept out.
    for id in order where members[id]?.participant.stage == .waitingForAdmission {
      drop(id, Disconnect(.normal, text: "Not admitted"), saying: [.prompt(.notAdmitted)], now)
    }
    if !isOver { startAnew() }
  }

  /// Over for all but those who enter a PIN: they find the room as the first do.
  private mutating func endSession(_ disconnect: Disconnect, _ now: MonotonicInstant) {
    guard members.values.contains(where: { $0.participant.stage == .ivr }) else {
      return finish(disconnect, now)
    }
    startAnew()
    for id in order where members[id]?.participant.stage != .ivr { drop(id, disconnect, now) }
  }

  private mutating func startAnew() {
    status.isStarted = false
    hasHadHost = false
    status.isLocked = settings.isLocked
    status.areGuestsMuted = settings.mutesGuests
    status.messageText = ""
    record(false)
    hasBegunRecording = false
    lastParticipantSince = nil
    hasCalledAutomaticParticipants = false
    automaticCallsDueAt = nil
  }

  private func isHeldAlive(by members: [Member]) -> Bool {
    // Another conference is kept by its own people.
    let members = members.filter { !$0.isConference }
    guard settings.ending == .hosts else {
      return members.contains { $0.isInside || $0.standsInFor != nil }
    }
    let participants = members.map(\.participant)
    if participants.contains(where: { $0.direction == .incoming || $0.countsAsCaller }) { return true }
    if participants.contains(where: { $0.keepAlive == .yes && $0.isHost }) { return true }
    let multiple = participants.filter { $0.keepAlive == .ifMultiple }
    return multiple.count >= 2 && multiple.contains { $0.isHost }
  }

  /// What follows from who is there now.
  mutating func settle(_ now: MonotonicInstant) {
    openDoor(now)
    let needsHost = settings.guestsWaitForHost
    if !status.isStarted {
      status.isStarted =
        needsHost ? isHostPresent : members.values.contains { $0.isInside && $0.participant.isHolding }
      openDoor(now)
    }
    if members.values.count(where: { $0.isHolding }) != 1 || !status.isStarted { lastParticipantSince = nil }
    recordFromBeginning()
    let isHostPresent = isHostPresent
    hasHadHost = hasHadHost || (isHostPresent && status.isStarted)
    let isLeftToGuests =
      settings.ending == .hosts && status.isStarted && hasHadHost && !isHostPresent
      && members.values.contains { $0.isInside && $0.participant.isHolding }
    guestsOnlySince = isLeftToGuests ? guestsOnlySince ?? now : nil
    if let deadline = guestsOnlyDeadline, deadline <= now {
      finish(
        Disconnect(.normal, text: "Conference terminated: no host left"), saying: [.prompt(.conferenceEnds)],
        now)
    }
  }

  /// Everybody is dropped, and that is the end.
  mutating func finish(
    _ disconnect: Disconnect, saying parts: [PromptPart] = [], _ now: MonotonicInstant
  ) {
    guard !isOver else { return }
    isOver = true
    for id in order {
      guard let member = members.removeValue(forKey: id) else { continue }
      act(.disconnect(id, disconnect, saying: member.participant.stage == .connecting ? [] : parts))
      if member.published != nil { events.append(.participantDeleted(id, disconnect), at: now) }
    }
    order = []
    invited = []
    speakers = []
    presenter = nil
    automaticCallsDueAt = nil
    guestsOnlySince = nil
    lastParticipantSince = nil
    record(false)
    events.append(.conferenceEnded(disconnect), at: now)
    act(.end(disconnect))
  }
}
