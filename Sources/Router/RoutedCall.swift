import CallModel
import PolicyEngine

/// The Router's answer: what was decided, why, by which policy, and where a gateway call may go.
public struct RoutedCall: Sendable {
  public var decision: Decision
  public var record: DecisionRecord
  /// The policy the call keeps to its end, whatever is activated meanwhile.
  public var policy: PolicySnapshot
  /// Where a gateway call goes; empty when the target does not exist (a device that is not registered).
  public var hunt: RouteHunt
  /// What the call as a whole occupies of the service's and its caller's limits; given back with ``Router/release(_:)``.
  public var admission: CallLimiter.ShareID?
  /// What it occupies of the limits of the rule, for as long as the party stays that the rule led to.
  public var share: CallLimiter.ShareID?

  /// What a caller is told when the decision is a refusal; nil when it is none.
  public func refusalCause(toward caller: Caller) -> Cause? {
    guard case .reject(let rejection) = decision else { return nil }
    switch rejection {
    case .limitReached: return record.limit?.refusalCause ?? .limitReached
    // Who is one of ours is told; to strangers it is a wrong number.
    case .destinationRefused: return caller.isRegistered || caller.trunk != nil ? .forbidden : .notFound
    default: return rejection.cause
    }
  }
}

extension LimitReached {
  /// 503 sends a caller elsewhere (RFC 3261 §21.5.4), which is right only when it is us who have too much to do.
  public var refusalCause: Cause { scope == .service && caller == nil ? .limitReached : .quotaReached }
}
