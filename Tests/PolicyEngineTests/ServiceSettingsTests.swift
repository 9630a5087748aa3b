import CallModel
import PolicyEngine
import Testing

/// Services in YAML, with everything that makes them what they are.
@Suite struct ServiceSettingsTests {
  private func service(_ yaml: String) throws -> ServiceConfiguration {
    let outcome = PolicyLoader.load(
      text: """
        themes: [{name: Blue, directory: blue}]
        playlists: [{name: Welcome, files: [welcome.wav]}]
        locations: [{name: North}]
        teams_proxies: [{name: Teams, host: teams.example.org}]
        services:
        \(yaml.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n"))
        """, secrets: .fixed(variables: ["PIN": "4411", "GUEST": "7722"]))
    #expect(outcome.errors.isEmpty, "\(outcome.diagnostics)")
    return try #require(outcome.snapshot).policy.services[0].configuration
  }

  private func codes(_ fields: String, type: String = "conference") -> [String] {
    PolicyLoader.load(
      text: "services:\n  - {name: x, type: \(type), aliases: [x], \(fields)}",
      secrets: .fixed(variables: ["A": "1234", "B": "5678", "LONG": "56789", "BAD": "12x4"])
    ).diagnostics.map(\.code)
  }

  @Test func aRoomWithEverything() throws {
    let room = try service(
      """
      - name: Board
        type: lecture
        aliases: [board]
        pin: {env: PIN}
        guest_pin: {env: GUEST}
        allow_guests: true
        theme: Blue
        display_name: The board
        max_resolution: fullhd
        bypass_proxy: true
        room:
          host_view: five_mains_seven_pips
          guest_view: one_main_zero_pips
          force_presenter_into_main: true
          guests_can_see_guests: never
          guests_can_present: false
          mute_all_guests: true
          locked: true
          participant_limit: 20
          direct_media: best_effort
          direct_media_notification: 5
          enable_chat: "no"
          enable_overlay_text: true
          prefer_ipv6: "yes"
          pinning_config: pairs
          automatic_participants:
            - {remote_alias: rtmps://rec.example.org/x, local_alias: board, protocol: rtmp, role: guest, streaming: true,
               keep_conference_alive: keep_conference_alive_never, system_location: North}
      """)
    #expect(room.kind == .lecture && room.pin == Secret("4411") && room.guestPIN == Secret("7722"))
    #expect(room.allowsGuests && room.theme == "Blue" && room.localDisplayName == "The board")
    #expect(room.maximumPixels == "fullhd" && room.bypassesProxy)
    var expected = RoomSettings()
    expected.hostLayout = .fiveMainsSevenPips
    expected.guestLayout = .oneMain
    expected.forcesPresenterIntoMain = true
    expected.guestsCanSeeGuests = .never
    expected.guestsCanPresent = false
    expected.mutesAllGuests = true
    expected.isLocked = true
    expected.participantLimit = 20
    expected.directMedia = .bestEffort
    expected.directMediaNotification = 5
    expected.chat = .no
    expected.showsOverlayText = true
    expected.preferIPv6 = .yes
    expected.pinningConfiguration = "pairs"
    var recorder = RoomSettings.AutomaticParticipant(
      localAlias: "board", remoteAlias: "rtmps://rec.example.org/x", callProtocol: .rtmp, role: .guest)
    recorder.isStreaming = true
    recorder.keepAlive = .never
    recorder.systemLocation = "North"
    expected.automaticParticipants = [recorder]
    #expect(room.room == expected)
  }

  @Test func aReceptionAndAPlayback() throws {
    let reception = try service(
      """
      - name: Lobby
        type: two_stage_dialing
        aliases: [lobby]
        reception: {match: '(\\d{3})', replace: 'room\\1', type: teams, teams_proxy: Teams, system_location: North}
      """
    ).reception
    #expect(reception.match == AliasTransform(pattern: "(\\d{3})", replacement: "room\\1"))
    #expect(reception.dialType == .teams && reception.teamsProxy == "Teams" && reception.location == "North")
    let playback = try service(
      """
      - name: Hello
        type: media_playback
        aliases: [hello]
        playback: {playlist: Welcome, on_completion: {transfer: board, role: guest}}
      """
    ).playback
    #expect(playback.playlist == "Welcome")
    #expect(playback.completion == .transfer(alias: "board", role: .guest))
  }

  @Test(arguments: [
    ("pin: {env: BAD}", ["wrong-value"]), ("guest_pin: {env: B}", ["pin-conflict"]),
    ("allow_guests: true", ["pin-conflict"]), ("pin: {env: A}, guest_pin: {env: B}", ["pin-conflict"]),
    ("pin: {env: A}, guest_pin: {env: A}, allow_guests: true", ["pin-conflict"]),
    ("pin: {env: A}, guest_pin: {env: LONG}, allow_guests: true", ["pin-conflict"]),
    ("pin: {env: A}, guest_pin: {env: B}, allow_guests: true", []),
    ("theme: Green", ["unknown-reference"]),
    ("room: {breakout_rooms: true, direct_media: always}", ["wrong-value"]),
    ("room: {view: teams}", ["wrong-type"]), ("room: {participant_limit: -1}", ["out-of-range"]),
    ("reception: {type: gms}", ["setting-ignored"]), ("playback: {playlist: x}", ["setting-ignored"]),
    (
      "room: {automatic_participants: [{remote_alias: a, local_alias: b, protocol: sip, role: chair, dtmf_sequence: x}]}",
      ["wrong-value"]
    ),
  ])
  func whatIsWrong(_ fields: String, _ expected: [String]) {
    #expect(codes(fields) == expected, "\(fields)")
  }

  @Test func whatBelongsToOtherTypes() {
    #expect(codes("pin: {env: A}", type: "test_call") == ["setting-ignored"])
    #expect(codes("reception: {match: '('}", type: "two_stage_dialing") == ["invalid-pattern"])
    #expect(
      codes("reception: {match: 'a', replace: '\\1'}", type: "two_stage_dialing") == ["invalid-replacement"])
    #expect(codes("description: x", type: "media_playback") == ["missing-key"])
  }

  @Test func aThousandRulesShareWhatTheySay() {
    var gateway = GatewayConfiguration(name: "a", remoteAlias: "b")
    #expect(MemoryLayout<RoomSettings>.size > 0 && MemoryLayout<GatewayConfiguration>.size <= 56)
    var copy = gateway
    copy.details.description = "x"
    #expect(gateway.details.description.isEmpty && copy != gateway)
    copy.details = GatewayDetails()
    #expect(copy == gateway)
    gateway.details.transcodes = false
    #expect(gateway.details.transcodes == false)
  }
}
