import CallModel
import PolicyEngine
import PolicyHooks
import Testing

/// The answers printed in the routing reference, §11.6, as they stand there.
@Suite struct ReferenceExampleTests {
  private func read(_ kind: PolicyRequestKind, _ body: String) -> AnswerReading { Fixture.read(kind, body) }

  /// The conference with two PINs and a recorder that is dialled automatically.
  @Test func boardRoom() throws {
    let reading = read(
      .serviceConfiguration,
      """
      {"status":"success","action":"continue","result":{
        "service_type":"conference","name":"Board","service_tag":"board-1","description":"Board room",
        "allow_guests":true,"pin":"4411","guest_pin":"7722","view":"five_mains_seven_pips","enable_overlay_text":true,
        "max_callrate_in":2048000,"max_callrate_out":2048000,
        "automatic_participants":[{"remote_alias":"rtmps://rec.example.org/live/board","local_alias":"board@example.org",
          "protocol":"rtmp","role":"guest","streaming":true,"keep_conference_alive":"keep_conference_alive_never"}]},
       "reason":"crm lookup 12 ms"}
      """)
    #expect(reading.outcome == .used && reading.disposition == .continue && reading.errors.isEmpty)
    let fields = try #require(reading.fields)
    #expect(fields.text(.view) == "five_mains_seven_pips" && fields.boolean(.enableOverlayText))
    var recorder = RoomSettings.AutomaticParticipant(
      localAlias: "board@example.org", remoteAlias: "rtmps://rec.example.org/live/board", callProtocol: .rtmp,
      role: .guest)
    recorder.isStreaming = true
    recorder.keepAlive = .never
    #expect(fields.automaticParticipants == [recorder])
    var board = ServiceConfiguration(
      kind: .conference, name: "Board", tag: "board-1", description: "Board room",
      maximumBandwidthIn: Bandwidth(kilobitsPerSecond: 2048),
      maximumBandwidthOut: Bandwidth(kilobitsPerSecond: 2048), pin: Secret("4411"), guestPIN: Secret("7722"),
      allowsGuests: true)
    board.room.layout = .fiveMainsSevenPips
    board.room.showsOverlayText = true
    board.room.automaticParticipants = [recorder]
    #expect(fields.decision(ServiceDefaults()) == .service(board))
  }

  @Test func desk() {
    let reading = read(
      .serviceConfiguration,
      #"{"status":"success","action":"continue","result":{"service_type":"gateway","name":"desk-0f31","service_tag":"desk","local_alias":"sip:desk@example.org","remote_alias":"sip:agent7@pbx.example.org","outgoing_protocol":"sip","sip_proxy_name":"PBX East","call_type":"audio","dtmf_sequence":",,12#"}}"#
    )
    var desk = GatewayConfiguration(
      name: "desk-0f31", tag: "desk", remoteAlias: "agent7@pbx.example.org", localAlias: "desk@example.org",
      trunks: [TrunkChoice(trunk: "PBX East")], callCapability: .audio)
    desk.dtmfSequence = ",,12#"
    #expect(reading.outcome == .used && reading.fields?.decision(ServiceDefaults()) == .gateway(desk))
  }

  struct Example: Sendable {
    var kind: PolicyRequestKind
    var body: String
    var verdict: PolicyVerdict
    var outcome: PolicyOutcome
  }

  private static let caller: ParticipantProperties = {
    var properties = ParticipantProperties()
    properties.preauthenticatedRole = .role(.guest)
    properties.remoteDisplayName = "Caller 12"
    properties.bypassesLock = false
    properties.presentationPolicy = .deny
    return properties
  }()

  @Test(arguments: [
    Example(
      kind: .serviceConfiguration, body: #"{"status":"success","action":"reject","result":{}}"#,
      verdict: .service(.reject), outcome: .reject),
    Example(
      kind: .serviceConfiguration,
      body: #"{"status":"success","action":"redirect","result":{"new_alias":"sip:desk2@example.org"}}"#,
      verdict: .service(.redirect("sip:desk2@example.org")), outcome: .redirect),
    Example(
      kind: .serviceConfiguration, body: #"{"status":"success","action":"continue","result":{}}"#,
      verdict: .service(.ownRules), outcome: .continue),
    Example(
      kind: .participantProperties,
      body:
        #"{"status":"success","action":"continue","result":{"preauthenticated_role":"guest","remote_display_name":"Caller 12","bypass_lock":false,"rx_presentation_policy":"DENY"}}"#,
      verdict: .participant(.apply(caller)), outcome: .used),
    Example(
      kind: .participantProperties,
      body: #"{"status":"success","action":"reject","result":{"reject_reason":"Not on the list"}}"#,
      verdict: .participant(.reject(reason: "Not on the list")), outcome: .reject),
    Example(
      kind: .mediaLocation,
      body: #"{"status":"success","result":{"location":"North","overflow_locations":["South","Cloud"]}}"#,
      verdict: .mediaLocation(MediaLocation(location: "North", overflowLocations: ["South", "Cloud"])),
      outcome: .used),
    Example(
      kind: .directory,
      body:
        #"{"status":"success","result":[{"username":"","alias":"ann@example.org","description":"Ann"}],"ignore_local":true}"#,
      verdict: .directory(
        DirectoryAnswer(entries: [.init(alias: "ann@example.org", description: "Ann")], ignoresLocal: true)),
      outcome: .used),
    Example(
      kind: .registration, body: #"{"status":"success","result":{"username":"ann","password":"s3cret"}}"#,
      verdict: .registration(.authenticate(username: "ann", password: Secret("s3cret"))), outcome: .used),
  ])
  func example(_ example: Example) {
    let reading = read(example.kind, example.body)
    #expect(reading.verdict == example.verdict)
    #expect(reading.outcome == example.outcome && reading.errors.isEmpty)
  }

  // MARK: What a server is told of a caller

  /// As received, whoever says so; what a trusted trunk asserts is only what is passed on.
  @Test func claimedIdentitiesAndSubnetsAreAsReceived() {
    var request = CallRequest(
      id: CallID(high: 0, low: 1), direction: .dialIn, trigger: .invite, callProtocol: .sip,
      alias: Alias(sip: "sip:a@example.org"), caller: Caller(alias: "sip:b@example.org"))
    #expect(CallFacts(request).assertedIdentities.isEmpty && CallFacts(request).msSubnets.isEmpty)
    request.caller.claimedIdentities = ["<sip:boss@example.org>"]
    request.caller.subnets = ["172.23.0.0"]
    #expect(CallFacts(request).assertedIdentities == ["<sip:boss@example.org>"])
    #expect(CallFacts(request).msSubnets == ["172.23.0.0"])
  }
}
