import CallModel
import DNSResolver
import Foundation
import TestSupport

/// A real name server on a loopback address of its own, with a zone given by options of `dnsmasq(8)`.
final class DNSMasq {
  static let program = ["/usr/sbin/dnsmasq", "/usr/local/sbin/dnsmasq"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  let address: TransportAddress
  private let process: SpawnedProcess

  /// Waits until it answers; tries another port when the chosen one was taken meanwhile.
  static func start(_ zone: [String]) throws -> DNSMasq {
    for attempt in 0..<5 {
      if let server = try DNSMasq(zone, last: UInt32(10 + attempt)) { return server }
    }
    throw Failure(description: "dnsmasq does not start")
  }

  private init?(_ zone: [String], last: UInt32) throws {
    guard let program = DNSMasq.program else {
      throw Failure(description: "dnsmasq is not installed")
    }
    address = TransportAddress(.v4(0x7f35_0000 + last), UInt16.random(in: 20_000...60_000))
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw Failure(description: "no pipe") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let output = FileHandle(fileDescriptor: ends[0], closeOnDealloc: true)
    let arguments =
      [
        "-k", "-C", "/dev/null", "-p", "\(address.port)", "-a", "\(address.ip)", "-z", "-R", "-h",
        "--user=root",
        "--pid-file=", "--log-facility=-", "--local-ttl=60", "--local=/test.local/",
      ] + zone
    defer { if ends[1] >= 0 { close(ends[1]) } }
    process = try SpawnedProcess(program, arguments, output: ends[1])
    // Ours is closed, so that its end is the end of the text.
    close(ends[1])
    ends[1] = -1
    // It says "started" when its sockets are open, and ends when it cannot open them.
    var text = ""
    while !text.contains("started") {
      let data = output.availableData
      guard !data.isEmpty else {
        process.waitUntilExit()
        return nil
      }
      text += String(decoding: data, as: UTF8.self)
    }
  }

  deinit {
    // It inherits the signal mask of a test thread, which may hold back SIGTERM.
    kill(process.identifier, SIGKILL)
    process.waitUntilExit()
  }

  func resolver(_ change: (inout DNSResolverConfiguration) -> Void = { _ in }) throws -> DNSResolver {
    var configuration = DNSResolverConfiguration(servers: [address], hostsFile: nil)
    change(&configuration)
    return try DNSResolver(configuration: configuration)
  }
}
