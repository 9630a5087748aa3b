import AsyncHTTPClient
import CallModel
import NIOCore
import NIOHTTP1
import NIOSSL
import PolicyEngine
import PolicyHooks
import Synchronization

/// The HTTP/1.1 connections to one policy server: TLS, proxy, keep-alive. It knows no deadline: its exchanges end when their
/// task is cancelled, and close their connection then.
final class PolicyServerClient: Sendable {
  private let client: HTTPClient
  /// True once a connection may be waiting in the pool.
  private let hasServed = Atomic<Bool>(false)

  init(_ profile: PolicyProfile, group: any EventLoopGroup) {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.minimumTLSVersion = .tlsv12
    if !profile.verifiesCertificate { tls.certificateVerification = .none }
    if let file = profile.certificateAuthorityFile { tls.trustRoots = .file(file) }
    var configuration = HTTPClient.Configuration(
      tlsConfiguration: tls, redirectConfiguration: .disallow,
      timeout: .init(connect: .seconds(30), read: nil),
      connectionPool: .init(
        idleTimeout: .seconds(60), concurrentHTTP1ConnectionsPerHostSoftLimit: profile.maximumConcurrent),
      proxy: profile.proxy.map { .server(host: $0.host, port: Int($0.port)) },
      ignoreUncleanSSLShutdown: false, decompression: .disabled)
    // A server that refuses the connection is down, and the fallback is due: not in five seconds, now.
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.httpVersion = .http1Only
    client = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
  }

  /// Closes all connections; exchanges still running fail.
  func shutdown() async { try? await client.shutdown() }

  /// Sends `request` and reads the answer to `question`, up to the limit of its kind.
  func perform(
    _ request: PolicyHTTPRequest, _ question: ExternalPolicyRequest, _ context: AnswerContext
  ) async -> PolicyExchangeEnd {
    var outgoing = HTTPClientRequest(
      url: "\(request.server.isSecure ? "https" : "http")://\(request.server.authority)\(request.target)")
    outgoing.headers.add(name: "Host", value: request.server.authority)
    if let authorization = request.authorization {
      outgoing.headers.add(name: "Authorization", value: authorization.reveal())
    }
    for (name, value) in request.headers { outgoing.headers.add(name: name, value: value) }
    let wasReused = hasServed.load(ordering: .relaxed)
    let response: HTTPClientResponse
    do {
      // Cancelling the task is the deadline; this one never comes first.
      response = try await client.execute(outgoing, deadline: .now() + .minutes(10))
    } catch {
      return .failed(
        PolicyTransportFailure(error, duringConnection: true)
          ?? .closedBeforeResponse(wasReused: wasReused))
    }
    let limit = request.kind.answerLimit
    var body: [UInt8] = []
    if let length = response.headers.first(name: "Content-Length").flatMap({ Int($0) }) {
      guard length <= limit else { return .failed(.answerTooLong(limit: limit)) }
      body.reserveCapacity(max(0, length))
    }
    do {
      for try await chunk in response.body {
        guard body.count + chunk.readableBytes <= limit else { return .failed(.answerTooLong(limit: limit)) }
        body.append(contentsOf: chunk.readableBytesView)
      }
    } catch {
      return .failed(PolicyTransportFailure(error, duringConnection: false) ?? .closedInResponse)
    }
    hasServed.store(true, ordering: .relaxed)
    let encodings = response.headers[canonicalForm: "Content-Encoding"]
    let answer = HTTPAnswer(
      status: Int(response.status.code),
      contentEncoding: encodings.isEmpty ? nil : encodings.joined(separator: ", "), body: body)
    return .answered(status: answer.status, AnswerReading(answer, to: question, context))
  }
}
