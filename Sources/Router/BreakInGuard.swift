import CallModel
import PolicyEngine

/// Counts unknown aliases and failed authentications by source, and quarantines sources that go on guessing.
///
/// A quarantined source gets the same answers at the same speed as one that dials a wrong number, so that nothing tells it
/// what it has found out. Sources on the allow list are counted but never quarantined.
public struct BreakInGuard: Sendable {
  private struct Attempts {
    var windowStart: MonotonicInstant
    var count: Int
    var quarantinedUntil: MonotonicInstant?
  }

  private var sources: [IPAddress: Attempts] = [:]
  private let capacity: Int

  public init(capacity: Int = 50_000) { self.capacity = capacity }

  /// Counts one bad attempt. Returns true when it put the source into quarantine.
  public mutating func countAttempt(
    from source: IPAddress, settings: BreakInProtection, isEnabled: Bool, now: MonotonicInstant
  ) -> Bool {
    guard isEnabled else { return false }
    var attempts = sources[source] ?? Attempts(windowStart: now, count: 0)
    if now - attempts.windowStart >= settings.window {
      attempts = Attempts(windowStart: now, count: 0, quarantinedUntil: attempts.quarantinedUntil)
    }
    attempts.count += 1
    var isNew = false
    if attempts.count > settings.maximumScanAttempts, !isAllowed(source, settings) {
      isNew = !(attempts.quarantinedUntil.map { $0 > now } ?? false)
      attempts.quarantinedUntil = now + settings.window
    }
    sources[source] = attempts
    if sources.count > capacity { forget(window: settings.window, now: now) }
    return isNew
  }

  /// - Parameter isEnabled: whether quarantine holds where it is asked for: it may be off there, or be switched off since.
  public func isQuarantined(
    _ source: IPAddress, settings: BreakInProtection, isEnabled: Bool, now: MonotonicInstant
  ) -> Bool {
    guard isEnabled, let until = sources[source]?.quarantinedUntil, until > now else { return false }
    return !isAllowed(source, settings)
  }

  /// The sources in quarantine now, for status.
  public func quarantined(now: MonotonicInstant) -> [IPAddress] {
    sources.compactMap { $0.value.quarantinedUntil.map { $0 > now } ?? false ? $0.key : nil }
  }

  private func isAllowed(_ source: IPAddress, _ settings: BreakInProtection) -> Bool {
    settings.allowList.contains { $0.contains(source) }
  }

  /// Forgets finished windows; if that is not enough (a flood from forged sources), everything not in quarantine.
  private mutating func forget(window: TimeSpan, now: MonotonicInstant) {
    sources = sources.filter {
      now - $0.value.windowStart < window || ($0.value.quarantinedUntil ?? .zero) > now
    }
    if sources.count > capacity { sources = sources.filter { ($0.value.quarantinedUntil ?? .zero) > now } }
    if sources.count > capacity { sources.removeAll() }
  }
}
