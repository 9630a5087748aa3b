import CallModel
import PatternAnalysis
import PolicyEngine

/// Differences that do not begin with a rule: switches, services, and where calls seem to come from.
extension DifferenceSearch {
  /// Protocols, and gateway calls as a whole, that one policy has on and the other off.
  func compareSwitches() {
    let globals = (old.policy.policy.globals, new.policy.policy.globals)
    for callProtocol in CallProtocol.allCases
    where globals.0.isEnabled(callProtocol) != globals.1.isEnabled(callProtocol) {
      let isOn = globals.1.isEnabled(callProtocol)
      guard let witness = admitted(by: isOn ? new : old, callProtocol, wantsGateway: false) else { continue }
      settings.append(
        PolicyDifference.Finding(
          change: isOn ? .admitted : .refused, subject: .callProtocol,
          summary: "\(callProtocol.rawValue) is switched \(isOn ? "on" : "off"): its calls are "
            + (isOn ? "taken as services and rules say" : "refused"), before: .nobody, after: .nobody,
          witness: witness))
    }
    if globals.0.dialOutEnabled != globals.1.dialOutEnabled {
      let isOn = globals.1.dialOutEnabled
      guard let witness = admitted(by: isOn ? new : old, nil, wantsGateway: true) else { return }
      settings.append(
        PolicyDifference.Finding(
          change: isOn ? .admitted : .refused, subject: .callProtocol,
          summary: "dial_out is switched \(isOn ? "on" : "off"): calls that rules take are "
            + (isOn ? "placed" : "refused"), before: .nobody, after: .nobody, witness: witness))
    }
  }

  /// A call that one policy takes and the other refuses for a switch.
  private func admitted(by side: DifferenceSide, _ callProtocol: CallProtocol?, wantsGateway: Bool)
    -> PolicyDifference.Witness?
  {
    let protocols =
      callProtocol.map { [$0] } ?? CallProtocol.allCases.filter(side.policy.policy.globals.isEnabled)
    func attempt(_ text: String, _ isFull: Bool, _ template: ExplainedCall) -> PolicyDifference.Witness? {
      guard let call = dialled(text, isFull, template) else { return nil }
      let before = old.decide(call).record
      let after = new.decide(call).record
      guard DecisionChange(from: before.decision, to: after.decision)?.isSubstantial == true else {
        return nil
      }
      return .init(call: call, before: before.outcomeSentence, after: after.outcomeSentence)
    }
    for callProtocol in protocols {
      for isRegistered in [false, true] {
        var template = ExplainedCall(
          alias: "", callProtocol: callProtocol, isRegistered: isRegistered, capability: .video, at: start)
        if !wantsGateway {
          for service in side.policy.policy.services.prefix(16) {
            if let alias = service.aliases.first, let found = attempt(alias, false, template) { return found }
          }
        }
        for (i, rule) in side.rules.enumerated().prefix(2_000) where rule.isEnabled {
          template.location = rule.sourceLocation
          template.trunk = rule.conditions.trunks.first
          template.tag = rule.conditions.tags.first ?? ""
          template.direction = rule.matchesIncoming ? .dialIn : .dialOut
          guard side.holds(i, template), let text = try? side.language(i)?.witness(limits: limits) else {
            continue
          }
          if let found = attempt(text, rule.matchesFullAlias, template) { return found }
        }
      }
    }
    return nil
  }

  /// Aliases that a service has on one side only, or that lead to another or another kind of service.
  func compareServices() {
    func owners(_ policy: Policy) -> [String: (alias: String, service: ServiceConfiguration)] {
      var owners: [String: (alias: String, service: ServiceConfiguration)] = [:]
      for service in policy.services {
        for alias in service.aliases where owners[alias.caseFolded] == nil {
          owners[alias.caseFolded] = (alias, service.configuration)
        }
      }
      return owners
    }
    let before = owners(old.policy.policy)
    let after = owners(new.policy.policy)
    var changed: [String] = []
    for (folded, owner) in before where after[folded]?.service.isSame(as: owner.service) != true {
      changed.append(owner.alias)
    }
    for (folded, owner) in after where before[folded] == nil { changed.append(owner.alias) }
    changed.sort { ($0.count, $0) < ($1.count, $1) }
    for (tried, alias) in changed.enumerated() {
      guard tried < work.aliases else {
        leaveOpen()
        return
      }
      try? compare(alias)
    }
  }

  /// Asks about one alias by every kind of call that rules for it tell apart.
  private func compare(_ alias: String) throws(Opaque) {
    guard old.policy.service(alias: alias) == nil || new.policy.service(alias: alias) == nil else {
      // A service on both sides: no rule is looked at.
      for callProtocol in protocols {
        let call = ExplainedCall(alias: "", callProtocol: callProtocol, capability: .video, at: start)
        if let call = dialled(alias, false, call) { ask(call) }
      }
      return
    }
    let expression = try RegularExpression(parsing: Automaton.quoted(alias))
    let ends = LiteralEnds(expression.root)
    func rules(_ side: DifferenceSide) -> [CallRoutingRule] {
      side.candidates(ends).filter {
        side.rules[$0].matchesFullAlias || side.policy.pattern(ofRule: $0, matches: alias) ?? true
      }.map { side.rules[$0] }
    }
    // A rule that looks at everything, so that nothing is left out.
    var any = CallRoutingRule(
      name: "", priority: 1, matchesOutgoing: true, protocols: Set(CallProtocol.allCases), pattern: "",
      gateway: GatewayConfiguration(name: "", remoteAlias: ""))
    any.isEnabled = true
    let cells = cells(of: any, rules(old) + rules(new))
    if !cells.isComplete { leaveOpen() }
    for cell in cells.calls {
      if let call = dialled(alias, false, cell) { ask(call) }
    }
  }

  /// Calls from addresses that the two policies put into different places, and over trunks that only one trusts: there, rules that
  /// are the same look at different calls.
  func compareOrigins() {
    let trust = Dictionary(
      old.policy.policy.trunks.map { ($0.name, $0.isTrusted) }, uniquingKeysWith: { a, _ in a })
    let trunks = new.policy.policy.trunks.filter { trunk in
      trust[trunk.name].map { $0 != trunk.isTrusted } ?? false
    }.map(\.name)
    let locations = (listenerLocations(old), listenerLocations(new))
    guard !origins.isEmpty || !trunks.isEmpty || locations.0 != locations.1 else { return }
    for (i, rule) in old.rules.enumerated() where rule.isEnabled {
      guard let j = alignment.newOf[i],
        rule.sourceLocation != nil || !rule.conditions.trunks.isEmpty || rule.conditions.onlyTrusted
      else { continue }
      var wide = rule
      // All calls the two may look at, not only those of this rule's place.
      wide.sourceLocation = nil
      wide.conditions.trunks = []
      wide.conditions.onlyTrusted = false
      let relevant =
        old.candidates(old.ends(i)).map { old.rules[$0] } + new.candidates(new.ends(j)).map { new.rules[$0] }
      let cells = cells(of: wide, relevant)
      if !cells.isComplete { leaveOpen() }
      for half in [Half.old, .new] {
        let (side, other) = half == .old ? (old, new) : (new, old)
        let (r, s) = half == .old ? (i, j) : (j, i)
        let differing = cells.calls.filter { side.holds(r, $0) && !other.holds(s, $0) }
        if !differing.isEmpty { examine(r, half, calls: differing) }
      }
    }
  }

  /// Where calls without a source arrive.
  private func listenerLocations(_ side: DifferenceSide) -> [String?] {
    side.policy.policy.globals.sip.listeners.map(\.location)
  }
}

extension Automaton {
  /// A pattern for one text.
  static func quoted(_ text: String) -> String {
    String(
      text.flatMap { character -> [Character] in
        character.isASCII && !character.isLetter && !character.isNumber && character != "@"
          ? ["\\", character] : [character]
      })
  }
}
