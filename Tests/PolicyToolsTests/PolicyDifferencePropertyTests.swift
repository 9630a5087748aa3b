import CallModel
import PatternAnalysis
import PolicyEngine
import TestSupport
import Testing

@testable import PolicyTools

/// Random policies, random edits, random calls: what differs is reported, and what is reported differs.
@Suite struct PolicyDifferencePropertyTests {
  static let start = WallClock(milliseconds: 1_767_744_000_000)
  static let letters: [Character] = ["a", "b", "1", "@"]

  static let aliases: [String] = {
    var all: [String] = []
    var last = [""]
    for _ in 0..<4 {
      last = last.flatMap { text in letters.map { text + String($0) } }
      all += last
    }
    return all
  }()

  static func pattern(_ generator: inout SplitMix) -> String {
    let atoms = ["a", "b", "1", "@", "[ab]", "[ab1@]", "(?:ab|1)", "[b1]?", "a?", "(.)", "(a|b)", ".*"]
    return (0..<Int.random(in: 1...3, using: &generator))
      .map { _ in atoms.randomElement(using: &generator)! }.joined()
  }

  static func conditions(_ generator: inout SplitMix) -> RuleConditions {
    var conditions = RuleConditions()
    switch Int.random(in: 0..<16, using: &generator) {
    case 0: conditions.caller = ["ann.*", "[a-m].*", "bob"].randomElement(using: &generator)
    case 1: conditions.networks = [IPNetwork("10.0.0.0/8"), IPNetwork("10.1.0.0/16")].compactMap { $0 }
    case 2: conditions.trunks = [["t1"], ["t2"], ["t1", "t2"]].randomElement(using: &generator)!
    case 3: conditions.onlyTrusted = true
    case 4: conditions.capabilities = [.audio]
    case 5: conditions.tags = ["x"]
    case 6: conditions.schedules = ["day"]
    case 7: conditions.exceptSchedules = ["day"]
    default: break
    }
    return conditions
  }

  static func rule(_ i: Int, _ generator: inout SplitMix) -> CallRoutingRule {
    let protocols: [Set<CallProtocol>] = [CallRoutingRule.defaultProtocols, [.sip], [.h323, .webrtc]]
    let pattern = pattern(&generator)
    let replacements = ["", "", "", "\\g<0>", "b\\g<0>"] + (pattern.contains("(.)") ? ["\\1", "a\\1"] : [])
    var rule = CallRoutingRule(
      name: "r\(i)", priority: Int.random(in: 1...4, using: &generator),
      isEnabled: Int.random(in: 0..<12, using: &generator) != 0,
      matchesOutgoing: Int.random(in: 0..<6, using: &generator) == 0,
      sourceLocation: Int.random(in: 0..<8, using: &generator) == 0 ? "east" : nil,
      onlyRegistered: Int.random(in: 0..<6, using: &generator) == 0,
      protocols: protocols.randomElement(using: &generator)!, pattern: pattern,
      replacement: replacements.randomElement(using: &generator)!,
      gateway: GatewayConfiguration(
        name: "", remoteAlias: "", target: Bool.random(using: &generator) ? .registration : .external,
        trunks: Int.random(in: 0..<3, using: &generator) == 0 ? [TrunkChoice(trunk: "t1")] : []))
    rule.conditions = conditions(&generator)
    return rule
  }

  static func policy(_ generator: inout SplitMix) -> Policy {
    var policy = Policy()
    policy.locations = [Location(name: "east", networks: [IPNetwork("10.1.0.0/16")!])]
    policy.trunks = [
      Trunk(name: "t1", host: "192.0.2.1", sources: [IPNetwork("10.2.0.0/16")!]),
      Trunk(name: "t2", host: "192.0.2.2", isTrusted: true),
    ]
    policy.schedules = [Schedule(name: "day", timeZone: "UTC", periods: [.init(hours: "08:00-18:00")])]
    policy.rules = (0..<Int.random(in: 1...8, using: &generator)).map { rule($0, &generator) }
    if Int.random(in: 0..<3, using: &generator) == 0 {
      policy.services = [
        Service(
          aliases: ["a", "ab", "B1"].shuffled(using: &generator).prefix(2).map { $0 },
          configuration: ServiceConfiguration(kind: .testCall, name: "s"))
      ]
    }
    return policy
  }

  static func edit(_ policy: inout Policy, _ generator: inout SplitMix) {
    let i = policy.rules.indices.randomElement(using: &generator)
    switch Int.random(in: 0..<14, using: &generator) {
    case 0: policy.rules.insert(rule(90, &generator), at: 0)
    case 1: if let i { policy.rules.remove(at: i) }
    case 2: if let i { policy.rules[i].pattern = pattern(&generator); policy.rules[i].replacement = "" }
    case 3: if let i { policy.rules[i].priority = Int.random(in: 1...4, using: &generator) }
    case 4: if let i { policy.rules[i].name = "renamed" }
    case 5: if let i { policy.rules[i].onlyRegistered.toggle() }
    case 6: if let i { policy.rules[i].conditions = conditions(&generator) }
    case 7: if let i { policy.rules[i].gateway.mediaEncryption = .required }
    case 8: policy.locations[0].networks = [IPNetwork("10.0.0.0/8")!]
    case 9: policy.trunks[0].isTrusted.toggle()
    case 10: policy.schedules[0].periods = [.init(hours: "08:00-12:00")]
    case 11:
      policy.services = [
        Service(aliases: ["b", "a1"], configuration: ServiceConfiguration(kind: .testCall, name: "s"))
      ]
    case 12: policy.trunks[0].sources = [IPNetwork("10.3.0.0/16")!]
    default:
      if let i { policy.rules[i].sourceLocation = policy.rules[i].sourceLocation == nil ? "east" : nil }
    }
  }

  static func call(_ generator: inout SplitMix) -> ExplainedCall {
    let addresses = ["10.1.2.3", "10.2.2.3", "10.3.2.3", "10.9.2.3", "198.51.100.7"]
    let isRegistered = Int.random(in: 0..<3, using: &generator) == 0
    return ExplainedCall(
      alias: aliases.randomElement(using: &generator)!,
      callProtocol: [.sip, .sip, .h323, .webrtc, .mssip].randomElement(using: &generator)!,
      direction: Int.random(in: 0..<6, using: &generator) == 0 ? .dialOut : .dialIn,
      from: ["sip:ann@x", "sip:bob", "sip:zoe", "sip:anonymous@anonymous.invalid"]
        .randomElement(using: &generator)!,
      isRegistered: isRegistered,
      location: Int.random(in: 0..<4, using: &generator) == 0 ? "east" : nil,
      source: Int.random(in: 0..<3, using: &generator) == 0
        ? IPAddress(addresses.randomElement(using: &generator)!) : nil,
      trunk: isRegistered ? nil : [nil, nil, "t1", "t2"].randomElement(using: &generator)!,
      capability: [.video, .audio].randomElement(using: &generator)!,
      tag: ["", "x"].randomElement(using: &generator)!,
      at: WallClock(
        milliseconds: start.milliseconds + Int64.random(in: 0..<48, using: &generator) * 1_800_000))
  }

  @Test(arguments: [11, 12, 13, 14, 15, 16] as [UInt64])
  func everyDifferenceIsReportedAndEveryReportDiffers(_ seed: UInt64) throws {
    var generator = SplitMix(seed: seed)
    var differing = 0
    var reported = 0
    var open = 0
    for round in 0..<60 {
      var policy = Self.policy(&generator)
      let old = try PolicySnapshot(compiling: policy)
      // As written, so that what is moved is moved.
      for _ in 0..<Int.random(in: 1...3, using: &generator) { Self.edit(&policy, &generator) }
      guard let new = try? PolicySnapshot(compiling: policy) else { continue }
      let difference = PolicyDifference(from: old, to: new, at: Self.start)
      if difference.notes.contains(where: { $0.code == "analysis-limited" }) { open += 1 }
      let sides = (
        DifferenceSide(old, limits: .standard), DifferenceSide(new, limits: .standard)
      )
      var pairs: Set<DifferenceSearch.Pair> = []
      for finding in difference.findings where finding.subject == .rules {
        let call = try #require(finding.witness?.call)
        let (a, before) = sides.0.takerAndRecord(call)
        let (b, after) = sides.1.takerAndRecord(call)
        #expect(DecisionChange(from: before.decision, to: after.decision) == finding.change)
        #expect(a == finding.before && b == finding.after)
        pairs.insert(.init(old: a, new: b))
        reported += 1
      }
      for _ in 0..<400 {
        let call = Self.call(&generator)
        let (a, before) = sides.0.takerAndRecord(call)
        let (b, after) = sides.1.takerAndRecord(call)
        guard DecisionChange(from: before.decision, to: after.decision)?.isSubstantial == true else {
          continue
        }
        differing += 1
        #expect(
          pairs.contains(.init(old: a, new: b)),
          """
          round \(round): \(call): \(a) → \(b)
          \(old.policy.rules.map(Self.line).joined(separator: "\n"))
          -----
          \(new.policy.rules.map(Self.line).joined(separator: "\n"))
          \(PolicyDifferenceReport(difference, from: old, to: new).text)
          """)
      }
    }
    #expect(differing > 200)
    #expect(reported > 60)
    #expect(open < 3)
  }

  static func line(_ rule: CallRoutingRule) -> String {
    "\(rule.name) \(rule.priority) \(rule.pattern) \(rule.replacement) \(rule.isEnabled) reg \(rule.onlyRegistered) \(rule.sourceLocation ?? "-") \(rule.protocols.map(\.rawValue)) \(rule.conditions)"
  }
}

extension DifferenceSide {
  fileprivate func takerAndRecord(_ call: ExplainedCall) -> (PolicyDifference.Taker, DecisionRecord) {
    let outcome = decide(call)
    return (outcome.taker, outcome.record)
  }
}
