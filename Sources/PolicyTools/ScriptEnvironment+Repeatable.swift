import CallModel
import PolicyScript
import Synchronization
import TimeZones

extension ScriptEnvironment {
  /// For tests and explanations: the time of the call, and "random" numbers that are the same each time.
  package static func repeatable(at time: WallClock) -> ScriptEnvironment {
    let numbers = Mutex(SplitMix64(seed: 0))
    return ScriptEnvironment(
      clock: threadTime, wallClock: { time }, random: { numbers.withLock { $0.next() } },
      timeZone: { zones.rules($0) })
  }

  private static let zones = ZoneDirectory()
}
