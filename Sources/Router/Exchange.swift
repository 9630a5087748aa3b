import CallModel
import PolicyEngine

/// Where calls are handed over: asks the Router, enters the call in the books, and gives the leg to the host that policy
/// chose. Protocol endpoints and hosts know each other only through it.
public final class Exchange {
  public let loop: SignallingLoop
  public let router: Router
  public let ledger: CallLedger
  /// Hosts two-party calls.
  public var gateway: (any CallHost)?
  private var services: [ServiceConfiguration.Kind: any CallHost] = [:]
  private var dialers: [CallProtocol: any LegDialer] = [:]
  private var nextLeg: UInt64 = 1
  /// Calls whose policy servers have not answered yet.
  private var undecided: [LegID: UndecidedCall] = [:]
  private var random: any RandomNumberGenerator

  public init(
    loop: SignallingLoop, router: Router, ledger: CallLedger,
    random: any RandomNumberGenerator = SystemRandomNumberGenerator()
  ) {
    self.loop = loop
    self.router = router
    self.ledger = ledger
    self.random = random
  }

  public func host(_ kind: ServiceConfiguration.Kind, by host: any CallHost) { services[kind] = host }
  public func dial(_ callProtocol: CallProtocol, by dialer: any LegDialer) { dialers[callProtocol] = dialer }
  public func dialer(for callProtocol: CallProtocol) -> (any LegDialer)? { dialers[callProtocol] }

  public func makeCallID() -> CallID { CallID.random(using: &random) }

  public func makeLegID() -> LegID {
    defer { nextLeg += 1 }
    return LegID(nextLeg)
  }

  /// Routes a new incoming leg and hands it over, at once or when the policy servers have answered. Whatever policy says, the
  /// leg is answered one way or another.
  public func receive(
    _ request: CallRequest, leg: any CallLeg, offer: MediaDescription?, forwarding: Forwarding = Forwarding()
  ) {
    let undecided = UndecidedCall()
    let consultation = router.consult(request, now: loop.now) { [weak self] external, policy in
      guard let self, self.undecided.removeValue(forKey: leg.id) != nil else { return }
      decide(request, external, policy, leg, offer, forwarding)
    }
    guard let consultation else { return decide(request, .none, nil, leg, offer, forwarding) }
    self.undecided[leg.id] = undecided
    undecided.onEnded = { [weak self] disconnect in
      consultation.withdraw()
      guard let self, self.undecided.removeValue(forKey: leg.id) != nil else { return }
      // It was a call, and leaves a record: with the decision it would have got had nobody been asked.
      let routed = router.route(request, now: loop.now, wallClock: loop.wallClock)
      ledger.begin(request, routed, caller: leg.party)?.finish(disconnect, by: .caller)
    }
    leg.observer = undecided
  }

  /// Calls that wait for their policy servers.
  public var undecidedCount: Int { undecided.count }

  private func decide(
    _ request: CallRequest, _ external: ExternalDecision, _ policy: PolicySnapshot?, _ leg: any CallLeg,
    _ offer: MediaDescription?, _ forwarding: Forwarding
  ) {
    let routed = router.route(
      request, external: external, policy: policy, now: loop.now, wallClock: loop.wallClock)
    if case .reject(.blocked) = routed.decision {
      // Nothing was accepted, and a record for each packet of a scanner would be a way to fill the disk.
      return leg.reject(Disconnect(Rejection.blocked.cause))
    }
    guard let call = ledger.begin(request, routed, caller: leg.party) else {
      leg.reject(Disconnect(.serverFailure, text: "Call cannot be recorded"))
      return
    }
    switch routed.decision {
    case .reject(let rejection):
      let disconnect = Disconnect(rejection.cause)
      leg.reject(disconnect)
      call.finish(disconnect, by: .tandem)
    case .redirect(let alias):
      leg.redirect(to: [alias])
      call.finish(Disconnect(.moved), by: .tandem)
    case .gateway:
      hand(over: call, to: gateway, request, routed, leg, offer, forwarding)
    case .service(let service):
      hand(over: call, to: services[service.kind], request, routed, leg, offer, forwarding)
    }
  }

  private func hand(
    over call: LiveCall, to host: (any CallHost)?, _ request: CallRequest, _ routed: RoutedCall,
    _ leg: any CallLeg, _ offer: MediaDescription?, _ forwarding: Forwarding
  ) {
    guard let host else {
      let disconnect = Disconnect(.temporarilyUnavailable, text: "Service not available")
      leg.reject(disconnect)
      call.finish(disconnect, by: .tandem)
      return
    }
    host.take(
      IncomingCall(
        request: request, routed: routed, leg: leg, offer: offer, call: call, forwarding: forwarding))
  }
}

/// Hears what the caller does while policy servers are asked: all it can do is hang up.
private final class UndecidedCall: CallLegObserver {
  var onEnded: ((Disconnect) -> Void)?

  func leg(_ leg: any CallLeg, did event: CallLegEvent) {
    if case .ended(let disconnect) = event { onEnded?(disconnect) }
  }
}

extension Rejection {
  /// What the caller is told. Policy's refusal and quarantine look like a wrong number.
  public var cause: Cause {
    switch self {
    case .notFound, .policy, .blocked: .notFound
    case .loop: .loop
    case .tooManyHops: .tooManyHops
    case .limitReached: .limitReached
    case .ruleError: .serverFailure
    case .protocolDisabled: .forbidden
    case .shutdown: .shutdown
    }
  }
}
