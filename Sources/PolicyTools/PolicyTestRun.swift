import CallModel
import PolicyEngine

/// The outcome of a policy's tests: `tandem test`.
public struct PolicyTestRun: Sendable {
  /// One test, and where what happened differs from what was expected.
  public struct Result: Sendable {
    public var test: PolicyTest
    public var failures: [String]
    /// The rule that decided.
    public var rule: String?
    public var service: String?
    public var passed: Bool { failures.isEmpty }
  }

  public let results: [Result]
  /// Names of enabled rules and of services that decided no test.
  public let uncoveredRules: [String]
  public let uncoveredServices: [String]
  public let ruleCount: Int
  public let serviceCount: Int

  public var failedCount: Int { results.count { !$0.passed } }
  /// Share of the enabled rules that decide at least one test, in per cent; 100 for a policy without rules.
  public var ruleCoverage: Double {
    ruleCount == 0 ? 100 : 100 * Double(ruleCount - uncoveredRules.count) / Double(ruleCount)
  }

  public init(_ tests: [PolicyTest], of policy: PolicySnapshot) {
    results = tests.map { PolicyTestRun.run($0, policy) }
    let rules = policy.policy.rules.filter(\.isEnabled).map(\.name)
    let services = policy.policy.services.map(\.configuration.name)
    let deciding = Set(results.compactMap(\.rule))
    let taking = Set(results.compactMap(\.service))
    ruleCount = rules.count
    serviceCount = services.count
    uncoveredRules = rules.filter { !deciding.contains($0) }
    uncoveredServices = services.filter { !taking.contains($0) }
  }

  /// Whether every test passes; stops at the first that does not.
  static func passes(_ tests: [PolicyTest], _ policy: PolicySnapshot) -> Bool {
    tests.allSatisfy { run($0, policy).passed }
  }

  private static func run(_ test: PolicyTest, _ policy: PolicySnapshot) -> Result {
    let record = ExplainedCall(test.call).decide(by: policy)
    return Result(
      test: test, failures: PolicyTestComparison(test: test, record: record, policy: policy).failures,
      rule: record.rule, service: record.service)
  }
}

extension ExplainedCall {
  /// The call of a policy test.
  public init(_ call: PolicyTest.Call) {
    self.init(
      alias: call.alias, callProtocol: call.callProtocol, direction: call.direction, from: call.from,
      registeredAlias: call.registeredAlias, isRegistered: call.isRegistered, location: call.location,
      source: call.source, trunk: call.trunk, capability: call.capability, tag: call.tag, at: call.at)
  }
}
