import CallModel
import PatternAnalysis
import PolicyEngine

/// Which rules can match an alias: those whose longest literal stands somewhere in it, and those that have none.
struct TakerIndex {
  private var byLiteral: [ArraySlice<UInt32>: [Int]] = [:]
  private var lengths: [Int] = []
  private var others: [Int] = []

  /// Literals are cut to this, so that there are few lengths to look for.
  private static let longest = 12

  init(_ rules: [CallRoutingRule], _ languages: RuleLanguages) {
    for i in rules.indices where rules[i].isEnabled {
      let literal = languages[i]?.ends.inner ?? []
      // The end of a long literal tells more than its beginning: numbers differ in their last digits.
      let key = literal.suffix(TakerIndex.longest)
      if key.count < 2 { others.append(i) } else { byLiteral[key, default: []].append(i) }
    }
    lengths = Set(byLiteral.keys.map(\.count)).sorted()
  }

  /// In the order of evaluation.
  func candidates(_ alias: Alias) -> [Int] {
    var found = others
    func add(_ text: String) {
      let scalars = LiteralEnds.folded(text)
      for length in lengths where length <= scalars.count {
        for start in 0...(scalars.count - length) {
          if let rules = byLiteral[scalars[start..<(start + length)]] { found += rules }
        }
      }
    }
    add(alias.parsed)
    if alias.full != alias.parsed { add(alias.full) }
    guard found.count > others.count else { return found }
    // A literal may stand in an alias twice; trying a rule again does no harm.
    return found.sorted()
  }
}
