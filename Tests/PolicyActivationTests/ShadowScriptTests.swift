import CallModel
import PolicyActivation
import PolicyEngine
import PolicyHooks
import PolicyTools
import Testing

/// A candidate with scripts and policy servers in shadow mode.
@Suite struct ShadowScriptTests {
  private static let at = WallClock(milliseconds: 1_767_744_000_000)

  private func policy(_ profile: String) throws -> PolicySnapshot {
    let outcome = PolicyLoader.load(
      text: """
        globals: {policy_profile: local}
        policy_profiles: [{name: local, \(profile)}]
        trunks: [{name: carrier, host: 192.0.2.1}]
        rules: [{name: out, priority: 1, match: '9\\d+', to: {trunks: [carrier]}}]
        """)
    #expect(outcome.errors.isEmpty, "\(outcome.diagnostics)")
    return try #require(outcome.snapshot)
  }

  private static func answer(_ verdict: ServiceVerdict, isFallback: Bool = false) -> PolicyAnswer {
    var conclusion = PolicyConclusion.unasked(
      .serviceConfiguration, isFallback ? .timeout : .used, fallback: .continue)
    conclusion.verdict = .service(verdict)
    conclusion.isFallback = isFallback
    return PolicyAnswer(
      conclusion: conclusion,
      record: PolicyAnswerRecord(
        profile: "local", kind: .serviceConfiguration, id: .random(), url: "", conclusion))
  }

  private func tally(
    _ aliases: [String], live: PolicySnapshot, candidate: PolicySnapshot, answer: PolicyAnswer? = nil
  ) -> ShadowTally {
    var tally = ShadowTally()
    let (chain, was) = (PolicyChain(candidate), PolicyChain(live))
    for alias in aliases {
      let call = ExplainedCall(alias: alias, from: "sip:ann@x", at: Self.at)
      let record = call.decide(by: was, answer: answer).record
      tally.add(
        .init(request: call.request(to: live), answer: answer, record: record, at: Self.at, policy: live),
        candidate: chain)
    }
    return tally
  }

  private static let refusing =
    #"scripts: {service: "{% if '91' in call_info.local_alias %}{'action': 'reject'}{% else %}{}{% endif %}"}"#
    .replacing("'action': 'reject'", with: "\\\"action\\\": \\\"reject\\\"")

  @Test func theCandidatesScriptIsRun() throws {
    let tally = tally(
      ["91", "92", "70"], live: try policy("scripts: {service: '{}'}"), candidate: try policy(Self.refusing))
    #expect(tally.compared == 3 && tally.differing == 1 && tally.undecidable == 0)
    #expect(tally.kinds.map { "\($0.kind.change.rawValue) \($0.kind.before)" } == ["refused rule “out”"])
    // The same script on both sides is no difference.
    let same = self.tally(
      ["91", "92"], live: try policy(Self.refusing), candidate: try policy(Self.refusing))
    #expect(same.compared == 2 && same.differing == 0)
  }

  @Test func whatAnotherServerWouldSayIsNotKnown() throws {
    let live = try policy("url: 'http://127.0.0.1:1', hooks: {service: {}}")
    let same = try policy("url: 'http://127.0.0.1:1', hooks: {service: {}}, description: new")
    let other = try policy("url: 'http://127.0.0.1:2', hooks: {service: {}}")
    let answer = Self.answer(.redirect("sip:x@y"))
    #expect(tally(["91"], live: live, candidate: same, answer: answer).differing == 0)
    let unknown = tally(["91"], live: live, candidate: other, answer: answer)
    #expect(unknown.compared == 0 && unknown.undecidable == 1)
    // Nobody was asked, and the candidate would ask.
    let bare = try policy("scripts: {service: '{}'}")
    #expect(tally(["91"], live: bare, candidate: other).undecidable == 1)
    // The candidate asks nobody: its rules decide.
    let without = tally(["91"], live: live, candidate: bare, answer: answer)
    #expect(without.kinds.map(\.kind.change) == [.elsewhere])
  }

  @Test func aSilentServerMeansTheCandidatesFallback() throws {
    let live = try policy("url: 'http://127.0.0.1:1', hooks: {service: {}}")
    let strict = try policy("url: 'http://127.0.0.1:1', hooks: {service: {fallback: reject}}")
    let silent = Self.answer(.ownRules, isFallback: true)
    let tally = tally(["91"], live: live, candidate: strict, answer: silent)
    #expect(tally.kinds.map(\.kind.change) == [.refused])
  }

  @Test func chanceIsNoDifference() throws {
    let random = try policy(
      #"scripts: {service: '{"result": {"service_type": "test_call", "service_tag": "", "name": "{{ pex_uuid4() }}"}}'}"#
    )
    let tally = tally(["91"], live: try policy("scripts: {service: '{}'}"), candidate: random)
    #expect(tally.undecidable == 1 && tally.compared == 0 && tally.differing == 0)
  }
}
