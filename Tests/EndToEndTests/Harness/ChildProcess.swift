import Dispatch
import Foundation
import Glibc
import Synchronization

/// A process of a test: its own directory as HOME, its output as lines, stopped at the latest with the test.
///
/// It runs under `timeout`, so that it ends even when the test process is killed and can no longer see to it.
final class ChildProcess: Sendable {
  let name: String
  let lines = Inbox<String>()
  private let exit = Inbox<Int32>()
  /// Of `timeout`; the program itself is its child.
  private let wrapper: pid_t

  /// One at a time, so that no child inherits the pipe of another.
  private static let spawning = Mutex(())

  /// - Parameter seconds: How long it may run at most.
  init(
    _ name: String, _ executable: String, _ arguments: [String], directory: String,
    environment: [String: String] = [:], seconds: Int = 100
  ) throws {
    self.name = name
    var output: [Int32] = [0, 0]
    let command =
      [
        "/usr/bin/env", "-C", directory, "/usr/bin/timeout", "--foreground", "-k", "2", "\(seconds)",
        executable,
      ] + arguments
    var variables = ProcessInfo.processInfo.environment
    variables["HOME"] = directory
    // A symbolised backtrace of a process that is killed on purpose would take seconds.
    variables["SWIFT_BACKTRACE"] = "enable=no"
    variables.merge(environment) { $1 }
    let argv = command.map { strdup($0) } + [nil]
    let envp = variables.map { strdup("\($0)=\($1)") } + [nil]
    defer { for pointer in argv + envp { free(pointer) } }
    let pid = try ChildProcess.spawning.withLock { _ throws(HarnessError) in
      guard pipe(&output) == 0 else { throw HarnessError("no pipe for \(name)") }
      for end in output { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
      var actions = posix_spawn_file_actions_t()
      posix_spawn_file_actions_init(&actions)
      defer { posix_spawn_file_actions_destroy(&actions) }
      posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
      posix_spawn_file_actions_adddup2(&actions, output[1], 1)
      posix_spawn_file_actions_adddup2(&actions, output[1], 2)
      // A group of its own, so that whatever it starts ends with it.
      var attributes = posix_spawnattr_t()
      posix_spawnattr_init(&attributes)
      defer { posix_spawnattr_destroy(&attributes) }
      var signals = sigset_t()
      sigemptyset(&signals)
      posix_spawnattr_setsigmask(&attributes, &signals)
      posix_spawnattr_setpgroup(&attributes, 0)
      posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
      var pid: pid_t = 0
      let result = posix_spawn(&pid, command[0], &actions, &attributes, argv, envp)
      close(output[1])
      guard result == 0 else {
        close(output[0])
        throw HarnessError("cannot start \(executable): \(String(cString: strerror(result)))")
      }
      return pid
    }
    wrapper = pid
    let reader = FileHandle(fileDescriptor: output[0], closeOnDealloc: true)
    let isRead = DispatchSemaphore(value: 0)
    Thread { [exit] in
      // Not after the output has ended: a child of its own may hold that open, and a process that nobody waits for makes exit
      // tests wait for ever.
      var status: Int32 = 0
      while waitpid(pid, &status, 0) < 0, errno == EINTR {}
      _ = isRead.wait(timeout: .now() + 2)
      exit.add(status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f)
    }.start()
    Thread { [lines] in
      var rest = Data()
      while true {
        let data = reader.availableData
        if data.isEmpty { break }
        rest += data
        while let end = rest.firstIndex(of: 0x0a) {
          lines.add(String(decoding: rest[rest.startIndex..<end], as: UTF8.self))
          rest = rest[(end + 1)...]
        }
      }
      if !rest.isEmpty { lines.add(String(decoding: rest, as: UTF8.self)) }
      lines.close()
      isRead.signal()
    }.start()
  }

  deinit { kill() }

  /// The program's own process id; nil once it has ended.
  var programID: pid_t? {
    (try? String(contentsOfFile: "/proc/\(wrapper)/task/\(wrapper)/children", encoding: .utf8))
      .flatMap { $0.split(separator: " ").first }.flatMap { pid_t($0) }
  }

  func signal(_ number: Int32) { if let id = programID { Glibc.kill(id, number) } }

  /// At once, without a chance to clean up, and all that it has started with it.
  func kill() {
    guard exit.count == 0 else { return }
    Glibc.kill(-wrapper, SIGKILL)
  }

  /// The exit code; 128 and the signal's number when a signal ended it.
  func waitForExit(within timeout: Duration = .seconds(20)) async throws -> Int32 {
    guard let code = await exit.first(within: timeout, where: { _ in true }) else {
      throw HarnessError("\(name) still runs after \(timeout):\n\(tail)")
    }
    return code
  }

  /// Asks it to end; insists after five seconds.
  func stop() async {
    signal(SIGTERM)
    if await exit.first(within: .seconds(5), where: { _ in true }) == nil {
      kill()
      _ = await exit.first(within: .seconds(5), where: { _ in true })
    }
  }

  func waitForLine(
    containing text: String, from start: Int = 0, within timeout: Duration = .seconds(10)
  ) async throws -> String {
    guard let line = await lines.first(from: start, within: timeout, where: { $0.contains(text) }) else {
      throw HarnessError("\(name) did not say “\(text)” within \(timeout):\n\(tail)")
    }
    return line
  }

  /// The last lines of its output.
  var tail: String { lines.all.suffix(60).joined(separator: "\n") }
}

/// A short-lived command: its exit code and its output.
func run(
  _ executable: String, _ arguments: [String], directory: String = "/tmp",
  environment: [String: String] = [:],
  within timeout: Duration = .seconds(20)
) async throws -> (code: Int32, output: String) {
  let process = try ChildProcess(
    executable, executable, arguments, directory: directory, environment: environment)
  let code = try await process.waitForExit(within: timeout)
  return (code, process.lines.all.joined(separator: "\n"))
}
