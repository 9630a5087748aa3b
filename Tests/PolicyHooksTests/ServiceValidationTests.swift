import CallModel
import PolicyEngine
import PolicyHooks
import Testing

/// The field tables of the routing reference, §12.
@Suite struct ServiceValidationTests {
  private func read(_ result: String) -> AnswerReading {
    Fixture.read(.serviceConfiguration, Fixture.success(result))
  }

  // MARK: §12.1: which service has which field

  /// The table as printed, in the words of the reference: one line a field, columns C L G V M T.
  static let table = """
    name R R R R R R
    service_tag R R R R R R
    description o o o o o o
    local_alias - - R - - -
    remote_alias - - R - - -
    outgoing_protocol - - R - - -
    media_playlist_name - - - - R -
    allow_guests o o - - o -
    pin o o - - o -
    guest_pin o o - - o -
    host_identity_provider_group o o - - o -
    guest_identity_provider_group o o - - o -
    non_idp_participants o o - - o -
    automatic_participants o o - - - -
    view o - o - - -
    host_view - o - - - -
    guest_view - o - - - -
    force_presenter_into_main - o - - - -
    guests_can_see_guests - o - - - -
    guests_can_present o o - - - -
    mute_all_guests o o - - - -
    locked o o - - - -
    participant_limit o o - - - -
    breakout_rooms o o - - - -
    direct_media o o - - - -
    direct_media_notification_duration o o - - - -
    enable_chat o o - - - -
    enable_active_speaker_indication o o o - - -
    enable_overlay_text o o o - - -
    denoise_enabled o o - - - -
    softmute_enabled o o - - - -
    denoise_audio - - o - - -
    pinning_config o o - - - -
    prefer_ipv6 o o o - - -
    primary_owner_email_address o o - - - -
    live_captions_enabled o o o - - -
    live_captions_language o o o - - -
    source_language o o o - - -
    bypass_proxy o o o o - o
    call_type o o o o - o
    crypto_mode o o o o - o
    ivr_theme_name o o o o o o
    local_display_name o o o o - o
    max_callrate_in o o o o o o
    max_callrate_out o o o o o -
    max_pixels_per_second o o o o o o
    called_device_type - - o - - -
    dtmf_sequence - - o - - -
    external_participant_avatar_lookup - - o - - -
    gms_access_token_name - - o o - -
    h323_gatekeeper_name - - o - - -
    sip_proxy_name - - o - - -
    mssip_proxy_name - - o o - -
    teams_proxy_name - - o o - -
    outgoing_location_name - - o - - -
    stun_server_name - - o - - -
    turn_server_name - - o - - -
    teams_fit_to_frame - - o - - -
    transcoding_enabled - - o - - -
    treat_as_trusted - - o - - -
    match_string - - - o - -
    replace_string - - - o - -
    post_match_string - - - o - -
    post_replace_string - - - o - -
    two_stage_dial_type - - - o - -
    system_location_name - - - o - -
    on_completion - - - - o -
    """

  /// A right and a wrong value of each field.
  static let values: [String: (right: String, wrong: String)] = {
    let text = (#""x""#, "5")
    let boolean = ("true", #""maybe""#)
    let rate = ("128000", "127999")
    let yesNo = (#""yes""#, #""ja""#)
    let view = (#""five_mains_seven_pips""#, #""six_mains""#)
    var values: [String: (String, String)] = [
      "name": text, "service_tag": (#""""#, "[]"), "description": (#""a\nb""#, "{}"), "local_alias": text,
      "remote_alias": text, "outgoing_protocol": (#""h323""#, #""skype""#),
      "media_playlist_name": (#""Welcome""#, #""Nowhere""#), "pin": (#""1234""#, #""123""#),
      "guest_pin": (#""""#, #""12a4""#), "host_identity_provider_group": (#""Staff""#, #""Nobody""#),
      "guest_identity_provider_group": (#""""#, #""Nobody""#),
      "non_idp_participants": (#""allow_if_trusted""#, #""allow""#),
      "automatic_participants": ("[]", "{}"), "view": view, "host_view": view, "guest_view": view,
      "guests_can_see_guests": (#""never""#, #""sometimes""#), "participant_limit": ("0", "-1"),
      "direct_media": (#""best_effort""#, #""yes""#), "direct_media_notification_duration": ("30", "31"),
      "pinning_config": text, "primary_owner_email_address": text, "live_captions_language": text,
      "source_language": text, "call_type": (#""video-only""#, #""video_only""#),
      "crypto_mode": (#""besteffort""#, #""best_effort""#), "ivr_theme_name": (#""Blue""#, #""blue""#),
      "local_display_name": text, "max_callrate_in": rate, "max_callrate_out": ("8192000", "8192001"),
      "max_pixels_per_second": (#""fullhd""#, #""4k""#),
      "called_device_type": (#""registration""#, #""phone""#),
      "dtmf_sequence": (#"",,12#*""#, #""12A""#), "gms_access_token_name": (#""Meet""#, #""Met""#),
      "h323_gatekeeper_name": (#""GK""#, #""gk""#), "sip_proxy_name": (#""PBX East""#, #""PBX West""#),
      "mssip_proxy_name": (#""SfB""#, #""x""#), "teams_proxy_name": (#""Teams""#, #""x""#),
      "outgoing_location_name": (#""South""#, #""x""#), "stun_server_name": (#""STUN""#, #""x""#),
      "turn_server_name": (#""TURN""#, #""x""#), "teams_fit_to_frame": (#""no""#, #""default""#),
      "match_string": (#""(.*)""#, #""((""#), "replace_string": text,
      "post_match_string": (#""a""#, #""a(""#),
      "post_replace_string": text, "two_stage_dial_type": (#""gms""#, #""zoom""#),
      "system_location_name": (#""North""#, #""x""#),
      "on_completion": (#"{"disconnect":true}"#, "5"),
    ]
    for name in [
      "allow_guests", "force_presenter_into_main", "guests_can_present", "mute_all_guests", "locked",
      "breakout_rooms", "enable_active_speaker_indication", "enable_overlay_text", "denoise_enabled",
      "softmute_enabled", "denoise_audio", "bypass_proxy", "transcoding_enabled", "treat_as_trusted",
    ] { values[name] = boolean }
    for name in [
      "enable_chat", "prefer_ipv6", "live_captions_enabled", "external_participant_avatar_lookup",
    ] { values[name] = yesNo }
    return values
  }()

  static let cells = table.split(separator: "\n").flatMap { line -> [(String, ServiceType, String)] in
    let words = line.split(separator: " ").map(String.init)
    return zip(ServiceType.allCases, words.dropFirst()).map { (words[0], $0, $1) }
  }

  /// The least a service of `type` must have, with `changes` put over it; nil takes a field away.
  private func result(_ type: ServiceType, _ changes: [String: String?] = [:]) -> String {
    var fields: [String: String] = [
      "service_type": "\"\(type.rawValue)\"", "name": #""N""#, "service_tag": #""""#,
    ]
    switch type {
    case .gateway:
      fields["local_alias"] = #""l""#
      fields["remote_alias"] = #""r""#
      fields["outgoing_protocol"] = #""sip""#
    case .mediaPlayback: fields["media_playlist_name"] = #""Welcome""#
    default: break
    }
    // The dependent ones get company, so that only the field in question is wrong.
    if changes["allow_guests"] == "true" { fields["pin"] = #""1234""# }
    for (key, value) in changes { fields[key] = value }
    return "{" + fields.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",")
      + "}"
  }

  @Test func theTableIsWhole() {
    let printed = Set(Self.table.split(separator: "\n").map { String($0.prefix { $0 != " " }) })
    let breakout = ServiceField.allCases.filter { $0.rawValue.hasPrefix("breakout") && $0 != .breakoutRooms }
    let known = Set(ServiceField.allCases).subtracting(breakout + [.endAction, .endTime, .serviceType])
    #expect(printed == Set(known.map(\.rawValue)))
    #expect(Set(Self.values.keys) == printed)
  }

  @Test(arguments: cells) func cell(_ field: String, _ type: ServiceType, _ mark: String) throws {
    let (right, wrong) = try #require(Self.values[field])
    let path = "result.\(field)"
    let good = read(result(type, [field: right]))
    #expect(good.outcome == .used, "\(good.findings)")
    let bad = read(result(type, [field: wrong]))
    let absent = read(result(type, [field: String?.none]))
    let null = read(result(type, [field: "null"]))
    switch mark {
    case "R":
      #expect(bad.outcome == .invalid)
      #expect(bad.errors == [path])
      #expect(absent.errors == [path])
      #expect(null.errors == [path])
    case "o":
      #expect(bad.outcome == .invalid)
      #expect(bad.errors == [path])
      #expect(absent.outcome == .used)
      #expect(null.outcome == .used)
      #expect(null.fields?[ServiceField(rawValue: field)!] == nil)
    default:
      // A field of another service type is passed over, whatever is in it.
      #expect(bad.outcome == .used)
      #expect(bad.notes == [path])
      #expect(absent.outcome == .used)
    }
  }

  @Test func unknownServiceTypeIsNamedWithEverythingElseThatIsWrong() {
    let reading = read(#"{"service_type":"party","view":"x","max_callrate_in":5,"guest_pin":"12"}"#)
    #expect(reading.outcome == .invalid)
    #expect(
      reading.errors == [
        "result.service_type", "result.guest_pin", "result.view", "result.max_callrate_in",
      ])
  }

  @Test func everyWrongFieldIsListed() {
    let reading = read(
      Fixture.conference(
        #""view":"x","locked":"perhaps","participant_limit":1.5,"enable_chat":null,"ivr_theme_name":"Red","pin":"abc""#
      ))
    #expect(
      reading.findings.map(\.description) == [
        "result.pin: must be 4 to 20 digits, the last of which may be #",
        "result.view: “x” is not one of one_main_zero_pips, one_main_seven_pips, one_main_twentyone_pips, two_mains_twentyone_pips, one_main_thirtythree_pips, four_mains_zero_pips, nine_mains_zero_pips, sixteen_mains_zero_pips, twentyfive_mains_zero_pips, five_mains_seven_pips, one_main_one_pip, one_main_nine_around, one_main_twelve_around, two_mains_eight_around, one_main_twentyone_around",
        "result.locked: must be a boolean, is a string",
        "result.participant_limit: must be a whole number, is a number",
        "result.ivr_theme_name: there is no theme named “Red”",
      ])
  }

  @Test func findingsAreBounded() {
    let keys = (0..<5_000).map { "\"k\($0)\":1" }.joined(separator: ",")
    let noisy = read(Fixture.conference(keys))
    #expect(noisy.outcome == .used)
    #expect(noisy.findings.count == 100)
    let wrong = (0..<200).map { _ in "{}" }.joined(separator: ",")
    let reading = read(Fixture.conference("\(keys),\"automatic_participants\":[\(wrong)]"))
    #expect(reading.outcome == .invalid)
    #expect(reading.findings.count == 100)
    #expect(!reading.errors.isEmpty)
  }

  // MARK: §11.4: lenient intake

  @Test(arguments: [
    #""locked":"true""#, #""locked":"True""#, #""locked":true"#, #""locked":false,"locked":true"#,
  ]) func lenientTrue(_ field: String) {
    #expect(read(Fixture.conference(field)).fields?.boolean(.locked) == true)
  }

  @Test(arguments: [#""locked":"false""#, #""locked":"False""#, #""locked":null"#, #""unheard_of":[1,{}]"#])
  func lenientFalse(_ field: String) {
    let reading = read(Fixture.conference(field))
    #expect(reading.outcome == .used)
    #expect(reading.fields?.boolean(.locked) == false)
  }

  @Test(arguments: [#""2048000""#, "2048000", "2048000.0", "2.048e6"]) func lenientNumbers(_ value: String) {
    #expect(
      read(Fixture.conference("\"max_callrate_in\":\(value)")).fields?.integer(.maxCallrateIn) == 2_048_000)
  }

  @Test(arguments: [
    #""""#, #""2 Mbit/s""#, "true", "99999999999999999999", #""99999999999999999999""#, "2048000.5", "-1",
    "[]",
    "1e300",
  ]) func badNumbers(_ value: String) {
    #expect(read(Fixture.conference("\"max_callrate_in\":\(value)")).errors == ["result.max_callrate_in"])
  }

  @Test func emptyNamesAreNotSet() {
    let reading = read(
      Fixture.gateway(#""sip_proxy_name":"","ivr_theme_name":"","outgoing_location_name":"""#))
    #expect(reading.outcome == .used)
    #expect(reading.fields?[.sipProxyName] == nil)
  }

  @Test func byteOrderMarkAndTopLevelKeysAreNoMatter() {
    let text =
      "\u{feff}" + #"{"reason":"crm 12 ms","status":"success","result":\#(Fixture.conference()),"v":2}"#
    #expect(Fixture.read(.serviceConfiguration, text).fields?.name == "Board")
  }

  // MARK: Strings

  @Test func stringsHaveALimit() {
    let limit = String(repeating: "ö", count: 250)
    #expect(read(Fixture.conference("\"local_display_name\":\"\(limit)\"")).outcome == .used)
    #expect(
      read(Fixture.conference("\"local_display_name\":\"\(limit)x\"")).findings
        == [AnswerFinding("result.local_display_name", .tooLong(limit: 250))])
  }

  @Test func lineBreaksBelongInDescriptionsOnly() {
    #expect(read(Fixture.conference(#""description":"a\r\n\tb""#)).outcome == .used)
    for field in ["local_display_name", "source_language", "pinning_config"] {
      #expect(read(Fixture.conference("\"\(field)\":\"a\\r\\nX: y\"")).errors == ["result.\(field)"])
    }
    #expect(read(Fixture.conference(#""description":"a\u0000""#)).errors == ["result.description"])
  }

  @Test func pinsAndAliasesAreNotQuoted() {
    let reading = read(
      Fixture.gateway(#""dtmf_sequence":"9876x","local_display_name":"geheim\u0007""#))
    let text = reading.findings.map(\.description).joined()
    #expect(reading.errors.count == 2)
    #expect(!text.contains("9876") && !text.contains("geheim"))
    let pins = read(Fixture.conference(#""pin":"98765x","guest_pin":"4711y","allow_guests":true"#))
    #expect(pins.errors == ["result.pin", "result.guest_pin"])
    #expect(!pins.findings.map(\.description).joined().contains("98765"))
    let used = read(Fixture.conference(#""pin":"98765""#))
    #expect(!"\(used)".contains("98765"))
  }

  // MARK: §12.2: PINs

  @Test(arguments: [
    ("", true), (#""pin":null,"guest_pin":null"#, true),
    (#""pin":"","guest_pin":"","allow_guests":false"#, true),
    (#""pin":"1234""#, true), (#""pin":"1234","guest_pin":"""#, true),
    (#""pin":"1234","allow_guests":true"#, true), (#""pin":"1234","guest_pin":"","allow_guests":true"#, true),
    (#""allow_guests":true"#, false), (#""pin":"","guest_pin":"5678","allow_guests":true"#, false),
    (#""guest_pin":"5678","allow_guests":true"#, false),
    (#""pin":"1234","guest_pin":"5678","allow_guests":true"#, true),
    (#""pin":"1234","guest_pin":"5678","allow_guests":false"#, false),
    (#""pin":"1234","guest_pin":"5678""#, false),
    (#""pin":"1234","guest_pin":"1234","allow_guests":true"#, false),
    (#""pin":"1234","guest_pin":"56789","allow_guests":true"#, false),
    (#""pin":"1234#","guest_pin":"56789#","allow_guests":true"#, true),
    (#""pin":"1234#","guest_pin":"5678","allow_guests":true"#, false),
    (#""pin":"1234","guest_pin":"5678#","allow_guests":true"#, false),
    (#""pin":"123""#, false), (#""pin":"abcd""#, false), (#""pin":"12#4""#, false), (#""pin":"123#""#, true),
    (#""pin":"12345678901234567890""#, true), (#""pin":"123456789012345678901""#, false),
    (#""pin":"1234567890123456789#""#, true), (#""pin":"12345678901234567890#""#, false),
    (#""pin":1234"#, false), (#""pin":"١٢٣٤""#, false),
  ])
  func pins(_ fields: String, _ isValid: Bool) {
    for type in ["conference", "lecture", "media_playback"] {
      let extra =
        (fields.isEmpty ? "" : ",") + fields + (type == "media_playback" ? #","media_playlist_name":7"# : "")
      let reading = read(#"{"service_type":"\#(type)","name":"N","service_tag":""\#(extra)}"#)
      #expect((reading.outcome == .used) == isValid, "\(reading.findings)")
      #expect(isValid || reading.errors.contains { $0.hasSuffix("pin") })
    }
  }

  // MARK: Layouts and call types

  @Test(arguments: [
    "one_main_zero_pips", "one_main_seven_pips", "one_main_twentyone_pips", "two_mains_twentyone_pips",
    "one_main_thirtythree_pips", "four_mains_zero_pips", "nine_mains_zero_pips", "sixteen_mains_zero_pips",
    "twentyfive_mains_zero_pips", "five_mains_seven_pips", "one_main_one_pip", "one_main_nine_around",
    "one_main_twelve_around", "two_mains_eight_around", "one_main_twentyone_around",
  ]) func layouts(_ layout: String) {
    #expect(read(Fixture.conference("\"view\":\"\(layout)\"")).outcome == .used)
  }

  @Test func someWordsBelongToGatewayCalls() {
    for field in [#""view":"teams""#, #""view":"teams_focus""#, #""call_type":"auto""#] {
      #expect(read(Fixture.gateway(field)).outcome == .used)
      #expect(read(Fixture.conference(field)).outcome == .invalid)
    }
  }

  // MARK: §12.3

  static let recorder =
    #""remote_alias":"rtmps://rec.example.org/live/board","local_alias":"board@example.org","protocol":"rtmp","role":"guest""#

  @Test func automaticParticipant() {
    let reading = read(
      Fixture.conference(
        "\"automatic_participants\":[{\(Self.recorder)},{\(Self.recorder),\"streaming\":true,\"routing\":\"routing_rule\","
          + #""keep_conference_alive":"keep_conference_alive_never","call_type":"audio","system_location_name":"South","dtmf_sequence":"1,2#","role":"chair","presentation_url":"rtmps://x/y","unknown":1}]"#
      ))
    let list = reading.fields?.automaticParticipants ?? []
    #expect(list.count == 2)
    var plain = RoomSettings.AutomaticParticipant(
      localAlias: "board@example.org", remoteAlias: "rtmps://rec.example.org/live/board", callProtocol: .rtmp,
      role: .guest)
    #expect(list.first == plain)
    plain.isStreaming = true
    plain.isRoutedByRules = true
    plain.keepAlive = .never
    plain.callCapability = .audio
    plain.systemLocation = "South"
    plain.dtmfSequence = "1,2#"
    plain.role = .chair
    plain.presentationURL = "rtmps://x/y"
    #expect(list.last == plain)
  }

  @Test func automaticParticipantsAreCheckedOneByOne() {
    let reading = read(
      Fixture.conference(
        "\"automatic_participants\":[{\(Self.recorder)},{\"protocol\":\"webrtc\"},5,{\(Self.recorder),\"role\":\"host\",\"routing\":1,\"streaming\":\"x\",\"keep_conference_alive\":\"yes\",\"call_type\":\"auto\",\"system_location_name\":\"x\",\"dtmf_sequence\":\"x\"}]"
      ))
    let path = "result.automatic_participants"
    #expect(
      reading.errors == [
        "\(path)[1].local_alias", "\(path)[1].remote_alias", "\(path)[1].role", "\(path)[1].protocol",
        "\(path)[2]",
        "\(path)[3].role", "\(path)[3].call_type", "\(path)[3].keep_conference_alive", "\(path)[3].routing",
        "\(path)[3].streaming", "\(path)[3].system_location_name", "\(path)[3].dtmf_sequence",
      ])
    #expect(!reading.findings.map(\.description).joined().contains("rec.example.org"))
  }

  @Test func automaticParticipantsAreBounded() {
    func answer(_ count: Int) -> String {
      Fixture.conference(
        "\"automatic_participants\":[\(Array(repeating: "{\(Self.recorder)}", count: count).joined(separator: ","))]"
      )
    }
    #expect(read(answer(250)).fields?.automaticParticipants.count == 250)
    #expect(
      read(answer(251)).findings == [AnswerFinding("result.automatic_participants", .tooMany(limit: 250))])
  }

  // MARK: §12.4

  static let breakout =
    #""breakout":true,"breakout_uuid":"AAAAAAAA-2222-3333-4444-555555555555","breakout_name":"Room 1""#

  @Test func breakoutRoom() {
    let reading = read(
      Fixture.conference(Self.breakout + #","end_action":"disconnect","end_time":1700000000"#))
    #expect(reading.fields?.text(.breakoutUUID) == "aaaaaaaa-2222-3333-4444-555555555555")
    #expect(reading.fields?.text(.endAction) == "disconnect")
    #expect(reading.fields?.integer(.endTime) == 1_700_000_000)
    #expect(reading.fields?.boolean(.breakoutGuestsAllowedToLeave) == false)
  }

  @Test func breakoutRoomsAreChecked() {
    #expect(
      read(Fixture.conference(#""breakout":true"#)).errors == [
        "result.breakout_uuid", "result.breakout_name",
      ])
    #expect(
      read(Fixture.conference(#""breakout":true,"breakout_uuid":"x","breakout_name":"n""#)).errors
        == ["result.breakout_uuid"])
    #expect(
      read(Fixture.conference(Self.breakout + #","breakout_rooms":true"#)).errors == ["result.breakout_rooms"]
    )
    #expect(
      read(Fixture.conference(#""breakout_rooms":true,"direct_media":"always""#)).errors == [
        "result.direct_media"
      ])
    #expect(read(Fixture.conference(#""breakout_rooms":true,"direct_media":"never""#)).outcome == .used)
    let main = read(
      Fixture.conference(#""breakout_rooms":true,"breakout_uuids":["11111111-2222-3333-4444-555555555555"]"#))
    #expect(main.fields?.breakoutUUIDs == ["11111111-2222-3333-4444-555555555555"])
    #expect(
      read(Fixture.conference(#""breakout_uuids":["11111111-2222-3333-4444-55555555555g"]"#)).errors
        == ["result.breakout_uuids[0]"])
  }

  // MARK: §12.5

  @Test(arguments: [
    (#"{"disconnect":true}"#, PlaybackCompletion.disconnect),
    (#"{"transfer":{"conference":"a@b"}}"#, .transfer(alias: "a@b", role: nil)),
    (#"{"transfer":{"conference":"a@b","role":"guest"}}"#, .transfer(alias: "a@b", role: .guest)),
    (#"{"transfer":{"conference":"a@b","role":"host"}}"#, .transfer(alias: "a@b", role: .chair)),
    (#"{"transfer":{"conference":"a@b","role":"auto"}}"#, .transfer(alias: "a@b", role: nil)),
    (#""{\"disconnect\":true}""#, .disconnect),
    (#""{\"transfer\":{\"conference\":\"a@b\",\"role\":\"chair\"}}""#, .transfer(alias: "a@b", role: .chair)),
  ]) func completion(_ text: String, _ completion: PlaybackCompletion) {
    let reading = read(result(.mediaPlayback, ["on_completion": text]))
    #expect(reading.fields?.completion == completion)
  }

  @Test(arguments: [
    ("5", ""), (#""x""#, ""), ("{}", ".transfer"), (#"{"transfer":{}}"#, ".transfer.conference"),
    (#"{"transfer":{"conference":""}}"#, ".transfer.conference"),
    (#"{"transfer":{"conference":"a","role":"boss"}}"#, ".transfer.role"),
  ]) func badCompletion(_ text: String, _ field: String) {
    #expect(read(result(.mediaPlayback, ["on_completion": text])).errors == ["result.on_completion\(field)"])
  }

  // MARK: As a decision

  @Test func conferenceAsADecision() {
    let fields = read(
      Fixture.conference(
        #""description":"Board room","allow_guests":true,"pin":"4411","guest_pin":"7722","max_callrate_in":2048000,"max_callrate_out":1024000,"crypto_mode":"on","call_type":"audio""#
      )
    ).fields
    #expect(
      fields?.decision(ServiceDefaults())
        == .service(
          ServiceConfiguration(
            kind: .conference, name: "Board", tag: "b", description: "Board room", callCapability: .audio,
            mediaEncryption: .required, maximumBandwidthIn: Bandwidth(bitsPerSecond: 2_048_000),
            maximumBandwidthOut: Bandwidth(bitsPerSecond: 1_024_000), pin: Secret("4411"),
            guestPIN: Secret("7722"),
            allowsGuests: true)))
  }

  @Test func whatIsLeftOpenIsTheDeployments() {
    let defaults = ServiceDefaults(
      mediaEncryption: .off, maximumBandwidthIn: Bandwidth(bitsPerSecond: 1),
      maximumBandwidthOut: Bandwidth(bitsPerSecond: 2), maximumPixels: "hd")
    guard
      case .service(let service)? = read(Fixture.conference(#""crypto_mode":null"#)).fields?.decision(
        defaults),
      case .gateway(let gateway)? = read(Fixture.gateway()).fields?.decision(defaults)
    else { return #expect(Bool(false)) }
    #expect(service.mediaEncryption == .off)
    #expect(service.maximumBandwidthIn == Bandwidth(bitsPerSecond: 1))
    #expect(service.callCapability == .video)
    #expect(gateway.maximumBandwidthOut == Bandwidth(bitsPerSecond: 2))
    #expect(gateway.maximumPixels == "hd")
  }

  /// The gateway answer printed in §11.6, with a few fields more.
  @Test func gatewayAsADecision() {
    let fields = read(
      Fixture.gateway(
        #""sip_proxy_name":"PBX East","call_type":"audio","dtmf_sequence":",,12#","called_device_type":"external","outgoing_location_name":"South","treat_as_trusted":true,"local_display_name":"Desk","turn_server_name":"TURN""#
      )
    ).fields
    var gateway = GatewayConfiguration(
      name: "desk-0f31", tag: "desk", remoteAlias: "agent7@pbx.example.org",
      localAlias: "desk@example.org", localDisplayName: "Desk", outgoingLocation: "South",
      trunks: [TrunkChoice(trunk: "PBX East")], callCapability: .audio, isTreatedAsTrusted: true)
    gateway.turnServer = "TURN"
    gateway.dtmfSequence = ",,12#"
    #expect(fields?.decision(ServiceDefaults()) == .gateway(gateway))
    #expect(fields?.text(.dtmfSequence) == ",,12#")
  }

  @Test(arguments: [
    ("sip:agent7@pbx.example.org;transport=tls", "sip", "agent7@pbx.example.org"),
    ("agent7@pbx.example.org", "sip", "agent7@pbx.example.org"),
    ("sip:100@192.0.2.7", "sip", "100@192.0.2.7"),
    ("sip:100@192.0.2.7:5062;x=y", "sip", "100@192.0.2.7:5062"), ("5551234", "sip", "5551234"),
    ("sip:100@pbx.example.org:5062", "sip", "100@pbx.example.org:5062"),
    ("<sip:100@[2001:db8::7]:5062;x=y>", "sip", "100@[2001:db8::7]:5062"),
    ("sip:a%40b@pbx.example.org", "sip", "a@b@pbx.example.org"),
    ("tel:+47-22", "sip", "+4722"), ("h323:bob@example.org", "h323", "bob@example.org"),
    ("rtmps://a.example/live@x", "rtmp", "rtmps://a.example/live@x"),
  ]) func calledAliases(_ text: String, _ callProtocol: String, _ bare: String) {
    let result =
      #"{"service_type":"gateway","name":"g","service_tag":"","local_alias":"","remote_alias":"\#(text)","outgoing_protocol":"\#(callProtocol)"}"#
    guard case .gateway(let gateway)? = read(result).fields?.decision(ServiceDefaults()) else {
      return #expect(Bool(false))
    }
    #expect(gateway.remoteAlias == bare)
    #expect(gateway.localAlias == nil)
  }
}
