import CallModel
import PatternAnalysis
import PolicyEngine

/// What can be proved about a policy's rules without a call: each finding comes with an alias that shows it.
///
/// Exact for regular expressions that are regular; patterns with look-around, back-references and the like are named
/// and left alone. Bounded: beyond ``WorkLimits`` questions stay open, and a note says so.
struct PolicyAnalysis {
  let policy: PolicySnapshot
  let places: PolicyPlaces
  let limits: AnalysisLimits
  let work: WorkLimits
  /// In the order of evaluation.
  let rules: [CallRoutingRule]
  let languages: RuleLanguages
  var findings: [PolicyFinding] = []
  /// Rules that are reported as never reached; further findings about them say nothing.
  var unreachable: Set<Int> = []
  /// Questions that were given up.
  var openQuestions = 0
  /// Where each location is first named by a rule, and where the first rule for registered callers only stands.
  let firstUses: [(location: String, rule: Int)]
  let firstRegistered: Int?
  /// Rules by pattern, and those for every alias.
  let rulesByPattern: [String: [Int]]
  let catchAlls: [Int]

  /// How much is tried for one rule and for all.
  struct WorkLimits {
    /// Rules and services that are taken away from one before it is given up.
    var takers = 24
    /// Kinds of call told apart for one rule.
    var cells = 96
    /// Pairs of rules whose languages are put side by side.
    var pairs = 400_000
    /// Characters of an alias that must not be costly.
    var attackLength = 255
  }

  init(
    _ policy: PolicySnapshot, places: PolicyPlaces, limits: AnalysisLimits = .standard,
    work: WorkLimits = WorkLimits()
  ) {
    self.policy = policy
    self.places = places
    self.limits = limits
    self.work = work
    let rules = policy.policy.rules
    let languages = RuleLanguages(rules, limits: limits)
    self.languages = languages
    self.rules = rules
    var uses: [String: Int] = [:]
    var patterns: [String: [Int]] = [:]
    for (i, rule) in rules.enumerated() where rule.isEnabled {
      if let location = rule.sourceLocation, uses[location] == nil { uses[location] = i }
      patterns[rule.pattern, default: []].append(i)
    }
    firstUses = uses.map { ($0.key, $0.value) }.sorted { ($0.1, $0.0) < ($1.1, $1.0) }
    firstRegistered = rules.firstIndex { $0.isEnabled && $0.onlyRegistered }
    rulesByPattern = patterns
    catchAlls = rules.indices.filter { rules[$0].isEnabled && languages[$0]?.isEverything == true }
  }

  /// Codes of the estimates made while loading that this replaces by proofs.
  static let replacedCodes: Set<String> = ["open-route", "rule-unreachable", "equal-priority"]

  static func diagnostics(_ policy: PolicySnapshot, places: PolicyPlaces) -> [PolicyDiagnostic] {
    var analysis = PolicyAnalysis(policy, places: places)
    analysis.run()
    return analysis.findings.compactMap(places.diagnostic)
  }

  mutating func run() {
    for i in rules.indices where rules[i].isEnabled {
      noteOpaque(i)
      if let language = languages[i], language.automaton.isEmpty {
        unreachable.insert(i)
        warn(
          "rule-never-matches", "the pattern of rule “\(rules[i].name)” matches no alias at all", i,
          keys: ["match"])
      }
    }
    findUnreachableRules()
    findOverlaps()
    findImpossibleTargets()
    findOpenRoutes()
    findLoops()
    findCostlyPatterns()
    if openQuestions > 0 {
      findings.append(
        PolicyFinding(
          severity: .note, code: "analysis-limited",
          message:
            "\(openQuestions) question\(openQuestions == 1 ? "" : "s") about rules took too much work and stayed open",
          path: PolicyPath(keys: "rules")))
    }
  }

  // MARK: Findings

  mutating func warn(
    _ code: String, _ message: String, _ rule: Int, keys: [String], offset: Int = 0, witness: String? = nil,
    suggestion: String? = nil, related: [(rule: Int, key: String, message: String)] = []
  ) {
    var path = places.rule(rule)
    for key in keys { path = path.appending(key) }
    findings.append(
      PolicyFinding(
        severity: .warning, code: code, message: message, path: path, offset: offset, suggestion: suggestion,
        witness: witness,
        related: related.map { (places.rule($0.rule).appending($0.key), $0.message) }))
  }

  private mutating func noteOpaque(_ rule: Int) {
    guard let reason = languages.opaque(rule) else { return }
    findings.append(
      PolicyFinding(
        severity: .note, code: "pattern-opaque",
        message: "rule “\(rules[rule].name)” is not analysed: its pattern uses \(reason)",
        path: places.rule(rule).appending("match"), offset: reason.offset ?? 0))
  }

  // MARK: Trying aliases

  /// An alias as a call of this kind would bring it: `text` in the form that rule `rule` compares.
  func alias(_ text: String, for rule: CallRoutingRule, _ cell: CallCell) -> Alias {
    if rule.matchesFullAlias {
      let read = Alias(dialled: text, protocol: cell.callProtocol)
      return Alias(full: text, parsed: read.parsed, local: read.local)
    }
    let isURI = !cell.isOutgoing && (cell.callProtocol == .sip || cell.callProtocol == .mssip)
    // A bare number comes with the address it was sent to.
    let full = isURI ? (text.contains("@") ? "sip:\(text)" : "sip:\(text)@192.0.2.1") : text
    return Alias(full: full, parsed: text, local: text)
  }

  /// Who takes a call.
  enum Taker: Equatable {
    case rule(Int)
    case service(String)
    case nobody

    static func isTriedBefore(_ a: Taker, _ b: Taker) -> Bool {
      switch (a, b) {
      case (.rule(let i), .rule(let j)): i < j
      case (.service(let a), .service(let b)): a < b
      case (.service, _): true
      default: false
      }
    }
  }

  /// Who takes a call: what the engine would decide, without running patterns that are known as automata.
  func taker(of alias: Alias, _ cell: CallCell) -> Taker {
    if let service = policy.service(alias: alias.parsed) { return .service(service.configuration.name) }
    for i in policy.candidates(for: alias) where rules[i].looks(at: cell) {
      let subject = rules[i].matchesFullAlias ? alias.full : alias.parsed
      // A pattern that needs too much work takes the call too, to refuse it.
      if languages[i]?.automaton.accepts(subject) ?? (policy.pattern(ofRule: i, matches: subject) ?? true) {
        return .rule(i)
      }
    }
    return .nobody
  }
}
