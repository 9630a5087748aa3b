import CallModel

/// Counts events in a window that slides: never fewer than happened within it, and none that is older than the window and a
/// sixteenth. Constant in size, however many are counted.
struct SlidingCount {
  private static let parts = 16

  private var window: TimeSpan
  /// One for each part of the window that is over, and one for the part under way; `slots[number % count]`.
  private var slots = [UInt32](repeating: 0, count: parts + 1)
  /// Number of the part under way.
  private var newest: Int64
  private(set) var total = 0

  init(window: TimeSpan, now: MonotonicInstant) {
    self.window = window
    newest = SlidingCount.number(now, window)
  }

  private static func number(_ now: MonotonicInstant, _ window: TimeSpan) -> Int64 {
    now.nanoseconds / max(1, window.nanoseconds / Int64(parts))
  }

  private static func index(_ number: Int64) -> Int {
    let index = Int(number % Int64(parts + 1))
    return index < 0 ? index + parts + 1 : index
  }

  /// Forgets what is old. A window of another length keeps the count as if all had happened now: a change of the policy lifts
  /// no limit.
  mutating func advance(to now: MonotonicInstant, window: TimeSpan) {
    if window != self.window {
      let kept = total
      self = SlidingCount(window: window, now: now)
      slots[SlidingCount.index(newest)] = UInt32(clamping: kept)
      total = kept
      return
    }
    let current = SlidingCount.number(now, window)
    guard current > newest else { return }
    if current - newest > Int64(SlidingCount.parts) {
      slots = [UInt32](repeating: 0, count: SlidingCount.parts + 1)
      total = 0
    } else {
      for number in (newest + 1)...current {
        let i = SlidingCount.index(number)
        total -= Int(slots[i])
        slots[i] = 0
      }
    }
    newest = current
  }

  /// Counts one event. ``advance(to:window:)`` comes first.
  /// - Returns: where it was counted, to take it back.
  @discardableResult
  mutating func add() -> Int64 {
    let i = SlidingCount.index(newest)
    // At four thousand million in a part the count stands still; no quota is that large.
    if slots[i] < .max {
      slots[i] += 1
      total += 1
    }
    return newest
  }

  /// Takes an event back that has not been forgotten yet.
  mutating func remove(_ number: Int64) {
    let i = SlidingCount.index(number)
    guard number <= newest, newest - number <= Int64(SlidingCount.parts), slots[i] > 0 else { return }
    slots[i] -= 1
    total -= 1
  }
}
