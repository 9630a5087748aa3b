import CallModel
import PolicyEngine
import PolicyHooks
import PolicyScript
import PolicyTools

/// What a candidate policy would have done with calls that another one decided: counted by kind, with examples.
public struct ShadowTally: Sendable {
  /// One live decision, as the call had it.
  public struct Observation: Sendable {
    public var request: CallRequest
    /// What the policy server said, if one was asked.
    public var answer: PolicyAnswer?
    public var record: DecisionRecord
    public var at: WallClock
    public var policy: PolicySnapshot
    /// Our own address, as scripts are told.
    public var node: IPAddress?
    /// Whether a gateway call goes to a device that is registered.
    public var endsAtDevice: Bool

    public init(
      request: CallRequest, answer: PolicyAnswer?, record: DecisionRecord, at: WallClock,
      policy: PolicySnapshot, node: IPAddress? = nil, endsAtDevice: Bool = false
    ) {
      self.request = request
      self.answer = answer
      self.node = node
      self.record = record
      self.at = at
      self.policy = policy
      self.endsAtDevice = endsAtDevice
    }

    /// Whether a call that is decided as `record` says would end at such a device, too; nil: nobody knows.
    fileprivate func endsAtDevice(_ other: DecisionRecord) -> Bool? {
      guard case .gateway(let theirs) = other.decision else { return nil }
      if case .gateway(let ours) = record.decision, ours.deviceAlias == theirs.deviceAlias {
        return endsAtDevice
      }
      return record.decision == .reject(.destinationRefused) && record.replaced == theirs.remoteAlias
        ? false : nil
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
  /// What the candidate would decide is not known: a server decides that was not asked, or a script by chance.
  public private(set) var undecidable = 0
  public private(set) var differing = 0
  public private(set) var counts: [Kind: Int] = [:]
  public private(set) var examples: [Kind: [Example]] = [:]
  public private(set) var otherKinds = 0

  public init() {}

  /// Per cent of the compared calls; a new name alone does not count, nor another limit that may never be reached.
  public var share: Double { compared == 0 ? 0 : 100 * Double(differing) / Double(compared) }

  /// Decides the call by the candidate, its scripts included, and counts what comes of it.
  public mutating func add(_ seen: Observation, candidate chain: PolicyChain) {
    guard seen.record.isPolicysChoice else {
      skipped += 1
      return
    }
    let candidate = chain.policy
    let request = seen.request.asSeen(by: candidate, insteadOf: seen.policy)
    var answer: PolicyAnswer?
    if let asked = candidate.serviceServer(for: request) {
      // What a server said counts where the candidate would have asked the same one.
      guard let said = seen.answer, seen.policy.serviceServer(for: seen.request)?.url == asked.url else {
        undecidable += 1
        return
      }
      answer = said
      // That a server is silent is the server's, what follows is the policy's.
      if said.conclusion.isFallback, let hook = asked.hooks[.serviceConfiguration] {
        answer?.conclusion.verdict = .fallback(hook.fallback, for: .serviceConfiguration)
      }
    }
    let decided = chain.decide(
      request, from: NodeFacts(location: request.location, address: seen.node), answer: answer, now: seen.at,
      environment: .repeatable(at: seen.at)
    ).record
    let endsAtDevice = seen.endsAtDevice(decided)
    let after = candidate.settled(decided, isDevice: endsAtDevice)
    let change = DecisionChange(
      from: seen.record, seen.policy, to: after, candidate, requests: (seen.request, request),
      isDevice: endsAtDevice == true)
    guard let change, change.isSubstantial else {
      compared += 1
      return
    }
    if candidate.decidesByChance(request) || seen.policy.decidesByChance(seen.request) {
      undecidable += 1
      return
    }
    compared += 1
    if change.changesCall { differing += 1 }
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
        before: DecisionChange.sentence(
          seen.record, seen.policy, seen.request, beside: after, candidate, request,
          isDevice: endsAtDevice == true),
        after: DecisionChange.sentence(
          after, candidate, request, beside: seen.record, seen.policy, seen.request,
          isDevice: endsAtDevice == true)))
  }

  /// The most frequent first.
  public var kinds: [(kind: Kind, count: Int)] {
    counts.map { ($0.key, $0.value) }.sorted { a, b in
      (b.1, a.0.change.rawValue, a.0.before, a.0.after) < (a.1, b.0.change.rawValue, b.0.before, b.0.after)
    }
  }
}

extension PolicySnapshot {
  /// The profile whose server is asked what the alias of `request` is; nil: none is.
  fileprivate func serviceServer(for request: CallRequest) -> PolicyProfile? {
    guard let profile = policyProfile(location: request.location), profile.url != nil,
      profile.hooks[.serviceConfiguration] != nil
    else { return nil }
    return profile
  }

  /// Whether a script that draws random numbers looks at `request`.
  fileprivate func decidesByChance(_ request: CallRequest) -> Bool {
    policyProfile(location: request.location).flatMap { script(.service, of: $0) }?.vocabulary.usesChance
      ?? false
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
