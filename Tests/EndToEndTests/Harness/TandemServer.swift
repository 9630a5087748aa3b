import Foundation
import Glibc

/// One running Tandem: the real program, with policies of its own, on an address of its own.
final class TandemServer: Sendable {
  let address: String
  let policies: String
  let state: String
  private let scratch: Scratch
  private let process: ChildProcess

  /// Where the build put it: beside the test bundle, unless `TANDEM_BINARY` names another.
  static var binary: String {
    if let path = ProcessInfo.processInfo.environment["TANDEM_BINARY"] { return path }
    let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return (bundle as NSString).deletingLastPathComponent + "/tandem"
  }

  /// Starts it and waits until it is ready.
  ///
  /// - Parameter policy: YAML after the settings of the surroundings (listeners, media, domain, devices).
  ///   `allowList` names those who are never quarantined, `media` is more to say of media.
  convenience init(
    _ scratch: Scratch, policy: String, globals: String = "", media: String = "",
    allowList: [String] = ["127.0.0.0/8"]
  ) async throws {
    let address = Loopback.address()
    try await TandemServer.writePolicy(scratch, address, policy, globals, media, allowList)
    try await self.init(scratch, address: address)
  }

  /// With listeners, media and domain of the test's own.
  convenience init(_ scratch: Scratch, policy: String, surroundings: String) async throws {
    try scratch.write("policies/00-surroundings.yaml", surroundings)
    try scratch.write("policies/10-test.yaml", policy)
    try await self.init(scratch, address: "::1")
  }

  private init(_ scratch: Scratch, address: String) async throws {
    self.scratch = scratch
    self.address = address
    policies = "\(scratch.path)/policies"
    state = "\(scratch.path)/state"
    process = try ChildProcess(
      "tandem", TandemServer.binary,
      ["serve", "--policies", policies, "--state", state, "--log-level", "debug"], directory: scratch.path)
    guard await process.lines.first(within: .seconds(15), where: { $0 == "ready" }) != nil else {
      throw HarnessError("tandem is not ready:\n\(process.tail)")
    }
  }

  deinit { process.kill() }

  static func writePolicy(
    _ scratch: Scratch, _ address: String, _ policy: String, _ globals: String, _ media: String,
    _ allowList: [String]
  )
    async throws
  {
    let certificate = try await Certificate.files.value
    try scratch.write(
      "policies/00-surroundings.yaml",
      """
      globals:
        domain: tandem.test
        protocols: { sip_udp: true }
        sip:
          listeners:
            - { transport: udp, address: "\(address):5060" }
            - { transport: tcp, address: "\(address):5060" }
            - transport: tls
              address: "\(address):5061"
              certificate_file: \(certificate.certificate)
              key_file: \(certificate.key)
        media:
          addresses: [\(address)]
          ports: 40000-40999
          \(media)
        break_in_protection:
          allow_list: [\(allowList.joined(separator: ", "))]
      \(globals)
      """)
    try scratch.write("policies/10-test.yaml", policy)
  }

  /// Puts another policy in place of the test's own; the service is told, or sees, for itself.
  func replacePolicy(_ policy: String) throws { try scratch.write("policies/10-test.yaml", policy) }

  func reload() { process.signal(SIGHUP) }

  /// As the kernel would under memory pressure: no chance to write anything.
  func kill() async throws {
    process.signal(SIGKILL)
    _ = try await process.waitForExit()
  }

  /// Another instance on the same address, policies and records.
  func restarted() async throws -> TandemServer { try await TandemServer(scratch, address: address) }

  func stop() async { await process.stop() }

  var isRunning: Bool { process.programID != nil }
  var output: String { process.tail }
  var log: [String] { process.lines.all }

  func waitForLog(_ text: String, from start: Int = 0) async throws {
    _ = try await process.waitForLine(containing: text, from: start)
  }

  /// What `tandem COMMAND …` prints.
  func tandem(_ arguments: String...) async throws -> (code: Int32, output: String) {
    try await run(TandemServer.binary, arguments, directory: scratch.path)
  }

  /// The records as `tandem calls --json` prints them, newest first, once `isDone` is content with them.
  func records(where isDone: ([CallRow]) -> Bool = { !$0.isEmpty }) async throws -> [CallRow] {
    let deadline = ContinuousClock.now + .seconds(5)
    while true {
      let (code, output) = try await tandem("calls", "--json", "--limit", "1000", "--state", state)
      guard code == 0 else { throw HarnessError("tandem calls: \(output)") }
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      guard let rows = try? decoder.decode([CallRow].self, from: Data(output.utf8)) else {
        throw HarnessError("tandem calls: \(output)\n\(self.output)")
      }
      // Records reach the reader within a tenth of a second of the call; asking again takes about as long.
      if isDone(rows) { return rows }
      guard ContinuousClock.now < deadline else { throw HarnessError("records are still: \(output)") }
    }
  }

  /// True if an OPTIONS is answered: the server is alive and serves.
  func answersOptions() async throws -> Bool {
    let socket = try SIPSocket()
    let request = """
      OPTIONS sip:\(address) SIP/2.0
      Via: SIP/2.0/UDP \(socket.address):\(socket.port);branch=z9hG4bK\(UUID().uuidString)
      Max-Forwards: 70
      From: <sip:probe@\(socket.address)>;tag=1
      To: <sip:\(address)>
      Call-ID: \(UUID().uuidString)
      CSeq: 1 OPTIONS
      Content-Length: 0


      """
    // A full socket buffer may drop a request: ask again, as every UDP client does.
    for _ in 0..<10 {
      socket.send(request, to: address)
      if await socket.received.first(within: .seconds(1), where: { $0.hasPrefix("SIP/2.0 ") }) != nil {
        return true
      }
    }
    return false
  }
}

/// The parts of a call's record that tests look at.
struct CallRow: Decodable, Sendable {
  struct Disconnect: Decodable, Sendable {
    var cause: String
    var protocolCode: Int?
  }
  struct Attempt: Decodable, Sendable {
    var via: String
    var answered: Int64?
    var disconnect: Disconnect?
  }
  struct Media: Decodable, Sendable {
    var side: String
    var kind: String
    var codec: String
    var encrypted: Bool
    var packetsReceived: Int
    var packetsLost: Int
  }
  struct Event: Decodable, Sendable { var what: String }
  struct PolicyAnswer: Decodable, Sendable {
    var request: String
    var outcome: String
    var url: String
  }
  struct Decided: Decodable, Sendable {
    var kind: String
    var reason: String?
  }
  struct Decision: Decodable, Sendable {
    var decision: Decided
    var policyAnswers: [PolicyAnswer]?
  }

  var id: String
  var calledAlias: String
  var serviceName: String
  var connected: Int64?
  var ended: Int64?
  var disconnect: Disconnect?
  var attempts: [Attempt]
  var media: [Media]
  var events: [Event]
  var decision: Decision
  var started: Int64
}
