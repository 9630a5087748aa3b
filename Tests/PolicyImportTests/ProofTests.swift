import CallModel
import PolicyEngine
import TestSupport
import Testing

@testable import PolicyImport

/// Whether the proof of equivalence proves anything: equal policies are found equal, and every change is noticed.
@Suite struct ProofTests {
  @Test func theExampleIsDecidedEqually() throws {
    let imported = PolicyImport(Exports.files())
    let policy = try #require(Exports.load(imported).snapshot)
    let proof = ImportProof(imported, by: policy, count: 6_000)
    #expect(proof.differences.isEmpty, "\(proof.text)")
    #expect(proof.compared > 5_000)
    // All but the one without a protocol, and the odd one that others take almost all of.
    #expect(proof.rulesDecided >= 32, "\(proof.text)")
    #expect(proof.text.contains("all decided equally by the export and by the policy"))
    // The same seed, the same calls.
    #expect(
      ImportProof(imported, by: policy, count: 300).text == ImportProof(imported, by: policy, count: 300).text
    )
    #expect(
      ImportProof(imported, by: policy, count: 300, seed: 2).text
        != ImportProof(imported, by: policy, count: 300).text)
  }

  @Test(arguments: [
    ("priority: 10\n", "priority: 199\n"), ("digits: 3-15 }", "digits: 4-15 }"),
    ("'\\g<rest>@pstn.example.org'", "'0\\g<rest>@pstn.example.org'"), ("registered: true, ", ""),
    (
      "protocols: [sip, h323, mssip] }\n    match: { prefix: \"9\"",
      "protocols: [sip] }\n    match: { prefix: \"9\""
    ),
    ("trunks: [carrier-b]", "trunks: [carrier-a]"), ("target: registered_device", "target: teams_user"),
    ("capability: audio", "capability: video"), ("encryption: 'off'", "encryption: best_effort"),
    ("max_bandwidth_in: 128", "max_bandwidth_in: 256"), ("location: East, ", ""),
    ("location: West", "location: East"),
    ("treat_as_trusted: true", "treat_as_trusted: false"), ("direction: [outgoing]", "direction: [incoming]"),
    ("direction: [incoming, outgoing]", "direction: [incoming]"),
    ("match_full: true\n", "match_full: false\n"),
    ("live_captions: \"no\", avatar_lookup: \"yes\"", "live_captions: \"no\""),
    ("denoise_audio: false, ", ""),
    ("disabled_codecs: [G722, MP4A-LATM_128]", "disabled_codecs: [G722]"), ("theme: Corporate", "caller: x"),
    ("enabled: false", "enabled: true"), ("tag: pstn", "tag: other"),
    ("h323_gatekeeper: Campus gatekeeper", "ring_timeout: 30s"),
    ("'(meet|room)\\.(.*)@old", "'(meet|hall)\\.(.*)@old"),
    ("gms_access_token: meet", "gms_access_token: other"),
    ("      stun_server: stun\n", ""), ("max_resolution: sd", "max_resolution: hd"),
    ("exact: [alice, bob]", "exact: [alice]"), ("range: 2000-4999", "range: 2000-4998"),
  ])
  func everyChangeIsNoticed(_ written: String, _ changed: String) throws {
    let imported = PolicyImport(Exports.files())
    var files = imported.outputs.map { PolicyLoader.File(name: $0.name, text: $0.text) }
    let at = try #require(files.firstIndex { $0.name == "40-rules.yaml" })
    let text = String(decoding: files[at].bytes, as: UTF8.self)
    #expect(text.contains(written), "the example has no such text")
    files[at] = .init(name: "40-rules.yaml", text: text.replacing(written, with: changed))
    files.append(.init(name: "50.yaml", text: "gms_access_tokens: [{ name: other, token: x }]\n"))
    let outcome = PolicyLoader.load(
      files: files.filter { $0.name.hasSuffix(".yaml") }, secrets: .fixed(areRequired: false),
      lists: .fixed(Dictionary(uniqueKeysWithValues: imported.outputs.map { ($0.name, $0.text) })))
    let policy = try #require(outcome.snapshot, "\(outcome.errors)")
    let proof = ImportProof(imported, by: policy, count: 4_000)
    #expect(proof.differenceCount > 0)
    #expect(proof.text.contains("decided differently"))
  }

  /// Every setting of every kind of service, PINs included; none of them is shown.
  @Test(arguments: [
    ("type: lecture", "type: conference"), ("tag: ops\n", "tag: other\n"),
    ("media_encryption: 'off'", "media_encryption: 'on'"),
    ("max_bandwidth_in: 1024", "max_bandwidth_in: 1025"),
    ("max_bandwidth_out: 2048\n", "max_bandwidth_out: 2000\n"), ("max_resolution: sd", "max_resolution: hd"),
    ("theme: Corporate\n", "display_name: x\n"), ("capability: audio", "capability: video"),
    ("tandem_service_board_room_pin", "other"), ("tandem_service_war_room_guest_pin", "long"),
    ("view: five_mains_seven_pips", "view: four_mains_zero_pips"),
    ("host_view: two_mains_twentyone_pips", "host_view: one_main_one_pip"),
    ("guest_view: one_main_zero_pips", "guest_view: one_main_one_pip"),
    ("force_presenter_into_main: true", "force_presenter_into_main: false"),
    ("guests_can_see_guests: always", "guests_can_see_guests: never"),
    ("guests_can_present: false", "guests_can_present: true"),
    ("mute_all_guests: true", "mute_all_guests: false"),
    ("enable_active_speaker_indication: true", "enable_active_speaker_indication: false"),
    ("enable_overlay_text: true", "enable_overlay_text: false"),
    ("denoise_enabled: true", "denoise_enabled: false"),
    ("softmute_enabled: true", "softmute_enabled: false"), ("breakout_rooms: true", "breakout_rooms: false"),
    ("participant_limit: 500", "participant_limit: 501"),
    ("direct_media: best_effort", "direct_media: always"),
    ("direct_media_notification: 10", "direct_media_notification: 11"),
    ("enable_chat: \"no\"", "enable_chat: \"yes\""),
    ("live_captions_enabled: \"yes\"", "live_captions_enabled: \"no\""),
    ("pinning_config: front row", "pinning_config: x"),
    ("primary_owner_email_address: alice@example.org", "primary_owner_email_address: x@y"),
    ("sip:recorder@example.org", "sip:other@example.org"),
    ("role: chair, call_type", "role: guest, call_type"),
    ("dtmf_sequence: \",,12#\"", "dtmf_sequence: \",,13#\""), ("routing: routing_rule", "routing: manual"),
    ("keep_conference_alive: keep_conference_alive_never", "keep_conference_alive: keep_conference_alive"),
    ("streaming: true", "streaming: false"), ("streaming: true, system_location: East", "streaming: true"),
    ("remote_display_name: Recorder", "remote_display_name: x"),
    ("'(\\d{4,6})'", "'(\\d{4,7})'"), ("'meet.\\1@example.org'", "'meet\\1@example.org'"),
    ("type: mssip", "type: regular"), ("post_match: '(.+)'", "post_match: '(.*)'"),
    ("post_replace: 'sfb", "post_replace: 'x"),
    ("system_location: East\n      mssip", "system_location: West\n      mssip"),
    ("on_completion: { disconnect: true }", "on_completion: { transfer: \"8001\" }"),
    ("role: chair }", "role: guest }"), ("aliases: [dial@example.org]", "aliases: [dial2@example.org]"),
  ])
  func everyChangeOfAServiceIsNoticed(_ written: String, _ changed: String) throws {
    let imported = PolicyImport(Exports.files(), secretsDirectory: "/s")
    var files = imported.outputs.map { PolicyLoader.File(name: $0.name, text: $0.text) }
    let at = try #require(files.firstIndex { $0.name == "35-services.yaml" })
    let text = String(decoding: files[at].bytes, as: UTF8.self)
    #expect(text.contains(written), "the example has no such text")
    files[at] = .init(name: "35-services.yaml", text: text.replacing(written, with: changed))
    var secrets = Dictionary(
      uniqueKeysWithValues: imported.secretFiles.map { ("/s/\($0.name)", $0.secret.reveal()) })
    secrets["/s/other"] = "4321"
    secrets["/s/long"] = "55443#"
    let outcome = PolicyLoader.load(
      files: files.filter { $0.name.hasSuffix(".yaml") }, secrets: .fixed(files: secrets, areRequired: false),
      lists: .fixed(Dictionary(uniqueKeysWithValues: imported.outputs.map { ($0.name, $0.text) })))
    let policy = try #require(outcome.snapshot, "\(outcome.errors)")
    let proof = ImportProof(imported, by: policy, count: 1_000)
    #expect(proof.differenceCount > 0)
    #expect(!proof.text.contains("4321") && !proof.text.contains("1234#"))
  }

  /// What stays the same is found the same, with the PINs.
  @Test func servicesAreDecidedEqually() throws {
    let imported = PolicyImport(Exports.files(), secretsDirectory: "/s")
    let outcome = PolicyLoader.load(
      files: imported.outputs.filter { $0.name.hasSuffix(".yaml") }.map {
        .init(name: $0.name, text: $0.text)
      },
      secrets: .fixed(
        files: Dictionary(
          uniqueKeysWithValues: imported.secretFiles.map { ("/s/\($0.name)", $0.secret.reveal()) }),
        areRequired: false),
      lists: .fixed(Dictionary(uniqueKeysWithValues: imported.outputs.map { ($0.name, $0.text) })))
    let policy = try #require(outcome.snapshot, "\(outcome.errors)")
    let proof = ImportProof(imported, by: policy, count: 6_000)
    #expect(proof.differences.isEmpty, "\(proof.text)")
    #expect(proof.servicesDecided == 11 && proof.serviceCount == 11)
    // The rule to a telehealth profile is left out: its calls are counted, not compared.
    #expect(proof.skipped > 0 && proof.text.contains("11 of 11 services took one"))
  }

  /// The vectors of the routing reference (section 3.4), decided from JSON alone.
  @Test func theInterpreterIsTheReferences() throws {
    let uri = "/api/admin/configuration/v1/"
    let export = ManagementExport([
      ExportFile(
        name: "all.json",
        text: """
          {"gateway_routing_rule": [
            {"id": 1, "name": "A", "priority": 10, "match_string": "9(\\\\d+)", "replace_string": "\\\\1@pstn.example.org",
             "match_incoming_only_if_registered": true},
            {"id": 2, "name": "B", "priority": 20, "match_string": "(.+)@example\\\\.org", "called_device_type": "registration"},
            {"id": 3, "name": "C", "priority": 30, "match_string": ".*", "enable": false},
            {"id": 4, "name": "D", "priority": 40, "match_string": ".*@example\\\\.net",
             "match_source_location": "\(uri)system_location/1/"}],
           "system_location": [{"id": 1, "resource_uri": "\(uri)system_location/1/", "name": "East"}],
           "conference": [{"id": 1, "resource_uri": "\(uri)conference/1/", "name": "VMR",
             "aliases": [{"id": 1, "alias": "9100", "conference": "\(uri)conference/1/"}]}]}
          """)
    ])
    #expect(export.diagnostics.isEmpty, "\(export.diagnostics)")
    let reference = ReferenceInterpreter(export)
    func decide(
      _ alias: String, registered: Bool = false, location: String = "West",
      _ callProtocol: CallProtocol = .sip
    ) -> String {
      reference.decide(
        CallRequest(
          id: CallID(high: 0, low: 1), direction: .dialIn, trigger: .invite, callProtocol: callProtocol,
          alias: alias.hasPrefix("sip:") ? Alias(sip: alias) : Alias(dialled: alias, protocol: callProtocol),
          caller: Caller(alias: "sip:x@y", isRegistered: registered), location: location)
      ).text
    }
    #expect(decide("sip:95551234@192.0.2.1") == "not found")
    #expect(decide("sip:95551234@192.0.2.1", registered: true) == "rule “A” to “5551234@pstn.example.org”")
    #expect(decide("sip:Bob@EXAMPLE.ORG;user=phone", registered: true) == "rule “B” to “Bob@EXAMPLE.ORG”")
    #expect(decide("x@example.net", .h323) == "not found")
    #expect(decide("x@example.net", location: "East", .h323) == "rule “D” to “x@example.net”")
    #expect(decide("9100", registered: true) == "service “VMR”")
    #expect(decide("19555", registered: true) == "not found")
  }

  // MARK: Random exports

  /// Expressions as number plans have them, and some that they should not.
  static func pattern(_ g: inout SplitMix) -> (text: String, groups: Int) {
    let digits = ["\\d+", "\\d{3}", "\\d{2,6}", "[0-9]{4}", "[1-5]\\d{2}", "\\d*"]
    let users = ["[a-z]+", "alice|bob", "room\\.\\w+", ".*", "[^@]+", "x?y{2}", "a|ab|abc"]
    let domains = ["", "", "@example\\.org", "(?:@example\\.org)?", "@(?:a|b)\\.example", "@.*", "(?:@.*)?"]
    let prefixes = ["", "", "9", "00", "\\+", "(?:00|\\+)", "sip:", "x-", "(?:0|00)"]
    let suffixes = ["", "", "", "#", "-room", "9"]
    let isNumber = Bool.random(using: &g)
    let core = (isNumber ? digits : users).randomElement(using: &g)!
    let isGroup = Bool.random(using: &g)
    let middle = isGroup ? "(\(core))" : isNumber ? core : "(?:\(core))"
    var text =
      prefixes.randomElement(using: &g)! + middle + suffixes.randomElement(using: &g)!
      + domains.randomElement(using: &g)!
    if Int.random(in: 0..<8, using: &g) == 0 { text = "^\(text)$" }
    return (text, isGroup ? 1 : 0)
  }

  static func json(_ text: String) -> String {
    "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
  }

  @Test func randomExportsAreDecidedEqually() throws {
    var g = SplitMix(seed: 20_26)
    let uri = "/api/admin/configuration/v1/"
    var inParts = 0
    for round in 0..<60 {
      var rules: [String] = []
      for id in 1...Int.random(in: 1...12, using: &g) {
        let (pattern, groups) = Self.pattern(&g)
        let replacements = [
          "", "", "x@example.org", groups > 0 ? "\\1" : "y",
          groups > 0 ? "pre-\\g<1>@example.org" : "\\g<0>z",
        ]
        func flag(_ name: String, _ odds: Int = 4) -> String {
          Int.random(in: 0..<odds, using: &g) == 0 ? ", \"\(name)\": \(Bool.random(using: &g))" : ""
        }
        var rule =
          "{\"id\": \(id), \"resource_uri\": \"\(uri)gateway_routing_rule/\(id)/\", \"name\": \"r\(id)\", "
          + "\"priority\": \(Int.random(in: 1...9, using: &g)), \"match_string\": \(Self.json(pattern)), "
          + "\"replace_string\": \(Self.json(replacements.randomElement(using: &g)!))"
        for name in [
          "enable", "match_incoming_calls", "match_outgoing_calls", "match_incoming_only_if_registered",
          "match_incoming_sip", "match_incoming_h323", "match_incoming_mssip", "match_incoming_webrtc",
          "match_incoming_teams", "match_string_full", "treat_as_trusted",
        ] { rule += flag(name, 5) }
        if Int.random(in: 0..<3, using: &g) == 0 {
          rule +=
            ", \"match_source_location\": \"\(uri)system_location/\(Int.random(in: 1...2, using: &g))/\""
        }
        if Int.random(in: 0..<3, using: &g) == 0 { rule += ", \"sip_proxy\": \"\(uri)sip_proxy/1/\"" }
        if Int.random(in: 0..<3, using: &g) == 0 {
          rule +=
            ", \"called_device_type\": \"\(["registration", "external", "mssip_server"].randomElement(using: &g)!)\""
        }
        if Int.random(in: 0..<4, using: &g) == 0 {
          rule += ", \"call_type\": \"audio\", \"max_callrate_in\": 512, \"crypto_mode\": \"on\""
        }
        rules.append(rule + "}")
      }
      let switches = [
        "", ", \"enable_h323\": false", ", \"enable_dialout\": false",
        ", \"enable_webrtc\": false, \"max_callrate_in\": 768",
      ]
      let text = """
        {"gateway_routing_rule": [\(rules.joined(separator: ",\n"))],
         "sip_proxy": [{"id": 1, "resource_uri": "\(uri)sip_proxy/1/", "name": "p", "address": "p.example"}],
         "system_location": [{"id": 1, "resource_uri": "\(uri)system_location/1/", "name": "East"},
                             {"id": 2, "resource_uri": "\(uri)system_location/2/", "name": "West"}],
         "device": [{"alias": "alice", "enable_sip": true}],
         "conference": [{"id": 1, "resource_uri": "\(uri)conference/1/", "name": "echo", "service_type": "test_call",
           "aliases": [{"id": 1, "alias": "9196"}, {"id": 2, "alias": "Alice@example.org"}]}],
         "global": [{"id": 1\(switches[Int.random(in: 0..<switches.count, using: &g)])}]}
        """
      let imported = Exports.one("all", text)
      try #require(imported.diagnostics.isEmpty, "\(imported.diagnostics)\n\(text)")
      let outcome = Exports.load(imported)
      let policy = try #require(
        outcome.snapshot, "\(outcome.errors)\n\(Exports.text(imported, "40-rules.yaml"))")
      inParts += policy.policy.rules.count { $0.form != nil }
      let proof = ImportProof(imported, by: policy, count: 250, seed: UInt64(round))
      #expect(proof.differences.isEmpty, "\(proof.text)\n\(Exports.text(imported, "40-rules.yaml"))")
    }
    #expect(inParts > 50)
  }
}
