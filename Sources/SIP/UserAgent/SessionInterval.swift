import CallModel

/// The session timer of one session as last agreed (RFC 4028).
struct SessionInterval: Hashable {
  /// Seconds, at least 90.
  var seconds: Int
  var refreshedByUs: Bool

  /// When the refresher sends the next refresh: half the interval (RFC 4028 §7.2).
  var refreshDelay: TimeSpan { .seconds(Int64(seconds)) * 500 / 1000 }

  /// When the other side gives up: the smaller of 32 s and a third before the end (RFC 4028 §10).
  var expiryDelay: TimeSpan { .seconds(Int64(seconds - min(32, seconds / 3))) }
}

extension TimeSpan {
  fileprivate static func / (a: TimeSpan, n: Int64) -> TimeSpan { TimeSpan(nanoseconds: a.nanoseconds / n) }
}

/// The session timer headers of a request that came in, judged against our preferences (RFC 4028 §9).
enum SessionTimerVerdict: Hashable {
  /// 422 with this Min-SE.
  case tooSmall(minimum: Int)
  /// Goes into the 2xx: no timer at all if nil.
  case agreed(SessionInterval?, requiresTimer: Bool)
}

extension SessionTimerPreferences {
  /// - Parameter current: who refreshed so far; kept where the request leaves it open.
  func judge(_ headers: SIPHeaders, peerSupportsTimer: Bool, current: SessionInterval?) -> SessionTimerVerdict
  {
    let asked = headers.sessionExpires
    let peerMinimum = max(90, Int(headers.minSE ?? 90))
    if let asked, peerSupportsTimer, Int(asked.interval) < minimum { return .tooSmall(minimum: minimum) }
    guard asked != nil || interval != nil else { return .agreed(nil, requiresTimer: false) }
    // Never above what was asked, never below either minimum (RFC 4028 §9).
    var seconds = asked.map { min(Int($0.interval), 7 * 86_400) } ?? interval ?? 1800
    if let interval { seconds = min(seconds, interval) }
    seconds = max(seconds, max(minimum, peerMinimum))
    let refreshedByUs: Bool
    if !peerSupportsTimer {
      refreshedByUs = true
    } else if let refresher = asked?.refresher {
      refreshedByUs = refresher == .uas
    } else if let refresher {
      refreshedByUs = refresher == .local
    } else {
      refreshedByUs = current?.refreshedByUs ?? false
    }
    return .agreed(
      SessionInterval(seconds: seconds, refreshedByUs: refreshedByUs),
      requiresTimer: peerSupportsTimer && !refreshedByUs)
  }

  /// What a 2xx to our request settles (RFC 4028 §7.2): without Session-Expires the peer takes no part, and we refresh
  /// alone if we asked for a timer.
  func settle(_ headers: SIPHeaders, asked: Int?) -> SessionInterval? {
    guard let told = headers.sessionExpires else {
      return asked.map { SessionInterval(seconds: max($0, 90), refreshedByUs: true) }
    }
    return SessionInterval(
      seconds: max(90, min(Int(told.interval), 7 * 86_400)), refreshedByUs: told.refresher != .uas)
  }
}
