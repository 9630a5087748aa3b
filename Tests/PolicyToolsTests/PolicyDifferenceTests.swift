import CallModel
import PolicyEngine
import Testing

@testable import PolicyTools

/// What `tandem diff` says of edits that admins make.
@Suite struct PolicyDifferenceTests {
  static let start = WallClock(milliseconds: 1_767_744_000_000)

  static func snapshot(_ rules: String, _ head: String = "") throws -> PolicySnapshot {
    let yaml = """
      locations: [{ name: east }, { name: west }]
      trunks: [{ name: a, host: 192.0.2.1, sources: [198.51.100.0/24] }, { name: b, host: 192.0.2.2, trusted: true }]
      \(head)
      rules:
      \(rules.split(separator: "\n").map { "  - { priority: 10, \($0) }" }.joined(separator: "\n"))
      """
    let outcome = PolicyLoader.load(text: yaml, name: "p.yaml")
    return try #require(outcome.snapshot, "\(outcome.diagnostics)")
  }

  static func difference(_ old: String, _ new: String, _ heads: (String, String) = ("", "")) throws
    -> PolicyDifference
  {
    PolicyDifference(from: try snapshot(old, heads.0), to: try snapshot(new, heads.1), at: start)
  }

  /// Each as `change: summary [witness]`.
  static func lines(_ difference: PolicyDifference) -> [String] {
    difference.findings.map { finding in
      "\(finding.change.rawValue): \(finding.summary)"
        + (finding.witness.map { " [\($0.call.alias) \($0.call.callerSentence)]" } ?? "")
    }
  }

  static let out =
    "name: out, match: '9(\\d{3,15})', replace: '\\1', from: { registered: true }, to: { trunks: [a] }"
  static let people = "name: people, match: '[a-z]+', to: { target: registered_device }"

  /// A kept version of a policy holds no secrets: what is not known is no difference, what is known is.
  @Test func secretsThatAreNotKnownAreNoDifference() throws {
    func load(_ secrets: [String: String]) throws -> PolicySnapshot {
      let outcome = PolicyLoader.load(
        text: """
          globals: {policy_profile: crm}
          policy_profiles:
            - {name: crm, url: "http://127.0.0.1:1", username: u, password: {env: A}, hooks: {service: {}}}
          services:
            - {name: room, type: conference, aliases: [room], pin: {env: B}, guest_pin: {env: C}, allow_guests: true}
          """, secrets: .fixed(variables: secrets, areRequired: false))
      return try #require(outcome.snapshot, "\(outcome.diagnostics)")
    }
    let known = try load(["A": "x", "B": "1234", "C": "5678"])
    for (before, after) in [(known, try load([:])), (try load([:]), known)] {
      #expect(Self.lines(PolicyDifference(from: before, to: after, at: Self.start)) == [])
    }
    let changed = PolicyDifference(
      from: known, to: try load(["A": "y", "B": "1234", "C": "8765"]), at: Self.start)
    #expect(Set(changed.findings.map(\.subject)) == [.rules, .policyServer])
  }

  @Test func theSameRulesDifferInNothing() throws {
    let difference = try Self.difference("\(Self.out)\n\(Self.people)", "\(Self.people)\n\(Self.out)")
    #expect(Self.lines(difference) == [])
    #expect(difference.isProved)
    let report = PolicyDifferenceReport(
      difference, from: try Self.snapshot(Self.out), to: try Self.snapshot(Self.out))
    #expect(report.exitCode == 0)
    #expect(report.text.contains("No call is decided differently: proved"))
  }

  @Test func aNewNameDescriptionOrPriorityIsNoDifference() throws {
    let new = Self.out.replacing("name: out", with: "name: outside, description: else, tag: t")
    let difference = try Self.difference("\(Self.out)\n\(Self.people)", "\(new)\n\(Self.people)")
    #expect(Self.lines(difference) == [])
    #expect(difference.commonRules == 2)
  }

  @Test func aPatternWrittenOtherwiseIsNoDifference() throws {
    let new = Self.out.replacing("9(\\d{3,15})", with: "9([0-9]{3}[0-9]{0,12})")
    let difference = try Self.difference(Self.out, new)
    #expect(Self.lines(difference) == [])
    #expect(difference.isProved)
  }

  @Test func aRemovedRuleIsFoundWithWhoTakesItsCallsNow() throws {
    let rest = "name: rest, match: '.*', to: { target: registered_device }"
    let difference = try Self.difference("\(Self.out)\n\(rest)", rest)
    #expect(
      difference.findings.map(\.summary) == ["calls that rule “out” took go to rule “rest”"])
    #expect(difference.findings.first?.change == .elsewhere)
    let none = try Self.difference(Self.out, Self.people)
    #expect(none.findings.map(\.change) == [.refused, .admitted])
    #expect(none.findings.first?.witness?.call.isRegistered == true)
    #expect(
      PolicyDifferenceReport(none, from: try Self.snapshot(Self.out), to: try Self.snapshot(Self.people))
        .exitCode == 1)
  }

  @Test func witnessesAreReadable() throws {
    let difference = try Self.difference(Self.out, Self.out.replacing("'9(", with: "'8("))
    #expect(difference.findings.map { $0.witness?.call.alias } == ["95551234", "85551234"])
  }

  @Test func aNarrowerPatternLeavesOnlyWhatFell() throws {
    let new = Self.out.replacing("{3,15}", with: "{3,14}")
    let difference = try Self.difference(Self.out, new)
    #expect(difference.findings.count == 1)
    let witness = try #require(difference.findings.first?.witness)
    #expect(difference.findings.first?.change == .refused)
    #expect(witness.call.alias.count == 16)
  }

  @Test func conditionsAreToldApart() throws {
    let open = Self.out.replacing("from: { registered: true }", with: "from: { networks: [10.0.0.0/8] }")
    let difference = try Self.difference(Self.out, open)
    #expect(Set(difference.findings.map(\.change)) == [.refused, .admitted])
    let admitted = try #require(difference.findings.first { $0.change == .admitted }?.witness?.call)
    #expect(!admitted.isRegistered)
    #expect(admitted.source.map { IPNetwork("10.0.0.0/8")!.contains($0) } == true)
  }

  @Test func anotherTrunkIsElsewhere() throws {
    let difference = try Self.difference(Self.out, Self.out.replacing("[a]", with: "[b]"))
    #expect(difference.findings.map(\.change) == [.elsewhere])
    #expect(difference.findings.first?.witness?.before.contains("over a") == true)
    #expect(difference.findings.first?.witness?.after.contains("over b") == true)
  }

  @Test func replacementsAreCompared() throws {
    let a = "name: x, match: '0(\\d+)', replace: '\\1', to: { trunks: [a] }"
    let same = "name: x, match: '0([0-9]+)', replace: '\\g<1>', to: { trunks: [a] }"
    #expect(Self.lines(try Self.difference(a, same)) == [])
    let other = "name: x, match: '(0\\d+)', replace: '\\1', to: { trunks: [a] }"
    #expect(try Self.difference(a, other).findings.map(\.change) == [.elsewhere])
  }

  @Test func anOpaquePatternIsProbedAndSaidToBe() throws {
    let a = "name: x, match: '(?!911)\\d{3}', to: { trunks: [a] }"
    let b = "name: x, match: '(?!811)\\d{3}', to: { trunks: [b] }"
    let difference = try Self.difference(a, b)
    #expect(difference.findings.contains { $0.change == .elsewhere })
    #expect(difference.notes.contains { $0.code == "pattern-opaque" && $0.message.contains("look-around") })
    #expect(!difference.isProved)
  }

  @Test func servicesAreCompared() throws {
    let one = "services: [{ name: echo, type: test_call, aliases: [echo, loop] }]"
    let two = "services: [{ name: echo, type: test_call, aliases: [echo] }]"
    let difference = try Self.difference(Self.people, Self.people, (one, two))
    #expect(
      Self.lines(difference) == [
        "refused: calls that service “echo” took are taken by nobody [loop from a stranger by teams]",
        "elsewhere: calls that service “echo” took go to rule “people” [loop from a stranger]",
      ])
  }

  @Test func trunksAndDevicesAreCompared() throws {
    let one = "devices: [{ alias: ann@x, protocols: [sip] }]"
    let difference = try Self.difference(Self.people, Self.people, (one, ""))
    #expect(
      Self.lines(difference) == ["refused: device “ann@x” is gone: it can no longer register or be called"])
    var moved = try Self.snapshot(Self.out).policy
    moved.trunks[0].host = "192.0.2.9"
    let trunk = PolicyDifference(
      from: try Self.snapshot(Self.out), to: try PolicySnapshot(compiling: moved), at: Self.start)
    #expect(trunk.findings.map(\.summary) == ["trunk “a”: host 192.0.2.1 → 192.0.2.9"])
    #expect(trunk.findings.first?.witness?.call.isRegistered == true)
  }

  @Test func switchesAreCompared() throws {
    let heads = ("", "globals: { protocols: { h323: false } }")
    let difference = try Self.difference(Self.people, Self.people, heads)
    #expect(difference.findings.map(\.subject) == [.callProtocol])
    #expect(difference.findings.first?.witness?.call.callProtocol == .h323)
    // Nobody notices a switch that no call passed.
    let none = try Self.difference(
      "name: x, match: a, from: { protocols: [sip] }, to: { target: registered_device }",
      "name: x, match: a, from: { protocols: [sip] }, to: { target: registered_device }", heads)
    #expect(none.findings.isEmpty)
  }

  @Test func defaultsAreCompared() throws {
    let difference = try Self.difference(
      "\(Self.out)\n\(Self.people)", "\(Self.out)\n\(Self.people)",
      ("", "globals: { max_bandwidth_out: 1024 }"))
    #expect(difference.findings.map(\.subject) == [.defaults])
    #expect(difference.findings.first?.summary.contains("4128 kbit/s → 1024 kbit/s") == true)
  }

  @Test func aScheduleThatMeansAnotherTimeIsADifference() throws {
    let rule = "name: day, match: '\\d+', when: [office], to: { trunks: [a] }"
    func head(_ hours: String) -> String {
      "schedules: [{ name: office, time_zone: UTC, periods: [{ hours: \(hours) }] }]"
    }
    let difference = try Self.difference(rule, rule, (head("08:00-18:00"), head("08:00-17:00")))
    #expect(difference.findings.map(\.change) == [.refused])
    let at = try #require(difference.findings.first?.witness?.call.at)
    #expect(at.iso8601.contains("T17:00:00Z"))
  }

  @Test func networksOfLocationsMoveCalls() throws {
    let rule = "name: east, match: '\\d+', from: { location: east }, to: { trunks: [a] }"
    var wide = try Self.snapshot(rule).policy
    wide.locations[0].networks = [IPNetwork("10.0.0.0/8")!]
    let difference = PolicyDifference(
      from: try Self.snapshot(rule), to: try PolicySnapshot(compiling: wide), at: Self.start)
    #expect(difference.findings.map(\.change) == [.admitted])
    #expect(difference.findings.first?.witness?.call.source?.description.hasPrefix("10.") == true)
  }

  @Test func trustMovesCalls() throws {
    let rule = "name: ours, match: '\\d+', from: { trusted: true }, to: { target: registered_device }"
    var trusting = try Self.snapshot(rule).policy
    trusting.trunks[0].isTrusted = true
    let difference = PolicyDifference(
      from: try Self.snapshot(rule), to: try PolicySnapshot(compiling: trusting), at: Self.start)
    #expect(difference.findings.first { $0.subject == .rules }?.change == .admitted)
  }

  @Test func ofManyRulesOnlyTheEditedOnesAreLookedInto() throws {
    var policy = PolicyAnalysisPropertyTests.large(2_000)
    let old = try PolicySnapshot(compiling: policy)
    for i in [3, 500, 977, 1_200, 1_999] { policy.rules[i].gateway.mediaEncryption = .required }
    policy.rules[41].pattern = "00100041(\\d{2,8})"
    policy.rules.remove(at: 700)
    let new = try PolicySnapshot(compiling: policy)
    let difference = PolicyDifference(from: old, to: new, at: Self.start)
    #expect(difference.commonRules == 1_994)
    #expect(difference.findings.count { $0.change == .otherwise } >= 4)
    // The catch-all does the same with what a removed rule took.
    #expect(!difference.findings.contains { $0.summary.contains("“r700”") })
    #expect(difference.isProved)
  }

  @Test func theJSONNamesTheCall() throws {
    let difference = try Self.difference(Self.out, Self.people)
    let json = PolicyDifferenceReport(
      difference, from: try Self.snapshot(Self.out), to: try Self.snapshot(Self.people)
    ).json
    #expect(json.contains("\"same\": false"))
    #expect(json.contains("\"--registered\""))
  }

  // MARK: Limits

  private func limits(_ old: String, _ new: String, _ rules: String = PolicyDifferenceTests.out) throws
    -> PolicyDifference
  {
    try Self.difference(rules, rules, ("destination_limits: [\(old)]", "destination_limits: [\(new)]"))
  }

  @Test func aRefusedPrefixIsADifferenceWithACall() throws {
    let difference = try limits("", "{ name: premium, prefix: ['+49900'], refuse: true }")
    #expect(
      Self.lines(difference) == [
        "refused: numbers that begin with +49900: refused now [900499005551234 from a registered device]"
      ])
    #expect(difference.findings.first?.subject == .destinationLimit)
    #expect(
      difference.findings.first?.witness?.after
        == "refused: destination_refused (destination “premium”: refuse)")
    let back = try limits("{ name: premium, prefix: ['+49900'], refuse: true }", "")
    #expect(back.findings.map(\.change) == [.admitted])
  }

  @Test func aPrefixThatIsTakenAwayOrAddedIsFound() throws {
    let two = "{ name: premium, prefix: ['+49900', '+1900'], refuse: true }"
    let one = "{ name: premium, prefix: ['+49900'], refuse: true }"
    let difference = try limits(two, one)
    #expect(difference.findings.map(\.change) == [.admitted])
    #expect(difference.findings.first?.summary == "numbers that begin with +1900: no longer refused")
    #expect(difference.findings.first?.witness?.call.alias.contains("1900") == true)
    // An exception inside: the longer prefix counts.
    let excepted = try limits(one, "\(one), { name: help line, prefix: ['+49900123'] }")
    #expect(excepted.findings.map(\.change) == [.admitted])
    #expect(excepted.findings.first?.witness?.call.alias.contains("49900123") == true)
  }

  @Test func aChangedCapIsADifferenceWithItsCaps() throws {
    let difference = try limits(
      "{ name: abroad, prefix: '+', limits: { calls: 10 per 1h } }",
      "{ name: abroad, prefix: '+', limits: { calls: 20 per 1h, per_caller: { concurrent_calls: 2 } } }")
    #expect(difference.findings.map(\.change) == [.limited])
    #expect(
      difference.findings.first?.summary
        == "numbers that begin with +: “abroad”: 10 calls per 1h → 20 calls per 1h, no limit of concurrent_calls → 2 calls at once for each caller"
    )
    #expect(
      difference.findings.first?.witness?.before.contains("destination “abroad”: 10 calls per 1h") == true)
    #expect(
      difference.findings.first?.witness?.after.contains(
        "destination “abroad” for each caller: 2 calls at once")
        == true)
  }

  /// A limit that lets everything pass, another description, and another name of what is refused change nothing.
  @Test func whatLimitsTheSameIsNoDifference() throws {
    let same = try limits(
      "{ name: premium, prefix: ['+49900'], refuse: true }",
      "{ name: costly, description: x, prefix: ['0049900'], refuse: true }, { name: home, prefix: ['+44'] }")
    #expect(Self.lines(same) == [] && same.notes.isEmpty, "\(same.notes)")
  }

  @Test func aNumberThatNoRuleLeadsToIsNoted() throws {
    let difference = try limits(
      "", "{ name: premium, prefix: ['+49900'], refuse: true }", PolicyDifferenceTests.people)
    #expect(difference.findings.isEmpty)
    #expect(difference.notes.map(\.code) == ["settings-differ"] && difference.isProved)
    // Where calls leave at all, looking in vain proves nothing.
    let other = try limits(
      "", "{ name: premium, prefix: ['+49900'], refuse: true }",
      "name: r, match: '11[02]', to: { trunks: [a] }")
    #expect(other.findings.isEmpty && other.notes.map(\.code) == ["sampled"] && !other.isProved)
  }

  /// What leaves by a trunk that writes numbers in its own way is found by trying.
  @Test func aTransformOfATrunkIsFollowed() throws {
    let rule =
      "name: out, match: '9(\\d{6})', replace: '\\1', to: { trunks: [{ trunk: a, called: { match: '(.*)', replace: '+49900\\1' } }] }"
    let difference = try limits("", "{ name: premium, prefix: ['+49900'], refuse: true }", rule)
    #expect(difference.findings.map(\.change) == [.refused])
  }

  @Test func limitsOfTheServiceAndOfTrunksAndRulesAreTold() throws {
    let service = try Self.difference(
      Self.out, Self.out,
      ("globals: { limits: { concurrent_calls: 5 } }", "globals: { limits: { concurrent_calls: 9 } }"))
    #expect(service.findings.map(\.change) == [.limited])
    #expect(service.findings.first?.summary == "limits of the service: 5 calls at once → 9 calls at once")
    #expect(service.findings.first?.witness != nil)
    var tighter = try Self.snapshot(Self.out).policy
    tighter.trunks[0].limits.total.concurrentCalls = 1
    let trunk = PolicyDifference(
      from: try Self.snapshot(Self.out), to: try PolicySnapshot(compiling: tighter), at: Self.start)
    #expect(trunk.findings.map(\.change) == [.limited])
    #expect(
      trunk.findings.first?.summary == "trunk “a”: no limit of concurrent_calls → 1 call at once",
      "\(Self.lines(trunk))")
    let limited = try Self.difference(
      Self.out, Self.out.replacing("trunks: [a] }", with: "trunks: [a] }, limits: { calls: 3 per 1h }"))
    #expect(limited.findings.map(\.change) == [.limited])
    #expect(
      limited.findings.first?.summary
        == "calls of rule “out” count against other limits")
  }
}
