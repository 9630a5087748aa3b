import Conferences
import Foundation
import Logging
import NIOCore
import NIOPosix
import PolicyActivation
import Synchronization

/// Where an admin on this host reaches the running service: a socket in the state directory that only its owner can open.
/// One line of JSON each way, then the connection closes.
final class ControlDoor: Sendable {
  private let channel: any Channel
  let path: String

  /// The name of the socket; longer ones do not fit a socket address.
  static func path(state: String) -> String { "\(state)/policy/control.sock" }
  static let maximumPathLength = 107
  /// Connections at once, and how long one may take to say what it wants.
  static let maximumConnections = 16
  static let patience = TimeAmount.seconds(10)

  /// - Parameter conferences: answers what is asked about conferences.
  static func open(
    state: String, lifecycle: PolicyLifecycle, conferences: @escaping ConferenceAnswer, logger: Logger
  ) async throws -> ControlDoor {
    let path = path(state: state)
    guard path.utf8.count <= maximumPathLength else {
      throw ServeError("the path \(path) is too long for a socket: use a shorter --state")
    }
    // No call waits for this: it has a loop of its own, away from signalling.
    let connections = ConnectionCount()
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.backlog, value: 16)
      .childChannelInitializer { channel in
        channel.closeFuture.whenComplete { _ in connections.value.subtract(1, ordering: .relaxed) }
        guard connections.value.add(1, ordering: .relaxed).newValue <= maximumConnections else {
          return channel.close()
        }
        return channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(ControlHandler(lifecycle, conferences, logger))
        }
      }
      .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
    chmod(path, 0o600)
    return ControlDoor(channel, path)
  }

  /// What the service says to a question about conferences.
  typealias ConferenceAnswer = @Sendable (ConferenceRequest, _ isJSON: Bool) async -> ControlReply

  private init(_ channel: any Channel, _ path: String) {
    self.channel = channel
    self.path = path
  }

  func close() async {
    try? await channel.close().get()
    unlink(path)
  }
}

private final class ConnectionCount: Sendable {
  let value = Atomic<Int>(0)
}

/// One connection: a request, its answer, the end.
private final class ControlHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let lifecycle: PolicyLifecycle
  private let conferences: ControlDoor.ConferenceAnswer
  private let log: Logger
  private var lines = ControlLines()
  private var isAnswering = false
  private var impatience: Scheduled<Void>?

  init(
    _ lifecycle: PolicyLifecycle, _ conferences: @escaping ControlDoor.ConferenceAnswer, _ log: Logger
  ) {
    self.lifecycle = lifecycle
    self.conferences = conferences
    self.log = log
  }

  func channelActive(context: ChannelHandlerContext) {
    let channel = context.channel
    impatience = context.eventLoop.scheduleTask(in: ControlDoor.patience) { channel.close(promise: nil) }
  }

  func channelInactive(context: ChannelHandlerContext) { impatience?.cancel() }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isAnswering else { return }
    let received: [[UInt8]]
    do {
      received = try lines.add(unwrapInboundIn(data).readableBytesView)
    } catch {
      return answer(ControlReply(exitCode: 2, output: "\(error)\n"), context.channel)
    }
    guard let line = received.first else { return }
    isAnswering = true
    impatience?.cancel()
    do {
      let channel = context.channel
      let reply = try reply(to: line)
      Task {
        let reply = await reply()
        channel.writeAndFlush(ByteBuffer(string: reply.line)).whenComplete { _ in channel.close(promise: nil)
        }
      }
    } catch {
      log.warning("request at the control socket not understood", metadata: ["error": "\(error)"])
      answer(ControlReply(exitCode: 2, output: "\(error)\n"), context.channel)
    }
  }

  private func reply(to line: [UInt8]) throws -> @Sendable () async -> ControlReply {
    if let (request, isJSON) = try ConferenceRequest.parse(line) {
      return { [conferences] in await conferences(request, isJSON) }
    }
    let (request, isJSON) = try ControlRequest.parse(line)
    return { [lifecycle] in await lifecycle.answer(request, isJSON: isJSON) }
  }

  private func answer(_ reply: ControlReply, _ channel: any Channel) {
    isAnswering = true
    channel.writeAndFlush(ByteBuffer(string: reply.line)).whenComplete { _ in channel.close(promise: nil) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
