import Dispatch
import Foundation
import Glibc
import Synchronization

/// The buffer of a ``LogOutput`` and the thread that empties it.
///
/// A thread of its own, asleep on a semaphore: a dispatch queue with a timer wakes two more threads for every write.
final class LogWriter: Sendable {
  private struct State {
    var buffer: [UInt8] = []
    var dropped = 0
    /// The thread has been told that there is something to write.
    var isWoken = false
    /// It has been told not to wait for more.
    var isHurried = false
    var isStopped = false
  }

  private let state = Mutex(State())
  /// Held while writing, so that ``drain()`` returns only when what others took is written too.
  private let writing = Mutex(())
  private let work = DispatchSemaphore(value: 0)
  private let hurry = DispatchSemaphore(value: 0)
  private let descriptor: Int32
  private let ownsDescriptor: Bool
  /// Bytes that may wait to be written.
  private let capacity: Int
  private let noteDropped: @Sendable (Int) -> String
  /// How long a line waits for others.
  static let delay = DispatchTimeInterval.milliseconds(100)

  init(
    descriptor: Int32, capacity: Int, ownsDescriptor: Bool, noteDropped: @escaping @Sendable (Int) -> String
  ) {
    self.descriptor = descriptor
    self.capacity = capacity
    self.ownsDescriptor = ownsDescriptor
    self.noteDropped = noteDropped
  }

  deinit { if ownsDescriptor { close(descriptor) } }

  /// Starts the thread, which keeps this object until ``stop()``.
  func start() {
    let thread = Thread { [self] in run() }
    thread.name = "log"
    thread.stackSize = 256 << 10
    thread.start()
  }

  /// Writes what is left and ends the thread.
  func stop() {
    state.withLock { $0.isStopped = true }
    hurry.signal()
    work.signal()
  }

  func append(_ line: [UInt8], isUrgent: Bool) {
    let (wakes, hurries) = state.withLock { state in
      guard state.buffer.count + line.count <= capacity else {
        state.dropped += 1
        return (false, false)
      }
      state.buffer += line
      let wakes = !state.isWoken
      let hurries = isUrgent && !state.isHurried
      state.isWoken = true
      if hurries { state.isHurried = true }
      return (wakes, hurries)
    }
    if hurries { hurry.signal() }
    if wakes { work.signal() }
  }

  private func run() {
    while true {
      work.wait()
      // A signal left over from an earlier hurry only makes this write an early one.
      _ = hurry.wait(timeout: .now() + LogWriter.delay)
      let isStopped = state.withLock { state in
        state.isWoken = false
        state.isHurried = false
        return state.isStopped
      }
      drain()
      if isStopped { return }
    }
  }

  /// Writes everything appended so far.
  func drain() {
    writing.withLock { _ in
      while true {
        let (bytes, dropped) = state.withLock { state in
          let taken = (state.buffer, state.dropped)
          state.buffer = []
          state.dropped = 0
          return taken
        }
        if bytes.isEmpty, dropped == 0 { return }
        write(bytes)
        if dropped > 0 { write(Array((noteDropped(dropped) + "\n").utf8)) }
      }
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
