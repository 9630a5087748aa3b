import CallModel
import PatternAnalysis
import PolicyEngine

/// What analysis knows of one pattern: its language, or why it is closed to it.
struct RuleLanguage {
  var automaton: Automaton
  var expression: RegularExpression
  var ends: LiteralEnds
  /// True when every alias matches.
  var isEverything: Bool
}

/// The languages of a policy's rules. Aliases are texts without control characters; others are left out of account.
struct RuleLanguages {
  private(set) var languages: [Result<RuleLanguage, Opaque>] = []

  static let universe = ScalarSet.printable

  init(_ rules: [CallRoutingRule], limits: AnalysisLimits) {
    struct Key: Hashable {
      var pattern: String
      var form: PatternForm?
    }
    var known: [Key: Result<RuleLanguage, Opaque>] = [:]
    languages.reserveCapacity(rules.count)
    for rule in rules {
      let key = Key(pattern: rule.pattern, form: rule.form)
      if let same = known[key] {
        languages.append(same)
        continue
      }
      let result = Result { () throws(Opaque) in try RuleLanguages.language(of: rule, limits) }
      known[key] = result
      languages.append(result)
    }
  }

  private static func language(of rule: CallRoutingRule, _ limits: AnalysisLimits) throws(Opaque)
    -> RuleLanguage
  {
    let expression: RegularExpression
    let automaton: Automaton
    if let form = rule.form {
      expression = form.expression
      automaton = try form.automaton(universe: universe, limits: limits)
    } else {
      expression = try RegularExpression(parsing: rule.pattern)
      automaton = try Automaton(expression, universe: universe, limits: limits)
    }
    return RuleLanguage(
      automaton: automaton, expression: expression, ends: LiteralEnds(expression.root),
      isEverything: automaton.isUniversal)
  }

  subscript(_ rule: Int) -> RuleLanguage? { try? languages[rule].get() }

  func opaque(_ rule: Int) -> Opaque? {
    if case .failure(let reason) = languages[rule] { reason } else { nil }
  }
}
