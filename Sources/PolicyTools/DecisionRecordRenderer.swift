import CallModel
import PolicyEngine

/// Turns a decision record into text or JSON: for `explain`, and for what a live call left behind.
public struct DecisionRecordRenderer: Sendable {
  /// The policy that decided. With another version, or none, rules are named by their numbers.
  public var policy: PolicySnapshot?
  /// The calling alias, for what trunks would be told.
  public var caller: String?
  /// Otherwise rules in a row that were not even near are counted, not listed, when there are many.
  public var listsEveryRule: Bool

  /// What scripts wrote to their log.
  public var scriptLog: [String] = []
  /// The call, where it is explained and not read from a record: then what it counts against is told, too.
  public var explained: ExplainedOutcome?
  /// Where the policy is written.
  package var places: PolicyPlaces?

  /// More considerations than this are shortened.
  static let shortList = 24

  public init(policy: PolicySnapshot?, caller: String? = nil, listsEveryRule: Bool = false) {
    self.policy = policy
    self.caller = caller
    self.listsEveryRule = listsEveryRule
  }

  /// Indices in a record only mean something in the policy it was made by.
  private func matching(_ record: DecisionRecord) -> PolicySnapshot? {
    policy?.version.description == record.policyVersion ? policy : nil
  }

  /// What an explained call comes to.
  public init(policy: PolicySnapshot, explained: ExplainedOutcome, listsEveryRule: Bool = false) {
    self.init(policy: policy, caller: explained.request.caller.alias, listsEveryRule: listsEveryRule)
    self.explained = explained
    scriptLog = explained.log
  }

  func sentence(_ record: DecisionRecord, _ policy: PolicySnapshot?) -> RuleSentence {
    var sentence = RuleSentence(record: record, policy: policy)
    if let explained, let policy { sentence.misses = NearMisses(explained.call, record, policy) }
    return sentence
  }

  func target(_ gateway: GatewayConfiguration, _ record: DecisionRecord, _ policy: PolicySnapshot?)
    -> TargetSentence
  {
    let request =
      explained?.request
      ?? CallRequest(
        id: CallID(high: 0, low: 0), direction: record.direction, trigger: .invite,
        callProtocol: record.callProtocol, alias: record.alias,
        caller: Caller(alias: caller ?? "", isRegistered: record.isRegistered))
    return TargetSentence(
      gateway: gateway, policy: policy, places: places, request: request, isCallerKnown: caller != nil,
      without: explained?.withoutTrunks ?? [])
  }

  // MARK: Text

  public static func text(_ record: DecisionRecord, policy: PolicySnapshot?) -> String {
    DecisionRecordRenderer(policy: policy).text(record)
  }

  public func text(_ record: DecisionRecord) -> String {
    let policy = matching(record)
    var lines: [String] = []
    lines.append("Policy    \(record.policyVersion)")
    if self.policy != nil, policy == nil {
      lines.append("          (the loaded policy is another one: rules are given by number)")
    }
    lines.append("Call      \(call(record))")
    lines.append("Alias     as received  \(record.alias.full)")
    lines.append("          compared     \(record.alias.parsed)")
    if record.alias.local != record.alias.parsed {
      lines.append("          for policy   \(record.alias.local)")
    }
    if record.alias.pin != nil { lines.append("          a PIN was taken out") }
    for answer in record.policyAnswers {
      for (i, line) in PolicyAnswerSentence(answer: answer).lines.enumerated() {
        lines.append((i == 0 ? "Server    " : "          ") + line)
      }
    }
    if let service = record.service {
      lines.append("Service   “\(service)” owns this alias; no rule is looked at")
    } else if record.isDecidedByServer {
      lines.append("Service   not looked for: the policy server has decided")
    } else if record.decision == .reject(.protocolDisabled), record.considered.isEmpty {
      lines.append("Service   not looked for: \(disabled(record))")
    } else {
      lines.append("Service   none owns “\(record.alias.parsed)”")
    }
    if !record.isDecidedByServer { lines += rules(record, sentence(record, policy)) }
    for script in record.scripts {
      for (i, line) in PolicyScriptSentence(script: script).lines.enumerated() {
        lines.append((i == 0 ? "Script    " : "          ") + line)
      }
    }
    lines += scriptLog.map { "          log: \($0)" }
    lines += decision(record, policy)
    return lines.joined(separator: "\n") + "\n"
  }

  private func call(_ record: DecisionRecord) -> String {
    let direction =
      switch record.direction {
      case .dialIn: "incoming"
      case .dialOut: "outgoing"
      case .nonDial: "look-up without a call, as incoming"
      }
    var text = "\(record.callProtocol.rawValue), \(direction)"
    if let caller { text += ", from \(caller)" }
    text += record.isRegistered ? ", registered" : ", not registered"
    return text + ", location \(record.location ?? "unknown")"
  }

  private func disabled(_ record: DecisionRecord) -> String {
    record.direction == .dialOut && matching(record)?.policy.globals.isEnabled(record.callProtocol) == true
      ? "dial-out is switched off" : "\(record.callProtocol.rawValue) is switched off"
  }

  private func rules(_ record: DecisionRecord, _ sentence: RuleSentence) -> [String] {
    guard !record.considered.isEmpty || record.omittedConsiderations > 0 else {
      return record.service == nil && record.decision == .reject(.notFound)
        ? ["Rules     there are none"] : []
    }
    var lines = ["Rules"]
    let isShort = listsEveryRule || record.considered.count <= DecisionRecordRenderer.shortList
    var far: [RuleConsideration] = []
    func flush() {
      if far.count > 3 {
        lines.append("          … \(far.count) rules, none of them near …")
      } else {
        lines += far.map { line($0, sentence) }
      }
      far = []
    }
    for consideration in record.considered {
      let near = sentence.nearMiss(consideration)
      if isShort || near != nil || consideration.outcome == .matched || consideration.outcome == .patternError
      {
        flush()
        lines.append(line(consideration, sentence))
        if let near { lines.append("            near: \(near)") }
      } else {
        far.append(consideration)
      }
    }
    flush()
    if record.omittedConsiderations > 0 {
      lines.append("          and \(record.omittedConsiderations) more that were not kept")
    }
    return lines
  }

  private func line(_ consideration: RuleConsideration, _ sentence: RuleSentence) -> String {
    let priority = sentence.priority(consideration.rule).map { " (priority \($0))" } ?? ""
    let answer = consideration.outcome == .matched ? "" : "no: "
    return
      "       \(consideration.outcome == .matched ? "→" : "·") “\(sentence.name(consideration.rule))”\(priority): "
      + answer + sentence.reason(consideration)
  }

  private func decision(_ record: DecisionRecord, _ policy: PolicySnapshot?) -> [String] {
    switch record.decision {
    case .service(let service):
      return ["Decision  service “\(service.name)” (\(service.kind.rawValue)) takes the call"]
        + lines(serviceLimits(policy))
    case .gateway(let gateway):
      var lines = [
        record.rule.map { "Decision  rule “\($0)” takes the call" }
          ?? "Decision  the call goes out as “\(gateway.name)”"
      ]
      if let rule = record.rule, rule != gateway.name { lines.append("          as “\(gateway.name)”") }
      // A record without a configuration of its own, as tests make them, has the alias of the rule.
      let alias = gateway.remoteAlias.isEmpty ? record.replaced ?? "" : gateway.remoteAlias
      lines.append(
        alias == record.alias.parsed
          ? "          the alias stays “\(alias)”" : "          the alias becomes “\(alias)”")
      let target = target(gateway, record, policy)
      lines += target.lines.map { "          \($0)" }
      lines.append("          \(media(gateway))")
      // Those of a record are told where it was made.
      if explained != nil {
        lines += self.lines(target.limits)
      }
      return lines
    case .reject(let rejection):
      var lines = ["Decision  \(reason(rejection, record))"]
      if rejection == .destinationRefused, let gateway = explained?.gateway {
        lines += target(gateway, record, policy).lines.map { "          \($0)" }
      }
      return lines
    case .redirect(let alias): return ["Decision  the caller is asked to call “\(alias)”"]
    }
  }

  private func lines(_ limits: [LimitSentence]) -> [String] {
    limits.enumerated().map { ($0 == 0 ? "Limits    " : "          ") + $1.line }
  }

  /// What an explained call to a service counts against.
  func serviceLimits(_ policy: PolicySnapshot?) -> [LimitSentence] {
    guard let explained, let policy else { return [] }
    return policy.admissionLimits(on: explained.request).map {
      LimitSentence(limit: $0, policy: policy, places: places)
    }
  }

  private func media(_ gateway: GatewayConfiguration) -> String {
    let encryption =
      switch gateway.mediaEncryption {
      case .required: "must be encrypted"
      case .bestEffort: "encrypted where possible"
      case .off: "not encrypted"
      }
    let bandwidth = gateway.maximumBandwidthOut.map { ", at most \($0.kilobitsPerSecond) kbit/s out" } ?? ""
    return "media: \(gateway.callCapability.rawValue), \(encryption)\(bandwidth)"
  }

  private func reason(_ rejection: Rejection, _ record: DecisionRecord) -> String {
    switch rejection {
    case .notFound: "refused: no service and no rule takes “\(record.alias.parsed)”"
    case .policy: "refused by policy"
    case .loop: "refused: the call has come round in a loop"
    case .tooManyHops: "refused: too many hops"
    case .limitReached: "refused: a limit is reached\(record.limit.map { ": \($0)" } ?? "")"
    case .destinationRefused:
      "refused: rule “\(record.rule ?? "")” matches, but destination limit “\(record.limit?.name ?? "")” lets nobody call this number"
    case .blocked: "refused: the source is quarantined"
    case .ruleError:
      "refused: rule “\(record.rule ?? "")” failed (too much work, or nothing left of the alias); later rules are not tried"
    case .protocolDisabled:
      record.rule == nil
        ? "refused: \(disabled(record))" : "refused: rule “\(record.rule ?? "")” matches, but dial_out is off"
    case .signOnRequired:
      "refused: the service takes only those who sign on with an identity provider, and this caller cannot"
    case .notServed:
      "refused: \(record.rule.map { "rule “\($0)”" } ?? "policy") sends it where this version cannot"
    case .shutdown: "refused: Tandem is shutting down"
    case .withdrawn: "none: the caller gave up while policy servers were asked"
    }
  }
}

extension DecisionRecord {
  /// The policy server has decided, so that our own services and rules were not looked at.
  var isDecidedByServer: Bool {
    guard service == nil, rule == nil, considered.isEmpty, omittedConsiderations == 0 else { return false }
    return policyAnswers.contains { answer in
      ["used", "reject", "redirect"].contains(answer.outcome)
        // Its hook's fallback is to refuse.
        || answer.isFallback && decision == .reject(.policy) && scripts.allSatisfy { $0.outcome != .reject }
    }
  }
}
