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
  /// What the call occupies of its limits; hand it back with ``Router/release(_:)``.
  public var admission: Admission

  /// What one admitted call counts against.
  public struct Admission: Sendable {
    var scopes: [CallLimiter.Scope]
    public static let none = Admission(scopes: [])
  }
}
