/// How long a thread lets packets gather before it asks for more.
///
/// Waking costs the thread as much as several packets do: it comes back to caches that others have used. At a
/// few thousand packets a second, evenly spread, each would be woken for by itself. So the thread rests for
/// the time in which some packets come, but never longer than the operator allows; not when there are so few
/// that none would meet another, and not when it just found many.
struct Pace {
  /// Packets worth a wake.
  static let worthwhile = 8
  /// Shorter rests cost more than they save.
  private static let shortest: Int64 = 50_000
  /// The time over which packets are counted: a whole packet interval of usual codecs.
  private static let period: Int64 = 20_000_000

  private let longest: Int64
  private var began: Int64 = 0
  private var count: Int64 = 0
  private var current: Int64 = 0

  /// - Parameter longest: nanoseconds; 0 never rests.
  init(longest: Int64) { self.longest = longest }

  /// Nanoseconds to rest after a round that read `packets`.
  mutating func rest(after packets: Int, at now: Int64) -> Int64 {
    count += Int64(packets)
    let elapsed = now - began
    if elapsed >= Pace.period {
      current = Pace.rest(packets: count, in: elapsed, longest: longest)
      began = now
      count = 0
    }
    return packets > 0 && packets < Pace.worthwhile ? current : 0
  }

  static func rest(packets: Int64, in time: Int64, longest: Int64) -> Int64 {
    // Fewer than two in the longest rest: nothing would gather.
    guard packets > 0, packets * longest >= 2 * time else { return 0 }
    let wanted = time * Int64(worthwhile) / packets
    return wanted < shortest ? 0 : min(wanted, longest)
  }
}
