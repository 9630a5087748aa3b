import CallModel
import Foundation
import PolicyEngine
import PolicyHooks
import Testing

@testable import PolicyTools

/// Near misses: told where they are true, and only there.
@Suite struct NearMissTests {
  static let head = """
    globals: { domain: corp.example, protocols: { h323: true } }
    locations: [{ name: east, networks: [10.1.0.0/16] }, { name: west, domain: west.example }]
    trunks: [{ name: a, host: 192.0.2.1 }, { name: friend, host: 192.0.2.2, trusted: true }]
    schedules: [{ name: office, time_zone: Europe/Berlin, periods: [{ days: [mon], hours: "08:00-18:00" }] }]

    """

  /// 2026-11-20, a Friday, at noon in Greenwich.
  static let friday = WallClock(milliseconds: 1_795_176_000_000)

  static func misses(_ rules: String, _ alias: String, _ change: (inout ExplainedCall) -> Void = { _ in })
    throws
    -> (policy: PolicySnapshot, call: ExplainedCall, misses: NearMisses)
  {
    let yaml =
      head + "rules:\n" + rules.split(separator: "\n").map { "  - { priority: 1, \($0) }\n" }.joined()
    let outcome = PolicyLoader.load(text: yaml)
    let policy = try #require(outcome.snapshot, "\(outcome.diagnostics)")
    var call = ExplainedCall(alias: alias, from: "sip:ann@example.org", at: friday)
    change(&call)
    return (policy, call, NearMisses(call, call.decide(by: policy), policy))
  }

  @Test(
    arguments: [
      ("match: '\\d+'", "+4420", "without the leading +: “4420”"),
      ("match: '\\+\\d+'", "4420", "with a leading +: “+4420”"),
      ("match: '\\+44\\d+'", "004420", "with + instead of 00: “+4420”"),
      ("match: '0044\\d+'", "+4420", "with 00 instead of +: “004420”"),
      ("match: 'bob@corp\\.example'", "bob", "with the domain: “bob@corp.example”"),
      ("match: 'bob@west\\.example'", "bob", "with the domain: “bob@west.example”"),
      (
        "match: 'bob@west\\.example'", "bob@corp.example",
        "with our domain west.example instead of corp.example: “bob@west.example”"
      ),
      ("match: 'bob'", "bob@corp.example", "without the domain: “bob”"),
      ("match: '(?-i:bob)'", "BOB", "in lower case: “bob”"),
      ("match: '123'", "0123", "without the first character: “123”"),
      ("match: 'bob', from: { registered: true }", "bob", "if the caller were registered"),
      ("match: 'bob', from: { trusted: true }", "bob", "if the caller were registered"),
      ("match: 'bob', from: { trunks: [a] }", "bob", "if the call came over trunk “a”"),
      ("match: 'bob', from: { location: west }", "bob", "if the call came from location “west”"),
      ("match: 'bob', from: { networks: [10.2.0.0/16] }", "bob", "if the call came from 10.2.0.0/16"),
      ("match: 'bob', from: { protocols: [h323] }", "bob", "if the call came by h323"),
      ("match: 'bob', from: { capability: [audio] }", "bob", "if the caller offered audio"),
      ("match: 'bob', from: { tags: [vip] }", "bob", "if the call were tagged “vip”"),
      ("match: 'bob', direction: [outgoing]", "bob", "if Tandem placed the call"),
      ("match: 'bob', when: [office]", "bob", "from 2026-11-23T07:00:00Z on"),
    ])
  func eachKindIsTold(_ rule: String, _ alias: String, _ change: String) throws {
    let (policy, call, misses) = try Self.misses("name: r, \(rule), to: { target: registered_device }", alias)
    #expect(misses.byRule[0]?.change == change)
    // What it says was tried.
    let miss = try #require(misses.byRule[0])
    #expect(miss.call.decide(by: policy).rule == "r" && call.decide(by: policy).rule == nil)
  }

  @Test(
    arguments: [
      // Two things would have to be different.
      ("match: '\\d+', from: { registered: true }", "+4420"),
      ("match: 'bob', from: { registered: true, location: west }", "bob"),
      ("match: 'bob', from: { registered: true }, when: [office]", "bob"),
      // Nothing near.
      ("match: 'zoe'", "bob"), ("match: 'bob', enabled: false", "bob"), ("match: '\\d{9}'", "+4420"),
    ])
  func whatIsNotTrueIsNotTold(_ rule: String, _ alias: String) throws {
    let (_, _, misses) = try Self.misses("name: r, \(rule), to: { target: registered_device }", alias)
    #expect(misses.byRule.isEmpty, "\(misses.byRule)")
  }

  /// The changed call goes to an earlier rule: the later one would not take it.
  @Test func anEarlierRuleTakesTheChangedCall() throws {
    let (_, _, misses) = try Self.misses(
      """
      name: first, match: '44\\d+', to: { target: registered_device }
      name: second, match: '442\\d+', to: { target: registered_device }
      name: third, match: '.*', from: { trunks: [a] }, to: { target: registered_device }
      """, "+4420")
    #expect(misses.byRule.keys.sorted() == [0, 2])
  }

  /// Of a trusted trunk it is told where being registered does not help.
  @Test func aTrustedTrunkIsTold() throws {
    let (_, _, misses) = try Self.misses(
      """
      name: ours, match: 'bob', from: { registered: true, location: west }, to: { target: registered_device }
      name: registered, match: 'bob.*', from: { registered: true }, to: { target: registered_device }
      name: friends, match: 'bo.*', from: { trusted: true }, to: { target: registered_device }
      """, "bob")
    #expect(misses.byRule[2]?.change == "if the call came over trusted trunk “friend”")
    #expect(misses.byRule[1]?.change == "if the caller were registered")
  }

  @Test func thereAreNotTooMany() throws {
    let rules =
      (0..<50).map {
        "name: r\($0), match: '44\($0 + 10)', to: { target: registered_device }"
      }
      + (0..<50).map {
        "name: s\($0), match: 'bob', from: { tags: [t\($0)] }, to: { target: registered_device }"
      }
    let (_, _, misses) = try Self.misses(rules.joined(separator: "\n"), "bob")
    #expect(misses.byRule.count == NearMisses.maximumCount)
  }

  @Test func theJSONHasTheCall() throws {
    let (policy, call, _) = try Self.misses(
      "name: r, match: 'bob', when: [office], to: { target: registered_device }", "bob")
    let outcome = call.decide(by: PolicyChain(policy), answer: nil)
    let renderer = DecisionRecordRenderer(policy: policy, explained: outcome)
    #expect(renderer.text(outcome.record).contains("near: it would match from 2026-11-23T07:00:00Z on"))
    let json = try #require(
      try JSONSerialization.jsonObject(with: Data(renderer.json(outcome.record).utf8)) as? [String: Any])
    let considered = try #require((json["considered"] as? [[String: Any]])?.first)
    #expect(considered["near"] as? String == "it would match from 2026-11-23T07:00:00Z on")
    let words = try #require(considered["near_explain"] as? [String])
    #expect(words.first == "bob" && words.suffix(2) == ["--at", "2026-11-23T07:00:00Z"])
  }
}
