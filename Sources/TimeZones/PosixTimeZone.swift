/// The rule for all years to come, as `TZ` writes it: `CET-1CEST,M3.5.0,M10.5.0/3` (POSIX, “Environment Variables”; RFC 9636 §3.3).
struct PosixTimeZone: Hashable, Sendable {
  private var standard: TimeZoneRules.Period
  private var daylight: (period: TimeZoneRules.Period, begins: Day, ends: Day)? {
    guard let daylightPeriod, let begins, let ends else { return nil }
    return (daylightPeriod, begins, ends)
  }
  private var daylightPeriod: TimeZoneRules.Period?
  private var begins: Day?
  private var ends: Day?

  private struct Day: Hashable, Sendable {
    enum Rule: Hashable, Sendable {
      /// The nth (5: last) weekday of a month.
      case month(Int, week: Int, weekday: Int)
      /// From 1, without February 29.
      case julian(Int)
      /// From 0, with it.
      case ordinal(Int)
    }

    var rule: Rule
    /// Seconds after local midnight.
    var time: Int

    /// Seconds since 1970, as if local time were UTC.
    func seconds(in year: Int) -> Int64 {
      let days: Int
      switch rule {
      case .month(let month, let week, let weekday):
        let first = CivilDate.days(year, month, 1)
        let firstWeekday = (first + 4) % 7  // 1970-01-01 was a Thursday
        var day = (weekday - (firstWeekday + 7) % 7 + 7) % 7 + (week - 1) * 7
        if day >= CivilDate.length(ofMonth: month, in: year) { day -= 7 }
        days = first + day
      case .julian(let n):
        days = CivilDate.days(year, 1, 1) + n - 1 + (n > 59 && CivilDate.isLeap(year) ? 1 : 0)
      case .ordinal(let n): days = CivilDate.days(year, 1, 1) + n
      }
      return Int64(days) * 86_400 + Int64(time)
    }
  }

  init?(_ text: String) {
    var parser = Parser(bytes: Array(text.utf8))
    guard let name = parser.name(), let offset = parser.time() else { return nil }
    standard = .init(offset: -offset, isDaylightSaving: false, abbreviation: name)
    if parser.isAtEnd { return }
    guard let other = parser.name() else { return nil }
    var ahead = -offset + 3_600
    if !parser.isNext(",") {
      guard let written = parser.time() else { return nil }
      ahead = -written
    }
    guard parser.skip(","), let first = parser.day(), parser.skip(","), let last = parser.day(),
      parser.isAtEnd
    else { return nil }
    daylightPeriod = .init(offset: ahead, isDaylightSaving: true, abbreviation: other)
    begins = first
    ends = last
  }

  func period(at time: Int64) -> TimeZoneRules.Period {
    guard let daylight else { return standard }
    let year = CivilDate(seconds: time + Int64(standard.offset)).year
    let start = daylight.begins.seconds(in: year) - Int64(standard.offset)
    let end = daylight.ends.seconds(in: year) - Int64(daylight.period.offset)
    let isDaylight = start < end ? time >= start && time < end : time >= start || time < end
    return isDaylight ? daylight.period : standard
  }

  private struct Parser {
    let bytes: [UInt8]
    var i = 0

    var isAtEnd: Bool { i == bytes.count }
    func isNext(_ character: Unicode.Scalar) -> Bool { i < bytes.count && bytes[i] == UInt8(character.value) }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
      guard isNext(character) else { return false }
      i += 1
      return true
    }

    mutating func name() -> String? {
      let isQuoted = skip("<")
      let start = i
      while i < bytes.count {
        let byte = bytes[i]
        let isLetter = (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
        let isOther = (0x30...0x39).contains(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
        guard isLetter || isQuoted && isOther else { break }
        i += 1
      }
      let name = String(decoding: bytes[start..<i], as: UTF8.self)
      if isQuoted, !skip(">") { return nil }
      return name.isEmpty ? nil : name
    }

    mutating func number(_ maximum: Int) -> Int? {
      var value: Int?
      while i < bytes.count, (0x30...0x39).contains(bytes[i]) {
        value = (value ?? 0) * 10 + Int(bytes[i] - 0x30)
        i += 1
        if value ?? 0 > maximum { return nil }
      }
      return value
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    mutating func time() -> Int? {
      let isNegative = isNext("-")
      if isNegative || isNext("+") { i += 1 }
      guard let hours = number(167) else { return nil }
      var seconds = hours * 3_600
      if skip(":") {
        guard let minutes = number(59) else { return nil }
        seconds += minutes * 60
        if skip(":") {
          guard let rest = number(59) else { return nil }
          seconds += rest
        }
      }
      return isNegative ? -seconds : seconds
    }

    mutating func day() -> Day? {
      let rule: Day.Rule
      if skip("M") {
        guard let month = number(12), month > 0, skip("."), let week = number(5), week > 0, skip("."),
          let weekday = number(6)
        else { return nil }
        rule = .month(month, week: week, weekday: weekday)
      } else if skip("J") {
        guard let n = number(365), n > 0 else { return nil }
        rule = .julian(n)
      } else {
        guard let n = number(365) else { return nil }
        rule = .ordinal(n)
      }
      guard skip("/") else { return Day(rule: rule, time: 7_200) }
      guard let time = time() else { return nil }
      return Day(rule: rule, time: time)
    }
  }
}
