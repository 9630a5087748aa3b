import CallModel

/// Which trunks answer. Fed by OPTIONS probes and by the results of calls; survives policy reloads.
///
/// A trunk is down after ``failureThreshold`` failures in a row and is tried again when ``retryAfter`` has passed, at the
/// latest; one success brings it up. Calls go to a trunk that is down only when nothing else is left.
public struct TrunkHealth: Sendable {
  public struct State: Sendable, Hashable {
    public var isUp = true
    public var consecutiveFailures = 0
    public var lastChange: MonotonicInstant = .zero
    public var retryAt: MonotonicInstant = .zero
    public var lastFailure: Cause?
    /// Round trip of the last answered probe.
    public var roundTrip: TimeSpan?
  }

  public var failureThreshold = 2
  public var retryAfter = TimeSpan.seconds(30)
  public private(set) var states: [String: State] = [:]

  public init() {}

  /// True when a call may be sent there now: the trunk is up, or due for another try.
  public func isUsable(_ trunk: String, now: MonotonicInstant) -> Bool {
    guard let state = states[trunk] else { return true }
    return state.isUp || state.retryAt <= now
  }

  public func isUp(_ trunk: String) -> Bool { states[trunk]?.isUp ?? true }

  /// The trunk answered, whatever it said about the call. Returns true when this brought it up.
  @discardableResult
  public mutating func answered(_ trunk: String, roundTrip: TimeSpan? = nil, now: MonotonicInstant) -> Bool {
    var state = states[trunk] ?? State()
    let cameUp = !state.isUp
    state.isUp = true
    state.consecutiveFailures = 0
    state.lastFailure = nil
    if cameUp { state.lastChange = now }
    if let roundTrip { state.roundTrip = roundTrip }
    states[trunk] = state
    return cameUp
  }

  /// The trunk could not be reached or cannot serve. Returns true when this took it down.
  @discardableResult
  public mutating func failed(_ trunk: String, _ cause: Cause, now: MonotonicInstant) -> Bool {
    var state = states[trunk] ?? State()
    state.consecutiveFailures += 1
    state.lastFailure = cause
    state.retryAt = now + retryAfter
    let wentDown = state.isUp && state.consecutiveFailures >= failureThreshold
    if wentDown {
      state.isUp = false
      state.lastChange = now
    }
    states[trunk] = state
    return wentDown
  }

  /// True for causes that say something about the trunk, not about the call.
  public static func isTrunkFailure(_ cause: Cause) -> Bool {
    switch cause {
    case .networkFailure, .noResponse, .serverFailure, .congestion: true
    default: false
    }
  }

  /// Forgets trunks that no longer exist.
  public mutating func retain(_ names: Set<String>) {
    states = states.filter { names.contains($0.key) }
  }
}
