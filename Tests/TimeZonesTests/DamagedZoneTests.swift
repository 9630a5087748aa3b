import Foundation
import TestSupport
import Testing

@testable import TimeZones

/// What the oracle does not reach: files and rules that are none.
@Suite struct DamagedZoneTests {
  private static func file(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(filePath: "/usr/share/zoneinfo/" + name)))
  }

  @Test func cutFiles() throws {
    let whole = try DamagedZoneTests.file("Europe/London")
    #expect(TimeZoneRules(file: whole) != nil)
    for count in 0..<whole.count { _ = TimeZoneRules(file: Array(whole[..<count])) }
    #expect(TimeZoneRules(file: Array(whole[..<(whole.count / 2)])) == nil)
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func damagedFiles(_ seed: UInt64) throws {
    var random = SplitMix(seed: seed)
    let whole = try DamagedZoneTests.file("America/New_York")
    for _ in 0..<2_000 {
      var bytes = whole
      for _ in 0...Int(random.next() % 4) {
        bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
      }
      _ = TimeZoneRules(file: bytes)?.period(at: Int64(random.next() % 8_000_000_000) - 4_000_000_000)
    }
  }

  @Test(arguments: [
    "UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "EST5EDT,J60,300/25:10:05",
    "IST-1GMT0,M10.5.0,M3.5.0/1",
  ])
  func rules(_ text: String) { #expect(PosixTimeZone(text) != nil) }

  @Test(arguments: [
    "", "UTC", "CET-1CEST", "CET-1CEST,M13.1.0,M1.1.0", "CET-1CEST,M3.5.0", "<+1", "CET-999",
    "CET-1CEST,M3.6.0,M10.5.0", "CET-1 ",
  ])
  func noRules(_ text: String) { #expect(PosixTimeZone(text) == nil) }

  @Test(arguments: [
    "", "/etc/passwd", "../zoneinfo/UTC", "Europe/../UTC", "Europe", "Europe/", "europe//London", "zone.tab",
    "Europe/London\u{0}",
  ])
  func noNames(_ name: String) { #expect(ZoneDirectory().rules(name) == nil) }

  @Test func daysAreCounted() {
    for days in stride(from: -800_000, through: 2_000_000, by: 97) {
      let date = CivilDate(seconds: Int64(days) * 86_400)
      #expect(CivilDate.days(date.year, date.month, date.day) == days)
    }
    #expect(CivilDate(seconds: -1) == CivilDate(seconds: -86_400).ending(23, 59, 59))
  }
}

extension CivilDate {
  fileprivate func ending(_ hour: Int, _ minute: Int, _ second: Int) -> CivilDate {
    var copy = self
    (copy.hour, copy.minute, copy.second) = (hour, minute, second)
    return copy
  }
}
