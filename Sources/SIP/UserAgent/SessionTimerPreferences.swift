/// What we ask of session timers (RFC 4028).
public struct SessionTimerPreferences: Hashable, Sendable {
  public enum Refresher: Hashable, Sendable {
    /// We send the refreshes.
    case local
    /// The peer sends the refreshes, if it supports timers.
    case remote
  }

  /// The session interval we ask for, in seconds. Nil asks for none; a peer's wish is honoured all the same.
  public var interval: Int?
  /// The smallest interval we accept, in seconds; never below 90 (RFC 4028 §4).
  public var minimum: Int
  /// Nil leaves the choice to the side that answers.
  public var refresher: Refresher?

  public init(interval: Int? = 1800, minimum: Int = 90, refresher: Refresher? = nil) {
    self.minimum = max(90, minimum)
    self.interval = interval.map { max($0, max(90, minimum)) }
    self.refresher = refresher
  }

  public static let none = SessionTimerPreferences(interval: nil)
}
