import CallModel
import SIP
import TestSupport
import Testing

/// The zone of RFC 3263 §4.1, with addresses.
private func exampleZone() -> Zone {
  var zone = Zone()
  zone.set(
    "example.com", .naptr, Zone.naptr(50, 50, "SIPS+D2T", "_sips._tcp.example.com"),
    Zone.naptr(90, 50, "SIP+D2T", "_sip._tcp.example.com"),
    Zone.naptr(100, 50, "SIP+D2U", "_sip._udp.example.com"))
  zone.set("_sips._tcp.example.com", .srv, Zone.srv(0, 1, 5061, "server1.example.com"))
  zone.set(
    "_sip._tcp.example.com", .srv, Zone.srv(0, 1, 5060, "server1.example.com"),
    Zone.srv(1, 1, 5070, "server2.example.com"))
  zone.set("_sip._udp.example.com", .srv, Zone.srv(0, 1, 5060, "server2.example.com"))
  zone.set("server1.example.com", .a, address("192.0.2.1"))
  zone.set("server2.example.com", .a, address("192.0.2.2"))
  zone.set("server2.example.com", .aaaa, address("2001:db8::2"))
  zone.set("plain.example.org", .a, address("192.0.2.9"))
  zone.set("six.example.org", .aaaa, address("2001:db8::9"))
  return zone
}

@Suite struct ServerLocationTests {
  struct Case: CustomTestStringConvertible {
    var uri: String
    var expected: String
    var transports: [SIPTransportProtocol] = [.tls, .tcp, .udp]
    var testDescription: String { "\(uri) \(transports.map(\.rawValue))" }
  }

  static let cases: [Case] = [
    // Numeric: the default transport of the scheme, the default port of the transport.
    Case(uri: "sip:192.0.2.7", expected: "udp:192.0.2.7:5060"),
    Case(uri: "sip:192.0.2.7:5070", expected: "udp:192.0.2.7:5070"),
    Case(uri: "sip:192.0.2.7;transport=tcp", expected: "tcp:192.0.2.7:5060"),
    Case(uri: "sip:192.0.2.7;transport=tls", expected: "tls:192.0.2.7:5061"),
    Case(uri: "sips:192.0.2.7", expected: "tls:192.0.2.7:5061"),
    Case(uri: "sips:192.0.2.7:5081", expected: "tls:192.0.2.7:5081"),
    Case(uri: "sip:[2001:db8::1]", expected: "udp:[2001:db8::1]:5060"),
    Case(uri: "sip:192.0.2.7", expected: "tls:192.0.2.7:5061", transports: [.tls, .tcp]),
    // maddr replaces the host.
    Case(uri: "sip:example.com;maddr=192.0.2.77", expected: "udp:192.0.2.77:5060"),
    Case(uri: "sip:192.0.2.7;maddr=plain.example.org", expected: "udp:192.0.2.9:5060"),
    // An explicit port: addresses only.
    Case(uri: "sip:plain.example.org:5080", expected: "udp:192.0.2.9:5080"),
    Case(uri: "sip:example.com:5080", expected: "error: no SIP server found for example.com"),
    Case(uri: "sips:plain.example.org:5081", expected: "tls:192.0.2.9:5081"),
    // NAPTR, then SRV.
    Case(
      uri: "sip:example.com",
      expected: "tls:192.0.2.1:5061 tcp:192.0.2.1:5060 tcp:[2001:db8::2]:5070 tcp:192.0.2.2:5070"
        + " udp:[2001:db8::2]:5060 udp:192.0.2.2:5060"),
    Case(uri: "sip:example.com", expected: "udp:[2001:db8::2]:5060 udp:192.0.2.2:5060", transports: [.udp]),
    Case(uri: "sips:example.com", expected: "tls:192.0.2.1:5061"),
    // A named transport: SRV of it only.
    Case(
      uri: "sip:example.com;transport=tcp",
      expected: "tcp:192.0.2.1:5060 tcp:[2001:db8::2]:5070 tcp:192.0.2.2:5070"),
    Case(uri: "sips:example.com;transport=tcp", expected: "tls:192.0.2.1:5061"),
    // No NAPTR, no SRV: the address, on the default transport.
    Case(uri: "sip:plain.example.org", expected: "udp:192.0.2.9:5060"),
    Case(uri: "sip:plain.example.org;transport=tcp", expected: "tcp:192.0.2.9:5060"),
    Case(uri: "sips:plain.example.org", expected: "tls:192.0.2.9:5061"),
    Case(uri: "sip:six.example.org", expected: "udp:[2001:db8::9]:5060"),
    Case(uri: "sip:nowhere.example.org", expected: "error: no SIP server found for nowhere.example.org"),
    // What cannot be.
    Case(
      uri: "sip:192.0.2.7;transport=udp", expected: "error: transport udp is not available",
      transports: [.tcp]),
    Case(uri: "sips:192.0.2.7", expected: "error: transport tls is not available", transports: [.udp, .tcp]),
    Case(uri: "sip:192.0.2.7;transport=ws", expected: "error: transport ws is not available"),
  ]

  @Test(arguments: cases)
  func table(_ vector: Case) throws {
    let uri = try #require(SIPURI(vector.uri))
    var zone = exampleZone()
    let target = try ServerLocationTarget(uri: uri)
    let step = zone.locate(target, ServerLocationPreferences(transports: vector.transports))
    #expect(text(step) == vector.expected)
  }

  @Test(arguments: [
    ("tel:+15551234", ServerLocationError.unsupportedScheme("tel")),
    ("mailto:a@example.com", .unsupportedScheme("mailto")),
    ("sip:example.com;transport=sctp", .unsupportedTransport("sctp")),
    ("sips:example.com;transport=udp", .unsupportedTransport("udp with sips")),
  ])
  func refusedTargets(_ text: String, _ error: ServerLocationError) throws {
    let uri = try #require(SIPURI(text))
    #expect(throws: error) { try ServerLocationTarget(uri: uri) }
    #expect(!error.isTemporary)
  }

  @Test func numericTargetsAskNothing() throws {
    var zone = exampleZone()
    _ = zone.locate(ServerLocationTarget(host: .ip(ip("192.0.2.1"))))
    #expect(zone.asked.isEmpty)
  }

  @Test func withoutNAPTRTheServicesOfEveryTransportAreAskedInOrderOfPreference() {
    var zone = exampleZone()
    zone.answers[DNSQuestion("example.com", .naptr)] = nil
    let step = zone.locate(
      ServerLocationTarget(host: .name("example.com")), ServerLocationPreferences(transports: [.udp, .tls]))
    #expect(text(step) == "udp:[2001:db8::2]:5060 udp:192.0.2.2:5060 tls:192.0.2.1:5061")
  }

  @Test func namingAuthorityCanBeLeftOut() {
    var zone = exampleZone()
    _ = zone.locate(
      ServerLocationTarget(host: .name("example.com")), ServerLocationPreferences(usesNAPTR: false))
    #expect(!zone.asked.contains { $0.type == .naptr })
    #expect(zone.asked.filter { $0.type == .srv }.count == 3)
  }

  /// The RFC's answer is UDP; where that is off, everything else that is on, TLS never at a port of another transport.
  @Test(
    arguments: [
      ([.tls, .tcp, .udp], nil, "udp:192.0.2.1:5060"), ([.tls, .tcp, .udp], 5070, "udp:192.0.2.1:5070"),
      ([.tls, .tcp], nil, "tls:192.0.2.1:5061 tcp:192.0.2.1:5060"),
      ([.tls, .tcp], 5070, "tcp:192.0.2.1:5070"),
      ([.tls, .tcp], 5061, "tls:192.0.2.1:5061"), ([.tls], 5070, "tls:192.0.2.1:5070"),
    ] as [([SIPTransportProtocol], UInt16?, String)])
  func numericTargetsWithoutATransport(
    _ transports: [SIPTransportProtocol], _ port: UInt16?, _ found: String
  ) {
    var zone = Zone()
    let preferences = ServerLocationPreferences(transports: transports, addressFallback: .everyTransport)
    #expect(
      text(zone.locate(ServerLocationTarget(host: .ip(ip("192.0.2.1")), port: port), preferences)) == found)
  }

  @Test func everyTransportIsTriedWhereNoServiceIsNamed() {
    var zone = exampleZone()
    let step = zone.locate(
      ServerLocationTarget(host: .name("plain.example.org")),
      ServerLocationPreferences(addressFallback: .everyTransport))
    #expect(text(step) == "tls:192.0.2.9:5061 tcp:192.0.2.9:5060 udp:192.0.2.9:5060")
  }

  @Test func namingAuthorityRecordsThatAreNotOursAreIgnored() {
    var zone = Zone()
    zone.set(
      "d.example", .naptr, Zone.naptr(1, 1, "SIP+D2S", "_sip._sctp.d.example"),
      Zone.naptr(2, 1, "E2U+sip", "x.d.example", flags: "u", regularExpression: "!^.*$!sip:a@b!"),
      Zone.naptr(3, 1, "SIP+D2U", "_sip._udp.d.example", regularExpression: "!a!b!"),
      Zone.naptr(4, 2, "SIP+D2U", "second._udp.d.example"),
      Zone.naptr(4, 1, "sip+d2u", "first._udp.d.example", flags: "S"),
      Zone.naptr(5, 1, "SIP+D2T", "bad name.d.example"))
    zone.set("first._udp.d.example", .srv, Zone.srv(1, 0, 5062, "a.d.example"))
    zone.set("second._udp.d.example", .srv, Zone.srv(1, 0, 5063, "a.d.example"))
    zone.set("a.d.example", .a, address("192.0.2.1"))
    let step = zone.locate(ServerLocationTarget(host: .name("d.example")))
    #expect(text(step) == "udp:192.0.2.1:5062 udp:192.0.2.1:5063")
  }

  @Test func aServiceTargetOfTheRootMeansThatThereIsNone() {
    var zone = Zone()
    zone.set("_sip._udp.d.example", .srv, Zone.srv(0, 0, 0, "."))
    zone.set("d.example", .a, address("192.0.2.1"))
    let step = zone.locate(
      ServerLocationTarget(host: .name("d.example")), ServerLocationPreferences(transports: [.udp]))
    #expect(text(step) == "error: no SIP server found for d.example")
  }

  @Test func aFailedLookUpIsToldFromAnEmptyOne() {
    var zone = Zone()
    zone.fail("_sip._udp.d.example", .srv)
    let step = zone.locate(
      ServerLocationTarget(host: .name("d.example")), ServerLocationPreferences(transports: [.udp]))
    #expect(step == .failed(.dnsFailure("d.example", .timeout)))
    #expect(ServerLocationError.dnsFailure("d.example", .timeout).isTemporary)
  }

  @Test func oneDeadNameDoesNotHideTheOthers() {
    var zone = Zone()
    zone.fail("d.example", .naptr, .serverFailure)
    zone.set(
      "_sip._tcp.d.example", .srv, Zone.srv(0, 0, 5060, "dead.d.example"),
      Zone.srv(1, 0, 5060, "alive.d.example"))
    zone.fail("dead.d.example", .a)
    zone.fail("dead.d.example", .aaaa)
    zone.set("alive.d.example", .a, address("192.0.2.3"))
    let step = zone.locate(ServerLocationTarget(host: .name("d.example")))
    #expect(text(step) == "tcp:192.0.2.3:5060")
  }

  @Test(arguments: [
    (ServerLocationPreferences.AddressFamilies.ipv4Only, "udp:192.0.2.2:5060"),
    (.ipv6Only, "udp:[2001:db8::2]:5060"),
    (.preferIPv4, "udp:192.0.2.2:5060 udp:[2001:db8::2]:5060"),
    (.preferIPv6, "udp:[2001:db8::2]:5060 udp:192.0.2.2:5060"),
  ])
  func families(_ families: ServerLocationPreferences.AddressFamilies, _ expected: String) {
    var zone = exampleZone()
    let step = zone.locate(
      ServerLocationTarget(host: .name("server2.example.com"), port: 5060),
      ServerLocationPreferences(families: families))
    #expect(text(step) == expected)
    #expect(zone.asked.count == (families == .ipv4Only || families == .ipv6Only ? 1 : 2))
  }

  @Test func anAddressOfAFamilyNotInUseIsRefused() {
    var zone = Zone()
    let step = zone.locate(
      ServerLocationTarget(host: .ip(ip("2001:db8::1"))), ServerLocationPreferences(families: .ipv4Only))
    #expect(step == .failed(.unsupportedAddressFamily))
  }

  /// RFC 5922 §4: the certificate must carry the name before the DNS changed it.
  @Test func certificatesAreCheckedAgainstTheTargetNotTheService() throws {
    var zone = exampleZone()
    guard case .found(let found) = zone.locate(ServerLocationTarget(host: .name("example.com"))) else {
      Issue.record("nothing found")
      return
    }
    #expect(found.allSatisfy { $0.serverName == "example.com" })
    let trunk = ServerLocationTarget(host: .ip(ip("192.0.2.1")), transport: .tls, serverName: "trunk.example")
    guard case .found(let numeric) = zone.locate(trunk) else {
      Issue.record("nothing found")
      return
    }
    #expect(numeric.map(\.serverName) == ["trunk.example"])
    let hop = try #require(found.first).hop(listener: ListenerID(3))
    #expect(hop.listener == ListenerID(3) && hop.serverName == "example.com" && hop.connection == nil)
  }

  @Test func resultsAreBounded() {
    var zone = Zone()
    let services = (0..<200).map { Zone.srv(UInt16($0), 0, 5060, "h\($0).d.example") }
    zone.answers[DNSQuestion("_sip._udp.d.example", .srv)] = .records(services)
    for i in 0..<200 {
      zone.answers[DNSQuestion("h\(i).d.example", .a)] = .records(
        (0..<100).map { .address(.v4(0xc633_0000 + UInt32(i * 100 + $0))) })
    }
    for (limit, expected) in [(1, 1), (16, 16), (64, 64), (1000, 64)] {
      let preferences = ServerLocationPreferences(
        transports: [.udp], families: .ipv4Only, maximumCandidates: limit, maximumServices: 5)
      zone = Zone(answers: zone.answers)
      guard case .found(let found) = zone.locate(ServerLocationTarget(host: .name("d.example")), preferences)
      else {
        Issue.record("nothing found")
        return
      }
      #expect(found.count == expected)
      #expect(zone.asked.filter { $0.type == .a }.count == 5)
    }
  }

  @Test func duplicateServersAreTriedOnce() {
    var zone = Zone()
    zone.set(
      "_sip._udp.d.example", .srv, Zone.srv(1, 0, 5060, "a.d.example"), Zone.srv(2, 0, 5060, "b.d.example"))
    zone.set("a.d.example", .a, address("192.0.2.1"), address("192.0.2.1"))
    zone.set("b.d.example", .a, address("192.0.2.1"))
    let step = zone.locate(
      ServerLocationTarget(host: .name("d.example")), ServerLocationPreferences(transports: [.udp]))
    #expect(text(step) == "udp:192.0.2.1:5060")
  }

  @Test(arguments: [
    ("a", true), (String(repeating: "a", count: 63) + ".b", true),
    (String(repeating: "a", count: 64) + ".b", false), ("", false), ("a..b", false), (".a", false),
    ("a.", true), ("a b", false), ("a/b", false), ("ä.example", false), ("_sip._udp.example", true),
    (Array(repeating: "abcdefg", count: 32).joined(separator: ".").prefix(253).description, true),
    (Array(repeating: "abcdefg", count: 32).joined(separator: ".").prefix(254).description, false),
  ])
  func namesThatTheDNSCannotHold(_ name: String, _ isValid: Bool) {
    var zone = Zone()
    let step = zone.locate(ServerLocationTarget(host: .name(name), port: 5060))
    #expect(step == .failed(isValid ? .noServer(name) : .invalidName(name)))
  }

  @Test func answersNobodyAskedForChangeNothing() {
    var location = ServerLocation(
      target: ServerLocationTarget(host: .name("d.example"), port: 5060),
      preferences: ServerLocationPreferences(families: .ipv4Only))
    var random = SplitMix(seed: 1)
    #expect(location.start() == .ask([DNSQuestion("d.example", .a)]))
    let stray = DNSQuestion("evil.example", .a)
    #expect(location.answered(stray, with: .records([address("192.0.2.66")]), random: &random) == .wait)
    // A record of the other family in an answer is not one of the question.
    let answer = DNSAnswer.records([address("2001:db8::66"), address("192.0.2.1")])
    let step = location.answered(DNSQuestion("d.example", .a), with: answer, random: &random)
    #expect(text(step) == "udp:192.0.2.1:5060")
    #expect(location.answered(DNSQuestion("d.example", .a), with: .noData, random: &random) == .wait)
  }
}
