import PatternAnalysis
import PolicyEngine

extension PolicyAnalysis {
  /// Reports patterns that an alias of ordinary length brings to the bound of work. The alias was tried.
  mutating func findCostlyPatterns() {
    var known: [String: (text: String, length: Int)?] = [:]
    for i in rules.indices where rules[i].isEnabled {
      guard rules[i].form == nil, let language = languages[i], language.expression.mayBeCostly else {
        continue
      }
      let pattern = rules[i].pattern
      let attack: (text: String, length: Int)?
      if let same = known[pattern] { attack = same } else { attack = costlyAlias(i, language.expression) }
      known[pattern] = .some(attack)
      guard let attack else { continue }
      warn(
        "costly-pattern",
        "an alias of \(attack.length) characters brings the pattern of rule “\(rules[i].name)” to the bound of its work: “\(attack.text)”",
        i, keys: ["match"], witness: attack.text,
        suggestion:
          "such calls are refused; let no two repetitions in a row, or one within another, match the same text"
      )
    }
  }

  /// A shortest alias of a costly family that the engine gives up on.
  private mutating func costlyAlias(_ i: Int, _ expression: RegularExpression) -> (String, Int)? {
    guard let cost = try? MatchingCost(expression, limits: limits) else {
      openQuestions += 1
      return nil
    }
    var best: (text: String, length: Int)?
    for attack in cost.attacks {
      let longest = attack.text(ofLength: work.attackLength)
      guard longest.unicodeScalars.count <= work.attackLength,
        policy.pattern(ofRule: i, matches: longest) == nil
      else { continue }
      // Work grows with the length: search for where it becomes too much.
      var low = 0
      var high = work.attackLength
      while high - low > 1 {
        let middle = (low + high) / 2
        if policy.pattern(ofRule: i, matches: attack.text(ofLength: middle)) == nil {
          high = middle
        } else {
          low = middle
        }
      }
      let text = attack.text(ofLength: high)
      let length = text.unicodeScalars.count
      if best == nil || length < best!.length { best = (text, length) }
    }
    return best
  }
}
