import Foundation
import TestSupport
import Testing

@testable import Records

@Suite struct RecordJournalTests {
  let directory = TemporaryDirectory()
  var path: String { directory.path + "/journal" }

  func open(_ capacity: Int = RecordJournal.minimumCapacity) throws -> RecordJournal {
    try RecordJournal(path: path, capacity: capacity, randomNumber: 99)
  }

  func append(_ journal: RecordJournal, _ bytes: [UInt8]) -> Bool {
    journal.append(flags: 0) { sink in bytes.withUnsafeBytes { sink.append($0) } }
  }

  func drain(_ journal: RecordJournal, limit: Int = .max >> 1) -> [[UInt8]] {
    let batch = journal.pendingBatch(limit: limit)
    var entries: [[UInt8]] = []
    guard batch.count > 0 else { return [] }
    journal.release(through: journal.read(batch) { entries.append(Array($1)) })
    return entries
  }

  /// Entries of random size, written and drained in random amounts, many times round the ring.
  @Test(arguments: [1, 2, 3, 4] as [UInt64]) func entriesComeOutInOrderAndWhole(seed: UInt64) throws {
    var random = SplitMix(seed: seed)
    let journal = try open()
    var expected: [[UInt8]] = []
    var refused = 0
    for round in 0..<20_000 {
      if Int.random(in: 0..<10, using: &random) < 6 {
        let size = Int.random(in: 0..<4000, using: &random)
        let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: round), count: size)
        if append(journal, bytes) { expected.append(bytes) } else { refused += 1 }
      } else {
        let entries = drain(journal, limit: Int.random(in: 1..<3, using: &random))
        #expect(entries == Array(expected.prefix(entries.count)))
        expected.removeFirst(entries.count)
      }
      #expect(journal.used <= journal.capacity)
      #expect(journal.pendingEntries == expected.count)
    }
    #expect(drain(journal) == expected)
    #expect(journal.isEmpty)
    // Growing faster than it is drained, it must have been full at times, and used its end and its beginning.
    #expect(refused > 0)
  }

  /// At every point of a random history, a second reader finds what the writer had not noted as applied.
  @Test(arguments: [5, 6, 7] as [UInt64]) func whatWasNotAppliedIsRecovered(seed: UInt64) throws {
    var random = SplitMix(seed: seed)
    var journal: RecordJournal? = try open()
    journal?.start(after: 0, epoch: 7)
    var applied = RecordJournal.Position(offset: 0, sequence: 0)
    var epoch: UInt64 = 7
    var expected: [[UInt8]] = []
    for round in 0..<3000 {
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<70:
        let bytes = [UInt8](
          repeating: UInt8(truncatingIfNeeded: round), count: Int.random(in: 0..<9000, using: &random))
        if append(journal!, bytes) { expected.append(bytes) }
      case 70..<98:
        let batch = journal!.pendingBatch(limit: Int.random(in: 1..<20, using: &random))
        guard batch.count > 0 else { continue }
        applied = journal!.read(batch) { _, _ in }
        journal!.release(through: applied)
        expected.removeFirst(batch.count)
      default:
        // As after kill -9: nothing in memory is left, only the file and what the database had noted.
        journal = nil
        journal = try open()
        var found: [[UInt8]] = []
        let last = journal!.recover(after: applied, epoch: epoch) { found.append(Array($1)) }
        #expect(found == expected)
        epoch &+= 1
        journal!.start(after: last.sequence, epoch: epoch)
        applied = RecordJournal.Position(offset: 0, sequence: last.sequence)
        expected = []
      }
    }
  }

  @Test func aTornEntryEndsTheRecovery() throws {
    var journal: RecordJournal? = try open()
    journal?.start(after: 0, epoch: 1)
    for byte in 0..<4 as Range<UInt8> { #expect(append(journal!, [UInt8](repeating: byte, count: 100))) }
    journal = nil
    let handle = try #require(FileHandle(forUpdatingAtPath: path))
    // A byte in the third of four entries (24 + 104 bytes each).
    try handle.seek(toOffset: UInt64(RecordJournal.headerSize + 2 * 128 + 50))
    try handle.write(contentsOf: Data([0xee]))
    try handle.close()
    journal = try open()
    var found = 0
    let last = journal!.recover(after: .init(offset: 0, sequence: 0), epoch: 1) { _, _ in found += 1 }
    #expect(found == 2)
    #expect(last.sequence == 2)
  }

  @Test func anEntryOfAnEarlierEpochIsNotTakenForANewOne() throws {
    let journal = try open()
    journal.start(after: 0, epoch: 1)
    for _ in 0..<3 { #expect(append(journal, [1, 2, 3])) }
    journal.start(after: 0, epoch: 2)
    #expect(append(journal, [4, 5, 6]))
    var found: [[UInt8]] = []
    _ = journal.recover(after: .init(offset: 0, sequence: 0), epoch: 2) { found.append(Array($1)) }
    #expect(found == [[4, 5, 6]])
  }

  @Test func anEntryAsLargeAsTheRingFitsAndOneByteMoreDoesNot() throws {
    let journal = try open()
    let room = journal.capacity - RecordJournal.EntryHeader.size
    #expect(!append(journal, [UInt8](repeating: 1, count: room + 1)))
    #expect(append(journal, [UInt8](repeating: 1, count: room)))
    #expect(!append(journal, []))
    #expect(drain(journal).map(\.count) == [room])
    #expect(append(journal, []))
  }

  @Test func anotherFileIsNotOverwritten() throws {
    try Data(repeating: 0x41, count: 300_000).write(to: URL(fileURLWithPath: path))
    let error = #expect(throws: CallRecordStoreError.self) { try open() }
    #expect(error?.code == .damaged)
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)).prefix(10) == Data(repeating: 0x41, count: 10))
  }
}
