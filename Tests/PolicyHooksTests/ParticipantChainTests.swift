import CallModel
import PolicyEngine
import PolicyScript
import Testing
import TimeZones

@testable import PolicyHooks

/// Scripts for participants and for the location of media, after a policy server (routing reference §13, §14, §18).
@Suite struct ParticipantChainTests {
  private static func chain(_ kind: String, _ script: String, fallback: String = "continue") throws
    -> PolicyChain
  {
    let outcome = PolicyLoader.load(
      text: """
        globals: {policy_profile: local}
        locations: [{name: North}, {name: South}, {name: Cloud}]
        policy_profiles:
          - name: local
            scripts:
              \(kind):
                fallback: \(fallback)
                text: |
        \(script.split(separator: "\n").map { "          \($0)" }.joined(separator: "\n"))
        """)
    #expect(outcome.errors.isEmpty, "\(outcome.diagnostics)")
    return PolicyChain(try #require(outcome.snapshot))
  }

  private static let environment = ScriptEnvironment(
    clock: { .zero }, wallClock: { WallClock(milliseconds: 0) }, random: { 0 }, timeZone: { _ in .utc })

  private static let joining = PolicyChain.Joining(
    request: CallRequest(
      id: CallID(high: 0, low: 1), direction: .dialIn, trigger: .invite, callProtocol: .sip,
      alias: Alias(sip: "sip:board@example.org"),
      caller: Caller(alias: "sip:ann@example.org", displayName: "Ann")),
    service: ServiceFacts(name: "Board", tag: "b"),
    decision: .service(ServiceConfiguration(kind: .conference, name: "Board", pin: Secret("4411"))))

  private static let node = NodeFacts(location: "North", address: nil)

  private static func conclusion(_ verdict: PolicyVerdict, _ disposition: PolicyDisposition?)
    -> PolicyConclusion
  {
    PolicyConclusion(
      verdict: verdict, outcome: .used, disposition: disposition, isFallback: false, latency: .zero,
      attempts: 1, findings: [])
  }

  private func participant(
    _ script: String, fallback: String = "continue", answer: PolicyConclusion? = nil
  ) throws -> PolicyChain.Verdict<ParticipantVerdict> {
    try Self.chain("participant", script, fallback: fallback).participant(
      ParticipantFacts(participantUUID: "p", callUUID: "c"), joining: Self.joining, from: Self.node,
      answer: answer, environment: Self.environment)
  }

  @Test func overridesGoOverThoseOfTheServer() throws {
    var said = ParticipantProperties()
    said.remoteDisplayName = "Server"
    said.callTag = "s"
    let verdict = try participant(
      """
      {"action": "continue", "result": {"remote_display_name":
        "{{ participant.remote_display_name }} {{ call_info.remote_display_name }} {{ service_config.name }}",
        "preauthenticated_role": "guest"}}
      """, answer: Self.conclusion(.participant(.apply(said)), .continue))
    guard case .apply(let properties) = verdict.value else { return #expect(Bool(false)) }
    #expect(properties.remoteDisplayName == "Server Ann Board" && properties.callTag == "s")
    #expect(properties.preauthenticatedRole == .role(.guest))
    #expect(verdict.script?.outcome == .used)
  }

  @Test func whatTheActionSays() throws {
    let refused = try participant(#"{"action": "reject", "result": {"reject_reason": "no"}}"#)
    #expect(refused.value == .reject(reason: "no") && refused.script?.outcome == .reject)
    let none = try participant(#"{"action": "continue", "result": {}}"#)
    #expect(none.value == .unchanged && none.script?.outcome == .unchanged)
    let kept = try participant(
      "{}", answer: Self.conclusion(.participant(.reject(reason: nil)), .reject))
    #expect(kept.value == .reject(reason: nil))
    let overridden = try participant(
      #"{"result": {"call_tag": "{{ call_info.external_policy_disposition }}"}}"#,
      answer: Self.conclusion(.participant(.reject(reason: nil)), .reject))
    guard case .apply(let properties) = overridden.value else { return #expect(Bool(false)) }
    #expect(properties.callTag == "REJECT")
  }

  @Test func aWrongFieldOrAnErrorLeavesThingsAsTheyWere() throws {
    let wrong = try participant(#"{"result": {"preauthenticated_role": "king", "call_tag": "x"}}"#)
    #expect(wrong.value == .unchanged && wrong.script?.outcome == .invalid)
    #expect(wrong.script?.findings.map(\.field) == ["result.preauthenticated_role"])
    let error = try participant("{{ service_config.pin|pex_to_uuid }}", fallback: "reject")
    #expect(error.value == .reject(reason: nil) && error.script?.isFallback == true)
    #expect(error.script?.failure?.contains("4411") == false)
  }

  @Test func tooManyThatWait() throws {
    for (fallback, value) in [("continue", ParticipantVerdict.unchanged), ("reject", .reject(reason: nil))] {
      let verdict = try Self.chain("participant", "{}", fallback: fallback).participant(
        ParticipantFacts(participantUUID: "p", callUUID: "c"), joining: Self.joining, from: Self.node,
        runsScript: false, environment: Self.environment)
      #expect(verdict.value == value && verdict.script?.outcome == .overloaded)
      #expect(verdict.script?.isFallback == (fallback == "reject"))
    }
    let placed = try Self.chain("media_location", "{}").mediaLocation(
      joining: Self.joining, from: Self.node, standard: MediaLocation(location: "North"), runsScript: false,
      environment: Self.environment)
    #expect(placed.value == MediaLocation(location: "North") && placed.script?.outcome == .overloaded)
  }

  @Test func theReasonHoldsNoPIN() throws {
    let refused = try participant(
      #"{"action": "reject", "result": {"reject_reason": "try {{ service_config.pin }}"}}"#)
    #expect(refused.value == .reject(reason: "try ‹secret›"))
  }

  /// A call that came in at no location: nothing is named, and that may be passed on.
  @Test func noLocationMayBePassedOn() throws {
    let none = MediaLocation(location: "")
    for (script, outcome) in [
      (
        #"{"result": {{ suggested_media_overflow_locations|pex_to_json }}}"#,
        PolicyScriptRecord.Outcome.unchanged
      ),
      (#"{"result": {"location": "nowhere"}}"#, .invalid),
    ] {
      let verdict = try Self.chain("media_location", script).mediaLocation(
        joining: Self.joining, from: Self.node, standard: none, environment: Self.environment)
      #expect(verdict.value == none && verdict.script?.outcome == outcome)
    }
  }

  private func locate(_ script: String, said: MediaLocation? = nil) throws
    -> PolicyChain.Verdict<MediaLocation>
  {
    try Self.chain("media_location", script).mediaLocation(
      joining: Self.joining, from: Self.node,
      standard: MediaLocation(location: "North", overflowLocations: ["Cloud"]),
      answer: said.map { Self.conclusion(.mediaLocation($0), .continue) }, environment: Self.environment)
  }

  @Test func theSuggestionMayBePassedOn() throws {
    let verdict = try locate(#"{"result": {{ suggested_media_overflow_locations|pex_to_json }}}"#)
    #expect(verdict.value == MediaLocation(location: "North", overflowLocations: ["Cloud"]))
    #expect(verdict.script?.outcome == .unchanged)
  }

  @Test func anotherLocation() throws {
    let script = #"{"result": {"location": "South", "overflow_locations": ["North"]}}"#
    let chosen = try locate(script)
    #expect(chosen.value == MediaLocation(location: "South", overflowLocations: ["North"]))
    // A list that the server gave stays (§26, 16).
    let fixed = try locate(script, said: MediaLocation(location: "Cloud", overflowLocations: ["South"]))
    #expect(fixed.value == MediaLocation(location: "South", overflowLocations: ["South"]))
    let unknown = try locate(#"{"result": {"location": "Moon"}}"#)
    #expect(unknown.value.location == "North" && unknown.script?.outcome == .invalid)
  }
}
