import CallModel

/// Counts refusals, and lets one report a minute through for each limit: a flood must not fill the log.
struct LimitReports {
  private struct Key: Hashable {
    var scope: LimitReached.Scope
    var name: String
    var isShare: Bool
    var cap: LimitReached.Cap
  }

  private struct Entry {
    var last: MonotonicInstant
    var suppressed = 0
  }

  private static let interval = TimeSpan.seconds(60)
  /// As many as a policy has limits, and those of policies before it; names from elsewhere do not get here.
  private static let capacity = 10_000

  private var entries: [Key: Entry] = [:]
  private(set) var counts: [LimitReached.Scope: UInt64] = [:]

  /// - Returns: nil when this one is not reported, else how many were not since the last report.
  mutating func report(_ limit: LimitReached, now: MonotonicInstant) -> Int? {
    counts[limit.scope, default: 0] &+= 1
    let key = Key(scope: limit.scope, name: limit.name, isShare: limit.caller != nil, cap: limit.cap)
    guard let entry = entries[key], now - entry.last < LimitReports.interval else {
      if entries.count >= LimitReports.capacity { entries.removeAll() }
      return entries.updateValue(Entry(last: now), forKey: key)?.suppressed ?? 0
    }
    entries[key]?.suppressed += 1
    return nil
  }
}
