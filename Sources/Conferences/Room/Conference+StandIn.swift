import CallModel

/// A participant asks, on its own line, that somebody else take its place (blind transfer, RFC 5589 §6).
extension Conference {
  /// Calls the one that is to take the place. Until it answers the participant stays, unless it goes by itself; what comes to
  /// nothing leaves it where it was.
  ///
  /// - Parameters:
  ///   - called: under which name the one that is called is in the roster, at once.
  ///   - replaces: see ``DialOut/StandIn/replaces``.
  public mutating func transferRequested(
    by id: ParticipantID, to alias: Alias, replaces: String? = nil, as called: ParticipantID,
    now: MonotonicInstant
  ) -> (actions: [ConferenceAction], refusal: ConferenceRefusal?) {
    var refusal: ConferenceRefusal? = .isOver
    let actions = turn(now) {
      refusal = $0.standInRefusal(for: id, alias, called)
      if refusal == nil { $0.callStandIn(for: id, alias, replaces, as: called, now) }
    }
    return (actions, refusal)
  }

  private func standInRefusal(
    for id: ParticipantID, _ alias: Alias, _ called: ParticipantID
  ) -> ConferenceRefusal? {
    guard let member = members[id] else { return .unknownParticipant }
    // Whoever waits has no place to give away.
    guard member.isInside, member.participant.role != nil, !member.participant.isTransferring else {
      return .invalidRole
    }
    guard globals.isDialOutEnabled else { return .dialOutDisabled }
    let text = alias.parsed
    guard !text.isEmpty, text.utf8.count <= DialOut.maximumDestinationLength, members[called] == nil else {
      return .illegalValue
    }
    // It takes a place that is taken already; only those who ring at once are bounded.
    return members.count >= 2 * globals.maximumParticipants ? .isFull : nil
  }

  private mutating func callStandIn(
    for id: ParticipantID, _ alias: Alias, _ replaces: String?, as called: ParticipantID,
    _ now: MonotonicInstant
  ) {
    guard let old = members[id]?.participant, let role = old.role else { return }
    var dialOut = DialOut(
      destination: alias.parsed, callProtocol: old.callProtocol, routing: .automatic,
      localAlias: old.localAlias, role: role, keepAlive: old.keepAlive ?? .yes)
    dialOut.capability = settings.callCapability
    dialOut.bypassesLock = true
    dialOut.standIn = DialOut.StandIn(of: id, alias: alias, replaces: replaces)
    update(id) { $0.participant.isTransferring = true }
    dial(dialOut, as: called, now)
    // It counts as the one whose place it takes.
    update(called) {
      $0.participant.countsAsCaller = old.direction == .incoming || old.countsAsCaller
      $0.participant.isOwner = old.isOwner
    }
  }

  /// Somebody is in, in the place of another, who goes.
  mutating func takePlace(of old: ParticipantID, _ now: MonotonicInstant) {
    guard members[old] != nil else { return }
    // What is an owner's is the other's now.
    update(old) { $0.participant.isOwner = false }
    drop(old, Disconnect(.transferred), now)
  }

  /// Rings in the place of somebody who has gone already.
  func isWithoutPrincipal(_ member: Member) -> Bool {
    member.standsInFor.map { members[$0] == nil } ?? false
  }

  /// Nobody takes the place after all.
  mutating func standInFailed(_ member: Member) {
    if let old = member.standsInFor { update(old) { $0.participant.isTransferring = false } }
  }
}

extension Member {
  /// Whose place it is to take, while it rings.
  var standsInFor: ParticipantID? {
    participant.stage == .connecting ? dialOut?.standIn?.participant : nil
  }
}
