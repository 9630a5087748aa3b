import CallModel
import PatternAnalysis
import PolicyEngine
import TestSupport
import Testing

@testable import PolicyTools

/// Findings agree with what happens to every alias over a small alphabet.
@Suite struct PolicyAnalysisPropertyTests {
  static let letters: [Character] = ["a", "b", "1", "@"]

  static let aliases: [String] = {
    var all = [""]
    var last = [""]
    for _ in 0..<4 {
      last = last.flatMap { text in letters.map { text + String($0) } }
      all += last
    }
    return all
  }()

  /// Patterns whose language over the small alphabet says everything about them: every text of theirs has at most four
  /// characters, all from that alphabet.
  static func pattern(_ generator: inout SplitMix) -> String {
    let atoms = ["a", "b", "1", "@", "[ab]", "[ab1@]", "(?:ab|1)", "[b1]?", "a?", "(?:@|b)?"]
    return (0..<Int.random(in: 1...2, using: &generator))
      .map { _ in atoms.randomElement(using: &generator)! }.joined()
  }

  static func rule(_ i: Int, _ generator: inout SplitMix) -> CallRoutingRule {
    let protocols: [Set<CallProtocol>] = [CallRoutingRule.defaultProtocols, [.sip], [.h323, .webrtc]]
    return CallRoutingRule(
      name: "r\(i)", priority: Int.random(in: 1...4, using: &generator),
      isEnabled: Int.random(in: 0..<12, using: &generator) != 0,
      matchesOutgoing: Int.random(in: 0..<6, using: &generator) == 0,
      sourceLocation: Int.random(in: 0..<8, using: &generator) == 0 ? "east" : nil,
      onlyRegistered: Int.random(in: 0..<6, using: &generator) == 0,
      protocols: protocols.randomElement(using: &generator)!, pattern: pattern(&generator),
      gateway: GatewayConfiguration(name: "", remoteAlias: "", target: .registration))
  }

  static let calls: [CallCell] = {
    var cells: [CallCell] = []
    for location in [nil, "east"] as [String?] {
      for callProtocol in [CallProtocol.sip, .h323, .mssip, .webrtc] {
        for isRegistered in [false, true] {
          cells.append(CallCell(callProtocol: callProtocol, isRegistered: isRegistered, location: location))
        }
      }
      cells.append(CallCell(isOutgoing: true, location: location))
    }
    return cells
  }()

  @Test func reachabilityAndOverlapsAgreeWithTryingEverything() throws {
    var generator = SplitMix(seed: 77)
    var hidden = 0
    var overlapping = 0
    for round in 0..<80 {
      var policy = Policy()
      policy.locations = [Location(name: "east")]
      policy.rules = (0..<Int.random(in: 2...9, using: &generator)).map { Self.rule($0, &generator) }
      if round % 3 == 0 {
        policy.services = [
          Service(
            aliases: ["a", "ab", "B1"].shuffled(using: &generator).prefix(2).map { $0 },
            configuration: ServiceConfiguration(kind: .testCall, name: "s"))
        ]
      }
      let snapshot = try PolicySnapshot(compiling: policy)
      var analysis = PolicyAnalysis(snapshot, places: PolicyPlaces(inCode: snapshot.policy.rules.count))
      analysis.findUnreachableRules()
      #expect(analysis.openQuestions == 0)

      // Every alias, by every kind of call: who takes it, and which rules of one priority match it.
      var reached: Set<Int> = []
      var meeting: Set<Int> = []
      let rules = snapshot.policy.rules
      for cell in Self.calls {
        for alias in Self.aliases {
          let dialled = Alias(full: alias, parsed: alias, local: alias)
          let taker = analysis.taker(analysis.decide(dialled, cell))
          if case .rule(let i) = taker { reached.insert(i) }
          // The index of the analysis gives the engine's answer.
          #expect(analysis.taker(of: dialled, cell) == taker)
        }
      }
      for alias in Self.aliases {
        let matching = rules.indices.filter {
          rules[$0].isEnabled && snapshot.pattern(ofRule: $0, matches: alias) == true
        }
        for (n, i) in matching.enumerated() {
          for j in matching[..<n]
          where rules[i].priority == rules[j].priority
            && Self.calls.contains(where: { rules[i].looks(at: $0) && rules[j].looks(at: $0) })
          {
            meeting.insert(i)
          }
        }
      }
      let enabled = Set(rules.indices.filter { rules[$0].isEnabled })
      #expect(
        analysis.unreachable == enabled.subtracting(reached),
        "round \(round): \(rules.map { "\($0.priority) \($0.pattern)" })")
      hidden += analysis.unreachable.count

      // Rules never reached are left out of overlaps: what remains must agree.
      var overlaps = PolicyAnalysis(snapshot, places: PolicyPlaces(inCode: rules.count))
      overlaps.findOverlaps()
      let found = Set(
        overlaps.findings.compactMap { finding in
          if case .index(let i)? = finding.path.steps.dropFirst().first { i } else { nil }
        })
      #expect(found == meeting, "round \(round): \(rules.map { "\($0.priority) \($0.pattern)" })")
      overlapping += found.count
      for finding in overlaps.findings { #expect(finding.witness.map(Self.aliases.contains) == true) }
    }
    #expect(hidden > 20)
    #expect(overlapping > 40)
  }

  /// Ten thousand rules of the kinds that dial plans have.
  static func large(_ count: Int) -> Policy {
    var policy = Policy()
    policy.trunks = [Trunk(name: "carrier", host: "198.51.100.1")]
    policy.globals.domain = "corp.example"
    for i in 0..<count {
      let number = 100_000 + i
      var rule = CallRoutingRule(
        name: "r\(i)", priority: 1 + i % 199, pattern: "",
        gateway: GatewayConfiguration(name: "", remoteAlias: "", trunks: [TrunkChoice(trunk: "carrier")]))
      switch i % 5 {
      case 0: rule.pattern = "\(number)(@corp\\.example)?"
      case 1: rule.pattern = "00\(number)(\\d{2,9})"
      case 2: rule.pattern = "(.+)@site\(i)\\.example"
      case 3: rule.pattern = "(meet|room)\\.\(number)\\.([a-z]+)@.*"
      default: rule.pattern = "9\(number)\\d*"
      }
      rule.onlyRegistered = i % 7 == 0
      policy.rules.append(rule)
    }
    policy.rules.append(
      CallRoutingRule(
        name: "rest", priority: 200, pattern: ".*",
        gateway: GatewayConfiguration(name: "", remoteAlias: "", trunks: [TrunkChoice(trunk: "carrier")])))
    return policy
  }

  @Test func aThousandRulesAreAnalysedWithoutTryingPairs() throws {
    let snapshot = try PolicySnapshot(compiling: Self.large(1_000))
    var analysis = PolicyAnalysis(snapshot, places: PolicyPlaces(inCode: snapshot.policy.rules.count))
    analysis.findUnreachableRules()
    #expect(analysis.unreachable.isEmpty)
    analysis.findOverlaps()
    #expect(analysis.openQuestions == 0)
  }
}

extension PolicyAnalysis {
  /// What the engine decides about a call of this kind.
  func decide(_ alias: Alias, _ cell: CallCell) -> DecisionRecord {
    let request = CallRequest(
      id: CallID(high: 0, low: 0), direction: cell.isOutgoing ? .dialOut : .dialIn,
      trigger: cell.callProtocol == .h323 ? .setup : .invite, callProtocol: cell.callProtocol, alias: alias,
      caller: Caller(alias: "sip:anonymous@anonymous.invalid", isRegistered: cell.isRegistered),
      location: cell.location)
    return policy.decide(request, now: WallClock(milliseconds: 0)).record
  }

  func taker(_ record: DecisionRecord) -> Taker {
    if let service = record.service { return .service(service) }
    guard let last = record.considered.last, last.outcome == .matched || last.outcome == .patternError else {
      return .nobody
    }
    return .rule(last.rule)
  }
}
