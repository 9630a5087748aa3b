import CallModel
import PolicyEngine
import PolicyHooks
import PolicyScript

/// Recorded calls decided by another policy: what would have gone elsewhere, been refused, or been let through.
public struct PolicyReplay: Sendable {
  public typealias Change = DecisionChange

  /// A call that is decided differently.
  public struct Difference: Sendable {
    public var call: CallID
    public var started: WallClock
    public var caller: String
    public var alias: String
    public var change: Change
    /// What became of it, and what would.
    public var before: String
    public var after: String
  }

  /// In the order given.
  public let differences: [Difference]
  /// Calls that were decided again.
  public let compared: Int
  /// Calls that no policy can be held to: refused for a limit, a loop or quarantine, or decided by a policy server.
  public let skipped: Int

  /// Share of the compared calls that are decided differently, in per cent. A new name alone does not count, nor another
  /// limit that the call does not reach.
  public var changedShare: Double {
    compared == 0 ? 0 : 100 * Double(differences.count(where: \.change.changesCall)) / Double(compared)
  }

  /// Decides each call as at its own time, in the order in which they began, and counts them against the policy's limits.
  public init(_ calls: [CallRecord], by policy: PolicySnapshot) {
    var differences: [(place: Int, difference: Difference)] = []
    var compared = 0
    let chain = PolicyChain(policy)
    let order = calls.indices.sorted { (calls[$0].started, $0) < (calls[$1].started, $1) }
    var limits = order.first.map { LimitReplay(policy, from: calls[$0].started) }
    for place in order {
      let call = calls[place]
      let isLifted = PolicyReplay.isLifted(call, by: policy)
      guard isLifted || PolicyReplay.isComparable(call) else { continue }
      compared += 1
      let before = call.decision
      let request = PolicyReplay.request(call, policy)
      // Scripts run again; what a server of the new policy would say, nobody knows.
      let decided = chain.decide(
        request, from: NodeFacts(location: request.location, address: nil), now: call.started,
        environment: .repeatable(at: call.started)
      ).record
      let after = policy.settled(
        decided, isDevice: call.attempts.contains { $0.via == "registration" } ? true : nil)
      func note(_ change: Change, _ sentence: String) {
        differences.append(
          (
            place,
            Difference(
              call: call.id, started: call.started, caller: call.caller.alias, alias: call.calledAlias,
              change: change, before: before.outcomeSentence, after: sentence)
          ))
      }
      let change = DecisionChange(
        from: PolicyReplay.recorded(before.decision, before),
        to: PolicyReplay.recorded(after.decision, before))
      var limited: LimitReplay.Outcome?
      switch after.decision {
      case .service, .gateway: limited = limits?.admit(call, request, after.decision)
      case .reject, .redirect: break
      }
      if let change, change != .limited, change != .renamed || !isLimited(limited) {
        if case .refused(let reached)? = limited {
          // It was not taken before either, or it is not now.
          if change != .admitted { note(.refused, "refused: \(reached)") }
        } else {
          note(change, after.outcomeSentence)
        }
        continue
      }
      switch limited {
      case .refused(let reached)? where !isLifted: note(.refused, "refused: \(reached)")
      case .ended(let reached)?: note(.shortened, "\(after.outcomeSentence), ended by \(reached)")
      default: if let change { note(change, after.outcomeSentence) }
      }
    }
    func isLimited(_ outcome: LimitReplay.Outcome?) -> Bool {
      switch outcome {
      case .refused?, .ended?: true
      case .passes?, nil: false
      }
    }
    self.differences = differences.sorted { $0.place < $1.place }.map(\.difference)
    self.compared = compared
    skipped = calls.count - compared
  }

  /// A call that a limit refused which the policy does not have any more.
  private static func isLifted(_ call: CallRecord, by policy: PolicySnapshot) -> Bool {
    guard !isDecidedByServer(call.decision), case .reject(.limitReached) = call.decision.decision,
      let limit = call.decision.limit
    else { return false }
    let limits: CallLimits? =
      switch limit.scope {
      case .service: policy.policy.globals.limits
      case .rule: policy.policy.rules.first { $0.gateway.name == limit.name }?.gateway.limits
      case .trunk: policy.trunk(named: limit.name)?.limits
      case .destination: policy.policy.destinationLimits.first { $0.name == limit.name }?.limits
      }
    let caps = limit.caller == nil ? limits?.total : limits?.perCaller
    return caps?.words.contains { $0.cap == limit.cap } != true
  }

  private static func isComparable(_ call: CallRecord) -> Bool {
    !isDecidedByServer(call.decision) && call.decision.isPolicysChoice && !call.isRefusedByLimit
  }

  /// What servers said about the participant and its media decided nothing here.
  private static func isDecidedByServer(_ record: DecisionRecord) -> Bool {
    record.policyAnswers.contains { $0.request == PolicyRequestKind.serviceConfiguration.rawValue }
  }

  /// The request as the record has it. What the caller offered is not recorded, nor is the tag it came with.
  private static func request(_ call: CallRecord, _ policy: PolicySnapshot) -> CallRequest {
    let record = call.decision
    return CallRequest(
      id: call.id, direction: record.direction, trigger: record.callProtocol == .h323 ? .setup : .invite,
      callProtocol: record.callProtocol, alias: record.alias,
      caller: Caller(
        alias: call.caller.alias, displayName: call.caller.displayName, address: call.caller.address,
        vendor: call.caller.vendor, isRegistered: record.isRegistered,
        // Devices call in the name they are registered by.
        registeredAlias: record.isRegistered ? Alias(sip: call.caller.alias).parsed : nil,
        trunk: record.isRegistered
          ? nil : call.caller.address.flatMap { policy.trunk(forSource: $0.ip)?.name }),
      location: record.location)
  }

  /// What `record` keeps of a decision.
  private static func recorded(_ decision: Decision, _ record: DecisionRecord) -> Decision {
    switch decision {
    case .service(let service):
      if record.hasServiceSettings { return .service(service.asRecorded) }
      // From before there were more.
      return .service(
        ServiceConfiguration(
          kind: service.kind, name: service.name, tag: service.tag, description: service.description,
          callCapability: service.callCapability, mediaEncryption: service.mediaEncryption,
          maximumBandwidthIn: service.maximumBandwidthIn, maximumBandwidthOut: service.maximumBandwidthOut,
          maximumPixels: service.maximumPixels, theme: service.theme,
          localDisplayName: service.localDisplayName, allowsGuests: service.allowsGuests))
    case .gateway(var gateway):
      var details = GatewayDetails()
      details.transcodes = gateway.details.transcodes
      gateway.details = details
      return .gateway(gateway)
    case .reject, .redirect: return decision
    }
  }
}
