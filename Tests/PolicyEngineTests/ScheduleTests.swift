import CallModel
import Foundation
import Testing

@testable import PolicyEngine

@Suite struct ScheduleTests {
  /// Each row: time zone, period, instant (UTC), whether it is in force.
  struct Row: Sendable, CustomTestStringConvertible {
    var zone: String
    var period: Schedule.Period
    var instant: String
    var isInForce: Bool
    var testDescription: String { "\(zone) \(period) \(instant)" }

    init(_ zone: String, _ period: Schedule.Period, _ instant: String, _ isInForce: Bool) {
      self.zone = zone
      self.period = period
      self.instant = instant
      self.isInForce = isInForce
    }
  }

  static let office = Schedule.Period(days: ["mon", "tue", "wed", "thu", "fri"], hours: "08:00-18:00")
  static let night = Schedule.Period(days: ["fri"], hours: "22:00-06:00")
  static let holidays = Schedule.Period(dates: "12-24..01-02")

  static func wallClock(_ text: String) throws -> WallClock {
    let date = try Date(text, strategy: .iso8601)
    return WallClock(milliseconds: Int64(date.timeIntervalSince1970 * 1000))
  }

  @Test(arguments: [
    // 2026-11-23 is a Monday. London is UTC in winter, an hour ahead in summer.
    Row("Europe/London", office, "2026-11-23T08:00:00Z", true),
    Row("Europe/London", office, "2026-11-23T07:59:59Z", false),
    Row("Europe/London", office, "2026-11-23T17:59:59Z", true),
    Row("Europe/London", office, "2026-11-23T18:00:00Z", false),
    Row("Europe/London", office, "2026-11-22T12:00:00Z", false),
    Row("Europe/London", office, "2026-07-06T07:00:00Z", true),
    Row("Europe/London", office, "2026-07-06T17:00:00Z", false),
    // The day before and after the clocks change in New York (2026-03-08).
    Row("America/New_York", office, "2026-03-06T12:59:59Z", false),
    Row("America/New_York", office, "2026-03-06T13:00:00Z", true),
    Row("America/New_York", office, "2026-03-09T12:00:00Z", true),
    Row("America/New_York", office, "2026-03-09T11:59:59Z", false),
    // Far beyond the transitions in the file.
    Row("America/New_York", office, "2099-07-01T12:00:00Z", true),
    Row("America/New_York", office, "2099-01-01T12:30:00Z", false),
    // South: summer at the turn of the year; half an hour of daylight saving on Lord Howe.
    Row("Australia/Sydney", Schedule.Period(hours: "09:00-10:00"), "2026-01-10T22:30:00Z", true),
    Row("Australia/Sydney", Schedule.Period(hours: "09:00-10:00"), "2026-06-10T22:30:00Z", false),
    Row("Australia/Lord_Howe", Schedule.Period(hours: "09:00-09:30"), "2026-01-10T22:00:00Z", true),
    Row("Australia/Lord_Howe", Schedule.Period(hours: "09:00-09:30"), "2026-06-10T22:30:00Z", true),
    // Over midnight, on the day it begins: Friday 2026-11-27.
    Row("UTC", night, "2026-11-27T22:00:00Z", true),
    Row("UTC", night, "2026-11-28T05:59:00Z", true),
    Row("UTC", night, "2026-11-28T06:00:00Z", false),
    Row("UTC", night, "2026-11-27T05:00:00Z", false),
    Row("UTC", night, "2026-11-28T22:30:00Z", false),
    // Dates, over the end of the year, and a day that not every year has.
    Row("UTC", holidays, "2026-12-23T23:59:59Z", false),
    Row("UTC", holidays, "2026-12-24T00:00:00Z", true),
    Row("UTC", holidays, "2027-01-02T23:59:59Z", true),
    Row("UTC", holidays, "2027-01-03T00:00:00Z", false),
    Row("UTC", Schedule.Period(dates: "02-29"), "2028-02-29T12:00:00Z", true),
    Row("UTC", Schedule.Period(dates: "02-29"), "2027-03-01T12:00:00Z", false),
    Row("UTC", Schedule.Period(dates: "2026-12-24..2027-01-02"), "2027-12-25T12:00:00Z", false),
    Row("UTC", Schedule.Period(dates: "2026-12-24"), "2026-12-24T23:00:00Z", true),
    Row("Pacific/Auckland", Schedule.Period(dates: "2026-12-25"), "2026-12-24T12:00:00Z", true),
    Row("UTC", Schedule.Period(hours: "00:00-24:00"), "2026-12-24T23:59:59Z", true),
    // Before 1970.
    Row("UTC", Schedule.Period(days: ["wed"]), "1969-12-31T23:59:59Z", true),
  ])
  func isInForceInLocalTime(_ row: Row) throws {
    var findings: [PolicyFinding] = []
    let schedule = Schedule(name: "s", timeZone: row.zone, periods: [row.period])
    let compiled = try #require(CompiledSchedule(schedule, PolicyPath("schedules", 0), into: &findings))
    #expect(compiled.isInForce(at: try Self.wallClock(row.instant)) == row.isInForce)
  }

  /// The same offsets as an implementation that shares no code with ours.
  @Test(arguments: [
    "Europe/London", "Europe/Dublin", "Europe/Berlin", "America/New_York", "America/Sao_Paulo",
    "America/St_Johns",
    "Australia/Lord_Howe", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Tehran", "Africa/Casablanca",
    "Pacific/Apia",
    "Pacific/Auckland", "Pacific/Chatham", "America/Nuuk", "Antarctica/Troll", "UTC", "Asia/Tokyo",
    "Etc/GMT+5",
  ])
  func offsetsAgreeWithFoundation(_ name: String) throws {
    let ours = try #require(TimeZoneRules(named: name))
    let theirs = try #require(TimeZone(identifier: name))
    var g = SplitMix(seed: 7)
    for _ in 0..<4_000 {
      // 1975 to 2037.
      let instant = Int64.random(in: 157_766_400..<2_114_380_800, using: &g)
      let expected = theirs.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval(instant)))
      #expect(ours.offset(at: instant) == Int64(expected), "\(name) at \(instant)")
    }
  }

  @Test func civilDaysAndBack() {
    for number in stride(from: Int64(-200_000), through: 200_000, by: 37) {
      let day = CivilDay(number: number)
      let (year, month, date) = day.components
      #expect(CivilDay(year: year, month: month, day: date) == day)
    }
    #expect(CivilDay(year: 1970, month: 1, day: 1)?.number == 0)
    #expect(CivilDay(year: 1970, month: 1, day: 1)?.weekday == 3)
    #expect(CivilDay(year: 2027, month: 2, day: 29) == nil)
  }

  @Test(arguments: [
    "8-18", "08:00", "08:00-08:00", "24:00-08:00", "08:60-09:00", "08:00-25:00", "08:00-", "a-b", "", "-",
    "08:0-09:00",
    "08:00-09:00-10:00", "+8:00-09:00", "00:00-00:00", "99999999999999999999:00-09:00",
  ])
  func noHours(_ text: String) { #expect(HourRange(text) == nil) }

  @Test(arguments: [
    "2026-13-01", "2026-02-30", "2026-12-24...2026-12-25", "2026-12-25..2026-12-24", "12-24..2027-01-02",
    "12", "",
    "..", "02-30", "2026-12-24..", "x-y", "99999999999999999999-01-01", "2026--1-01",
  ])
  func noDates(_ text: String) { #expect(DateRange(text) == nil) }

  @Test(arguments: [
    "../../etc/passwd", "/etc/localtime", "Europe/", "", "Europe/Lond", "zone1970.tab", "a b",
  ])
  func noZone(_ name: String) { #expect(TimeZoneRules(named: name) == nil) }

  @Test(arguments: [
    "GMT0BST,M3.5.0/1,M10.5.0", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "EST5EDT,J60/2,J300/2",
    "AAA3BBB,0/0,365/24", "UTC0",
  ])
  func rulesAreRead(_ text: String) { #expect(POSIXTimeZone(Array(text.utf8)[...]) != nil) }

  @Test(arguments: [
    "", "GM0", "GMT", "GMT0BST", "GMT0BST,M3.5.0", "GMT0BST,M13.5.0,M1.1.1", "GMT0BST,M3.6.0,M1.1.1", "<GMT0",
    "GMT0BST,J366,J1", "GMT0BST,366,1", "GMT168", "GMT0BST,M3.5.0/1,M10.5.0x", "GMT0:60",
  ])
  func notRules(_ text: String) { #expect(POSIXTimeZone(Array(text.utf8)[...]) == nil) }

  /// A damaged database is a missing zone, never a crash.
  @Test func damagedFilesAreRefusedOrRead() throws {
    let whole = Array(try Data(contentsOf: URL(filePath: TimeZoneRules.directory + "Europe/London")))
    #expect(TimeZoneRules(tzif: whole) != nil)
    for count in stride(from: 0, to: whole.count, by: 7) { _ = TimeZoneRules(tzif: Array(whole[..<count])) }
    var g = SplitMix(seed: 3)
    for _ in 0..<3_000 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...6, using: &g) {
        bytes[Int.random(in: bytes.indices, using: &g)] = UInt8.random(in: 0...255, using: &g)
      }
      _ = TimeZoneRules(tzif: bytes)?.offset(at: Int64.random(in: -4_000_000_000...8_000_000_000, using: &g))
    }
  }
}
