import CallModel
import MediaRelay
import PolicyEngine
import Router

/// A leg that is about to take the place of one party of the call.
struct TransferInProgress {
  enum Stage {
    /// Policy servers are asked where the transfer leads.
    case deciding
    /// The new party rings, perhaps on several devices.
    case ringing
    /// The new party has been asked to take the remaining one's media.
    case offeringTarget
    /// The remaining party has been asked to take the new one's media.
    case offeringRemaining

    /// Nobody has been offered anything of another party yet.
    var isBeforeMedia: Bool { self == .deciding || self == .ringing }
  }

  /// One leg that rings.
  struct Ringing {
    var leg: any CallLeg
    var target: RouteTarget
    var recordIndex: Int
    /// How media was offered to it.
    var encryption: MediaEncryption
  }

  /// The side whose party leaves.
  var side: RelaySideName
  var stage: Stage
  /// The new party, once there is one.
  var leg: (any CallLeg)?
  var target: RouteTarget?
  /// Who is called for the new party, in the name of whom, and what comes after them.
  var ringing: [Ringing] = []
  var request: CallRequest?
  /// The call of theirs that this one takes the place of, when that is none of ours.
  var replaces: String?
  var hunt = RouteHunt(steps: [], continueOn: [])
  /// The question to policy servers, while it is open.
  var consultation: (any PolicyConsultation)?
  /// What the new party holds of the limits of its rule.
  var share: CallLimiter.ShareID?
  /// What is passed on: the remaining party's offer, or that of a new party who called us.
  var offer: MediaDescription?
  /// How it was offered to a party that is up already.
  var encryption = MediaEncryption.bestEffort
  /// The call that the new party is part of until all have agreed (attended transfer), and its side there.
  var lender: (call: TwoPartyCall, side: RelaySideName)?
  /// True once the new party has taken the offer.
  var hasTargetAgreed = false
  /// The new party's answer, while an exchange between the two old ones goes on.
  var waitingAnswer: MediaDescription?
  /// True once the party that leaves has hung up: many do as soon as their request is accepted.
  var isTransferrerGone = false
  /// The media between the remaining and the new party; takes over when both have agreed.
  var media: CallMedia
  var ringTimer: SignallingLoop.TimerID?
  /// True when the new party called us (INVITE with Replaces, RFC 3891): it is answered rather than re-invited.
  var targetIsCaller = false
  /// True when such a party wanted our offer, and was accepted with it: its answer comes in its ACK.
  var isTargetAccepted = false
  /// Who the new party is, when it called us.
  var caller: Caller?
  /// True when the party that leaves has asked for the transfer, and is to hear of its success when all have agreed.
  var isAwaited = false

  /// Whether all can go back to where they were: the new party calls and was not answered, or it has another call, or whoever
  /// asked has not been told that it is done.
  var mayFail: Bool { targetIsCaller || isAwaited }
}

extension TwoPartyCall {
  // MARK: Requests

  /// One party asks that the other be connected elsewhere (RFC 5589).
  func transferRequested(by side: RelaySideName, _ transferRequest: CallModel.TransferRequest) {
    guard let leg = leg(side) else { return }
    guard phase == .connected, transfer == nil, borrower == nil, exchangeUnderWay == nil,
      let remaining = self.leg(side.other)
    else {
      leg.transferProgressed(.failed(Disconnect(.temporarilyUnavailable, protocolCode: 491)))
      return
    }
    if let replacing = transferRequest.replacing {
      if let ringing = host.call(with: replacing), ringing !== self, ringing.isRinging(for: replacing) {
        ringAnew(side, ringing, remaining, transferrer: leg)
      } else {
        joinOtherCall(side, replacing, remaining, transferrer: leg)
      }
    } else {
      dialTransferTarget(side, transferRequest, remaining, transferrer: leg)
    }
  }

  /// Blind, or attended with a call that is none of ours (RFC 5589 §7): a new request through the one door, in the name of the
  /// party that stays.
  func dialTransferTarget(
    _ side: RelaySideName, _ transferRequest: CallModel.TransferRequest, _ remaining: any CallLeg,
    transferrer: any CallLeg
  ) {
    var request = request
    request.alias = transferRequest.alias
    request.previousServiceName = configuration.name
    request.resolutions += 1
    request.hopsLeft = live.routed.policy.policy.globals.sip.maxForwards
    if let newcomer = newcomers[side.other] {
      request.caller = newcomer
    } else if side == .a {
      request.caller = Caller(reached: remaining.party, by: calledTarget)
    }
    transfer = TransferInProgress(
      side: side, stage: .deciding, request: request, replaces: transferRequest.replacingElsewhere,
      media: newMedia())
    decideTransfer(request)
  }

  private func decideTransfer(_ request: CallRequest) {
    transfer?.request = request
    let consultation = router.consult(request, now: loop.now) { [weak self] external, policy in
      guard let self, self.transfer?.stage == .deciding else { return }
      self.transfer?.consultation = nil
      self.live.note(external.answers)
      let routed = self.router.route(
        request, external: external, policy: policy, now: self.loop.now, wallClock: self.loop.wallClock)
      self.transferDecided(routed, request, isExternal: external.decision != nil)
    }
    guard let consultation else {
      let routed = router.route(request, now: loop.now, wallClock: loop.wallClock)
      return transferDecided(routed, request, isExternal: false)
    }
    transfer?.consultation = consultation
    // Whoever asked has an answer at once, and hears by NOTIFY how it goes on; it may hang up meanwhile.
    if let side = transfer?.side { leg(side)?.transferProgressed(.accepted) }
  }

  private func transferDecided(_ routed: RoutedCall, _ request: CallRequest, isExternal: Bool) {
    guard let side = transfer?.side else { return }
    switch routed.decision {
    case .gateway(let gateway):
      var hunt = routed.hunt
      guard let step = hunt.first(), let offer = offerOfRemaining(side.other) else {
        router.release(routed)
        return transferRefused(request, .notFound)
      }
      live.note("transfer to \(gateway.remoteAlias), rule \(gateway.name)")
      // The new party's media goes to where it is called from, which need not be where the old one's went.
      let addresses =
        gateway.outgoingLocation.map { routed.policy.mediaAddresses(in: [$0]) } ?? placement.caller
      if side == .a {
        transfer?.media.settings.placement.caller = addresses
      } else {
        transfer?.media.settings.placement.called = addresses
      }
      transfer?.stage = .ringing
      transfer?.hunt = hunt
      transfer?.offer = offer
      transfer?.share = routed.share
      ring(step)
    case .service:
      transferToService(routed, request, isExternal: isExternal)
    case .redirect(let alias):
      // Policy knows a better one; it is asked as often as a call may be resolved.
      guard request.resolutions < Router.maximumResolutions else { return transferRefused(request, .loop) }
      live.note("transfer to \(request.alias.parsed), which policy sends on to \(alias)")
      var next = request
      next.alias = Alias(sip: alias)
      next.resolutions += 1
      decideTransfer(next)
    case .reject(let rejection):
      if let limit = routed.record.limit { live.note("transfer meets a limit: \(limit)") }
      transferRefused(request, routed.refusalCause(toward: request.caller) ?? rejection.cause)
    }
  }

  func transferRefused(_ request: CallRequest, _ cause: Cause) {
    if cause == .notFound, let side = transfer?.side, isStranger(side), let source = leg(side)?.party.address
    {
      router.countBadAttempt(from: source.ip, location: request.location, now: loop.now)
    }
    live.note("transfer to \(request.alias.parsed) refused: \(cause.rawValue)")
    transferFailed(Disconnect(cause))
  }

  /// Whether a party may be somebody who tries aliases: neither a device of ours nor behind a trunk, as for calls.
  private func isStranger(_ side: RelaySideName) -> Bool {
    if let newcomer = newcomers[side] { return !newcomer.isRegistered && newcomer.trunk == nil }
    if side == .a { return !request.caller.isRegistered && request.caller.trunk == nil }
    return calledTarget.map { !$0.isDevice && $0.trunk == nil } ?? true
  }

  // MARK: The new party

  func transferTargetDid(_ event: CallLegEvent) {
    guard let transfer else { return }
    switch (transfer.stage, event) {
    case (.offeringTarget, .answer(let description)):
      self.transfer?.hasTargetAgreed = true
      offerToRemaining(description)
    case (.offeringTarget, .confirmed(let description)) where transfer.isTargetAccepted:
      guard let description else { return transferFailed(MediaRefusal.noAnswer.disconnect) }
      self.transfer?.hasTargetAgreed = true
      offerToRemaining(description)
    case (.offeringTarget, .offerRefused(let disconnect)):
      if let leg = transfer.leg, offerAgain(to: leg, at: transfer.side, after: disconnect) { return }
      transferFailed(disconnect, hasTargetRefused: true)
    case (_, .offer):
      transfer.leg?.refuseOffer(Disconnect(.temporarilyUnavailable, protocolCode: 491))
    case (_, .transferRequested):
      transfer.leg?.transferProgressed(.failed(Disconnect(.temporarilyUnavailable, protocolCode: 491)))
    case (_, .digit), (_, .message):
      // Still meant for the call it comes from.
      if let lender = transfer.lender { lender.call.inCall(lender.side, event) }
    case (_, .ended(let disconnect)):
      newcomerLeft(transfer, disconnect)
    default:
      break
    }
  }

  private func newcomerLeft(_ transfer: TransferInProgress, _ disconnect: Disconnect) {
    self.transfer?.leg = nil
    self.transfer?.lender = nil
    if let leg = transfer.leg {
      if let lender = transfer.lender {
        leg.observer = lender.call
        lender.call.borrower = nil
        lender.call.leg(leg, did: .ended(disconnect))
      } else {
        host.unregister(leg: leg.id)
      }
    }
    guard transfer.stage == .offeringRemaining else { return transferFailed(disconnect) }
    guard transfer.mayFail else { return end(disconnect, by: .called) }
    transferFailed(disconnect)
    // The remaining party was offered the newcomer's media, and may have taken it.
    if !isOver { exchangeUnderWay = MediaExchange(offerer: transfer.side, isVoid: true) }
  }

  /// Best effort offers RTP/AVP with keys, which some endpoints that insist on encryption refuse for its profile: they are
  /// offered RTP/SAVP once. False: that is not the reason, or it was tried.
  private func offerAgain(
    to leg: any CallLeg, at side: RelaySideName, after disconnect: Disconnect
  ) -> Bool {
    guard let transfer, disconnect.cause == .notAcceptable, transfer.encryption == .bestEffort,
      let offer = transfer.offer,
      let told = transfer.media.told[side],
      !told.streams.contains(where: { $0.isEnabled && $0.profile.isSecure }),
      let passed = try? transfer.media.offer(from: side.other, offer, encryption: .required)
    else { return false }
    self.transfer?.encryption = .required
    leg.offer(passed)
    return true
  }

  /// A party that takes its time over an offer must not hold up the others for ever.
  func watchTransfer() {
    loop.cancel(transfer?.ringTimer)
    transfer?.ringTimer = loop.schedule(after: TwoPartyCall.exchangePatience) { [weak self] in
      self?.transferOverdue()
    }
  }

  private func transferOverdue() {
    guard let transfer else { return }
    let disconnect = Disconnect(.noAnswer, text: "No answer to the offer")
    guard transfer.stage == .offeringRemaining else { return transferFailed(disconnect) }
    guard transfer.mayFail else { return end(disconnect, by: .tandem) }
    transferFailed(disconnect)
    if !isOver { exchangeUnderWay = MediaExchange(offerer: transfer.side, isVoid: true) }
  }

  /// The new party has agreed to the remaining one's media: now the remaining one learns of the new.
  func offerToRemaining(_ answer: MediaDescription) {
    guard var transfer, let remaining = leg(transfer.side.other) else { return }
    guard exchangeUnderWay == nil else {
      self.transfer?.waitingAnswer = answer
      return
    }
    do {
      let offer = try transfer.media.answer(from: transfer.side, answer, isFinal: true)
      transfer.stage = .offeringRemaining
      self.transfer = transfer
      watchTransfer()
      remaining.offer(offer)
    } catch {
      transferFailed(error.disconnect)
    }
  }

  /// The exchange between the old parties is over: what waited for it goes on.
  func continueTransfer() {
    guard !isOver, exchangeUnderWay == nil, let answer = transfer?.waitingAnswer else { return }
    transfer?.waitingAnswer = nil
    offerToRemaining(answer)
  }

  /// One party hangs up. True if that is the one that is to leave anyway: the transfer goes on without it.
  func transferrerLeft(_ side: RelaySideName) -> Bool {
    guard let transfer, transfer.side == side else { return false }
    self.transfer?.isTransferrerGone = true
    if let underWay = exchangeUnderWay, underWay.offerer == side.other {
      exchangeUnderWay = nil
      media?.withdrawOffer()
      leg(side.other)?.refuseOffer(Disconnect(.temporarilyUnavailable, protocolCode: 491))
      continueTransfer()
    }
    return true
  }

  // MARK: The remaining party

  /// Takes an answer that belongs to a transfer. False: it belongs to something else.
  func transferAnswered(by side: RelaySideName, _ description: MediaDescription) -> Bool {
    guard let transfer, transfer.stage == .offeringRemaining, side == transfer.side.other,
      let leg = transfer.leg
    else { return false }
    do {
      if transfer.targetIsCaller, !transfer.isTargetAccepted {
        leg.accept(media: try transfer.media.answer(from: side, description, isFinal: true))
      } else {
        try transfer.media.confirm(side, description)
      }
      completeTransfer()
    } catch {
      guard transfer.mayFail else {
        end(error.disconnect, by: .tandem)
        return true
      }
      transferFailed(error.disconnect)
      if !isOver { restore(side) }
    }
    return true
  }

  func transferOfferRefused(by side: RelaySideName, _ disconnect: Disconnect) -> Bool {
    guard let transfer, transfer.stage == .offeringRemaining, side == transfer.side.other else {
      return false
    }
    if transfer.targetIsCaller, let leg = leg(side), offerAgain(to: leg, at: side, after: disconnect) {
      return true
    }
    // A party that was called is already on the line; the remaining one would hear nothing.
    transfer.mayFail ? transferFailed(disconnect) : end(disconnect, by: .tandem)
    return true
  }

  /// The new party is in, the one that asked for it is out.
  private func completeTransfer() {
    takeFromLender()
    guard let transfer, let newcomer = transfer.leg else { return }
    loop.cancel(transfer.ringTimer)
    self.transfer = nil
    let former = leg(transfer.side)
    if transfer.isAwaited { former?.transferProgressed(.succeeded) }
    recordDeparture(of: transfer.side, Disconnect(.transferred))
    roster.replace(transfer.side, at: loop.wallClock)
    newcomers[transfer.side] = transfer.caller ?? Caller(reached: newcomer.party, by: transfer.target)
    live.occupy(transfer.side == .a ? .caller : .called, transfer.share)
    if transfer.side == .a {
      if let callerTarget { router.endAttempt(callerTarget) }
      caller = newcomer
      callerTarget = transfer.target
    } else {
      if let calledTarget { router.endAttempt(calledTarget) }
      called = newcomer
      calledTarget = transfer.target
    }
    if let former {
      host.unregister(leg: former.id)
      former.observer = nil
      former.end(Disconnect(.transferred))
    }
    let live = live
    media?.close { quality in live.update { $0.media += quality } }
    media = transfer.media
    media?.onEvent = { [weak self] in self?.mediaDid($0) }
    live.note("transfer completed")
  }

  /// - Parameter hasTargetRefused: the new party goes on as it was before it was asked.
  func transferFailed(_ disconnect: Disconnect, hasTargetRefused: Bool = false) {
    guard let transfer else { return }
    dismissNewcomer(of: transfer, disconnect, hasTargetRefused: hasTargetRefused)
    live.note("transfer failed: \(disconnect.cause.rawValue)")
    leg(transfer.side)?.transferProgressed(.failed(disconnect))
    // With the one who asked gone there is nobody to go back to.
    if transfer.isTransferrerGone { end(disconnect, by: transfer.side == .a ? .caller : .called) }
  }

  /// The call ends with a transfer under way.
  func endTransfer(_ disconnect: Disconnect) {
    if let transfer { dismissNewcomer(of: transfer, disconnect, hasTargetRefused: false) }
  }

  private func dismissNewcomer(
    of transfer: TransferInProgress, _ disconnect: Disconnect, hasTargetRefused: Bool
  ) {
    giveUpRinging(disconnect)
    if let consultation = transfer.consultation { live.note(consultation.withdraw()) }
    self.transfer = nil
    if let leg = transfer.leg {
      if let lender = transfer.lender {
        leg.observer = lender.call
        lender.call.takeBack(
          lender.side, hasAgreed: transfer.hasTargetAgreed, hasRefused: hasTargetRefused)
      } else {
        host.unregister(leg: leg.id)
        leg.observer = nil
        leg.endOrReject(disconnect, answered: !transfer.targetIsCaller || transfer.isTargetAccepted)
      }
    }
    if let target = transfer.target { router.endAttempt(target) }
    router.release(transfer.share)
    transfer.media.close { _ in }
  }

  // MARK: Media

  /// - Parameter side: the side of the new party, whose signalling comes from `address`.
  func newMedia(
    for side: RelaySideName? = nil, at address: TransportAddress? = nil
  ) -> CallMedia {
    let media = CallMedia(access: host.media, settings: media?.settings ?? defaultSettings)
    media.signallingAddress = self.media?.signallingAddress ?? [:]
    if let side { media.signallingAddress[side] = address?.ip }
    return media
  }

  /// What the remaining party described last, taken off hold: the transferrer usually held it.
  func offerOfRemaining(_ side: RelaySideName) -> MediaDescription? {
    guard var description = media?.described[side] else { return nil }
    for index in description.streams.indices where description.streams[index].isEnabled {
      description.streams[index].direction = .sendReceive
    }
    return description
  }
}
