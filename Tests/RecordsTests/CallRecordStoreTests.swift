import CallModel
import Foundation
import GRDB
import Logging
import Synchronization
import Testing

@testable import Records

@Suite struct CallRecordStoreTests {
  let directory = TemporaryDirectory()

  func open(_ change: (inout CallRecordStoreConfiguration) -> Void = { _ in }) throws -> CallRecordStore {
    var configuration = CallRecordStoreConfiguration(directory: directory.path + "/store", maximumAge: nil)
    change(&configuration)
    return try CallRecordStore(configuration: configuration, logger: Samples.silent)
  }

  @Test func aCallIsKeptInFull() throws {
    let store = try open()
    defer { store.close() }
    let record = Samples.ended(1)
    #expect(store.began(Samples.record(1)))
    store.ended(record)
    try store.flush()
    #expect(try store.archive().call(record.id) == Samples.asKept(record))
  }

  @Test func theStatesOfACallAreSeenAsItGoes() throws {
    let store = try open()
    defer { store.close() }
    let archive = try store.archive()
    var record = Samples.record(1)
    #expect(store.began(record))
    try store.flush()
    #expect(try archive.call(record.id) == Samples.asKept(record))

    record.attempts = [CallAttempt(via: "carrier-a", alias: "x", started: record.started)]
    record.events = [CallEvent(at: record.started, what: "one")]
    store.changed(record)
    try store.flush()
    #expect(try archive.call(record.id) == Samples.asKept(record))

    record.attempts[0].rang = WallClock(milliseconds: record.started.milliseconds + 5)
    record.attempts.append(CallAttempt(via: "carrier-b", alias: "y", started: record.started))
    record.events.append(CallEvent(at: record.started, what: "two"))
    store.changed(record)
    try store.flush()
    #expect(try archive.call(record.id) == Samples.asKept(record))

    record.decision.rule = "another"
    record.ended = WallClock(milliseconds: record.started.milliseconds + 10)
    store.ended(record)
    try store.flush()
    #expect(try archive.call(record.id) == Samples.asKept(record))
    #expect(try archive.calls(CallQuery { $0.isActive = true }).isEmpty)
  }

  @Test func aCallThatHasEndedStaysEnded() throws {
    let store = try open()
    defer { store.close() }
    let ended = Samples.ended(1)
    #expect(store.began(Samples.record(1)))
    store.ended(ended)
    store.changed(Samples.record(1))
    try store.flush()
    store.changed(Samples.record(1))
    #expect(store.began(Samples.record(2)))
    try store.flush()
    #expect(try store.archive().call(ended.id) == Samples.asKept(ended))
    // A late report about its media is still taken.
    var late = ended
    late.media[0].packetsReceived += 1
    store.changed(late)
    try store.flush()
    #expect(try store.archive().call(ended.id) == Samples.asKept(late))
  }

  @Test func anEndWithoutATimeGetsOne() throws {
    let store = try open()
    defer { store.close() }
    #expect(store.began(Samples.record(1)))
    store.ended(Samples.record(1))
    try store.flush()
    #expect(try store.archive().calls(CallQuery()).first?.ended != nil)
  }

  @Test func aRecordSurvivesClosingAndOpening() throws {
    var store = try open()
    #expect(store.began(Samples.record(1)))
    store.ended(Samples.ended(1))
    store.close()
    store = try open()
    defer { store.close() }
    #expect(try store.archive().calls(CallQuery()) == [Samples.asKept(Samples.ended(1))])
  }

  // MARK: Being killed

  /// A process takes records and is killed in the same breath; another opens the store.
  @Test func nothingTakenIsLostWhenTheProcessIsKilled() async throws {
    let path = directory.path + "/store"
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      var configuration = CallRecordStoreConfiguration(directory: path, maximumAge: nil)
      // Nothing gets from the journal to SQLite by itself.
      configuration.flushInterval = .seconds(3600)
      let store = try CallRecordStore(configuration: configuration, logger: Samples.silent)
      for number in 0..<200 as Range<UInt64> { precondition(store.began(Samples.record(number))) }
      for number in 0..<50 as Range<UInt64> { store.ended(Samples.ended(number)) }
      try store.flush()
      for number in 200..<400 as Range<UInt64> { precondition(store.began(Samples.record(number))) }
      for number in 50..<100 as Range<UInt64> { store.ended(Samples.ended(number)) }
      kill(getpid(), SIGKILL)
    }
    for opening in 1...3 {
      let store = try open()
      let calls = try store.archive().calls(CallQuery { $0.limit = 1000 }).reversed() as [CallRecord]
      #expect(calls.map(\.id.low) == Array(0..<400), "opening \(opening)")
      for call in calls {
        if call.id.low < 100 {
          #expect(call == Samples.asKept(Samples.ended(call.id.low)))
        } else {
          #expect(call.disconnect?.cause == .interrupted)
          #expect(call.endedBy == .tandem)
          #expect(call.events.map(\.what) == ["interrupted"])
        }
      }
      store.close()
    }
  }

  @Test func callsLeftBehindEndWhenTheirProcessWasLastAlive() throws {
    let clock = TestClock(1_700_000_000_000)
    var configuration = CallRecordStoreConfiguration(directory: directory.path + "/store", maximumAge: nil)
    configuration.flushInterval = .milliseconds(1)
    let record = Samples.record(1, started: 1_699_999_999_000)
    do {
      let journalCopy = directory.path + "/copy"
      let store = try CallRecordStore(configuration: configuration, logger: Samples.silent, now: clock.now)
      #expect(store.began(record))
      try store.flush()
      // What a killed process leaves: files as they are now.
      try FileManager.default.copyItem(atPath: configuration.directory, toPath: journalCopy)
      store.close()
      configuration.directory = journalCopy
    }
    clock.set(1_700_000_900_000)
    let store = try CallRecordStore(configuration: configuration, logger: Samples.silent, now: clock.now)
    defer { store.close() }
    let call = try #require(try store.archive().call(record.id))
    #expect(call.ended == WallClock(milliseconds: 1_700_000_000_000))
    #expect(call.disconnect?.cause == .interrupted)
  }

  @Test func anotherProcessIsKeptOut() throws {
    let store = try open()
    defer { store.close() }
    let error = #expect(throws: CallRecordStoreError.self) { try open() }
    #expect(error?.code == .inUse)
    #expect(try store.archive().hasWriter)
  }

  @Test func readersDoNotNeedTheWriter() throws {
    let store = try open()
    #expect(store.began(Samples.record(1)))
    store.close()
    let archive = try CallArchive(directory: directory.path + "/store")
    #expect(!archive.hasWriter)
    #expect(try archive.numberOfCalls() == 1)
    let error = #expect(throws: CallRecordStoreError.self) { try CallArchive(directory: directory.path) }
    #expect(error?.code == .notFound)
  }

  // MARK: Trouble

  /// The process may not let any file grow: SQLite cannot write, the calls that are up go on, new ones are refused;
  /// then it may again.
  @Test func aFullDiskRefusesNewCallsOnlyAndHeals() async throws {
    let path = directory.path + "/store"
    await #expect(processExitsWith: .success) { [path = path as String] in
      var configuration = CallRecordStoreConfiguration(directory: path, maximumAge: nil)
      configuration.flushInterval = .milliseconds(1)
      let store = try CallRecordStore(configuration: configuration, logger: Samples.silent)
      precondition(store.began(Samples.record(0)))
      try store.flush()
      signal(SIGXFSZ, SIG_IGN)
      var limit = rlimit(rlim_cur: 200_000, rlim_max: rlim_t.max)
      precondition(setrlimit(__rlimit_resource_t(1), &limit) == 0)  // RLIMIT_FSIZE
      var accepted: [UInt64] = [0]
      var number: UInt64 = 1
      while number < 1_000_000, store.began(Samples.record(number)) {
        accepted.append(number)
        number += 1
      }
      precondition(number < 1_000_000)
      precondition(store.currentFailure != nil)
      store.ended(Samples.ended(0))
      limit.rlim_cur = rlim_t.max
      precondition(setrlimit(__rlimit_resource_t(1), &limit) == 0)
      while store.currentFailure != nil { try? store.flush() }
      precondition(store.began(Samples.record(number)))
      accepted.append(number)
      try store.flush()
      let archive = try store.archive()
      #expect(try archive.numberOfCalls() == accepted.count)
      #expect(try archive.call(Samples.record(0).id) == Samples.asKept(Samples.ended(0)))
      store.close()
    }
  }

  @Test func whenTheJournalIsFullNewCallsAreRefusedAndOldOnesEnd() throws {
    let store = try open {
      $0.journalCapacity = 256 << 10
      $0.flushInterval = .seconds(3600)
    }
    defer { store.close() }
    // Somebody else holds SQLite's write lock, so that nothing drains.
    let blocker = try DatabaseQueue(path: directory.path + "/store/calls.sqlite")
    var accepted: [UInt64] = []
    try blocker.inTransaction(.immediate) { _ in
      var number: UInt64 = 0
      while store.began(Samples.record(number)) {
        accepted.append(number)
        number += 1
      }
      // Far more ends than the journal has room for: each call's latest state waits.
      for round in 0..<3 {
        for number in accepted {
          store.ended(Samples.ended(number, started: 1_700_000_000_000 + Int64(round)))
        }
      }
      #expect(!store.began(Samples.record(1 << 40)))
      return .commit
    }
    #expect(accepted.count > 50)
    while (try? store.flush()) == nil {}
    let calls = try store.archive().calls(CallQuery { $0.limit = .max >> 1 })
    #expect(calls.map(\.id.low).sorted() == accepted)
    for call in calls {
      #expect(call == Samples.asKept(Samples.ended(call.id.low, started: 1_700_000_000_002)))
    }
    #expect(store.began(Samples.record(1 << 41)))
    #expect(store.statistics.refused >= 2)
  }

  @Test func aRecordLargerThanTheJournalIsCutNotLost() throws {
    let store = try open { $0.journalCapacity = 256 << 10 }
    defer { store.close() }
    var record = Samples.record(1)
    record.calledAlias = String(repeating: "å", count: 500_000)
    record.attempts = (0..<500).map {
      CallAttempt(via: "t\($0)", alias: String(repeating: "a", count: 4000), started: record.started)
    }
    record.events = (0..<2000).map { CallEvent(at: record.started, what: "e\($0)") }
    #expect(store.began(record))
    try store.flush()
    let kept = try #require(try store.archive().call(record.id))
    #expect(kept.calledAlias == String(repeating: "å", count: 128))
    #expect(kept.attempts.count == 16)
    #expect(kept.events.last?.what == "1985 more events")
  }

  @Test(arguments: [4096, 4097]) func aTextIsCutAtTheLimit(length: Int) throws {
    let store = try open()
    defer { store.close() }
    var record = Samples.record(1)
    record.calledAlias = String(repeating: "x", count: length)
    #expect(store.began(record))
    try store.flush()
    #expect(try store.archive().call(record.id)?.calledAlias.count == min(length, 4096))
  }

  @Test func aDamagedDatabaseIsNamed() throws {
    try open().close()
    let file = directory.path + "/store/calls.sqlite"
    for name in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: file + name) }
    try Data(repeating: 0x55, count: 20_000).write(to: URL(fileURLWithPath: file))
    let error = #expect(throws: CallRecordStoreError.self) { try open() }
    #expect(error?.code == .damaged)
    #expect(error?.description.contains(file) == true)
    let readError = #expect(throws: CallRecordStoreError.self) {
      try CallArchive(directory: directory.path + "/store")
    }
    #expect(readError?.code == .damaged)
  }

  @Test func aLaterFormatIsLeftAlone() throws {
    try open().close()
    try DatabaseQueue(path: directory.path + "/store/calls.sqlite").write {
      try $0.execute(sql: "PRAGMA user_version = 99")
    }
    let error = #expect(throws: CallRecordStoreError.self) { try open() }
    #expect(error?.code == .newerVersion)
  }

  @Test func aDirectoryThatCannotBeMadeIsNamed() throws {
    let file = directory.path + "/file"
    try Data().write(to: URL(fileURLWithPath: file))
    let error = #expect(throws: CallRecordStoreError.self) { try open { $0.directory = file + "/store" } }
    #expect(error?.code == .inaccessible)
    #expect(error?.description.contains(file) == true)
  }

  @Test func aJournalOfAnotherDatabaseIsNotBroughtIn() throws {
    let store = try open { $0.flushInterval = .seconds(3600) }
    #expect(store.began(Samples.record(1)))
    let copy = directory.path + "/copy"
    try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      atPath: directory.path + "/store/calls.journal", toPath: copy + "/calls.journal")
    store.close()
    let other = try open { $0.directory = copy }
    defer { other.close() }
    #expect(try other.archive().numberOfCalls() == 0)
    #expect(other.began(Samples.record(2)))
    try other.flush()
    #expect(try other.archive().numberOfCalls() == 1)
  }

  // MARK: Retention

  @Test func theOldestRecordsGoWhenThereAreTooMany() throws {
    let store = try open {
      $0.maximumCalls = 100
      $0.flushInterval = .milliseconds(1)
    }
    defer { store.close() }
    #expect(store.began(Samples.record(0)))
    for number in 1...2_500 as ClosedRange<UInt64> {
      #expect(store.began(Samples.record(number)))
      store.ended(Samples.ended(number))
    }
    try store.flush()
    while store.statistics.pruned < 2_400 { try store.flush() }
    let kept = try store.archive().calls(CallQuery { $0.limit = 1000 }).map(\.id.low)
    // The call that is up is the oldest of all, and stays.
    #expect(kept == Array((2_401...2_500).reversed()) + [0])
    let leftovers = try DatabaseQueue(path: directory.path + "/store/calls.sqlite").read {
      try Int.fetchOne($0, sql: "SELECT count(*) FROM attempt WHERE call NOT IN (SELECT id FROM call)")
    }
    #expect(leftovers == 0)
  }

  @Test func recordsGoWhenTheyAreTooOld() throws {
    let clock = TestClock(1_700_000_000_000)
    var configuration = CallRecordStoreConfiguration(directory: directory.path + "/store")
    configuration.maximumAge = .seconds(3600)
    configuration.flushInterval = .milliseconds(1)
    for number in 0..<3 as Range<UInt64> {
      let store = try CallRecordStore(configuration: configuration, logger: Samples.silent, now: clock.now)
      #expect(store.began(Samples.record(number)))
      store.ended(Samples.ended(number, started: 1_700_000_000_000 + Int64(number) * 1_800_000))
      store.close()
    }
    clock.set(1_700_000_000_000 + 3_700_000)
    let store = try CallRecordStore(configuration: configuration, logger: Samples.silent, now: clock.now)
    defer { store.close() }
    #expect(store.began(Samples.record(3)))
    while store.statistics.pruned < 1 { try store.flush() }
    #expect(try store.archive().calls(CallQuery()).map(\.id.low) == [3, 2, 1])
  }

  // MARK: Many at once

  @Test func threadsMayTakeRecordsTogether() async throws {
    let store = try open { $0.journalCapacity = 1 << 20 }
    let refused = await withTaskGroup(of: Int.self) { group in
      for thread in 0..<4 as Range<UInt64> {
        group.addTask {
          var refused = 0
          for number in 0..<2_000 as Range<UInt64> {
            let id = thread << 32 | number
            if store.began(Samples.record(id)) {
              store.changed(Samples.record(id))
              store.ended(Samples.ended(id))
            } else {
              refused += 1
            }
          }
          return refused
        }
      }
      return await group.reduce(0, +)
    }
    store.close()
    let archive = try CallArchive(directory: directory.path + "/store")
    #expect(try archive.numberOfCalls() == 8_000 - refused)
    #expect(try archive.calls(CallQuery { $0.isActive = true }).isEmpty)
  }
}

extension CallQuery {
  init(_ change: (inout CallQuery) -> Void) {
    self.init()
    change(&self)
  }
}

final class TestClock: Sendable {
  private let milliseconds: Atomic<Int64>
  init(_ milliseconds: Int64) { self.milliseconds = Atomic(milliseconds) }
  func set(_ value: Int64) { milliseconds.store(value, ordering: .relaxed) }
  var now: @Sendable () -> WallClock {
    { WallClock(milliseconds: self.milliseconds.load(ordering: .relaxed)) }
  }
}
