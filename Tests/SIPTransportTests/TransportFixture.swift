import CallModel
import Logging
import NIOCore
import NIOPosix
import SIP
import SIPTransport
import Synchronization
import Testing

/// What a layer told its delegate, in order, for tests that wait outside of its loop.
enum TransportEvent: Sendable {
  case received(SIPMessage, Hop)
  case malformed(SIPSyntaxError, Hop, isAnswered: Bool)
  case failed(Hop, SIPTransportFailure)
  case closed(ConnectionID, ConnectionCloseReason)
  case pong(ConnectionID)
}

/// A transport layer on an event loop, driven from a test's task.
final class TransportFixture: Sendable {
  let loop: any EventLoop
  let events: AsyncStream<TransportEvent>
  let box: NIOLoopBound<Confined>

  /// Lives on the loop.
  final class Confined: SIPTransportDelegate {
    let layer: SIPTransportLayer
    let events: AsyncStream<TransportEvent>.Continuation
    var react: ((SIPMessage, Hop, SIPTransportLayer) -> Void)?

    init(_ layer: SIPTransportLayer, _ events: AsyncStream<TransportEvent>.Continuation) {
      self.layer = layer
      self.events = events
    }

    func received(_ message: SIPMessage, hop: Hop) {
      react?(message, hop, layer)
      events.yield(.received(message, hop))
    }
    func malformed(_ error: SIPSyntaxError, hop: Hop, isAnswered: Bool) {
      events.yield(.malformed(error, hop, isAnswered: isAnswered))
    }
    func transportFailed(_ hop: Hop, _ failure: SIPTransportFailure) { events.yield(.failed(hop, failure)) }
    func connectionClosed(_ connection: ConnectionID, hop: Hop, reason: ConnectionCloseReason) {
      events.yield(.closed(connection, reason))
    }
    func keepAliveAnswered(_ connection: ConnectionID) { events.yield(.pong(connection)) }
  }

  static func make(
    _ configuration: SIPTransportConfiguration = SIPTransportConfiguration()
  ) async throws -> TransportFixture {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let (events, continuation) = AsyncStream.makeStream(of: TransportEvent.self)
    let box = try await loop.submit {
      let layer = SIPTransportLayer(
        eventLoop: loop, configuration: configuration,
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
      let confined = Confined(layer, continuation)
      layer.delegate = confined
      return NIOLoopBound(confined, eventLoop: loop)
    }.get()
    return TransportFixture(loop: loop, events: events, box: box)
  }

  init(loop: any EventLoop, events: AsyncStream<TransportEvent>, box: NIOLoopBound<Confined>) {
    self.loop = loop
    self.events = events
    self.box = box
  }

  /// Runs on the loop of the layer.
  func run<T: Sendable>(_ body: @escaping @Sendable (SIPTransportLayer) throws -> T) async throws -> T {
    try await loop.submit { try body(self.box.value.layer) }.get()
  }

  func react(_ body: @escaping @Sendable (SIPMessage, Hop, SIPTransportLayer) -> Void) async throws {
    try await loop.submit { self.box.value.react = body }.get()
  }

  func listen(
    _ transport: SIPTransportProtocol, _ ip: IPAddress = .loopbackIPv4, tls: SIPTLSConfiguration? = nil
  ) async throws -> BoundListener {
    let configuration = SIPListenerConfiguration(
      transport: transport, bind: TransportAddress(ip, 0), tls: tls)
    return try await loop.flatSubmit { self.box.value.layer.listen(configuration) }.get()
  }

  func send(_ bytes: [UInt8], over hop: Hop) async throws { try await run { $0.send(bytes, over: hop) } }

  func counters() async throws -> SIPTransportCounters { try await run { $0.snapshot() } }

  func close() async throws { try await loop.flatSubmit { self.box.value.layer.close() }.get() }

  /// The next event; a test's time limit ends the wait.
  func next() async throws -> TransportEvent {
    for await event in events { return event }
    throw CancellationError()
  }

  func nextMessage() async throws -> (message: SIPMessage, hop: Hop) {
    let event = try await next()
    guard case .received(let message, let hop) = event else { throw UnexpectedEvent(event: event) }
    return (message, hop)
  }

  func nextFailure() async throws -> (hop: Hop, failure: SIPTransportFailure) {
    let event = try await next()
    guard case .failed(let hop, let failure) = event else { throw UnexpectedEvent(event: event) }
    return (hop, failure)
  }

  func nextClose() async throws -> (connection: ConnectionID, reason: ConnectionCloseReason) {
    let event = try await next()
    guard case .closed(let connection, let reason) = event else { throw UnexpectedEvent(event: event) }
    return (connection, reason)
  }
}

struct UnexpectedEvent: Error {
  var event: TransportEvent
}

extension BoundListener {
  /// The hop by which another layer's listener sends to this one.
  func hop(from listener: BoundListener, serverName: String? = nil) -> Hop {
    Hop(transport: transport, remote: local, listener: listener.id, serverName: serverName)
  }
}

/// A request of about the given size.
func options(_ callID: String = "a", transport: SIPTransportProtocol = .udp, body: Int = 0) -> [UInt8] {
  let text = """
    OPTIONS sip:test@127.0.0.1 SIP/2.0\r
    Via: SIP/2.0/\(transport.rawValue) 127.0.0.1:5060;branch=z9hG4bK\(callID);rport\r
    Max-Forwards: 70\r
    From: <sip:a@127.0.0.1>;tag=1\r
    To: <sip:test@127.0.0.1>\r
    Call-ID: \(callID)\r
    CSeq: 1 OPTIONS\r
    Content-Length: \(body)\r
    \r\n
    """
  return Array(text.utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: body)
}

/// A client that speaks bytes, not SIP.
final class RawClient: Sendable {
  let channel: any Channel
  private let incoming: AsyncStream<[UInt8]>
  private let buffer = Mutex<[UInt8]>([])

  static func connect(to address: TransportAddress, reads: Bool = true) async throws -> RawClient {
    let (stream, continuation) = AsyncStream.makeStream(of: [UInt8].self)
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.autoRead, value: reads)
      .channelOption(.socketOption(.so_rcvbuf), value: 4096)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Collector(continuation))
        }
      }
      .connect(host: "\(address.ip)", port: Int(address.port)).get()
    return RawClient(channel, stream)
  }

  private init(_ channel: any Channel, _ incoming: AsyncStream<[UInt8]>) {
    self.channel = channel
    self.incoming = incoming
  }

  func write(_ bytes: [UInt8]) async throws {
    try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
  }

  /// What has come when the text is in it, or when the peer closed.
  func read(until text: String) async -> String {
    for await bytes in incoming {
      let all = buffer.withLock { buffer in
        buffer += bytes
        return String(decoding: buffer, as: UTF8.self)
      }
      if all.contains(text) { return all }
    }
    return buffer.withLock { String(decoding: $0, as: UTF8.self) }
  }

  func closed() async throws { try await channel.closeFuture.get() }

  private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let continuation: AsyncStream<[UInt8]>.Continuation

    init(_ continuation: AsyncStream<[UInt8]>.Continuation) { self.continuation = continuation }
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      continuation.yield(Array(unwrapInboundIn(data).readableBytesView))
    }
    func channelInactive(context: ChannelHandlerContext) { continuation.finish() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
  }
}

extension TransportFixture {
  func listenOnLoop(_ configuration: SIPListenerConfiguration) -> EventLoopFuture<BoundListener> {
    box.value.layer.listen(configuration)
  }
}
