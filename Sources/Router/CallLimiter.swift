import CallModel
import PolicyEngine

/// Calls per second and calls at once, for the whole service, per trunk and per caller.
///
/// Rates are token buckets one second deep, at least one call. Counts survive reloads: limits are read from the policy at
/// each admission, so a lowered limit refuses new calls and ends none.
public struct CallLimiter {
  /// What is counted.
  public enum Scope: Hashable, Sendable, CustomStringConvertible {
    case service
    case trunk(String)
    case caller(String)

    public var description: String {
      switch self {
      case .service: "service"
      case .trunk(let name): "trunk \(name)"
      case .caller(let name): "caller \(name)"
      }
    }
  }

  public struct Limit: Sendable {
    public var concurrent: Int?
    public var perSecond: Double?
    public init(concurrent: Int? = nil, perSecond: Double? = nil) {
      self.concurrent = concurrent
      self.perSecond = perSecond
    }
  }

  private struct Usage {
    var concurrent = 0
    var tokens = 0.0
    var refilled = MonotonicInstant.zero
    var isFresh = true
  }

  private var usage: [Scope: Usage] = [:]
  /// Idle scopes are forgotten above this number, so that a scanner with many identities cannot fill memory.
  private let capacity: Int

  public init(capacity: Int = 100_000) { self.capacity = capacity }

  /// Admits one call under all the limits or under none. Returns the scope that refused it.
  public mutating func admit(_ scopes: [(Scope, Limit)], now: MonotonicInstant) -> Scope? {
    for (scope, limit) in scopes {
      let current = refreshed(scope, limit, now: now)
      if let most = limit.concurrent, current.concurrent >= most { return scope }
      if limit.perSecond != nil, current.tokens < 1 { return scope }
    }
    for (scope, limit) in scopes {
      var current = refreshed(scope, limit, now: now)
      current.concurrent += 1
      if limit.perSecond != nil { current.tokens -= 1 }
      usage[scope] = current
    }
    if usage.count > capacity { forgetIdle() }
    return nil
  }

  /// The call has ended.
  public mutating func release(_ scopes: [Scope]) {
    for scope in scopes {
      guard var current = usage[scope] else { continue }
      current.concurrent = max(0, current.concurrent - 1)
      usage[scope] = current
    }
  }

  public func concurrentCalls(_ scope: Scope) -> Int { usage[scope]?.concurrent ?? 0 }

  private func refreshed(_ scope: Scope, _ limit: Limit, now: MonotonicInstant) -> Usage {
    var current = usage[scope] ?? Usage()
    guard let rate = limit.perSecond else { return current }
    let depth = max(1, rate)
    if current.isFresh {
      current.tokens = depth
      current.isFresh = false
    } else {
      current.tokens = min(depth, current.tokens + (now - current.refilled).seconds * rate)
    }
    current.refilled = now
    return current
  }

  private mutating func forgetIdle() {
    usage = usage.filter { $0.value.concurrent > 0 }
  }
}
