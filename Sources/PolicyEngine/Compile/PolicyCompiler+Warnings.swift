import CallModel

/// What is not wrong but deserves a look. Found from the text of patterns and by trying samples; nothing here claims to
/// be complete.
extension PolicyCompiler {
  static func warn(
    about policy: Policy, order: [Int], into findings: inout [PolicyFinding]
  ) {
    if !policy.globals.dialOutEnabled, policy.rules.contains(where: \.isEnabled) {
      findings.append(
        PolicyFinding(
          severity: .warning, code: "dial-out-disabled",
          message: "dial_out is off: every rule matches in vain",
          path: PolicyPath(keys: "globals", "dial_out")))
    }
    for i in order {
      let rule = policy.rules[i]
      let path = PolicyPath("rules", i)
      guard rule.isEnabled else {
        findings.append(
          PolicyFinding(
            severity: .warning, code: "rule-disabled", message: "rule “\(rule.name)” is disabled",
            path: path.appending("enabled")))
        continue
      }
      if !rule.matchesOutgoing, !rule.matchesIncoming || rule.protocols.isEmpty {
        findings.append(
          PolicyFinding(
            severity: .warning, code: "rule-never-matches",
            message: "rule “\(rule.name)” has no direction or protocol left to match", path: path))
        continue
      }
      if isOpenRoute(rule), !isBounded(rule, policy) {
        findings.append(
          PolicyFinding(
            severity: .warning, code: "open-route",
            message: "anybody who can reach Tandem can dial numbers through rule “\(rule.name)”",
            path: path.appending("match"),
            suggestion: "set from.registered: true, or from.location, or send only to registered_device"))
      }
    }
    warnAboutUnserved(policy, order, into: &findings)
    // What `tandem check` proves is only estimated here, and must not keep a number plan from being activated in time.
    guard policy.rules.count <= estimatedRules else { return }
    warnAboutHiddenRules(policy, order, into: &findings)
    warnAboutTies(policy, order, into: &findings)
  }

  /// Rules of a policy that are compared with each other when it is loaded.
  private static let estimatedRules = 20_000

  /// Unregistered callers, any location, an external target, digits: toll fraud waiting to happen (reference §22).
  private static func isOpenRoute(_ rule: CallRoutingRule) -> Bool {
    let isGuarded =
      rule.onlyRegistered || rule.sourceLocation != nil || rule.conditions.onlyTrusted
      || !rule.conditions.networks.isEmpty || !rule.conditions.trunks.isEmpty
    guard rule.matchesIncoming, !isGuarded, !rule.protocols.isEmpty,
      rule.gateway.target == .external
    else { return false }
    guard let pattern = rule.form.map({ Pattern($0) }) ?? (try? Pattern(rule.pattern, isForUse: false)) else {
      return false
    }
    return numberSamples.contains { number in
      pattern.matches(rule.matchesFullAlias ? "sip:\(number)@198.51.100.1" : number) == true
    }
  }

  /// Limits on what all callers together may cost (`tandem check` also knows those of numbers).
  private static func isBounded(_ rule: CallRoutingRule, _ policy: Policy) -> Bool {
    func isBound(_ caps: CallCaps) -> Bool {
      caps.concurrentCalls != nil || caps.calls != nil || caps.callMinutes != nil
    }
    if let limits = rule.gateway.limits, isBound(limits.total) { return true }
    let names = Set(rule.gateway.trunks.map(\.trunk))
    return !names.isEmpty && policy.trunks.allSatisfy { !names.contains($0.name) || isBound($0.limits.total) }
  }

  private static let numberSamples = [
    "5551234", "95551234", "0095551234", "005551234567", "90015551234567", "0015551234567", "15551234567",
    "+15551234567", "8005551234", "2125551234", "90044555123456", "00447700900123", "0447700900123", "112",
    "911", "1900123456", "9112",
  ]

  /// A rule behind one with the same pattern, or behind one that takes everything, and wider conditions.
  private static func warnAboutHiddenRules(
    _ policy: Policy, _ order: [Int], into findings: inout [PolicyFinding]
  ) {
    struct Key: Hashable {
      var pattern: String
      var isFull: Bool
    }
    var earlier: [Key: [Int]] = [:]
    for i in order where policy.rules[i].isEnabled {
      let rule = policy.rules[i]
      let keys =
        [rule.pattern, ".*", ".+", "(.*)", "(.+)"].flatMap { pattern in
          pattern == rule.pattern
            ? [Key(pattern: pattern, isFull: rule.matchesFullAlias)]
            : [Key(pattern: pattern, isFull: false), Key(pattern: pattern, isFull: true)]
        }
      if let hiding = keys.lazy.compactMap({ earlier[$0]?.first { policy.rules[$0].covers(rule) } }).first {
        findings.append(
          PolicyFinding(
            severity: .warning, code: "rule-unreachable",
            message: "rule “\(rule.name)” is never reached: “\(policy.rules[hiding].name)” matches first",
            path: PolicyPath("rules", i, "match"),
            related: [(PolicyPath("rules", hiding, "match"), "the rule that matches first")]))
      }
      let key = Key(pattern: rule.pattern, isFull: rule.matchesFullAlias)
      // Many rules with one pattern differ by location; a handful is enough to compare with.
      if earlier[key, default: []].count < 64 { earlier[key, default: []].append(i) }
    }
  }

  /// Equal priority and patterns that may meet: which rule wins then depends on the order of files.
  private static func warnAboutTies(_ policy: Policy, _ order: [Int], into findings: inout [PolicyFinding]) {
    var group: [(rule: Int, keys: PatternKeys)] = []
    for i in order where policy.rules[i].isEnabled {
      let rule = policy.rules[i]
      if let last = group.last, policy.rules[last.rule].priority != rule.priority { group = [] }
      let keys = PatternKeys(of: rule)
      let meeting = group.suffix(8).first { other in
        let that = policy.rules[other.rule]
        return that.pattern != rule.pattern && that.sharesCalls(with: rule)
          && (that.matchesFullAlias || rule.matchesFullAlias || !keys.excludes(other.keys))
      }
      if let meeting {
        findings.append(
          PolicyFinding(
            severity: .warning, code: "equal-priority",
            message:
              "rules “\(policy.rules[meeting.rule].name)” and “\(rule.name)” have priority \(rule.priority) and may match the same calls; the one written first wins",
            path: PolicyPath("rules", i, "priority"),
            related: [(PolicyPath("rules", meeting.rule, "priority"), "the one that wins")]))
      }
      group.append((i, keys))
    }
  }
}
