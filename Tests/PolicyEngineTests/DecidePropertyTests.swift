import CallModel
import TestSupport
import Testing

@testable import PolicyEngine

/// The compiled engine, with and without its index, decides as the naive reading of the reference does.
@Suite struct DecidePropertyTests {
  static let letters = Array("abkKS19+.@")

  static func pattern(_ depth: Int, _ groups: inout Int, _ g: inout SplitMix) -> NaivePattern {
    switch Int.random(in: 0..<(depth > 0 ? 14 : 7), using: &g) {
    case 0...3: return .literal(letters.randomElement(using: &g)!)
    case 4: return .digit
    case 5: return .any
    case 6: return .set(["a", "1", "k"], negated: Bool.random(using: &g))
    case 7...9:
      return .sequence((0..<Int.random(in: 1...4, using: &g)).map { _ in pattern(depth - 1, &groups, &g) })
    case 10:
      return .choice((0..<Int.random(in: 1...3, using: &g)).map { _ in pattern(depth - 1, &groups, &g) })
    case 11 where groups < 9:
      groups += 1
      let number = groups
      return .group(number, pattern(depth - 1, &groups, &g))
    default:
      // Only what takes exactly one character is repeated, so that no repetition is empty.
      let (low, high) = [(0, 1), (0, NaivePattern.unbounded), (1, NaivePattern.unbounded), (2, 3)]
        .randomElement(using: &g)!
      var none = 9
      return .repeated(pattern(0, &none, &g), low, high)
    }
  }

  static func rule(_ i: Int, _ g: inout SplitMix) -> NaiveRule {
    var groups = 0
    let body = pattern(3, &groups, &g)
    var replacement: [NaiveReplacement] = []
    for _ in 0..<Int.random(in: 0...3, using: &g) {
      replacement.append(
        Bool.random(using: &g)
          ? .text(["x", "@h", "\\", "$1"].randomElement(using: &g)!)
          : .group(Int.random(in: 0...groups, using: &g)))
    }
    func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &g) < percent }
    return NaiveRule(
      name: "r\(i)", priority: Int.random(in: 1...5, using: &g), enabled: chance(90), incoming: chance(80),
      outgoing: chance(40),
      protocols: chance(60) ? CallRoutingRule.defaultProtocols : [.sip, .teams], registered: chance(20),
      location: chance(30) ? ["East", "West"].randomElement(using: &g)! : nil,
      caller: chance(10) ? ["ann", "bob"].randomElement(using: &g)! : nil,
      trunk: chance(10) ? ["trusted", "other"].randomElement(using: &g)! : nil, trusted: chance(10),
      byDay: chance(10), byNight: chance(10), full: chance(15),
      pattern: body,
      replacement: replacement)
  }

  static func policy(rules: Int, _ g: inout SplitMix) -> NaivePolicy {
    NaivePolicy(
      rules: (0..<rules).map { rule($0, &g) }, services: [("a@b", "one"), ("K9", "two")],
      disabledProtocols: Int.random(in: 0..<8, using: &g) == 0 ? [.h323] : [],
      dialOut: Int.random(in: 0..<10, using: &g) > 0)
  }

  static func compiled(_ naive: NaivePolicy) throws -> PolicySnapshot {
    var policy = Policy(
      locations: [Location(name: "East"), Location(name: "West")],
      trunks: [
        Trunk(name: "trusted", host: "192.0.2.1", isTrusted: true), Trunk(name: "other", host: "192.0.2.2"),
      ])
    policy.schedules = [
      Schedule(name: "day", timeZone: "UTC", periods: [Schedule.Period(hours: "06:00-18:00")])
    ]
    policy.globals.h323Enabled = !naive.disabledProtocols.contains(.h323)
    policy.globals.dialOutEnabled = naive.dialOut
    policy.services = naive.services.map {
      Service(aliases: [$0.alias], configuration: ServiceConfiguration(kind: .testCall, name: $0.name))
    }
    policy.rules = naive.rules.map {
      var rule = CallRoutingRule(
        name: $0.name, priority: $0.priority, isEnabled: $0.enabled, matchesIncoming: $0.incoming,
        matchesOutgoing: $0.outgoing, sourceLocation: $0.location, onlyRegistered: $0.registered,
        protocols: $0.protocols, matchesFullAlias: $0.full, pattern: $0.pattern.text,
        replacement: $0.replacement.map(\.text).joined(),
        gateway: GatewayConfiguration(name: $0.name, remoteAlias: ""))
      rule.conditions = RuleConditions(
        caller: $0.caller, trunks: $0.trunk.map { [$0] } ?? [], onlyTrusted: $0.trusted,
        schedules: $0.byDay ? ["day"] : [], exceptSchedules: $0.byNight ? ["day"] : [])
      return rule
    }
    return try PolicySnapshot(compiling: policy)
  }

  static func call(_ g: inout SplitMix) -> NaiveCall {
    let parsed = String((0..<Int.random(in: 0...6, using: &g)).map { _ in letters.randomElement(using: &g)! })
    let odd = Int.random(in: 0..<20, using: &g) == 0 ? "\u{212A}" : ""
    return NaiveCall(
      parsed: ["a@b", "k9"].randomElement(using: &g)!.prefix(Int.random(in: 0..<9, using: &g) == 0 ? 3 : 0)
        + parsed + odd,
      full: "sip:" + parsed, callProtocol: [.sip, .h323, .rtmp, .teams, .api].randomElement(using: &g)!,
      direction: CallDirection.allCases.randomElement(using: &g)!, registered: Bool.random(using: &g),
      location: ["East", "West", "North", nil].randomElement(using: &g)!,
      caller: ["ann", "bob"].randomElement(using: &g)!,
      trunk: ["trusted", "other", nil].randomElement(using: &g)!, hour: Int.random(in: 0..<24, using: &g))
  }

  static func result(_ decision: Decision) -> NaiveInterpreter.Result {
    switch decision {
    case .service(let service): .service(service.name)
    case .gateway(let gateway): .rule(gateway.name, alias: gateway.remoteAlias)
    case .reject(.notFound): .nothing
    case .reject, .redirect: .refused
    }
  }

  private func compare(rules: Int, policies: Int, calls: Int, seed: UInt64) throws {
    var g = SplitMix(seed: seed)
    for _ in 0..<policies {
      let naive = Self.policy(rules: rules, &g)
      let snapshot = try Self.compiled(naive)
      for _ in 0..<calls {
        let call = Self.call(&g)
        let request = CallRequest(
          id: CallID(high: 0, low: 0), direction: call.direction, trigger: .unspecified,
          callProtocol: call.callProtocol,
          alias: Alias(full: call.full, parsed: call.parsed, local: call.parsed),
          caller: Caller(alias: call.caller, isRegistered: call.registered, trunk: call.trunk),
          location: call.location)
        let expected = NaiveInterpreter.decide(naive, call)
        let now = WallClock(milliseconds: Int64(call.hour) * 3_600_000)
        let (live, liveRecord) = snapshot.decide(request, now: now)
        let (full, fullRecord) = snapshot.decide(request, now: now, keepingAllConsiderations: true)
        #expect(Self.result(live) == expected, "\(call)")
        #expect(
          live == full && liveRecord.rule == fullRecord.rule && liveRecord.replaced == fullRecord.replaced)
        #expect(
          liveRecord.considered.count + liveRecord.omittedConsiderations == fullRecord.considered.count)
        #expect(Set(liveRecord.considered).isSubset(of: fullRecord.considered))
        if Self.result(live) != expected { return }
      }
    }
  }

  @Test(arguments: 1...6) func smallPolicies(_ seed: UInt64) throws {
    try compare(rules: 12, policies: 25, calls: 30, seed: seed)
  }

  /// More rules than a record keeps: the index is in use.
  @Test(arguments: 100...102) func largePolicies(_ seed: UInt64) throws {
    try compare(rules: 300, policies: 2, calls: 80, seed: seed)
  }

  @Test func theIndexTriesFewOfManyRules() throws {
    var policy = Policy()
    policy.rules = (0..<1_500).map { i in
      let pattern = i % 3 == 0 ? "\(10_000 + i)" : i % 3 == 1 ? "\(10_000 + i)\\d+" : ".*@host\(i)\\.example"
      return RuleVectorTests.rule("r\(i)", 1 + i % 200, pattern, target: .registration)
    }
    let snapshot = try PolicySnapshot(compiling: policy)
    // 1200 is 0 modulo 3 (exact), 1201 is 1 (prefix), 1202 is 2 (suffix).
    for (alias, rule) in [
      ("11200", "r1200"), ("11200x", nil), ("112011", "r1201"), ("11201", nil),
      ("x@HOST1202.example", "r1202"),
    ] {
      let request = RuleVectorTests.request(Alias(dialled: alias, protocol: .sip))
      let (_, record) = snapshot.decide(request, now: RuleVectorTests.now)
      #expect(record.considered.count <= 4, "\(alias)")
      #expect(record.rule == rule)
      let all = snapshot.decide(request, now: RuleVectorTests.now, keepingAllConsiderations: true).record
      #expect(all.rule == rule)
    }
  }
}
