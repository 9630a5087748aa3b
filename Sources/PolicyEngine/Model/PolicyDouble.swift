/// What stands for the policy servers where nobody is asked: in tests and explanations.
public struct PolicyDoubles: Hashable, Sendable {
  /// By the question. What is asked and not in here is decided by the hook's fallback, and said so.
  public var answers: [PolicyRequestKind: PolicyDouble]

  public init(_ answers: [PolicyRequestKind: PolicyDouble] = [:]) { self.answers = answers }
}

/// What a policy server says to one kind of question.
public enum PolicyDouble: Hashable, Sendable {
  /// An HTTP response.
  case answer(status: Int, body: String)
  case failure(Failure)

  public enum Failure: String, Hashable, Sendable, CaseIterable {
    /// No answer in time.
    case timeout
    /// No connection.
    case refused
    /// An answer that is void as a whole.
    case invalid
  }
}
