import CallModel
import PolicyEngine
import PolicyHooks

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
  var serviceHosts: [any CallHost] { Array(services.values) }
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
    var request = request
    request.alias = request.alias.withoutPIN
    let policy = router.policy
    let consultation = router.consult(request, now: loop.now) { [weak self] external, policy in
      guard let self, self.undecided.removeValue(forKey: leg.id) != nil else { return }
      decide(request, external, policy, leg, offer, forwarding)
    }
    guard let consultation else { return decide(request, .none, nil, leg, offer, forwarding) }
    wait(leg, consultation) { [unowned self] answers, disconnect, side in
      // It was a call, and leaves a record; of what it would have become nobody knows.
      let routed = router.withdrawn(request, answers, under: policy)
      ledger.begin(request, routed, caller: leg.party)?.finish(disconnect, by: side)
    }
  }

  /// Holds a leg until its question is answered.
  ///
  /// - Parameter onEnded: the call ends before that, with what the record says of the question.
  private func wait(
    _ leg: any CallLeg, isAnswered: Bool = false, _ consultation: any PolicyConsultation,
    onEnded: @escaping ([PolicyAnswerRecord], Disconnect, CallRecord.Side) -> Void
  ) {
    let waiting = UndecidedCall(leg: leg, isAnswered: isAnswered) { [weak self] disconnect, side in
      guard self?.undecided.removeValue(forKey: leg.id) != nil else { return }
      onEnded(consultation.withdraw(), disconnect, side)
    }
    undecided[leg.id] = waiting
    leg.observer = waiting
  }

  /// Calls that wait for their policy servers.
  public var undecidedCount: Int { undecided.count }

  /// Refuses the calls that wait for their policy servers, for shutdown.
  public func refuseUndecided(_ disconnect: Disconnect) {
    for waiting in Array(undecided.values) { waiting.refuse(disconnect) }
  }

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
      let disconnect = Disconnect(routed.refusalCause(toward: request.caller) ?? rejection.cause)
      leg.reject(disconnect)
      call.finish(disconnect, by: .tandem)
    case .redirect(let alias):
      leg.redirect(to: [alias])
      call.finish(Disconnect(.moved), by: .tandem)
    case .gateway, .service:
      let incoming = IncomingCall(
        request: request, routed: routed, leg: leg, offer: offer, call: call, forwarding: forwarding)
      place(incoming, isExternal: external.decision != nil)
    }
  }

  /// Whether calls to a service are hosted.
  public func serves(_ kind: ServiceConfiguration.Kind) -> Bool { services[kind] != nil }

  /// Gives a party of a call to the service that a redirection or a transfer leads to. The call keeps its place in the books.
  public func pass(_ incoming: IncomingCall, isExternal: Bool) { place(incoming, isExternal: isExternal) }

  /// Finds out what the party of a decided call may do and where its media goes, and hands the call over.
  private func place(_ incoming: IncomingCall, isExternal: Bool) {
    var host = gateway
    var unserved = "calls to others"
    if case .service(let service) = incoming.routed.decision {
      host = services[service.kind]
      unserved = service.kind.rawValue
    }
    let (leg, call) = (incoming.leg, incoming.call)
    guard let host else {
      let disconnect = Disconnect(.temporarilyUnavailable, text: "Not served yet: \(unserved)")
      return incoming.refuse(disconnect)
    }
    let participantID = RequestID.random(using: &random).description
    var incoming = incoming
    incoming.participantUUID = participantID
    let participant = ParticipantFacts(
      participantUUID: participantID,
      callUUID: RequestID(high: call.id.high, low: call.id.low).description)
    let consultation = router.askAboutParticipant(
      incoming.request, incoming.routed, isExternal: isExternal, participant
    ) { [weak self, asked = incoming] verdict, reply in
      guard let self, self.undecided.removeValue(forKey: leg.id) != nil else { return }
      call.note(reply.answers, scripts: reply.scripts)
      var incoming = asked
      switch verdict {
      case .unchanged: break
      case .apply(let properties): incoming.participant = properties
      case .reject(let reason):
        if let reason { call.note("participant refused: \(reason)") }
        // As where policy refuses what was dialled: who is not let in learns nothing.
        let disconnect = Disconnect(Rejection.policy.cause)
        return incoming.refuse(disconnect)
      }
      locateMedia(of: incoming, for: host, isExternal: isExternal)
    }
    guard let consultation else { return locateMedia(of: incoming, for: host, isExternal: isExternal) }
    wait(incoming, consultation)
  }

  private func locateMedia(of incoming: IncomingCall, for host: any CallHost, isExternal: Bool) {
    let (leg, call) = (incoming.leg, incoming.call)
    let consultation = router.locateMedia(incoming.request, incoming.routed, isExternal: isExternal) {
      [weak self] location, reply in
      guard let self, self.undecided.removeValue(forKey: leg.id) != nil else { return }
      call.note(reply.answers, scripts: reply.scripts)
      hand(over: incoming, to: host, location)
    }
    guard let consultation else { return hand(over: incoming, to: host, nil) }
    wait(incoming, consultation)
  }

  /// Holds a decided call until a question about it is answered.
  private func wait(_ incoming: IncomingCall, _ consultation: any PolicyConsultation) {
    let (leg, call) = (incoming.leg, incoming.call)
    wait(leg, isAnswered: incoming.described != nil, consultation) { answers, disconnect, side in
      call.note(answers)
      call.finish(disconnect, by: side)
    }
    call.onEndRequested = { [weak self] in self?.undecided[leg.id]?.refuse($0) }
  }

  private func hand(over incoming: IncomingCall, to host: any CallHost, _ location: MediaLocation?) {
    incoming.call.onEndRequested = nil
    var incoming = incoming
    incoming.placement = MediaPlacement(incoming.request, incoming.routed, chosen: location)
    host.take(incoming)
  }
}

/// A call whose policy servers have not answered. All the caller can do meanwhile is hang up.
private final class UndecidedCall: CallLegObserver {
  private let leg: any CallLeg
  /// It comes from another call.
  private let isAnswered: Bool
  private let onEnded: (Disconnect, CallRecord.Side) -> Void

  init(leg: any CallLeg, isAnswered: Bool, onEnded: @escaping (Disconnect, CallRecord.Side) -> Void) {
    self.leg = leg
    self.isAnswered = isAnswered
    self.onEnded = onEnded
  }

  func leg(_ leg: any CallLeg, did event: CallLegEvent) {
    switch event {
    case .ended(let disconnect): onEnded(disconnect, .caller)
    case .offer: leg.refuseOffer(Disconnect(.temporarilyUnavailable, protocolCode: 491))
    default: break
    }
  }

  func refuse(_ disconnect: Disconnect) {
    leg.observer = nil
    onEnded(disconnect, .tandem)
    leg.endOrReject(disconnect, answered: isAnswered)
  }
}

extension CallLeg {
  /// An incoming leg that was never answered is rejected, one that was is hung up.
  public func endOrReject(_ disconnect: Disconnect, answered: Bool) {
    if answered { end(disconnect) } else { reject(disconnect) }
  }
}

extension Rejection {
  /// What a caller is told who is no one of ours. Policy's refusal and quarantine look like a wrong number.
  public var cause: Cause {
    switch self {
    case .notFound, .policy, .blocked: .notFound
    case .loop: .loop
    case .tooManyHops: .tooManyHops
    case .limitReached: .limitReached
    case .destinationRefused: .notFound
    case .ruleError: .serverFailure
    case .protocolDisabled, .signOnRequired: .forbidden
    case .notServed: .temporarilyUnavailable
    case .shutdown: .shutdown
    case .withdrawn: .cancelled
    }
  }
}
