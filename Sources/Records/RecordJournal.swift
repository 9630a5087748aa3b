import Foundation

/// The queue of records on their way to SQLite: a ring of entries in a memory-mapped file.
///
/// The queue itself is what survives `kill -9`. A store into a shared mapping is in the page cache as soon as it is done,
/// so taking a record costs a copy and no system call, and what the process had accepted is there when the next one opens
/// the file. The alternatives cost more for the same promise: one `write` to a log a record (1 to 2 µs, and it can
/// block), or a SQLite transaction a record (30 µs and more). A power failure may lose what the kernel had not yet
/// written back; the database itself stays consistent then.
///
/// The file is allocated in full when opened, so that a full disk shows there and not as a signal later.
///
/// Layout: a page of header, then the ring. An entry lies in one piece: where it does not fit before the end of the ring,
/// it begins at 0; and when all is drained, the next one begins at 0 too, so that a quiet server keeps using the same few
/// pages. So the entry after one at `p` is at `p + size` or at 0, and its sequence number and checksum tell where.
/// What has been applied is recorded in the database, in the same transaction: every entry takes effect exactly once.
///
/// Not thread-safe: the store guards it with its lock. Bytes of entries between ``tail`` and ``head`` are never written
/// again until ``release(through:)``, so the writer thread reads them without the lock.
final class RecordJournal {
  struct EntryHeader {
    var size: UInt32
    var flags: UInt32
    var sequence: UInt64
    var checksum: UInt64
    static let size = 24
  }

  /// Place in the ring, and the sequence number that is, or will be, there.
  struct Position: Hashable {
    var offset: Int
    var sequence: UInt64
  }

  struct Flags {
    static let began: UInt32 = 1
    /// The record says when the call ended.
    static let hasEnded: UInt32 = 2
  }

  static let headerSize = 4096
  static let minimumCapacity = 256 << 10
  private static let magic: UInt64 = 0x314a_4d44_4e41_5431  // "1TANDMJ1"

  /// Chosen when the file is made; the database notes it, so that a journal is never applied to another database.
  let identity: UInt64
  let capacity: Int
  /// The next entry is written here.
  private(set) var head: Position
  /// The oldest entry not yet released.
  private(set) var tail: Position
  /// Where the last entry before the wrap ended, while entries lie on both sides of the end of the ring.
  private var wrap: Int?

  private let descriptor: Int32
  private let memory: UnsafeMutableRawPointer
  private var ring: UnsafeMutableRawPointer { memory + RecordJournal.headerSize }

  /// Opens or makes the file, and locks it against other processes.
  init(path: String, capacity: Int, randomNumber: UInt64) throws {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
    guard descriptor >= 0 else { throw RecordJournal.failure("open", path, errno) }
    var keep = false
    defer { if !keep { close(descriptor) } }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      throw CallRecordStoreError(.inUse, "The call store \(path) is in use by another process.")
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw RecordJournal.failure("stat", path, errno) }
    let fileSize = Int(status.st_size)
    // An existing ring keeps its size until it is empty: entries may be in it.
    let isNew = fileSize < RecordJournal.headerSize + RecordJournal.minimumCapacity
    let ringSize =
      isNew
      ? max(capacity, RecordJournal.minimumCapacity) / 4096 * 4096 : fileSize - RecordJournal.headerSize
    let mappedSize = RecordJournal.headerSize + ringSize
    let result = posix_fallocate(descriptor, 0, off_t(mappedSize))
    guard result == 0 else {
      if isNew { ftruncate(descriptor, 0) }
      throw RecordJournal.failure("allocate", path, result)
    }
    let mapping = mmap(nil, mappedSize, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
    guard let mapping, mapping != MAP_FAILED else { throw RecordJournal.failure("map", path, errno) }

    let magic = mapping.load(as: UInt64.self)
    if magic == 0 {
      mapping.storeBytes(of: randomNumber | 1, toByteOffset: 8, as: UInt64.self)
      mapping.storeBytes(of: randomNumber, toByteOffset: 16, as: UInt64.self)
      mapping.storeBytes(of: RecordJournal.magic, as: UInt64.self)
    } else if magic != RecordJournal.magic {
      munmap(mapping, mappedSize)
      throw CallRecordStoreError(
        .damaged, "\(path) is not a journal of this program. Move it away to start a new one.")
    }
    self.descriptor = descriptor
    memory = mapping
    self.capacity = ringSize
    identity = mapping.load(fromByteOffset: 8, as: UInt64.self)
    head = Position(offset: 0, sequence: 1)
    tail = head
    keep = true
  }

  deinit {
    munmap(memory, RecordJournal.headerSize + capacity)
    close(descriptor)
  }

  /// Lets another process, or another store of this one, have the file. Nothing may be appended after it.
  func unlock() { flock(descriptor, LOCK_UN) }

  private static func failure(_ action: String, _ path: String, _ code: Int32) -> CallRecordStoreError {
    let kind: CallRecordStoreError.Code =
      code == ENOSPC || code == EDQUOT || code == EFBIG ? .full : .inaccessible
    return CallRecordStoreError(kind, "Cannot \(action) \(path): \(String(cString: strerror(code))).")
  }

  /// Part of every checksum. It changes with each opening, so that entries of earlier runs are never taken for new ones.
  private(set) var epoch: UInt64 {
    get { memory.load(fromByteOffset: 16, as: UInt64.self) }
    set { memory.storeBytes(of: newValue, toByteOffset: 16, as: UInt64.self) }
  }

  /// When the writer last was alive, in wall clock milliseconds: the end of calls that a killed process left behind.
  var aliveAt: Int64 {
    get { memory.load(fromByteOffset: 24, as: Int64.self) }
    set { memory.storeBytes(of: newValue, toByteOffset: 24, as: Int64.self) }
  }

  var isEmpty: Bool { head.sequence == tail.sequence }
  var pendingEntries: Int { Int(head.sequence - tail.sequence) }

  /// Bytes of the ring that hold entries, unusable ends included.
  var used: Int {
    if isEmpty { return 0 }
    return wrap == nil ? head.offset - tail.offset : capacity - tail.offset + head.offset
  }

  // MARK: Recovery

  /// The entries that were written after `applied`, in order; call once, before the first append.
  ///
  /// - Parameters:
  ///   - applied: The last entry that the database has, and the offset where it ended.
  ///   - epoch: The epoch under which it was written; with another one there is nothing to recover.
  func recover(
    after applied: Position, epoch: UInt64, _ body: (UInt32, UnsafeRawBufferPointer) throws -> Void
  )
    rethrows -> Position
  {
    var last = applied
    guard self.epoch == epoch else { return last }
    while let (offset, header) = entry(following: last) {
      try body(
        header.flags,
        UnsafeRawBufferPointer(start: ring + offset + EntryHeader.size, count: Int(header.size)))
      last = Position(offset: RecordJournal.end(of: header, at: offset), sequence: header.sequence)
    }
    return last
  }

  private func entry(following last: Position) -> (offset: Int, header: EntryHeader)? {
    for offset in last.offset == 0 ? [0] : [last.offset, 0] {
      guard offset >= 0, offset % 8 == 0, offset + EntryHeader.size <= capacity else { continue }
      let header = header(at: offset)
      guard header.sequence == last.sequence &+ 1, Int(header.size) <= capacity - offset - EntryHeader.size
      else { continue }
      let payload = UnsafeRawBufferPointer(start: ring + offset + EntryHeader.size, count: Int(header.size))
      if checksum(payload, header.flags, header.sequence) == header.checksum { return (offset, header) }
    }
    return nil
  }

  /// Starts a new epoch; entries from here on are numbered after `sequence`.
  func start(after sequence: UInt64, epoch: UInt64) {
    self.epoch = epoch
    head = Position(offset: 0, sequence: sequence &+ 1)
    tail = head
    wrap = nil
  }

  // MARK: Writing

  /// Adds an entry; false when there is no room for it.
  func append(flags: UInt32, _ write: (inout ByteSink) -> Void) -> Bool {
    if isEmpty {
      head.offset = 0
      tail.offset = 0
      wrap = nil
    }
    if wrap == nil {
      if append(at: head.offset, limit: capacity, flags: flags, write) { return true }
      // One byte must stay free, or a full ring would look like an empty one.
      guard !isEmpty, append(at: 0, limit: tail.offset - 8, flags: flags, write, wrappingFrom: head.offset)
      else { return false }
      return true
    }
    return append(at: head.offset, limit: tail.offset - 8, flags: flags, write)
  }

  private func append(
    at offset: Int, limit: Int, flags: UInt32, _ write: (inout ByteSink) -> Void, wrappingFrom: Int? = nil
  ) -> Bool {
    let room = limit - offset - EntryHeader.size
    guard room > 0 else { return false }
    var sink = ByteSink(
      UnsafeMutableRawBufferPointer(start: ring + offset + EntryHeader.size, count: room / 8 * 8))
    write(&sink)
    guard !sink.overflowed else { return false }
    let sequence = head.sequence
    let payload = UnsafeRawBufferPointer(start: ring + offset + EntryHeader.size, count: sink.count)
    let header = EntryHeader(
      size: UInt32(sink.count), flags: flags, sequence: sequence,
      checksum: checksum(payload, flags, sequence))
    (ring + offset).storeBytes(of: header.size, as: UInt32.self)
    (ring + offset).storeBytes(of: header.flags, toByteOffset: 4, as: UInt32.self)
    (ring + offset).storeBytes(of: header.sequence, toByteOffset: 8, as: UInt64.self)
    (ring + offset).storeBytes(of: header.checksum, toByteOffset: 16, as: UInt64.self)
    if let wrappingFrom { wrap = wrappingFrom }
    head = Position(offset: RecordJournal.end(of: header, at: offset), sequence: sequence &+ 1)
    return true
  }

  private static func end(of header: EntryHeader, at offset: Int) -> Int {
    offset + EntryHeader.size + (Int(header.size) + 7) / 8 * 8
  }

  private func header(at offset: Int) -> EntryHeader {
    EntryHeader(
      size: ring.load(fromByteOffset: offset, as: UInt32.self),
      flags: ring.load(fromByteOffset: offset + 4, as: UInt32.self),
      sequence: ring.load(fromByteOffset: offset + 8, as: UInt64.self),
      checksum: ring.load(fromByteOffset: offset + 16, as: UInt64.self))
  }

  /// Eight bytes a step: it guards against torn entries, not against an enemy.
  private func checksum(_ bytes: UnsafeRawBufferPointer, _ flags: UInt32, _ sequence: UInt64) -> UInt64 {
    var hash = epoch ^ sequence &* 0x9e37_79b9_7f4a_7c15 ^ UInt64(flags) << 32 ^ UInt64(bytes.count)
    hash = mix(bytes, into: hash)
    return hash
  }

  // MARK: Draining

  /// What is to be read now: a span of entries that stays as it is until it is released.
  struct Batch {
    fileprivate var first: Position
    fileprivate var wrap: Int?
    fileprivate(set) var end: UInt64
    var count: Int { Int(end - first.sequence) }
  }

  func pendingBatch(limit: Int) -> Batch {
    Batch(first: tail, wrap: wrap, end: min(head.sequence, tail.sequence &+ UInt64(limit)))
  }

  /// Reads the entries of a batch; needs no lock.
  ///
  /// - Returns: The last entry's sequence number and where it ended, to be noted in the database.
  func read(
    _ batch: Batch, _ body: (_ flags: UInt32, _ payload: UnsafeRawBufferPointer) throws -> Void
  ) rethrows -> Position {
    var offset = batch.first.offset
    var sequence = batch.first.sequence
    while sequence < batch.end {
      if offset == batch.wrap { offset = 0 }
      let header = header(at: offset)
      precondition(header.sequence == sequence, "the journal's entries are out of order")
      try body(
        header.flags,
        UnsafeRawBufferPointer(start: ring + offset + EntryHeader.size, count: Int(header.size)))
      offset = RecordJournal.end(of: header, at: offset)
      sequence += 1
    }
    return Position(offset: offset, sequence: sequence - 1)
  }

  /// Gives the room of a batch back, after its last entry has been committed to the database.
  func release(through last: Position) {
    if let wrap, last.offset <= tail.offset || last.offset == wrap {
      // The batch went over the end of the ring, or up to it.
      self.wrap = nil
    }
    tail = Position(offset: last.offset, sequence: last.sequence &+ 1)
    if !isEmpty, wrap == nil, tail.offset > head.offset { tail.offset = 0 }
  }
}

/// A quick hash over bytes, not a cryptographic one.
func mix(_ bytes: UnsafeRawBufferPointer, into start: UInt64) -> UInt64 {
  var hash = start
  var i = 0
  while i + 8 <= bytes.count {
    hash = (hash ^ bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self)) &* 0xff51_afd7_ed55_8ccd
    hash ^= hash >> 32
    i += 8
  }
  var tail: UInt64 = 0
  while i < bytes.count {
    tail = tail << 8 | UInt64(bytes[i])
    i += 1
  }
  hash = (hash ^ tail) &* 0xc4ce_b9fe_1a85_ec53
  return hash ^ hash >> 29
}
