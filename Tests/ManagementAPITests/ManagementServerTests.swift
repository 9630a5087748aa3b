import CallModel
import Conferences
import Foundation
import Glibc
import Logging
import Testing

@testable import ManagementAPI

/// The HTTP side, over a real socket.
@Suite(.timeLimit(.minutes(1))) struct ManagementServerTests {
  private let credential = BasicCredential(username: "admin", password: Secret("s3cret"))
  private let proof = "Authorization: Basic " + Data("admin:s3cret".utf8).base64EncodedString()

  private func server() async throws -> ManagementServer {
    try await ManagementServer.open(
      TransportAddress(.loopbackIPv4, 0), credential: credential, logger: Logger(label: "test")
    ) { call in
      if case .conferences(let selection) = call {
        return ManagementCall.Answer(status: 200, body: "{\"limit\":\(selection.limit)}")
      }
      return .failure(404, "nothing")
    }
  }

  /// Sends bytes, and reads until the answer is complete or the other side closes. On a thread of its own: the service needs those
  /// of the tests for its answer.
  private func ask(_ port: Int, _ text: String) async -> String {
    await withCheckedContinuation { continuation in
      Thread { continuation.resume(returning: Self.exchange(port, text)) }.start()
    }
  }

  private static func exchange(_ port: Int, _ text: String) -> String {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = UInt16(port).bigEndian
    name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let isConnected = withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    guard isConnected else { return "no connection" }
    var limit = timeval(tv_sec: 5, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    _ = text.withCString { write(socket, $0, strlen($0)) }
    var received = ""
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while !received.hasSuffix("}\n"), !received.hasSuffix("}") {
      let length = read(socket, &buffer, buffer.count)
      guard length > 0 else { break }
      received += String(decoding: buffer[..<length], as: UTF8.self)
    }
    return received
  }

  private func request(_ line: String, _ headers: [String] = [], body: String = "") -> String {
    ([line + " HTTP/1.1", "Host: localhost", "Content-Length: \(body.utf8.count)"] + headers)
      .joined(separator: "\r\n") + "\r\n\r\n" + body
  }

  @Test func whoKnowsThePasswordIsAnswered() async throws {
    let server = try await server()
    let answer = await ask(
      server.port, request("GET /api/admin/status/v1/conference/?limit=5&format=json", [proof]))
    #expect(answer.hasPrefix("HTTP/1.1 200 OK") && answer.hasSuffix("{\"limit\":5}"), "\(answer)")
    #expect(answer.lowercased().contains("content-type: application/json"))
    await server.close()
  }

  @Test(arguments: [
    "", "Authorization: Basic YWRtaW46c2VjcmV0", "Authorization: Basic", "Authorization: Bearer x",
    "Authorization: Basic !!!", "Authorization: Basic ",
  ])
  func whoDoesNotIsNot(header: String) async throws {
    let server = try await server()
    let answer = await ask(
      server.port, request("GET /api/admin/status/v1/conference/", header.isEmpty ? [] : [header]))
    #expect(answer.hasPrefix("HTTP/1.1 401"), "\(answer)")
    #expect(answer.contains("Basic realm") && !answer.contains("limit"))
    await server.close()
  }

  @Test func badRequestsAreAnsweredAndNothingBreaks() async throws {
    let server = try await server()
    let long = String(repeating: " ", count: ManagementCall.maximumBody + 1)
    for (text, status) in [
      (request("GET /nothing/", [proof]), 404),
      (request("GET /api/admin/status/v1/conference", [proof]), 404),
      (request("DELETE /api/admin/status/v1/conference/", [proof]), 405),
      (request("POST /api/admin/command/v1/conference/lock/", [proof], body: "nonsense"), 400),
      (request("POST /api/admin/command/v1/conference/lock/", [proof], body: long), 413),
      (request("GET /" + String(repeating: "a", count: 5_000) + "/", [proof]), 400),
    ] {
      let answer = await ask(server.port, text)
      #expect(answer.hasPrefix("HTTP/1.1 \(status)"), "\(answer.prefix(200)) for \(text.prefix(60))")
    }
    let nothing = await ask(server.port, "\u{0}\u{1}garbage\r\n\r\n")
    #expect(nothing.isEmpty || nothing.hasPrefix("HTTP/1.1 400"), "\(nothing)")
    let answer = await ask(server.port, request("GET /api/admin/status/v1/conference/", [proof]))
    #expect(answer.hasPrefix("HTTP/1.1 200"), "\(answer)")
    await server.close()
  }

  @Test func onlyLoopbackIsServed() async throws {
    let address = try #require(TransportAddress("192.0.2.1:8480"))
    await #expect(throws: ManagementServer.NotLoopback.self) {
      _ = try await ManagementServer.open(address, credential: credential, logger: Logger(label: "test")) {
        _ in .failure(404, "")
      }
    }
  }

  @Test func thePasswordIsComparedWhole() {
    func header(_ text: String) -> String { "Basic " + Data(text.utf8).base64EncodedString() }
    #expect(credential.accepts(header("admin:s3cret")))
    for wrong in [
      "admin:s3cre", "admin:s3crett", "admin:", "", ":s3cret", "admin:s3cretadmin:s3cret", "Admin:s3cret",
    ] {
      #expect(!credential.accepts(header(wrong)), "\(wrong)")
    }
  }
}
