import CallModel
import PolicyEngine
import PolicyTools

/// What a candidate policy would have done with calls that another one decided: counted by kind, with examples.
public struct ShadowTally: Sendable {
  /// One live decision, as the call had it.
  public struct Observation: Sendable {
    public var request: CallRequest
    /// What policy servers decided, if they did.
    public var external: Decision?
    public var record: DecisionRecord
    public var at: WallClock
    public var policy: PolicySnapshot

    public init(
      request: CallRequest, external: Decision?, record: DecisionRecord, at: WallClock, policy: PolicySnapshot
    ) {
      self.request = request
      self.external = external
      self.record = record
      self.at = at
      self.policy = policy
    }
  }

  public struct Example: Sendable {
    public var call: CallID
    public var at: WallClock
    public var caller: String
    public var alias: String
    public var before: String
    public var after: String
  }

  /// Calls that went from one taker to another.
  public struct Kind: Hashable, Sendable {
    public var change: DecisionChange
    public var before: String
    public var after: String
  }

  /// Kinds told apart, and examples of each; further kinds are counted together.
  public static let maximumKinds = 500
  public static let maximumExamples = 5

  public private(set) var compared = 0
  /// Decided by the moment (limits, loops), not by policy.
  public private(set) var skipped = 0
  public private(set) var differing = 0
  public private(set) var counts: [Kind: Int] = [:]
  public private(set) var examples: [Kind: [Example]] = [:]
  public private(set) var otherKinds = 0

  public init() {}

  /// Per cent of the compared calls; a new name alone does not count.
  public var share: Double { compared == 0 ? 0 : 100 * Double(differing) / Double(compared) }

  /// Decides the call by the candidate and counts what comes of it.
  public mutating func add(_ seen: Observation, candidate: PolicySnapshot) {
    guard seen.record.isPolicysChoice else {
      skipped += 1
      return
    }
    compared += 1
    let request = seen.request.asSeen(by: candidate, insteadOf: seen.policy)
    // What a server said counts where the candidate would have asked one.
    let external = candidate.policyProfile(location: request.location) == nil ? nil : seen.external
    let after = candidate.decide(request, external: external, now: seen.at).record
    guard let change = DecisionChange(from: seen.record.decision, to: after.decision), change.isSubstantial
    else { return }
    differing += 1
    let kind = Kind(change: change, before: seen.record.takerName, after: after.takerName)
    guard counts[kind] != nil || counts.count < ShadowTally.maximumKinds else {
      otherKinds += 1
      return
    }
    counts[kind, default: 0] += 1
    guard examples[kind, default: []].count < ShadowTally.maximumExamples else { return }
    examples[kind, default: []].append(
      Example(
        call: request.id, at: seen.at, caller: request.caller.alias, alias: request.alias.parsed,
        before: seen.record.outcomeSentence, after: after.outcomeSentence))
  }

  /// The most frequent first.
  public var kinds: [(kind: Kind, count: Int)] {
    counts.map { ($0.key, $0.value) }.sorted { a, b in
      (b.1, a.0.change.rawValue, a.0.before, a.0.after) < (a.1, b.0.change.rawValue, b.0.before, b.0.after)
    }
  }
}

extension CallRequest {
  /// The request as `candidate` would put it: where the policy in force found location and trunk by the source, the candidate
  /// finds its own.
  public func asSeen(by candidate: PolicySnapshot, insteadOf policy: PolicySnapshot) -> CallRequest {
    guard let source = caller.address?.ip else { return self }
    var request = self
    if let known = policy.location(for: source, listenerDefault: nil), known == location {
      request.location = candidate.location(for: source, listenerDefault: nil)
    } else if let found = candidate.location(for: source, listenerDefault: nil) {
      request.location = found
    }
    if !caller.isRegistered, policy.trunk(forSource: source)?.name == caller.trunk {
      request.caller.trunk = candidate.trunk(forSource: source)?.name
    }
    return request
  }
}

extension DecisionRecord {
  /// Who took the call.
  fileprivate var takerName: String {
    switch decision {
    case .gateway(let gateway): "rule “\(gateway.name)”"
    case .service(let service): "service “\(service.name)”"
    case .redirect: "a redirection"
    case .reject: "nobody"
    }
  }
}
