import CallModel

/// What has been used of the caps of one scope. It outlives the policy the caps stand in: how much is allowed is said with each
/// question.
final class LimitAccount {
  private(set) var concurrent = 0
  private var tokens = 0.0
  private var refilled: MonotonicInstant?
  private var calls: SlidingCount?
  private var minutes: SlidingCount?
  /// When each destination was last called.
  private var destinations: [UInt64: MonotonicInstant] = [:]
  private var oldestDestination = MonotonicInstant.distantFuture
  /// From here on nothing of it is within a window any more.
  private var idleFrom = MonotonicInstant.zero

  /// Forgetting it lifts no limit.
  func isIdle(now: MonotonicInstant) -> Bool { concurrent == 0 && now >= idleFrom }

  /// The first cap that a new call would exceed.
  /// - Parameter own: calls of this account that the new one takes the place of.
  func exceeded(
    by charge: CallLimiter.Charge, own: Int = 0, now: MonotonicInstant
  ) -> LimitReached.Cap? {
    let caps = charge.caps
    if charge.occupies, let most = caps.concurrentCalls, concurrent - own >= most { return .concurrentCalls }
    if let rate = caps.callsPerSecond {
      refill(rate, now)
      if tokens < 1 { return .callsPerSecond }
    }
    if let quota = caps.calls, count(&calls, quota, now) >= quota.count { return .calls }
    if let quota = caps.callMinutes, count(&minutes, quota, now) >= quota.count { return .callMinutes }
    if let quota = caps.distinctDestinations, let destination = charge.destination,
      destinations[destination].map({ now - $0 >= quota.window }) ?? true
    {
      if destinations.count >= quota.count { forgetDestinations(quota.window, now) }
      if destinations.count >= quota.count { return .distinctDestinations }
    }
    return nil
  }

  /// Counts a call that exceeds nothing.
  /// - Returns: where the call was counted, to take it back.
  func take(_ charge: CallLimiter.Charge, now: MonotonicInstant) -> Int64? {
    let caps = charge.caps
    if charge.occupies { concurrent += 1 }
    if let rate = caps.callsPerSecond {
      refill(rate, now)
      tokens -= 1
      keep(until: now + TimeSpan(fractionalSeconds: max(1, rate) / rate))
    }
    if let quota = caps.distinctDestinations, let destination = charge.destination {
      destinations[destination] = now
      oldestDestination = min(oldestDestination, now)
      keep(until: now + quota.window)
    }
    guard let quota = caps.calls else { return nil }
    _ = count(&calls, quota, now)
    keep(until: now + quota.window + quota.window)
    return calls?.add()
  }

  func release(_ charge: CallLimiter.Charge) {
    if charge.occupies { concurrent = max(0, concurrent - 1) }
  }

  /// The call never took place.
  func takeBack(_ number: Int64) { calls?.remove(number) }

  func hasMinute(_ quota: Quota, now: MonotonicInstant) -> Bool { count(&minutes, quota, now) < quota.count }

  func takeMinute(_ quota: Quota, now: MonotonicInstant) {
    _ = count(&minutes, quota, now)
    minutes?.add()
    keep(until: now + quota.window + quota.window)
  }

  private func keep(until instant: MonotonicInstant) { idleFrom = max(idleFrom, instant) }

  private func refill(_ rate: Double, _ now: MonotonicInstant) {
    let depth = max(1, rate)
    tokens = refilled.map { min(depth, tokens + (now - $0).seconds * rate) } ?? depth
    refilled = now
  }

  private func count(_ counter: inout SlidingCount?, _ quota: Quota, _ now: MonotonicInstant) -> Int {
    if counter == nil { counter = SlidingCount(window: quota.window, now: now) }
    counter?.advance(to: now, window: quota.window)
    return counter?.total ?? 0
  }

  /// Only when the oldest has left the window: otherwise nothing could be forgotten, and a flood would pay for the search.
  private func forgetDestinations(_ window: TimeSpan, _ now: MonotonicInstant) {
    guard now - oldestDestination >= window else { return }
    destinations = destinations.filter { now - $0.value < window }
    oldestDestination = destinations.values.min() ?? .distantFuture
  }
}
