import CallModel
import PolicyEngine

/// Says in words why a rule did not take a call, and how near it was.
struct RuleSentence {
  let record: DecisionRecord
  /// nil: the record was made by another version, whose rules are not at hand.
  let policy: PolicySnapshot?
  /// nil: nobody has looked.
  var misses: NearMisses?

  func name(_ index: Int) -> String {
    guard let policy, index < policy.policy.rules.count else { return "rule \(index + 1)" }
    return policy.policy.rules[index].name
  }

  func priority(_ index: Int) -> Int? {
    guard let policy, index < policy.policy.rules.count else { return nil }
    return policy.policy.rules[index].priority
  }

  /// The text that the rule's pattern sees.
  private func subject(_ rule: CallRoutingRule) -> String {
    rule.matchesFullAlias ? record.alias.full : record.alias.parsed
  }

  func reason(_ consideration: RuleConsideration) -> String {
    guard let policy, consideration.rule < policy.policy.rules.count else {
      return plain(consideration.outcome)
    }
    let rule = policy.policy.rules[consideration.rule]
    switch consideration.outcome {
    case .matched: return "matches"
    case .disabled: return "it is disabled"
    case .direction:
      let wanted = rule.matchesIncoming ? "incoming" : rule.matchesOutgoing ? "outgoing" : "no"
      return
        "it is for \(wanted) calls, and this one is \(record.direction == .dialOut ? "outgoing" : "incoming")"
    case .callProtocol:
      let boxes = CallProtocol.allCases.filter(rule.protocols.contains).map(\.rawValue)
      let wanted = boxes.isEmpty ? "no protocol" : boxes.joined(separator: ", ")
      return "it is for callers by \(wanted), and this one comes by \(record.callProtocol.ruleClass.rawValue)"
    case .registered: return "it is for registered devices only, and the caller is not registered"
    case .location:
      let here = record.location.map { "“\($0)”" } ?? "unknown"
      return "it is for location “\(rule.sourceLocation ?? "")”, and the call's location is \(here)"
    case .caller: return "the pattern \(rule.conditions.caller ?? "") does not match the calling alias"
    case .network:
      return "it is for calls from \(list(rule.conditions.networks.map(\.description))), and this one is not"
    case .trunk:
      return "it is for calls over \(list(rule.conditions.trunks.map { "“\($0)”" })), and this one is not"
    case .trust: return "it is for trusted callers only: registered here, or behind a trusted trunk"
    case .capability:
      let wanted = CallCapability.allCases.filter(rule.conditions.capabilities.contains).map(\.rawValue)
      return "it is for callers who offer \(list(wanted))"
    case .tag: return "it is for calls tagged \(list(rule.conditions.tags.map { "“\($0)”" }))"
    case .schedule:
      let when = rule.conditions.schedules.map { "“\($0)”" }
      let unless = rule.conditions.exceptSchedules.map { "“\($0)”" }
      return "it is "
        + [when.isEmpty ? "" : "for \(list(when))", unless.isEmpty ? "" : "not for \(list(unless))"]
        .filter { !$0.isEmpty }.joined(separator: ", ") + ", and the call comes at another time"
    case .pattern where rule.form != nil: return "“\(subject(rule))” does not fit: \(rule.pattern)"
    case .pattern: return "the pattern \(rule.pattern) does not match all of “\(subject(rule))”"
    case .patternError: return "the pattern \(rule.pattern) needs too much work on “\(subject(rule))”"
    }
  }

  private func list(_ words: [String]) -> String { words.joined(separator: ", ") }

  private func plain(_ outcome: RuleConsideration.Outcome) -> String {
    switch outcome {
    case .matched: "matches"
    case .disabled: "it is disabled"
    case .direction: "it is for the other direction"
    case .callProtocol: "it is not for the caller's protocol"
    case .registered: "it is for registered devices only"
    case .location: "it is for another location"
    case .caller: "it is for other callers"
    case .network: "it is for other networks"
    case .trunk: "it is for other trunks"
    case .trust: "it is for trusted callers only"
    case .capability: "it is for callers who offer other media"
    case .tag: "it is for calls with another tag"
    case .schedule: "it is for another time"
    case .pattern: "the pattern does not match"
    case .patternError: "the pattern needs too much work"
    }
  }

  /// What would have made the rule take the call.
  func nearMiss(_ consideration: RuleConsideration) -> String? {
    misses?.byRule[consideration.rule].map { "it would match \($0.change)" }
  }
}
