import CallModel
import PolicyEngine
import PolicyHooks

/// A call that does not take place: asked of a policy to see what it would do.
public struct ExplainedCall: Sendable {
  public var alias: String
  public var callProtocol: CallProtocol
  public var direction: CallDirection
  public var from: String
  /// The alias the caller is registered as; nil with ``isRegistered`` true: some alias.
  public var registeredAlias: String?
  public var isRegistered: Bool
  /// nil: that of the source network, else that of the listeners.
  public var location: String?
  public var source: IPAddress?
  /// nil: the trunk that ``source`` belongs to.
  public var trunk: String?
  /// What the caller offers.
  public var capability: CallCapability
  /// The call's tag.
  public var tag: String
  /// Trunks assumed to be down.
  public var withoutTrunks: Set<String>
  public var at: WallClock

  public init(
    alias: String, callProtocol: CallProtocol = .sip, direction: CallDirection = .dialIn,
    from: String = "sip:anonymous@anonymous.invalid", registeredAlias: String? = nil,
    isRegistered: Bool = false,
    location: String? = nil, source: IPAddress? = nil, trunk: String? = nil,
    capability: CallCapability = .auto, tag: String = "", withoutTrunks: Set<String> = [], at: WallClock
  ) {
    self.alias = alias
    self.callProtocol = callProtocol
    self.direction = direction
    self.from = from
    self.registeredAlias = registeredAlias
    self.isRegistered = isRegistered || registeredAlias != nil
    self.location = location
    self.source = source
    self.trunk = trunk
    self.capability = capability
    self.tag = tag
    self.withoutTrunks = withoutTrunks
    self.at = at
  }

  /// The request as a live call would put it.
  public func request(to policy: PolicySnapshot) -> CallRequest {
    let dialled = Alias(dialled: alias, protocol: callProtocol)
    return CallRequest(
      id: CallID(high: 0, low: 0), direction: direction,
      trigger: direction == .nonDial ? .options : callProtocol == .h323 ? .setup : .invite,
      callProtocol: callProtocol, alias: dialled,
      caller: Caller(
        alias: from, address: source.map { TransportAddress($0, 0) }, isRegistered: isRegistered,
        registeredAlias: registeredAlias,
        trunk: trunk ?? source.flatMap { policy.trunk(forSource: $0)?.name }),
      location: location ?? source.flatMap { policy.location(for: $0, listenerDefault: nil) }
        ?? listenerLocation(policy), capability: capability, callTag: tag)
  }

  /// Where the call would arrive, when all listeners agree about it.
  private func listenerLocation(_ policy: PolicySnapshot) -> String? {
    let locations = Set(policy.policy.globals.sip.listeners.map(\.location))
    return locations.count == 1 ? locations.first ?? nil : nil
  }

  /// Decides with every consideration kept. A policy server is not asked: its hook's fallback decides.
  public func decide(by policy: PolicySnapshot) -> DecisionRecord { decide(by: PolicyChain(policy)).record }

  /// The same, with answers in place of the policy server's.
  public func decide(by chain: PolicyChain, answers: PolicyDoubles = PolicyDoubles()) -> ExplainedOutcome {
    let answer = question(to: chain.policy).map { profile, question in
      PolicyAnswer(answers.answers[question.kind], to: question, of: profile, chain.context)
    }
    return decide(by: chain, answer: answer)
  }

  /// The same, with what a policy server has answered; nil: it is not asked.
  public func decide(by chain: PolicyChain, answer: PolicyAnswer?) -> ExplainedOutcome {
    let request = request(to: chain.policy)
    let outcome = chain.decide(
      request, from: NodeFacts(location: request.location, address: nil), answer: answer, now: at,
      keepingAllConsiderations: true, environment: .repeatable(at: at))
    var gateway: GatewayConfiguration?
    if case .gateway(let decided) = outcome.record.decision { gateway = decided }
    return ExplainedOutcome(
      call: self, record: chain.policy.settled(outcome.record), gateway: gateway, request: request,
      log: outcome.log)
  }

  /// What a policy server would be asked about the call; nil: none would be.
  public func question(
    to policy: PolicySnapshot
  ) -> (profile: PolicyProfile, question: ExternalPolicyRequest)? {
    let request = request(to: policy)
    let globals = policy.policy.globals
    guard let profile = policy.policyProfile(location: request.location), profile.url != nil,
      profile.hooks[.serviceConfiguration] != nil, globals.isEnabled(callProtocol),
      direction != .dialOut || globals.dialOutEnabled
    else { return nil }
    return (
      profile,
      PolicyChain.question(about: request, from: NodeFacts(location: request.location, address: nil))
    )
  }
}
