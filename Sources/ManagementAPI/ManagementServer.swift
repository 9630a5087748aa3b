import CallModel
import Conferences
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// The HTTP side of the management interface: status of conferences and participants, and commands, in the reference system's form.
///
/// Plain HTTP with a password, so on a loopback address only; whoever wants it elsewhere puts a proxy with TLS before it.
public final class ManagementServer: Sendable {
  /// Asks the service; on whatever thread it likes.
  public typealias Handler = @Sendable (ManagementCall) async -> ManagementCall.Answer

  private let channel: any Channel
  /// Where it listens.
  public var port: Int { channel.localAddress?.port ?? 0 }

  /// Connections at once, and how long one may be idle.
  public static let maximumConnections = 64
  public static let patience = TimeAmount.seconds(30)

  public struct NotLoopback: Error, CustomStringConvertible {
    public var description: String { "the management interface is plain HTTP: it listens on loopback only" }
  }

  public static func open(
    _ address: TransportAddress, credential: BasicCredential, logger: Logger, handler: @escaping Handler
  ) async throws -> ManagementServer {
    guard address.ip.isLoopback else { throw NotLoopback() }
    let connections = ConnectionCount()
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.backlog, value: 64)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.closeFuture.whenComplete { _ in connections.value.subtract(1, ordering: .relaxed) }
        guard connections.value.add(1, ordering: .relaxed).newValue <= maximumConnections else {
          return channel.close()
        }
        return channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(ManagementHandler(credential, logger, handler))
        }
      }
      .bind(host: address.ip.description, port: Int(address.port)).get()
    return ManagementServer(channel)
  }

  private init(_ channel: any Channel) { self.channel = channel }

  public func close() async { try? await channel.close().get() }
}

private final class ConnectionCount: Sendable {
  let value = Atomic<Int>(0)
}

/// One connection: requests one after the other.
private final class ManagementHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let credential: BasicCredential
  private let log: Logger
  private let handler: ManagementServer.Handler
  private var head: HTTPRequestHead?
  private var body: [UInt8] = []
  private var isTooLong = false
  private var idle: Scheduled<Void>?

  init(_ credential: BasicCredential, _ log: Logger, _ handler: @escaping ManagementServer.Handler) {
    self.credential = credential
    self.log = log
    self.handler = handler
  }

  func channelActive(context: ChannelHandlerContext) { wait(context) }
  func channelInactive(context: ChannelHandlerContext) { idle?.cancel() }

  private func wait(_ context: ChannelHandlerContext) {
    idle?.cancel()
    let channel = context.channel
    idle = context.eventLoop.scheduleTask(in: ManagementServer.patience) { channel.close(promise: nil) }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      body = []
      isTooLong = false
    case .body(let part):
      guard body.count + part.readableBytes <= ManagementCall.maximumBody else {
        isTooLong = true
        return
      }
      body.append(contentsOf: part.readableBytesView)
    case .end:
      guard let head else { return }
      self.head = nil
      wait(context)
      answer(head, context.channel)
    }
  }

  private func answer(_ head: HTTPRequestHead, _ channel: any Channel) {
    func send(_ answer: ManagementCall.Answer) { ManagementHandler.send(answer, head, channel) }
    guard credential.accepts(head.headers.first(name: "authorization")) else {
      log.notice(
        "management request without the right password",
        metadata: ["address": "\(channel.remoteAddress?.description ?? "")"])
      return send(.failure(401, "authentication is needed"))
    }
    guard !isTooLong else { return send(.failure(413, "the body is too long")) }
    guard head.uri.utf8.count <= 4_096, let components = URLComponents(string: head.uri) else {
      return send(.failure(400, "the URI cannot be read"))
    }
    let query = (components.queryItems ?? []).map { ($0.name, $0.value ?? "") }
    do throws(ManagementCall.Failure) {
      let call = try ManagementCall(
        method: head.method.rawValue, path: components.path, query: query, body: body)
      if head.method == .POST {
        log.notice("management command", metadata: ["path": "\(components.path)"])
      }
      let handler = handler
      Task { ManagementHandler.send(await handler(call), head, channel) }
    } catch {
      send(error.answer)
    }
  }

  private static func send(
    _ answer: ManagementCall.Answer, _ request: HTTPRequestHead, _ channel: any Channel
  ) {
    var headers = HTTPHeaders([
      ("content-type", "application/json"), ("content-length", "\(answer.body.utf8.count)"),
      ("cache-control", "no-store"),
    ])
    if answer.status == 401 { headers.add(name: "www-authenticate", value: "Basic realm=\"tandem\"") }
    if !request.isKeepAlive { headers.add(name: "connection", value: "close") }
    let head = HTTPResponseHead(
      version: request.version, status: HTTPResponseStatus(statusCode: answer.status), headers: headers)
    let isKeptAlive = request.isKeepAlive
    channel.write(HTTPServerResponsePart.head(head), promise: nil)
    channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(string: answer.body))), promise: nil)
    channel.writeAndFlush(HTTPServerResponsePart.end(nil)).whenComplete { _ in
      if !isKeptAlive { channel.close(promise: nil) }
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
