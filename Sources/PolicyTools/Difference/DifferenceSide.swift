import CallModel
import PatternAnalysis
import PolicyEngine
import PolicyHooks
import PolicyScript

/// One of two policies that are compared, with what is known of its rules' patterns. Automata are made when they are needed: most
/// rules of a long policy are the same on both sides and never looked into.
final class DifferenceSide {
  let policy: PolicySnapshot
  let chain: PolicyChain
  /// Whether some local script looks at what is decided.
  let hasServiceScripts: Bool
  /// Runs of scripts that are left; beyond them decisions are looked at as if there were none.
  private(set) var scriptRuns: Int
  let rules: [CallRoutingRule]
  private let limits: AnalysisLimits
  private let expressions: [Result<RegularExpression, Opaque>]
  private let ends: [LiteralEnds?]
  private var languages: [Int: Result<Automaton, Opaque>] = [:]
  private var functions: [Int: AliasFunction?] = [:]
  private var services: [String: Automaton?] = [:]
  private var index = LanguageIndex()
  /// Enabled rules whose pattern is closed to analysis, in the order of evaluation.
  let opaque: [Int]
  /// Rules by what they match.
  private var byPattern: [PatternKey: [Int]] = [:]

  struct PatternKey: Hashable {
    var pattern: String
    var form: PatternForm?
    var matchesFullAlias: Bool
  }

  init(_ policy: PolicySnapshot, limits: AnalysisLimits, scriptRuns: Int = 0) {
    self.policy = policy
    self.scriptRuns = scriptRuns
    chain = PolicyChain(policy)
    hasServiceScripts = policy.policy.policyProfiles.contains { policy.script(.service, of: $0) != nil }
    self.limits = limits
    rules = policy.policy.rules
    var known: [PatternKey: (Result<RegularExpression, Opaque>, LiteralEnds?)] = [:]
    var expressions: [Result<RegularExpression, Opaque>] = []
    var ends: [LiteralEnds?] = []
    var opaque: [Int] = []
    for (i, rule) in rules.enumerated() {
      let key = DifferenceSide.key(rule)
      let (expression, literals): (Result<RegularExpression, Opaque>, LiteralEnds?)
      if let same = known[key] {
        (expression, literals) = same
      } else {
        expression = Result { () throws(Opaque) in
          if let form = key.form { form.expression } else { try RegularExpression(parsing: key.pattern) }
        }
        literals = (try? expression.get()).map { LiteralEnds($0.root) }
        known[key] = (expression, literals)
      }
      expressions.append(expression)
      ends.append(literals)
      guard rule.isEnabled else { continue }
      byPattern[key, default: []].append(i)
      if let literals { index.add(literals, i) } else { opaque.append(i) }
    }
    self.expressions = expressions
    self.ends = ends
    self.opaque = opaque
  }

  static func key(_ rule: CallRoutingRule) -> PatternKey {
    let form = rule.form
    return PatternKey(
      pattern: form == nil ? rule.pattern : "", form: form, matchesFullAlias: rule.matchesFullAlias)
  }

  /// Enabled rules that match exactly what `rule` of either side matches, conditions apart.
  func twins(of rule: CallRoutingRule) -> [Int] { byPattern[DifferenceSide.key(rule)] ?? [] }

  /// Enabled rules that may match something with these ends, in the order of evaluation.
  func candidates(_ ends: LiteralEnds?) -> [Int] {
    guard let ends else { return rules.indices.filter { rules[$0].isEnabled } }
    let found = index.candidates(ends).filter { self.ends[$0].map(ends.canMeet) ?? true }
    return opaque.isEmpty ? found : (found + opaque).sorted()
  }

  func ends(_ rule: Int) -> LiteralEnds? { ends[rule] }

  func language(_ rule: Int) -> Automaton? {
    if let known = languages[rule] { return try? known.get() }
    let (expression, form, limits) = (expressions[rule], rules[rule].form, limits)
    let made = Result { () throws(Opaque) in
      if let form { return try form.automaton(universe: RuleLanguages.universe, limits: limits) }
      return try Automaton(try expression.get(), universe: RuleLanguages.universe, limits: limits)
    }
    languages[rule] = made
    return try? made.get()
  }

  /// Why a pattern is closed to analysis.
  func reason(_ rule: Int) -> Opaque? {
    if case .failure(let reason) = expressions[rule] { return reason }
    _ = language(rule)
    if case .failure(let reason)? = languages[rule] { return reason }
    return nil
  }

  /// The aliases of a service; nil when they are too many.
  func language(ofService name: String) -> Automaton? {
    if let known = services[name] { return known }
    let aliases = policy.policy.services.first { $0.configuration.name == name }?.aliases ?? []
    let made = try? Automaton(caselessTexts: aliases, universe: RuleLanguages.universe)
    services[name] = made
    return made
  }

  func function(_ rule: Int) -> AliasFunction? {
    if let known = functions[rule] { return known }
    let made = AliasFunction(
      rules[rule], replacement: policy.replacementParts(ofRule: rule),
      expression: try? expressions[rule].get())
    functions[rule] = made
    return made
  }

  /// Whether rule `i` looks at a call, its pattern apart.
  func holds(_ i: Int, _ call: ExplainedCall) -> Bool {
    policy.conditions(ofRule: i, holdFor: call.request(to: policy), at: call.at) ?? true
  }

  /// What becomes of a call.
  struct Outcome {
    /// Who takes it by services and rules.
    var taker: PolicyDifference.Taker
    /// What services and rules decide, and destination limits leave of it.
    var plain: Decision
    /// The same after the local script, if one looks at it.
    var record: DecisionRecord
    var isScripted: Bool { !record.scripts.isEmpty }
  }

  /// Decides a call as if no policy server said anything.
  func decide(_ call: ExplainedCall) -> Outcome {
    let request = call.request(to: policy)
    let record = policy.settled(policy.decide(request, now: call.at).record)
    var outcome = Outcome(taker: taker(record), plain: record.decision, record: record)
    guard hasServiceScripts, scriptRuns > 0, chain.script(.service, for: request) != nil else {
      return outcome
    }
    scriptRuns -= 1
    let scripted = chain.decide(
      request, from: NodeFacts(location: request.location, address: nil), now: call.at,
      environment: .repeatable(at: call.at))
    outcome.record = policy.settled(scripted.record)
    return outcome
  }

  private func taker(_ record: DecisionRecord) -> PolicyDifference.Taker {
    if let service = record.service { return .service(service) }
    guard let last = record.considered.last, last.outcome == .matched || last.outcome == .patternError else {
      return .nobody
    }
    return .rule(last.rule)
  }
}
