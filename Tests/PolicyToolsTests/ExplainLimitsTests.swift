import CallModel
import Foundation
import PolicyEngine
import PolicyHooks
import PolicyTools
import Testing

/// What `tandem explain` says of the numbers that leave, and of what limits or refuses them.
@Suite struct ExplainLimitsTests {
  static let yaml = """
    globals:
      numbering: { country_code: "44" }
      limits: { per_caller: { calls_per_second: 2 } }
    trunks:
      - name: one
        host: 192.0.2.1
        limits:
          concurrent_calls: 3
      - { name: two, host: 192.0.2.2 }
    destination_limits:
      - { name: premium, prefix: ["+44900", "+49900"], refuse: true }
      - name: abroad
        prefix: "+"
        limits: { per_caller: { call_minutes: 90 per 1d } }
    devices: [{ alias: "0900555" }]
    rules:
      - name: out
        priority: 1
        match: '(0\\d+)'
        to:
          trunks:
            - { trunk: one, called: { match: '00(\\d+)', replace: '+\\1' } }
            - { trunk: two, called: { match: '0049900(\\d+)', replace: '0800\\1' } }
        limits: { maximum_duration: 2h }
    """

  static func explain(_ alias: String, without: Set<String> = []) throws -> (
    outcome: ExplainedOutcome, text: String, json: [String: Any]
  ) {
    let loaded = PolicyLoader.load(text: yaml)
    let policy = try #require(loaded.snapshot, "\(loaded.diagnostics)")
    let call = ExplainedCall(
      alias: alias, from: "sip:ann@example.org", registeredAlias: "ann@example.org", withoutTrunks: without,
      at: WallClock(milliseconds: 0))
    let outcome = call.decide(by: PolicyChain(policy), answer: nil)
    var renderer = DecisionRecordRenderer(policy: policy, explained: outcome)
    renderer.places = loaded.places
    let json = try JSONSerialization.jsonObject(with: Data(renderer.json(outcome.record).utf8))
    return (outcome, renderer.text(outcome.record), try #require(json as? [String: Any]))
  }

  @Test func eachNumberIsShownWithItsLimitAndItsLine() throws {
    let (outcome, text, json) = try Self.explain("0047221")
    #expect(outcome.record.rule == "out" && outcome.record.limit == nil)
    for line in [
      "1. trunk “one” (192.0.2.1 by DNS, tls), called “+47221”, calling “ann@example.org”",
      "falls under destination limit “abroad”: +47221 begins with + (policy.yaml:13)",
      "limit: trunk “one” (policy.yaml:8): 3 calls at once",
      "limit: destination “abroad” for ann@example.org (policy.yaml:14): 90 minutes per 1d",
      "2. trunk “two” (192.0.2.2 by DNS, tls), called “0047221”",
      "Limits    service: 10000 calls at once",
      "service for ann@example.org (policy.yaml:3): 2 calls a second",
      "rule “out” (policy.yaml:24): 2h each",
    ] {
      #expect(text.contains(line), "\(line)\n\(text)")
    }
    let decision = try #require(json["decision"] as? [String: Any])
    let attempts = try #require(decision["attempts"] as? [[String: Any]])
    #expect(attempts.map { $0["called"] as? String } == ["+47221", "0047221"])
    let destination = try #require(attempts[1]["destination"] as? [String: Any])
    #expect(destination["name"] as? String == "abroad" && destination["prefix"] as? String == "+")
    #expect(destination["number"] as? String == "+47221" && destination["line"] as? Int == 13)
    let limits = try #require(attempts[0]["limits"] as? [[String: Any]])
    #expect(limits.map { $0["scope"] as? String } == ["trunk", "destination"])
    #expect((limits[1]["caps"] as? [String: Any])?["call_minutes"] as? String == "90 per 1d")
    #expect((decision["limits"] as? [[String: Any]])?.count == 3)
  }

  @Test func aCallIsRefusedWhenEveryWayIs() throws {
    let (outcome, text, json) = try Self.explain("09001")
    #expect(outcome.record.decision == .reject(.destinationRefused))
    #expect(outcome.record.limit == LimitReached(.destination, name: "premium", cap: .refused))
    #expect(
      text.contains(
        "refused: rule “out” matches, but destination limit “premium” lets nobody call this number"))
    #expect(
      text.contains("refused by destination limit “premium”: +449001 begins with +44900 (policy.yaml:11)"))
    let decision = try #require(json["decision"] as? [String: Any])
    #expect(decision["reason"] as? String == "destinationRefused")
    #expect((decision["attempts"] as? [[String: Any]])?.allSatisfy { $0["refused"] as? Bool == true } == true)
    // Where one way is open, the call is not refused, and that way is the one that is left.
    let (partly, words, _) = try Self.explain("00499001")
    #expect(partly.record.decision.isGateway, "\(words)")
    #expect(
      words.contains("called “08001”") && words.contains("refused by destination limit “premium”: +499001"))
    // A device of that name may take it, whatever its number.
    #expect(try Self.explain("0900555").outcome.record.decision.isGateway)
  }

  @Test func whatAServicesCallCountsAgainstIsTold() throws {
    let policy = try #require(
      PolicyLoader.load(
        text:
          "globals: { limits: { concurrent_calls: 7 } }\nservices: [{ name: echo, type: test_call, aliases: [echo] }]"
      ).snapshot)
    let outcome = ExplainedCall(alias: "echo", at: WallClock(milliseconds: 0)).decide(
      by: PolicyChain(policy), answer: nil)
    let renderer = DecisionRecordRenderer(policy: policy, explained: outcome)
    #expect(renderer.text(outcome.record).hasSuffix("Limits    service: 7 calls at once\n"))
    #expect(renderer.json(outcome.record).contains("\"concurrent_calls\": 7"))
  }

  @Test func aTrunkThatIsDownIsTriedLast() throws {
    let (outcome, text, json) = try Self.explain("0047221", without: ["one"])
    #expect(outcome.record.rule == "out")
    #expect(text.contains("1. trunk “two”") && text.contains("2. trunk “one”"))
    #expect(text.contains("assumed to be down: tried last, in vain"))
    let attempts = try #require((json["decision"] as? [String: Any])?["attempts"] as? [[String: Any]])
    #expect(attempts.map { $0["trunk"] as? String } == ["two", "one"])
    #expect(attempts.map { $0["assumed_down"] as? Bool } == [false, true])
    #expect(!text.contains("no way out is left"))
    #expect(
      try Self.explain("0047221", without: ["one", "two"]).text.contains("no way out is left: the call fails")
    )
    // What is left is refused, and what is not is down.
    #expect(
      try Self.explain("00499001", without: ["two"]).text.contains("no way out is left: the call fails"))
  }
}

extension Decision {
  fileprivate var isGateway: Bool { if case .gateway = self { true } else { false } }
}
