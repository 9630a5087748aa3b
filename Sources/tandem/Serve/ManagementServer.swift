import CallModel
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import ManagementAPI
import NIOCore
import NIOPosix
import PolicyEngine
import Synchronization

/// Serves a ``ManagementService`` over HTTP, on a thread of its own: administrators hold up no call.
final class ManagementServer: Sendable {
  /// Where it listens.
  let address: String
  private let group: MultiThreadedEventLoopGroup
  private let task: Task<Void, any Error>

  private init(address: String, group: MultiThreadedEventLoopGroup, task: Task<Void, any Error>) {
    self.address = address
    self.group = group
    self.task = task
  }

  /// Connections at once; more wait.
  private static let maximumConnections = 100

  /// - Throws: when the address cannot be bound.
  static func open(
    _ settings: ManagementSettings, desk: any ConferenceDesk, history: any ConferenceHistory, logger: Logger
  ) async throws -> ManagementServer {
    let service = ManagementService(
      users: settings.users, desk: desk, history: history
    ) { audit in
      logger.notice(
        audit.status == 401 ? "wrong password for the management interface" : "management command",
        metadata: [
          "user": "\(audit.user)", "method": "\(audit.method)", "path": "\(audit.path)",
          "status": "\(audit.status)",
        ])
    }
    let responder = CallbackResponder<BasicRequestContext> { request, _ in
      guard let asked = await ManagementRequest(request) else { return Response(status: .contentTooLarge) }
      let answer = await service.answer(asked, now: LoopDriver.now)
      return answer.events.map { Response(answer, $0) } ?? Response(answer)
    }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let (bound, tell) = AsyncThrowingStream.makeStream(of: String.self)
    var quiet = logger
    quiet.logLevel = .warning
    let application = Application(
      responder: responder,
      configuration: ApplicationConfiguration(
        address: .hostname(settings.address.ip.description, port: Int(settings.address.port)),
        availableConnectionsDelegate: MaximumAvailableConnections(maximumConnections)),
      onServerRunning: { channel in
        let local = channel.localAddress
        tell.yield("\(local?.ipAddress ?? ""):\(local?.port ?? 0)")
        tell.finish()
      },
      eventLoopGroupProvider: .shared(group), logger: quiet)
    let task = Task {
      do {
        try await application.run()
        tell.finish()
      } catch {
        tell.finish(throwing: error)
        throw error
      }
    }
    for try await address in bound { return ManagementServer(address: address, group: group, task: task) }
    throw ServeError("the management interface ended as it began")
  }

  /// Ends all connections.
  func close() async {
    task.cancel()
    _ = await task.result
    try? await group.shutdownGracefully()
  }
}

extension ManagementRequest {
  /// nil: the body is too long.
  fileprivate init?(_ request: Request) async {
    var request = request
    guard let body = try? await request.collectBody(upTo: ManagementRequest.maximumBody) else { return nil }
    self.init(
      method: request.method.rawValue, path: request.uri.path, query: request.uri.query ?? "",
      contentType: request.headers[.contentType] ?? "", authorization: request.headers[.authorization],
      lastEventID: HTTPField.Name("Last-Event-ID").flatMap { request.headers[$0] },
      body: Array(body.readableBytesView))
  }
}

extension Response {
  private static func fields(_ response: ManagementResponse) -> HTTPFields {
    var headers = HTTPFields()
    for header in response.headers {
      if let name = HTTPField.Name(header.name) { headers[name] = header.value }
    }
    return headers
  }

  /// One that goes on for as long as there is something to tell, at the pace of who reads it.
  fileprivate init(_ response: ManagementResponse, _ events: any ConferenceEvents) {
    self.init(
      status: HTTPResponse.Status(code: response.status), headers: Response.fields(response),
      body: ResponseBody { writer in
        defer { events.close() }
        while let news = await events.next() {
          try await writer.write(ByteBuffer(string: ServerSentEvents.text(news)))
        }
        try await writer.write(ByteBuffer(string: ServerSentEvents.bye))
        try await writer.finish(nil)
      })
  }

  fileprivate init(_ response: ManagementResponse) {
    self.init(
      status: HTTPResponse.Status(code: response.status), headers: Response.fields(response),
      body: response.body.isEmpty
        ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(string: response.body)))
  }
}
