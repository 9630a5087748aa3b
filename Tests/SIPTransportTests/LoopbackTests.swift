import CallModel
import NIOCore
import SIP
import SIPTransport
import Testing

/// Every transport in both address families, layer to layer.
@Suite(.timeLimit(.minutes(1))) struct LoopbackTests {
  static let loopbacks: [IPAddress] = [.loopbackIPv4, .v6(0, 1)]

  @Test(arguments: [SIPTransportProtocol.udp, .tcp, .tls], loopbacks)
  func aRequestAndItsResponse(_ transport: SIPTransportProtocol, _ ip: IPAddress) async throws {
    let tls = transport == .tls ? try TestCertificates.shared.configuration() : nil
    let server = try await TransportFixture.make()
    let client = try await TransportFixture.make()
    let serverListener = try await server.listen(transport, ip, tls: tls)
    let clientListener = try await client.listen(transport, ip, tls: tls)
    #expect(serverListener.local.port != 0 && serverListener.local.ip == ip)

    let hop = serverListener.hop(from: clientListener)
    try await client.send(options(transport: transport, body: 100), over: hop)
    let (message, from) = try await server.nextMessage()
    guard case .request(let request) = message else {
      Issue.record("not a request")
      return
    }
    #expect(request.method == .options && request.body.count == 100)
    #expect(from.transport == transport && from.remote.ip == ip && from.listener == serverListener.id)
    #expect((from.connection != nil) == transport.isReliable)

    let via = try #require(request.headers.topVia)
    let response = SIPResponse(status: 200, headers: request.headers)
    let back = ResponseLocation.hop(forResponseTo: from, topVia: via)
    try await server.send(response.serialised(), over: back)
    let (answer, answeredBy) = try await client.nextMessage()
    guard case .response(let received) = answer else {
      Issue.record("not a response")
      return
    }
    #expect(received.status == 200)
    #expect(answeredBy.remote == serverListener.local)

    // The connection is used again, in both directions.
    try await client.send(options("b", transport: transport), over: hop)
    let (_, again) = try await server.nextMessage()
    #expect(again == from)
    let counters = try await server.counters()
    #expect(counters[transport].messagesReceived == 2 && counters[transport].messagesSent == 1)
    #expect(counters.connectionsAccepted == (transport.isReliable ? 1 : 0))
    #expect(counters.connections == (transport.isReliable ? 1 : 0))
    try await client.close()
    try await server.close()
  }

  @Test(arguments: [SIPTransportProtocol.udp, .tcp, .tls])
  func largeMessages(_ transport: SIPTransportProtocol) async throws {
    let tls = transport == .tls ? try TestCertificates.shared.configuration() : nil
    let server = try await TransportFixture.make()
    let client = try await TransportFixture.make()
    let serverListener = try await server.listen(transport, tls: tls)
    let clientListener = try await client.listen(transport, tls: tls)
    let hop = serverListener.hop(from: clientListener)
    let head = options(transport: transport, body: 10_000).count - 10_000
    let sizes = transport == .udp ? [2_048, 9_000, 65_507 - head] : [9_000, 65_535, 256 * 1024]
    for size in sizes {
      try await client.send(options(transport: transport, body: size), over: hop)
      #expect(try await server.nextMessage().message.body.count == size)
    }
    if transport == .udp {
      try await client.send(options(transport: .udp, body: 65_508 - head), over: hop)
      #expect(try await client.nextFailure().failure == .tooLarge)
    } else {
      try await client.send(options(transport: transport, body: 256 * 1024 + 1), over: hop)
      guard case .malformed(let error, _, _) = try await server.next() else {
        Issue.record("not refused")
        return
      }
      #expect(error.status == 413)
      #expect(try await server.nextClose().reason == .malformed)
      #expect(try await server.counters().oversized == 1)
    }
    try await client.close()
    try await server.close()
  }

  @Test func severalListenersOnOneLoop() async throws {
    let layer = try await TransportFixture.make()
    let udp4 = try await layer.listen(.udp)
    let tcp4 = try await layer.listen(.tcp)
    let udp6 = try await layer.listen(.udp, .v6(0, 1))
    let found = try await layer.run { layer in
      [
        layer.listener(for: .udp, reaching: .v4(0xc000_0201)), layer.listener(for: .tcp, reaching: .v4(1)),
        layer.listener(for: .udp, reaching: .v6(1, 1)), layer.listener(for: .tls, reaching: .v4(1)),
      ]
    }
    #expect(found == [udp4, tcp4, udp6, nil])
    #expect(try await layer.run { $0.openListeners.map(\.id) } == [udp4.id, tcp4.id, udp6.id])
    try await layer.run { $0.stopListening(udp4.id) }
    try await layer.send(options(), over: udp6.hop(from: udp4))
    #expect(try await layer.nextFailure().failure == .noListener)
    try await layer.close()
  }

  @Test func wildcardsOfBothFamiliesShareAPort() async throws {
    let layer = try await TransportFixture.make()
    for transport in [SIPTransportProtocol.udp, .tcp] {
      let v4 = try await layer.listen(transport, .anyIPv4)
      let configuration = SIPListenerConfiguration(
        transport: transport, bind: TransportAddress(.anyIPv6, v4.local.port),
        advertised: TransportAddress(.v4(0xc000_0201), 0))
      let v6 = try await layer.loop.flatSubmit { layer.listenOnLoop(configuration) }.get()
      #expect(v6.local.port == v4.local.port)
      #expect(v6.advertised == TransportAddress(.v4(0xc000_0201), v4.local.port))
    }
    try await layer.close()
  }

  @Test func anAddressInUseIsAnError() async throws {
    let layer = try await TransportFixture.make()
    let first = try await layer.listen(.udp)
    let same = SIPListenerConfiguration(transport: .udp, bind: first.local)
    await #expect(throws: (any Error).self) {
      try await layer.loop.flatSubmit { layer.listenOnLoop(same) }.get()
    }
    try await layer.close()
  }

  @Test func hopsThatCannotBeAreReportedAfterwards() async throws {
    let layer = try await TransportFixture.make()
    let udp = try await layer.listen(.udp)
    let tcp = try await layer.listen(.tcp)
    let six = TransportAddress(.v6(0, 1), 5060)
    let cases: [(Hop, SIPTransportFailure)] = [
      (Hop(transport: .udp, remote: udp.local, listener: ListenerID(9)), .noListener),
      (Hop(transport: .udp, remote: udp.local, listener: ListenerID(-1)), .noListener),
      (Hop(transport: .udp, remote: udp.local, listener: tcp.id), .noListener),
      (Hop(transport: .tcp, remote: tcp.local, listener: udp.id), .noListener),
      (Hop(transport: .ws, remote: tcp.local, listener: tcp.id), .noListener),
      (Hop(transport: .udp, remote: six, listener: udp.id), .unreachable),
      (Hop(transport: .tcp, remote: six, listener: tcp.id), .unreachable),
      (Hop(transport: .udp, remote: TransportAddress(.loopbackIPv4, 0), listener: udp.id), .unreachable),
      (
        Hop(transport: .tcp, remote: tcp.local, listener: tcp.id, connection: ConnectionID(99)),
        .connectionClosed
      ),
    ]
    for (hop, failure) in cases {
      try await layer.send(options(), over: hop)
      let reported = try await layer.nextFailure()
      #expect(reported.hop == hop && reported.failure == failure)
    }
    #expect(try await layer.counters().sendFailures == UInt64(cases.count))
    try await layer.close()
  }
}
