import CallModel
import PolicyScript
import Synchronization
import TimeZones

extension ScriptEnvironment {
  /// For tests and explanations: the time of the call, and "random" numbers that are the same each time. Only the limit on time is
  /// measured by a real clock.
  static func repeatable(at time: WallClock) -> ScriptEnvironment {
    let start = ContinuousClock.now
    let numbers = RepeatableNumbers()
    return ScriptEnvironment(
      clock: {
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        return .zero + .seconds(seconds) + .nanoseconds(attoseconds / 1_000_000_000)
      },
      wallClock: { time }, random: { numbers.next() }, timeZone: { zones.rules($0) })
  }

  private static let zones = ZoneDirectory()
}

/// SplitMix64 from a fixed beginning.
private final class RepeatableNumbers: Sendable {
  private let state = Atomic<UInt64>(0)

  func next() -> UInt64 {
    var z = state.wrappingAdd(0x9e37_79b9_7f4a_7c15, ordering: .relaxed).newValue
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }
}
