import Foundation
import Glibc
import Synchronization

/// Where log lines go: a file descriptor, written behind the back of whoever logs.
///
/// Appending never waits for the disk or for a pipe that nobody reads: lines gather in a bounded buffer, and when it is
/// full, lines are dropped, counted, and the count is written as a line of its own as soon as there is room again.
///
/// Lines wait up to ``delay`` for others, so that a busy server writes fifty times a second and not thousands: waking a
/// thread costs more than a line does. What is urgent is written at once, with all before it.
public final class LogOutput: Sendable {
  private struct State {
    var buffer: [UInt8] = []
    var dropped = 0
    /// A write is under way or will begin by itself.
    var isDrainScheduled = false
    /// It will begin at once.
    var isDrainUrgent = false
  }

  private let state = Mutex(State())
  private let queue = DispatchQueue(label: "log")
  private let descriptor: Int32
  private let ownsDescriptor: Bool
  /// Bytes that may wait to be written.
  private let capacity: Int
  private let noteDropped: @Sendable (Int) -> String
  private static let delay = DispatchTimeInterval.milliseconds(20)

  /// - Parameter noteDropped: The line, without its end, that says how many lines were dropped.
  public init(
    descriptor: Int32, capacity: Int = 1 << 20, ownsDescriptor: Bool = false,
    noteDropped: @escaping @Sendable (Int) -> String = {
      "level=warning msg=\"log lines dropped\" count=\($0)"
    }
  ) {
    self.descriptor = descriptor
    self.capacity = capacity
    self.ownsDescriptor = ownsDescriptor
    self.noteDropped = noteDropped
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

  deinit { if ownsDescriptor { close(descriptor) } }

  func append(_ line: [UInt8], isUrgent: Bool = false) {
    let start: DispatchTime? = state.withLock { state in
      guard state.buffer.count + line.count <= capacity else {
        state.dropped += 1
        return nil
      }
      state.buffer += line
      if isUrgent, !state.isDrainUrgent {
        state.isDrainUrgent = true
        state.isDrainScheduled = true
        return .now()
      }
      guard !state.isDrainScheduled else { return nil }
      state.isDrainScheduled = true
      return .now() + LogOutput.delay
    }
    guard let start else { return }
    if isUrgent {
      queue.async { [self] in drain() }
    } else {
      queue.asyncAfter(deadline: start) { [self] in drain() }
    }
  }

  /// Waits until everything logged so far is written. For the end of the process and for tests.
  public func flush() { queue.sync { drain() } }

  private func drain() {
    while true {
      let (bytes, dropped) = state.withLock { state in
        let taken = (state.buffer, state.dropped)
        state.buffer = []
        state.dropped = 0
        if taken.0.isEmpty, taken.1 == 0 {
          state.isDrainScheduled = false
          state.isDrainUrgent = false
        }
        return taken
      }
      if bytes.isEmpty, dropped == 0 { return }
      write(bytes)
      if dropped > 0 { write(Array((noteDropped(dropped) + "\n").utf8)) }
    }
  }

  private func write(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { bytes in
      var rest = bytes
      while !rest.isEmpty {
        let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
        if count > 0 {
          rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        } else if errno == EAGAIN {
          var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          Glibc.poll(&poll, 1, 1000)
        } else if errno != EINTR {
          // A closed pipe or a full disk: there is nobody to tell.
          return
        }
      }
    }
  }
}
