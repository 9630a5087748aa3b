import CallModel
import MediaRelay
import PolicyEngine
import PolicyHooks
import Router

/// An administrator moves one party to a service, inside its call: it is not called anew. The other is left alone, and may be moved as
/// well.
extension TwoPartyCall {
  /// False: not now, since the parties are just agreeing on something.
  func move(_ side: RelaySideName, to alias: Alias, as role: ParticipantRole?) -> Bool {
    guard phase == .connected, transfer == nil, borrower == nil, exchangeUnderWay == nil,
      let leg = leg(side), self.leg(side.other) != nil
    else { return false }
    var request = request
    request.alias = alias.withoutPIN
    request.previousServiceName = configuration.name
    request.resolutions += 1
    request.hopsLeft = live.routed.policy.policy.globals.sip.maxForwards
    if let newcomer = newcomers[side] {
      request.caller = newcomer
    } else if side == .b {
      request.caller = Caller(reached: leg.party, by: calledTarget)
    }
    // The one that stays keeps the call's place in the books.
    request.id = host.exchange.makeCallID()
    host.route(request) { [weak self] routed, isExternal in
      guard let self, self.phase == .connected, self.transfer == nil, self.borrower == nil,
        self.leg(side) === leg
      else { return false }
      return self.depart(side, leg, routed, request, as: role, isExternal: isExternal)
    }
    return true
  }

  private func depart(
    _ side: RelaySideName, _ leg: any CallLeg, _ routed: RoutedCall, _ request: CallRequest,
    as role: ParticipantRole?, isExternal: Bool
  ) -> Bool {
    guard case .service(let service) = routed.decision, host.exchange.serves(service.kind),
      let staying = self.leg(side.other),
      let own = host.exchange.ledger.begin(request, routed, caller: leg.party)
    else {
      live.note("participant not moved to \(request.alias.parsed)")
      return false
    }
    live.note("participant moved to \(request.alias.parsed), call \(own.id)")
    own.note("comes from call \(live.id)")
    recordDeparture(of: side, Disconnect(.transferred))
    var incoming = IncomingCall(
      request: request, routed: routed, leg: leg, offer: nil, call: own, forwarding: forwarding)
    incoming.described = media?.described[side] ?? MediaDescription()
    incoming.role = role
    let remaining = RemainingParty(of: self, side.other, staying)
    dissolve()
    let targets = [RelaySideName.a: callerTarget, .b: calledTarget]
    if let target = targets[side] ?? nil { own.whenOver { [router] in router.endAttempt(target) } }
    if let target = targets[side.other] ?? nil { live.whenOver { [router] in router.endAttempt(target) } }
    live.occupy(side == .a ? .caller : .called, nil)
    remaining.start()
    leg.observer = nil
    host.exchange.pass(incoming, isExternal: isExternal)
    return true
  }

  /// The call is over as one of two parties; its legs go on elsewhere.
  func dissolve() {
    phase = .over
    loop.cancel(ringTimer)
    loop.cancel(digitTimer)
    exchangeUnderWay = nil
    live.onEndRequested = nil
    host.unregister(leg: caller.id)
    if let called { host.unregister(leg: called.id) }
    let live = live
    media?.close { quality in live.update { $0.media += quality } }
  }
}

extension GatewayHost {
  /// Asks the one door where somebody goes who leaves a call of ours inside its call.
  ///
  /// - Parameter then: false: it does not go there, and what that would have taken of limits is given back.
  func route(_ request: CallRequest, then: @escaping (RoutedCall, Bool) -> Bool) {
    let (exchange, router) = (exchange, exchange.router)
    func decide(_ external: ExternalDecision, _ policy: PolicySnapshot?) {
      let routed = router.route(
        request, external: external, policy: policy, now: exchange.loop.now,
        wallClock: exchange.loop.wallClock)
      if !then(routed, external.decision != nil) { router.release(routed) }
    }
    let consultation = router.consult(request, now: exchange.loop.now) { decide($0, $1) }
    if consultation == nil { decide(.none, nil) }
  }
}
