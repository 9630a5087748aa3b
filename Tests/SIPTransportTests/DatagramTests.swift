import CallModel
import NIOCore
import NIOPosix
import SIP
import SIPTransport
import Testing

/// What comes in datagrams besides good SIP.
@Suite(.timeLimit(.minutes(1))) struct DatagramTests {
  /// A bare UDP socket.
  private final class RawSocket: Sendable {
    let channel: any Channel
    let incoming: AsyncStream<[UInt8]>

    init() async throws {
      let (stream, continuation) = AsyncStream.makeStream(of: [UInt8].self)
      incoming = stream
      channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(Collector(continuation))
          }
        }
        .bind(host: "127.0.0.1", port: 0).get()
    }

    func send(_ bytes: [UInt8], to address: TransportAddress) async throws {
      let remote = try SocketAddress(ipAddress: "\(address.ip)", port: Int(address.port))
      try await channel.writeAndFlush(
        AddressedEnvelope(remoteAddress: remote, data: ByteBuffer(bytes: bytes))
      )
      .get()
    }

    func receive() async -> [UInt8] {
      for await bytes in incoming { return bytes }
      return []
    }

    private final class Collector: ChannelInboundHandler {
      typealias InboundIn = AddressedEnvelope<ByteBuffer>
      private let continuation: AsyncStream<[UInt8]>.Continuation
      init(_ continuation: AsyncStream<[UInt8]>.Continuation) { self.continuation = continuation }
      func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        continuation.yield(Array(unwrapInboundIn(data).data.readableBytesView))
      }
    }
  }

  @Test func keepAlivesAreDroppedInSilence() async throws {
    let layer = try await TransportFixture.make()
    let listener = try await layer.listen(.udp)
    let socket = try await RawSocket()
    for bytes in [[], Array("\r\n\r\n".utf8), [0, 0, 0, 0], Array(" \r\n".utf8), [0]] {
      try await socket.send(bytes, to: listener.local)
    }
    try await socket.send(options("after"), to: listener.local)
    #expect(try await layer.nextMessage().message.headers.callID == "after")
    let counters = try await layer.counters()
    #expect(counters.keepAlivesReceived == 5 && counters.malformed == 0)
    try await layer.close()
  }

  /// RFC 5389 §7.3, RFC 5626 §4.4.2.
  @Test func bindingRequestsAreAnsweredWithTheirSource() async throws {
    let layer = try await TransportFixture.make()
    let listener = try await layer.listen(.udp)
    let socket = try await RawSocket()
    let transaction = (1...12).map { UInt8($0) }
    try await socket.send([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42] + transaction, to: listener.local)
    let answer = await socket.receive()
    let port = UInt16(socket.channel.localAddress?.port ?? 0) ^ 0x2112
    #expect(
      answer == [1, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42] + transaction
        + [0, 0x20, 0, 8, 0, 1, UInt8(port >> 8), UInt8(port & 0xff)]
        + [127 ^ 0x21, 0 ^ 0x12, 0 ^ 0xa4, 1 ^ 0x42])
    // Another cookie, a wrong length, an attribute that must be understood: no answer.
    try await socket.send([0, 1, 0, 0, 0, 0, 0, 0] + transaction, to: listener.local)
    try await socket.send([0, 1, 0, 4, 0x21, 0x12, 0xa4, 0x42] + transaction, to: listener.local)
    try await socket.send(
      [0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42] + transaction + [0, 6, 0, 4, 1, 1, 1, 1], to: listener.local)
    try await socket.send(options("after"), to: listener.local)
    _ = try await layer.nextMessage()
    let counters = try await layer.counters()
    #expect(counters.stunAnswered == 1 && counters.malformed == 3)
    try await layer.close()
  }

  @Test func malformedRequestsAreAnsweredAndResponsesAreNot() async throws {
    let layer = try await TransportFixture.make()
    let listener = try await layer.listen(.udp)
    let socket = try await RawSocket()
    let bad = String(decoding: options("bad"), as: UTF8.self).replacing(
      "CSeq: 1 OPTIONS", with: "CSeq: 1 INVITE")
    try await socket.send(Array(bad.utf8), to: listener.local)
    let answer = String(decoding: await socket.receive(), as: UTF8.self)
    let port = socket.channel.localAddress?.port ?? 0
    #expect(answer.hasPrefix("SIP/2.0 400 "))
    #expect(answer.contains("rport=\(port)") && answer.contains("received=127.0.0.1"))
    #expect(answer.contains("Call-ID: bad\r\n"))
    guard case .malformed(_, let hop, true) = try await layer.next() else {
      Issue.record("not reported")
      return
    }
    #expect(hop.remote.port == UInt16(port))
    for text in ["SIP/2.0 200 OK\r\nVia: x\r\n\r\n", "hello", "ACK sip:a@b SIP/2.0\r\n\r\n"] {
      try await socket.send(Array(text.utf8), to: listener.local)
      guard case .malformed(_, _, false) = try await layer.next() else {
        Issue.record("answered: \(text)")
        return
      }
    }
    #expect(try await layer.counters().malformedAnswered == 1)
    try await layer.close()
  }

  @Test func aBurstArrivesWhole() async throws {
    let sender = try await TransportFixture.make()
    let receiver = try await TransportFixture.make()
    let from = try await sender.listen(.udp)
    let to = try await receiver.listen(.udp)
    let hop = to.hop(from: from)
    try await sender.run { layer in
      for i in 0..<200 { layer.send(options("b\(i)"), over: hop) }
    }
    for i in 0..<200 { #expect(try await receiver.nextMessage().message.headers.callID == "b\(i)") }
    let counters = try await sender.counters()
    #expect(counters.udp.messagesSent == 200 && counters.sendFailures == 0)
    try await sender.close()
    try await receiver.close()
  }
}
