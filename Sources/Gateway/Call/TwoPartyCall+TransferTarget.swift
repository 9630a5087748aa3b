import CallModel
import MediaRelay
import PolicyEngine
import Router

/// Reaching the new party of a transfer: like reaching a called party, with the remaining one as caller.
extension TwoPartyCall {
  /// Dials all targets of one step together.
  func ring(_ step: [RouteTarget]) {
    guard let transfer else { return }
    transfer.media.beginStep(transfer.side)
    var refused = Disconnect(.networkFailure)
    for listed in step {
      guard let dialer = host.exchange.dialer(for: listed.callProtocol) else { continue }
      let target: RouteTarget
      do throws(LimitReached) {
        target = try router.beginAttempt(listed, now: loop.now)
      } catch {
        refused = error.disconnect
        live.note("transfer over \(listed.via) refused: \(error)")
        continue
      }
      if let failure = dial(target, dialer, encryption: encryption(toward: target)) {
        router.endAttempt(target)
        refused = failure
      }
    }
    guard let ringing = self.transfer?.ringing, !ringing.isEmpty else { return stepOfTransferFailed(refused) }
    leg(transfer.side)?.transferProgressed(.accepted)
    let timeout = step.map(\.ringTimeout).max() ?? .seconds(60)
    self.transfer?.ringTimer = loop.schedule(after: timeout) { [weak self] in
      self?.giveUpRinging(Disconnect(.noAnswer))
      self?.stepOfTransferFailed(Disconnect(.noAnswer))
    }
  }

  /// Nil, or why this target cannot be called.
  private func dial(
    _ target: RouteTarget, _ dialer: any LegDialer, encryption: MediaEncryption
  ) -> Disconnect? {
    guard let transfer, let offer = transfer.offer, let request = transfer.request else {
      return Disconnect(.notAcceptable)
    }
    let media = transfer.media
    media.signallingAddress[transfer.side] = target.remoteAddress?.ip
    let passed: MediaDescription
    do {
      passed = try media.offer(from: transfer.side.other, offer, encryption: encryption)
    } catch {
      return error.disconnect
    }
    let caller = request.caller
    let call = OutgoingCall(
      id: live.id, target: target,
      callerAlias: target.callingAlias ?? caller.registeredAlias ?? caller.alias,
      callerDisplayName: target.callingDisplayName ?? caller.displayName,
      isCallerRegistered: caller.isRegistered, assertedIdentities: caller.assertedIdentities,
      forwarding: forwarding, hopsLeft: max(0, (request.hopsLeft ?? 70) - 1), loopTokens: request.loopTokens,
      offer: passed, replaces: transfer.replaces)
    var recordIndex = 0
    live.update(keep: true) { record in
      recordIndex = record.attempts.count
      record.attempts.append(
        CallAttempt(
          via: target.via, alias: target.calledAlias, address: target.remoteAddress, started: loop.wallClock))
    }
    let leg = dialer.dial(call, observer: self)
    host.register(self, leg: leg.id)
    self.transfer?.ringing.append(
      .init(leg: leg, target: target, recordIndex: recordIndex, encryption: encryption))
    return nil
  }

  func transferRingingDid(_ index: Int, _ event: CallLegEvent) {
    guard let transfer else { return }
    switch event {
    case .progress(.ringing, _):
      leg(transfer.side)?.transferProgressed(.ringing)
    case .answered(let description):
      transferAnswered(by: index, description)
    case .ended(let disconnect):
      let ended = transfer.ringing[index]
      self.transfer?.ringing.remove(at: index)
      finish(ended, disconnect)
      if disconnect.cause != .cancelled { reportTrunk(ended.target, disconnect.cause) }
      if disconnect.protocolCode == 430 { router.flowFailed(ended.target) }
      if retryEncrypted(ended, disconnect) { return }
      if let code = disconnect.protocolCode, code >= 600 { giveUpRinging(Disconnect(.cancelled)) }
      if self.transfer?.ringing.isEmpty ?? false { stepOfTransferFailed(disconnect) }
    case .offer(let description):
      if description != nil {
        transfer.ringing[index].leg.refuseOffer(Disconnect(.notAcceptable, protocolCode: 488))
      }
    default:
      break
    }
  }

  /// As for a first call: who refuses best effort for its profile is offered RTP/SAVP once.
  private func retryEncrypted(_ attempt: TransferInProgress.Ringing, _ disconnect: Disconnect) -> Bool {
    guard disconnect.cause == .notAcceptable, attempt.encryption == .bestEffort,
      let dialer = host.exchange.dialer(for: attempt.target.callProtocol),
      let target = try? router.beginAttempt(attempt.target, now: loop.now)
    else { return false }
    guard dial(target, dialer, encryption: .required) != nil else { return true }
    router.endAttempt(target)
    return false
  }

  private func transferAnswered(by index: Int, _ description: MediaDescription?) {
    guard let transfer else { return }
    let winner = transfer.ringing[index]
    self.transfer?.ringing.remove(at: index)
    giveUpRinging(Disconnect(.answeredElsewhere))
    reportTrunk(winner.target, nil)
    live.update { $0.attempts[winner.recordIndex].answered = loop.wallClock }
    self.transfer?.leg = winner.leg
    self.transfer?.target = winner.target
    live.countTime(of: winner.target.share)
    live.countTime(of: transfer.share)
    let address = winner.leg.party.address ?? winner.target.remoteAddress
    transfer.media.expect(from: address?.ip, encryption: winner.encryption, on: transfer.side)
    guard let description else { return transferFailed(MediaRefusal.noAnswer.disconnect) }
    leg(transfer.side)?.transferProgressed(.succeeded)
    offerToRemaining(description)
  }

  /// Ends what still rings. The legs are not heard any more.
  func giveUpRinging(_ disconnect: Disconnect) {
    loop.cancel(transfer?.ringTimer)
    let ringing = transfer?.ringing ?? []
    transfer?.ringing = []
    for attempt in ringing {
      finish(attempt, disconnect)
      attempt.leg.observer = nil
      attempt.leg.end(disconnect)
    }
  }

  private func finish(_ attempt: TransferInProgress.Ringing, _ disconnect: Disconnect) {
    router.endAttempt(attempt.target, failure: disconnect.cause)
    host.unregister(leg: attempt.leg.id)
    live.update { record in
      record.attempts[attempt.recordIndex].ended = loop.wallClock
      record.attempts[attempt.recordIndex].disconnect = disconnect
    }
  }

  private func stepOfTransferFailed(_ disconnect: Disconnect) {
    loop.cancel(transfer?.ringTimer)
    if let step = transfer?.hunt.next(after: disconnect.cause) { return ring(step) }
    transferFailed(disconnect)
  }
}
