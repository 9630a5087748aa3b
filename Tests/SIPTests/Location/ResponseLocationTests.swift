import CallModel
import SIP
import Testing

@Suite struct ResponseLocationTests {
  struct Case: CustomTestStringConvertible {
    var via: String
    var source: String
    var expected: String
    var testDescription: String { "\(via) from \(source)" }
  }

  private func hop(_ transport: SIPTransportProtocol, _ source: String, connection: UInt64? = nil) -> Hop {
    Hop(
      transport: transport, remote: TransportAddress(source) ?? TransportAddress(.anyIPv4, 0),
      listener: ListenerID(2), connection: connection.map { ConnectionID($0) })
  }

  @Test(arguments: [
    // RFC 3261 §18.2.2: the source address at the sent-by port.
    Case(
      via: "SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1", source: "192.0.2.1:4444",
      expected: "udp:192.0.2.1:5070"),
    Case(
      via: "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", source: "192.0.2.1:4444", expected: "udp:192.0.2.1:5060"),
    Case(
      via: "SIP/2.0/UDP host.example;branch=z9hG4bK1", source: "192.0.2.8:4444",
      expected: "udp:192.0.2.8:5060"),
    // RFC 3581 §4: the source port.
    Case(
      via: "SIP/2.0/UDP 10.0.0.1:5070;rport;branch=z9hG4bK1", source: "192.0.2.1:4444",
      expected: "udp:192.0.2.1:4444"),
    Case(
      via: "SIP/2.0/UDP 10.0.0.1;rport=9;branch=z9hG4bK1", source: "192.0.2.1:4444",
      expected: "udp:192.0.2.1:4444"),
    // maddr wins, when it is an address we can send to from here.
    Case(
      via: "SIP/2.0/UDP h.example:5070;maddr=192.0.2.99;rport", source: "192.0.2.1:4444",
      expected: "udp:192.0.2.99:5070"),
    Case(
      via: "SIP/2.0/UDP h.example;maddr=224.2.0.1", source: "192.0.2.1:4444", expected: "udp:224.2.0.1:5060"),
    Case(
      via: "SIP/2.0/UDP h.example;maddr=m.example", source: "192.0.2.1:4444", expected: "udp:192.0.2.1:5060"),
    Case(
      via: "SIP/2.0/UDP h.example;maddr=2001:db8::1", source: "192.0.2.1:4444", expected: "udp:192.0.2.1:5060"
    ),
    Case(
      via: "SIP/2.0/UDP [2001:db8::5]:5062;rport", source: "[2001:db8::6]:4444",
      expected: "udp:[2001:db8::6]:4444"),
    Case(
      via: "SIP/2.0/UDP [2001:db8::5]:5062", source: "[2001:db8::6]:4444", expected: "udp:[2001:db8::6]:5062"),
    Case(via: "SIP/2.0/UDP 192.0.2.1:0", source: "192.0.2.1:4444", expected: "udp:192.0.2.1:5060"),
  ])
  func datagrams(_ vector: Case) throws {
    let via = try #require(Via(vector.via))
    let result = ResponseLocation.hop(forResponseTo: hop(.udp, vector.source), topVia: via)
    #expect(result.description == vector.expected)
    #expect(result.listener == ListenerID(2))
    #expect(
      ResponseLocation.hopAfterConnectionLoss(forResponseTo: hop(.udp, vector.source), topVia: via) == nil)
  }

  @Test func maddrNeedNotBeHonoured() throws {
    let via = try #require(Via("SIP/2.0/UDP h.example:5070;maddr=192.0.2.99;rport"))
    let result = ResponseLocation.hop(
      forResponseTo: hop(.udp, "192.0.2.1:4444"), topVia: via, honoursMaddr: false)
    #expect(result.description == "udp:192.0.2.1:4444")
  }

  @Test func streamsAnswerOnTheirConnection() throws {
    let via = try #require(Via("SIP/2.0/TCP h.example:5070;maddr=192.0.2.99"))
    let request = hop(.tcp, "192.0.2.1:4444", connection: 7)
    #expect(ResponseLocation.hop(forResponseTo: request, topVia: via) == request)
  }

  /// RFC 3261 §18.2.2: with the connection gone, a new one to the source address at the sent-by port.
  @Test(arguments: [
    (SIPTransportProtocol.tcp, "SIP/2.0/TCP 192.0.2.1:5070", "tcp:192.0.2.1:5070", String?.none),
    (.tcp, "SIP/2.0/TCP h.example", "tcp:192.0.2.1:5060", "h.example"),
    (.tls, "SIP/2.0/TLS h.example", "tls:192.0.2.1:5061", "h.example"),
  ])
  func streamsFallBack(
    _ transport: SIPTransportProtocol, _ via: String, _ expected: String, _ serverName: String?
  ) throws {
    let request = hop(transport, "192.0.2.1:4444", connection: 7)
    let topVia = try #require(Via(via))
    let result = try #require(ResponseLocation.hopAfterConnectionLoss(forResponseTo: request, topVia: topVia))
    #expect(result.description == expected)
    #expect(result.connection == nil && result.serverName == serverName && result.listener == ListenerID(2))
  }

  @Test func webSocketClientsTakeNoConnections() throws {
    let via = try #require(Via("SIP/2.0/WSS df7jal23ls0d.invalid;rport"))
    let request = hop(.wss, "192.0.2.1:4444", connection: 7)
    #expect(ResponseLocation.hop(forResponseTo: request, topVia: via) == request)
    #expect(ResponseLocation.hopAfterConnectionLoss(forResponseTo: request, topVia: via) == nil)
  }
}
