import Foundation
import SIPTransport
import TestSupport

/// A certificate authority with two server certificates, made by the `openssl` command for this run.
struct TestCertificates: Sendable {
  static let shared = TestCertificates()

  private let folder: URL
  private let problem: String?

  struct Failure: Error {
    var text: String
  }

  private init() {
    let folder = FileManager.default.temporaryDirectory.appending(path: "sip-tls-\(UUID().uuidString)")
    self.folder = folder
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let commands = [
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca"
          + " -addext basicConstraints=critical,CA:TRUE",
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -out other.pem -days 2"
          + " -subj /CN=other -addext basicConstraints=critical,CA:TRUE",
      ]
      for command in commands { try Self.openssl(in: folder, command) }
      try Self.issue(in: folder, "server", "subjectAltName=DNS:sip.test,IP:127.0.0.1,IP:::1")
      try Self.issue(in: folder, "renewed", "subjectAltName=DNS:renewed.test")
      problem = nil
    } catch {
      problem = "\(error)"
    }
  }

  private static func issue(in folder: URL, _ name: String, _ extensions: String) throws {
    try Data((extensions + "\n").utf8).write(to: folder.appending(path: "\(name).ext"))
    try openssl(
      in: folder,
      "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout \(name).key -out \(name).csr -subj /CN=\(name)"
    )
    try openssl(
      in: folder,
      "x509 -req -in \(name).csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile \(name).ext -out \(name).pem"
    )
  }

  private static func openssl(in folder: URL, _ arguments: String) throws {
    let process = try SpawnedProcess(
      "/usr/bin/openssl", arguments.split(separator: " ").map(String.init), directory: folder.path)
    guard process.waitUntilExit() == 0 else { throw Failure(text: "openssl \(arguments)") }
  }

  func file(_ name: String) -> String { folder.appending(path: name).path }

  /// The identity of a server, trusting a CA.
  func configuration(
    _ name: String = "server", trust: String = "ca.pem",
    _ change: (inout SIPTLSConfiguration) -> Void = { _ in }
  ) throws -> SIPTLSConfiguration {
    if let problem { throw Failure(text: problem) }
    var configuration = SIPTLSConfiguration(
      certificateChainFile: file("\(name).pem"), privateKeyFile: file("\(name).key"),
      trust: .files([file(trust)]))
    change(&configuration)
    return configuration
  }
}
