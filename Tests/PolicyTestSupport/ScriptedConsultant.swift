import CallModel
import PolicyEngine
import PolicyHooks
import Router

/// A policy server that answers when a test tells it to.
public final class ScriptedConsultant: PolicyConsultant {
  /// What an alias is.
  public final class Question: PolicyConsultation {
    public let request: CallRequest
    public let policy: PolicySnapshot
    private var then: ((ExternalDecision) -> Void)?
    public private(set) var isWithdrawn = false

    init(_ request: CallRequest, _ policy: PolicySnapshot, _ then: @escaping (ExternalDecision) -> Void) {
      self.request = request
      self.policy = policy
      self.then = then
    }

    public func withdraw() -> [PolicyAnswerRecord] {
      guard then != nil else { return [] }
      isWithdrawn = true
      then = nil
      return [ScriptedConsultant.record("service", "withdrawn")]
    }

    public func answer(_ decision: Decision?, _ outcome: String = "used") {
      then?(ExternalDecision(decision, answers: [ScriptedConsultant.record("service", outcome)]))
      then = nil
    }
  }

  /// Another question.
  public final class Other: PolicyConsultation {
    public let question: PolicyQuestion
    private var then: ((PolicyReply) -> Void)?
    public private(set) var isWithdrawn = false

    init(_ question: PolicyQuestion, _ then: @escaping (PolicyReply) -> Void) {
      self.question = question
      self.then = then
    }

    public func withdraw() -> [PolicyAnswerRecord] {
      guard then != nil else { return [] }
      isWithdrawn = true
      then = nil
      return [ScriptedConsultant.record(question.kind.rawValue, "withdrawn")]
    }

    public func answer(
      _ verdict: PolicyVerdict, _ outcome: String = "used", isFallback: Bool = false,
      scripts: [PolicyScriptRecord] = []
    ) {
      var record = ScriptedConsultant.record(question.kind.rawValue, outcome)
      record.isFallback = isFallback
      then?(PolicyReply(verdict, answers: [record], scripts: scripts))
      then = nil
    }
  }

  public var questions: [Question] = []
  public var others: [Other] = []
  /// Whether it is asked what aliases are.
  public var isAsked = true
  /// The other questions it is asked.
  public var kinds: Set<PolicyRequestKind> = []

  public init() {}

  public func consult(
    _ request: CallRequest, _ policy: PolicySnapshot, then: @escaping (ExternalDecision) -> Void
  ) -> (any PolicyConsultation)? {
    guard isAsked else { return nil }
    let question = Question(request, policy, then)
    questions.append(question)
    return question
  }

  public func ask(
    _ question: PolicyQuestion, _ policy: PolicySnapshot, then: @escaping (PolicyReply) -> Void
  ) -> (any PolicyConsultation)? {
    guard kinds.contains(question.kind) else { return nil }
    let other = Other(question, then)
    others.append(other)
    return other
  }

  private static func record(_ kind: String, _ outcome: String) -> PolicyAnswerRecord {
    PolicyAnswerRecord(profile: "CRM", request: kind, requestID: "1", url: "u", outcome: outcome)
  }
}
