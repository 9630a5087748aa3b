import CallModel
import MediaRelay
import Router

/// Where somebody goes who leaves a service of ours inside its call: a new question to the one door, decided like any other.
struct ServiceTransfer {
  let exchange: Exchange

  /// Asks policy servers, if there are any to ask, and the Router.
  ///
  /// - Parameter then: told once what was decided, and whether a policy server did it; false: the caller does not go there,
  ///   and what the call would have taken of limits is given back.
  func route(_ request: CallRequest, then: @escaping (RoutedCall, Bool) -> Bool) {
    let (exchange, router) = (exchange, exchange.router)
    func decide(_ external: ExternalDecision) {
      let routed = router.route(
        request, external: external, now: exchange.loop.now, wallClock: exchange.loop.wallClock)
      if !then(routed, external.decision != nil) { router.release(routed) }
    }
    let consultation = router.consult(request, now: exchange.loop.now) { external, _ in decide(external) }
    if consultation == nil { decide(.none) }
  }
}

extension Decision {
  /// Whether a call goes on there.
  var leadsToCall: Bool {
    switch self {
    case .service, .gateway: true
    case .reject, .redirect: false
    }
  }
}

extension IncomingCall {
  /// The call of a leg that leaves a service for another host.
  init(
    transferring leg: HostedLeg, _ request: CallRequest, _ routed: RoutedCall, _ live: LiveCall,
    _ forwarding: Forwarding, as role: Participant.Role? = nil
  ) {
    self.init(
      request: request, routed: routed, leg: leg.leg, offer: nil, call: live, forwarding: forwarding)
    described = leg.described ?? MediaDescription()
    self.role = role.map { $0 == .chair ? .chair : .guest }
    if case .gateway = routed.decision { live.occupy(.called, routed.share) }
  }
}
