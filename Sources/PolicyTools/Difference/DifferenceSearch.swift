import CallModel
import PatternAnalysis
import PolicyEngine

/// Finds the calls that two policies decide differently.
///
/// Only rules without a counterpart (``RuleAlignment``) and what they meet are looked into. For a rule and each kind of call, the
/// rules of the other side that can win where it wins are gone through; a call is looked for that both win, in turns: a
/// candidate is put to both policies, and whoever else takes it is taken out of the search.
final class DifferenceSearch {
  typealias Taker = PolicyDifference.Taker

  /// Which of the two policies.
  enum Half { case old, new }

  struct Pair: Hashable {
    var old: Taker
    var new: Taker
  }

  let old: DifferenceSide
  let new: DifferenceSide
  let alignment: RuleAlignment
  let start: WallClock
  let work: PolicyDifference.Work
  let limits = AnalysisLimits.standard
  var findings: [Pair: PolicyDifference.Finding] = [:]
  var settings: [PolicyDifference.Finding] = []
  var notes: [PolicyDifference.Note] = []
  /// Calls that rules or services decide differently, and scripts alike.
  private(set) var overruled = 0
  /// What only scripts decide otherwise.
  var scriptFindings: [ScriptDifference: PolicyDifference.Finding] = [:]
  var calls = 0
  private var searches = 0
  private var openQuestions = 0
  private var sampledPairs: Set<Pair> = []
  private var opaqueNoted: Set<String> = []
  /// Samples are the same in every run.
  var random = SplitMix64(seed: 0x7461_6e64_656d)
  /// For pairs of rules that were searched in vain: who stood in the way. Where they all do again, the answer is the same.
  private var barriers: [Pair: [(old: [Int], new: [Int])]] = [:]
  /// Texts that the reading of aliases leaves as they are, whatever the protocol: tried before others.
  let plain: Automaton?
  /// Protocols that both policies take, one for each set of rules that ask for it.
  lazy var protocols: [CallProtocol] = distinctProtocols()
  /// Addresses for which the policies find different locations or trunks.
  lazy var origins: [IPAddress] = differingOrigins()

  init(
    _ old: PolicySnapshot, _ new: PolicySnapshot, _ start: WallClock, _ work: PolicyDifference.Work
  ) {
    self.old = DifferenceSide(old, limits: limits, scriptRuns: work.scriptRuns)
    self.new = DifferenceSide(new, limits: limits, scriptRuns: work.scriptRuns)
    alignment = RuleAlignment(old.policy, new.policy)
    self.start = start
    self.work = work
    plain = try? Automaton(
      pattern: "[a-z0-9.+*#_-]+(?:@[a-z][a-z0-9-]*(?:\\.[a-z0-9-]+)*)?", universe: RuleLanguages.universe)
  }

  func side(_ half: Half) -> DifferenceSide { half == .old ? old : new }

  func run() {
    compareSwitches()
    compareServices()
    if old.policy.policy.globals.dialOutEnabled, new.policy.policy.globals.dialOutEnabled {
      for half in [Half.old, .new] {
        let counterparts = half == .old ? alignment.newOf : alignment.oldOf
        let rules = side(half).rules
        for i in rules.indices where rules[i].isEnabled && counterparts[i] == nil {
          examine(i, half, calls: nil)
        }
      }
      compareOrigins()
    }
    compareSettings()
    compareScripts()
    if openQuestions > 0 {
      note(
        "analysis-limited",
        "\(openQuestions) question\(openQuestions == 1 ? "" : "s") took too much work: there may be more differences"
      )
    }
    if !sampledPairs.isEmpty {
      note(
        "sampled",
        "of \(sampledPairs.count) pair\(sampledPairs.count == 1 ? "" : "s") of rules it was only sampled, and not proved, that they send the same calls to the same aliases"
      )
    }
  }

  func note(_ code: String, _ message: String) {
    let note = PolicyDifference.Note(code: code, message: message)
    if !notes.contains(note) { notes.append(note) }
  }

  // MARK: Asking

  /// Puts a call to both policies, and keeps what differs.
  @discardableResult func ask(_ call: ExplainedCall) -> (old: Taker, new: Taker, change: DecisionChange?) {
    calls += 1
    let (before, after) = (old.decide(call), new.decide(call))
    let change = DecisionChange(from: before.record.decision, to: after.record.decision)
    let isScripted = before.isScripted || after.isScripted
    let isPlain = !isScripted || DecisionChange(from: before.plain, to: after.plain)?.isSubstantial == true
    if let change, change.isSubstantial {
      if isPlain {
        record(Pair(old: before.taker, new: after.taker), change, call, before.record, after.record)
      } else {
        recordScript(change, call, before, after)
      }
    } else if isScripted, isPlain {
      overruled += 1
    }
    return (before.taker, after.taker, change)
  }

  private func record(
    _ pair: Pair, _ change: DecisionChange, _ call: ExplainedCall, _ before: DecisionRecord,
    _ after: DecisionRecord
  ) {
    // What follows from a switch or from defaults is said once, elsewhere.
    let globals = (old.policy.policy.globals, new.policy.policy.globals)
    guard globals.0.isEnabled(call.callProtocol) == globals.1.isEnabled(call.callProtocol),
      globals.0.dialOutEnabled == globals.1.dialOutEnabled
    else { return }
    // The same rule on both sides: what differs is what globals fill in.
    if case .rule(let i) = pair.old, case .rule(let j) = pair.new, alignment.newOf[i] == j { return }
    let known = findings[pair]
    // The worse change says more.
    if let known, known.change.rank <= change.rank { return }
    findings[pair] = PolicyDifference.Finding(
      change: change, subject: .rules, summary: summary(pair, change), before: pair.old, after: pair.new,
      witness: .init(call: call, before: before.outcomeSentence, after: after.outcomeSentence))
  }

  /// An alias in the form that a rule compares, as something that can be dialled; nil when nothing reads as it.
  func dialled(_ text: String, _ matchesFullAlias: Bool, _ call: ExplainedCall) -> ExplainedCall? {
    var call = call
    let forms = matchesFullAlias ? [text] : [text, "sip:\(text)"]
    for form in forms {
      let alias = Alias(dialled: form, protocol: call.callProtocol)
      if (matchesFullAlias ? alias.full : alias.parsed) == text {
        call.alias = form
        return call
      }
    }
    return nil
  }

  // MARK: One rule

  /// Looks for calls that rule `r` wins on its side and that the other side decides otherwise.
  /// - Parameter given: the kinds of call; nil: all that the rule looks at.
  func examine(_ r: Int, _ half: Half, calls given: [ExplainedCall]?) {
    let own = side(half)
    let other = side(half == .old ? .new : .old)
    let rule = own.rules[r]
    let ends = own.ends(r)
    let before = own.candidates(ends).prefix { $0 <= r }
    let rivals = other.candidates(ends)
    if own.language(r) == nil { noteOpaque(r, half) }
    let cells: [ExplainedCall]
    if let given {
      cells = given
    } else {
      let found = self.cells(of: rule, before.map { own.rules[$0] } + rivals.map { other.rules[$0] })
      if !found.isComplete { openQuestions += 1 }
      cells = found.calls
    }
    for cell in cells where own.holds(r, cell) {
      // A rule that matches the same: whatever comes behind it cannot win here.
      let twin = other.twins(of: rule).first { other.holds($0, cell) }
      for w in rivals {
        if let twin, w > twin { break }
        guard other.holds(w, cell) else { continue }
        // What matches the same and stands before the rule leaves nothing of this one to it.
        if own.twins(of: other.rules[w]).contains(where: { $0 < r && own.holds($0, cell) }) { continue }
        meet(r, half, .rule(w), cell)
      }
      if twin == nil { meet(r, half, .nobody, cell) }
      probe(r, half, cell)
    }
  }

  private func pair(_ r: Int, _ half: Half, _ other: Taker) -> Pair {
    half == .old ? Pair(old: .rule(r), new: other) : Pair(old: other, new: .rule(r))
  }

  /// True when two rules do the same with every call they both take.
  private func areEqual(_ pair: Pair) -> (proved: Bool, settings: Bool) {
    guard case .rule(let i) = pair.old, case .rule(let j) = pair.new else { return (false, false) }
    var a = old.policy.gateway(ofRule: i)
    let b = new.policy.gateway(ofRule: j)
    // A script sees the names.
    if !old.hasServiceScripts, !new.hasServiceScripts {
      a.name = b.name
      a.tag = b.tag
    }
    guard a == b else { return (false, false) }
    let (first, second) = (old.rules[i], new.rules[j])
    if DifferenceSide.key(first) == DifferenceSide.key(second), first.replacement == second.replacement {
      return (true, true)
    }
    if let f = old.function(i), let g = new.function(j), f == g { return (true, true) }
    return (false, true)
  }

  /// Looks for a call that `r` wins here and `rival` there.
  private func meet(_ r: Int, _ half: Half, _ rival: Taker, _ cell: ExplainedCall) {
    let pair = pair(r, half, rival)
    guard findings[pair] == nil else { return }
    let equal = areEqual(pair)
    if equal.proved { return }
    if isBarred(pair, cell) { return }
    let own = side(half)
    let other = side(half == .old ? .new : .old)
    guard let language = own.language(r) else { return }
    let rule = own.rules[r]
    var within = [language]
    if case .rule(let w) = rival {
      if let its = other.language(w) {
        if other.rules[w].matchesFullAlias == rule.matchesFullAlias {
          within.append(its)
        } else if !its.isUniversal {
          // Two texts of one alias: no automaton relates them.
          note("sampled", "rules with and without match_full meet: their common calls are only sampled")
        }
      } else {
        noteOpaque(w, half == .old ? .new : .old)
      }
    }
    if within.count == 2, (try? within[0].isDisjoint(from: within[1], limits: limits)) == true { return }
    var outside: [Automaton] = []
    var barrier: (old: [Int], new: [Int]) = ([], [])
    var isExact = true
    var same = 0
    for _ in 0..<work.turns {
      guard searches < work.searches else {
        openQuestions += 1
        return
      }
      let text: String?
      do {
        text = try witness(within, outside)
      } catch {
        openQuestions += 1
        return
      }
      guard let text else {
        if isExact { barriers[pair, default: []].append(barrier) }
        return
      }
      guard let call = dialled(text, rule.matchesFullAlias, cell) else {
        // Nothing reads as this text: there is no such call. The next shortest text is hardly better; others may be.
        if isExact { trySamples(within, rule, cell, until: pair) }
        if findings[pair] != nil { return }
        isExact = false
        guard exclude(text, &outside) else { break }
        continue
      }
      let answer = ask(call)
      if findings[pair] != nil { return }
      var isAside = true
      if answer.old == pair.old, answer.new == pair.new {
        // Both win it and do the same with this alias: the replacements may differ on another.
        same += 1
        isExact = false
        if equal.settings, same >= work.samples {
          sampledPairs.insert(pair)
          return
        }
        isAside = exclude(text, &outside)
      } else {
        if answer.old != pair.old {
          isAside = putAside(answer.old, .old, rule, text, &outside, &barrier.old, &isExact)
        }
        if answer.new != pair.new, isAside {
          isAside = putAside(answer.new, .new, rule, text, &outside, &barrier.new, &isExact)
        }
      }
      guard isAside else { break }
    }
    openQuestions += 1
  }

  /// Random aliases that all of `within` accept.
  private func trySamples(
    _ within: [Automaton], _ rule: CallRoutingRule, _ cell: ExplainedCall, until pair: Pair
  ) {
    guard var common = within.first else { return }
    for language in within.dropFirst() {
      guard let smaller = try? common.intersection(language, limits: limits) else { return }
      common = smaller
    }
    for _ in 0..<work.probes {
      guard let text = common.sample(length: 6, using: &random),
        let call = dialled(text, rule.matchesFullAlias, cell)
      else { continue }
      ask(call)
      if findings[pair] != nil { return }
    }
  }

  /// An alias, as plain as can be had.
  private func witness(_ within: [Automaton], _ outside: [Automaton]) throws -> String? {
    searches += 1
    if let plain, let text = try? Automaton.witness(in: within + [plain], notIn: outside, limits: limits) {
      return text
    }
    return try Automaton.witness(in: within, notIn: outside, limits: limits)
  }

  private func exclude(_ text: String, _ outside: inout [Automaton]) -> Bool {
    guard let alone = try? Automaton(caselessTexts: [text], universe: RuleLanguages.universe) else {
      return false
    }
    outside.append(alone)
    return true
  }

  /// Takes what `taker` takes out of a search for aliases of `rule`.
  private func putAside(
    _ taker: Taker, _ half: Half, _ rule: CallRoutingRule, _ text: String, _ outside: inout [Automaton],
    _ barrier: inout [Int], _ isExact: inout Bool
  ) -> Bool {
    let side = side(half)
    switch taker {
    case .nobody: break
    case .service(let name):
      if !rule.matchesFullAlias, let aliases = side.language(ofService: name) {
        outside.append(aliases)
        return true
      }
    case .rule(let i):
      if let language = side.language(i),
        side.rules[i].matchesFullAlias == rule.matchesFullAlias || language.isUniversal
      {
        outside.append(language)
        barrier.append(i)
        return true
      }
    }
    isExact = false
    return exclude(text, &outside)
  }

  /// True when a search for the pair failed before, and all that stood in its way does so for this call, too.
  private func isBarred(_ pair: Pair, _ cell: ExplainedCall) -> Bool {
    barriers[pair]?.contains { barrier in
      barrier.old.allSatisfy { old.holds($0, cell) } && barrier.new.allSatisfy { new.holds($0, cell) }
    } ?? false
  }

  // MARK: Trying

  /// Random aliases of a rule: they find most differences at once, and all that is known of a pattern closed to analysis.
  private func probe(_ r: Int, _ half: Half, _ cell: ExplainedCall) {
    let side = side(half)
    let rule = side.rules[r]
    let language = side.language(r)
    let source = language ?? RelaxedPattern.automaton(rule.pattern, limits: limits)
    guard let source else { return }
    for _ in 0..<(language == nil ? work.probes : work.samples) {
      guard let text = source.sample(using: &random),
        let call = dialled(text, rule.matchesFullAlias, cell)
      else { continue }
      ask(call)
    }
  }

  private func noteOpaque(_ r: Int, _ half: Half) {
    let side = side(half)
    let name = side.rules[r].name
    guard let reason = side.reason(r), opaqueNoted.insert(name).inserted else { return }
    note(
      "pattern-opaque",
      "the pattern of rule “\(name)” uses \(reason): its calls were tried by examples only, and others may differ"
    )
  }

  func cells(of rule: CallRoutingRule, _ relevant: [CallRoutingRule]) -> DifferenceCells {
    let all = [rule] + relevant
    let schedules = schedules(of: all)
    var moments: ScheduleCombinations?
    if !schedules.isEmpty {
      let combinations = ScheduleCombinations(schedules, from: start)
      if !combinations.isComplete { openQuestions += 1 }
      moments = combinations
    }
    let trusted = Set(
      old.policy.policy.trunks.filter(\.isTrusted).map(\.name)
        + new.policy.policy.trunks.filter(\.isTrusted).map(\.name))
    return DifferenceCells(
      of: rule, relevant: all,
      .init(
        protocols: protocols, moments: moments, networks: addresses(all.flatMap(\.conditions.networks)),
        origins: origins, callers: callers(all.compactMap(\.conditions.caller))), start: start,
      trusted: (false, trusted.sorted()), maximum: work.cells)
  }

  /// Counts a question that could not be answered.
  func leaveOpen() { openQuestions += 1 }
}

extension DecisionChange {
  /// What matters most comes first.
  var rank: Int { DecisionChange.allCases.firstIndex(of: self) ?? 0 }
}
