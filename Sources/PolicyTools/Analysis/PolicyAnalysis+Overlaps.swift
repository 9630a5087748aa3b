import CallModel
import PatternAnalysis
import PolicyEngine

extension PolicyAnalysis {
  /// Reports rules of one priority that match a common alias: which of them wins depends on the order of files.
  mutating func findOverlaps() {
    var pairs = 0
    var start = 0
    while start < rules.count {
      var end = start + 1
      while end < rules.count, rules[end].priority == rules[start].priority { end += 1 }
      var index = LanguageIndex()
      for i in start..<end where rules[i].isEnabled && !unreachable.contains(i) {
        guard let own = languages[i] else { continue }
        for j in index.candidates(own.ends) {
          guard let other = languages[j], rules[j].sharesCalls(with: rules[i]), own.ends.canMeet(other.ends)
          else { continue }
          pairs += 1
          guard pairs <= work.pairs else {
            openQuestions += 1
            return
          }
          guard let witness = commonAlias(j, i) else { continue }
          warn(
            "equal-priority",
            "rules “\(rules[j].name)” and “\(rules[i].name)” have priority \(rules[i].priority) and both match “\(witness)”; the one written first wins",
            i, keys: ["priority"], witness: witness, related: [(j, "priority", "the one that wins")])
          break
        }
        index.add(own.ends, i)
      }
      start = end
    }
  }

  /// An alias that two rules match, in the form of the second.
  private mutating func commonAlias(_ j: Int, _ i: Int) -> String? {
    guard let a = languages[j], let b = languages[i], haveCommonCallers(j, i) else { return nil }
    if rules[j].matchesFullAlias != rules[i].matchesFullAlias {
      // The two compare different texts: only a pattern for everything is sure to meet the other.
      guard a.isEverything || b.isEverything else { return nil }
      return try? b.automaton.witness(limits: limits)
    }
    do {
      guard try !a.automaton.isDisjoint(from: b.automaton, limits: limits) else { return nil }
      return try Automaton.witness(in: [a.automaton, b.automaton], notIn: [], limits: limits)
    } catch {
      openQuestions += 1
      return nil
    }
  }

  /// False when the callers that two rules ask for are surely others.
  private func haveCommonCallers(_ j: Int, _ i: Int) -> Bool {
    guard let a = rules[j].conditions.caller, let b = rules[i].conditions.caller, a != b,
      let first = try? Automaton(pattern: a, universe: RuleLanguages.universe, limits: limits),
      let second = try? Automaton(pattern: b, universe: RuleLanguages.universe, limits: limits)
    else { return true }
    return (try? Automaton.hasText(in: [first, second], notIn: [], limits: limits)) ?? true
  }
}
