/// A point on the monotonic clock, in nanoseconds since an arbitrary start.
///
/// Every protocol core takes `now` as a value of this type: none reads a clock.
public struct MonotonicInstant: Comparable, Hashable, Sendable {
  public var nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  public static let zero = MonotonicInstant(nanoseconds: 0)
  public static let distantFuture = MonotonicInstant(nanoseconds: .max)

  public static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }

  /// Saturating, so that a deadline far away never wraps into the past.
  public static func + (instant: Self, duration: TimeSpan) -> Self {
    let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(duration.nanoseconds)
    return MonotonicInstant(nanoseconds: overflow ? (duration.nanoseconds < 0 ? .min : .max) : sum)
  }

  public static func - (a: Self, b: Self) -> TimeSpan {
    TimeSpan(nanoseconds: a.nanoseconds) - TimeSpan(nanoseconds: b.nanoseconds)
  }

  public static func - (instant: Self, duration: TimeSpan) -> Self {
    MonotonicInstant(nanoseconds: (TimeSpan(nanoseconds: instant.nanoseconds) - duration).nanoseconds)
  }
}

/// A length of time in nanoseconds. Sixty-four bits: `Swift.Duration` is twice as wide and shows on the message path.
///
/// Arithmetic saturates: a number from a peer or from configuration (`Expires: 4294967295`) never wraps and never traps.
public struct TimeSpan: Comparable, Hashable, Sendable {
  public var nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  public static let zero = TimeSpan(nanoseconds: 0)
  public static func nanoseconds(_ n: Int64) -> Self { TimeSpan(nanoseconds: n) }
  public static func microseconds(_ n: Int64) -> Self { TimeSpan(nanoseconds: n) * 1_000 }
  public static func milliseconds(_ n: Int64) -> Self { TimeSpan(nanoseconds: n) * 1_000_000 }
  public static func seconds(_ n: Int64) -> Self { TimeSpan(nanoseconds: n) * 1_000_000_000 }

  /// The span in seconds, for display and for statistics.
  public var seconds: Double { Double(nanoseconds) / 1e9 }
  public var milliseconds: Int64 { nanoseconds / 1_000_000 }

  public static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }

  public static func + (a: Self, b: Self) -> Self {
    let (sum, overflow) = a.nanoseconds.addingReportingOverflow(b.nanoseconds)
    return TimeSpan(nanoseconds: overflow ? (b.nanoseconds < 0 ? .min : .max) : sum)
  }

  public static func - (a: Self, b: Self) -> Self {
    let (difference, overflow) = a.nanoseconds.subtractingReportingOverflow(b.nanoseconds)
    return TimeSpan(nanoseconds: overflow ? (b.nanoseconds < 0 ? .max : .min) : difference)
  }

  public static func * (a: Self, n: Int64) -> Self {
    let (product, overflow) = a.nanoseconds.multipliedReportingOverflow(by: n)
    return TimeSpan(nanoseconds: overflow ? ((a.nanoseconds < 0) == (n < 0) ? .max : .min) : product)
  }
}

/// A point on the wall clock, in milliseconds since 1970-01-01T00:00:00Z. For records and for policy that depends on the time.
public struct WallClock: Comparable, Hashable, Sendable {
  public var milliseconds: Int64
  public init(milliseconds: Int64) { self.milliseconds = milliseconds }
  public static func < (a: Self, b: Self) -> Bool { a.milliseconds < b.milliseconds }
}

extension TimeSpan {
  /// A fractional number of seconds, as statistics and configuration carry them.
  public init(fractionalSeconds n: Double) { self.init(nanoseconds: Int64(n * 1e9)) }
}
