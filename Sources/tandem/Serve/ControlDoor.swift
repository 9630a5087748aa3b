import Conferences
import Foundation
import Logging
import ManagementAPI
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
    state: String, lifecycle: PolicyLifecycle, conferences: @escaping ConferenceAnswer,
    events: @escaping ConferenceFollowing, logger: Logger
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
          try channel.pipeline.syncOperations.addHandler(
            ControlHandler(lifecycle, conferences, events, logger))
        }
      }
      .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
    chmod(path, 0o600)
    return ControlDoor(channel, path)
  }

  /// What the service says to a question about conferences.
  typealias ConferenceAnswer = @Sendable (ConferenceRequest, _ isJSON: Bool) async -> ControlReply
  /// The events of a conference after the one with this number.
  typealias ConferenceFollowing =
    @Sendable (String, UInt64) async -> Result<any ConferenceEvents, ConferenceRefusal>

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
  private let events: ControlDoor.ConferenceFollowing
  private let log: Logger
  private var lines = ControlLines()
  private var isAnswering = false
  private var impatience: Scheduled<Void>?
  /// Tells what goes on for as long as the connection lasts.
  private var telling: Task<Void, Never>?

  init(
    _ lifecycle: PolicyLifecycle, _ conferences: @escaping ControlDoor.ConferenceAnswer,
    _ events: @escaping ControlDoor.ConferenceFollowing, _ log: Logger
  ) {
    self.lifecycle = lifecycle
    self.conferences = conferences
    self.events = events
    self.log = log
  }

  func channelActive(context: ChannelHandlerContext) {
    let channel = context.channel
    impatience = context.eventLoop.scheduleTask(in: ControlDoor.patience) { channel.close(promise: nil) }
  }

  func channelInactive(context: ChannelHandlerContext) {
    impatience?.cancel()
    telling?.cancel()
  }

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
      if case (.events(let conference, let after, let follows), let isJSON)? = try ConferenceRequest.parse(
        line)
      {
        telling = Task { [events] in
          await ControlHandler.tell(
            events(conference, after), follows: follows, isJSON: isJSON, conference, over: channel)
          try? await channel.close().get()
        }
        return
      }
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

  /// A line a batch, as fast as it is read.
  private static func tell(
    _ followed: Result<any ConferenceEvents, ConferenceRefusal>, follows: Bool, isJSON: Bool,
    _ conference: String, over channel: any Channel
  ) async {
    guard case .success(let events) = followed else {
      let reason =
        followed.isRefused(for: .isFull) ? "too many follow already" : "no conference “\(conference)” runs"
      let reply = ControlReply(exitCode: 1, output: reason + "\n")
      return _ = try? await channel.writeAndFlush(ByteBuffer(string: reply.line)).get()
    }
    defer { events.close() }
    repeat {
      guard let news = await events.next() else { return }
      let output = news.map { (isJSON ? $0.json : $0.text) + "\n" }.joined()
      let reply = ControlReply(exitCode: 0, output: output)
      guard (try? await channel.writeAndFlush(ByteBuffer(string: reply.line)).get()) != nil else { return }
    } while follows && !Task.isCancelled
  }

  private func answer(_ reply: ControlReply, _ channel: any Channel) {
    isAnswering = true
    channel.writeAndFlush(ByteBuffer(string: reply.line)).whenComplete { _ in channel.close(promise: nil) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

extension Result where Failure == ConferenceRefusal {
  fileprivate func isRefused(for reason: ConferenceRefusal) -> Bool {
    if case .failure(reason) = self { true } else { false }
  }
}
