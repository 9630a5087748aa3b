import CallModel
import PolicyEngine
import PolicyHooks

/// The outcome of a policy's tests: `tandem test`.
public struct PolicyTestRun: Sendable {
  /// One test, and where what happened differs from what was expected.
  public struct Result: Sendable {
    public var test: PolicyTest
    public var failures: [String]
    /// What is worth knowing of a test, passed or not.
    public var notes: [String] = []
    /// The rule that decided.
    public var rule: String?
    public var service: String?
    /// Destination limits that the number falls under, on some way out.
    public var destinations: Set<String> = []
    public var passed: Bool { failures.isEmpty }
  }

  public let results: [Result]
  /// Names of enabled rules and of services that decided no test.
  public let uncoveredRules: [String]
  public let uncoveredServices: [String]
  public let uncoveredDestinations: [String]
  public let destinationCount: Int
  public let ruleCount: Int
  public let serviceCount: Int

  public var failedCount: Int { results.count { !$0.passed } }
  /// Share of the enabled rules that decide at least one test, in per cent; 100 for a policy without rules.
  public var ruleCoverage: Double {
    ruleCount == 0 ? 100 : 100 * Double(ruleCount - uncoveredRules.count) / Double(ruleCount)
  }

  public init(_ tests: [PolicyTest], of policy: PolicySnapshot) {
    let chain = PolicyChain(policy)
    results = tests.map { PolicyTestRun.run($0, chain) }
    let rules = policy.policy.rules.filter(\.isEnabled).map(\.name)
    let services = policy.policy.services.map(\.configuration.name)
    let deciding = Set(results.compactMap(\.rule))
    let taking = Set(results.compactMap(\.service))
    ruleCount = rules.count
    serviceCount = services.count
    uncoveredRules = rules.filter { !deciding.contains($0) }
    let destinations = policy.policy.destinationLimits.map(\.name)
    let limiting = results.reduce(into: Set<String>()) { $0.formUnion($1.destinations) }
    destinationCount = destinations.count
    uncoveredDestinations = destinations.filter { !limiting.contains($0) }
    uncoveredServices = services.filter { !taking.contains($0) }
  }

  /// Whether every test passes; stops at the first that does not.
  static func passes(_ tests: [PolicyTest], _ policy: PolicySnapshot) -> Bool {
    let chain = PolicyChain(policy)
    return tests.allSatisfy { run($0, chain).passed }
  }

  private static func run(_ test: PolicyTest, _ chain: PolicyChain) -> Result {
    let outcome = ExplainedCall(test.call).decide(by: chain, answers: test.external)
    let record = outcome.record
    let ways = outcome.ways(chain.policy)
    var result = Result(
      test: test,
      failures: PolicyTestComparison(
        test: test, record: record, ways: ways, request: outcome.request, policy: chain.policy
      ).failures, rule: record.rule, service: record.service)
    result.destinations = Set((ways?.ways ?? []).compactMap { $0.departure.destination?.name })
    if let unasked = record.policyAnswers.first(where: { $0.outcome == PolicyOutcome.unasked.rawValue }) {
      let fallback =
        chain.policy.policy.policyProfiles.first { $0.name == unasked.profile }?
        .hooks[.serviceConfiguration]?.fallback ?? .continue
      result.notes.append(
        "policy server “\(unasked.profile)” is not asked in a test: its fallback (\(fallback.rawValue)) decides; say what it answers under external:"
      )
    }
    if record.policyAnswers.isEmpty, !test.external.answers.isEmpty {
      result.failures.append("external: no policy server would be asked about this call")
    }
    return result
  }
}

extension ExplainedCall {
  /// The call of a policy test.
  public init(_ call: PolicyTest.Call) {
    self.init(
      alias: call.alias, callProtocol: call.callProtocol, direction: call.direction, from: call.from,
      registeredAlias: call.registeredAlias, isRegistered: call.isRegistered, location: call.location,
      source: call.source, trunk: call.trunk, capability: call.capability, tag: call.tag,
      withoutTrunks: Set(call.withoutTrunks), at: call.at)
  }
}
