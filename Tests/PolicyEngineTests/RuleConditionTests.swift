import CallModel
import Testing

@testable import PolicyEngine

/// The conditions that the reference system does not have: what each takes and refuses, and what the record says.
@Suite struct RuleConditionTests {
  static func snapshot(_ conditions: RuleConditions, direction: CallDirection = .dialIn) throws
    -> PolicySnapshot
  {
    var policy = Policy(trunks: [
      Trunk(name: "carrier", host: "192.0.2.1"), Trunk(name: "branch", host: "192.0.2.2", isTrusted: true),
    ])
    policy.schedules = [
      Schedule(name: "office", timeZone: "Europe/London", periods: [ScheduleTests.office]),
      Schedule(name: "holidays", timeZone: "Europe/London", periods: [ScheduleTests.holidays]),
    ]
    var rule = RuleVectorTests.rule("r", 1, ".*", target: .external)
    rule.matchesOutgoing = true
    rule.conditions = conditions
    policy.rules = [rule]
    return try PolicySnapshot(compiling: policy)
  }

  struct Row: Sendable, CustomTestStringConvertible {
    var conditions: RuleConditions
    var caller: Caller
    var capability = CallCapability.video
    var tag = ""
    var at = "2026-11-23T12:00:00Z"
    var outcome: RuleConsideration.Outcome
    var testDescription: String { "\(outcome) \(conditions) \(caller)" }

    init(
      _ conditions: RuleConditions, _ outcome: RuleConsideration.Outcome,
      from caller: Caller = Caller(alias: "sip:Ann@example.org;user=x"),
      capability: CallCapability = .video, tag: String = "", at: String = "2026-11-23T12:00:00Z"
    ) {
      self.conditions = conditions
      self.caller = caller
      self.capability = capability
      self.tag = tag
      self.at = at
      self.outcome = outcome
    }
  }

  static func caller(
    _ address: String? = nil, trunk: String? = nil, isRegistered: Bool = false
  ) -> Caller {
    Caller(
      alias: "sip:ann@example.org",
      address: address.flatMap { IPAddress($0) }.map { TransportAddress($0, 5060) },
      isRegistered: isRegistered, trunk: trunk)
  }

  @Test(arguments: [
    Row(RuleConditions(caller: "ann@example\\.org"), .matched),
    Row(RuleConditions(caller: "ANN@.*"), .matched),
    Row(RuleConditions(caller: "ann"), .caller),
    Row(
      RuleConditions(caller: "(a+)+$"), .patternError,
      from: Caller(alias: String(repeating: "a", count: 60) + "!")),
    Row(RuleConditions(networks: [IPNetwork("10.0.0.0/8")!]), .matched, from: caller("10.1.2.3")),
    Row(RuleConditions(networks: [IPNetwork("10.0.0.0/8")!]), .matched, from: caller("::ffff:10.1.2.3")),
    Row(RuleConditions(networks: [IPNetwork("10.0.0.0/8")!]), .network, from: caller("11.1.2.3")),
    Row(RuleConditions(networks: [IPNetwork("10.0.0.0/8")!]), .network, from: caller()),
    Row(RuleConditions(networks: [IPNetwork("2001:db8::/32")!]), .matched, from: caller("2001:db8::1")),
    Row(RuleConditions(trunks: ["carrier"]), .matched, from: caller(trunk: "carrier")),
    Row(RuleConditions(trunks: ["carrier"]), .trunk, from: caller(trunk: "branch")),
    Row(RuleConditions(trunks: ["carrier"]), .trunk, from: caller()),
    Row(RuleConditions(onlyTrusted: true), .matched, from: caller(trunk: "branch")),
    Row(RuleConditions(onlyTrusted: true), .matched, from: caller(isRegistered: true)),
    Row(RuleConditions(onlyTrusted: true), .trust, from: caller(trunk: "carrier")),
    Row(RuleConditions(onlyTrusted: true), .trust),
    Row(RuleConditions(capabilities: [.video, .videoOnly]), .matched),
    Row(RuleConditions(capabilities: [.video]), .capability, capability: .audio),
    Row(RuleConditions(tags: ["vip"]), .matched, tag: "vip"),
    Row(RuleConditions(tags: ["vip"]), .tag),
    Row(RuleConditions(schedules: ["office"]), .matched),
    Row(RuleConditions(schedules: ["office"]), .schedule, at: "2026-11-22T12:00:00Z"),
    Row(RuleConditions(schedules: ["office", "holidays"]), .matched, at: "2026-12-26T12:00:00Z"),
    Row(
      RuleConditions(schedules: ["office"], exceptSchedules: ["holidays"]), .schedule,
      at: "2026-12-25T12:00:00Z"),
    Row(RuleConditions(exceptSchedules: ["holidays"]), .matched),
  ])
  func eachCondition(_ row: Row) throws {
    let snapshot = try Self.snapshot(row.conditions)
    let request = CallRequest(
      id: CallID(high: 0, low: 0), direction: .dialIn, trigger: .invite, callProtocol: .sip,
      alias: Alias(dialled: "bob", protocol: .sip), caller: row.caller, capability: row.capability,
      callTag: row.tag)
    let (decision, record) = snapshot.decide(request, now: try ScheduleTests.wallClock(row.at))
    #expect(record.considered == [RuleConsideration(rule: 0, outcome: row.outcome)])
    switch row.outcome {
    case .matched: #expect(record.rule == "r")
    case .patternError: #expect(decision == .reject(.ruleError))
    default: #expect(decision == .reject(.notFound))
    }
  }

  /// Who calls counts for incoming calls only, as protocols and registration do; the time always counts.
  @Test func outgoingCallsMeetOnlyTheSchedules() throws {
    let snapshot = try Self.snapshot(
      RuleConditions(
        caller: "nobody", trunks: ["carrier"], onlyTrusted: true, tags: ["x"], schedules: ["office"]))
    let request = CallRequest(
      id: CallID(high: 0, low: 0), direction: .dialOut, trigger: .unspecified, callProtocol: .sip,
      alias: Alias(dialled: "bob", protocol: .sip), caller: Caller(alias: "room"))
    func rule(_ at: String) throws -> String? {
      snapshot.decide(request, now: try ScheduleTests.wallClock(at)).record.rule
    }
    #expect(try rule("2026-11-23T12:00:00Z") == "r")
    #expect(try rule("2026-11-23T19:00:00Z") == nil)
  }
}
