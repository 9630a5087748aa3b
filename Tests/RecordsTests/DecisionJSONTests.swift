import CallModel
import Foundation
import Testing

@testable import Records

@Suite struct DecisionJSONTests {
  static let decisions: [Decision] = [
    Samples.gatewayDecision().decision,
    .service(
      ServiceConfiguration(
        kind: .conference, name: "Weekly", tag: "t", description: "line\nbreak \\ \"quoted\"",
        maximumBandwidthIn: Bandwidth(bitsPerSecond: 512_000), allowsGuests: true)),
    .reject(.tooManyHops),
    .redirect("sip:bob@elsewhere.example"),
  ]

  @Test(arguments: decisions) func everyDecisionIsReadBackAsItWas(decision: Decision) throws {
    var record = Samples.gatewayDecision(rules: 40)
    record.alias.pin = nil
    record.decision = decision
    record.omittedConsiderations = 7
    #expect(try DecisionRecord(json: record.json) == record)
  }

  @Test func everyFieldOfAGatewayCallIsKept() throws {
    guard case .gateway(var gateway) = Samples.gatewayDecision().decision else { return }
    gateway.h323Gatekeeper = "gk"
    gateway.mssipProxy = "lync"
    gateway.stunServer = "stun"
    gateway.turnServer = "turn"
    gateway.teamsProxy = "teams"
    gateway.gmsAccessToken = "meet"
    gateway.telehealthProfile = "epic"
    gateway.theme = "dark"
    gateway.maximumPixels = "hd"
    gateway.localAlias = "tandem"
    gateway.localDisplayName = "Tandem"
    gateway.outgoingLocation = "Bergen"
    gateway.maximumBandwidthOut = Bandwidth(kilobitsPerSecond: 64)
    gateway.continueOn = [.busy, .networkFailure]
    gateway.isTreatedAsTrusted = true
    gateway.denoiseAudio = false
    var record = Samples.gatewayDecision()
    record.alias.pin = nil
    record.decision = .gateway(gateway)
    #expect(try DecisionRecord(json: record.json).decision == .gateway(gateway))
  }

  /// A service in which nothing is as usual.
  static var unusual: ServiceConfiguration {
    var service = ServiceConfiguration(
      kind: .conference, name: "Room", bypassesProxy: true, pin: Secret("864202"), guestPIN: Secret("975313"),
      allowsGuests: true)
    service.signOn.hostGroup = "staff"
    service.signOn.guestGroup = "guests"
    service.signOn.others = .allowIfTrusted
    var room = RoomSettings()
    room.layout = .fiveMainsSevenPips
    room.hostLayout = .fourMains
    room.guestLayout = .oneMain
    room.forcesPresenterIntoMain = true
    room.guestsCanSeeGuests = .never
    room.guestsCanPresent = false
    room.mutesAllGuests = true
    room.isLocked = true
    room.participantLimit = 0
    room.hasBreakoutRooms = true
    room.directMedia = .always
    room.directMediaNotification = 30
    room.chat = .no
    room.showsActiveSpeaker = true
    room.showsOverlayText = true
    room.denoises = true
    room.softMutes = true
    room.pinningConfiguration = "front \"row\""
    room.preferIPv6 = .yes
    room.ownerEmailAddress = "ann@example.org"
    room.liveCaptions = .yes
    room.liveCaptionsLanguage = "de"
    room.sourceLanguage = "en"
    var called = RoomSettings.AutomaticParticipant(
      localAlias: "room@example.org", remoteAlias: "rtmps://live.example.org:443/app/streamkey",
      callProtocol: .rtmp, role: .chair)
    called.callCapability = .audio
    called.description = "stream"
    called.dtmfSequence = "918273"
    called.keepAlive = .never
    called.localDisplayName = "l"
    called.remoteDisplayName = "r"
    called.presentationURL = "rtmp://live.example.org/app/otherkey"
    called.isRoutedByRules = true
    called.isStreaming = true
    called.systemLocation = "North"
    room.automaticParticipants = [
      called,
      .init(localAlias: "a", remoteAlias: "sip:recorder@example.org", callProtocol: .sip, role: .guest),
    ]
    room.breakoutUUIDs = ["x"]
    var telephone = TelephoneConference(owner: "101")
    telephone.waitsForModerator = true
    telephone.endsOnExit = true
    telephone.announcesCallers = true
    telephone.playsMusicWhenAlone = false
    room.telephone = telephone
    service.room = room
    service.reception.match = AliasTransform(pattern: "(.*)", replacement: "\\1")
    service.reception.afterLookUp = AliasTransform(pattern: "x", replacement: "y")
    service.reception.dialType = .teams
    service.reception.location = "North"
    service.reception.gmsAccessToken = "g"
    service.reception.mssipProxy = "m"
    service.reception.teamsProxy = "t"
    service.playback.playlist = "film"
    service.playback.completion = .transfer(alias: "x", role: .guest)
    return service
  }

  /// All that policy says, and nothing that is a secret.
  @Test func everySettingOfAServiceIsKeptButSecrets() throws {
    var record = Samples.gatewayDecision()
    record.alias.pin = nil
    record.decision = .service(Self.unusual)
    let json = record.json
    for secret in ["864202", "975313", "918273", "streamkey", "otherkey"] {
      #expect(!json.contains(secret), "\(secret)")
    }
    let read = try DecisionRecord(json: json)
    guard case .service(let service) = read.decision else { return #expect(Bool(false)) }
    #expect(service == Self.unusual.asRecorded && read.hasServiceSettings)
    #expect(service.room.automaticParticipants.map(\.remoteAlias).first == "rtmps://live.example.org:443")
    #expect(service.pin == .unavailable && service.isSame(as: Self.unusual.asRecorded))
    // Once more, and nothing changes.
    #expect(service.asRecorded == service)
    #expect(read.json == json)
    var disconnects = Self.unusual
    disconnects.playback.completion = .disconnect
    record.decision = .service(disconnects)
    #expect(try DecisionRecord(json: record.json).decision == .service(disconnects.asRecorded))
  }

  @Test func participantsAreKeptUpToABound() throws {
    var service = ServiceConfiguration(kind: .conference, name: "Room")
    service.room.automaticParticipants = (0...ServiceConfiguration.recordedParticipants).map {
      .init(localAlias: "a", remoteAlias: "\($0)", callProtocol: .sip, role: .guest)
    }
    var record = Samples.gatewayDecision()
    record.alias.pin = nil
    record.decision = .service(service)
    guard case .service(let read) = try DecisionRecord(json: record.json).decision else {
      return #expect(Bool(false))
    }
    #expect(read.room.automaticParticipants.count == ServiceConfiguration.recordedParticipants)
  }

  @Test func recordsFromBeforeThereWereSettings() throws {
    var record = Samples.gatewayDecision()
    record.alias.pin = nil
    record.decision = .service(ServiceConfiguration(kind: .conference, name: "Room"))
    var json = record.json
    json.replace(",\"settings\":{}", with: "")
    let read = try DecisionRecord(json: json)
    #expect(!read.hasServiceSettings && read.decision == record.decision)
    json = record.json
    json.replace("\"settings\":{}", with: "\"settings\":{\"room\":{\"view\":\"triangle\"}}")
    #expect(throws: DecisionJSONError(member: "view")) { try DecisionRecord(json: json) }
  }

  @Test func answersOfPolicyServersAreKept() throws {
    var record = Samples.gatewayDecision()
    record.alias.pin = nil
    #expect(!record.json.contains("policy_answers"))
    record.policyAnswers = [
      PolicyAnswerRecord(
        profile: "CRM", request: "service", requestID: "01234567-89ab-4def-8edc-ba9876543210",
        url: "https://crm.example.org/policy/v1/service/configuration?call_tag=", outcome: "invalid",
        isFallback: true, status: 200, latency: .microseconds(12_345), attempts: 2,
        findings: [
          .init(field: "result.view", problem: "“x” is not one of a, b", isError: true),
          .init(field: "result.colour", problem: "unknown, passed over", isError: false),
        ]),
      PolicyAnswerRecord(
        profile: "CRM", request: "participant", requestID: "x", url: "", outcome: "error",
        failure: "no connection: refused", attempts: 1),
    ]
    #expect(try DecisionRecord(json: record.json) == record)
    var json = record.json
    json.replace("\"latency_us\":12345", with: "\"latency_us\":\"x\"")
    #expect(throws: DecisionJSONError(member: "latency_us")) { try DecisionRecord(json: json) }
  }

  @Test func pinsAreNotWritten() {
    var record = Samples.gatewayDecision()
    record.alias.pin = Secret("739151")
    var service = ServiceConfiguration(kind: .conference, name: "x")
    service.pin = Secret("864202")
    service.guestPIN = Secret("975313")
    record.decision = .service(service)
    let json = record.json
    for secret in ["739151", "864202", "975313"] { #expect(!json.contains(secret)) }
    #expect(json.contains("\"has_pin\":true"))
  }

  @Test func runsOfRulesWithOneOutcomeAreOneElement() throws {
    var record = Samples.gatewayDecision(rules: 256)
    record.alias.pin = nil
    let object = try JSONSerialization.jsonObject(with: Data(record.json.utf8)) as? [String: Any]
    #expect((object?["considered"] as? [Any])?.count == 2)
    #expect(try DecisionRecord(json: record.json).considered.count == 256)
  }

  @Test func rulesOutOfOrderKeepTheirOrder() throws {
    var record = Samples.gatewayDecision()
    record.alias.pin = nil
    record.considered = [5, 6, 2, 2, 9].map { RuleConsideration(rule: $0, outcome: .location) }
    #expect(try DecisionRecord(json: record.json).considered == record.considered)
  }

  @Test(arguments: [
    "", "[]", "{", "{}", #"{"policy_version":1}"#,
    Samples.gatewayDecision().json.replacingOccurrences(of: "\"gateway\"", with: "\"teapot\""),
    Samples.gatewayDecision().json.replacingOccurrences(of: "\"last\":1", with: "\"last\":999999999999"),
    Samples.gatewayDecision().json.replacingOccurrences(of: "\"last\":1", with: "\"last\":-1"),
  ])
  func whatIsNotADecisionIsRefused(json: String) {
    #expect(throws: DecisionJSONError.self) { try DecisionRecord(json: json) }
  }

  @Test(arguments: [
    "", "plain", "\"\\\u{0}\u{1}\u{1f}\u{7f}\n\r\t", "æøå 漢字 \u{1F600}", String(repeating: "\"", count: 9000),
  ])
  func anyTextIsReadBackByAnIndependentReader(text: String) throws {
    let json = JSONWriter.text { $0.object { $0.member("a", text) } }
    let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: String]
    #expect(object == ["a": text])
    #expect(!json.utf8.contains { $0 < 0x20 || $0 == 0x7f })
  }

  @Test(arguments: [0, 1, -1, 9, 10, 99, 100, Int64.max, Int64.min, 1_000_000_000_000_000_000])
  func numbersAreWrittenInDecimal(number: Int64) {
    #expect(JSONWriter.text { $0.object { $0.member("n", number) } } == "{\"n\":\(number)}")
  }
}
