import CallModel
import PolicyEngine
import PolicyScript
import Testing

/// Local scripts in policy files: read, compiled and checked with the policy.
@Suite struct PolicyScriptLoadingTests {
  private func load(_ scripts: String, files: [String: String] = [:]) -> PolicyLoader.Outcome {
    let lines = scripts.split(separator: "\n", omittingEmptySubsequences: false).map { "      \($0)" }
    return PolicyLoader.load(
      text: """
        globals: {policy_profile: local}
        policy_profiles:
          - name: local
            scripts:
        \(lines.joined(separator: "\n"))
        """, lists: .fixed(files))
  }

  private func places(_ outcome: PolicyLoader.Outcome) -> [String] {
    outcome.diagnostics.map { "\($0.file):\($0.line):\($0.column) \($0.severity) \($0.code)" }
  }

  private let good = "{\"action\": \"continue\"}"

  @Test func aScriptInTheFileAndOneOfItsOwn() throws {
    let outcome = load(
      """
      service: |
        {% set x = call_info.local_alias %}
        {"action": "continue"}
      participant: { file: scripts/who.j2, enabled: false, fallback: reject }
      """, files: ["scripts/who.j2": "\u{feff}" + good])
    #expect(outcome.diagnostics.isEmpty, "\(outcome.diagnostics)")
    let snapshot = try #require(outcome.snapshot)
    let profile = try #require(snapshot.policyProfile(location: nil))
    #expect(profile.url == nil)
    #expect(profile.scripts[.service]?.text.hasPrefix("{% set x") == true)
    #expect(
      profile.scripts[.participant]
        == LocalScript(text: good, file: "scripts/who.j2", isEnabled: false, fallback: .reject))
    #expect(snapshot.script(.service, of: profile) != nil)
    // Switched off.
    #expect(snapshot.script(.participant, of: profile) == nil)
  }

  @Test func errorsInABlockStandWhereTheyAre() throws {
    let outcome = load(
      """
      service: |

        {% if call_info.registered %}
        {"action": "continue", "result": {{ service_config|pex_tojson }}}
        {% endif %}
        {{ 1 +* 2 }}
      """)
    #expect(outcome.snapshot == nil)
    #expect(
      places(outcome) == [
        "policy.yaml:8:60 error unknown-filter", "policy.yaml:10:15 error unexpected-token",
      ])
    #expect(outcome.diagnostics.first?.sourceLine?.contains("pex_tojson") == true)
  }

  @Test func errorsInAFileStandInTheFile() throws {
    let outcome = load(
      "service:\n  file: s.j2", files: ["s.j2": "{# é #}\n  {{ nope }}{{ 1|nope }}"])
    #expect(
      places(outcome) == ["s.j2:2:6 warning unknown-variable", "s.j2:2:18 error unknown-filter"],
      "\(outcome.diagnostics)")
    #expect(outcome.diagnostics.first?.related.first?.line == 6)
    #expect(outcome.diagnostics.first?.related.first?.file == "policy.yaml")
  }

  @Test func aFoldedScriptHasItsPlaceInWords() throws {
    let outcome = load("service: >\n  {\"action\":\n  {{ x|nope }}}")
    let error = try #require(outcome.errors.first)
    #expect(error.line == 5 && error.message.contains("of the script"))
    let plain = load(#"service: {text: '{{ 1|nope }}'}"#)
    #expect(places(plain) == ["policy.yaml:5:29 error unknown-filter"])
  }

  @Test func warningsKeepItWorking() throws {
    let outcome = load("service: '{{ participant.remote_alias }}'")
    #expect(outcome.warnings.map(\.code) == ["unknown-variable"], "\(outcome.diagnostics)")
    #expect(outcome.snapshot != nil)
  }

  @Test func aScriptThatIsSwitchedOffKeepsNobodyFromServing() throws {
    let outcome = load("service: { text: '{{ x|nope }}', enabled: false }")
    #expect(outcome.snapshot != nil)
    #expect(outcome.warnings.contains { $0.code == "unknown-filter" })
  }

  /// A participant's is run for every call; that for media where there is something to choose from.
  @Test func scriptsThatAreNeverRun() {
    let scripts = """
      participant: "{}"
      media_location: { text: "{}", fallback: reject }
      """
    #expect(
      load(scripts).warnings.map { "\($0.line):\($0.column) \($0.code)" } == [
        "6:23 script-not-run", "6:47 setting-ignored",
      ])
    let chosen = PolicyLoader.load(
      text: """
        globals: {policy_profile: local, media: {addresses: [192.0.2.1]}}
        locations: [{name: North, media_addresses: [192.0.2.1]}]
        policy_profiles: [{name: local, scripts: {participant: "{}", media_location: "{}"}}]
        """)
    #expect(chosen.diagnostics.isEmpty, "\(chosen.diagnostics)")
  }

  @Test(arguments: [
    ("service: { enabled: true }", "empty-script"), ("service: '  '", "empty-script"),
    ("service: { text: a, file: ok.j2 }", "invalid-script"),
    ("service: { file: missing.j2 }", "script-unavailable"),
    ("service: { file: long.j2 }", "too-long"),
    ("service: { text: a, fallback: maybe }", "wrong-type"), ("servise: a", "unknown-key"),
  ])
  func whatIsWrong(_ scripts: String, _ code: String) {
    let outcome = load(
      scripts,
      files: ["long.j2": String(repeating: "a", count: PolicyScript.maximumLength + 1), "ok.j2": "x"])
    #expect(outcome.errors.map(\.code) == [code], "\(outcome.diagnostics)")
  }

  @Test func hooksNeedAServer() {
    let outcome = PolicyLoader.load(
      text: "globals: {policy_profile: x}\npolicy_profiles: [{name: x, hooks: {service: {}}}]")
    #expect(outcome.errors.map(\.code) == ["missing-key"])
    let nothing = PolicyLoader.load(text: "globals: {policy_profile: x}\npolicy_profiles: [{name: x}]")
    #expect(nothing.warnings.map(\.code) == ["setting-ignored"])
  }

  @Test func aChangedScriptFileIsAnotherVersion() throws {
    let a = load("service: {file: s.j2}", files: ["s.j2": good])
    let b = load("service: {file: s.j2}", files: ["s.j2": good + " "])
    #expect(try #require(a.snapshot).version != (try #require(b.snapshot)).version)
  }
}
