import CallModel
import Foundation
import Testing

@testable import Records

@Suite struct CallArchiveTests {
  let directory = TemporaryDirectory()

  /// Ten calls a second apart; the even ones to bob by "In-house", the odd ones to the trunk; the last two are up.
  func archive() throws -> CallArchive {
    let store = try CallRecordStore(
      configuration: CallRecordStoreConfiguration(directory: directory.path, maximumAge: nil),
      logger: Samples.silent)
    for number in 0..<10 as Range<UInt64> {
      let isEven = number % 2 == 0
      var record = Samples.record(
        number, started: 1_700_000_000_000 + Int64(number) * 1000,
        from: "sip:ann\(number)@example.org", to: isEven ? "Bob_B@example.org" : "0015551234@example.org",
        service: isEven ? "In-house" : "To the PSTN")
      #expect(store.began(record))
      if number < 8 {
        record.ended = WallClock(milliseconds: record.started.milliseconds + 500)
        record.disconnect = Disconnect(number == 3 ? .busy : .normal, protocolCode: number == 3 ? 486 : nil)
        store.ended(record)
      }
    }
    try store.flush()
    let archive = try store.archive()
    store.close()
    return archive
  }

  func numbers(_ change: (inout CallQuery) -> Void) throws -> [UInt64] {
    try archive().calls(CallQuery(change)).map(\.id.low)
  }

  @Test func theNewestComeFirst() throws { #expect(try numbers { $0.limit = 3 } == [9, 8, 7]) }
  @Test func activeCalls() throws { #expect(try numbers { $0.isActive = true } == [9, 8]) }
  @Test func aSpanOfTime() throws {
    #expect(
      try numbers {
        $0.since = WallClock(milliseconds: 1_700_000_002_000)
        $0.until = WallClock(milliseconds: 1_700_000_005_000)
      } == [4, 3, 2])
  }
  @Test func theCalledAliasWithoutCase() throws {
    #expect(try numbers { $0.alias = "bob_b" } == [8, 6, 4, 2, 0])
  }
  @Test func theCallingAlias() throws { #expect(try numbers { $0.alias = "ANN3@" } == [3]) }
  @Test(arguments: ["%", "bob%b", "'; DROP TABLE call; --", "\\"]) func wildcardsAreText(alias: String) throws
  {
    #expect(try numbers { $0.alias = alias } == [])
  }
  @Test func theServiceThatTookTheCall() throws {
    #expect(try numbers { $0.service = "To the PSTN" } == [9, 7, 5, 3, 1])
  }
  @Test func theCause() throws { #expect(try numbers { $0.cause = .busy } == [3]) }
  @Test func theBeginningOfTheID() throws {
    let archive = try archive()
    let id = CallID(high: 0x1234_5678, low: 5).description
    #expect(try archive.calls(CallQuery { $0.idPrefix = id }).map(\.id.low) == [5])
    #expect(try archive.calls(CallQuery { $0.idPrefix = String(id.prefix(20)) }).count == 10)
    #expect(try archive.calls(CallQuery { $0.idPrefix = "zzz" }).isEmpty)
  }
  @Test func allConditionsMustHold() throws {
    #expect(
      try numbers {
        $0.alias = "bob"
        $0.isActive = true
      } == [8])
  }
  @Test func noneAreAskedFor() throws { #expect(try numbers { $0.limit = 0 } == []) }

  // MARK: Rendering

  @Test func jsonIsReadByAnIndependentReader() throws {
    let record = Samples.ended(7)
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(record.json.utf8)) as? [String: Any])
    #expect(object["id"] as? String == record.id.description)
    #expect(object["called_alias"] as? String == record.calledAlias)
    #expect(
      (object["attempts"] as? [[String: Any]])?.map { $0["via"] as? String } == ["carrier-a", "carrier-b"])
    #expect((object["media"] as? [[String: Any]])?.first?["round_trip_ms"] as? Double == 20.5)
    #expect((object["decision"] as? [String: Any])?["rule"] as? String == "To the PSTN")
    #expect((object["disconnect"] as? [String: Any])?["q850"] as? Int == 16)
    #expect(!record.json.contains("2468"))
    let list = try JSONSerialization.jsonObject(with: Data(CallRecord.json([record, record]).utf8)) as? [Any]
    #expect(list?.count == 2)
    #expect(CallRecord.json([]) == "[]")
  }

  @Test func theTextNamesWhatHappened() {
    let text = Samples.ended(7).text
    for part in [
      "normal (200)", "\"Ann \"A\"\" sip:ann@example.org", "192.0.2.7:5060", "by rule To the PSTN",
      "via carrier-a at [2001:db8::1]:5061", "congestion (503)", "rang after 0.400 s", "round trip 20.5 ms",
      "2023-11-14T22:13:20.000Z", "60.5 s", "+30.000 s transferred to carol",
    ] { #expect(text.contains(part), "\(part) in \(text)") }
    #expect(!text.contains("2468"))
  }

  @Test func whatPeersSendCannotControlTheTerminal() {
    var record = Samples.record(1, from: "sip:\u{1b}[2J@x")
    record.caller.vendor = "evil\u{7}\u{9b}31m"
    let output = record.text + CallRecord.table([record])
    #expect(
      !output.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" || (0x7f...0x9f).contains($0.value) })
  }

  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (951_782_400_123, "2000-02-29T00:00:00.123Z"),
      (1_709_251_199_999, "2024-02-29T23:59:59.999Z"), (-1, "1969-12-31T23:59:59.999Z"),
      (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    ] as [(Int64, String)])
  func timesAreWrittenInUTC(milliseconds: Int64, text: String) {
    #expect(WallClock(milliseconds: milliseconds).text == text)
  }
}
