import Foundation
import Glibc
import Synchronization

/// A directory of one test, deleted with it. Set `TANDEM_E2E_KEEP` to look at it afterwards.
final class Scratch: Sendable {
  let path: String

  init() throws {
    path = "/tmp/tandem-e2e-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    if ProcessInfo.processInfo.environment["TANDEM_E2E_KEEP"] == nil {
      try? FileManager.default.removeItem(atPath: path)
    }
  }

  /// A directory inside, made.
  func directory(_ name: String) throws -> String {
    let directory = "\(path)/\(name)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    return directory
  }

  @discardableResult
  func write(_ name: String, _ text: String) throws -> String {
    let file = "\(path)/\(name)"
    try FileManager.default.createDirectory(
      atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    return file
  }
}

/// Addresses and ports nobody else in this run uses, so that tests may run side by side on the standard ports.
enum Loopback {
  private static let next = Atomic<UInt32>(0)
  private static let nextPort = Atomic<UInt32>(0)
  /// Another run at the same time gets another block of addresses.
  private static let block = UInt32(getpid()) % 180 + 40

  /// An address of 127.0.0.0/8; Linux routes all of them without set-up.
  static func address() -> String {
    while true {
      let number = next.add(1, ordering: .relaxed).newValue
      let address = "127.\(block).\(number / 250 % 250).\(number % 250 + 1)"
      if isFree(address, port: 5060) { return address }
    }
  }

  /// The first of 40 media ports for a phone that binds them on all addresses; below those that Tandem uses.
  static func mediaPorts() -> ClosedRange<Int> {
    let number = Int(nextPort.add(1, ordering: .relaxed).newValue)
    let first = 12_000 + (Int(block) * 97 + number) % 500 * 40
    return first...first + 39
  }

  /// Four ports of 127.0.0.1 for a phone: SIP, SIP over TLS, control, and one spare.
  static func phonePorts() -> UInt16 {
    while true {
      let number = Int(nextPort.add(1, ordering: .relaxed).newValue)
      let first = UInt16(7000 + (Int(block) * 31 + number) % 1200 * 4)
      if isFree("127.0.0.1", port: first) { return first }
    }
  }

  static func isFree(_ address: String, port: UInt16) -> Bool {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    defer { close(socket) }
    return bind(socket, to: address, port: port)
  }

  static func bind(_ socket: Int32, to address: String, port: UInt16) -> Bool {
    var name = socketName(address, port)
    return withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }

  static func socketName(_ address: String, _ port: UInt16) -> sockaddr_in {
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = port.bigEndian
    inet_pton(AF_INET, address, &name.sin_addr)
    return name
  }
}

/// A self-signed certificate for all of loopback, made once a run.
enum Certificate {
  struct Files: Sendable {
    var certificate: String
    var key: String
    /// Both in one file, as baresip wants them.
    var joined: String
  }

  static let files = Task { try await make() }

  private static func make() async throws -> Files {
    let directory = "/tmp/tandem-e2e-certificate-\(getpid())"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let files = Files(
      certificate: "\(directory)/certificate.pem", key: "\(directory)/key.pem",
      joined: "\(directory)/joined.pem")
    let (code, output) = try await run(
      "/usr/bin/openssl",
      [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj",
        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", files.key, "-out",
        files.certificate,
      ])
    guard code == 0 else { throw HarnessError("openssl could not make a certificate: \(output)") }
    let joined =
      try String(contentsOfFile: files.key, encoding: .utf8)
      + String(contentsOfFile: files.certificate, encoding: .utf8)
    try joined.write(toFile: files.joined, atomically: true, encoding: .utf8)
    return files
  }
}
