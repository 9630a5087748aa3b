import Foundation

/// A scripted SIP peer: sipp with a scenario of `Scenarios/`.
final class Sipp: Sendable {
  let address: String
  private let process: ChildProcess
  private let directory: String
  private let scenario: String

  /// - Parameters:
  ///   - scenario: Name of a file in `Scenarios/`, without `.xml`.
  ///   - target: Where a calling scenario sends; nil for one that waits.
  ///   - user: The user part that is called (`-s`).
  ///   - keys: Values of `[name]` in the scenario.
  init(
    _ scratch: Scratch, _ scenario: String, to target: String? = nil, user: String = "service",
    calls: Int = 1,
    rate: Int = 10, transport: String = "u1", keys: [String: String] = [:], arguments: [String] = [],
    address: String = Loopback.address(), seconds: Int = 60
  ) throws {
    self.address = address
    self.scenario = scenario
    directory = try scratch.directory("sipp-\(scenario)-\(UUID().uuidString.prefix(4))")
    guard let original = Bundle.module.path(forResource: scenario, ofType: "xml", inDirectory: "Scenarios")
    else {
      throw HarnessError("there is no scenario \(scenario)")
    }
    // Not left to sipp: it takes no keyword for a status.
    var text = try String(contentsOfFile: original, encoding: .utf8)
    for (key, value) in keys { text = text.replacingOccurrences(of: "[\(key)]", with: value) }
    let file = "\(directory)/scenario.xml"
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    let media = Loopback.mediaPorts()
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
}
