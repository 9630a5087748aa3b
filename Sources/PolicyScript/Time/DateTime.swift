import CallModel
import TimeZones

/// What `pex_now()` gives: the parts of a time in a zone.
final class DateTime: NativeObject {
  private let date: CivilDate
  private let microsecond: Int
  private let period: TimeZoneRules.Period
  private let seconds: Int64

  init(_ clock: WallClock, in zone: TimeZoneRules) {
    var seconds = clock.milliseconds / 1_000
    var rest = clock.milliseconds % 1_000
    if rest < 0 {
      rest += 1_000
      seconds -= 1
    }
    // Years with four digits are enough for a call router, and keep all sums below in range.
    seconds = min(max(seconds, -62_135_500_000), 253_402_200_000)
    self.seconds = seconds
    microsecond = Int(rest) * 1_000
    period = zone.period(at: seconds)
    date = CivilDate(seconds: seconds + Int64(period.offset))
  }

  override var typeName: String { "datetime" }

  /// As Python writes it: `2026-11-21 12:40:00.123000+00:00`.
  override var text: String { isoText(" ") }

  private func isoText(_ separator: String) -> String {
    var text = "\(padded(date.year, 4))-\(padded(date.month))-\(padded(date.day))\(separator)"
    text += "\(padded(date.hour)):\(padded(date.minute)):\(padded(date.second))"
    if microsecond > 0 { text += "." + padded(microsecond, 6) }
    return text + offset(":")
  }

  private func padded(_ n: Int, _ width: Int = 2) -> String {
    let digits = String(n)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  private func offset(_ separator: String) -> String {
    let minutes = abs(period.offset) / 60
    return (period.offset < 0 ? "-" : "+") + padded(minutes / 60) + separator + padded(minutes % 60)
  }

  override func attribute(_ name: String, _ run: Run) throws(Fault) -> Value? {
    switch name {
    case "year": .integer(date.year)
    case "month": .integer(date.month)
    case "day": .integer(date.day)
    case "hour": .integer(date.hour)
    case "minute": .integer(date.minute)
    case "second": .integer(date.second)
    case "microsecond": .integer(microsecond)
    default: nil
    }
  }

  private static let nothing = Signature()
  private static let oneFormat = Signature("format")

  override func call(_ method: String, _ arguments: Arguments, _ run: Run) throws(Fault) -> Value? {
    switch method {
    case "weekday", "isoweekday":
      _ = try DateTime.nothing.bind(arguments, to: method)
      return .integer(date.weekday + (method == "weekday" ? 0 : 1))
    case "isoformat":
      _ = try DateTime.nothing.bind(arguments, to: method)
      return .text(isoText("T"))
    case "strftime":
      let format = try (DateTime.oneFormat.bind(arguments, to: method)[0] ?? .none).requireText("the format")
      return .string(try formatted(format, run))
    default: return nil
    }
  }

  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November",
    "December",
  ]
  private static let weekdays = [
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
  ]

  /// Python's `strftime` in the C locale.
  private func formatted(_ format: Text, _ run: Run) throws(Fault) -> Text {
    var result = ""
    var isDirective = false
    for scalar in format.scalars {
      guard isDirective else {
        if scalar == "%" { isDirective = true } else { result.unicodeScalars.append(scalar) }
        continue
      }
      isDirective = false
      try run.step()
      try run.check(bytes: result.utf8.count)
      let weekday = DateTime.weekdays[date.weekday]
      let month = DateTime.months[date.month - 1]
      let hour12 = date.hour % 12 == 0 ? 12 : date.hour % 12
      let sunday = (date.weekday + 1) % 7
      switch scalar {
      case "a": result += weekday.prefix(3)
      case "A": result += weekday
      case "w": result += String(sunday)
      case "u": result += String(date.weekday + 1)
      case "d": result += padded(date.day)
      case "b", "h": result += month.prefix(3)
      case "B": result += month
      case "m": result += padded(date.month)
      case "y": result += padded(date.year % 100)
      case "Y": result += padded(date.year, 4)
      case "H": result += padded(date.hour)
      case "I": result += padded(hour12)
      case "p": result += date.hour < 12 ? "AM" : "PM"
      case "M": result += padded(date.minute)
      case "S": result += padded(date.second)
      case "f": result += padded(microsecond, 6)
      case "z": result += offset("")
      case "Z": result += period.abbreviation
      case "j": result += padded(date.dayOfYear, 3)
      case "U": result += padded((date.dayOfYear + 6 - sunday) / 7)
      case "W": result += padded((date.dayOfYear + 6 - date.weekday) / 7)
      case "G": result += padded(isoWeek.year, 4)
      case "V": result += padded(isoWeek.week)
      case "F": result += "\(padded(date.year, 4))-\(padded(date.month))-\(padded(date.day))"
      case "T", "X": result += "\(padded(date.hour)):\(padded(date.minute)):\(padded(date.second))"
      case "R": result += "\(padded(date.hour)):\(padded(date.minute))"
      case "D", "x": result += "\(padded(date.month))/\(padded(date.day))/\(padded(date.year % 100))"
      case "c":
        let day = date.day < 10 ? " \(date.day)" : String(date.day)
        result +=
          "\(weekday.prefix(3)) \(month.prefix(3)) \(day) "
          + "\(padded(date.hour)):\(padded(date.minute)):\(padded(date.second)) \(padded(date.year, 4))"
      case "s": result += String(seconds)
      case "n": result += "\n"
      case "t": result += "\t"
      case "%": result += "%"
      default: throw Fault(.value, "“%\(scalar)” is no part of a time")
      }
    }
    if isDirective { result += "%" }
    return Text(result)
  }

  /// Weeks that begin on Monday; the first is the one with January 4 (ISO 8601).
  private var isoWeek: (year: Int, week: Int) {
    let thursday = CivilDate.days(date.year, date.month, date.day) - date.weekday + 3
    let year = CivilDate(seconds: Int64(thursday) * 86_400).year
    return (year, (thursday - CivilDate.days(year, 1, 1)) / 7 + 1)
  }
}
