import CallModel
import PolicyEngine

/// Recorded calls decided by another policy: what would have gone elsewhere, been refused, or been let through.
public struct PolicyReplay: Sendable {
  public enum Change: String, Sendable, CaseIterable {
    /// Taken then, refused now.
    case refused
    /// Refused then, taken now.
    case admitted
    /// Taken both times, but to another service, alias, kind of target, or over other trunks.
    case elsewhere
    /// To the same place, with other media, encryption, bandwidth or identity.
    case otherwise
    /// The same in everything, by a rule of another name.
    case renamed
  }

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
    compared == 0 ? 0 : 100 * Double(differences.count { $0.change != .renamed }) / Double(compared)
  }

  /// Decides each call as at its own time.
  public init(_ calls: [CallRecord], by policy: PolicySnapshot) {
    var differences: [Difference] = []
    var compared = 0
    for call in calls where PolicyReplay.isComparable(call.decision) {
      compared += 1
      let before = call.decision
      let (_, after) = policy.decide(PolicyReplay.request(call, policy), now: call.started)
      guard let change = PolicyReplay.change(before, after) else { continue }
      differences.append(
        Difference(
          call: call.id, started: call.started, caller: call.caller.alias, alias: call.calledAlias,
          change: change,
          before: PolicyReplay.describe(before), after: PolicyReplay.describe(after)))
    }
    self.differences = differences
    self.compared = compared
    skipped = calls.count - compared
  }

  /// False for what the moment decided, and not the policy.
  private static func isComparable(_ record: DecisionRecord) -> Bool {
    guard record.policyAnswers.isEmpty else { return false }
    switch record.decision {
    case .reject(.limitReached), .reject(.blocked), .reject(.loop), .reject(.tooManyHops), .reject(.shutdown),
      .reject(.withdrawn):
      return false
    case .reject, .gateway, .service, .redirect: return true
    }
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

  private static func change(_ before: DecisionRecord, _ after: DecisionRecord) -> Change? {
    switch (before.decision, after.decision) {
    case (.reject, .reject): return nil
    case (.reject, _): return .admitted
    case (_, .reject): return .refused
    case (.service(let a), .service(let b)): return a == b ? nil : a.name == b.name ? .otherwise : .elsewhere
    case (.redirect(let a), .redirect(let b)): return a == b ? nil : .elsewhere
    case (.gateway(let a), .gateway(let b)):
      if a == b { return nil }
      guard a.remoteAlias == b.remoteAlias, a.target == b.target, a.trunks == b.trunks,
        a.outgoingProtocol == b.outgoingProtocol, a.outgoingLocation == b.outgoingLocation,
        a.h323Gatekeeper == b.h323Gatekeeper, a.mssipProxy == b.mssipProxy, a.teamsProxy == b.teamsProxy
      else { return .elsewhere }
      var renamed = a
      renamed.name = b.name
      renamed.tag = b.tag
      return renamed == b ? .renamed : .otherwise
    case (.service, _), (.gateway, _), (.redirect, _): return .elsewhere
    }
  }

  private static func describe(_ record: DecisionRecord) -> String {
    switch record.decision {
    case .gateway(let gateway):
      let trunks =
        gateway.trunks.isEmpty ? "" : " over \(gateway.trunks.map(\.trunk).joined(separator: ", "))"
      return "rule “\(gateway.name)” to “\(gateway.remoteAlias)”\(trunks)"
    case .service(let service): return "service “\(service.name)”"
    case .redirect(let alias): return "redirected to “\(alias)”"
    case .reject(let rejection): return "refused: \(rejection.word)"
    }
  }
}
