import CallModel
import PatternAnalysis
import PolicyEngine

extension PolicyAnalysis {
  /// Reports rules whose every alias is taken before, by services or by earlier rules alone or together.
  ///
  /// A rule is asked with an alias of its own who takes it. If another does, all that this other takes is put aside and
  /// an alias that is left is looked for; when none is left, the rule is never reached. Most rules answer at once, so
  /// ten thousand of them are no product of pairs.
  mutating func findUnreachableRules() {
    for i in rules.indices where rules[i].isEnabled && !unreachable.contains(i) {
      switch reach(i) {
      case .reached: break
      case .unknown: openQuestions += 1
      case .hidden(let takers, let witness): report(hidden: i, by: takers, witness)
      }
    }
  }

  enum Reach {
    case reached
    case unknown
    /// Who takes its aliases, and one of them.
    case hidden([Taker], witness: String)
  }

  func reach(_ i: Int) -> Reach {
    guard languages[i] != nil else { return reachOpaque(i) }
    var takers: [Taker] = []
    var example: String?
    let cells = cells(of: i)
    guard !cells.isEmpty else { return .reached }
    for (count, cell) in cells.enumerated() {
      guard count < work.cells else { return .unknown }
      switch reach(i, by: cell) {
      case .reached: return .reached
      case .unknown: return .unknown
      case .hidden(let more, let witness):
        for taker in more where !takers.contains(taker) { takers.append(taker) }
        example = example ?? witness
      }
    }
    guard let example else { return .unknown }
    return .hidden(takers.sorted(by: Taker.isTriedBefore), witness: example)
  }

  private func reach(_ i: Int, by cell: CallCell) -> Reach {
    guard let own = languages[i] else { return .unknown }
    var aside: [Automaton] = []
    var takers: [Taker] = []
    var example: String?
    for _ in 0..<work.takers {
      let found: String?
      do {
        found = try Automaton.witness(in: [own.automaton], notIn: aside, limits: limits)
      } catch {
        return .unknown
      }
      guard let text = found else {
        guard let example else { return .unknown }
        return .hidden(takers, witness: example)
      }
      let taker = taker(of: alias(text, for: rules[i], cell), cell)
      if taker == .rule(i) { return .reached }
      example = example ?? text
      guard let language = taken(by: taker, insteadOf: i, text) else { return .unknown }
      if !takers.contains(taker) { takers.append(taker) }
      aside.append(language)
    }
    return .unknown
  }

  /// What `taker` takes of the aliases that rule `i` compares: at least `text`.
  private func taken(by taker: Taker, insteadOf i: Int, _ text: String) -> Automaton? {
    let onlyThis = { try? Automaton(caselessTexts: [text], universe: RuleLanguages.universe) }
    switch taker {
    case .nobody: return nil
    case .service(let name):
      guard !rules[i].matchesFullAlias,
        let service = policy.policy.services.first(where: { $0.configuration.name == name })
      else { return onlyThis() }
      return try? Automaton(caselessTexts: service.aliases, universe: RuleLanguages.universe)
    case .rule(let j):
      guard j < i else { return nil }
      guard let other = languages[j] else {
        // The same pattern takes the same aliases, whatever it is.
        return onlyThis()
      }
      if rules[j].matchesFullAlias != rules[i].matchesFullAlias, !other.isEverything { return onlyThis() }
      return other.automaton
    }
  }

  /// A pattern that cannot be analysed is hidden by the same pattern, or by one for everything, under wider conditions.
  private func reachOpaque(_ i: Int) -> Reach {
    let same = (rulesByPattern[rules[i].pattern] ?? []).filter {
      rules[$0].matchesFullAlias == rules[i].matchesFullAlias
    }
    let hiding = (same + catchAlls).filter { $0 < i && rules[$0].covers(rules[i]) }.min()
    return hiding.map { .hidden([.rule($0)], witness: "") } ?? .reached
  }

  /// The kinds of call that the rule looks at, as far as rules before it tell them apart. Unknown locations come first:
  /// fewest rules look at them.
  func cells(of i: Int) -> [CallCell] {
    let rule = rules[i]
    let places: [String?] =
      rule.sourceLocation.map { [$0] } ?? [nil] + firstUses.prefix { $0.rule < i }.map(\.location)
    let distinguishes = firstRegistered.map { $0 < i } ?? false
    let registrations = rule.onlyRegistered ? [true] : distinguishes ? [false, true] : [false]
    var cells: [CallCell] = []
    for place in places {
      if rule.matchesIncoming {
        for callProtocol in CallProtocol.allCases
        where rule.protocols.contains(callProtocol) && policy.policy.globals.isEnabled(callProtocol) {
          for isRegistered in registrations {
            cells.append(
              CallCell(
                callProtocol: callProtocol, isRegistered: isRegistered, location: place,
                conditions: rule.conditions))
          }
        }
      }
      if rule.matchesOutgoing {
        cells.append(CallCell(isOutgoing: true, location: place, conditions: rule.conditions))
      }
    }
    return cells
  }

  private mutating func report(hidden i: Int, by takers: [Taker], _ witness: String) {
    unreachable.insert(i)
    let names = takers.prefix(4).map { taker in
      switch taker {
      case .rule(let j): "rule “\(rules[j].name)”"
      case .service(let name): "service “\(name)”"
      case .nobody: "nobody"
      }
    }
    let more = takers.count > names.count ? " and \(takers.count - names.count) more" : ""
    let who = names.joined(separator: ", ") + more
    let verb = takers.count == 1 ? "takes" : "take"
    let example = witness.isEmpty ? "" : ", for example “\(witness)”"
    warn(
      "rule-unreachable",
      "rule “\(rules[i].name)” is never reached: \(who) \(verb) every alias it matches\(example)", i,
      keys: ["match"], witness: witness.isEmpty ? nil : witness,
      related: takers.prefix(4).compactMap { taker in
        guard case .rule(let j) = taker else { return nil }
        return (j, "match", "takes such calls first")
      })
  }
}
