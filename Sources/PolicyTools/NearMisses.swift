import CallModel
import PolicyEngine

/// How near rules were that did not take a call: small changes of the call by which one of them would.
///
/// Each was tried: the changed call was decided, and that rule took it.
public struct NearMisses: Sendable {
  public struct Miss: Sendable {
    /// What would have to be different, as in "without the leading +: “4420…”".
    public var change: String
    /// The call that the rule takes.
    public var call: ExplainedCall
  }

  /// By the number of the rule in the order of evaluation.
  public private(set) var byRule: [Int: Miss] = [:]

  /// Rules that are looked at, the first ones, and near misses that are told.
  public static let maximumRules = 2_000
  public static let maximumCount = 8

  /// - Parameter record: what was decided about the call, with every rule that was considered.
  public init(_ call: ExplainedCall, _ record: DecisionRecord, _ policy: PolicySnapshot) {
    guard policy.version.description == record.policyVersion else { return }
    for consideration in record.considered.prefix(NearMisses.maximumRules) {
      guard byRule.count < NearMisses.maximumCount else { return }
      let index = consideration.rule
      guard policy.policy.rules.indices.contains(index) else { continue }
      let variants = Variants(call: call, record: record, policy: policy, rule: policy.policy.rules[index])
      for (change, variant) in variants.all(of: consideration.outcome, index) {
        let request = variant.request(to: policy)
        guard let last = policy.decide(request, now: variant.at).record.considered.last,
          last.rule == index, last.outcome == .matched
        else { continue }
        byRule[index] = Miss(change: change, call: variant)
        break
      }
    }
  }
}

/// Changes of a call that might make a rule take it.
private struct Variants {
  let call: ExplainedCall
  let record: DecisionRecord
  let policy: PolicySnapshot
  let rule: CallRoutingRule

  func all(of outcome: RuleConsideration.Outcome, _ index: Int) -> [(String, ExplainedCall)] {
    // Of a rule whose pattern does not match either, no other condition is near.
    if outcome != .pattern, policy.pattern(ofRule: index, matches: subject) != true { return [] }
    switch outcome {
    case .matched, .disabled, .patternError: return []
    case .direction:
      let isOutgoing = record.direction == .dialOut
      return [
        changed(isOutgoing ? "if the call came in" : "if Tandem placed the call") {
          $0.direction = isOutgoing ? .dialIn : .dialOut
        }
      ]
    case .callProtocol:
      return CallProtocol.allCases.filter(rule.protocols.contains).map { callProtocol in
        changed("if the call came by \(callProtocol.rawValue)") { $0.callProtocol = callProtocol }
      }
    case .registered: return [registered]
    case .location:
      return rule.sourceLocation.map { location in
        [changed("if the call came from location “\(location)”") { $0.location = location }]
      } ?? []
    case .caller: return []
    case .network:
      return rule.conditions.networks.prefix(4).map { network in
        changed("if the call came from \(network)") { $0.source = network.base }
      }
    case .trunk: return rule.conditions.trunks.prefix(4).map(overTrunk)
    case .trust:
      return [registered]
        + policy.policy.trunks.filter(\.isTrusted).prefix(2).map { overTrunk($0.name, "trusted trunk") }
    case .capability:
      return CallCapability.allCases.filter(rule.conditions.capabilities.contains).map { capability in
        changed("if the caller offered \(capability.rawValue)") { $0.capability = capability }
      }
    case .tag:
      return rule.conditions.tags.prefix(4).map { tag in
        changed("if the call were tagged “\(tag)”") { $0.tag = tag }
      }
    case .schedule: return moments
    case .pattern: return aliases(index)
    }
  }

  private func changed(_ what: String, _ edit: (inout ExplainedCall) -> Void) -> (String, ExplainedCall) {
    var variant = call
    edit(&variant)
    return (what, variant)
  }

  private var registered: (String, ExplainedCall) {
    changed("if the caller were registered") { $0.isRegistered = true }
  }

  private func overTrunk(_ name: String) -> (String, ExplainedCall) { overTrunk(name, "trunk") }

  private func overTrunk(_ name: String, _ noun: String) -> (String, ExplainedCall) {
    changed("if the call came over \(noun) “\(name)”") {
      $0.trunk = name
      ($0.isRegistered, $0.registeredAlias) = (false, nil)
    }
  }

  // MARK: Time

  /// The next moment at which the rule's schedules are as it wants them.
  private var moments: [(String, ExplainedCall)] {
    let names = rule.conditions.schedules + rule.conditions.exceptSchedules
    let schedules = policy.policy.schedules.filter { names.contains($0.name) }
    return ScheduleCombinations(schedules, from: call.at).moments.dropFirst().sorted { $0.at < $1.at }.map {
      moment in changed("from \(moment.at.iso8601) on") { $0.at = moment.at }
    }
  }

  // MARK: Aliases

  private var subject: String { rule.matchesFullAlias ? record.alias.full : record.alias.parsed }

  /// Domains that are ours, the deployment's first.
  private var domains: [String] {
    var domains: [String] = []
    for domain in [policy.policy.globals.domain] + policy.policy.locations.map(\.domain) {
      if let domain, !domains.contains(domain) { domains.append(domain) }
    }
    return Array(domains.prefix(6))
  }

  private func aliases(_ index: Int) -> [(String, ExplainedCall)] {
    texts.compactMap { text, change in
      guard text != subject, policy.pattern(ofRule: index, matches: text) == true else { return nil }
      // As something that can be dialled and reads as this text.
      for form in [text, "sip:\(text)"] {
        let alias = Alias(dialled: form, protocol: call.callProtocol)
        guard (rule.matchesFullAlias ? alias.full : alias.parsed) == text else { continue }
        return changed("\(change): “\(text)”") { $0.alias = form }
      }
      return nil
    }
  }

  private var texts: [(String, String)] {
    let text = subject
    let scheme = text.prefix { $0 != ":" }
    let isSchemed = rule.matchesFullAlias && ["sip", "sips", "tel", "h323"].contains(scheme.lowercased())
    let head = isSchemed ? "\(scheme):" : ""
    let rest = isSchemed ? String(text.dropFirst(head.count)) : text
    var texts: [(String, String)] = []
    func add(_ rest: String, _ change: String) { texts.append((head + rest, change)) }
    if rest.hasPrefix("+") {
      add(String(rest.dropFirst()), "without the leading +")
      for prefix in policy.policy.globals.numbering.internationalPrefixes {
        add(prefix + rest.dropFirst(), "with \(prefix) instead of +")
      }
    }
    for prefix in policy.policy.globals.numbering.internationalPrefixes where rest.hasPrefix(prefix) {
      add("+" + rest.dropFirst(prefix.count), "with + instead of \(prefix)")
    }
    if rest.first?.isNumber == true { add("+" + rest, "with a leading +") }
    if let at = rest.lastIndex(of: "@"), at != rest.startIndex {
      let (user, domain) = (String(rest[..<at]), String(rest[rest.index(after: at)...]))
      add(user, "without the domain")
      for other in domains where other.caseFolded != domain.caseFolded {
        add("\(user)@\(other)", "with our domain \(other) instead of \(domain)")
      }
    } else if !rest.contains(":") {
      for domain in domains { add("\(rest)@\(domain)", "with the domain") }
    }
    if isSchemed { texts.append((rest, "without the scheme")) }
    if rest.lowercased() != rest { add(rest.lowercased(), "in lower case") }
    if rest.count > 1 {
      add(String(rest.dropFirst()), "without the first character")
      add(String(rest.dropLast()), "without the last character")
    }
    return texts
  }
}
