import CallModel

/// Counts requests in minutes: at most so many, then no more until the next minute begins.
struct RequestRate {
  let limit: Int
  private var count = 0
  private var minuteEnds = MonotonicInstant.zero

  init(limit: Int) { self.limit = limit }

  /// - Returns: nil when there is room for one more, which is counted; else how many seconds to wait.
  mutating func admit(_ now: MonotonicInstant) -> Int? {
    if let wait = wait(now) { return wait }
    count += 1
    return nil
  }

  /// The same without counting.
  mutating func wait(_ now: MonotonicInstant) -> Int? {
    if now >= minuteEnds {
      count = 0
      minuteEnds = now + .seconds(60)
    }
    guard count >= limit else { return nil }
    return max(1, Int((minuteEnds.nanoseconds - now.nanoseconds + 999_999_999) / 1_000_000_000))
  }
}
