import AsyncHTTPClient
import Foundation
import Glibc
import NIOCore
import PolicyEngine
import TestSupport
import Testing

/// The misbehaving policy server of `policy-server.py`, as a process of its own.
final class PolicyServerProcess: Sendable {
  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  private let process: SpawnedProcess
  /// HTTP first, then one for each certificate.
  let ports: [Int]

  init(port: Int = 0, certificates: [String] = []) throws {
    let script = try #require(Bundle.module.path(forResource: "policy-server", ofType: "py"))
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw Failure(description: "no pipe") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[0]) }
    process = try SpawnedProcess(
      "/usr/bin/env", ["python3", script, String(port)] + certificates, output: ends[1])
    close(ends[1])
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while read(ends[0], &byte, 1) == 1, byte != 0x0a { line.append(byte) }
    let text = String(decoding: line, as: UTF8.self)
    ports = text.split(separator: " ").compactMap { Int($0) }
    guard ports.count == 1 + certificates.count else {
      process.terminate()
      throw Failure(description: "the server did not start: \(text)")
    }
  }

  func terminate() { process.terminate() }
  func waitUntilExit() { process.waitUntilExit() }

  deinit { process.terminate() }

  /// The address of one behaviour.
  func url(_ behaviour: String, tls: Int? = nil, host: String = "127.0.0.1") throws -> PolicyServerURL {
    try PolicyServerURL(
      tls.map { "https://\(host):\(ports[$0])/\(behaviour)" } ?? "http://\(host):\(ports[0])/\(behaviour)")
  }

  /// What the server says of itself.
  func get(_ path: String) async throws -> [String: Any] {
    let response = try await HTTPClient.shared.execute(
      HTTPClientRequest(url: "http://127.0.0.1:\(ports[0])/\(path)"), timeout: .seconds(20))
    let body = try await response.body.collect(upTo: 1 << 20)
    return try #require(JSONSerialization.jsonObject(with: Data(body.readableBytesView)) as? [String: Any])
  }

  func count(_ behaviour: String) async throws -> Int {
    (try await get("stats")["counts"] as? [String: Int])?[behaviour] ?? 0
  }
}

/// Certificates of an authority of this run, made by the `openssl` command.
struct PolicyCertificates {
  let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "policy-tls-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for name in ["ca", "other"] {
      try openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout \(name).key -out \(name).pem -days 2"
          + " -subj /CN=\(name) -addext basicConstraints=critical,CA:TRUE")
    }
    try issue("server", "DNS:localhost,IP:127.0.0.1", days: 2)
    try issue("wrong", "DNS:other.example", days: 2)
    try issue("expired", "DNS:localhost,IP:127.0.0.1", days: -1)
  }

  private func issue(_ name: String, _ names: String, days: Int) throws {
    try Data("subjectAltName=\(names)\n".utf8).write(to: folder.appending(path: "\(name).ext"))
    try openssl(
      "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout \(name).key -out \(name).csr -subj /CN=\(name)"
    )
    try openssl(
      "x509 -req -in \(name).csr -CA ca.pem -CAkey ca.key -CAcreateserial -days \(days) -extfile \(name).ext"
        + " -out \(name).pem")
  }

  private func openssl(_ arguments: String) throws {
    let process = try SpawnedProcess(
      "/usr/bin/openssl", arguments.split(separator: " ").map(String.init), directory: folder.path)
    guard process.waitUntilExit() == 0 else {
      throw PolicyServerProcess.Failure(description: "openssl \(arguments)")
    }
  }

  func path(_ name: String) -> String { folder.appending(path: name).path }

  func remove() { try? FileManager.default.removeItem(at: folder) }
}
