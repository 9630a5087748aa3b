import CallModel

/// Digits that are asked for and end with `#`: the number of an invitation, or what a reception wants to know.
struct NumberEntry: Sendable {
  static let maximumLength = 64
  let startedAt: MonotonicInstant
  let timeout: TimeSpan
  private(set) var digits = ""
  /// More came than fits: nothing that is asked for is so long.
  private(set) var isOverlong = false

  init(timeout: TimeSpan, now: MonotonicInstant) {
    startedAt = now
    self.timeout = timeout
  }

  var deadline: MonotonicInstant { startedAt + timeout }

  /// True when the entry is complete.
  mutating func press(_ key: DTMFDigit) -> Bool {
    if key.event == 11 { return true }
    guard key.event <= 10 else { return false }
    if digits.utf8.count < NumberEntry.maximumLength { digits += key.description } else { isOverlong = true }
    return false
  }

  mutating func clear() {
    digits = ""
    isOverlong = false
  }
}
