/// Why a decision came out as it did: ids and reason codes only. Text is rendered elsewhere, when somebody asks.
public struct DecisionRecord: Hashable, Sendable {
  /// Names the policy that decided (``PolicyVersion`` text).
  public var policyVersion: String
  public var direction: CallDirection
  public var callProtocol: CallProtocol
  public var alias: Alias
  public var location: String?
  public var isRegistered: Bool
  /// The service whose alias it is, when one owned it.
  public var service: String?
  /// Each rule that was considered, in order; bounded by ``considerationLimit`` on live calls.
  public var considered: [RuleConsideration]
  /// Rules considered beyond the bound.
  public var omittedConsiderations: Int
  /// Name of the rule that decided.
  public var rule: String?
  /// The called alias after replacement, when a rule decided.
  public var replaced: String?
  /// What policy servers were asked, and what they answered.
  public var policyAnswers: [PolicyAnswerRecord] = []
  /// The limit that refused the call, if one did.
  public var limit: LimitReached?
  /// The local scripts that ran, and what they did.
  public var scripts: [PolicyScriptRecord] = []
  public var decision: Decision
  /// False of kept records from before settings of services were kept: those that are missing may have been any.
  public var hasServiceSettings = true

  /// On live calls at most this many considerations are kept; `explain` keeps all.
  public static let considerationLimit = 256
  /// At most this many answers of policy servers are kept, the first ones: a call may be transferred often.
  public static let policyAnswerLimit = 64

  public init(
    policyVersion: String, direction: CallDirection, callProtocol: CallProtocol, alias: Alias,
    location: String?,
    isRegistered: Bool, service: String? = nil, considered: [RuleConsideration] = [],
    omittedConsiderations: Int = 0, rule: String? = nil, replaced: String? = nil, decision: Decision
  ) {
    self.policyVersion = policyVersion
    self.direction = direction
    self.callProtocol = callProtocol
    self.alias = alias
    self.location = location
    self.isRegistered = isRegistered
    self.service = service
    self.considered = considered
    self.omittedConsiderations = omittedConsiderations
    self.rule = rule
    self.replaced = replaced
    self.decision = decision
  }
}

/// One rule and the first condition that failed, or that it matched.
public struct RuleConsideration: Hashable, Sendable {
  public enum Outcome: UInt8, Hashable, Sendable, CaseIterable {
    case matched
    case disabled
    case direction
    case callProtocol
    case registered
    case location
    /// The pattern for the calling alias did not match all of it.
    case caller
    /// The source address is in none of the networks.
    case network
    /// The call did not come over one of the trunks.
    case trunk
    /// The caller is neither registered here nor behind a trusted trunk.
    case trust
    /// The caller offers other media.
    case capability
    /// The call carries another tag.
    case tag
    /// It is not the time for it.
    case schedule
    /// The pattern did not match the whole alias.
    case pattern
    /// The pattern exceeded its bounded work.
    case patternError
  }

  /// Index of the rule in the policy's order of evaluation.
  public var rule: Int
  public var outcome: Outcome

  public init(rule: Int, outcome: Outcome) {
    self.rule = rule
    self.outcome = outcome
  }
}

extension RuleConsideration.Outcome {
  /// The name of the condition in JSON and in listings (routing reference §25).
  public var word: String {
    switch self {
    case .matched: "matched"
    case .disabled: "disabled"
    case .direction: "direction"
    case .callProtocol: "protocol"
    case .registered: "registered"
    case .location: "location"
    case .caller: "caller"
    case .network: "network"
    case .trunk: "trunk"
    case .trust: "trust"
    case .capability: "capability"
    case .tag: "tag"
    case .schedule: "schedule"
    case .pattern: "pattern"
    case .patternError: "pattern_error"
    }
  }
}
