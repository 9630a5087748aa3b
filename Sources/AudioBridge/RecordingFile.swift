import Glibc
import Synchronization

/// A file that a media thread fills without waiting for the disk: what is appended is kept until the writer has it.
public final class RecordingFile: Sendable {
  private struct State {
    var waiting: [[UInt8]] = []
    var bytes = 0
    var isFinished = false
  }

  public let path: String
  private let descriptor: Int32
  private let state = Mutex(State())
  /// Zero while all is well.
  private let error = Atomic<Int32>(0)
  private let writer: RecordingWriter

  /// What may wait for the disk, in bytes: minutes of audio.
  static let limit = 1 << 21

  /// Makes the file, for its owner and group alone.
  ///
  /// - Throws: it exists, or could not be made.
  public convenience init(_ path: String) throws(BridgeRecordingError) {
    try self.init(path, writer: .shared)
  }

  /// - Parameter descriptor: of an open file, which is closed with this.
  init(_ path: String, descriptor: Int32, writer: RecordingWriter = .shared) {
    self.path = path
    self.descriptor = descriptor
    self.writer = writer
  }

  init(_ path: String, writer: RecordingWriter) throws(BridgeRecordingError) {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o640)
    self.writer = writer
    guard descriptor >= 0 else { throw BridgeRecordingError(path: path, errno: errno) }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Takes it off the disk again: nothing will be recorded.
  public func discard() { unlink(path) }

  /// Whether all that was appended to all files is on the disk; for the end of the process.
  public static var areWritten: Bool { RecordingWriter.shared.isIdle }

  /// `errno` once a write has failed, or too much waits.
  var failure: Int32? {
    let code = error.load(ordering: .relaxed)
    return code == 0 ? nil : code
  }

  func append(_ bytes: [UInt8]) {
    guard failure == nil else { return }
    let isFirst: Bool? = state.withLock { state in
      guard !state.isFinished, state.bytes + bytes.count <= RecordingFile.limit else { return nil }
      state.waiting.append(bytes)
      state.bytes += bytes.count
      return state.waiting.count == 1
    }
    switch isFirst {
    case true?: writer.wake(self)
    case false?: break
    case nil: error.store(ENOBUFS, ordering: .relaxed)
    }
  }

  /// The end of the file; nothing is taken after it. The file is closed when all is written.
  func finish(_ bytes: [UInt8]) {
    append(bytes)
    state.withLock { $0.isFinished = true }
  }

  /// Writes what waits. On the writer's thread.
  fileprivate func write() {
    while true {
      let chunks = state.withLock { state in
        defer {
          state.waiting = []
          state.bytes = 0
        }
        return state.waiting
      }
      if chunks.isEmpty { return }
      for chunk in chunks where failure == nil {
        let code = chunk.withUnsafeBytes { put($0) }
        if code != 0 { error.store(code, ordering: .relaxed) }
      }
    }
  }

  private func put(_ bytes: UnsafeRawBufferPointer) -> Int32 {
    var rest = bytes
    while !rest.isEmpty {
      let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
      if count < 0 {
        if errno == EINTR { continue }
        return errno
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
    return 0
  }
}

/// The thread that writes recordings to disk: one for all of them.
final class RecordingWriter: Sendable {
  static let shared = RecordingWriter()

  private struct Queue {
    var files: [RecordingFile] = []
    var isStarted = false
    var isWriting = false
  }

  private let queue = Mutex(Queue())
  private nonisolated(unsafe) let bell: UnsafeMutablePointer<sem_t>

  init() {
    bell = .allocate(capacity: 1)
    sem_init(bell, 0, 0)
  }

  deinit {
    sem_destroy(bell)
    bell.deallocate()
  }

  var isIdle: Bool { queue.withLock { $0.files.isEmpty && !$0.isWriting } }

  /// Something waits in the file. The thread starts with the first.
  func wake(_ file: RecordingFile) {
    let mustStart = queue.withLock { queue in
      queue.files.append(file)
      defer { queue.isStarted = true }
      return !queue.isStarted
    }
    sem_post(bell)
    guard mustStart else { return }
    var thread = pthread_t()
    let context = Unmanaged.passRetained(self).toOpaque()
    let result = pthread_create(
      &thread, nil,
      { context in
        if let context { Unmanaged<RecordingWriter>.fromOpaque(context).takeUnretainedValue().run() }
        return nil
      }, context)
    if result == 0 {
      pthread_detach(thread)
    } else {
      Unmanaged<RecordingWriter>.fromOpaque(context).release()
      queue.withLock { $0.isStarted = false }
    }
  }

  private func run() {
    while true {
      if sem_wait(bell) != 0 { continue }
      let files = queue.withLock { queue in
        defer { queue.files = [] }
        queue.isWriting = true
        return queue.files
      }
      for file in files { file.write() }
      queue.withLock { $0.isWriting = false }
    }
  }
}
