import CallModel
import PolicyEngine
import Testing

@testable import PolicyTools

/// What `tandem diff` says of local scripts.
@Suite struct PolicyDifferenceScriptTests {
  private func snapshot(
    _ script: String, kind: String = "service", fallback: String = "continue", server: String = "",
    rule: String = "name: out, match: '9\\d+', to: { trunks: [carrier] }"
  ) throws -> PolicySnapshot {
    let lines = script.split(separator: "\n", omittingEmptySubsequences: false).map { "          \($0)" }
    let outcome = PolicyLoader.load(
      text: """
        globals:
          policy_profile: local
          domain: example.org
          media: {addresses: [192.0.2.1]}
        locations: [{name: North, media_addresses: [192.0.2.1]}, {name: South}]
        policy_profiles:
          - name: local
        \(server)
            scripts:
              \(kind):
                fallback: \(fallback)
                text: |
        \(lines.map { "  \($0)" }.joined(separator: "\n"))
        trunks: [{name: carrier, host: 192.0.2.1}]
        services: [{name: echo, type: test_call, aliases: [echo]}]
        rules: [{priority: 1, \(rule)}]
        """)
    #expect(outcome.errors.isEmpty, "\(outcome.diagnostics)")
    return try #require(outcome.snapshot)
  }

  private func difference(_ old: PolicySnapshot, _ new: PolicySnapshot) -> PolicyDifference {
    PolicyDifference(from: old, to: new, at: PolicyDifferenceTests.start)
  }

  private static let pass = "{}"

  /// Refuses where the condition holds.
  private static func refusing(_ condition: String) -> String {
    #"{% if \#(condition) %}{"action": "reject"}{% else %}{}{% endif %}"#
  }

  @Test func theSameScriptIsNoDifference() throws {
    let script = Self.refusing("true")
    let same = difference(try snapshot(script), try snapshot(script, server: "    description: else"))
    #expect(!same.differs && same.isProved)
  }

  @Test(arguments: [
    // What the script names, begins with, ends with, matches, and where and when.
    (#"call_info.local_alias == "sip:echo""#, "echo"),
    (#""@spam.test" in call_info.local_alias"#, "someone@spam.test"),
    (#"call_info.local_alias|pex_regex_replace("^sip:", "") in ["91234", "x"]"#, "91234"),
    (#"pex_regex_search("^sip:00[1-9]{6}@", call_info.local_alias)"#, ""),
    (#"service_config and service_config.service_type == "test_call""#, "echo"),
    (#"call_info.registered and service_config"#, ""),
    (#"call_info.remote_alias == "sip:mallory@evil.test" and service_config"#, ""),
    (#"pex_in_subnet(call_info.remote_address, ["10.1.0.0/16"]) and service_config"#, ""),
    (#"pex_now().hour == 3 and service_config"#, ""),
  ])
  func aCallShowsWhatTheScriptDoes(_ condition: String, _ alias: String) throws {
    let admitting =
      #"{% if not service_config %}{"result": {"service_type": "test_call", "name": "Any", "service_tag": ""}}{% else %}{}{% endif %}"#
    // Where nobody takes the call a refusal changes nothing, so both admit everybody.
    let old = try snapshot(admitting)
    let new = try snapshot(#"{% if \#(condition) %}{"action": "reject"}{% else %}\#(admitting){% endif %}"#)
    let difference = difference(old, new)
    let finding = try #require(difference.findings.first { $0.change == .refused })
    #expect(finding.subject == .script && finding.summary.contains("treats"))
    let witness = try #require(finding.witness)
    #expect(alias.isEmpty || witness.call.alias.contains(alias), "\(witness.call.alias)")
    #expect(witness.after == "refused: policy")
    // The call shows it.
    let explained = (witness.call.decide(by: old).decision, witness.call.decide(by: new).decision)
    #expect(DecisionChange(from: explained.0, to: explained.1) == .refused)
    #expect(!difference.isProved && difference.notes.contains { $0.code == "script-decides" })
    let report = PolicyDifferenceReport(difference, from: old, to: new)
    #expect(report.exitCode == 1 && report.json.contains("\"subject\": \"script\""))
  }

  @Test func aChangeThatShowsInNoCallIsSaid() throws {
    let found = difference(try snapshot(Self.pass), try snapshot("{# the same #}{}"))
    #expect(found.findings.count == 1 && found.findings[0].witness == nil)
    #expect(found.findings[0].summary.contains("has changed"))
    #expect(found.findings[0].summary.contains("is decided differently") && !found.isProved)
  }

  @Test func theFallbackIsPartOfIt() throws {
    let failing = "{{ 1 // 0 }}"
    let found = difference(try snapshot(failing), try snapshot(failing, fallback: "reject"))
    #expect(Set(found.findings.map(\.change)) == [.refused])
    #expect(found.findings.allSatisfy { $0.subject == .script && $0.witness != nil })
  }

  /// Rules that differ where a script has the last word all the same.
  @Test func whatAScriptMakesAlikeIsNoDifference() throws {
    let script = #"{"action": "redirect", "result": {"new_alias": "sip:desk@example.org"}}"#
    let found = difference(
      try snapshot(script), try snapshot(script, rule: "name: out, match: '8\\d+', to: { trunks: [carrier] }")
    )
    #expect(!found.differs && !found.isProved)
    #expect(
      found.notes.contains { $0.code == "script-decides" && $0.message.contains("the same on both sides") })
  }

  @Test func whatIsNotKnownIsSaid() throws {
    let server = "    url: http://127.0.0.1:1\n    hooks: {service: {}}"
    let script = Self.refusing(#"call_info.vendor == "scanner" or pex_random_pin(4) == "1""#)
    let found = difference(try snapshot(Self.pass, server: server), try snapshot(script, server: server))
    let note = try #require(found.notes.first { $0.code == "script-decides" }?.message)
    #expect(note.contains("vendor") && note.contains("policy server") && note.contains("random"), "\(note)")
  }

  @Test func participantsAndTheirMedia() throws {
    let refusing = Self.refusing(#"service_config.service_type == "test_call""#)
    let refused = difference(
      try snapshot(Self.pass, kind: "participant"), try snapshot(refusing, kind: "participant"))
    let finding = try #require(refused.findings.first)
    #expect(
      refused.findings.count == 1 && finding.change == .refused && finding.witness?.call.alias == "echo")
    #expect(finding.summary.contains("participant script") && finding.witness?.after == "participant refused")
    let south = #"{"result": {"location": "South", "overflow_locations": ["North"]}}"#
    let moved = difference(
      try snapshot(#"{"result": {"location": "North"}}"#, kind: "media_location"),
      try snapshot(south, kind: "media_location"))
    #expect(moved.findings.contains { $0.witness?.after == "media in “South”, then North" })
    #expect(moved.findings.allSatisfy { $0.change == .otherwise && $0.subject == .script })
  }
}
