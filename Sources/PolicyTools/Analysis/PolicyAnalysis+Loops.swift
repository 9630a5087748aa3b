import CallModel
import PatternAnalysis
import PolicyEngine

extension PolicyAnalysis {
  /// How often a call may come back before it is taken for one that never ends (reference §6: ten resolutions).
  static let hopLimit = 10

  /// Reports rules that send calls to where they come from: by DNS to a domain of our own, or over a trunk that is
  /// ourselves, so that the call arrives again and matches again. The way round was gone with the engine's patterns.
  mutating func findLoops() {
    let own = OwnAddresses(policy.policy)
    var reported: Set<Int> = []
    for i in rules.indices where rules[i].isEnabled && !unreachable.contains(i) && !reported.contains(i) {
      guard rules[i].gateway.target == .external, own.canReturn(rules[i], policy), let image = image(of: i)
      else { continue }
      var aside: [Automaton] = []
      for _ in 0..<8 {
        let languages = rules[i].gateway.trunks.isEmpty ? [image, own.domains].compactMap { $0 } : [image]
        guard let text = try? Automaton.witness(in: languages, notIn: aside, limits: limits) else { break }
        let way = follow(text, own, rules[i].conditions)
        if let loop = way.loop {
          report(loop, &reported)
          break
        }
        // Whatever takes this alias leads nowhere: look for one that something else takes.
        guard case .rule(let j)? = way.first, let other = self.languages[j], !rules[j].matchesFullAlias else {
          guard let alone = try? Automaton(caselessTexts: [text], universe: RuleLanguages.universe) else {
            break
          }
          aside.append(alone)
          continue
        }
        aside.append(other.automaton)
      }
    }
  }

  private struct Loop {
    /// Rules on the way round, with the alias each takes.
    var steps: [(rule: Int, alias: String)]
    /// The same alias comes round, or one that is still on its way after the last hop.
    var isClosed: Bool
  }

  /// Goes the way of an alias that arrives from outside.
  private func follow(_ text: String, _ own: OwnAddresses, _ conditions: RuleConditions)
    -> (first: Taker?, loop: Loop?)
  {
    var first: Taker?
    for location in own.locations {
      let cell = CallCell(callProtocol: .sip, location: location, conditions: conditions)
      var steps: [(rule: Int, alias: String)] = []
      var text = text
      for _ in 0...PolicyAnalysis.hopLimit {
        let dialled = Alias(
          full: "sip:\(text)", parsed: Alias(sip: "sip:\(text)").parsed, local: "sip:\(text)")
        let taker = taker(of: dialled, cell)
        first = first ?? taker
        guard case .rule(let i) = taker, let next = policy.result(ofRule: i, on: dialled),
          let returned = own.returning(next, from: rules[i], policy)
        else {
          steps = []
          break
        }
        if let start = steps.firstIndex(where: { $0.rule == i && $0.alias == text }) {
          return (first, Loop(steps: Array(steps[start...]), isClosed: true))
        }
        steps.append((i, text))
        text = returned
      }
      if steps.count > PolicyAnalysis.hopLimit { return (first, Loop(steps: steps, isClosed: false)) }
    }
    return (first, nil)
  }

  private mutating func report(_ loop: Loop, _ reported: inout Set<Int>) {
    // The rule that is tried first gets the finding; the others are named in it.
    guard let start = loop.steps.indices.min(by: { loop.steps[$0].rule < loop.steps[$1].rule }) else {
      return
    }
    let steps = loop.isClosed ? Array(loop.steps[start...] + loop.steps[..<start]) : loop.steps
    guard let head = steps.first, reported.isDisjoint(with: steps.map(\.rule)) else { return }
    reported.formUnion(steps.map(\.rule))
    var seen: Set<Int> = [head.rule]
    let others = steps.dropFirst().filter { seen.insert($0.rule).inserted }
    let way = others.map { ", then rule “\(rules[$0.rule].name)” takes “\($0.alias)”" }.joined()
    let end =
      loop.isClosed
      ? "and it comes back the same" : "and it still comes back after \(PolicyAnalysis.hopLimit) turns"
    warn(
      "routing-loop",
      "rule “\(rules[head.rule].name)” sends “\(head.alias)” back to Tandem\(way), \(end)", head.rule,
      keys: ["to"], witness: head.alias,
      suggestion: "send only to registered_device, name a trunk, or leave out the domains that are our own",
      related: others.map { ($0.rule, "to", "and sends it on") })
  }
}

/// The domains and addresses that are this Tandem's own.
struct OwnAddresses {
  private let names: Set<String>
  private let listeners: [TransportAddress]
  /// Aliases in one of the domains.
  let domains: Automaton?
  /// Where a call that comes back can seem to come from.
  let locations: [String?]

  init(_ policy: Policy) {
    var names = Set(policy.locations.compactMap(\.domain).map(\.caseFolded))
    // The default stands for no domain at all.
    if policy.globals.domain != "tandem.invalid" { names.insert(policy.globals.domain.caseFolded) }
    self.names = names
    listeners = policy.globals.sip.listeners.flatMap { [$0.address, $0.advertised].compactMap { $0 } }
    let before = RegularExpression.Node.repeated(
      .characters(.printable), minimum: 0, maximum: nil, isPossessive: false)
    domains =
      names.isEmpty
      ? nil
      : try? Automaton(
        .sequence([
          before, .caselessText("@"), .alternatives(names.sorted().map { .caselessText($0) }),
        ]), universe: RuleLanguages.universe)
    let seen = Set(policy.globals.sip.listeners.map(\.location))
    locations = seen.isEmpty ? [nil] : Array(seen.sorted { ($0 ?? "") < ($1 ?? "") }.prefix(8))
  }

  private func isOwn(_ trunk: Trunk) -> Bool {
    if names.contains(trunk.host.caseFolded) { return true }
    guard let address = IPAddress(trunk.host) else { return false }
    let port = trunk.port ?? (trunk.transport == .tls ? 5061 : 5060)
    return listeners.contains { $0.ip == address && $0.port == port }
  }

  /// Whether anything the rule sends out can come back.
  func canReturn(_ rule: CallRoutingRule, _ policy: PolicySnapshot) -> Bool {
    guard rule.gateway.outgoingProtocol == .sip else { return false }
    guard !rule.gateway.trunks.isEmpty else { return domains != nil }
    return rule.gateway.trunks.contains { policy.trunk(named: $0.trunk).map(isOwn) ?? false }
  }

  /// The alias with which a call to `alias` comes back; nil when it goes elsewhere.
  func returning(_ alias: String, from rule: CallRoutingRule, _ policy: PolicySnapshot) -> String? {
    guard rule.gateway.target == .external, rule.gateway.outgoingProtocol == .sip else { return nil }
    guard !rule.gateway.trunks.isEmpty else {
      guard let at = alias.lastIndex(of: "@"),
        names.contains(String(alias[alias.index(after: at)...]).caseFolded)
      else { return nil }
      return alias
    }
    for choice in rule.gateway.trunks {
      guard let trunk = policy.trunk(named: choice.trunk), isOwn(trunk) else { continue }
      let sent = choice.calledTransform.flatMap { policy.apply($0, to: alias) } ?? alias
      return sent.contains("@") ? sent : "\(sent)@\(trunk.domain ?? trunk.host)"
    }
    return nil
  }
}
