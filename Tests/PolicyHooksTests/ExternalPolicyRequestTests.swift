import CallModel
import PolicyEngine
import PolicyHooks
import Testing

/// Requests byte for byte (routing reference §§9, 10).
@Suite struct ExternalPolicyRequestTests {
  static let node = NodeFacts(
    location: "North Hall", address: IPAddress("198.51.100.21"), versionID: "35",
    pseudoVersionID: "77683.0.0")
  static let nodeQuery = "location=North+Hall&node_ip=198.51.100.21&version_id=35&pseudo_version_id=77683.0.0"
  static let id = RequestID(high: 0x0123_4567_89ab_cdef, low: 0xfedc_ba98_7654_3210)

  static var call: CallFacts {
    CallFacts(
      direction: .dialIn, callProtocol: .sip, trigger: .invite, localAlias: "sip:meet.ann@example.org",
      remoteAlias: "sip:ann@example.org", remoteDisplayName: "Ann Ö & Co",
      remoteAddress: TransportAddress("192.0.2.5:58435"), vendor: "Acme/CE 11.1 (build 5)", isEncrypted: true)
  }

  static let callQuery =
    "call_direction=dial_in&protocol=sip&bandwidth=0&vendor=Acme%2FCE+11.1+%28build+5%29&encryption=On"
    + "&registered=False&trigger=invite&remote_display_name=Ann+%C3%96+%26+Co&remote_alias=sip%3Aann%40example.org"
    + "&remote_address=192.0.2.5&remote_port=58435&call_tag=&idp_uuid=&has_authenticated_display_name=False"
    + "&supports_direct_media=False&teams_tenant_id="

  private func http(
    _ request: ExternalPolicyRequest, _ url: String = "https://policy.example.org",
    _ credential: Credential? = nil
  ) throws -> PolicyHTTPRequest {
    try PolicyHTTPRequest(request, id: Self.id, server: PolicyServerURL(url), credential: credential)
  }

  private func target(_ request: ExternalPolicyRequest) throws -> String { try http(request).target }

  // MARK: The six

  /// The request printed in the reference, §9.
  @Test func service() throws {
    #expect(
      try target(.serviceConfiguration(Self.call, Self.node))
        == "/policy/v1/service/configuration?\(Self.callQuery)&\(Self.nodeQuery)&local_alias=sip%3Ameet.ann%40example.org"
    )
  }

  @Test func servicePlacesWhatIsKnownOnlySometimes() throws {
    var call = Self.call
    call.direction = .dialOut
    call.isEncrypted = nil
    call.isRegistered = true
    call.remoteAddress = nil
    call.previousServiceName = "Lobby"
    call.displayCount = 2
    call.telehealthRequestID = "t1"
    call.thirdPartyPasscode = Secret("98&76")
    call.msSubnets = ["172.23.0.0"]
    call.assertedIdentities = ["\"Ann\"<sip:ann@example.org>", "<tel:+4712>"]
    let request = try http(
      .serviceConfiguration(
        call, Self.node, service: ServiceFacts(name: "Board", tag: "b 1", uniqueName: "Board_2")))
    let expected =
      "/policy/v1/service/configuration?call_direction=dial_out&protocol=sip&bandwidth=0"
      + "&vendor=Acme%2FCE+11.1+%28build+5%29&encryption=Unknown&registered=True&trigger=invite"
      + "&remote_display_name=Ann+%C3%96+%26+Co&remote_alias=sip%3Aann%40example.org&remote_address=&remote_port="
      + "&call_tag=&idp_uuid=&has_authenticated_display_name=False&supports_direct_media=False&teams_tenant_id="
      + "&ms-subnet=172.23.0.0&P-Asserted-Identity=%22Ann%22%3Csip%3Aann%40example.org%3E"
      + "&P-Asserted-Identity=%3Ctel%3A%2B4712%3E&previous_service_name=Lobby&display_count=2"
      + "&telehealth_request_id=t1&third_party_passcode=98%2676&service_name=Board&unique_service_name=Board_2"
      + "&service_tag=b+1&\(Self.nodeQuery)&local_alias=sip%3Ameet.ann%40example.org"
    #expect(request.target == expected)
    #expect(
      request.loggedTarget
        == expected.replacing("third_party_passcode=98%2676", with: "third_party_passcode="))
    #expect(!request.description.contains("98%26"))
  }

  @Test func serviceOfAnInboundCallIsNotNamed() throws {
    let text = try target(
      .serviceConfiguration(Self.call, Self.node, service: ServiceFacts(name: "Board", tag: "b")))
    #expect(!text.contains("service_name"))
    #expect(!text.contains("service_tag"))
  }

  @Test func serviceOfABreakoutRoom() throws {
    var call = Self.call
    call.breakoutUUID = "11111111-2222-3333-4444-555555555555"
    let text = try target(
      .serviceConfiguration(
        call, Self.node, service: ServiceFacts(name: "VMR_breakout_1", tag: "t", uniqueName: "VMR_breakout_1")
      ))
    #expect(
      text.contains("&breakout_uuid=11111111-2222-3333-4444-555555555555&service_name=VMR_breakout_1&unique"))
    #expect(!text.contains("service_tag"))
  }

  @Test func participant() throws {
    var participant = ParticipantFacts(participantUUID: "p-1", callUUID: "c-1")
    #expect(
      try target(
        .participantProperties(
          Self.call, Self.node, service: ServiceFacts(name: "Board", tag: ""), participant: participant))
        == "/policy/v1/participant/properties?\(Self.callQuery)&service_name=Board&service_tag="
        + "&unique_service_name=Board&participant_uuid=p-1&call_uuid=c-1&participant_type=standard"
        + "&preauthenticated_role=&bypass_lock=False&display_count=&receive_from_audio_mix=main"
        + "&send_to_audio_mixes_mix_name=main&send_to_audio_mixes_prominent=False&\(Self.nodeQuery)"
        + "&local_alias=sip%3Ameet.ann%40example.org")
    participant.stage = .apiHost
    participant.preauthenticatedRole = .chair
    participant.idpAttributes = [
      .init(name: "groups", values: ["a b", "c"]), .init(name: "X-y z", values: ["é"]),
    ]
    let text = try target(
      .participantProperties(
        Self.call, Self.node, service: ServiceFacts(name: "Board", tag: ""), participant: participant))
    #expect(text.contains("&participant_type=api_host&preauthenticated_role=chair&"))
    #expect(text.contains("&idp_attribute_groups=a+b&idp_attribute_groups=c&idp_attribute_X-y+z=%C3%A9&"))
  }

  @Test func mediaLocation() throws {
    var call = Self.call
    call.proxyNode = .init(address: IPAddress.loopbackIPv4, location: "Edge")
    #expect(
      try target(
        .mediaLocation(call, Self.node, service: ServiceFacts(name: "Board", tag: "t", uniqueName: "Board 2"))
      )
        == "/policy/v1/participant/location?\(Self.callQuery)&service_name=Board&service_tag=t"
        + "&unique_service_name=Board+2&proxy_node_address=127.0.0.1&proxy_node_location=Edge&\(Self.nodeQuery)"
        + "&request_id=01234567-89ab-4def-bedc-ba9876543210&local_alias=sip%3Ameet.ann%40example.org")
  }

  @Test func avatarInCall() throws {
    #expect(
      try target(
        .avatar(
          .init(
            alias: "sip:ann b/c@example.org", width: 100, height: 80,
            call: .init(facts: Self.call, service: ServiceFacts(name: "Board", tag: "t"))), Self.node))
        == "/policy/v1/participant/avatar/sip%3Aann%20b%2Fc%40example.org?\(Self.callQuery)&service_name=Board"
        + "&service_tag=t&unique_service_name=Board&role=unknown&width=100&height=80&\(Self.nodeQuery)"
        + "&local_alias=sip%3Ameet.ann%40example.org")
  }

  @Test func avatarOfTheDirectory() throws {
    #expect(
      try target(.avatar(.init(alias: "ann@x", width: 40, height: 40, isRegistered: true), Self.node))
        == "/policy/v1/participant/avatar/ann%40x?registered=True&width=40&height=40&\(Self.nodeQuery)")
  }

  @Test func directory() throws {
    #expect(
      try target(.directory(.init(query: "", registrationAlias: "bob@example.org"), Self.node))
        == "/policy/v1/registrations?q=&registration_alias=bob%40example.org&limit=10&call_tag=&\(Self.nodeQuery)"
    )
  }

  @Test func registration() throws {
    #expect(
      try target(
        .registration(
          .init(alias: "ann@example.org", callProtocol: .sip, remoteAddress: IPAddress("2001:db8::5")),
          Self.node))
        == "/policy/v1/registrations/ann%40example.org?protocol=sip&auth_type=credentials"
        + "&remote_address=2001%3Adb8%3A%3A5&\(Self.nodeQuery)")
    #expect(
      try target(
        .registration(.init(alias: "a", callProtocol: .webrtc, authentication: .sso), Self.node)
      ).hasPrefix("/policy/v1/registrations/a?protocol=webrtc&auth_type=sso&remote_address=&"))
  }

  // MARK: What differs by protocol

  @Test func factsOfARequestFollowItsProtocol() throws {
    func facts(_ alias: Alias, _ callProtocol: CallProtocol, _ direction: CallDirection = .dialIn)
      -> CallFacts
    {
      CallFacts(
        CallRequest(
          id: CallID(high: 1, low: 2), direction: direction, trigger: .unspecified,
          callProtocol: callProtocol,
          alias: alias, caller: Caller(alias: "x", assertedIdentities: ["<sip:a@b>"]),
          bandwidth: Bandwidth(kilobitsPerSecond: 1920), callTag: "tag"))
    }
    // SIP keeps the scheme and, dialled by address, loses the host; apps have none.
    #expect(facts(Alias(sip: "sip:010033@192.0.2.7;transport=tls"), .sip).localAlias == "sip:010033")
    #expect(facts(Alias(sip: "sip:meet.ann@example.org"), .sip).localAlias == "sip:meet.ann@example.org")
    #expect(facts(Alias(dialled: "meet.bob", protocol: .webrtc), .webrtc).localAlias == "meet.bob")
    #expect(
      facts(Alias(dialled: "h323:bob@example.org", protocol: .h323), .h323).localAlias
        == "h323:bob@example.org")
    // Bit/s, and only of who calls in.
    let sip = facts(Alias(sip: "sip:a@b.example"), .sip)
    #expect(try target(.serviceConfiguration(sip, Self.node)).contains("&bandwidth=1920000&"))
    let out = facts(Alias(sip: "sip:a@b.example"), .sip, .dialOut)
    #expect(try target(.serviceConfiguration(out, Self.node)).contains("&bandwidth=0&"))
    // Headers of SIP are those of SIP.
    let webrtc = facts(Alias(dialled: "a", protocol: .webrtc), .webrtc)
    #expect(try target(.serviceConfiguration(sip, Self.node)).contains("P-Asserted-Identity="))
    #expect(try !target(.serviceConfiguration(webrtc, Self.node)).contains("P-Asserted-Identity="))
    #expect(try target(.serviceConfiguration(sip, Self.node)).contains("&call_tag=tag&"))
  }

  @Test(arguments: CallProtocol.allCases) func protocolNames(_ callProtocol: CallProtocol) throws {
    var call = Self.call
    call.callProtocol = callProtocol
    #expect(
      try target(.serviceConfiguration(call, Self.node)).contains("&protocol=\(callProtocol.rawValue)&"))
  }

  @Test(arguments: [
    (CallTrigger.web, "web"), (.webAvatarFetch, "web_avatar_fetch"), (.invite, "invite"),
    (.options, "options"),
    (.subscribe, "subscribe"), (.setup, "setup"), (.arq, "arq"), (.lrq, "lrq"),
    (.twoStageDialing, "two_stage_dialing"), (.teams, "teams"), (.unspecified, "unspecified"),
  ]) func triggerNames(_ trigger: CallTrigger, _ name: String) throws {
    var call = Self.call
    call.trigger = trigger
    #expect(try target(.serviceConfiguration(call, Self.node)).contains("&trigger=\(name)&"))
  }

  // MARK: Encoding and limits

  @Test func everyByteIsEncodedAsFormsAre() throws {
    let text = String(String.UnicodeScalarView((0x00...0x7f).compactMap { Unicode.Scalar($0) })) + "ö€😀"
    let query = try target(.directory(.init(query: text, registrationAlias: ""), Self.node))
    let value = query.split(separator: "?")[1].split(separator: "&")[0].dropFirst(2)
    var decoded: [UInt8] = []
    var bytes = Array(value.utf8)[...]
    while let byte = bytes.popFirst() {
      switch byte {
      case UInt8(ascii: "+"): decoded.append(0x20)
      case UInt8(ascii: "%"):
        let hex = String(decoding: bytes.prefix(2), as: UTF8.self)
        #expect(hex == hex.uppercased())
        decoded.append(try #require(UInt8(hex, radix: 16)))
        bytes = bytes.dropFirst(2)
      default:
        #expect("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~".utf8.contains(byte))
        decoded.append(byte)
      }
    }
    #expect(String(decoding: decoded, as: UTF8.self) == text)
  }

  @Test func aliasesThatAreNoSegmentAreNotSent() {
    for alias in ["", ".", ".."] {
      #expect(throws: PolicyHTTPRequest.Refusal.alias) {
        try http(.registration(.init(alias: alias, callProtocol: .sip), Self.node))
      }
    }
  }

  @Test func longTargetsAreNotSent() throws {
    func length(_ count: Int) throws -> Int {
      try target(
        .directory(.init(query: String(repeating: "a", count: count), registrationAlias: ""), Self.node)
      ).utf8.count
    }
    let most = PolicyHTTPRequest.maximumTargetLength - (try length(0))
    #expect(try length(most) == PolicyHTTPRequest.maximumTargetLength)
    #expect(throws: PolicyHTTPRequest.Refusal.targetTooLong(bytes: 8_001)) { try length(most + 1) }
  }

  @Test func freeTextIsCutAndAliasesAreNot() throws {
    var call = Self.call
    call.vendor = String(repeating: "v", count: 251)
    call.remoteDisplayName = String(repeating: "ö", count: 300)
    call.localAlias = String(repeating: "l", count: 251)
    let text = try target(.serviceConfiguration(call, Self.node))
    #expect(text.contains("&vendor=" + String(repeating: "v", count: 250) + "&"))
    #expect(text.contains("&remote_display_name=" + String(repeating: "%C3%B6", count: 250) + "&"))
    #expect(text.hasSuffix("&local_alias=" + String(repeating: "l", count: 251)))
  }

  // MARK: Headers and URLs

  @Test func credentialsTravelInTheHeaderOnly() throws {
    let request = try http(
      .serviceConfiguration(Self.call, Self.node), "https://policy.example.org:8443/x/",
      Credential(username: "pexip", password: Secret("secret")))
    #expect(request.authorization?.reveal() == "Basic cGV4aXA6c2VjcmV0")
    #expect(request.target.hasPrefix("/x/policy/v1/service/configuration?"))
    #expect(request.server.authority == "policy.example.org:8443")
    let shown = "\(request) \(request.loggedURL) \(request.target) \(request.headers)"
    #expect(!shown.contains("secret"))
    #expect(!shown.contains("cGV4aXA6"))
    #expect(request.headers.contains { $0 == ("Accept", "application/json") })
    #expect(request.headers.contains { $0 == ("X-Request-Id", Self.id.description) })
  }

  @Test(arguments: [
    ("a:", "Basic YTo="), ("a:b", "Basic YTpi"), ("a:bc", "Basic YTpiYw=="), ("ö:", "Basic w7Y6"),
  ]) func basicCredentials(_ pair: String, _ header: String) throws {
    let parts = pair.split(separator: ":", omittingEmptySubsequences: false)
    let credential = Credential(username: String(parts[0]), password: Secret(String(parts[1])))
    #expect(
      try http(.serviceConfiguration(Self.call, Self.node), "http://a", credential).authorization?.reveal()
        == header)
  }

  @Test(arguments: [
    ("https://policy.example.org", "https://policy.example.org", UInt16(443), true),
    ("HTTP://Policy.example.org:8080/", "http://policy.example.org:8080", 8080, false),
    ("http://192.0.2.1:80//", "http://192.0.2.1", 80, false),
    ("https://[2001:db8::1]:8443/a/b%20c/", "https://[2001:db8::1]:8443/a/b%20c", 8443, true),
    ("https://my_host/a;b=c,d", "https://my_host/a;b=c,d", 443, true),
  ]) func urls(_ text: String, _ shown: String, _ port: UInt16, _ isSecure: Bool) throws {
    let url = try PolicyServerURL(text)
    #expect(url.description == shown)
    #expect(url.port == port)
    #expect(url.isSecure == isSecure)
  }

  @Test(arguments: [
    ("ftp://a", PolicyServerURL.Fault.scheme), ("policy.example.org", .scheme), ("", .scheme),
    ("https://user:pw@a", .credentials), ("https://user@a", .credentials), ("https://", .host),
    ("https:///x", .host), ("https://a b", .host), ("https://[::1", .host), ("https://[192.0.2.1]", .host),
    ("https://[::1]x", .host), ("https://ö", .host), ("https://a:0", .port), ("https://a:65536", .port),
    ("https://a:", .port), ("https://a:+1", .port), ("https://a:1:2", .port), ("https://a?x=1", .query),
    ("https://a/#x", .query), ("https://a/b c", .character), ("https://a/%2", .character),
    ("https://a/ö", .character), ("https://a/" + String(repeating: "x", count: 246), .tooLong),
  ]) func badURLs(_ text: String, _ fault: PolicyServerURL.Fault) {
    #expect(throws: fault) { try PolicyServerURL(text) }
  }

  @Test func aURLMayHaveItsLimit() throws {
    let url = try PolicyServerURL("https://a/" + String(repeating: "x", count: 245))
    #expect(url.prefix.count == 246)
  }

  @Test func requestIDsAreRandomUUIDs() {
    var generator = SystemRandomNumberGenerator()
    let text = RequestID.random(using: &generator).description
    #expect(text.count == 36)
    #expect(text.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil)
    #expect(Self.id.description == "01234567-89ab-4def-bedc-ba9876543210")
  }
}
