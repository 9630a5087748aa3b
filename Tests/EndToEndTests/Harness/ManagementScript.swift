import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// What a script knows that commands conferences over HTTP: an address, a name and a password.
struct ManagementScript: Sendable {
  /// Where the interface listens, and who may; part of a test's policy.
  static let policy = """

    globals:
      management:
        listen: 127.0.0.1:0
        users: [{ name: ann, password: { env: TANDEM_TEST_UNSET, default: "open sesame" } }]
    """

  var base: String
  var password = "open sesame"

  init(_ server: TandemServer) async throws {
    try await server.waitForLog("management interface")
    guard let line = server.log.first(where: { $0.contains("management interface") }),
      let port = line.split(separator: ":").last.map({ $0.prefix { $0.isNumber } }), !port.isEmpty
    else { throw HarnessError("no address in the log") }
    base = "http://127.0.0.1:\(port)/api/"
  }

  private func request(_ path: String) -> HTTPClientRequest {
    var request = HTTPClientRequest(url: base + path)
    request.headers.add(
      name: "Authorization", value: "Basic " + Data("ann:\(password)".utf8).base64EncodedString())
    return request
  }

  func ask(_ path: String, _ body: String? = nil) async throws -> (status: Int, json: [String: Any]) {
    var request = request("admin/" + path)
    if let body {
      request.method = .POST
      request.body = .bytes(ByteBuffer(string: body))
      request.headers.add(name: "Content-Type", value: "application/json")
    }
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
    let data = Data(try await response.body.collect(upTo: 1 << 20).readableBytesView)
    let object = data.isEmpty ? [:] : try JSONSerialization.jsonObject(with: data) as? [String: Any]
    return (Int(response.status.code), object ?? [:])
  }

  func list(_ path: String) async throws -> [[String: Any]] {
    try await ask(path).json["objects"] as? [[String: Any]] ?? []
  }

  func participants(_ query: String = "") async throws -> [[String: Any]] {
    try await list("status/v1/participant/?\(query)")
  }

  /// A command that is taken.
  func command(_ path: String, _ body: String) async throws {
    let answer = try await ask("command/v1/\(path)/", body)
    guard answer.status == 200 else { throw HarnessError("\(path): \(answer)") }
  }

  /// The lines of an event stream as they come, until it ends or the stream is let go.
  func follow(_ conference: String, after id: String? = nil) async throws -> EventStream {
    var request = request("tandem/v1/conference/\(conference)/events")
    if let id { request.headers.add(name: "Last-Event-ID", value: id) }
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
    guard response.status == .ok else { throw HarnessError("events: \(response.status)") }
    let lines = Inbox<String>()
    let task = Task {
      var rest = ""
      do {
        for try await buffer in response.body {
          rest += String(buffer: buffer)
          while let end = rest.firstIndex(of: "\n") {
            lines.add(String(rest[..<end]))
            rest = String(rest[rest.index(after: end)...])
          }
        }
      } catch {}
      lines.close()
    }
    return EventStream(lines: lines, task: task)
  }

  final class EventStream: Sendable {
    let lines: Inbox<String>
    private let task: Task<Void, Never>

    init(lines: Inbox<String>, task: Task<Void, Never>) {
      self.lines = lines
      self.task = task
    }

    deinit { task.cancel() }

    func stop() async {
      task.cancel()
      await task.value
    }

    func wait(for text: String, within limit: Duration = .seconds(8)) async throws {
      guard await lines.first(within: limit, where: { $0.contains(text) }) != nil else {
        throw HarnessError("no “\(text)” in \(lines.all)")
      }
    }

    var events: [String] { lines.all.filter { $0.hasPrefix("event: ") }.map { String($0.dropFirst(7)) } }
    var lastID: String? { lines.all.last { $0.hasPrefix("id: ") }.map { String($0.dropFirst(4)) } }
  }
}
