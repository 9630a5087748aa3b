import CallModel
import TimeZones

/// What a script sees of the outside: time, randomness, time zones and a log. All of it is passed in: a script that is given the
/// same gives the same.
public struct ScriptEnvironment: Sendable {
  /// For the time limit; best the processor time of the thread.
  public var clock: @Sendable () -> MonotonicInstant
  /// For `pex_now`.
  public var wallClock: @Sendable () -> WallClock
  /// For `pex_uuid4` and `pex_random_pin`: uniformly distributed, and unpredictable to callers.
  public var random: @Sendable () -> UInt64
  /// The rules of a time zone by its IANA name; nil for an unknown one.
  public var timeZone: @Sendable (String) -> TimeZoneRules?
  /// Takes what `pex_debug_log` writes, a line each.
  public var log: @Sendable (String) -> Void

  public init(
    clock: @escaping @Sendable () -> MonotonicInstant, wallClock: @escaping @Sendable () -> WallClock,
    random: @escaping @Sendable () -> UInt64, timeZone: @escaping @Sendable (String) -> TimeZoneRules?,
    log: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.clock = clock
    self.wallClock = wallClock
    self.random = random
    self.timeZone = timeZone
    self.log = log
  }
}
