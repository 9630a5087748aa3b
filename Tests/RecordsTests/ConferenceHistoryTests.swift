import CallModel
import Foundation
import GRDB
import Testing

@testable import Records

/// What the records tell of conferences that are over.
@Suite struct ConferenceHistoryTests {
  let directory = TemporaryDirectory()
  static let start: Int64 = 1_700_000_000_000

  private func open(
    _ change: (inout CallRecordStoreConfiguration) -> Void = { _ in }
  ) throws -> CallRecordStore {
    var configuration = CallRecordStoreConfiguration(directory: directory.path, maximumAge: nil)
    change(&configuration)
    return try CallRecordStore(configuration: configuration, logger: Samples.silent)
  }

  private static func time(_ seconds: Int64) -> WallClock {
    WallClock(milliseconds: start + seconds * 1_000)
  }

  private static func room(_ number: UInt64, _ name: String = "Weekly", from seconds: Int64)
    -> ConferenceIdentity
  {
    ConferenceIdentity(
      id: CallID(high: 77, low: number).uuid(), name: name, serviceType: "conference", tag: "t",
      started: time(seconds))
  }

  private static func stay(
    _ id: UInt64, in room: ConferenceIdentity, from: Int64, until: Int64?
  ) -> ParticipantRecord {
    var stay = ParticipantRecord(
      id: CallID(high: 99, low: id).uuid(), conference: room, isIncoming: true, role: "chair",
      displayName: "Åse \(id)", remoteAlias: "sip:p\(id)@example.org", localAlias: "weekly@example.org",
      callProtocol: .sip, address: TransportAddress("192.0.2.\(id):5060"), vendor: "v", callTag: "c",
      started: time(from))
    stay.connected = time(from + 1)
    stay.isEncrypted = true
    stay.hasMedia = true
    if let until {
      stay.ended = time(until)
      stay.disconnect = Disconnect(.normal, text: "Conference terminated")
    }
    return stay
  }

  /// A call in these rooms, up or over.
  private static func call(_ number: UInt64, _ stays: [ParticipantRecord], ended: Bool = true) -> CallRecord {
    var record = Samples.record(number, started: stays[0].started.milliseconds, service: "Weekly")
    record.serviceType = "conference"
    record.participants = stays
    if ended {
      record.ended = stays.compactMap(\.ended).max()
      record.disconnect = Disconnect(.normal)
    }
    return record
  }

  private func keep(_ store: CallRecordStore, _ record: CallRecord) throws {
    var first = record
    first.ended = nil
    first.participants = []
    #expect(store.began(first))
    record.ended == nil ? store.changed(record) : store.ended(record)
    try store.flush()
  }

  @Test func aCallGivesItsStaysBack() throws {
    let store = try open()
    defer { store.close() }
    let record = Self.call(
      1,
      [
        Self.stay(1, in: Self.room(1, from: 0), from: 5, until: 10),
        Self.stay(2, in: Self.room(2, "Other", from: 9), from: 10, until: 20),
      ])
    try keep(store, record)
    #expect(try store.archive().call(record.id) == Samples.asKept(record))
    #expect(record.json.contains(#""conferences":[{"id":"\#(Self.room(1, from: 0).id)""#), "\(record.json)")
  }

  @Test func aConferenceIsOverWhenTheLastHasLeft() throws {
    let store = try open()
    defer { store.close() }
    let room = Self.room(1, from: 0)
    try keep(store, Self.call(1, [Self.stay(1, in: room, from: 0, until: 30)]))
    var second = Self.call(2, [Self.stay(2, in: room, from: 10, until: nil)], ended: false)
    try keep(store, second)
    let archive = try store.archive()
    #expect(try archive.conferences(HistoryQuery()).isEmpty)
    // Who has left is told of all the same.
    #expect(try archive.participants(HistoryQuery()).map(\.record.id) == [CallID(high: 99, low: 1).uuid()])
    second.participants = [Self.stay(2, in: room, from: 10, until: 40)]
    second.ended = Self.time(40)
    store.ended(second)
    try store.flush()
    let past = try #require(try archive.conferences(HistoryQuery()).first)
    #expect(past.identity == room && past.ended == Self.time(40))
    #expect(past.participants == [1, 2].map { CallID(high: 99, low: $0).uuid() })
    let people = try archive.participants(HistoryQuery())
    #expect(people.map(\.record) == [second.participants[0], Self.stay(1, in: room, from: 0, until: 30)])
    #expect(people.map(\.call) == [second.id, CallID(high: 0x1234_5678, low: 1)])
  }

  @Test func oneOfManyIsFound() throws {
    let store = try open()
    defer { store.close() }
    for number in 1...9 as ClosedRange<UInt64> {
      let from = Int64(number) * 100
      try keep(
        store,
        Self.call(
          number, [Self.stay(number, in: Self.room(number, from: from), from: from + 1, until: from + 60)]))
    }
    let archive = try store.archive()
    func names(_ query: HistoryQuery) throws -> [String] { try archive.conferences(query).map(\.identity.id) }
    #expect(
      try names(HistoryQuery(since: Self.time(700)))
        == [9, 8, 7].map { Self.room($0, from: 0).id })
    #expect(
      try names(HistoryQuery(since: Self.time(201), until: Self.time(400)))
        == [4, 3].map { Self.room($0, from: 0).id })
    #expect(try names(HistoryQuery(id: Self.room(5, from: 0).id)) == [Self.room(5, from: 0).id])
    #expect(try names(HistoryQuery(id: "'; DROP TABLE conference; --")) == [])
    let person = try archive.participants(HistoryQuery(id: CallID(high: 99, low: 5).uuid()))
    #expect(person.map(\.record.conference.id) == [Self.room(5, from: 0).id])
    #expect(try archive.participants(HistoryQuery(since: Self.time(850))).count == 2)
  }

  /// Nothing is written for it beside its record.
  @Test func aCallBetweenTwoPartiesIsAConference() throws {
    let store = try open()
    defer { store.close() }
    let call = Samples.ended(7)
    try keep(store, call)
    var dialled = Samples.ended(8)
    dialled.caller.isIncoming = false
    try keep(store, dialled)
    let archive = try store.archive()
    let all = try archive.conferences(HistoryQuery())
    let past = try #require(all.first)
    #expect(all.count == 1 && past.identity.serviceType == "gateway" && past.identity.tag == "pstn")
    #expect(past.identity.id == call.id.uuid() && past.identity.name.hasPrefix("To the PSTN_"))
    #expect(past.identity.started == call.started && past.ended == call.ended)
    let people = try archive.participants(HistoryQuery())
    #expect(Set(people.map(\.record.id)) == [call.id.uuid(1), call.id.uuid(2)])
    let caller = try #require(people.first { $0.record.isIncoming }).record
    let called = try #require(people.first { !$0.record.isIncoming }).record
    #expect(caller.remoteAlias == "sip:ann@example.org" && caller.isEncrypted)
    #expect(called.remoteAlias == "0015551234" && !called.isEncrypted && called.connected == call.connected)
    for id in [call.id.uuid(), call.id.uuid(1)] {
      #expect(try archive.conferences(HistoryQuery(id: id)).count == (id == call.id.uuid() ? 1 : 0))
    }
    #expect(try archive.participants(HistoryQuery(id: call.id.uuid(2))).map(\.call) == [call.id])
    #expect(try archive.participants(HistoryQuery(id: dialled.id.uuid(1))).isEmpty)
  }

  /// One of them was moved: what the record says of its participants holds.
  @Test func aCallThatLeftSomebodyInARoomIsToldAsItWas() throws {
    let store = try open()
    defer { store.close() }
    var call = Samples.ended(7)
    let gateway = ConferenceIdentity(gateway: call.id, service: "People", tag: "", started: call.started)
    let room = Self.room(3, from: 40)
    call.participants = [
      Self.stay(1, in: gateway, from: 0, until: 40), Self.stay(2, in: room, from: 40, until: 60),
    ]
    try keep(store, call)
    let past = try store.archive().conferences(HistoryQuery())
    #expect(past.map(\.identity.id) == [room.id, gateway.id])
    #expect(past.last?.ended == Self.time(40))
  }

  /// As after a kill: what the journal has is brought in, and who was there is no more.
  @Test func aKilledProcessLeavesNobodyThere() throws {
    let store = try open { $0.flushInterval = .seconds(3600) }
    var record = Self.call(
      1, [Self.stay(1, in: Self.room(1, from: 0), from: 0, until: nil)], ended: false)
    record.ended = nil
    #expect(store.began(record))
    let copy = directory.path + "/copy"
    try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
    for file in try FileManager.default.contentsOfDirectory(atPath: directory.path)
    where file.hasPrefix("calls.") {
      try FileManager.default.copyItem(atPath: "\(directory.path)/\(file)", toPath: "\(copy)/\(file)")
    }
    store.close()
    let reborn = try open { $0.directory = copy }
    defer { reborn.close() }
    let archive = try reborn.archive()
    let person = try #require(try archive.participants(HistoryQuery()).first)
    #expect(person.record.disconnect?.cause == .interrupted && person.record.ended != nil)
    #expect(try archive.conferences(HistoryQuery()).count == 1)
  }

  @Test func aStoreOfBeforeIsReadAndBroughtUpToDate() throws {
    let store = try open()
    try keep(store, Samples.ended(1))
    store.close()
    // As the version before left it.
    try DatabaseQueue(path: directory.path + "/calls.sqlite").write {
      try $0.execute(sql: "DROP TABLE participant; DROP TABLE conference; PRAGMA user_version = 1")
    }
    let before = try CallArchive(directory: directory.path)
    #expect(try before.conferences(HistoryQuery()).count == 1)
    #expect(try before.call(Samples.ended(1).id) == Samples.asKept(Samples.ended(1)))
    let reopened = try open()
    defer { reopened.close() }
    try keep(reopened, Self.call(2, [Self.stay(1, in: Self.room(1, from: 0), from: 0, until: 9)]))
    #expect(try reopened.archive().conferences(HistoryQuery()).count == 2)
  }

  @Test func aConferenceGoesWithItsLastCall() throws {
    let store = try open {
      $0.maximumCalls = 10
      $0.flushInterval = .milliseconds(1)
    }
    defer { store.close() }
    let long = Self.room(100, from: 0)
    for number in 1...30 as ClosedRange<UInt64> {
      let from = Int64(number)
      var stays = [Self.stay(number, in: Self.room(number, from: from), from: from, until: from + 1)]
      if number == 1 || number == 25 { stays.append(Self.stay(200 + number, in: long, from: 2, until: 30)) }
      try keep(store, Self.call(number, stays))
    }
    while store.statistics.pruned < 20 { try store.flush() }
    let kept = try store.archive().conferences(HistoryQuery()).map(\.identity.id)
    #expect(Set(kept) == Set((21...30).map { Self.room($0, from: 0).id } + [long.id]))
    let left = try DatabaseQueue(path: directory.path + "/calls.sqlite").read {
      try Int.fetchOne($0, sql: "SELECT count(*) FROM conference")
    }
    #expect(left == 11)
  }

  @Test func idsOfACallAreUUIDsOfItsOwn() {
    let id = CallID(high: .max, low: .max)
    #expect(id.uuid() == "ffffffff-ffff-4fff-bfff-ffffffffffff")
    #expect(id.uuid(2) == "ffffffff-ffff-4fff-bfff-fffffffffffd")
    #expect(CallID.candidates(forUUID: id.uuid(2))?.contains(id.description) == true)
    #expect(
      CallID.candidates(forUUID: CallID(high: 1 << 16, low: 0).uuid())?.contains(id.description) == false)
    #expect(CallID.candidates(forUUID: "zfffffff-ffff-4fff-bfff-ffffffffffff") == nil)
    #expect(CallID.candidates(forUUID: "") == nil)
  }
}
