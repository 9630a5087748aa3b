import CallModel

/// Commands of participants and administrators (reference §9).
extension Conference {
  /// Characters of a name on a video, and of the banner.
  static let maximumTextLength = 1_024
  static let maximumDigits = 250

  /// Carries out a command, or says why not; what was due before it happens in any case.
  public mutating func perform(
    _ command: ConferenceCommand, by requester: ConferenceRequester, now: MonotonicInstant
  ) -> (actions: [ConferenceAction], refusal: ConferenceRefusal?) {
    var refusal: ConferenceRefusal? = .isOver
    let actions = turn(now) {
      refusal = $0.refusal(of: command, by: requester)
      if refusal == nil { $0.carryOut(command, by: requester, now) }
    }
    return (actions, refusal)
  }

  // MARK: Rights

  private func refusal(
    of command: ConferenceCommand, by requester: ConferenceRequester
  ) -> ConferenceRefusal? {
    if let subject = command.subject, members[subject] == nil { return .unknownParticipant }
    if case .participant(let id) = requester {
      guard let member = members[id] else { return .unknownParticipant }
      // Whoever waits may only go.
      if case .disconnect(id) = command { return nil }
      guard member.isInside else { return .invalidRole }
      let isAboutSelf = command.subject == id
      let isAllowed =
        member.participant.isHost
        ? !command.isAboutSelfOnly || isAboutSelf
        : command.isForGuests && (command.subject == nil || isAboutSelf)
      guard isAllowed else { return .invalidRole }
      if case .present(_, true) = command, !member.participant.isHost, !status.guestsCanPresent {
        return .notAllowed
      }
      if case .mute(_, false) = command, !member.participant.isHost, !status.guestsCanUnmute,
        member.participant.isMuted
      {
        return .notAllowed
      }
    }
    return valueRefusal(of: command, by: requester)
  }

  private func valueRefusal(
    of command: ConferenceCommand, by requester: ConferenceRequester
  ) -> ConferenceRefusal? {
    switch command {
    case .dial(let id, let dialOut):
      if !globals.isDialOutEnabled { return .dialOutDisabled }
      if members[id] != nil || dialOut.destination.isEmpty
        || dialOut.destination.utf8.count > DialOut.maximumDestinationLength
      {
        return .illegalValue
      }
      let key = { (text: String) in Alias(dialled: text, protocol: .sip).parsed.caseFolded }
      if key(dialOut.destination) == key(dialOut.localAlias) { return .loop }
      return isFull ? .isFull : nil
    case .message(_, let text, let recipient):
      if !status.isChatEnabled { return .notAllowed }
      if text.utf8.count > ConferenceMessage.maximumLength { return .illegalValue }
      if let recipient, members[recipient]?.isInside != true { return .unknownParticipant }
      return nil
    case .setMessageText(let text), .setOverlayText(_, let text):
      return text.utf8.count > Conference.maximumTextLength ? .illegalValue : nil
    case .sendDigits(_, let digits):
      return digits.isEmpty || digits.count > Conference.maximumDigits ? .illegalValue : nil
    case .transfer(_, let transfer):
      return transfer.alias.isEmpty || transfer.alias.utf8.count > DialOut.maximumDestinationLength
        ? .illegalValue : nil
    case .present(let id, let wants):
      return wants && members[id]?.isInside != true ? .illegalValue : nil
    case .setRole(let id, _):
      // A role is for those who are past their PIN.
      return members[id]?.participant.isPresent == true ? nil : .illegalValue
    case .start:
      if case .administrator = requester { return .illegalValue }
      return nil
    default:
      return nil
    }
  }

  // MARK: Effects

  private mutating func carryOut(
    _ command: ConferenceCommand, by requester: ConferenceRequester, _ now: MonotonicInstant
  ) {
    switch command {
    case .lock(let isLocked): lock(isLocked)
    case .muteGuests(let isMuted): muteGuests(isMuted)
    case .record(let isWanted): record(isWanted)
    case .setGuestsCanUnmute(let can): status.guestsCanUnmute = can
    case .setGuestsCanPresent(let can): setGuestsCanPresent(can, now)
    case .start:
      if case .participant(let id) = requester { update(id) { $0.participant.hasPressedStart = true } }
    case .end:
      let who = requester == .administrator ? "an administrator" : "a host"
      finish(Disconnect(.normal, text: "Conference terminated by \(who)"), now)
    case .dial(let id, let dialOut): dial(dialOut, as: id, now)
    case .message(let contentType, let text, let recipient):
      send(text, contentType, from: requester, to: recipient, now)
    case .setMessageText(let text): status.messageText = text
    case .clearSpotlights: for id in order { update(id) { $0.participant.spotlitAt = nil } }
    case .lowerAllHands: for id in order { update(id) { $0.participant.handRaisedAt = nil } }
    case .mute(let id, let isMuted): update(id) { $0.participant.isMuted = isMuted }
    case .muteVideo(let id, let isMuted): update(id) { $0.participant.isVideoMuted = isMuted }
    case .clientMute(let id, let isMuted): update(id) { $0.participant.isClientMuted = isMuted }
    case .txMute(let id, let isMuted): update(id) { $0.participant.isTxMuted = isMuted }
    case .setRole(let id, let role): setRole(role, of: id, now)
    case .admit(let id):
      update(id) { $0.isAdmitted = $0.isAdmitted || $0.participant.stage == .waitingForAdmission }
    case .disconnect(let id):
      let isOwnWish = requester == .participant(id)
      drop(
        id,
        Disconnect(
          .normal, text: isOwnWish ? "Participant disconnected" : "Disconnected by another participant"),
        now)
    case .transfer(let id, let transfer):
      update(id) { $0.participant.isTransferring = true }
      act(.transfer(id, transfer))
    case .hold(let id, let isOnHold): setHold(id, isOnHold, notify: true)
    case .raiseHand(let id, let isRaised):
      update(id) { $0.participant.handRaisedAt = isRaised ? $0.participant.handRaisedAt ?? now : nil }
    case .present(let id, let wants): wants ? present(id, now) : stopPresenting(id, now)
    case .setReceivesPresentation(let id, let receives):
      update(id) { $0.participant.receivesPresentation = receives }
    case .spotlight(let id, let isLit):
      update(id) { $0.participant.spotlitAt = isLit ? $0.participant.spotlitAt ?? now : nil }
    case .setOverlayText(let id, let text): update(id) { $0.participant.overlayText = text }
    case .sendDigits(let id, let digits): for digit in digits { act(.send(id, digit)) }
    }
  }

  /// Those who are in stay in; unlocking admits all that were held (in ``settle(_:)``).
  mutating func lock(_ isLocked: Bool) {
    guard status.isLocked != isLocked else { return }
    status.isLocked = isLocked
    say(.prompt(isLocked ? .conferenceLocked : .conferenceUnlocked), to: .everybody)
  }

  /// All Guests there are, and those to come.
  mutating func muteGuests(_ isMuted: Bool) {
    status.areGuestsMuted = isMuted
    for id in order {
      update(id) {
        if $0.isInside, !$0.participant.isHost { $0.participant.isMuted = isMuted }
      }
    }
  }

  // MARK: Presentation

  /// One presents at a time: who takes the floor replaces whoever had it (reference §6.5).
  private mutating func present(_ id: ParticipantID, _ now: MonotonicInstant) {
    guard presenter != id else { return }
    if let old = presenter { update(old) { $0.participant.isPresenting = false } }
    presenter = id
    update(id) { $0.participant.isPresenting = true }
    act(.changePresenter(id))
    events.append(.presentationStarted(id), at: now)
  }

  /// Nothing, if somebody else presents.
  mutating func stopPresenting(_ id: ParticipantID, _ now: MonotonicInstant) {
    guard presenter == id else { return }
    presenter = nil
    update(id) { $0.participant.isPresenting = false }
    act(.changePresenter(nil))
    events.append(.presentationStopped, at: now)
  }

  private mutating func setGuestsCanPresent(_ can: Bool, _ now: MonotonicInstant) {
    status.guestsCanPresent = can
    if !can, let presenter, members[presenter]?.participant.isHost == false { stopPresenting(presenter, now) }
  }

  private mutating func send(
    _ text: String, _ contentType: String, from requester: ConferenceRequester, to recipient: ParticipantID?,
    _ now: MonotonicInstant
  ) {
    var message = ConferenceMessage(
      origin: "", sender: nil, recipient: recipient, contentType: contentType, text: text)
    if case .participant(let id) = requester {
      message.sender = id
      message.origin = members[id]?.participant.displayName ?? ""
    }
    events.append(.message(message), at: now)
  }

  /// A Guest that waits and is made a Host comes in and lets the others in; the last Host that is made a Guest leaves
  /// the conference to the Guests.
  private mutating func setRole(_ role: Participant.Role, of id: ParticipantID, _ now: MonotonicInstant) {
    guard members[id]?.participant.role != role else { return }
    update(id) { $0.participant.role = role }
    act(.notify(id, .roleChanged(role)))
    considerEnd(hasLeft: false, now)
  }

  mutating func setHold(_ id: ParticipantID, _ isOnHold: Bool, notify: Bool) {
    guard members[id]?.participant.isOnHold != isOnHold else { return }
    update(id) { $0.participant.isOnHold = isOnHold }
    if notify { act(.notify(id, .onHold(isOnHold))) }
  }

  // MARK: What the calls report

  /// The far end has put us on hold, or taken us off it.
  public mutating func held(
    _ id: ParticipantID, _ isOnHold: Bool, now: MonotonicInstant
  ) -> [ConferenceAction] {
    turn(now) { $0.setHold(id, isOnHold, notify: false) }
  }

  /// A participant has other media than before: a client that only controlled has made a call, or has ended it.
  public mutating func mediaChanged(
    _ id: ParticipantID, _ media: Participant.Media, callProtocol: CallProtocol? = nil,
    isEncrypted: Bool? = nil, now: MonotonicInstant
  ) -> [ConferenceAction] {
    turn(now) {
      guard let member = $0.members[id], member.participant.stage != .connecting else { return }
      $0.update(id) {
        $0.participant.media = media
        $0.participant.isEncrypted = isEncrypted
        if let callProtocol { $0.participant.callProtocol = callProtocol }
        if media.isEmpty { $0.placement = nil }
      }
      if member.isHolding, $0.members[id]?.isHolding == false { $0.considerEnd(hasLeft: true, now) }
    }
  }

  /// Who speaks, the latest first, as the mixer hears it.
  public mutating func speakersChanged(_ ids: [ParticipantID], now: MonotonicInstant) -> [ConferenceAction] {
    turn(now) { conference in
      let present = ids.filter { conference.members[$0]?.isInside == true }
      guard present != conference.speakers else { return }
      conference.speakers = present
      conference.events.append(.stage(present), at: now)
    }
  }

  /// The transfer that was asked for came to nothing; when it succeeds, the participant leaves.
  public mutating func transferFailed(_ id: ParticipantID, now: MonotonicInstant) -> [ConferenceAction] {
    turn(now) { $0.update(id) { $0.participant.isTransferring = false } }
  }

  // MARK: Policy

  /// New settings while the conference runs.
  ///
  /// At once: what Guests may do, chat, what ends it and its timers, keys, what is announced. For those who come later: PINs,
  /// limits, `mute_all_guests`, bandwidth. Never for a conference that runs: its name, the initial lock, whether it
  /// is recorded from its beginning, who is dialled automatically. Whoever is at the PIN prompt goes on with the PINs that were asked for.
  public mutating func apply(
    _ new: ConferenceSettings, globals newGlobals: ConferenceGlobals? = nil, now: MonotonicInstant
  ) -> [ConferenceAction] {
    turn(now) {
      guard new.name == $0.settings.name else { return }
      let old = $0.settings
      var new = new
      new.isLocked = old.isLocked
      new.isRecorded = old.isRecorded
      new.automaticParticipants = old.automaticParticipants
      if new.mutesGuests != old.mutesGuests { $0.status.areGuestsMuted = new.mutesGuests }
      $0.settings = new
      if let newGlobals { $0.globals = newGlobals }
      // What a Host has changed in the conference stays, unless policy changed the same.
      if new.guestsCanUnmute != old.guestsCanUnmute { $0.status.guestsCanUnmute = new.guestsCanUnmute }
      if new.guestsCanPresent != old.guestsCanPresent { $0.status.guestsCanPresent = new.guestsCanPresent }
      if new.isChatEnabled != old.isChatEnabled { $0.status.isChatEnabled = new.isChatEnabled }
    }
  }
}

extension ConferenceCommand {
  /// The participant it is about.
  var subject: ParticipantID? {
    switch self {
    case .mute(let id, _), .muteVideo(let id, _), .clientMute(let id, _), .txMute(let id, _),
      .setRole(let id, _),
      .admit(let id), .disconnect(let id), .transfer(let id, _), .hold(let id, _), .raiseHand(let id, _),
      .present(let id, _), .setReceivesPresentation(let id, _),
      .spotlight(let id, _), .setOverlayText(let id, _), .sendDigits(let id, _):
      id
    default: nil
    }
  }

  /// Guests may do it, to themselves where it is about somebody (reference §9.3).
  var isForGuests: Bool {
    switch self {
    case .message, .mute, .muteVideo, .clientMute, .disconnect, .raiseHand, .present: true
    default: false
    }
  }

  /// Not even a Host may do it for another.
  var isAboutSelfOnly: Bool {
    switch self {
    case .clientMute, .present: true
    default: false
    }
  }
}
