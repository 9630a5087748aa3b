import Foundation
import Glibc
import Synchronization

/// This program as `tandem serve` in a process of its own.
final class ChildService: Sendable {
  private let process: Mutex<Process>
  private let identifier: pid_t

  /// Starts it. Its output is for ``waitUntilReady(within:)`` alone; its log goes to the file.
  init(_ policies: PrivatePolicies) throws {
    let child = Process()
    child.executableURL = ChildService.program
    child.arguments = [
      "serve", "--policies", policies.policies, "--state", policies.state, "--log-file", policies.log,
      "--no-watch",
    ]
    child.standardInput = FileHandle.nullDevice
    let pipe = Pipe()
    child.standardOutput = pipe
    output = pipe.fileHandleForReading
    try child.run()
    identifier = child.processIdentifier
    process = Mutex(child)
  }

  private let output: FileHandle

  static var program: URL { URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath() }

  /// Reads its output until the line that begins with `ready`.
  func waitUntilReady(within seconds: Double) throws {
    let deadline = Date().addingTimeInterval(seconds)
    var text: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
      let left = deadline.timeIntervalSinceNow
      guard left > 0 else { throw DemoFailure("the service was not ready after \(Int(seconds)) s") }
      var poll = pollfd(fd: output.fileDescriptor, events: Int16(POLLIN), revents: 0)
      guard Glibc.poll(&poll, 1, Int32(left * 1000) + 1) > 0 else { continue }
      let count = read(output.fileDescriptor, &chunk, chunk.count)
      guard count > 0 else { throw DemoFailure("the service ended before it was ready") }
      text += chunk.prefix(count)
      if String(decoding: text, as: UTF8.self).split(separator: "\n").contains(where: {
        $0.hasPrefix("ready")
      }) {
        return
      }
    }
  }

  var isRunning: Bool { process.withLock { $0.isRunning } }

  /// Asks it to end, and ends it if it does not. May be called again.
  func stop() {
    guard isRunning else { return }
    kill(identifier, SIGTERM)
    let deadline = Date().addingTimeInterval(5)
    while isRunning, deadline.timeIntervalSinceNow > 0 { usleep(20_000) }
    if isRunning { kill(identifier, SIGKILL) }
    process.withLock { $0.waitUntilExit() }
  }

  /// Runs this program with other arguments to its end, and returns what it printed.
  static func output(of arguments: [String]) throws -> String {
    let child = Process()
    child.executableURL = program
    child.arguments = arguments
    let pipe = Pipe()
    child.standardOutput = pipe
    try child.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    child.waitUntilExit()
    guard child.terminationStatus == 0 else {
      throw DemoFailure("tandem \(arguments.joined(separator: " ")) ended with \(child.terminationStatus)")
    }
    return String(decoding: data, as: UTF8.self)
  }
}
