import Foundation
import Glibc
import Synchronization

/// Where log lines go: a file descriptor, written behind the back of whoever logs.
///
/// Appending never waits for the disk or for a pipe that nobody reads: lines gather in a bounded buffer, and when it is
/// full, lines are dropped, counted, and the count is written as a line of its own as soon as there is room again.
///
/// Lines wait up to ``LogWriter/delay`` for others, so that a busy server writes ten times a second and not thousands: waking a
/// thread costs more than a line does. What is urgent is written at once, with all before it.
public final class LogOutput: Sendable {
  private let writer: LogWriter

  /// - Parameter noteDropped: The line, without its end, that says how many lines were dropped.
  public init(
    descriptor: Int32, capacity: Int = 1 << 20, ownsDescriptor: Bool = false,
    noteDropped: @escaping @Sendable (Int) -> String = {
      "level=warning msg=\"log lines dropped\" count=\($0)"
    }
  ) {
    writer = LogWriter(
      descriptor: descriptor, capacity: capacity, ownsDescriptor: ownsDescriptor, noteDropped: noteDropped)
    writer.start()
  }

  public static let standardError = LogOutput(descriptor: 2)

  /// Appends to a file, made if missing, readable by its owner and group.
  public convenience init(file path: String, capacity: Int = 1 << 20) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
    guard descriptor >= 0 else {
      throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: path])
    }
    self.init(descriptor: descriptor, capacity: capacity, ownsDescriptor: true)
  }

  deinit { writer.stop() }

  func append(_ line: [UInt8], isUrgent: Bool = false) { writer.append(line, isUrgent: isUrgent) }

  /// Waits until everything logged so far is written. For the end of the process and for tests.
  public func flush() { writer.drain() }
}
