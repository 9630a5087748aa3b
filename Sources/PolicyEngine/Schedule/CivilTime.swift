/// A day of the proleptic Gregorian calendar, as the number of days since 1970-01-01.
struct CivilDay: Hashable, Comparable, Sendable {
  var number: Int64

  init(number: Int64) { self.number = number }

  /// Nil when there is no such day.
  init?(year: Int64, month: Int64, day: Int64) {
    guard (1...12).contains(month), day >= 1, day <= CivilDay.length(ofMonth: month, year: year) else {
      return nil
    }
    // Years that begin in March put the leap day at their end.
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    number = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  static func < (a: Self, b: Self) -> Bool { a.number < b.number }

  static func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

  static func length(ofMonth month: Int64, year: Int64) -> Int64 {
    month == 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
  }

  /// 0 is Monday.
  var weekday: Int { Int(((number + 3) % 7 + 7) % 7) }

  var components: (year: Int64, month: Int64, day: Int64) {
    let shifted = number + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (
      yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    )
  }
}

/// What a clock on the wall shows.
struct CivilTime: Hashable, Sendable {
  var day: CivilDay
  /// 0-1439.
  var minute: Int

  /// - Parameter seconds: since 1970-01-01 00:00 of the same clock.
  init(seconds: Int64) {
    let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
    day = CivilDay(number: days)
    minute = Int((seconds - days * 86_400) / 60)
  }
}
