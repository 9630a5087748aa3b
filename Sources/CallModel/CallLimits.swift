/// At most so many of something in any stretch of time of one length.
public struct Quota: Hashable, Sendable {
  public var count: Int
  public var window: TimeSpan

  public init(_ count: Int, per window: TimeSpan) {
    self.count = count
    self.window = window
  }
}

/// What one holder may use: a caller, a rule, a trunk, a prefix of numbers, or the whole service. What is nil is not limited.
public struct CallCaps: Hashable, Sendable {
  /// Calls at once, those that still ring included.
  public var concurrentCalls: Int?
  /// New calls: a token bucket one second deep, at least one call.
  public var callsPerSecond: Double?
  /// New calls in any stretch of time of the quota's length.
  public var calls: Quota?
  /// Minutes begun by answered calls. A call whose next minute is not there any more is ended.
  public var callMinutes: Quota?
  /// Different numbers or aliases called.
  public var distinctDestinations: Quota?
  /// From the answer; a call that lasts longer is ended.
  public var maximumDuration: TimeSpan?

  public init(
    concurrentCalls: Int? = nil, callsPerSecond: Double? = nil, calls: Quota? = nil,
    callMinutes: Quota? = nil, distinctDestinations: Quota? = nil, maximumDuration: TimeSpan? = nil
  ) {
    self.concurrentCalls = concurrentCalls
    self.callsPerSecond = callsPerSecond
    self.calls = calls
    self.callMinutes = callMinutes
    self.distinctDestinations = distinctDestinations
    self.maximumDuration = maximumDuration
  }

  /// Nothing is limited.
  public var isEmpty: Bool { self == CallCaps() }
}

/// Caps of all calls together, and of those of each caller by itself.
public struct CallLimits: RareSettings, Hashable, Sendable {
  public var total: CallCaps
  public var perCaller: CallCaps

  public init() { self.init(total: CallCaps()) }

  public init(total: CallCaps, perCaller: CallCaps = CallCaps()) {
    self.total = total
    self.perCaller = perCaller
  }

  public var isEmpty: Bool { total.isEmpty && perCaller.isEmpty }
}

/// Which cap refused or ended a call.
public struct LimitReached: Error, Hashable, Sendable, CustomStringConvertible {
  /// What the cap is on.
  public enum Scope: String, Hashable, Sendable, CaseIterable {
    case service, rule, trunk, destination
  }

  public enum Cap: String, Hashable, Sendable, CaseIterable {
    case concurrentCalls = "concurrent_calls"
    case callsPerSecond = "calls_per_second"
    case calls
    case callMinutes = "call_minutes"
    case distinctDestinations = "distinct_destinations"
    case maximumDuration = "maximum_duration"
    /// The number is never called.
    case refused = "refuse"
  }

  public var scope: Scope
  /// Of the rule, the trunk or the destination limit; empty for the service.
  public var name: String
  /// Whose share it is; nil: that of all callers together.
  public var caller: String?
  public var cap: Cap

  public init(_ scope: Scope, name: String = "", caller: String? = nil, cap: Cap) {
    self.scope = scope
    self.name = name
    self.caller = caller
    self.cap = cap
  }

  /// `rule “telephone network”, caller ann@example.org: concurrent_calls`
  public var description: String {
    var text = scope.rawValue
    if !name.isEmpty { text += " “\(name)”" }
    if let caller { text += ", caller \(caller)" }
    return "\(text): \(cap.rawValue)"
  }
}
