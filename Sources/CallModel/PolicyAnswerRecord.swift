/// One exchange with an external policy server, as it stands in a ``DecisionRecord``: what was asked, what came, and which
/// fields were wrong. Holds no secret.
public struct PolicyAnswerRecord: Hashable, Sendable {
  /// Name of the policy profile.
  public var profile: String
  /// `service`, `participant`, `media_location`, `avatar`, `directory` or `registration`.
  public var request: String
  /// The request's id in our log and in the server's (`X-Request-Id`).
  public var requestID: String
  /// The URL without secret values; empty when the question could not be put into one.
  public var url: String
  /// What became of it, in one word: `used`, `continue`, `reject`, `redirect`, `not_mine`, `invalid`, `timeout`, `error`,
  /// `skipped`, `overloaded`, `unaskable`, `withdrawn`.
  public var outcome: String
  /// True when the hook's fallback decided.
  public var isFallback: Bool
  /// The HTTP status, when there was a response.
  public var status: Int?
  /// Why there was no response.
  public var failure: String?
  public var latency: TimeSpan
  /// Requests sent: 0 when the server was not asked.
  public var attempts: Int
  /// Fields that made the answer void, or were passed over.
  public var findings: [Finding]

  /// Something about one field of an answer.
  public struct Finding: Hashable, Sendable {
    /// `result.view`; empty for the answer as a whole.
    public var field: String
    public var problem: String
    /// False: passed over, the answer stands.
    public var isError: Bool
    public init(field: String, problem: String, isError: Bool) {
      self.field = field
      self.problem = problem
      self.isError = isError
    }
  }

  public init(
    profile: String, request: String, requestID: String, url: String, outcome: String,
    isFallback: Bool = false,
    status: Int? = nil, failure: String? = nil, latency: TimeSpan = .zero, attempts: Int = 1,
    findings: [Finding] = []
  ) {
    self.profile = profile
    self.request = request
    self.requestID = requestID
    self.url = url
    self.outcome = outcome
    self.isFallback = isFallback
    self.status = status
    self.failure = failure
    self.latency = latency
    self.attempts = attempts
    self.findings = findings
  }
}
