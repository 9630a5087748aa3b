import CallModel
import PolicyEngine
import PolicyHooks

/// The one door: every call, transfer and look-up gets its decision and its targets here.
///
/// Owns what must outlive a policy: registrations, trunk health, limits, quarantine. Confined to the signalling loop; pure
/// apart from that state, so tests drive it with values and a virtual clock.
public final class Router {
  public private(set) var policy: PolicySnapshot
  public let registrations = Registrations()
  public private(set) var trunkHealth = TrunkHealth()
  public private(set) var breakIn = BreakInGuard()
  let limiter = CallLimiter()
  var limitReports = LimitReports()
  private var random: any RandomNumberGenerator
  /// Keys the loop tokens: another system cannot make or read them.
  private let loopKey: UInt64
  /// No new calls are taken while draining.
  public var isDraining = false
  /// Asks policy servers, when there are any.
  public var consultant: (any PolicyConsultant)?
  /// A trunk went up or down.
  public var onTrunkChange: ((_ trunk: String, _ isUp: Bool, _ cause: Cause?) -> Void)?
  private var ruleFailures = RuleFailures()
  /// A rule could not be tried on a call, which is refused: its pattern takes too much work, or nothing is left of the alias.
  /// Told once a minute of each rule.
  ///
  /// - Parameter untold: how often it failed since it was told last.
  public var onRuleError: ((_ rule: String, _ request: CallRequest, _ untold: Int) -> Void)?
  /// A call, not a look-up, was decided; for whoever looks on.
  public var onRouted:
    ((_ request: CallRequest, _ external: ExternalDecision, _ routed: RoutedCall, _ at: WallClock) -> Void)?
  /// A source was put into quarantine.
  public var onQuarantine: ((IPAddress) -> Void)?
  /// A limit refused or ended a call: at most once a minute for each, with how many more there were since.
  public var onLimitReached: ((LimitReached, _ suppressed: Int) -> Void)?

  public init(policy: PolicySnapshot, random: any RandomNumberGenerator = SystemRandomNumberGenerator()) {
    self.policy = policy
    self.random = random
    loopKey = self.random.next()
  }

  // MARK: Policy

  /// Makes `snapshot` decide from the next request on. Calls in progress keep theirs.
  public func activate(_ snapshot: PolicySnapshot) {
    policy = snapshot
    ruleFailures.forget()
    trunkHealth.retain(Set(snapshot.policy.trunks.map(\.name)))
    // What a server let in stays as long as there is such a server: it is asked again with the next refresh.
    let grantors = Set(
      snapshot.policy.policyProfiles.filter { $0.hooks[.registration] != nil }.map(\.name))
    registrations.removeAll(.deviceRemoved) { binding in
      snapshot.device(alias: binding.alias) == nil && !(binding.grantor.map(grantors.contains) ?? false)
    }
  }

  // MARK: Routing

  /// Asks the policy servers about `request`, if there are any to ask and the answer could change anything: a source in
  /// quarantine, a protocol that is off and a service that drains need no opinion.
  ///
  /// - Parameter then: called once, on the loop, with what was said and the policy it was said under, for
  ///   ``route(_:external:policy:now:wallClock:)``. Not called when the result is nil: decide at once.
  public func consult(
    _ request: CallRequest, now: MonotonicInstant,
    then: @escaping (_ external: ExternalDecision, _ policy: PolicySnapshot) -> Void
  ) -> (any PolicyConsultation)? {
    let policy = policy
    guard let consultant, refusal(of: request, now: now) == nil,
      policy.policy.globals.isEnabled(request.callProtocol),
      request.direction != .dialOut || policy.policy.globals.dialOutEnabled
    else { return nil }
    return consultant.consult(request, policy) { then($0, policy) }
  }

  /// Puts one of the other questions to the policy server and the script of its location, if there are any. As
  /// ``consult(_:now:then:)``.
  public func ask(
    _ question: PolicyQuestion, under policy: PolicySnapshot? = nil,
    then: @escaping (_ reply: PolicyReply) -> Void
  ) -> (any PolicyConsultation)? {
    consultant?.ask(question, policy ?? self.policy, then: then)
  }

  /// Asks what the caller of a decided call may do in it. Nil: nobody has an opinion.
  func askAboutParticipant(
    _ request: CallRequest, _ routed: RoutedCall, isExternal: Bool, _ participant: ParticipantFacts,
    then: @escaping (_ verdict: ParticipantVerdict, _ reply: PolicyReply) -> Void
  ) -> (any PolicyConsultation)? {
    guard let joining = PolicyChain.Joining(request, routed, isExternal: isExternal) else { return nil }
    return ask(.participant(joining, participant), under: routed.policy) { reply in
      if case .participant(let verdict) = reply.verdict {
        then(verdict, reply)
      } else {
        then(.unchanged, reply)
      }
    }
  }

  /// Asks where the media of a decided call goes, if that makes a difference. Nil: its own location is what counts.
  func locateMedia(
    _ request: CallRequest, _ routed: RoutedCall, isExternal: Bool,
    then: @escaping (_ location: MediaLocation?, _ reply: PolicyReply) -> Void
  ) -> (any PolicyConsultation)? {
    guard routed.policy.policy.choosesMediaAddresses,
      let joining = PolicyChain.Joining(request, routed, isExternal: isExternal)
    else { return nil }
    return ask(.mediaLocation(joining), under: routed.policy) { reply in
      if case .mediaLocation(let location) = reply.verdict { then(location, reply) } else { then(nil, reply) }
    }
  }

  /// What stands in the books about a request whose question was withdrawn: that nothing was decided.
  public func withdrawn(
    _ request: CallRequest, _ answers: [PolicyAnswerRecord], under policy: PolicySnapshot
  ) -> RoutedCall {
    var record = DecisionRecord(
      policyVersion: policy.version.description, direction: request.direction,
      callProtocol: request.callProtocol, alias: request.alias, location: request.location,
      isRegistered: request.caller.isRegistered, decision: .reject(.withdrawn))
    record.policyAnswers = answers
    return RoutedCall(
      decision: record.decision, record: record, policy: policy,
      hunt: RouteHunt(steps: [], continueOn: []))
  }

  /// Decides one request and finds its targets. An admitted call occupies its limits until ``release(_:)``; one that is
  /// resolved again (``CallRequest/resolutions``) has them already, and goes on while the service drains.
  ///
  /// - Parameter external: what policy servers said.
  /// - Parameter policy: the policy they were asked under; nil: the one in force.
  /// - Parameter replaced: the share of the rule that the call leaves by this, as in a redirection.
  /// - Parameter isAdmitted: false for a look-up that becomes no call: it costs nothing.
  public func route(
    _ request: CallRequest, external: ExternalDecision = .none, policy asked: PolicySnapshot? = nil,
    replacing replaced: CallLimiter.ShareID? = nil, isAdmitted: Bool = true, now: MonotonicInstant,
    wallClock: WallClock
  ) -> RoutedCall {
    let policy = asked ?? policy
    var record =
      external.record ?? policy.decide(request, external: external.decision, now: wallClock).record
    var decision = record.decision
    record.policyAnswers = external.answers
    // A server gives each of its calls a name of its own: a loop is told by the alias alone.
    let hopName = { (gateway: GatewayConfiguration) in gateway.name == record.rule ? gateway.name : "" }
    var hunt = RouteHunt(steps: [], continueOn: [])
    if case .gateway(let gateway) = decision {
      if let refusal = loopRefusal(request, gateway, hopName(gateway)) {
        decision = .reject(refusal)
      } else if let found = targets(of: gateway, request, policy, hopName(gateway), now: now) {
        hunt = RouteHunt(steps: found.steps, continueOn: gateway.continueOn)
        if let refused = found.refused {
          decision = .reject(.destinationRefused)
          record.limit = refused
          limitReached(refused, now: now)
        }
      } else {
        decision = .reject(.notServed)
      }
    } else if case .reject(.ruleError) = decision, let rule = record.rule {
      if let untold = ruleFailures.note(rule, now: now) { onRuleError?(rule, request, untold) }
    }
    // A redirection or a transfer is another party's choice, in a call that has its place already.
    let isNew = request.resolutions == 0
    if isNew, case .reject(.notFound) = decision, isGuess(request),
      let source = request.caller.address
    {
      countBadAttempt(from: source.ip, location: request.location, now: now)
    }
    var routed = RoutedCall(decision: decision, record: record, policy: policy, hunt: hunt)
    if let refusal = refusal(of: request, now: now) {
      routed.decision = .reject(refusal)
    } else if isAdmitted, request.direction != .nonDial, decision.isCall {
      admit(request, &routed, replacing: replaced, now: now)
    }
    routed.record.decision = routed.decision
    if isAdmitted, request.direction != .nonDial { onRouted?(request, external, routed, wallClock) }
    return routed
  }

  private func refusal(of request: CallRequest, now: MonotonicInstant) -> Rejection? {
    if isDraining, request.direction != .nonDial, request.resolutions == 0 { return .shutdown }
    if let source = request.caller.address,
      isQuarantined(source.ip, location: request.location, now: now)
    {
      return .blocked
    }
    return nil
  }

  /// Whether a wrong alias may be somebody trying aliases: strangers who call or ask by OPTIONS. Devices and trunks of ours
  /// dial wrong numbers too, and their address may be that of a whole office.
  private func isGuess(_ request: CallRequest) -> Bool {
    (request.direction == .dialIn || request.trigger == .options || request.trigger == .subscribe)
      && !request.caller.isRegistered
      && request.caller.trunk == nil
  }

  // MARK: Targets

  /// The steps of the hunt, and the limit by which every way out is refused. Nil: where the call is to go is not served.
  private func targets(
    of gateway: GatewayConfiguration, _ request: CallRequest, _ policy: PolicySnapshot, _ hopName: String,
    now: MonotonicInstant
  ) -> (steps: [[RouteTarget]], refused: LimitReached?)? {
    guard gateway.target.isServed else { return nil }
    let token = loopToken(hopName, gateway.remoteAlias)
    func target(_ destination: RouteTarget.Destination, _ callProtocol: CallProtocol, _ alias: String)
      -> RouteTarget
    {
      RouteTarget(
        destination: destination, callProtocol: callProtocol, calledAlias: alias,
        callingAlias: gateway.localAlias, callingDisplayName: gateway.localDisplayName,
        ringTimeout: gateway.ringTimeout, loopToken: token,
        callingDomain: (gateway.outgoingLocation ?? request.location).flatMap {
          policy.location(named: $0)?.domain
        }, location: gateway.outgoingLocation, vouchesForCaller: gateway.isTreatedAsTrusted,
        prefersIPv6: gateway.prefersIPv6)
    }

    let bindings = registrations.bindings(of: gateway.deviceAlias, now: now)
    if !bindings.isEmpty {
      let steps = byFlow(bindings).map { step in
        step.map { target(.device($0), $0.callProtocol, gateway.remoteAlias) }
      }
      return (steps, nil)
    }
    if gateway.target == .registration { return ([], nil) }
    guard gateway.outgoingProtocol.isServedOutgoing else { return nil }
    let departures = policy.departures(of: gateway, caller: Alias(sip: request.caller.alias).parsed)
    let open = departures.filter { !$0.isRefused }
    let steps = inOrder(open, now: now).map { departure -> [RouteTarget] in
      let destination: RouteTarget.Destination =
        if let trunk = departure.trunk {
          .trunk(trunk)
        } else {
          .domain(String(departure.called.split(separator: "@").last ?? ""))
        }
      var way = target(destination, gateway.outgoingProtocol, departure.called)
      way.callingAlias = departure.calling
      way.ringTimeout = departure.ringTimeout
      way.charges = charges(of: departure, request, policy)
      return [way]
    }
    return (steps, departures.refusal)
  }

  /// One binding of each device rings; the other flows of the same device follow, for when the first has failed (RFC 5626
  /// §5.3, §7: an instance is never called twice at once).
  private func byFlow(_ bindings: [Registrations.Binding]) -> [[Registrations.Binding]] {
    guard bindings.contains(where: { $0.instance != nil }) else { return [bindings] }
    var steps: [[Registrations.Binding]] = []
    var flows: [String: Int] = [:]
    for binding in bindings {
      let step = binding.instance.map { flows[$0, default: 0] } ?? 0
      if let instance = binding.instance { flows[instance] = step + 1 }
      if step == steps.count { steps.append([]) }
      steps[step].append(binding)
    }
    return steps
  }

  /// The trunks in the order of attempt: as listed, neighbours with weights drawn by weight, those that are down last.
  private func inOrder(_ choices: [Departure], now: MonotonicInstant) -> [Departure] {
    guard choices.count > 1 else { return choices }
    var ordered: [Departure] = []
    var index = 0
    while index < choices.count {
      guard choices[index].weight != nil else {
        ordered.append(choices[index])
        index += 1
        continue
      }
      var pool: [Departure] = []
      while index < choices.count, choices[index].weight != nil {
        pool.append(choices[index])
        index += 1
      }
      while !pool.isEmpty { ordered.append(draw(from: &pool)) }
    }
    return ordered.withUnusableLast { trunkHealth.isUsable($0.via, now: now) }
  }

  /// Takes one choice out of the pool with a probability in proportion to its weight; weight 0 only when no other is left.
  private func draw(from pool: inout [Departure]) -> Departure {
    let total = pool.reduce(0) { $0 + max(0, $1.weight ?? 0) }
    guard total > 0 else { return pool.removeFirst() }
    var point = Int(random.next(upperBound: UInt64(total)))
    for (index, choice) in pool.enumerated() {
      point -= max(0, choice.weight ?? 0)
      if point < 0 { return pool.remove(at: index) }
    }
    return pool.removeLast()
  }

  // MARK: Trunks

  /// What an attempt or a probe says about its trunk. nil: it answered, whatever it said.
  public func report(trunk: String, failure: Cause?, roundTrip: TimeSpan? = nil, now: MonotonicInstant) {
    if let failure {
      if trunkHealth.failed(trunk, failure, now: now) { onTrunkChange?(trunk, false, failure) }
    } else if trunkHealth.answered(trunk, roundTrip: roundTrip, now: now) {
      onTrunkChange?(trunk, true, nil)
    }
  }

  /// An edge proxy has lost the flow to a device (430): the binding goes with it (RFC 5626 §7).
  public func flowFailed(_ target: RouteTarget) {
    guard case .device(let binding) = target.destination else { return }
    registrations.remove(binding.alias, .flowFailed) {
      $0.id == binding.id && $0.cSeq == binding.cSeq && $0.callID == binding.callID
    }
  }

  // MARK: Break-in protection

  /// - Parameter location: where the request arrived.
  public func isQuarantined(_ source: IPAddress, location: String? = nil, now: MonotonicInstant) -> Bool {
    breakIn.isQuarantined(
      source, settings: policy.policy.globals.breakIn, isEnabled: hasQuarantine(location), now: now)
  }

  private func hasQuarantine(_ location: String?) -> Bool {
    location.flatMap { policy.location(named: $0)?.scanQuarantine }
      ?? policy.policy.globals.breakIn.scanQuarantineEnabled
  }

  /// Counts an unknown alias or a failed authentication. Returns true when it put the source into quarantine.
  @discardableResult
  public func countBadAttempt(from source: IPAddress, location: String?, now: MonotonicInstant) -> Bool {
    let isNew = breakIn.countAttempt(
      from: source, settings: policy.policy.globals.breakIn, isEnabled: hasQuarantine(location), now: now)
    if isNew { onQuarantine?(source) }
    return isNew
  }

  // MARK: Loops

  /// A call may be resolved again this often (receptions, transfers, redirects).
  public static let maximumResolutions = 10

  private func loopRefusal(
    _ request: CallRequest, _ gateway: GatewayConfiguration, _ hopName: String
  ) -> Rejection? {
    if request.direction == .nonDial { return nil }
    if let hops = request.hopsLeft, hops <= 0 { return .tooManyHops }
    if request.resolutions > Router.maximumResolutions { return .loop }
    if request.loopTokens.contains(loopToken(hopName, gateway.remoteAlias)) { return .loop }
    return nil
  }

  /// Whether a call that is sent to our own address would be sent by the same rule to the same alias again.
  ///
  /// - Parameters:
  ///   - alias: what it would arrive for.
  ///   - location: where it would arrive.
  public func returns(
    _ target: RouteTarget, as alias: Alias, from caller: Caller, location: String?, wallClock: WallClock
  ) -> Bool {
    let request = CallRequest(
      id: CallID(high: 0, low: 0), direction: .dialIn, trigger: .invite, callProtocol: target.callProtocol,
      alias: alias, caller: caller, location: location)
    guard case .gateway(let gateway) = policy.decide(request, now: wallClock).decision else { return false }
    return loopToken(gateway.name, gateway.remoteAlias) == target.loopToken
  }

  /// What the calls of a conference carry, so that they are recognised when they come back. Apart from the tokens of rules:
  /// many calls of one rule may come into one conference, and that is no circle.
  public func roomToken(_ name: String) -> String { Router.roomTokenPrefix + loopToken("", name) }

  /// Whether a loop token is that of a conference.
  public static func isRoomToken(_ token: String) -> Bool { token.hasPrefix(roomTokenPrefix) }

  private static let roomTokenPrefix = "room-"

  /// Keyed FNV-1a over rule and replaced alias: recognises our own call when it comes back, tells others nothing. A trunk's
  /// own transform does not enter, so the token is the same on every attempt.
  private func loopToken(_ rule: String, _ alias: String) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325 ^ loopKey
    func mix(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    rule.utf8.forEach(mix)
    mix(0)
    alias.caseFolded.utf8.forEach(mix)
    for shift in stride(from: 0, to: 64, by: 8) { mix(UInt8(truncatingIfNeeded: loopKey >> UInt64(shift))) }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

extension Decision {
  /// True when the decision leads to a call that occupies limits.
  var isCall: Bool {
    switch self {
    case .service, .gateway: true
    case .reject, .redirect: false
    }
  }
}
