import CallModel
import PolicyEngine
import PolicyHooks
import PolicyTools
import Testing

/// Policy servers and scripts in explanations and tests: doubles stand for the servers, scripts run.
@Suite struct ScriptToolsTests {
  private static func policy(fallback: String = "continue", hooks: String = "{service: {}}") throws
    -> PolicySnapshot
  {
    let outcome = PolicyLoader.load(
      text: """
        globals: {policy_profile: crm}
        policy_profiles:
          - name: crm
            url: http://127.0.0.1:1
            hooks: {service: {fallback: \(fallback)}}
            scripts:
              service: |
                {% if service_config.service_tag == "vip" %}
                  {{ pex_debug_log("vip", service_config.pin) }}
                  {"result": {{ service_config|pex_update({"crypto_mode": "on"})|pex_to_json }}}
                {% elif service_config.name == "bad" %}
                  {{ 1 // 0 }}
                {% else %} {} {% endif %}
        trunks: [{name: carrier, host: 192.0.2.1}]
        rules:
          - {name: vip, tag: vip, priority: 1, match: '1.*', to: {trunks: [carrier]}}
          - {name: bad, priority: 2, match: '2.*', to: {trunks: [carrier]}}
          - {name: out, priority: 3, match: '3.*', to: {trunks: [carrier]}}
        """)
    #expect(outcome.errors.isEmpty, "\(outcome.diagnostics)")
    return try #require(outcome.snapshot)
  }

  private func explain(
    _ alias: String, _ double: PolicyDouble? = nil, fallback: String = "continue"
  ) throws -> String {
    let policy = try Self.policy(fallback: fallback)
    let call = ExplainedCall(alias: alias, at: PolicyTest.Call.standardTime)
    let outcome = call.decide(
      by: PolicyChain(policy),
      answers: PolicyDoubles(double.map { [.serviceConfiguration: $0] } ?? [:]))
    var renderer = DecisionRecordRenderer(policy: policy)
    renderer.scriptLog = outcome.log
    #expect(renderer.json(outcome.record).contains("\"scripts\""))
    return renderer.text(outcome.record)
  }

  private static let service = """
    {"status": "success", "result": {"service_type": "conference", "name": "Board", "service_tag": "vip",
     "pin": "2580"}}
    """

  // MARK: Explain

  @Test func theScriptsPartIsTold() throws {
    let text = try explain("12")
    #expect(text.contains("Server    “crm” asked about the service: not asked here"))
    #expect(text.contains("Script    “service script of “crm”” looks at the service: it changes crypto_mode"))
    #expect(text.contains("          crypto_mode: \"besteffort\" becomes \"on\""))
    #expect(text.contains("          log: vip,"))
    #expect(text.contains("must be encrypted"), "\(text)")
  }

  @Test func aFailureIsToldWithItsPlace() throws {
    let text = try explain("22")
    #expect(text.contains("not applied: it fails at 5:8: division by zero"), "\(text)")
    #expect(text.contains("rule “bad” takes the call"))
  }

  @Test func anAnswerStandsForTheServer() throws {
    let text = try explain("anything", .answer(status: 200, body: Self.service))
    #expect(text.contains("its answer is in force, status 200"))
    #expect(text.contains("Service   not looked for: the policy server has decided"))
    #expect(text.contains("Decision  service “Board” (conference) takes the call"), "\(text)")
    #expect(text.contains("log: vip,‹secret›") && !text.contains("2580"))
    #expect(!text.contains("Rules"))
  }

  @Test(arguments: [
    (PolicyDouble.failure(.timeout), "no answer in time"), (.failure(.refused), "no connection: refused"),
    (.failure(.invalid), "its answer is void"), (.answer(status: 503, body: ""), "status 503"),
  ])
  func theFallbackDecidesWithoutAnAnswer(_ double: PolicyDouble, _ words: String) throws {
    let text = try explain("33", double)
    #expect(text.contains(words) && text.contains("the hook's fallback decides"), "\(text)")
    #expect(text.contains("rule “out” takes the call"))
    let refused = try explain("33", double, fallback: "reject")
    #expect(refused.contains("refused by policy"), "\(refused)")
    #expect(refused.contains("not looked for"))
  }

  // MARK: Tests

  private func run(_ tests: String, fallback: String = "continue") throws -> PolicyTestRun {
    let loaded = PolicyTestLoader.load(files: [.init(name: "t.yaml", text: tests)])
    #expect(loaded.diagnostics.isEmpty, "\(loaded.diagnostics)")
    return PolicyTestRun(loaded.tests, of: try Self.policy(fallback: fallback))
  }

  @Test func testsWithDoubles() throws {
    let run = try run(
      """
      tests:
        - name: a room of the server, as a mapping
          call: anything
          external:
            service:
              answer: {status: success, result: {service_type: conference, name: Board, service_tag: vip, pin: "2580"}}
          expect: {decision: service, service: Board, tag: vip, encryption: "on", server: used, script: used}
        - name: the same as text
          call: anything
          external: {service: {answer: '{"status": "success", "action": "redirect", "result": {"new_alias": "sip:b@c"}}'}}
          expect: {decision: redirect, alias: "sip:b@c", server: redirect, script: unchanged}
        - name: not mine
          call: "12"
          external: {service: {status: 404}}
          expect: {rule: vip, server: not_mine, encryption: "on", name: vip}
        - name: a server that is down
          call: "33"
          external: {service: {failure: refused}}
          expect: {rule: out, server: error, script: unchanged}
        - name: a script that fails
          call: "22"
          external: {service: {failure: timeout}}
          expect: {rule: bad, server: timeout, script: error}
      """)
    #expect(run.failedCount == 0, "\(run.results.flatMap(\.failures))")
    #expect(run.results.flatMap(\.notes).isEmpty)
  }

  @Test func withoutADoubleTheFallbackDecidesAndThatIsSaid() throws {
    let tests = "tests: [{name: a, call: '33', expect: {rule: out, server: unasked}}]"
    let run = try run(tests)
    #expect(run.failedCount == 0)
    #expect(
      run.results[0].notes.first?.contains("“crm” is not asked in a test: its fallback (continue)") == true)
    #expect(PolicyTestReport(run: run).text.contains("note: policy server “crm”"))
    let refused = try self.run(
      "tests: [{name: a, call: '33', expect: {rejection: policy}}]", fallback: "reject")
    #expect(refused.failedCount == 0, "\(refused.results.flatMap(\.failures))")
  }

  @Test func differencesAreSaid() throws {
    let run = try run(
      """
      tests:
        - name: wrong
          call: "12"
          external: {service: {status: 404}}
          expect: {server: used, script: error, max_bandwidth_in: 512, caller: x, caller_name: y, tag: z}
      """)
    #expect(
      run.results[0].failures.dropLast() == [
        "tag: expected “z”, got “vip”", "max_bandwidth_in: expected “512 kbit/s”, got none",
        "caller: expected “x”, got none", "caller_name: expected “y”, got none",
        "server: expected “used”, got “not_mine”", "script: expected “error”, got “used”",
      ])
  }

  @Test func aDoubleForNobodyIsAMistake() throws {
    let policy = try #require(PolicyLoader.load(text: "rules: [{name: a, priority: 1, match: b}]").snapshot)
    let loaded = PolicyTestLoader.load(
      files: [
        .init(
          name: "t.yaml",
          text: "tests: [{name: a, call: b, external: {service: {status: 404}}, expect: {rule: a}}]")
      ])
    let run = PolicyTestRun(loaded.tests, of: policy)
    #expect(run.results[0].failures == ["external: no policy server would be asked about this call"])
  }
}
