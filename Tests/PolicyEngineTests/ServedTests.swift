import CallModel
import Testing

@testable import PolicyEngine

/// What a policy may say and this version does not do yet is said, and the rest of what it says is in force.
@Suite struct ServedTests {
  private func load(_ text: String) -> PolicyLoader.Outcome { PolicyLoader.load(text: text) }

  private func findings(_ text: String, _ code: String) -> [PolicyDiagnostic] {
    let outcome = load(text)
    #expect(outcome.snapshot != nil, "\(outcome.errors)")
    return outcome.diagnostics.filter { $0.code == code }
  }

  private static let peers = """
    gms_access_tokens: [{ name: g, token: { env: X, default: y } }]
    telehealth_profiles: [{ name: t, url: "https://t.example" }]
    """

  @Test(arguments: [
    ("to: { target: mssip_conference_id, protocol: mssip }", "3:"),
    ("to: { target: gms_conference, gms_access_token: g }", "3:"), ("to: { target: teams_user }", "3:"),
    ("to: { target: telehealth_profile, telehealth_profile: t }", "3:"), ("to: { protocol: h323 }", "3:"),
    ("to: { protocol: rtmp }", "3:"), ("from: { protocols: [h323, webrtc] }", "3:"),
    ("from: { tags: [vip] }", "3:"), ("direction: [outgoing]", "3:"),
  ])
  func rulesWhoseCallsAreNotServed(_ key: String, _ line: String) throws {
    let found = findings(
      "\(Self.peers)\nrules: [{ name: r, priority: 1, match: 'a@b', \(key) }]", "not-served-yet")
    #expect(found.count == 1 && found.first?.severity == .warning)
    #expect(found.first?.description.hasPrefix("policy.yaml:\(line)") == true)
  }

  @Test(arguments: [
    "to: { target: registered_device, protocol: h323 }", "enabled: false, to: { target: teams_user }", "",
    "from: { protocols: [sip, h323] }", "from: { tags: [vip] }, direction: [incoming, outgoing]",
  ])
  func rulesWhoseCallsAre(_ key: String) throws {
    #expect(
      findings("rules: [{ name: r, priority: 1, match: 'a@b', \(key) }]", "not-served-yet").isEmpty)
  }

  @Test func settingsWithoutEffectAreNamedOnceAndTogether() throws {
    let found = findings(
      """
      globals:
        max_resolution: fullhd
        break_in_protection: { pin_checks: false, max_pin_failures: 5 }
      stun_servers: [{ name: s, host: s.example }]
      themes: [{ name: blue, directory: blue }]
      trunks: [{ name: t, host: t.example }]
      locations: [{ name: l, trunk: t, stun_server: s }]
      devices: [{ alias: a, protocols: [sip, h323] }]
      rules:
        - { name: one, priority: 1, match: a@b, call: { theme: blue, max_resolution: sd } }
        - { name: two, priority: 2, match: b@b, call: { theme: blue, denoise_audio: false, avatar_lookup: yes } }
      """, "no-effect-yet")
    let finding = try #require(found.first)
    #expect(found.count == 1 && finding.severity == .note && finding.line == 2)
    #expect(
      finding.message.hasSuffix(
        ": globals.max_resolution, globals.break_in_protection.pin_checks, "
          + "globals.break_in_protection.max_pin_failures, locations[].trunk, locations[].stun_server, "
          + "devices[].protocols: h323, rules[].call.max_resolution, rules[].call.theme (2 times), "
          + "rules[].call.denoise_audio, rules[].call.avatar_lookup"))
    #expect(finding.related.map(\.line) == [3, 3, 7, 7, 8, 10, 10, 11, 11])
  }

  @Test func whatEverybodyLeavesAloneIsNotNamed() {
    #expect(
      findings(
        """
        globals: { max_resolution: hd, break_in_protection: { pin_checks: true, scan_quarantine: false } }
        locations: [{ name: l, domain: l.example, scan_quarantine: true }]
        devices: [{ alias: a }]
        rules: [{ name: r, priority: 1, match: a@b, to: { location: l }, call: { treat_as_trusted: true } }]
        """, "no-effect-yet"
      ).isEmpty)
  }

  // MARK: Policy servers

  @Test func aLocationMayAskNobody() throws {
    let snapshot = try #require(
      load(
        """
        policy_profiles: [{ name: CRM, url: "http://127.0.0.1:1", hooks: { service: {} } }]
        globals: { policy_profile: CRM }
        locations: [{ name: open }, { name: closed, policy_profile: none }, { name: own, policy_profile: CRM }]
        """
      ).snapshot)
    #expect(snapshot.policyProfile(location: "open")?.name == "CRM")
    #expect(snapshot.policyProfile(location: "own")?.name == "CRM")
    #expect(snapshot.policyProfile(location: "closed") == nil)
    #expect(snapshot.policyProfile(location: nil)?.name == "CRM")
    #expect(
      load("locations: [{ name: l, policy_profile: nobody }]").errors.map(\.code) == ["unknown-reference"])
  }

  // MARK: Credentials

  @Test func credentialsNameTheirRealm() throws {
    let outcome = PolicyLoader.load(
      text: """
        globals:
          sip:
            credentials:
              - { realm: pbx, username: tandem, password: { env: PBX } }
        """, secrets: .fixed(variables: ["PBX": "s3cret"]))
    #expect(
      outcome.snapshot?.policy.globals.sip.credentials
        == [Credential(realm: "pbx", username: "tandem", password: Secret("s3cret"))])
    let bad = load("globals: { sip: { credentials: [{ username: u, password: { env: X, default: p } }] } }")
    #expect(bad.errors.map(\.code) == ["missing-key"])
  }

  // MARK: Trunks by source

  /// One function for calls and for whoever asks what they would do: an address, then the narrowest network.
  @Test func theNarrowestSourceNamesTheTrunk() throws {
    let wide = Trunk(name: "wide", host: "192.0.2.1", sources: [IPNetwork("198.51.100.0/24")!])
    let narrow = Trunk(
      name: "narrow", host: "narrow.example",
      sources: [IPNetwork("198.51.100.64/26")!, IPNetwork("198.51.100.9/32")!])
    let snapshot = try PolicySnapshot(compiling: Policy(trunks: [wide, narrow]))
    func trunk(_ source: String, _ own: (() -> String?)? = nil) -> String? {
      snapshot.trunk(forSource: IPAddress(source)!, own: own)?.name
    }
    #expect(trunk("198.51.100.1") == "wide" && trunk("198.51.100.65") == "narrow")
    #expect(trunk("192.0.2.1") == "wide" && trunk("192.0.2.2") == nil)
    // Whoever has looked the names up knows better than the policy.
    #expect(trunk("192.0.2.2", { "narrow" }) == "narrow" && trunk("192.0.2.1", { nil }) == nil)
    #expect(trunk("198.51.100.1", { "narrow" }) == "narrow" && trunk("198.51.100.1", { nil }) == "wide")
    // What the policy says of the very address counts more.
    #expect(trunk("198.51.100.9", { "wide" }) == "narrow" && trunk("198.51.100.9") == "narrow")
    #expect(trunk("192.0.2.2", { "gone" }) == nil && trunk("198.51.100.1", { "gone" }) == "wide")
  }
}
