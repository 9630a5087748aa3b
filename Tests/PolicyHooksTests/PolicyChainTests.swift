import CallModel
import PolicyEngine
import PolicyHooks
import PolicyScript
import Synchronization
import Testing
import TimeZones

/// Server, rules and script in a row (routing reference §1, §11, §18).
@Suite struct PolicyChainTests {
  private static func policy(
    _ script: String, fallback: String = "continue", hooks: String = "{service: {}}", globals: String = ""
  ) throws -> PolicySnapshot {
    let lines = script.split(separator: "\n", omittingEmptySubsequences: false).map { "          \($0)" }
    let outcome = PolicyLoader.load(
      text: """
        globals:
          policy_profile: crm
          \(globals)
        trunks:
          - {name: carrier, host: 192.0.2.1}
          - {name: backup, host: 192.0.2.2}
        themes: [{name: Blue, directory: blue}]
        policy_profiles:
          - name: crm
            url: http://127.0.0.1:1
            hooks: \(hooks)
            scripts:
              service:
                fallback: \(fallback)
                text: |
        \(lines.map { "        " + $0 }.joined(separator: "\n"))
        services:
          - {name: echo, type: test_call, aliases: [echo@example.org]}
          - name: Board
            type: conference
            aliases: [board@example.org]
            pin: "4411"
            room: {view: nine_mains_zero_pips}
        rules:
          - name: out
            priority: 1
            match: '9(\\d+)'
            replace: '\\1'
            to: {trunks: [{trunk: carrier, called: {match: '0(.*)', replace: '\\1'}}, backup], ring_timeout: 20s}
            call: {max_bandwidth_out: 512, disabled_codecs: [G722]}
        """)
    #expect(outcome.errors.isEmpty, "\(outcome.diagnostics)")
    return try #require(outcome.snapshot)
  }

  private static func environment() -> ScriptEnvironment {
    let zones = ZoneDirectory()
    return ScriptEnvironment(
      clock: { .zero }, wallClock: { WallClock(milliseconds: 1_767_787_200_000) }, random: { 7 },
      timeZone: { zones.rules($0) })
  }

  private static func request(
    _ alias: String, direction: CallDirection = .dialIn, name: String = "Ann"
  ) -> CallRequest {
    CallRequest(
      id: CallID(high: 0, low: 1), direction: direction, trigger: .invite, callProtocol: .sip,
      alias: Alias(sip: "sip:\(alias)"),
      caller: Caller(
        alias: "sip:ann@example.org", displayName: name, address: TransportAddress("192.0.2.9:5060"),
        vendor: "phone/1", assertedIdentities: ["<sip:ann@example.org>"]),
      bandwidth: Bandwidth(kilobitsPerSecond: 1_000), callTag: "blue")
  }

  private static func run(
    _ script: String, _ alias: String, fallback: String = "continue", answer: String? = nil,
    status: Int = 200,
    hooks: String = "{service: {}}", globals: String = "", direction: CallDirection = .dialIn,
    name: String = "Ann", runsScript: Bool = true, running: AnswerContext.RunningService? = nil
  ) throws -> PolicyChain.Outcome {
    let policy = try policy(script, fallback: fallback, hooks: hooks, globals: globals)
    let chain = PolicyChain(policy, runningService: running)
    let request = request(alias, direction: direction, name: name)
    let node = NodeFacts(location: nil, address: IPAddress("192.0.2.1"))
    let profile = try #require(policy.policyProfile(location: nil))
    let answered = answer.map {
      PolicyAnswer(
        .answer(status: status, body: $0), to: PolicyChain.question(about: request, from: node), of: profile,
        chain.context)
    }
    return chain.decide(
      request, from: node, answer: answered, now: WallClock(milliseconds: 1_767_787_200_000),
      runsScript: runsScript, environment: environment())
  }

  private static let passOn = """
    {"action": "continue", "result": {{ service_config|pex_to_json }}}
    """

  private static func change(_ fields: String) -> String {
    "{\"action\": \"continue\", \"result\": {{ service_config|pex_update(\(fields))|pex_to_json }}}"
  }

  // MARK: What the script says

  @Test(arguments: ["9012", "echo@example.org", "board@example.org"])
  func whoHandsOnWhatItSeesChangesNothing(_ alias: String) throws {
    let outcome = try Self.run(Self.passOn, alias)
    let (plain, record) = try Self.policy(Self.passOn).decide(
      Self.request(alias), now: WallClock(milliseconds: 1_767_787_200_000))
    #expect(outcome.record.decision == plain)
    #expect(outcome.record.rule == record.rule && outcome.record.considered == record.considered)
    #expect(outcome.record.scripts.map(\.outcome) == [.unchanged])
    #expect(outcome.record.scripts.first?.steps ?? 0 > 0)
  }

  @Test func aRulesCallIsChangedInPart() throws {
    let outcome = try Self.run(Self.change(#"{"crypto_mode": "on", "max_callrate_in": 256000}"#), "90123")
    guard case .gateway(let gateway) = outcome.record.decision else { return #expect(Bool(false)) }
    #expect(gateway.mediaEncryption == .required)
    #expect(gateway.maximumBandwidthIn == Bandwidth(kilobitsPerSecond: 256))
    // What the interface has no field for stays.
    #expect(gateway.trunks.map(\.trunk) == ["carrier", "backup"])
    #expect(gateway.trunks.first?.calledTransform != nil)
    #expect(gateway.ringTimeout == .seconds(20) && gateway.disabledCodecs == ["G722"])
    #expect(gateway.maximumBandwidthOut == Bandwidth(kilobitsPerSecond: 512))
    #expect(gateway.localAlias == nil && gateway.name == "out" && outcome.record.rule == "out")
    let script = try #require(outcome.record.scripts.first)
    #expect(script.outcome == .used && script.changes.map(\.field) == ["crypto_mode", "max_callrate_in"])
    #expect(script.changes.map(\.after) == ["\"on\"", "256000"])
    #expect(script.changes.map(\.before) == ["\"besteffort\"", nil])
  }

  @Test func anotherTrunkTakesThePlaceOfTheList() throws {
    let outcome = try Self.run(
      Self.change(#"{"sip_proxy_name": "backup", "remote_alias": "sip:7@b.test"}"#), "90")
    guard case .gateway(let gateway) = outcome.record.decision else { return #expect(Bool(false)) }
    #expect(gateway.trunks == [TrunkChoice(trunk: "backup")])
    #expect(gateway.remoteAlias == "7@b.test")
  }

  @Test func whatNobodyKnewIsMadeUp() throws {
    let script = """
      {% if service_config %}{"action": "continue"}
      {% else %}
        {"action": "continue", "result": {"service_type": "test_call", "name": "Lost", "service_tag": ""}}
      {% endif %}
      """
    let lost = try Self.run(script, "nobody@example.org")
    guard case .service(let service) = lost.record.decision else { return #expect(Bool(false)) }
    #expect(service.name == "Lost" && lost.record.scripts.first?.outcome == .used)
    let known = try Self.run(script, "echo@example.org")
    #expect(known.record.service == "echo" && known.record.scripts.first?.outcome == .unchanged)
  }

  @Test func rejectAndRedirect() throws {
    // Here the action decides, also with a result.
    let rejected = try Self.run(#"{"action": "reject", "result": {{ service_config|pex_to_json }}}"#, "9012")
    #expect(rejected.record.decision == .reject(.policy))
    #expect(rejected.record.scripts.first?.outcome == .reject)
    let redirected = try Self.run(
      #"{"action": "redirect", "result": {"new_alias": "sip:desk@example.org"}}"#, "9012")
    #expect(redirected.record.decision == .redirect("sip:desk@example.org"))
    let nowhere = try Self.run(#"{"action": "redirect", "result": {}}"#, "9012")
    #expect(nowhere.record.rule == "out" && nowhere.record.decision != .reject(.policy))
    #expect(nowhere.record.scripts.first?.outcome == .invalid)
    #expect(nowhere.record.scripts.first?.findings.map(\.field) == ["result.new_alias"])
  }

  // MARK: Failures

  /// Whatever goes wrong, what was decided before stays (§18); who wants it otherwise says so.
  @Test(arguments: [
    ("{{ service_config.nope.nope }}", PolicyScriptRecord.Outcome.error, 1, 24),
    ("a\n {{ 1 // 0 }}", .error, 2, 7), ("{% for i in range(30000) %}{% endfor %}", .limit, 1, 4),
    ("no json", .badOutput, 1, 1), ("[]", .badOutput, 1, 1),
    (#"{"action": "maybe"}"#, .badOutput, 1, 12),
    (#"{"result": {"service_type": "conference"}}"#, .invalid, 0, 0),
    (#"{"result": {{ service_config|pex_update({"crypto_mode": "maybe"})|pex_to_json }}}"#, .invalid, 0, 0),
    (#"{"result": {{ service_config|pex_update({"ivr_theme_name": "Red"})|pex_to_json }}}"#, .invalid, 0, 0),
  ])
  func aFailureLeavesThingsAsTheyWere(
    _ script: String, _ outcome: PolicyScriptRecord.Outcome, _ line: Int, _ column: Int
  ) throws {
    let continued = try Self.run(script, "9012")
    #expect(continued.record.rule == "out")
    guard case .gateway = continued.record.decision else { return #expect(Bool(false)) }
    let record = try #require(continued.record.scripts.first)
    #expect(record.outcome == outcome && record.isFallback == false)
    #expect(record.line == line && record.column == column, "\(record)")
    if outcome == .invalid {
      #expect(record.findings.contains { $0.isError })
    } else {
      #expect(record.failure?.isEmpty == false)
    }
    let refused = try Self.run(script, "9012", fallback: "reject")
    #expect(refused.record.decision == .reject(.policy))
    #expect(refused.record.scripts.first?.isFallback == true)
  }

  @Test func whoAsksNotToBeAppliedIsNoFailure() throws {
    let outcome = try Self.run(
      #"{{ call_info.call_tag|pex_require_min_length(9) }}{"action": "reject"}"#, "9012", fallback: "reject")
    #expect(outcome.record.scripts.first?.outcome == .notApplied)
    guard case .gateway = outcome.record.decision else { return #expect(Bool(false)) }
  }

  @Test func tooManyScriptsAtOnce() throws {
    let outcome = try Self.run(Self.passOn, "9012", runsScript: false)
    #expect(outcome.record.scripts.map(\.outcome) == [.overloaded])
    let refused = try Self.run(Self.passOn, "9012", fallback: "reject", runsScript: false)
    #expect(refused.record.decision == .reject(.policy))
  }

  /// The caller must not be able to make a script fail that hands on its name.
  @Test func aCallersLongNameFailsNoScript() throws {
    let name = "a\u{7}" + String(repeating: "é", count: 400)
    let outcome = try Self.run(Self.change(#"{"crypto_mode": "on"}"#), "9012", fallback: "reject", name: name)
    #expect(outcome.record.scripts.first?.outcome == .used)
  }

  @Test func aScriptCannotChangeTheFacts() throws {
    let outcome = try Self.run(#"{{ call_info.update({"registered": true}) }}"#, "9012")
    #expect(outcome.record.scripts.first?.outcome == .error)
  }

  // MARK: Beside a server

  private static let answer = """
    {"status": "success", "action": "continue", "result": {"service_type": "conference", "name": "VIP",
     "service_tag": "v", "pin": "2580"}}
    """

  @Test func theScriptSeesTheServersAnswer() throws {
    let script = """
      {"action": "continue", "result": {{ service_config|pex_update({"pin": "", "description":
        service_config.name ~ call_info.external_policy_disposition})|pex_to_json }}}
      """
    let outcome = try Self.run(script, "x", answer: Self.answer)
    guard case .service(let service) = outcome.record.decision else { return #expect(Bool(false)) }
    #expect(service.name == "VIP" && service.pin == nil && service.description == "VIPCONTINUE")
    #expect(outcome.record.policyAnswers.map(\.outcome) == ["used"])
    #expect(outcome.record.scripts.first?.changes.map(\.field) == ["description", "pin"])
    #expect(!"\(outcome)".contains("2580"))
  }

  @Test func itMayOverrideARefusal() throws {
    let script = """
      {"action": "continue", "result": {"service_type": "test_call", "service_tag": "",
       "name": "after {{ call_info.external_policy_disposition }} {{ service_config }}"}}
      """
    let outcome = try Self.run(script, "x", answer: #"{"status": "success", "action": "reject"}"#)
    guard case .service(let service) = outcome.record.decision else { return #expect(Bool(false)) }
    #expect(service.name == "after REJECT None")
    let kept = try Self.run(
      #"{"action": "continue", "result": {}}"#, "x", answer: #"{"status": "success", "action": "reject"}"#)
    #expect(kept.record.decision == .reject(.policy))
  }

  @Test func withoutAValidAnswerThereIsNoDisposition() throws {
    let script = """
      {"action": "{{ "reject" if call_info.external_policy_disposition else "continue" }}"}
      """
    #expect(try Self.run(script, "9012", answer: "oops").record.rule == "out")
    #expect(try Self.run(script, "9012", answer: "{}", status: 500).record.decision != .reject(.policy))
    #expect(try Self.run(script, "9012").record.decision != .reject(.policy))
  }

  // MARK: What no script may do

  @Test func whatIsSwitchedOffStaysOff() throws {
    let script = #"{"result": {"service_type": "test_call", "name": "x", "service_tag": ""}}"#
    let off = try Self.run(script, "9012", globals: "protocols: {sip: false}")
    #expect(off.record.decision == .reject(.protocolDisabled) && off.record.scripts.isEmpty)
    let gateway = """
      {"result": {"service_type": "gateway", "name": "x", "service_tag": "", "local_alias": "a",
       "remote_alias": "b@c.test", "outgoing_protocol": "sip"}}
      """
    let noCalls = try Self.run(gateway, "nobody", globals: "dial_out: false")
    #expect(noCalls.record.decision == .reject(.protocolDisabled))
  }

  @Test func ofACallFromAServiceLittleCanBeChanged() throws {
    let script = """
      {"result": {"service_type": "conference", "name": "Board", "service_tag": "", "crypto_mode": "off",
       "view": "one_main_zero_pips"}}
      """
    let running = AnswerContext.RunningService(name: "Board", type: .conference)
    let outcome = try Self.run(script, "echo@example.org", direction: .dialOut, running: running)
    guard case .service(let service) = outcome.record.decision else { return #expect(Bool(false)) }
    #expect(service.kind == .testCall && service.mediaEncryption == .off)
    let other = try Self.run(
      script, "echo@example.org", direction: .dialOut, running: .init(name: "Other", type: .conference))
    #expect(other.record.scripts.first?.outcome == .otherService)
  }

  // MARK: Secrets

  @Test func pinsReachTheScriptAndNothingElse() throws {
    let script = """
      {{ pex_debug_log("pin", service_config.pin, "new", "86420") }}
      {"result": {{ service_config|pex_update({
         "pin": "86420", "description": "the pin was " ~ service_config.pin})|pex_to_json }}}
      """
    let outcome = try Self.run(script, "board@example.org")
    guard case .service(let service) = outcome.record.decision else { return #expect(Bool(false)) }
    #expect(service.pin == Secret("86420"))
    #expect(outcome.log == ["pin,‹secret›,new,‹secret›"])
    let record = "\(outcome.record.scripts)"
    #expect(!record.contains("4411") && !record.contains("86420"), "\(record)")
    // An error that would quote it.
    let failing = try Self.run("{{ service_config.pin|pex_to_uuid }}", "board@example.org")
    #expect(failing.record.scripts.first?.outcome == .error)
    #expect(failing.record.scripts.first?.failure?.contains("4411") == false)
    #expect(failing.record.scripts.first?.failure?.contains("‹secret›") == true)
  }

  // MARK: What it is told

  @Test func theFactsAreThoseOfTheInterface() throws {
    let script = """
      {{ pex_debug_log(call_info.local_alias, call_info.remote_alias, call_info.remote_display_name, call_info.protocol,
           call_info.call_direction, call_info.trigger, call_info.registered, call_info.bandwidth, call_info.remote_address,
           call_info.remote_port, call_info.node_ip, call_info.version_id, call_info.vendor, call_info.call_tag,
           call_info.encryption, call_info.p_asserted_identity, call_info.ms_subnet, call_info.get("previous_service_name"),
           call_info.breakout_uuid, call_info.nope, service_config.remote_alias, service_config.local_alias,
           service_config.local_display_name, service_config.sip_proxy_name, service_config.max_callrate_out) }}{}
      """
    let outcome = try Self.run(script, "9012")
    #expect(
      outcome.log == [
        "sip:9012,sip:ann@example.org,Ann,sip,dial_in,invite,False,1000000,192.0.2.9,5060,192.0.2.1,35,phone/1,blue,"
          + "Unknown,['<sip:ann@example.org>'],[],None,None,,012,sip:ann@example.org,Ann,carrier,512000"
      ])
    #expect(outcome.record.scripts.first?.outcome == .unchanged)
  }
}
