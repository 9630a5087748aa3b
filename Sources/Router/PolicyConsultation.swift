import CallModel
import PolicyEngine
import PolicyHooks

/// What policy servers and local scripts said about one request (routing reference §1).
public struct ExternalDecision: Sendable {
  /// Nil: our own services and rules decide.
  public var decision: Decision?
  /// For the record.
  public var answers: [PolicyAnswerRecord]
  /// Set when a local script had a look: the decision, our own services and rules included, with its whole record.
  public var record: DecisionRecord?
  /// What the policy server said, for whoever looks on; nil: it was not asked.
  public var answer: PolicyAnswer?

  public init(_ decision: Decision? = nil, answers: [PolicyAnswerRecord] = []) {
    self.decision = decision
    self.answers = answers
  }

  /// A decision that is made, but for what only the Router knows.
  public init(_ record: DecisionRecord, answer: PolicyAnswer? = nil) {
    // Under its own name a rule's or a service's decision is still ours.
    let isOurs =
      switch record.decision {
      case .gateway(let gateway): gateway.name == record.rule
      case .service(let service): service.name == record.service
      case .reject, .redirect: false
      }
    self.init(isOurs ? nil : record.decision, answers: record.policyAnswers)
    self.record = record
    self.answer = answer
  }

  /// What a policy server said, no script having a look.
  public init(_ answer: PolicyAnswer, _ defaults: ServiceDefaults) {
    self.init(answer.conclusion.verdict.decision(defaults), answers: [answer.record])
    self.answer = answer
  }

  /// Nobody was asked.
  public static let none = ExternalDecision()
}

/// The questions beside the one what an alias is (routing reference §13-17).
public enum PolicyQuestion: Hashable, Sendable {
  /// What a participant may do, asked when it joins.
  case participant(PolicyChain.Joining, ParticipantFacts)
  /// Where its media goes, asked when that is set up.
  case mediaLocation(PolicyChain.Joining)
  case avatar(ExternalPolicyRequest.AvatarRequest, location: String?)
  case directory(ExternalPolicyRequest.DirectoryRequest, location: String?)
  /// Whether an alias may register, and as whom.
  case registration(ExternalPolicyRequest.RegistrationRequest, location: String?)

  public var kind: PolicyRequestKind {
    switch self {
    case .participant: .participantProperties
    case .mediaLocation: .mediaLocation
    case .avatar: .avatar
    case .directory: .directory
    case .registration: .registration
    }
  }

  /// The location whose policy profile is asked.
  public var location: String? {
    switch self {
    case .participant(let joining, _), .mediaLocation(let joining): joining.request.location
    case .avatar(_, let location), .directory(_, let location), .registration(_, let location): location
    }
  }

  /// The question as it is put by a node.
  public func request(from node: NodeFacts) -> ExternalPolicyRequest {
    switch self {
    case .participant(let joining, let participant):
      .participantProperties(
        CallFacts(joining.request), node, service: joining.service, participant: participant)
    case .mediaLocation(let joining):
      .mediaLocation(CallFacts(joining.request), node, service: joining.service)
    case .avatar(let avatar, _): .avatar(avatar, node)
    case .directory(let search, _): .directory(search, node)
    case .registration(let registration, _): .registration(registration, node)
    }
  }
}

/// What came of such a question: of the policy server, if one was asked, and then of the local script, if one looked at it.
public struct PolicyReply: Sendable {
  /// Of the question's kind.
  public var verdict: PolicyVerdict
  /// For the record.
  public var answers: [PolicyAnswerRecord]
  public var scripts: [PolicyScriptRecord]

  public init(
    _ verdict: PolicyVerdict, answers: [PolicyAnswerRecord] = [], scripts: [PolicyScriptRecord] = []
  ) {
    self.verdict = verdict
    self.answers = answers
    self.scripts = scripts
  }
}

/// Asks policy servers and runs local scripts, off the loop.
public protocol PolicyConsultant: AnyObject {
  /// Asks what the alias of `request` is, under `policy`.
  ///
  /// - Parameter then: called once, on the loop, after this method has returned; never after the consultation was withdrawn.
  /// - Returns: nil when no server is asked about such requests and no script looks at them; `then` is not called.
  func consult(
    _ request: CallRequest, _ policy: PolicySnapshot, then: @escaping (ExternalDecision) -> Void
  ) -> (any PolicyConsultation)?

  /// Puts another question, in the same way.
  func ask(
    _ question: PolicyQuestion, _ policy: PolicySnapshot, then: @escaping (PolicyReply) -> Void
  ) -> (any PolicyConsultation)?
}

/// A question under way.
public protocol PolicyConsultation: AnyObject {
  /// Nobody waits for the answer any more.
  ///
  /// - Returns: what the record says of it; empty when it was answered or withdrawn before.
  @discardableResult func withdraw() -> [PolicyAnswerRecord]
}
