import CallModel
import PatternAnalysis
import PolicyEngine

/// Which rules can match an alias: those with a literal that stands somewhere in it, and those that have none.
struct TakerIndex {
  private var byLiteral: [ArraySlice<UInt32>: [Int]] = [:]
  private var lengths: [Int] = []
  private var others: [Int] = []

  init(_ rules: [CallRoutingRule], _ languages: RuleLanguages) {
    // Of the texts that every match of a rule has, the one that fewest rules share.
    var shares: [ArraySlice<UInt32>: Int] = [:]
    func keys(_ i: Int) -> [ArraySlice<UInt32>] {
      guard let ends = languages[i]?.ends else { return [] }
      return [ends.inner[...], ends.prefix[...], ends.suffix[...]].filter { $0.count >= 2 }
    }
    for i in rules.indices where rules[i].isEnabled {
      for key in Set(keys(i)) { shares[key, default: 0] += 1 }
    }
    for i in rules.indices where rules[i].isEnabled {
      let best = keys(i).min { a, b in
        (shares[a] ?? 0, -a.count) < (shares[b] ?? 0, -b.count)
      }
      if let best { byLiteral[best, default: []].append(i) } else { others.append(i) }
    }
    lengths = Set(byLiteral.keys.map(\.count)).sorted()
  }

  /// In the order of evaluation.
  func candidates(_ alias: Alias) -> [Int] {
    var lists = others.isEmpty ? [] : [others]
    func add(_ text: String) {
      let scalars = LiteralEnds.folded(text)
      for length in lengths where length <= scalars.count {
        for start in 0...(scalars.count - length) {
          if let rules = byLiteral[scalars[start..<(start + length)]] { lists.append(rules) }
        }
      }
    }
    add(alias.parsed)
    if alias.full != alias.parsed { add(alias.full) }
    // A literal may stand in an alias twice; trying a rule again does no harm.
    return lists.count == 1 ? lists[0] : lists.joined().sorted()
  }
}
