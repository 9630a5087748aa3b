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
}
