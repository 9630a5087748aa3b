/// The rule that a zone follows after the last change its file lists: a `TZ` string (POSIX.1-2017 §8.3, RFC 9636 §3.3.1), for
/// example `GMT0BST,M3.5.0/1,M10.5.0`.
struct POSIXTimeZone: Sendable {
  /// When a change falls within a year.
  private enum Day {
    /// The `week`th (5: the last) `weekday` (0: Sunday) of a month.
    case ofMonth(month: Int64, week: Int64, weekday: Int64)
    /// 1-365, the leap day not counted.
    case julian(Int64)
    /// 0-365, the leap day counted.
    case ordinal(Int64)

    /// The day number of the change in a year.
    func day(in year: Int64) -> Int64 {
      switch self {
      case .ofMonth(let month, let week, let weekday):
        let first = CivilDay(year: year, month: month, day: 1) ?? CivilDay(number: 0)
        let firstWeekday = Int64(first.weekday + 1) % 7
        let day = (weekday - firstWeekday + 7) % 7 + (week - 1) * 7
        let length = CivilDay.length(ofMonth: month, year: year)
        return first.number + (day >= length ? day - 7 : day)
      case .julian(let day):
        let first = CivilDay(year: year, month: 1, day: 1) ?? CivilDay(number: 0)
        return first.number + day - 1 + (CivilDay.isLeap(year) && day >= 60 ? 1 : 0)
      case .ordinal(let day):
        let first = CivilDay(year: year, month: 1, day: 1) ?? CivilDay(number: 0)
        return first.number + day
      }
    }
  }

  /// One change of the clocks: a day, and seconds of local time from its midnight; may be negative or beyond 24 h.
  private struct Change {
    var day: Day
    var time: Int64
  }

  /// Seconds to add to UTC.
  private let standard: Int64
  private let daylight: (offset: Int64, begins: Change, ends: Change)?

  /// Nil when the text is empty or no such rule.
  init?(_ text: ArraySlice<UInt8>) {
    var text = text
    guard Self.skipName(&text), let standard = Self.time(&text) else { return nil }
    self.standard = -standard
    guard !text.isEmpty else {
      daylight = nil
      return
    }
    guard Self.skipName(&text) else { return nil }
    var offset = self.standard + 3600
    if text.first != UInt8(ascii: ",") {
      guard let given = Self.time(&text) else { return nil }
      offset = -given
    }
    guard let begins = Self.change(&text), let ends = Self.change(&text), text.isEmpty else { return nil }
    daylight = (offset, begins, ends)
  }

  func offset(at instant: Int64) -> Int64 {
    guard let daylight else { return standard }
    let year = CivilTime(seconds: instant + standard).day.components.year
    let begin = daylight.begins.day.day(in: year) * 86_400 + daylight.begins.time - standard
    let end = daylight.ends.day.day(in: year) * 86_400 + daylight.ends.time - daylight.offset
    // In the south it is summer when the year begins.
    let isDaylight =
      begin < end ? (begin..<end).contains(instant) : !(end..<begin).contains(instant)
    return isDaylight ? daylight.offset : standard
  }

  // MARK: Reading

  /// Letters, or anything between angle brackets.
  private static func skipName(_ text: inout ArraySlice<UInt8>) -> Bool {
    if text.first == UInt8(ascii: "<") {
      guard let close = text.firstIndex(of: UInt8(ascii: ">")) else { return false }
      text = text[(close + 1)...]
      return true
    }
    let name = text.prefix { (0x61...0x7a).contains($0 | 0x20) }
    text = text.dropFirst(name.count)
    return name.count >= 3
  }

  private static func digits(_ text: inout ArraySlice<UInt8>) -> Int64? {
    let digits = text.prefix { (0x30...0x39).contains($0) }
    guard (1...4).contains(digits.count) else { return nil }
    text = text.dropFirst(digits.count)
    return digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
  }

  private static func skip(_ byte: Unicode.Scalar, _ text: inout ArraySlice<UInt8>) -> Bool {
    guard text.first == UInt8(ascii: byte) else { return false }
    text = text.dropFirst()
    return true
  }

  /// `[+-]hh[:mm[:ss]]` as seconds; RFC 9636 allows -167 to 167 hours.
  private static func time(_ text: inout ArraySlice<UInt8>) -> Int64? {
    let isNegative = skip("-", &text)
    if !isNegative { _ = skip("+", &text) }
    guard let hours = digits(&text), hours <= 167 else { return nil }
    var seconds = hours * 3600
    if skip(":", &text) {
      guard let minutes = digits(&text), minutes < 60 else { return nil }
      seconds += minutes * 60
      if skip(":", &text) {
        guard let rest = digits(&text), rest < 60 else { return nil }
        seconds += rest
      }
    }
    return isNegative ? -seconds : seconds
  }

  private static func change(_ text: inout ArraySlice<UInt8>) -> Change? {
    guard skip(",", &text) else { return nil }
    let day: Day
    if skip("M", &text) {
      guard let month = digits(&text), (1...12).contains(month), skip(".", &text),
        let week = digits(&text), (1...5).contains(week), skip(".", &text),
        let weekday = digits(&text), weekday <= 6
      else { return nil }
      day = .ofMonth(month: month, week: week, weekday: weekday)
    } else if skip("J", &text) {
      guard let number = digits(&text), (1...365).contains(number) else { return nil }
      day = .julian(number)
    } else {
      guard let number = digits(&text), number <= 365 else { return nil }
      day = .ordinal(number)
    }
    guard skip("/", &text) else { return Change(day: day, time: 7200) }
    guard let time = time(&text) else { return nil }
    return Change(day: day, time: time)
  }
}
