import CallModel
import PolicyScript
import Synchronization
import TimeZones

extension ScriptEnvironment {
  /// For tests and explanations: the time of the call, and "random" numbers that are the same each time. Only the limit on time is
  /// measured by a real clock.
  static func repeatable(at time: WallClock) -> ScriptEnvironment {
    let start = ContinuousClock.now
    let numbers = Mutex(SplitMix64(seed: 0))
    return ScriptEnvironment(
      clock: {
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        return .zero + .seconds(seconds) + .nanoseconds(attoseconds / 1_000_000_000)
      },
      wallClock: { time }, random: { numbers.withLock { $0.next() } }, timeZone: { zones.rules($0) })
  }

  private static let zones = ZoneDirectory()
}
