import CallModel
import DNSResolver
import Foundation

/// A real name server on a loopback address of its own, with a zone given by options of `dnsmasq(8)`.
final class DNSMasq {
  static let program = ["/usr/sbin/dnsmasq", "/usr/local/sbin/dnsmasq"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  let address: TransportAddress
  private let process = Process()

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
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments =
      [
        "-k", "-C", "/dev/null", "-p", "\(address.port)", "-a", "\(address.ip)", "-z", "-R", "-h",
        "--user=root",
        "--pid-file=", "--log-facility=-", "--local-ttl=60", "--local=/test.local/",
      ] + zone
    let output = Pipe()
    process.standardError = output
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    // It says "started" when its sockets are open, and ends when it cannot open them.
    var text = ""
    while !text.contains("started") {
      let data = output.fileHandleForReading.availableData
      guard !data.isEmpty else {
        process.waitUntilExit()
        return nil
      }
      text += String(decoding: data, as: UTF8.self)
    }
  }

  deinit {
    // It inherits the signal mask of a test thread, which may hold back SIGTERM.
    kill(process.processIdentifier, SIGKILL)
  }

  func resolver(_ change: (inout DNSResolverConfiguration) -> Void = { _ in }) throws -> DNSResolver {
    var configuration = DNSResolverConfiguration(servers: [address], hostsFile: nil)
    change(&configuration)
    return try DNSResolver(configuration: configuration)
  }
}
