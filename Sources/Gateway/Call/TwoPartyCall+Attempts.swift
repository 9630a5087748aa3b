import CallModel
import MediaRelay
import PolicyEngine
import Router

/// Reaching the called party: parallel ringing within a step, the next step after a cause that lets the call continue.
extension TwoPartyCall {
  /// Dials all targets of one step together.
  func begin(_ step: [RouteTarget]) {
    attempts = []
    media?.beginStep()
    var refused = Disconnect(.networkFailure)
    for listed in step {
      guard let dialer = host.exchange.dialer(for: listed.callProtocol) else {
        refused = Disconnect(.networkFailure, text: "No endpoint for \(listed.callProtocol.rawValue)")
        continue
      }
      let target: RouteTarget
      do throws(LimitReached) {
        target = try router.beginAttempt(listed, now: loop.now)
      } catch {
        refused = error.disconnect
        note(attempt: listed, refused, reason: error.description)
        continue
      }
      if let failure = dial(target, dialer, encryption: encryption(toward: target)) {
        router.endAttempt(target)
        refused = failure
        note(attempt: target, refused)
      }
    }
    guard !attempts.isEmpty else { return stepFailed([refused]) }
    let timeout = step.map(\.ringTimeout).max() ?? .seconds(60)
    ringTimer = loop.schedule(after: timeout) { [weak self] in self?.ringTimedOut() }
  }

  /// Nil, or why this target cannot be called.
  private func dial(
    _ target: RouteTarget, _ dialer: any LegDialer, encryption: MediaEncryption
  ) -> Disconnect? {
    guard let media else { return Disconnect(.notAcceptable) }
    let address = target.remoteAddress
    var offer: MediaDescription?
    do throws(MediaRefusal) {
      if let callerOffer {
        offer = try media.offerToCalled(callerOffer, encryption: encryption, near: address)
      }
    } catch {
      return error.disconnect
    }
    let call = OutgoingCall(
      id: request.id, target: target, callerAlias: target.callingAlias ?? callingAlias,
      callerDisplayName: target.callingDisplayName ?? request.caller.displayName,
      isCallerRegistered: request.caller.isRegistered, assertedIdentities: request.caller.assertedIdentities,
      forwarding: forwarding,
      hopsLeft: max(0, (request.hopsLeft ?? live.routed.policy.policy.globals.sip.maxForwards) - 1),
      loopTokens: request.loopTokens, offer: offer)
    var recordIndex = 0
    live.update(keep: false) { record in
      recordIndex = record.attempts.count
      record.attempts.append(
        CallAttempt(
          via: target.via, alias: target.calledAlias, address: address, started: loop.wallClock))
    }
    let leg = dialer.dial(call, observer: self)
    host.register(self, leg: leg.id)
    attempts.append(Attempt(leg: leg, target: target, recordIndex: recordIndex, encryption: encryption))
    return nil
  }

  /// Who the called party is told is calling, unless the rule says otherwise: the registered alias rather than the one claimed.
  private var callingAlias: String { request.caller.registeredAlias ?? request.caller.alias }

  func encryption(toward target: RouteTarget) -> MediaEncryption {
    target.trunk?.mediaEncryption ?? configuration.mediaEncryption
  }

  func attemptDid(_ index: Int, _ event: CallLegEvent) {
    switch event {
    case .progress(let progress, let description):
      attemptProgressed(index, progress, description)
    case .answered(let description):
      attemptAnswered(index, description)
    case .ended(let disconnect):
      attemptFailed(index, disconnect)
    case .offer(let description):
      if let description { offeredEarly(by: .b, attempts[index].leg, description) }
    case .offerWithdrawn, .answer, .offerRefused:
      if earlyLeg?.id == attempts[index].leg.id { inCall(.b, event) }
    case .confirmed, .digit, .message, .transferRequested, .transferProgressed:
      break
    }
  }

  private func attemptProgressed(_ index: Int, _ progress: CallProgress, _ description: MediaDescription?) {
    let attempt = attempts[index]
    if progress == .ringing {
      live.update { record in
        if record.attempts[attempt.recordIndex].rang == nil {
          record.attempts[attempt.recordIndex].rang = loop.wallClock
        }
      }
    }
    if let description {
      // With no offer of the caller there is none that this one could answer: our INVITE does not allow it.
      guard callerOffer != nil else {
        let disconnect = Disconnect(.notAcceptable, text: "Early offer")
        attempt.leg.observer = nil
        attempt.leg.end(disconnect)
        return attemptFailed(index, disconnect)
      }
      attempts[index].description = description
    }
    var shown: MediaDescription?
    // Early media comes from the first fork that offers any; a second one would only talk over it.
    if isCallerAnswered { return }
    if let description, attempt.hasEarlyMedia || !attempts.contains(where: \.hasEarlyMedia) {
      attempts[index].hasEarlyMedia = true
      media?.expect(from: attempt.address, encryption: attempt.encryption)
      shown = show(try? media?.answer(from: .b, description, isFinal: false))
    }
    guard progress != .trying else { return }
    if progress != toldCaller || shown != nil {
      toldCaller = progress
      caller.progress(progress, media: shown)
    }
  }

  /// What the caller is shown of an early answer: the first one, and that again. To another it would not listen.
  private func show(_ answer: MediaDescription?) -> MediaDescription? {
    guard let answer else { return nil }
    guard let earlyAnswer else {
      self.earlyAnswer = answer
      return answer
    }
    return earlyAnswer.isSameSession(as: answer) ? earlyAnswer : nil
  }

  private func attemptAnswered(_ index: Int, _ description: MediaDescription?) {
    if let description { attempts[index].description = description }
    let winner = attempts[index]
    loop.cancel(ringTimer)
    ringTimer = nil
    live.update { $0.attempts[winner.recordIndex].answered = loop.wallClock }
    reportTrunk(winner.target, nil)
    attempts.remove(at: index)
    giveUpAttempts(Disconnect(.answeredElsewhere))
    attempts = []
    called = winner.leg
    earlyLeg = nil
    calledTarget = winner.target
    live.countTime(of: winner.target.share)
    media?.expect(from: winner.address, encryption: winner.encryption)
    connect(winner.description)
  }

  /// Answers the caller. One who was shown another answer early gets that again, as it has to be, and then an offer that says
  /// what holds now; addresses and keys are ours and have not changed.
  func acceptCaller(_ answer: MediaDescription) {
    phase = .connected
    if isCallerAnswered {
      exchangeUnderWay = MediaExchange(offerer: .b, isRestoration: true, isIndispensable: true)
      caller.offer(answer)
      return connected()
    }
    let shown = earlyAnswer ?? answer
    caller.accept(media: shown)
    connected()
    guard !isOver, !shown.isSameSession(as: answer) else { return }
    live.note("caller is offered what the answering party takes")
    exchangeUnderWay = MediaExchange(
      offerer: .b, isRestoration: true, isIndispensable: !shown.sharesFormat(with: answer))
    caller.offer(answer)
  }

  /// Joins the answered leg to the caller.
  func connect(_ description: MediaDescription?) {
    guard let media else { return }
    if exchangeUnderWay != nil, let earlyAnswer {
      // An offer made before the answer is still under way, and decides; the first exchange is complete on both sides.
      phase = .connected
      caller.accept(media: earlyAnswer)
      return connected()
    }
    do throws(MediaRefusal) {
      guard let description else { throw MediaRefusal.noAnswer }
      if callerOffer != nil {
        acceptCaller(try media.answer(from: .b, description, isFinal: true))
      } else {
        offerInAnswer(try media.offer(from: .b, description, encryption: encryptionTowardCaller))
      }
    } catch {
      end(error.disconnect, by: .tandem)
    }
  }

  /// The caller wanted our offer: the called party's becomes it, and the caller's answer travels on in its ACK.
  func offerInAnswer(_ offer: MediaDescription) {
    exchangeUnderWay = MediaExchange(offerer: .b, isInitial: true, isAnsweredInAcknowledgement: true)
    phase = .connected
    caller.accept(media: offer)
    connected()
  }

  private func connected() {
    live.connected()
    sendSequence()
  }

  private func attemptFailed(_ index: Int, _ disconnect: Disconnect) {
    attempts[index].failure = disconnect
    finishAttempt(attempts[index], disconnect)
    host.unregister(leg: attempts[index].leg.id)
    abandonEarlyExchange(with: attempts[index].leg)
    attempts[index].hasEarlyMedia = false
    if disconnect.cause != .cancelled { reportTrunk(attempts[index].target, disconnect.cause) }
    if disconnect.protocolCode == 430 { router.flowFailed(attempts[index].target) }
    if retryEncrypted(attempts[index], disconnect) { return }
    // 6xx: the user does not want to be reached anywhere (RFC 3261 §16.7 step 5).
    if let code = disconnect.protocolCode, code >= 600 { giveUpAttempts(Disconnect(.cancelled)) }
    guard attempts.allSatisfy({ $0.failure != nil }) else { return }
    stepFailed(attempts.compactMap(\.failure).filter { $0.cause != .cancelled || attempts.count == 1 })
  }

  /// Best effort offers RTP/AVP with keys, which some endpoints that insist on encryption refuse for its profile: they are
  /// offered RTP/SAVP once.
  private func retryEncrypted(_ attempt: Attempt, _ disconnect: Disconnect) -> Bool {
    guard disconnect.cause == .notAcceptable, attempt.encryption == .bestEffort, callerOffer != nil,
      let dialer = host.exchange.dialer(for: attempt.target.callProtocol),
      let target = try? router.beginAttempt(attempt.target, now: loop.now)
    else { return false }
    guard dial(target, dialer, encryption: .required) != nil else { return true }
    router.endAttempt(target)
    return false
  }

  private func ringTimedOut() {
    giveUpAttempts(Disconnect(.noAnswer))
    stepFailed(attempts.compactMap(\.failure))
  }

  /// Every target of the step has failed: a redirection, the next step, or the end.
  private func stepFailed(_ failures: [Disconnect]) {
    loop.cancel(ringTimer)
    ringTimer = nil
    attempts = []
    let best = failures.min { $0.cause.forkingRank < $1.cause.forkingRank } ?? Disconnect(.networkFailure)
    if best.cause == .moved { follow(best.redirectTargets[...], best) } else { goOn(after: best) }
  }

  private func goOn(after failure: Disconnect) {
    if let step = hunt.next(after: failure.cause) { return begin(step) }
    if failure.cause == .notAcceptable, !configuration.details.transcodes {
      live.note("no format in common, and policy allows no transcoding")
    }
    end(failure, by: failure.cause == .noAnswer ? .tandem : .called)
  }

  /// Calls where a 3xx pointed to: a new request through the one door, decided like any other. Of several contacts the
  /// first that leads anywhere is taken; if none does, the hunt goes on.
  private func follow(_ targets: ArraySlice<String>, _ failure: Disconnect) {
    guard let target = targets.first, redirections < TwoPartyCall.maximumRedirections else {
      return goOn(after: failure)
    }
    redirections += 1
    var request = request
    request.alias = Alias(sip: target).withoutPIN
    request.resolutions += redirections
    request.previousServiceName = configuration.name
    let others = targets.dropFirst()
    redirection = router.consult(request, now: loop.now) { [weak self] external, policy in
      guard let self, self.redirection != nil else { return }
      self.redirection = nil
      self.redirect(request, external, policy, others, failure)
    }
    if redirection == nil { redirect(request, .none, nil, others, failure) }
  }

  /// Redirections that a call follows, those of policy among them (routing reference §6).
  static let maximumRedirections = 5

  /// Where it leads nowhere, the next contact is tried.
  private func redirect(
    _ request: CallRequest, _ external: ExternalDecision, _ policy: PolicySnapshot?,
    _ others: ArraySlice<String>, _ failure: Disconnect
  ) {
    let routed = router.route(
      request, external: external, policy: policy, replacing: live.share(of: .called), now: loop.now,
      wallClock: loop.wallClock)
    live.note(external.answers)
    var steps = routed.hunt
    switch routed.decision {
    case .gateway(let gateway):
      guard let step = steps.first() else {
        router.release(routed)
        return follow(others, failure)
      }
      live.occupy(.called, routed.share)
      live.note("redirected to \(request.alias.full), rule \(gateway.name)")
      configuration = gateway
      media?.settings = defaultSettings
      hunt = steps
      begin(step)
    case .service:
      // A caller who heard an answer early holds on to that one: no other party can take its place.
      guard earlyAnswer == nil, leave(.a, to: routed, request, isExternal: external.decision != nil) else {
        return follow(others, failure)
      }
    case .redirect(let alias):
      // Policy knows a better one.
      live.note("redirected to \(request.alias.full), which policy sends on to \(alias)")
      follow([alias] + others, failure)
    case .reject:
      if let limit = routed.record.limit {
        live.note("redirection to \(request.alias.full) refused: \(limit)")
      }
      follow(others, failure)
    }
  }

  // MARK: Books

  func finishAttempt(_ attempt: Attempt, _ disconnect: Disconnect) {
    router.endAttempt(attempt.target, failure: disconnect.cause)
    live.update { record in
      record.attempts[attempt.recordIndex].ended = loop.wallClock
      record.attempts[attempt.recordIndex].disconnect = disconnect
    }
  }

  /// Ends the attempts that are still under way. Their legs are not heard any more: a leg that is ended says so at once.
  func giveUpAttempts(_ disconnect: Disconnect, told: Disconnect? = nil) {
    for index in attempts.indices where attempts[index].failure == nil {
      attempts[index].failure = disconnect
      let attempt = attempts[index]
      finishAttempt(attempt, disconnect)
      host.unregister(leg: attempt.leg.id)
      abandonEarlyExchange(with: attempt.leg)
      attempt.leg.observer = nil
      attempt.leg.end(told ?? disconnect)
    }
  }

  /// - Parameter reason: for the record only.
  private func note(attempt target: RouteTarget, _ disconnect: Disconnect, reason: String? = nil) {
    var disconnect = disconnect
    disconnect.text = reason ?? disconnect.text
    var attempt = CallAttempt(
      via: target.via, alias: target.calledAlias, address: target.remoteAddress, started: loop.wallClock)
    attempt.ended = loop.wallClock
    attempt.disconnect = disconnect
    live.update { $0.attempts.append(attempt) }
  }

  func reportTrunk(_ target: RouteTarget, _ cause: Cause?) {
    guard let trunk = target.trunk else { return }
    router.report(
      trunk: trunk.name, failure: cause.flatMap { TrunkHealth.isTrunkFailure($0) ? $0 : nil }, now: loop.now)
  }
}

extension TwoPartyCall.Attempt {
  /// Where its signalling comes from, once that is known.
  var address: IPAddress? { (leg.party.address ?? target.remoteAddress)?.ip }
}
