import Glibc
import Synchronization

/// A program started for a test: by `posix_spawn`, waited for by its own pid.
///
/// Foundation's `Process` hears of an exit through a socket that another child, started at the same moment, may have inherited: then
/// `waitUntilExit` waits for that child instead. Tests start programs in parallel.
public final class SpawnedProcess: Sendable {
  public struct Failure: Error, CustomStringConvertible {
    public let description: String
  }

  public let identifier: pid_t
  private let status = Mutex<Int32?>(nil)

  /// - Parameter output: The descriptor that takes its standard output and error; nil discards both.
  public init(_ executable: String, _ arguments: [String], directory: String? = nil, output: Int32? = nil)
    throws
  {
    // `env -C` changes the directory; posix_spawn alone cannot on every C library.
    let command = (directory.map { ["/usr/bin/env", "-C", $0] } ?? []) + [executable] + arguments
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    for target in [Int32(1), 2] {
      if let output {
        posix_spawn_file_actions_adddup2(&actions, output, target)
      } else {
        posix_spawn_file_actions_addopen(&actions, target, "/dev/null", O_WRONLY, 0)
      }
    }
    // Worker threads block most signals, and a child inherits that: it could not be told to end.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    let argv = command.map { strdup($0) } + [nil]
    defer { for pointer in argv { free(pointer) } }
    var pid: pid_t = 0
    let result = posix_spawn(&pid, command[0], &actions, &attributes, argv, nil)
    guard result == 0 else {
      throw Failure(description: "\(executable): \(String(cString: strerror(result)))")
    }
    identifier = pid
  }

  /// Waits for its end; the exit status, or 128 and the signal.
  @discardableResult
  public func waitUntilExit() -> Int32 {
    status.withLock { status in
      if let status { return status }
      var raw: Int32 = 0
      while waitpid(identifier, &raw, 0) < 0, errno == EINTR {}
      let value = raw & 0x7f == 0 ? (raw >> 8) & 0xff : 128 + (raw & 0x7f)
      status = value
      return value
    }
  }

  /// Ends it, and waits until it has ended.
  public func terminate() {
    if status.withLock({ $0 == nil }) { kill(identifier, SIGTERM) }
    waitUntilExit()
  }
}
