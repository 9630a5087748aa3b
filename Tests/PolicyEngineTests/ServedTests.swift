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
    ("from: { tags: [vip] }", "3:"),
  ])
  func rulesWhoseCallsAreNotServed(_ key: String, _ line: String) throws {
    let found = findings(
      "\(Self.peers)\nrules: [{ name: r, priority: 1, match: 'a@b', \(key) }]", "not-served-yet")
    #expect(found.count == 1 && found.first?.severity == .warning)
    #expect(found.first?.description.hasPrefix("policy.yaml:\(line)") == true)
  }

  @Test(arguments: [
    "to: { target: registered_device, protocol: h323 }", "enabled: false, to: { target: teams_user }", "",
    "direction: [outgoing]", "from: { protocols: [sip, h323] }",
    "from: { tags: [vip] }, direction: [incoming, outgoing]",
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
        conferences: { guests_only_timeout: 2m }
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
        ": globals.max_resolution, locations[].stun_server, "
          + "devices[].protocols: h323, rules[].call.max_resolution, rules[].call.theme (2 times), "
          + "rules[].call.denoise_audio, rules[].call.avatar_lookup"))
    #expect(finding.related.map(\.line) == [8, 9, 11, 11, 12, 12])
  }

  @Test(arguments: [
    "conference", "lecture", "media_playback, playback: { playlist: p }", "two_stage_dialing",
  ])
  func servicesAreHosted(_ type: String) {
    let text = """
      playlists: [{ name: p, files: [a.wav] }]
      services: [{ name: s, aliases: [s], type: \(type) }]
      """
    #expect(load(text).diagnostics.isEmpty, "\(load(text).diagnostics)")
  }

  @Test func meetingsOfOthersAreNotLookedUp() {
    let found = findings(
      "services: [{ name: s, aliases: [s], type: two_stage_dialing, reception: { type: teams } }]",
      "not-served-yet")
    #expect(found.map(\.severity) == [.warning])
  }

  // MARK: Conferences of telephones

  private static let phones = """
    devices:
      - { alias: 101@example.org, local_conference: { pin: { env: P, default: "4711" }, end_on_exit: true } }
      - { alias: 102@example.org }
    services: [{ name: own, type: test_call, aliases: ["*8104"] }]
    rules: [{ name: everything, priority: 1, match: '.*' }]
    """

  private func decision(_ alias: String, from device: String?) throws -> Decision {
    let snapshot = try #require(load(Self.phones).snapshot)
    var caller = Caller(alias: "sip:caller@example.org")
    caller.registeredAlias = device
    caller.isRegistered = device != nil
    let request = CallRequest(
      id: CallID(high: 0, low: 0), direction: .dialIn, trigger: .invite, callProtocol: .sip,
      alias: Alias(sip: "sip:\(alias)"), caller: caller)
    return snapshot.decide(request, now: WallClock(milliseconds: 0)).decision
  }

  @Test func aTelephoneHasItsOwnConference() throws {
    for (alias, caller) in [
      ("*8101@example.org", "101@example.org"), ("*8101@example.org", "102@example.org"),
      ("*8101", "102@example.org"),
    ] {
      guard case .service(let service) = try decision(alias, from: caller) else {
        Issue.record("\(alias) is no service")
        continue
      }
      #expect(service.name == "local conference of 101" && service.room.telephone?.owner == "101")
      #expect(service.guestPIN == Secret("4711") && service.allowsGuests && service.pin == nil)
      #expect(service.room.telephone?.endsOnExit == true && service.callCapability == .audio)
    }
    // Not for strangers, not of a telephone without one, and what a service owns stays its.
    for (alias, caller) in [
      ("*8101@example.org", nil), ("*8102@example.org", "102@example.org"), ("*8", "101@example.org"),
    ] {
      guard case .gateway = try decision(alias, from: caller) else {
        Issue.record("\(alias) is a service")
        continue
      }
    }
    guard case .service(let service) = try decision("*8104", from: "101@example.org") else {
      Issue.record("the service is gone")
      return
    }
    #expect(service.name == "own")
  }

  @Test(arguments: [
    ("{ alias: ann, local_conference: {} }", "setting-ignored"),
    ("{ alias: 1@a, local_conference: {} }, { alias: 1@b, local_conference: {} }", "duplicate-alias"),
    ("{ alias: '1', local_conference: { pin: { env: P, default: 12x } } }", "wrong-value"),
  ])
  func conferencesOfTelephonesAreChecked(_ devices: String, _ code: String) {
    let found = load("devices: [\(devices)]").diagnostics.map(\.code)
    #expect(found.contains(code), "\(found)")
  }

  @Test func playlistsAreNamed() {
    let missing = load(
      "services: [{ name: s, aliases: [s], type: media_playback, playback: { playlist: nope } }]")
    #expect(missing.errors.map(\.code) == ["unknown-reference"])
    let list = load("playlists: [{ name: p, loop: true, files: [a.wav, { file: b.opus, play_count: 2 }] }]")
    #expect(
      list.snapshot?.policy.playlists == [
        Playlist(
          name: "p", entries: [.init(file: "a.wav"), .init(file: "b.opus", playCount: 2)], loops: true)
      ])
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
