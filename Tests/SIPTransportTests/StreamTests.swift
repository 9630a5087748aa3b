import CallModel
import NIOCore
import NIOPosix
import SIP
import SIPTransport
import Testing

/// Peers that dribble, stall, flood, vanish or talk nonsense.
@Suite(.timeLimit(.minutes(1))) struct StreamTests {
  @Test func aMessageInSingleBytes() async throws {
    let server = try await TransportFixture.make()
    let listener = try await server.listen(.tcp)
    let client = try await RawClient.connect(to: listener.local)
    for byte in options(body: 5) { try await client.write([byte]) }
    #expect(try await server.nextMessage().message.body.count == 5)
    try await server.close()
  }

  @Test func manyMessagesInOneSegmentAndOneCutAcrossTwo() async throws {
    let server = try await TransportFixture.make()
    let listener = try await server.listen(.tcp)
    let client = try await RawClient.connect(to: listener.local)
    let bytes = (0..<20).flatMap { options("m\($0)", transport: .tcp, body: $0) }
    try await client.write(Array(bytes[..<1000]))
    try await client.write(Array(bytes[1000...]))
    for i in 0..<20 {
      let message = try await server.nextMessage().message
      #expect(message.headers.callID == "m\(i)" && message.body.count == i)
    }
    try await server.close()
  }

  @Test func pingsAreAnswered() async throws {
    let server = try await TransportFixture.make()
    let listener = try await server.listen(.tcp)
    let client = try await RawClient.connect(to: listener.local)
    try await client.write(Array("\r\n\r\n".utf8))
    #expect(await client.read(until: "\r\n") == "\r\n")
    #expect(try await server.counters().keepAlivesReceived == 1)
    try await server.close()
  }

  /// Twenty thousand pings in a row are eighty kilobytes: no more work than as many bytes of messages.
  @Test func aStreamOfPingsIsAnsweredPongForPing() async throws {
    let server = try await TransportFixture.make()
    let listener = try await server.listen(.tcp)
    let client = try await RawClient.connect(to: listener.local)
    let count = 20_000
    try await client.write(
      Array(String(repeating: "\r\n\r\n", count: count).utf8) + options("after", transport: .tcp))
    #expect(try await server.nextMessage().message.headers.callID == "after")
    let pongs = String(repeating: "\r\n", count: count)
    #expect(await client.read(until: pongs) == pongs)
    #expect(try await server.counters().keepAlivesReceived == UInt64(count))
    try await server.close()
  }

  @Test func ourPingsKeepAFlowAliveAndAMissingPongEndsIt() async throws {
    var configuration = SIPTransportConfiguration()
    configuration.keepAlive = .init(interval: .milliseconds(60), pongTimeout: .milliseconds(200))
    let client = try await TransportFixture.make(configuration)
    let clientListener = try await client.listen(.tcp)
    let server = try await TransportFixture.make()
    let serverListener = try await server.listen(.tcp)
    try await client.send(options(transport: .tcp), over: serverListener.hop(from: clientListener))
    for _ in 0..<3 {
      guard case .pong = try await client.next() else {
        Issue.record("no pong")
        return
      }
    }
    #expect(try await client.counters().pongsReceived >= 3)
    // A peer that takes connections and never answers.
    let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .bind(host: "127.0.0.1", port: 0).get()
    let port = UInt16(silent.localAddress?.port ?? 0)
    let hop = Hop(
      transport: .tcp, remote: TransportAddress(.loopbackIPv4, port), listener: clientListener.id)
    try await client.send(options(transport: .tcp), over: hop)
    while true {
      if case .closed(_, let reason) = try await client.next() {
        #expect(reason == .keepAlive)
        break
      }
    }
    try await silent.close()
    try await client.close()
    try await server.close()
  }

  @Test func nonsenseIsAnsweredWhereItCanBeAndTheConnectionCloses() async throws {
    let server = try await TransportFixture.make()
    let listener = try await server.listen(.tcp)
    let client = try await RawClient.connect(to: listener.local)
    // Without Content-Length nobody knows where the next message begins.
    let text = String(decoding: options(transport: .tcp), as: UTF8.self)
      .replacing("Content-Length: 0\r\n", with: "")
    try await client.write(Array(text.utf8))
    let answer = await client.read(until: "\r\n\r\n")
    #expect(answer.hasPrefix("SIP/2.0 400 "))
    #expect(answer.contains("received=127.0.0.1") && answer.contains("To: <sip:test@127.0.0.1>;tag="))
    guard case .malformed(let error, _, let isAnswered) = try await server.next() else {
      Issue.record("not malformed")
      return
    }
    #expect(error.code == .missingContentLength && isAnswered)
    #expect(try await server.nextClose().reason == .malformed)
    try await client.closed()

    let other = try await RawClient.connect(to: listener.local)
    try await other.write(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
    guard case .malformed(_, _, false) = try await server.next() else {
      Issue.record("answered what cannot be answered")
      return
    }
    #expect(try await server.nextClose().reason == .malformed)
    try await other.closed()
    #expect(try await server.counters().malformed == 2)
    try await server.close()
  }

  @Test func aBadMessageWhoseEndIsKnownLeavesTheConnectionOpen() async throws {
    let server = try await TransportFixture.make()
    let listener = try await server.listen(.tcp)
    let client = try await RawClient.connect(to: listener.local)
    let bad = String(decoding: options("bad", transport: .tcp), as: UTF8.self)
      .replacing("CSeq: 1 OPTIONS", with: "CSeq: 1 INVITE")
    try await client.write(Array(bad.utf8) + options("good", transport: .tcp))
    guard case .malformed(let error, _, true) = try await server.next() else {
      Issue.record("not refused")
      return
    }
    #expect(error.code == .cSeqMethodMismatch)
    #expect(try await server.nextMessage().message.headers.callID == "good")
    #expect(await client.read(until: "\r\n\r\n").hasPrefix("SIP/2.0 400 "))
    try await server.close()
  }

  @Test func aMessageThatIsNotFinishedInTimeEndsTheConnection() async throws {
    var configuration = SIPTransportConfiguration()
    configuration.partialMessageTimeout = .milliseconds(100)
    let server = try await TransportFixture.make(configuration)
    let listener = try await server.listen(.tcp)
    let client = try await RawClient.connect(to: listener.local)
    try await client.write(Array("OPTIONS sip:a@b SIP/2.0\r\n".utf8))
    #expect(try await server.nextClose().reason == .partialMessage)
    try await client.closed()
    try await server.close()
  }

  @Test func anIdleConnectionIsClosed() async throws {
    var configuration = SIPTransportConfiguration()
    configuration.idleTimeout = .milliseconds(100)
    let server = try await TransportFixture.make(configuration)
    let listener = try await server.listen(.tcp)
    let client = try await RawClient.connect(to: listener.local)
    #expect(try await server.nextClose().reason == .idle)
    try await client.closed()
    try await server.close()
  }

  /// A peer that does not read is cut off at the bound; others are served meanwhile.
  @Test func aStuckReaderBlocksNobody() async throws {
    var configuration = SIPTransportConfiguration()
    configuration.connectionQueueLimit = 256 * 1024
    let server = try await TransportFixture.make(configuration)
    let listener = try await server.listen(.tcp)
    let stuck = try await RawClient.connect(to: listener.local, reads: false)
    try await stuck.write(options("stuck", transport: .tcp))
    let hop = try await server.nextMessage().hop
    let bytes = options("big", transport: .tcp, body: 60_000)
    try await server.run { layer in
      for _ in 0..<200 { layer.send(bytes, over: hop) }
    }
    let client = try await RawClient.connect(to: listener.local)
    try await client.write(options("lively", transport: .tcp))
    var failures: [SIPTransportFailure] = []
    var reason: ConnectionCloseReason?
    var isServed = false
    while reason == nil || !isServed {
      switch try await server.next() {
      case .failed(let failed, let failure):
        #expect(failed == hop)
        failures.append(failure)
      case .closed(let id, let why):
        #expect(id == hop.connection)
        reason = why
      case .received(let message, _): isServed = message.headers.callID == "lively"
      case .malformed, .pong: Issue.record("unexpected")
      }
    }
    #expect(reason == .queueFull)
    #expect(failures.contains(.queueFull) && failures.count > 150)
    let counters = try await server.counters()
    #expect(counters.queueOverflows == 1 && counters.connections == 1)
    try await server.close()
  }

  @Test func connectionsOfOneSourceAndOfAllAreBounded() async throws {
    var configuration = SIPTransportConfiguration()
    configuration.maximumConnectionsPerSource = 3
    let server = try await TransportFixture.make(configuration)
    let listener = try await server.listen(.tcp)
    var clients: [RawClient] = []
    for i in 0..<3 {
      let client = try await RawClient.connect(to: listener.local)
      try await client.write(options("c\(i)", transport: .tcp))
      _ = try await server.nextMessage()
      clients.append(client)
    }
    let fourth = try await RawClient.connect(to: listener.local)
    try await fourth.closed()
    #expect(try await server.counters().refusedSourceLimit == 1)
    // One leaves, one more may come.
    try await clients[0].channel.close()
    #expect(try await server.nextClose().reason == .byPeer)
    let fifth = try await RawClient.connect(to: listener.local)
    try await fifth.write(options("c5", transport: .tcp))
    _ = try await server.nextMessage()
    try await server.close()
  }

  @Test func aThousandConnectionsAreTakenAndNoMore() async throws {
    var configuration = SIPTransportConfiguration()
    configuration.maximumConnections = 1000
    configuration.maximumConnectionsPerSource = 2000
    let server = try await TransportFixture.make(configuration)
    let listener = try await server.listen(.tcp)
    var clients: [RawClient] = []
    for i in 0..<1000 {
      let client = try await RawClient.connect(to: listener.local)
      if i % 100 == 99 {
        try await client.write(options("c\(i)", transport: .tcp))
        #expect(try await server.nextMessage().message.headers.callID == "c\(i)")
      }
      clients.append(client)
    }
    let refused = try await RawClient.connect(to: listener.local)
    try await refused.closed()
    let counters = try await server.counters()
    #expect(counters.connections == 1000 && counters.refusedTotalLimit == 1)
    try await server.close()
    for client in clients { try await client.closed() }
    #expect(try await server.counters().connections == 0)
  }

  @Test func aConnectionThatIsGoneIsOpenedAgain() async throws {
    let server = try await TransportFixture.make()
    let client = try await TransportFixture.make()
    let serverListener = try await server.listen(.tcp)
    let clientListener = try await client.listen(.tcp)
    let hop = serverListener.hop(from: clientListener)
    try await client.send(options("one", transport: .tcp), over: hop)
    let first = try await server.nextMessage().hop
    let connection = try #require(first.connection)
    try await server.run { $0.close(connection) }
    let closed = try await client.nextClose()
    #expect(closed.reason == .byPeer)
    #expect(try await server.nextClose().reason == .byUs)
    #expect(try await !client.run { $0.isOpen(closed.connection) })
    // By its id it is gone; by its place it is opened anew.
    var named = hop
    named.connection = closed.connection
    try await client.send(options("two", transport: .tcp), over: named)
    #expect(try await client.nextFailure().failure == .connectionClosed)
    try await client.send(options("three", transport: .tcp), over: hop)
    let (message, second) = try await server.nextMessage()
    #expect(message.headers.callID == "three" && second.connection != connection)
    try await client.close()
    try await server.close()
  }

  @Test func aRefusedConnectionFailsEveryMessageThatWaitsForIt() async throws {
    let client = try await TransportFixture.make()
    let listener = try await client.listen(.tcp)
    let gone = try await client.listen(.tcp)
    try await client.run { $0.stopListening(gone.id) }
    let hop = gone.hop(from: listener)
    try await client.run { layer in
      for i in 0..<3 { layer.send(options("m\(i)", transport: .tcp), over: hop) }
    }
    for _ in 0..<3 {
      let failed = try await client.nextFailure()
      #expect(failed.hop == hop && failed.failure == .refused)
    }
    let counters = try await client.counters()
    #expect(counters.connectFailures == 1 && counters.connections == 0 && counters.sendFailures == 3)
    try await client.close()
  }

  @Test func closingSendsWhatIsQueued() async throws {
    let server = try await TransportFixture.make()
    let client = try await TransportFixture.make()
    let serverListener = try await server.listen(.tcp)
    let clientListener = try await client.listen(.tcp)
    let hop = serverListener.hop(from: clientListener)
    try await client.send(options("one", transport: .tcp), over: hop)
    _ = try await server.nextMessage()
    try await client.send(options("last", transport: .tcp, body: 200_000), over: hop)
    try await client.close()
    #expect(try await server.nextMessage().message.body.count == 200_000)
    try await client.send(options("late", transport: .tcp), over: hop)
    var reported = false
    for _ in 0..<2 {
      if case .failed(_, let failure) = try await client.next() {
        #expect(failure == .closing)
        reported = true
      }
    }
    #expect(reported)
    try await server.close()
  }
}
