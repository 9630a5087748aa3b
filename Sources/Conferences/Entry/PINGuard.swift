import CallModel
import PolicyEngine

/// Counts wrong PINs by service, and closes a service that is being guessed to callers nobody knows (reference §3.2).
///
/// The window slides: a service is closed while more than ``BreakInProtection/maximumPINFailures`` wrong PINs lie within
/// ``BreakInProtection/window``. Callers who are in already are not concerned. Whoever is refused is told the same as for
/// an alias that does not exist. Outlives the conferences, as a guesser hangs up and comes back.
public struct PINGuard: Sendable {
  private var failures: [String: [MonotonicInstant]] = [:]
  private let capacity: Int

  public init(capacity: Int = 10_000) { self.capacity = max(1, capacity) }

  /// - Parameters:
  ///   - source: the caller's address; nil: none of the network's.
  ///   - isKnown: a registered device, a trunk, or else an address known as good.
  public mutating func countWrongPIN(
    service: String, from source: IPAddress?, isKnown: Bool, settings: BreakInProtection,
    now: MonotonicInstant
  ) {
    guard settings.pinChecksEnabled, !isExempt(source, isKnown, settings) else { return }
    var recent = (failures[service] ?? []).filter { now - $0 < settings.window }
    recent.append(now)
    // As many as the rule can ask about.
    if recent.count > settings.maximumPINFailures + 1 { recent.removeFirst() }
    failures[service] = recent
    if failures.count > capacity { forget(settings, now: now) }
  }

  /// Whether a new caller from `source` must be refused as if the service did not exist.
  public func isClosed(
    service: String, to source: IPAddress?, isKnown: Bool, settings: BreakInProtection, now: MonotonicInstant
  ) -> Bool {
    guard settings.pinChecksEnabled, !isExempt(source, isKnown, settings), let times = failures[service]
    else {
      return false
    }
    return times.count(where: { now - $0 < settings.window }) > settings.maximumPINFailures
  }

  private func isExempt(_ source: IPAddress?, _ isKnown: Bool, _ settings: BreakInProtection) -> Bool {
    isKnown || (source.map { ip in settings.allowList.contains { $0.contains(ip) } } ?? false)
  }

  /// Forgets services without a recent failure; if that is not enough, the one whose latest lies back furthest.
  private mutating func forget(_ settings: BreakInProtection, now: MonotonicInstant) {
    failures = failures.filter { $0.value.last.map { now - $0 < settings.window } ?? false }
    while failures.count > capacity,
      let oldest = failures.min(by: { ($0.value.last ?? .zero) < ($1.value.last ?? .zero) })
    {
      failures[oldest.key] = nil
    }
  }
}
