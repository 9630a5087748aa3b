import CallModel
import MediaRelay
import PolicyEngine
import Router

/// A leg that is about to take the place of one party of the call.
struct TransferInProgress {
  enum Stage {
    /// The new party rings.
    case dialing
    /// The new party has been asked to take the remaining one's media.
    case offeringTarget
    /// The remaining party has been asked to take the new one's media.
    case offeringRemaining
  }

  /// The side whose party leaves.
  var side: RelaySideName
  var stage: Stage
  var leg: (any CallLeg)?
  var target: RouteTarget?
  /// The media between the remaining and the new party; takes over when both have agreed.
  var media: CallMedia
  var recordIndex: Int?
  var ringTimer: SignallingLoop.TimerID?
  /// True when the new party called us (INVITE with Replaces, RFC 3891): it is answered rather than re-invited.
  var targetIsCaller = false
}

extension TwoPartyCall {
  // MARK: Requests

  /// One party asks that the other be connected elsewhere (RFC 5589).
  func transferRequested(by side: RelaySideName, _ transferRequest: CallModel.TransferRequest) {
    guard let leg = leg(side) else { return }
    guard phase == .connected, transfer == nil, exchangeUnderWay == nil, let remaining = self.leg(side.other)
    else {
      leg.transferProgressed(.failed(Disconnect(.temporarilyUnavailable, protocolCode: 491)))
      return
    }
    if let replacing = transferRequest.replacing {
      joinOtherCall(side, replacing, remaining, transferrer: leg)
    } else {
      dialTransferTarget(side, transferRequest, remaining, transferrer: leg)
    }
  }

  /// Blind: a new request through the one door, in the name of the party that stays.
  private func dialTransferTarget(
    _ side: RelaySideName, _ transferRequest: CallModel.TransferRequest, _ remaining: any CallLeg,
    transferrer: any CallLeg
  ) {
    var request = request
    request.alias = transferRequest.alias
    request.previousServiceName = configuration.name
    request.resolutions += 1
    request.hopsLeft = live.routed.policy.policy.globals.sip.maxForwards
    if side == .a {
      // The called party stays and calls on: it is known here only as the target that was reached.
      request.caller = Caller(
        alias: remaining.party.alias, displayName: remaining.party.displayName,
        address: remaining.party.address,
        vendor: remaining.party.vendor, isRegistered: calledTarget.map(\.isDevice) ?? false,
        registeredAlias: calledTarget.flatMap { $0.isDevice ? $0.calledAlias : nil })
    }
    let routed = router.route(request, now: loop.now, wallClock: loop.wallClock)
    // The call that is being transferred already occupies its limits.
    router.release(routed.admission)
    var hunt = routed.hunt
    guard case .gateway(let gateway) = routed.decision, let target = hunt.first()?.first,
      let dialer = host.exchange.dialer(for: target.callProtocol), let offer = offerOfRemaining(side.other)
    else {
      let cause = routed.decision.rejectionCause ?? .notFound
      live.note("transfer to \(transferRequest.alias.parsed) refused: \(cause.rawValue)")
      return transferrer.transferProgressed(.failed(Disconnect(cause)))
    }
    guard router.beginAttempt(target, now: loop.now) else {
      return transferrer.transferProgressed(.failed(Disconnect(.limitReached)))
    }
    live.note("transfer to \(gateway.remoteAlias), rule \(gateway.name)")
    let media = newMedia()
    let passed = try? media.offer(from: side.other, offer, encryption: encryption(toward: target))
    guard let passed else {
      router.endAttempt(target)
      return transferrer.transferProgressed(.failed(Disconnect(.notAcceptable)))
    }
    transferrer.transferProgressed(.accepted)
    var call = OutgoingCall(
      id: live.id, target: target,
      callerAlias: target.callingAlias ?? request.caller.registeredAlias ?? request.caller.alias,
      callerDisplayName: target.callingDisplayName ?? request.caller.displayName,
      isCallerRegistered: request.caller.isRegistered, hopsLeft: max(0, (request.hopsLeft ?? 70) - 1),
      offer: passed)
    call.loopTokens = request.loopTokens
    var recordIndex = 0
    live.update(keep: true) { record in
      recordIndex = record.attempts.count
      record.attempts.append(
        CallAttempt(
          via: target.via, alias: target.calledAlias, address: target.remoteAddress, started: loop.wallClock))
    }
    let leg = dialer.dial(call, observer: self)
    host.register(self, leg: leg.id)
    let timer = loop.schedule(after: target.ringTimeout) { [weak self] in
      self?.transferFailed(Disconnect(.noAnswer))
    }
    transfer = TransferInProgress(
      side: side, stage: .dialing, leg: leg, target: target, media: media, recordIndex: recordIndex,
      ringTimer: timer)
  }

  /// Attended: the party of another call of ours takes the place of the one that asked. Both calls were decided when they
  /// were made; the Refer-To names a dialog, not an alias, so there is nothing to route.
  private func joinOtherCall(
    _ side: RelaySideName, _ replacing: LegID, _ remaining: any CallLeg, transferrer: any CallLeg
  ) {
    guard let other = host.call(with: replacing), other !== self, other.phase == .connected,
      other.transfer == nil,
      let otherSide: RelaySideName = other.caller.id == replacing
        ? .a : (other.called?.id == replacing ? .b : nil),
      let target = other.leg(otherSide.other), let offer = offerOfRemaining(side.other)
    else {
      return transferrer.transferProgressed(.failed(Disconnect(.notFound, protocolCode: 481)))
    }
    let media = newMedia()
    guard
      let passed = try? media.offer(
        from: side.other, offer, encryption: other.configuration.mediaEncryption)
    else { return transferrer.transferProgressed(.failed(Disconnect(.notAcceptable))) }
    transferrer.transferProgressed(.accepted)
    live.note("attended transfer: joined with call \(other.live.id)")
    let trunkTarget = otherSide == .a ? other.calledTarget : nil
    other.give(up: target)
    target.observer = self
    host.register(self, leg: target.id)
    transfer = TransferInProgress(
      side: side, stage: .offeringTarget, leg: target, target: trunkTarget, media: media)
    target.offer(passed)
  }

  /// This call ends, but one of its parties lives on in another.
  private func give(up leg: any CallLeg) {
    leg.observer = nil
    host.unregister(leg: leg.id)
    if called?.id == leg.id {
      called = nil
      // Its place on the trunk goes with it.
      calledTarget = nil
      end(Disconnect(.transferred), by: .called)
    } else {
      end(Disconnect(.transferred), by: .caller)
    }
  }

  /// A new caller takes the place of a leg of this call (RFC 3891).
  func takeOver(_ leg: LegID, by incoming: IncomingCall) {
    let side: RelaySideName = caller.id == leg ? .a : .b
    guard phase == .connected, transfer == nil, exchangeUnderWay == nil, let offer = incoming.offer,
      let remaining = self.leg(side.other)
    else {
      incoming.leg.reject(Disconnect(.notAcceptable))
      return incoming.call.finish(Disconnect(.notAcceptable), by: .tandem)
    }
    let media = newMedia()
    guard let passed = try? media.offer(from: side, offer, encryption: configuration.mediaEncryption) else {
      incoming.leg.reject(Disconnect(.notAcceptable))
      return incoming.call.finish(Disconnect(.notAcceptable), by: .tandem)
    }
    live.note("party replaced by call \(incoming.call.id)")
    incoming.leg.observer = self
    host.register(self, leg: incoming.leg.id)
    transfer = TransferInProgress(
      side: side, stage: .offeringRemaining, leg: incoming.leg, media: media, targetIsCaller: true)
    incoming.call.finish(Disconnect(.transferred, text: "Continues in call \(live.id)"), by: .tandem)
    remaining.offer(passed)
  }

  // MARK: The new party

  func transferTargetDid(_ event: CallLegEvent) {
    guard let transfer else { return }
    switch (transfer.stage, event) {
    case (.dialing, .progress(.ringing, _)):
      leg(transfer.side)?.transferProgressed(.ringing)
    case (.dialing, .answered(let description?)):
      loop.cancel(transfer.ringTimer)
      if let target = transfer.target?.trunk {
        router.report(trunk: target.name, failure: nil, now: loop.now)
      }
      live.update { record in
        if let index = transfer.recordIndex { record.attempts[index].answered = loop.wallClock }
      }
      leg(transfer.side)?.transferProgressed(.succeeded)
      offerToRemaining(description)
    case (.dialing, .answered(nil)):
      transferFailed(MediaRefusal.noAnswer.disconnect)
    case (.offeringTarget, .answer(let description)):
      leg(transfer.side)?.transferProgressed(.succeeded)
      offerToRemaining(description)
    case (.offeringTarget, .offerRefused(let disconnect)):
      transferFailed(disconnect)
    case (_, .offer):
      transfer.leg?.refuseOffer(Disconnect(.temporarilyUnavailable, protocolCode: 491))
    case (.offeringRemaining, .ended(let disconnect)):
      self.transfer?.leg = nil
      if transfer.targetIsCaller { transferFailed(disconnect) } else { end(disconnect, by: .called) }
    case (_, .ended(let disconnect)):
      self.transfer?.leg = nil
      transferFailed(disconnect)
    default:
      break
    }
  }

  /// The new party has agreed to the remaining one's media: now the remaining one learns of the new.
  private func offerToRemaining(_ answer: MediaDescription) {
    guard var transfer, let remaining = leg(transfer.side.other) else { return }
    do {
      let offer = try transfer.media.answer(from: transfer.side, answer, isFinal: true)
      transfer.stage = .offeringRemaining
      self.transfer = transfer
      remaining.offer(offer)
    } catch {
      transferFailed(error.disconnect)
    }
  }

  // MARK: The remaining party

  /// Takes an answer that belongs to a transfer. False: it belongs to something else.
  func transferAnswered(by side: RelaySideName, _ description: MediaDescription) -> Bool {
    guard let transfer, transfer.stage == .offeringRemaining, side == transfer.side.other,
      let leg = transfer.leg
    else { return false }
    do {
      if transfer.targetIsCaller {
        leg.accept(media: try transfer.media.answer(from: side, description, isFinal: true))
      } else {
        try transfer.media.confirm(side, description)
      }
      completeTransfer()
    } catch {
      transfer.targetIsCaller ? transferFailed(error.disconnect) : end(error.disconnect, by: .tandem)
    }
    return true
  }

  func transferOfferRefused(by side: RelaySideName, _ disconnect: Disconnect) -> Bool {
    guard let transfer, transfer.stage == .offeringRemaining, side == transfer.side.other else {
      return false
    }
    // The new party is already on the line; the remaining one would hear nothing.
    transfer.targetIsCaller ? transferFailed(disconnect) : end(disconnect, by: .tandem)
    return true
  }

  /// The new party is in, the one that asked for it is out.
  private func completeTransfer() {
    guard let transfer, let newcomer = transfer.leg else { return }
    self.transfer = nil
    let former = leg(transfer.side)
    if transfer.side == .a {
      caller = newcomer
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

  private func transferFailed(_ disconnect: Disconnect) {
    guard let transfer else { return }
    self.transfer = nil
    loop.cancel(transfer.ringTimer)
    if let leg = transfer.leg {
      host.unregister(leg: leg.id)
      leg.observer = nil
      transfer.targetIsCaller ? leg.reject(disconnect) : leg.end(disconnect)
    }
    if let target = transfer.target { router.endAttempt(target) }
    live.update(keep: true) { record in
      guard let index = transfer.recordIndex else { return }
      record.attempts[index].ended = loop.wallClock
      record.attempts[index].disconnect = disconnect
    }
    transfer.media.close { _ in }
    live.note("transfer failed: \(disconnect.cause.rawValue)")
    leg(transfer.side)?.transferProgressed(.failed(disconnect))
  }

  /// The call ends with a transfer under way.
  func endTransfer(_ disconnect: Disconnect) {
    guard let transfer else { return }
    self.transfer = nil
    loop.cancel(transfer.ringTimer)
    if let leg = transfer.leg {
      host.unregister(leg: leg.id)
      transfer.targetIsCaller ? leg.reject(disconnect) : leg.end(disconnect)
    }
    if let target = transfer.target { router.endAttempt(target) }
    transfer.media.close { _ in }
  }

  // MARK: Media

  private func newMedia() -> CallMedia {
    let media = CallMedia(access: host.media, settings: media?.settings ?? defaultSettings)
    media.signallingAddress = self.media?.signallingAddress ?? [:]
    return media
  }

  /// What the remaining party described last, taken off hold: the transferrer usually held it.
  private func offerOfRemaining(_ side: RelaySideName) -> MediaDescription? {
    guard var description = media?.described[side] else { return nil }
    for index in description.streams.indices where description.streams[index].isEnabled {
      description.streams[index].direction = .sendReceive
    }
    return description
  }
}

extension RouteTarget {
  var isDevice: Bool { if case .device = destination { true } else { false } }
}

extension Decision {
  /// Why a decision is no call, if it is none.
  var rejectionCause: Cause? { if case .reject(let rejection) = self { rejection.cause } else { nil } }
}
