import CallModel
import Foundation
import GRDB
import Logging

/// Keeps a record of every call in a SQLite database.
///
/// A record is taken by copying it into the journal (``RecordJournal``): from then on it survives `kill -9`. A thread of
/// its own moves records from there into SQLite, many in one transaction, and only the latest state of each call. When
/// SQLite cannot be written (disk full, file system gone read-only), calls that are up go on, their records wait, and
/// ``began(_:)`` refuses new ones until a retry succeeds.
///
/// Kept across a power failure: whatever SQLite had checkpointed (`synchronous=NORMAL`: the file is always consistent,
/// the last seconds may be missing).
public final class CallRecordStore: CallRecorder, @unchecked Sendable {
  // Everything mutable below is touched with `monitor` locked, except `database` (serialised by GRDB) and `writer`
  // (used only inside the database's queue).
  private let monitor = Monitor()
  private let configuration: CallRecordStoreConfiguration
  private let logger: Logger
  private let now: @Sendable () -> WallClock
  private let database: DatabaseQueue
  private var writer: RecordWriter?
  private let journal: RecordJournal
  private let retention: RecordRetention

  /// Latest states that found no room in the journal; bounded by the number of calls that were accepted.
  private var overflow: [CallID: CallRecord] = [:]
  /// Fingerprints of the decisions that the journal has had, of calls that are up.
  private var decisions: [CallID: UInt64] = [:]
  private var failure: CallRecordStoreError?
  private var isStopping = false
  private var hasStopped = false
  private var flushRequests = 0
  private var isUrgent = false
  private var activeCalls = 0
  private var counts = CallRecordStoreCounts()

  /// Fill of the journal above which new calls are refused, so that the ends of accepted ones find room.
  private var acceptanceLimit: Int { journal.capacity / 4 * 3 }
  private static let batchLimit = 8192
  private static let retryInterval = TimeSpan.seconds(1)
  private static let heartbeatInterval = TimeSpan.seconds(5)

  /// Opens or makes a store, brings in what a killed process left in the journal, and closes that process's calls as
  /// ``Cause/interrupted``.
  ///
  /// - Throws: ``CallRecordStoreError``: another process has it, no rights, no room, damaged, from a later version.
  public init(
    configuration: CallRecordStoreConfiguration, logger: Logger,
    now: @escaping @Sendable () -> WallClock = CallRecordStore.systemClock
  ) throws {
    self.configuration = configuration
    self.logger = logger
    self.now = now
    let files = CallRecordFiles(directory: configuration.directory)
    try files.makeDirectory()
    journal = try RecordJournal(
      path: files.journal, capacity: configuration.journalCapacity, randomNumber: .random(in: .min ... .max))
    do {
      database = try files.openForWriting()
      let recovery = RecordRecovery(journal: journal, logger: logger, now: now)
      writer = try database.writeWithoutTransaction { try recovery.run($0) }
    } catch let error as DatabaseError {
      throw CallRecordStoreError(error, file: files.database)
    }
    retention = RecordRetention(
      maximumAge: configuration.maximumAge, maximumCalls: configuration.maximumCalls)
    let thread = Thread { [self] in run() }
    thread.name = "records"
    thread.stackSize = 1 << 20
    thread.start()
  }

  /// The wall clock of the machine.
  public static let systemClock: @Sendable () -> WallClock = { Monitor.wallClock() }

  // MARK: CallRecorder

  public func began(_ record: CallRecord) -> Bool {
    monitor.withLock {
      guard failure == nil, !isStopping, overflow.isEmpty, journal.used < acceptanceLimit,
        append(record, flags: RecordJournal.Flags.began)
      else {
        counts.refused += 1
        return false
      }
      counts.accepted += 1
      return true
    }
  }

  public func changed(_ record: CallRecord) { monitor.withLock { queue(record) } }

  public func ended(_ record: CallRecord) {
    var record = record
    if record.ended == nil { record.ended = now() }
    monitor.withLock { queue(record) }
  }

  private func queue(_ record: CallRecord) {
    guard !hasStopped else { return }
    // A call whose earlier state still waits must not be overtaken by itself.
    if !overflow.isEmpty, let waiting = overflow[record.id] {
      if waiting.ended == nil || record.ended != nil { overflow[record.id] = record }
      return
    }
    if !append(record, flags: 0) { overflow[record.id] = record }
  }

  private func append(_ record: CallRecord, flags: UInt32) -> Bool {
    let flags = flags | (record.ended == nil ? 0 : RecordJournal.Flags.hasEnded)
    let wasEmpty = journal.isEmpty
    // Writing the decision is half the cost of an entry, and it hardly ever changes.
    let decision = record.decision.fingerprint
    let decides = decisions[record.id] != decision
    var appended = journal.append(flags: flags) { sink in
      var tape = RecordTape(sink)
      tape.write(record, decides: decides)
      sink = tape.sink
    }
    if !appended, journal.used < journal.capacity / 2 {
      // It is the record that is too large, not the journal that is too full.
      appended = journal.append(flags: flags) { sink in
        var tape = RecordTape(sink, limits: .tight)
        tape.write(record, decides: decides)
        sink = tape.sink
      }
    }
    if appended {
      if record.ended != nil {
        decisions[record.id] = nil
      } else if decides {
        decisions[record.id] = decision
      }
    }
    if appended {
      if wasEmpty { monitor.broadcast() }
      if !isUrgent, journal.used > journal.capacity / 2 {
        isUrgent = true
        monitor.broadcast()
      }
    }
    return appended
  }

  // MARK: State

  /// Nil while the store can take records; else why it cannot.
  public var currentFailure: CallRecordStoreError? { monitor.withLock { failure } }
  public var statistics: CallRecordStoreCounts { monitor.withLock { counts } }

  /// A reader of this store. It has a connection of its own and never holds up the writer.
  public func archive() throws -> CallArchive { try CallArchive(directory: configuration.directory) }

  /// Waits until everything taken so far is in SQLite. Blocks: not for event loops.
  ///
  /// - Throws: ``CallRecordStoreError`` if the store cannot be written.
  public func flush() throws {
    try monitor.withLock {
      flushRequests += 1
      defer { flushRequests -= 1 }
      monitor.broadcast()
      func wait(while isPending: () -> Bool) throws {
        while isPending() {
          if let failure { throw failure }
          if hasStopped { return }
          monitor.wait()
        }
      }
      try wait { !overflow.isEmpty }
      let target = journal.head.sequence
      try wait { journal.tail.sequence < target }
    }
  }

  /// Writes what is left and closes the store. Records that come later are ignored.
  public func close() {
    monitor.withLock {
      isStopping = true
      monitor.broadcast()
      while !hasStopped { monitor.wait() }
    }
  }

  // MARK: Writer thread

  private func run() {
    var retryAt: MonotonicInstant?
    while let batch = nextBatch(retryAt: retryAt) {
      retryAt = write(batch) ? nil : Monitor.now() + CallRecordStore.retryInterval
      prune()
    }
    database.writeWithoutTransaction { _ in writer = nil }
    do { try database.close() } catch { logger.warning("cannot close the call store: \(error)") }
    monitor.withLock {
      hasStopped = true
      journal.unlock()
      monitor.broadcast()
    }
  }

  /// Sleeps until there is something to do. An empty batch means that only housekeeping is due; nil, that all is over.
  private func nextBatch(retryAt: MonotonicInstant?) -> RecordJournal.Batch? {
    monitor.withLock {
      if let retryAt {
        while !isStopping, Monitor.now() < retryAt { monitor.wait(until: retryAt) }
      }
      let wakeAt = housekeepingDeadline()
      while journal.isEmpty, !isStopping, Monitor.now() < wakeAt { monitor.wait(until: wakeAt) }
      if !journal.isEmpty, retryAt == nil {
        // Others may join: one transaction costs about as much as ten records.
        let flushAt = Monitor.now() + configuration.flushInterval
        while !isStopping, !isUrgent, flushRequests == 0, Monitor.now() < flushAt {
          monitor.wait(until: flushAt)
        }
      }
      if isStopping, journal.isEmpty || (failure != nil && retryAt != nil) { return nil }
      isUrgent = false
      return journal.pendingBatch(limit: CallRecordStore.batchLimit)
    }
  }

  private func housekeepingDeadline() -> MonotonicInstant {
    if activeCalls > 0 || retention.hasMore {
      journal.aliveAt = now().milliseconds
      return Monitor.now()
        + (retention.hasMore ? configuration.flushInterval : CallRecordStore.heartbeatInterval)
    }
    return retention.maximumAge == nil ? .distantFuture : Monitor.now() + .seconds(600)
  }

  private func write(_ batch: RecordJournal.Batch) -> Bool {
    guard let writer, batch.count > 0 else { return monitor.withLock { failure == nil } }
    let start = Monitor.now()
    do {
      let last = try database.writeWithoutTransaction { db in
        do {
          var last = RecordJournal.Position(offset: 0, sequence: 0)
          try db.inTransaction(.immediate) {
            last = try apply(batch, writer)
            try writer.note(identity: journal.identity, epoch: journal.epoch, last)
            return .commit
          }
          return last
        } catch {
          // What the writer thinks it knows was rolled back.
          try? writer.loadActive(db)
          throw error
        }
      }
      finish(batch, last, took: Monitor.now() - start)
      return true
    } catch {
      fail(error)
      return false
    }
  }

  private func apply(_ batch: RecordJournal.Batch, _ writer: RecordWriter) throws -> RecordJournal.Position {
    // Of each call only the latest state counts; one that has ended counts as the latest.
    var order: [(flags: UInt32, payload: UnsafeRawBufferPointer, decision: UnsafeRawBufferPointer?)] = []
    var latest: [CallID: Int] = [:]
    order.reserveCapacity(batch.count)
    latest.reserveCapacity(batch.count)
    let last = journal.read(batch) { flags, payload in
      guard let tape = RecordTapeReader(payload) else { return }
      guard let index = latest[tape.id] else {
        latest[tape.id] = order.count
        order.append((flags, payload, tape.decision))
        return
      }
      let hadEnded = order[index].flags & RecordJournal.Flags.hasEnded != 0
      if !hadEnded || flags & RecordJournal.Flags.hasEnded != 0 {
        order[index] = (flags, payload, tape.decision ?? order[index].decision)
      }
    }
    for entry in order {
      try writer.apply(flags: entry.flags, payload: entry.payload, decision: entry.decision)
    }
    return last
  }

  private func finish(_ batch: RecordJournal.Batch, _ last: RecordJournal.Position, took: TimeSpan) {
    let known = writer?.activeCalls ?? 0
    monitor.withLock {
      journal.release(through: last)
      activeCalls = known
      counts.written += UInt64(batch.count)
      counts.transactions += 1
      counts.longestTransaction = max(counts.longestTransaction, took)
      if failure != nil {
        failure = nil
        logger.notice("call store written again; calls are accepted")
      }
      for (id, record) in overflow {
        guard append(record, flags: 0) else { break }
        overflow[id] = nil
      }
      monitor.broadcast()
    }
  }

  private func fail(_ error: any Error) {
    let failure = CallRecordStoreError(
      error, file: CallRecordFiles(directory: configuration.directory).database)
    monitor.withLock {
      if self.failure == nil {
        logger.critical(
          "call store cannot be written; new calls are refused, retrying: \(failure)",
          metadata: ["directory": "\(configuration.directory)"])
      }
      self.failure = failure
      counts.failures += 1
      monitor.broadcast()
    }
  }

  private func prune() {
    guard let writer, monitor.withLock({ failure == nil }) else { return }
    do {
      let deleted = try database.writeWithoutTransaction { db in
        try retention.prune(db, writer: writer, now: now(), at: Monitor.now())
      }
      if deleted > 0 { monitor.withLock { counts.pruned += UInt64(deleted) } }
    } catch {
      fail(error)
    }
  }
}

/// What a store has done since it was opened.
public struct CallRecordStoreCounts: Hashable, Sendable {
  /// Calls whose record was taken.
  public var accepted: UInt64 = 0
  /// Calls refused because their record could not be taken.
  public var refused: UInt64 = 0
  /// Journal entries that have reached SQLite.
  public var written: UInt64 = 0
  public var transactions: UInt64 = 0
  public var longestTransaction = TimeSpan.zero
  /// Transactions that failed and were or are to be tried again.
  public var failures: UInt64 = 0
  /// Records deleted for their age or number.
  public var pruned: UInt64 = 0
}
