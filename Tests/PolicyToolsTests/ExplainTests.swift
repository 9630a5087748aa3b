import CallModel
import Foundation
import PolicyEngine
import PolicyHooks
import PolicyTools
import Testing

@Suite struct ExplainTests {
  static let yaml = """
    globals: { domain: example.org }
    locations: [{ name: office, networks: [10.0.0.0/8] }, { name: branch }]
    trunks:
      - { name: one, host: 192.0.2.1, port: 5060, transport: udp }
      - { name: two, host: two.example }
      - { name: three, host: three.example }
    devices: [{ alias: bob@example.org }]
    services: [{ name: echo, type: test_call, aliases: ["9196"] }]
    rules:
      - name: abroad
        priority: 1
        from: { registered: true }
        match: '00(\\d+)'
        replace: '+\\1'
        to:
          trunks:
            - { trunk: one, called: { match: '\\+(.*)', replace: '011\\1' }, calling: { match: '(.*)@.*', replace: '\\1@us.example' } }
            - { trunk: two, weight: 3 }
            - { trunk: three, weight: 1, ring_timeout: 20s }
      - { name: branch only, priority: 2, from: { location: branch }, match: 'b.*' }
      - { name: off, priority: 3, enabled: false, match: '.*' }
      - { name: dial-out, priority: 4, direction: [outgoing], match: 'x' }
      - { name: teams, priority: 5, from: { protocols: [teams] }, match: 'y' }
      - { name: bob, priority: 6, match: 'bob@example\\.org' }
      - { name: devices, priority: 7, match: 'carol@example\\.org', to: { target: registered_device } }
    """

  static let policy: PolicySnapshot = PolicyLoader.load(text: yaml).snapshot!

  static func explain(_ alias: String, _ change: (inout ExplainedCall) -> Void = { _ in }) -> (
    DecisionRecord, String
  ) {
    var call = ExplainedCall(alias: alias, from: "sip:ann@example.org", at: WallClock(milliseconds: 0))
    change(&call)
    let outcome = call.decide(by: PolicyChain(policy), answer: nil)
    return (outcome.record, DecisionRecordRenderer(policy: policy, explained: outcome).text(outcome.record))
  }

  @Test func trunksInOrderWithTheirTransforms() {
    let (record, text) = Self.explain("sip:004712345@192.0.2.7") { $0.isRegistered = true }
    #expect(record.rule == "abroad")
    #expect(text.contains("as received  sip:004712345@192.0.2.7\n"))
    #expect(text.contains("compared     004712345\n"))
    #expect(text.contains("the alias becomes “+4712345”"))
    #expect(
      text.contains("1. trunk “one” (192.0.2.1:5060, udp), called “0114712345”, calling “ann@us.example”")
    )
    #expect(
      text.contains(
        "2. trunk “two” (two.example by DNS, tls), called “+4712345”, calling “ann@example.org”, weight 3"
      ))
    #expect(text.contains("2. trunk “three”"))
    #expect(text.contains("weight 1, rings 20 s"))
    #expect(
      text.contains("the next trunk is tried after: no response, network failure, server failure, congestion")
    )
    #expect(text.contains("Policy    \(Self.policy.version)"))
  }

  @Test func everyReasonIsASentence() {
    let (record, text) = Self.explain("bxy") { $0.location = "office" }
    #expect(
      record.considered.map(\.outcome) == [
        .registered, .location, .disabled, .direction, .callProtocol, .pattern, .pattern,
      ])
    #expect(text.contains("it is for registered devices only, and the caller is not registered"))
    #expect(text.contains("it is for location “branch”, and the call's location is “office”"))
    #expect(text.contains("it is disabled"))
    #expect(text.contains("it is for outgoing calls, and this one is incoming"))
    #expect(text.contains("it is for callers by teams, and this one comes by sip"))
    #expect(text.contains("the pattern bob@example\\.org does not match all of “bxy”"))
    #expect(text.contains("refused: no service and no rule takes “bxy”"))
  }

  @Test func formsAreNamedByTheirParts() throws {
    let policy = try #require(
      PolicyLoader.load(
        text:
          "rules: [{ name: r, priority: 1, match: { prefix: '9', digits: 4-15 }, to: { target: registered_device } }]"
      ).snapshot)
    let record = ExplainedCall(alias: "5551234", at: WallClock(milliseconds: 0)).decide(by: policy)
    let text = DecisionRecordRenderer(policy: policy).text(record)
    #expect(text.contains("“5551234” does not fit: prefix 9, digits 4-15"), "\(text)")
  }

  @Test func nearMisses() {
    #expect(Self.explain("004712345").1.contains("near: it would match if the caller were registered"))
    #expect(Self.explain("bob").1.contains("near: it would match with the domain: “bob@example.org”"))
    #expect(Self.explain("+bob@example.org").1.contains("near: it would match without the leading +"))
    #expect(!Self.explain("zzz").1.contains("with the domain"))
  }

  @Test func targets() {
    let (_, bob) = Self.explain("sip:BOB@example.org")
    #expect(bob.contains("a device registered as “bob@example.org”, if there is one; else:"))
    #expect(bob.contains("“BOB@example.org” by sip, to what DNS says of example.org"))
    let (_, carol) = Self.explain("carol@example.org")
    #expect(
      carol.contains(
        "the device registered as “carol@example.org”, if there is one; otherwise the call fails"))
    #expect(carol.contains("no device of this policy has that alias"))
    let (_, echo) = Self.explain("9196")
    #expect(echo.contains("“echo” owns this alias; no rule is looked at"))
    #expect(echo.contains("service “echo” (test_call) takes the call"))
  }

  @Test(arguments: [
    ("to: { target: teams_user }", "the Teams Room “x”"),
    ("to: { protocol: h323, h323_gatekeeper: g }", "through gatekeeper “g”"),
  ])
  func whatIsNotServedIsSaid(_ to: String, _ words: String) throws {
    let policy = try #require(
      PolicyLoader.load(
        text: "h323_gatekeepers: [{ name: g, host: g }]\nrules: [{ name: r, priority: 1, match: x, \(to) }]"
      ).snapshot)
    let record = ExplainedCall(alias: "x", at: WallClock(milliseconds: 0)).decide(by: policy)
    let text = DecisionRecordRenderer(policy: policy).text(record)
    #expect(text.contains(words) && text.contains("not served yet: the call is refused"), "\(text)")
  }

  @Test func sourceGivesTheLocation() {
    #expect(Self.explain("x") { $0.source = IPAddress("10.1.2.3") }.0.location == "office")
    #expect(Self.explain("x") { $0.source = IPAddress("11.1.2.3") }.0.location == nil)
    #expect(Self.explain("x") { $0.direction = .dialOut }.0.rule == "dial-out")
    #expect(Self.explain("x") { $0.direction = .nonDial }.0.rule == nil)
  }

  @Test func recordsOfAnotherVersionNameNoRules() {
    var (record, _) = Self.explain("bxy")
    record.policyVersion = "000000000000"
    let text = DecisionRecordRenderer.text(record, policy: Self.policy)
    #expect(text.contains("rules are given by number"))
    #expect(text.contains("“rule 1”: no: it is for registered devices only"))
    #expect(!text.contains("abroad"))
  }

  @Test func longPoliciesAreShortened() throws {
    var rules = "rules:\n"
    for i in 0..<100 {
      rules += "  - { name: r\(i), priority: 1, match: 'name\(i)', to: { target: registered_device } }\n"
    }
    let policy = try #require(PolicyLoader.load(text: rules).snapshot)
    let record = ExplainedCall(alias: "name99", at: WallClock(milliseconds: 0)).decide(by: policy)
    #expect(record.considered.count == 100)
    let short = DecisionRecordRenderer(policy: policy).text(record)
    #expect(short.contains("rules, none of them near"))
    #expect(short.split(separator: "\n").count < 40)
    let long = DecisionRecordRenderer(policy: policy, listsEveryRule: true).text(record)
    #expect(long.split(separator: "\n").count > 100)
  }

  @Test func json() throws {
    let (record, _) = Self.explain("004712345") { $0.isRegistered = true }
    let text = DecisionRecordRenderer(policy: Self.policy, caller: "sip:ann@example.org").json(record)
    let json = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    #expect(json["policy_version"] as? String == Self.policy.version.description)
    #expect(json["rule"] as? String == "abroad")
    #expect(json["replaced"] as? String == "+4712345")
    let considered = try #require(json["considered"] as? [[String: Any]])
    #expect(considered.first?["outcome"] as? String == "matched")
    let decision = try #require(json["decision"] as? [String: Any])
    #expect(decision["kind"] as? String == "gateway")
    let attempts = try #require(decision["attempts"] as? [[String: Any]])
    #expect(attempts.map { $0["called"] as? String } == ["0114712345", "+4712345", "+4712345"])
    #expect(attempts.map { $0["place"] as? Int } == [1, 2, 2])
  }

  @Test func secretsAreNotShown() {
    let (record, _) = Self.explain("sip:room**1234@example.org") { $0.callProtocol = .mssip }
    #expect(record.alias.pin != nil)
    let renderer = DecisionRecordRenderer(policy: Self.policy)
    #expect(!renderer.text(record).contains("1234"))
    #expect(renderer.text(record).contains("a PIN was taken out"))
    #expect(!renderer.json(record).contains("1234"))
  }

  @Test(arguments: [
    ("1970-01-01T00:00:00Z", 0), ("2026-11-21T09:30:00Z", 1_795_253_400_000),
    ("2026-11-21T10:30:00+01:00", 1_795_253_400_000), ("2026-11-21T04:30:00-0500", 1_795_253_400_000),
    ("2026-11-21T09:30:00.25Z", 1_795_253_400_250), ("2026-11-21 09:30", 1_795_253_400_000),
    ("2024-02-29", 1_709_164_800_000), ("1969-12-31T23:59:59Z", -1000), ("2000-02-29", 951_782_400_000),
  ])
  func readsTimes(_ text: String, _ milliseconds: Int64) {
    #expect(WallClock(iso8601: text)?.milliseconds == milliseconds)
  }

  @Test(arguments: [
    "", "now", "2026-13-01", "2026-02-29", "2026-1-1", "2026-11-21T25:00", "2026-11-21T09",
    "2026-11-21T09:30:00X",
    "2026-11-21T09:30:00.Z", "2026-11-21T09:30:00+1", "2026-11-21T09:30:00Zjunk", "2026-00-10", "2026-11-00",
  ])
  func refusesOtherTimes(_ text: String) { #expect(WallClock(iso8601: text) == nil) }
}
