import CallModel
import TimeZones

extension WallClock {
  /// Reads `2026-11-21T09:30:00Z`, also with a fraction, an offset (`+01:00`), or without seconds or time (then UTC).
  public init?(iso8601 text: String) {
    let bytes = Array(text.utf8)
    var i = 0
    func number(_ digits: Int) -> Int64? {
      guard i + digits <= bytes.count else { return nil }
      var value: Int64 = 0
      for byte in bytes[i..<(i + digits)] {
        guard (0x30...0x39).contains(byte) else { return nil }
        value = value * 10 + Int64(byte - 0x30)
      }
      i += digits
      return value
    }
    func skip(_ characters: String) -> Bool {
      guard i < bytes.count, characters.utf8.contains(bytes[i]) else { return false }
      i += 1
      return true
    }
    guard let year = number(4), skip("-"), let month = number(2), skip("-"), let day = number(2),
      (1...12).contains(month), day >= 1
    else { return nil }
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let lengths: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard day <= lengths[Int(month) - 1] else { return nil }
    var (hour, minute, second, milli, offset): (Int64, Int64, Int64, Int64, Int64) = (0, 0, 0, 0, 0)
    if i < bytes.count {
      guard skip("Tt "), let h = number(2), skip(":"), let m = number(2), h < 24, m < 60 else { return nil }
      (hour, minute) = (h, m)
      if skip(":") {
        guard let s = number(2), s < 61 else { return nil }
        second = s
        if skip(".,") {
          var scale: Int64 = 100
          let start = i
          while i < bytes.count, let digit = number(1) {
            milli += digit * scale
            scale /= 10
          }
          guard i > start else { return nil }
        }
      }
      if i < bytes.count, bytes[i] == UInt8(ascii: "+") || bytes[i] == UInt8(ascii: "-") {
        let sign: Int64 = bytes[i] == UInt8(ascii: "-") ? -1 : 1
        i += 1
        guard let h = number(2), skip(":") || i < bytes.count, let m = number(2), h < 24, m < 60 else {
          return nil
        }
        offset = sign * (h * 60 + m)
      } else if i < bytes.count {
        guard skip("Zz") else { return nil }
      }
      guard i == bytes.count else { return nil }
    }
    // Days since 1970 from a proleptic Gregorian date, with years that begin in March.
    let y = month <= 2 ? year - 1 : year
    let shiftedMonth = (month + 9) % 12
    let dayOfYear = (153 * shiftedMonth + 2) / 5 + day - 1
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    self.init(milliseconds: ((days * 1440 + hour * 60 + minute - offset) * 60 + second) * 1000 + milli)
  }

  /// As in `2026-11-21T09:30:00Z`: UTC, whole seconds.
  public var iso8601: String {
    let seconds = milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000
    let date = CivilDate(seconds: seconds)
    func padded(_ number: Int, _ width: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    return "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))T"
      + "\(padded(date.hour, 2)):\(padded(date.minute, 2)):\(padded(date.second, 2))Z"
  }
}
