import CallModel
import PolicyEngine

/// What policy servers said about one request, before our own services and rules are looked at (routing reference §1).
public struct ExternalDecision: Sendable {
  /// Nil: our own services and rules decide.
  public var decision: Decision?
  /// For the record.
  public var answers: [PolicyAnswerRecord]

  public init(_ decision: Decision? = nil, answers: [PolicyAnswerRecord] = []) {
    self.decision = decision
    self.answers = answers
  }

  /// Nobody was asked.
  public static let none = ExternalDecision()
}

/// Asks policy servers, off the loop.
public protocol PolicyConsultant: AnyObject {
  /// Asks about `request` under `policy`.
  ///
  /// - Parameter then: called once, on the loop, after this method has returned; never after the consultation was withdrawn.
  /// - Returns: nil when no server is asked about such requests; `then` is not called.
  func consult(
    _ request: CallRequest, _ policy: PolicySnapshot, then: @escaping (ExternalDecision) -> Void
  ) -> (any PolicyConsultation)?
}

/// A question under way.
public protocol PolicyConsultation: AnyObject {
  /// Nobody waits for the answer any more.
  func withdraw()
}
