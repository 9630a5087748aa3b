import CallModel

/// Telephone keys inside a conference (reference §6.2, §12).
extension Conference {
  /// Time to enter a number that was asked for.
  static let numberEntryTimeout = TimeSpan.seconds(20)

  /// A participant has pressed a key.
  public mutating func pressed(
    _ id: ParticipantID, _ key: DTMFDigit, now: MonotonicInstant
  ) -> [ConferenceAction] {
    turn(now) {
      guard let member = $0.members[id] else { return }
      switch member.participant.stage {
      case .ivr: $0.pressAtPrompt(id, key, now)
      case .inConference where member.numberEntry != nil: $0.pressInNumber(id, key, now)
      case .inConference:
        let controls = $0.settings.controls.controls(for: ControlAudience(member.participant))
        guard !controls.isEmpty else { return }
        var matches: [KeyMatcher.Match] = []
        $0.update(id) { matches = $0.keys.press(key, controls: controls, now: now) }
        for match in matches where $0.members[id] != nil { $0.control(match, by: id, now) }
      case .connecting, .waitingForHost, .waitingForAdmission: break
      }
    }
  }

  private mutating func pressInNumber(_ id: ParticipantID, _ key: DTMFDigit, _ now: MonotonicInstant) {
    guard var entry = members[id]?.numberEntry else { return }
    act(.stopPlaying(id))
    let isComplete = entry.press(key)
    update(id) { $0.numberEntry = isComplete ? nil : entry }
    guard isComplete else { return }
    if entry.isOverlong {
      say(.cannotInvite, to: id)
    } else if !entry.digits.isEmpty {
      invite(entry.digits, by: id, now)
    }
  }

  mutating func control(_ match: KeyMatcher.Match, by id: ParticipantID, _ now: MonotonicInstant) {
    guard let member = members[id], member.isInside else { return }
    switch match.action {
    case .togglePresentationInMix: act(.changeView(.togglePresentationInMix, by: id))
    case .toggleMultiscreen: act(.changeView(.toggleMultiscreen, by: id))
    case .nextLayout: act(.changeView(.nextLayout, by: id))
    case .toggleSelfMute: toggleSelfMute(member)
    case .toggleGuestsMute:
      muteGuests(!status.areGuestsMuted)
      say(status.areGuestsMuted ? .guestsMuted : .guestsUnmuted, to: id)
    case .toggleLock: lock(!status.isLocked)
    case .toggleRecording: record(!wantsRecording)
    case .endConference: finish(Disconnect(.normal, text: "Conference terminated by a host"), now)
    case .invite: invite(match.number, by: id, now)
    case .inviteByPrompt:
      update(id) { $0.numberEntry = NumberEntry(timeout: Conference.numberEntryTimeout, now: now) }
      say(.inviteEnterNumber, to: id)
    case .dropLastInvited: dropLastInvited(by: member, now)
    case .dropLastGuest: dropLastGuest(by: id, now)
    case .countParticipants:
      let count = members.values.count { $0.isInside && !$0.participant.isStreaming }
      say(.prompt(.participantCount), .digits(String(count)), to: .one(id))
    }
  }

  private mutating func toggleSelfMute(_ member: Member) {
    let participant = member.participant
    if participant.isMuted, !participant.isHost, !status.guestsCanUnmute {
      return say(.cannotUnmute, to: participant.id)
    }
    update(participant.id) { $0.participant.isMuted.toggle() }
    say(participant.isMuted ? .youAreUnmuted : .youAreMuted, to: participant.id)
  }

  // MARK: Inviting

  /// Calls a number in the background. While that rings, nobody else is called by the same participant.
  private mutating func invite(_ number: String, by id: ParticipantID, _ now: MonotonicInstant) {
    let isCalling = members.values.contains {
      $0.participant.stage == .connecting && $0.dialOut?.invitedBy == id
    }
    if isCalling { return say(.tryingToGetThrough, to: id) }
    guard let inviter = members[id]?.participant, globals.isDialOutEnabled, !isFull else {
      return say(.cannotInvite, to: id)
    }
    // A telephone's own conference calls as the telephone, an extension as itself.
    var dialOut = DialOut(
      destination: number, routing: .automatic,
      localAlias: inviter.isOwner ? inviter.alias : inviter.localAlias, role: .guest, keepAlive: .yes)
    dialOut.capability = settings.callCapability
    dialOut.bypassesLock = true
    dialOut.invitedBy = id
    let called = ParticipantID.random(using: &random)
    dial(dialOut, as: called, now)
    invited.append(called)
    say(.tryingToGetThrough, to: id)
  }

  /// The last invited that is still there, at any stage; an extension of this platform only until it has answered. Hosts and
  /// the owner drop anybody's, others their own.
  private mutating func dropLastInvited(by member: Member, _ now: MonotonicInstant) {
    let id = member.participant.id
    let mayDropAll = member.participant.isHost || member.participant.isOwner
    let last = invited.last { called in mayDropAll || members[called]?.dialOut?.invitedBy == id }
    guard let last, let called = members[last]?.participant,
      called.stage == .connecting || !called.isExtension
    else { return say(.nobodyToDrop, to: id) }
    drop(
      last, Disconnect(called.stage == .connecting ? .cancelled : .normal, text: "Dropped by its inviter"),
      now)
    if !isOver { say(.invitationDropped, to: id) }
  }

  private mutating func dropLastGuest(by id: ParticipantID, _ now: MonotonicInstant) {
    guard let last = order.last(where: { members[$0].map { $0.isInside && !$0.participant.isHost } ?? false })
    else { return say(.nobodyToDrop, to: id) }
    drop(last, Disconnect(.normal, text: "Disconnected by another participant"), now)
    if !isOver { say(.invitationDropped, to: id) }
  }
}
