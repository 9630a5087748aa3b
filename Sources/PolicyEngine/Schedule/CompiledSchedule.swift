import CallModel
import TimeZones

/// A schedule in the form that decides.
struct CompiledSchedule: Sendable {
  private struct Period {
    /// One bit for each day, Monday first.
    var days: UInt8
    var hours: HourRange?
    var dates: DateRange?

    /// - Parameter day: the day the period began on.
    func holds(on day: CivilDate) -> Bool {
      days >> UInt8(day.weekday) & 1 != 0 && (dates?.contains(day) ?? true)
    }
  }

  private let zone: TimeZoneRules
  private let periods: [Period]

  /// - Parameter path: of the schedule, for what is found wrong with it. Nil when anything is.
  init?(_ schedule: Schedule, _ path: PolicyPath, into findings: inout [PolicyFinding]) {
    var isValid = true
    func complain(_ code: String, _ message: String, _ path: PolicyPath, _ expected: String?, _ hint: String?)
    {
      isValid = false
      findings.append(
        PolicyFinding(code: code, message: message, path: path, expected: expected, suggestion: hint))
    }
    let zone = CompiledSchedule.zones.rules(schedule.timeZone)
    if zone == nil {
      let near = nearest(to: schedule.timeZone, in: CompiledSchedule.zones.names())
      complain(
        "unknown-time-zone", "there is no time zone named “\(schedule.timeZone)”",
        path.appending("time_zone"), "a name of the IANA time zone database, such as Europe/London",
        near.map { "did you mean “\($0)”?" })
    }
    if schedule.periods.isEmpty {
      complain(
        "empty-schedule", "schedule “\(schedule.name)” has no period: it is never in force",
        path.appending("periods"), "at least one period", nil)
    }
    var periods: [Period] = []
    for (i, period) in schedule.periods.enumerated() {
      let place = path.appending("periods").appending(i)
      let hours = period.hours.map(HourRange.init)
      if case .some(nil) = hours {
        complain(
          "invalid-hours", "“\(period.hours ?? "")” is no time of day", place.appending("hours"),
          "from-to, such as 08:00-18:00 or 22:00-06:00", nil)
      }
      let dates = period.dates.map(DateRange.init)
      if case .some(nil) = dates {
        complain(
          "invalid-dates", "“\(period.dates ?? "")” is no date or range of dates", place.appending("dates"),
          "2026-12-24, 2026-12-24..2027-01-02 or 12-24..01-02", nil)
      }
      let days = period.days.compactMap(CompiledSchedule.weekdays.firstIndex(of:))
      periods.append(
        Period(
          days: days.isEmpty ? 0x7f : days.reduce(0) { $0 | 1 << UInt8($1) }, hours: hours ?? nil,
          dates: dates ?? nil))
    }
    guard let zone, isValid else { return nil }
    self.zone = zone
    self.periods = periods
  }

  private static let zones = ZoneDirectory()
  private static let weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

  /// The rules of a time zone; nil: there is none of that name.
  static func rules(_ timeZone: String) -> TimeZoneRules? { zones.rules(timeZone) }

  func isInForce(at now: WallClock) -> Bool {
    let seconds = now.milliseconds >= 0 ? now.milliseconds / 1000 : (now.milliseconds - 999) / 1000
    let shown = seconds + Int64(zone.period(at: seconds).offset)
    let today = CivilDate(seconds: shown)
    let yesterday = CivilDate(seconds: shown - 86_400)
    let minute = today.hour * 60 + today.minute
    return periods.contains { period in
      guard let hours = period.hours else { return period.holds(on: today) }
      return hours.containsSameDay(minute) && period.holds(on: today)
        || hours.containsNextDay(minute) && period.holds(on: yesterday)
    }
  }
}

/// `08:00-18:00` in minutes of the day, the end excluded.
struct HourRange: Hashable, Sendable {
  var start: Int
  var end: Int

  init?(_ text: String) {
    let ends = text.split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2, let start = HourRange.minute(ends[0]), let end = HourRange.minute(ends[1]),
      start < 1440, start != end, end > 0
    else { return nil }
    self.start = start
    self.end = end
  }

  private static func minute(_ text: Substring) -> Int? {
    let parts = text.drop { $0 == " " }.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
      (1...2).contains(parts[0].count), parts[1].prefix(2).count == 2, parts[1].count == 2,
      let hour = Int(parts[0]), let minute = Int(parts[1]), minute < 60, hour * 60 + minute <= 1440
    else { return nil }
    return hour * 60 + minute
  }

  private var crossesMidnight: Bool { start > end }
  /// The part on the day it begins.
  func containsSameDay(_ minute: Int) -> Bool { minute >= start && (crossesMidnight || minute < end) }
  /// The part after midnight.
  func containsNextDay(_ minute: Int) -> Bool { crossesMidnight && minute < end }
}

/// One date or several in a row, of one year or of every year.
struct DateRange: Hashable, Sendable {
  private enum Content: Hashable {
    case once(ClosedRange<Int>)
    /// Month times 100 plus day; the first may come after the last, over the end of the year.
    case everyYear(first: Int, last: Int)
  }

  private let content: Content

  init?(_ text: String) {
    var ends = text.split(separator: ".", omittingEmptySubsequences: false)
    // "a..b" splits into a, "" and b.
    guard ends.count == 1 || ends.count == 3 && ends[1].isEmpty else { return nil }
    if ends.count == 3 { ends.remove(at: 1) }
    let dates = ends.map { $0.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) } }
    guard let first = dates.first, let last = dates.last, first.count == last.count,
      !first.contains(nil), !last.contains(nil)
    else { return nil }
    let from = first.compactMap { $0 }
    let to = last.compactMap { $0 }
    switch from.count {
    case 3:
      guard [from, to].allSatisfy({ (1970...9999).contains($0[0]) && CivilDate.isDay($0[0], $0[1], $0[2]) })
      else { return nil }
      let begin = CivilDate.days(from[0], from[1], from[2])
      let end = CivilDate.days(to[0], to[1], to[2])
      guard begin <= end else { return nil }
      content = .once(begin...end)
    case 2:
      // 2000 was a leap year: the 29th of February is a date, in the years that have it.
      guard CivilDate.isDay(2000, from[0], from[1]), CivilDate.isDay(2000, to[0], to[1]) else { return nil }
      content = .everyYear(first: from[0] * 100 + from[1], last: to[0] * 100 + to[1])
    default: return nil
    }
  }

  func contains(_ day: CivilDate) -> Bool {
    switch content {
    case .once(let range): return range.contains(CivilDate.days(day.year, day.month, day.day))
    case .everyYear(let first, let last):
      let key = day.month * 100 + day.day
      return first <= last ? key >= first && key <= last : key >= first || key <= last
    }
  }
}
