import Foundation

/// A scripted SIP peer: sipp with a scenario of `Scenarios/`.
final class Sipp: Sendable {
  let address: String
  private let process: ChildProcess
  private let directory: String
  private let scenario: String
  /// Its directory lives as long as what is asked of it.
  private let scratch: Scratch

  /// - Parameters:
  ///   - scenario: Name of a file in `Scenarios/`, without `.xml`.
  ///   - target: Where a calling scenario sends; nil for one that waits.
  ///   - user: The user part that is called (`-s`).
  ///   - keys: Values of `[name]` in the scenario.
  convenience init(
    _ scratch: Scratch, _ scenario: String, to target: String? = nil, user: String = "service",
    calls: Int = 1,
    rate: Int = 10, transport: String = "u1", keys: [String: String] = [:], arguments: [String] = [],
    address: String = Loopback.address(), seconds: Int = 60
  ) throws {
    guard let original = Bundle.module.path(forResource: scenario, ofType: "xml", inDirectory: "Scenarios")
    else {
      throw HarnessError("there is no scenario \(scenario)")
    }
    // Not left to sipp: it takes no keyword for a status.
    var text = try String(contentsOfFile: original, encoding: .utf8)
    for (key, value) in keys { text = text.replacingOccurrences(of: "[\(key)]", with: value) }
    try self.init(
      scratch, named: scenario, xml: text, target, user, calls, rate, transport, arguments, address, seconds)
  }

  /// A peer with a scenario of the test's own.
  convenience init(
    _ scratch: Scratch, _ script: SippScript, to target: String? = nil, user: String = "service",
    calls: Int = 1, rate: Int = 10, transport: String = "u1", arguments: [String] = [],
    address: String = Loopback.address(), seconds: Int = 60
  ) throws {
    try self.init(
      scratch, named: script.role.rawValue, xml: script.xml, target, user, calls, rate, transport, arguments,
      address, seconds)
  }

  private init(
    _ scratch: Scratch, named scenario: String, xml: String, _ target: String?, _ user: String, _ calls: Int,
    _ rate: Int, _ transport: String, _ arguments: [String], _ address: String, _ seconds: Int
  ) throws {
    self.address = address
    self.scenario = scenario
    self.scratch = scratch
    directory = try scratch.directory("sipp-\(scenario)-\(UUID().uuidString.prefix(4))")
    let file = "\(directory)/scenario.xml"
    try xml.write(toFile: file, atomically: true, encoding: .utf8)
    var media = Loopback.mediaPorts()
    // A phone of another run may have them on all addresses.
    while ![0, 1, 2, 3].allSatisfy({ Loopback.isFree(address, port: UInt16(media.lowerBound + $0)) }) {
      media = Loopback.mediaPorts()
    }
    var all = ["-sf", file, "-i", address, "-p", "5060", "-mi", address, "-mp", "\(media.lowerBound)"]
    all += [
      "-m", "\(calls)", "-r", "\(rate)", "-l", "\(max(calls, 1))", "-t", transport, "-s", user, "-nostdin",
    ]
    all += [
      "-trace_err", "-error_file", "\(directory)/errors", "-trace_msg", "-message_file",
      "\(directory)/messages",
    ]
    // A call that went wrong is forgotten soon, or sipp would stay half a minute for it; but not so soon that a
    // retransmission begins another call.
    all += ["-deadcall_wait", "3000", "-buff_size", "1000000"]
    all += ["-timeout", "\(seconds)", "-timeout_error", "-cp", "\(20_000 + media.lowerBound / 40)"]
    all += arguments
    if let target { all.insert("\(target):5060", at: 0) }
    process = try ChildProcess(
      "sipp \(scenario)", "/usr/bin/sipp", all, directory: directory, seconds: seconds + 5)
  }

  /// Waits until all its calls are done, and throws if any went otherwise than its scenario says.
  func succeed(within timeout: Duration = .seconds(30)) async throws {
    guard let code = try? await process.waitForExit(within: timeout) else {
      throw HarnessError("sipp \(scenario) still runs\n\(errors)\n\(messages.suffix(6000))")
    }
    guard code == 0 else {
      throw HarnessError("sipp \(scenario) ended with \(code)\n\(errors)\n\(messages.suffix(6000))")
    }
  }

  /// At once: sipp would finish its calls first.
  func stop() { process.kill() }

  var messages: String { (try? String(contentsOfFile: "\(directory)/messages", encoding: .utf8)) ?? "" }
  var errors: String { (try? String(contentsOfFile: "\(directory)/errors", encoding: .utf8)) ?? "" }

  /// What has been received so far, oldest first, and when (seconds since midnight).
  var received: [(time: Double, message: ScriptedPhone.Message)] {
    let line = "-----------------------------------------------"
    return messages.components(separatedBy: line).compactMap { entry in
      let parts = entry.split(separator: "\n", maxSplits: 3, omittingEmptySubsequences: false)
      guard parts.count == 4, parts[1].contains("message received") else { return nil }
      let clock = parts[0].split(whereSeparator: { $0 == " " || $0 == "\t" }).last ?? ""
      let numbers = clock.split(separator: ":").compactMap { Double($0) }
      guard numbers.count == 3 else { return nil }
      return (
        numbers[0] * 3600 + numbers[1] * 60 + numbers[2],
        ScriptedPhone.Message(text: String(parts[3].drop { $0.isNewline }))
      )
    }
  }

  /// The requests of this method that have been received.
  func requests(_ method: String) -> [ScriptedPhone.Message] {
    received.map(\.message).filter { !$0.isResponse && $0.method == method }
  }
}

extension Sipp {
  /// Waits until all of these have done what their scenarios say; a failure shows what each of them has seen.
  static func succeed(_ peers: [Sipp], _ server: TandemServer, within timeout: Duration = .seconds(20))
    async throws
  {
    do {
      for peer in peers { try await peer.succeed(within: timeout) }
    } catch {
      let seen = peers.map { "--- \($0.address)\n\($0.errors)\n\($0.messages.suffix(5000))" }
      throw HarnessError("\(error)\n\(seen.joined(separator: "\n"))\n--- tandem\n\(server.output)")
    }
  }
}
