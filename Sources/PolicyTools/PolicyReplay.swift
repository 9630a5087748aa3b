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

  /// Share of the compared calls that are decided differently, in per cent. A new name alone does not count.
  public var changedShare: Double {
    compared == 0 ? 0 : 100 * Double(differences.count(where: \.change.isSubstantial)) / Double(compared)
  }

  /// Decides each call as at its own time.
  public init(_ calls: [CallRecord], by policy: PolicySnapshot) {
    var differences: [Difference] = []
    var compared = 0
    let chain = PolicyChain(policy)
    for call in calls where PolicyReplay.isComparable(call.decision) {
      compared += 1
      let before = call.decision
      let request = PolicyReplay.request(call, policy)
      // Scripts run again; what a server of the new policy would say, nobody knows.
      let after = chain.decide(
        request, from: NodeFacts(location: request.location, address: nil), now: call.started,
        environment: .repeatable(at: call.started)
      ).record
      guard
        let change = DecisionChange(
          from: PolicyReplay.recorded(before.decision), to: PolicyReplay.recorded(after.decision))
      else { continue }
      differences.append(
        Difference(
          call: call.id, started: call.started, caller: call.caller.alias, alias: call.calledAlias,
          change: change, before: before.outcomeSentence, after: after.outcomeSentence))
    }
    self.differences = differences
    self.compared = compared
    skipped = calls.count - compared
  }

  private static func isComparable(_ record: DecisionRecord) -> Bool {
    // What servers said about the participant and its media decided nothing here.
    !record.policyAnswers.contains { $0.request == PolicyRequestKind.serviceConfiguration.rawValue }
      && record.isPolicysChoice
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
        trunk: record.isRegistered
          ? nil : call.caller.address.flatMap { policy.trunk(forSource: $0.ip)?.name }),
      location: record.location)
  }

  /// What records keep of a decision: PINs are not in them, nor what only hosts of services look at.
  private static func recorded(_ decision: Decision) -> Decision {
    switch decision {
    case .service(let service):
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
