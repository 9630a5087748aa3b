import CallModel
import NIOCore
import NIOPosix
import Synchronization

/// A name server that does as the test says: answers, waits, stays silent, or talks nonsense. UDP only.
final class FakeNameServer: Sendable {
  /// Makes the response to a query; nil for silence. The argument is the query as received.
  typealias Script = @Sendable (_ query: [UInt8]) -> [UInt8]?

  let address: TransportAddress
  private let channel: any Channel
  private let state: Mutex<State>

  private struct State {
    var script: Script
    var queries: [[UInt8]] = []
    var arrivals: [CheckedContinuation<Void, Never>] = []
  }

  static func start(_ script: @escaping Script) async throws -> FakeNameServer {
    let incoming = Incoming()
    let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(incoming) }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let server = FakeNameServer(channel: channel, script: script)
    incoming.server.withLock { $0.server = server }
    return server
  }

  private init(channel: any Channel, script: @escaping Script) {
    self.channel = channel
    address = TransportAddress(.loopbackIPv4, UInt16(channel.localAddress?.port ?? 0))
    state = Mutex(State(script: script))
  }

  deinit { channel.close(promise: nil) }

  var queryCount: Int { state.withLock { $0.queries.count } }

  func change(_ script: @escaping Script) { state.withLock { $0.script = script } }

  /// Returns when at least one more query has come.
  func nextQuery(after count: Int) async {
    while queryCount <= count {
      await withCheckedContinuation { continuation in
        let isHere = state.withLock { state in
          if state.queries.count > count { return true }
          state.arrivals.append(continuation)
          return false
        }
        if isHere { continuation.resume() }
      }
    }
  }

  fileprivate func received(_ query: [UInt8]) -> [UInt8]? {
    let (script, arrivals) = state.withLock { state in
      state.queries.append(query)
      defer { state.arrivals = [] }
      return (state.script, state.arrivals)
    }
    let response = script(query)
    for arrival in arrivals { arrival.resume() }
    return response
  }

  /// The server closes the channel when the test lets go of it.
  private struct Reference: Sendable {
    weak var server: FakeNameServer?
  }

  private final class Incoming: ChannelInboundHandler, Sendable {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>
    let server = Mutex(Reference())

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let envelope = unwrapInboundIn(data)
      let server = self.server.withLock { $0.server }
      guard let response = server?.received(Array(envelope.data.readableBytesView)) else { return }
      let reply = AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: ByteBuffer(bytes: response))
      context.writeAndFlush(wrapOutboundOut(reply), promise: nil)
    }
  }
}

/// Writes responses (RFC 1035 §4).
enum Wire {
  static func name(_ text: String) -> [UInt8] {
    text.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
  }

  static func uint16(_ n: Int) -> [UInt8] { [UInt8(n >> 8 & 0xff), UInt8(n & 0xff)] }
  static func uint32(_ n: UInt32) -> [UInt8] { uint16(Int(n >> 16)) + uint16(Int(n & 0xffff)) }

  /// A record; the owner is the name of the question unless another is given.
  static func record(_ type: Int, ttl: UInt32, _ data: [UInt8], owner: [UInt8] = [0xc0, 12]) -> [UInt8] {
    owner + uint16(type) + uint16(1) + uint32(ttl) + uint16(data.count) + data
  }

  /// The response to a query, which is repeated with its question alone.
  static func response(
    to query: [UInt8], code: UInt8 = 0, answers: [[UInt8]] = [], authorities: [[UInt8]] = []
  ) -> [UInt8] {
    var end = 12
    while end < query.count, query[end] != 0 { end += Int(query[end]) + 1 }
    end += 5
    return query[0..<2] + [0x81, 0x80 | code] + uint16(1) + uint16(answers.count) + uint16(authorities.count)
      + [0, 0] + query[12..<end] + answers.joined() + authorities.joined()
  }

  static func query(_ name: String, _ type: DNSQuestion.RecordType) -> [UInt8] {
    [0x12, 0x34, 1, 0] + uint16(1) + [0, 0, 0, 0, 0, 0] + self.name(name) + uint16(Int(type.rawValue))
      + uint16(1)
  }

  static func soa(ttl: UInt32, minimum: UInt32) -> [UInt8] {
    record(
      6, ttl: ttl,
      name("ns.test") + name("admin.test") + [1, 2, 3, 4].flatMap { uint32($0) } + uint32(minimum))
  }
}
