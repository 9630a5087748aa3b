import CallModel
import PatternAnalysis
import PolicyEngine

/// What two policies limit or refuse differently where their rules are the same: numbers by their prefixes, and the service as a whole.
extension DifferenceSearch {
  /// Numbers that fall under one limit in one policy and under another in the other.
  fileprivate struct Shift: Hashable {
    var old: DestinationLimit?
    var new: DestinationLimit?
  }

  func compareDestinations() {
    let policies = (old.policy, new.policy)
    func plain(_ limit: DestinationLimit?) -> DestinationLimit? {
      // One that lets its numbers pass is as good as none.
      guard var limit, limit.isRefused || !limit.limits.isEmpty else { return nil }
      limit.description = ""
      limit.prefixes = []
      if limit.isRefused { (limit.name, limit.limits) = ("", CallLimits()) }
      return limit
    }
    let isRenumbered = numberings(old) != numberings(new)
    var shifts: [Shift: [String]] = [:]
    let prefixes = Set(policies.0.destinationPrefixes + policies.1.destinationPrefixes + [""]).sorted()
    for prefix in prefixes {
      let shift = Shift(
        old: plain(policies.0.destinationLimit(ofPrefix: prefix)),
        new: plain(policies.1.destinationLimit(ofPrefix: prefix)))
      if shift.old != shift.new || isRenumbered { shifts[shift, default: []].append(prefix) }
    }
    let all = Set(prefixes)
    let leaves = [old, new].contains { side in
      side.rules.contains { $0.isEnabled && $0.gateway.target == .external }
    }
    for (shift, prefixes) in shifts.sorted(by: {
      ($0.value[0], $0.value.count) < ($1.value[0], $1.value.count)
    }) {
      guard let found = witness(of: prefixes, among: all) else {
        if shift.old != shift.new {
          // Where calls can leave, numbers may be written in more ways than are tried.
          note(
            leaves ? "sampled" : "settings-differ",
            "destination limits: numbers that begin with \(words(prefixes)): \(shift.words); no rule was found to lead to them"
          )
        }
        continue
      }
      let change = shift.old == shift.new ? "numbers are written otherwise" : shift.words
      report(
        found.change, .destinationLimit, "numbers that begin with \(words(prefixes)): \(change)",
        found.witness)
    }
  }

  private func numberings(_ side: DifferenceSide) -> [Numbering?] {
    [side.policy.policy.globals.numbering] + side.policy.policy.trunks.map(\.numbering)
  }

  private func words(_ prefixes: [String]) -> String {
    let shown = prefixes.prefix(4).map { $0.isEmpty ? "anything else" : $0 }
    return shown.joined(separator: ", ") + (prefixes.count > 4 ? " and \(prefixes.count - 4) more" : "")
  }

  // MARK: Witnesses

  /// A call that leaves as a number that begins with one of `prefixes`, with no longer one of `all`, and that the policies treat
  /// differently.
  private func witness(of prefixes: [String], among all: Set<String>) -> (
    change: DecisionChange, witness: PolicyDifference.Witness
  )? {
    var rules: [(side: DifferenceSide, rule: Int)] = []
    for side in [new, old] {
      rules += side.rules.indices.prefix(4_096).filter {
        side.rules[$0].isEnabled && side.rules[$0].gateway.target == .external && side.language($0) != nil
      }.map { (side, $0) }
    }
    // What looks like a number says more than its mere beginning.
    var searchesLeft = 20_000
    for ending in ["5551234", ""] {
      for (side, i) in rules {
        if let found = witness(of: prefixes, ending, among: all, side, i, &searchesLeft) { return found }
      }
    }
    // Trunks that write numbers in ways of their own, and whatever else has no plain way back.
    for (side, i) in rules.prefix(256) {
      guard let language = side.language(i) else { continue }
      for cell in cells(of: side.rules[i], []).calls.filter({ side.holds(i, $0) }).prefix(2) {
        for _ in 0..<work.samples * 2 {
          guard let text = language.sample(using: &random),
            let call = dialled(text, side.rules[i].matchesFullAlias, cell)
          else { continue }
          if let found = compared(call, under: prefixes) { return found }
        }
      }
    }
    return nil
  }

  /// The same, through one rule.
  private func witness(
    of prefixes: [String], _ ending: String, among all: Set<String>, _ side: DifferenceSide, _ rule: Int,
    _ searchesLeft: inout Int
  ) -> (change: DecisionChange, witness: PolicyDifference.Witness)? {
    guard let language = side.language(rule), let function = side.function(rule) else { return nil }
    var known: [ExplainedCall]?
    for prefix in prefixes.prefix(64) {
      for form in side.policy.writtenForms(ofPrefix: prefix) {
        guard let within = function.preimage(of: form + ending, limits) else { continue }
        guard searchesLeft > 0 else { return nil }
        searchesLeft -= 1
        let reached = [language] + within
        guard (try? Automaton.hasText(in: reached, notIn: [], limits: limits)) == true else { continue }
        let cells =
          known
          ?? Array(self.cells(of: side.rules[rule], []).calls.filter { side.holds(rule, $0) }.prefix(4))
        known = cells
        // What is tied to several places at once cannot be left out by one automaton.
        let outside = all.filter { $0.count > prefix.count && $0.hasPrefix(prefix) }
          .flatMap { side.policy.writtenForms(ofPrefix: $0).compactMap { function.preimage(of: $0, limits) } }
          .filter { $0.count == 1 }.prefix(24).flatMap(\.self)
        for cell in cells {
          if let found = search(reached, outside, side.rules[rule], cell) { return found }
        }
      }
    }
    return nil
  }

  private func search(
    _ within: [Automaton], _ outside: [Automaton], _ rule: CallRoutingRule, _ cell: ExplainedCall
  ) -> (change: DecisionChange, witness: PolicyDifference.Witness)? {
    var outside = outside
    for _ in 0..<4 {
      let text =
        plain.flatMap { try? Automaton.witness(in: within + [$0], notIn: outside, limits: limits) }
        ?? (try? Automaton.witness(in: within, notIn: outside, limits: limits))
      guard let text else { return nil }
      if let call = dialled(text, rule.matchesFullAlias, cell), let found = compared(call) { return found }
      guard let alone = try? Automaton(caselessTexts: [text], universe: RuleLanguages.universe) else {
        return nil
      }
      outside.append(alone)
    }
    return nil
  }

  /// How the policies treat a call, limits included, if that differs.
  /// - Parameter prefixes: those of which one must be that of the number; nil: any.
  private func compared(_ call: ExplainedCall, under prefixes: [String]? = nil) -> (
    change: DecisionChange, witness: PolicyDifference.Witness
  )? {
    let (before, after) = (old.decide(call).record, new.decide(call).record)
    let requests = (call.request(to: old.policy), call.request(to: new.policy))
    // Another limit alone is one of numbers, and not of the service or a trunk: those are told by themselves.
    func destinations(_ record: DecisionRecord, _ policy: PolicySnapshot) -> [DestinationLimit?] {
      guard case .gateway(let gateway) = record.decision else { return [] }
      return policy.departures(of: gateway, caller: "").map { departure in
        var limit = departure.destination
        limit?.description = ""
        limit?.prefixes = []
        return limit
      }
    }
    guard
      let change = DecisionChange(from: before, old.policy, to: after, new.policy, requests: requests),
      change.changesCall || destinations(before, old.policy) != destinations(after, new.policy),
      change != .otherwise
    else { return nil }
    if let prefixes {
      let gateways = [before, after].compactMap { record -> GatewayConfiguration? in
        if case .gateway(let gateway) = record.decision { gateway } else { nil }
      }
      let numbers = gateways.flatMap { gateway in
        new.policy.departures(of: gateway, caller: "").map {
          new.policy.canonicalNumber($0.called, over: $0.trunk)
        }
      }
      guard numbers.contains(where: { number in prefixes.contains(where: number.hasPrefix) }) else {
        return nil
      }
    }
    return (change, witness(call, [.destination]))
  }

  /// What both policies do with a call, and the limits on some things in which they differ.
  func witness(_ call: ExplainedCall, _ scopes: [LimitReached.Scope]) -> PolicyDifference.Witness {
    let (before, after) = (old.decide(call).record, new.decide(call).record)
    let requests = (call.request(to: old.policy), call.request(to: new.policy))
    return .init(
      call: call,
      before: DecisionChange.sentence(
        before, old.policy, requests.0, beside: after, new.policy, requests.1, scopes: scopes),
      after: DecisionChange.sentence(
        after, new.policy, requests.1, beside: before, old.policy, requests.0, scopes: scopes))
  }

  // MARK: The service

  func compareServiceLimits() {
    let (a, b) = (old.policy.policy.globals.limits, new.policy.policy.globals.limits)
    guard a != b else { return }
    let witness = example(alignedPairs).map { self.witness($0.call, [.service]) }
    report(.limited, .limits, "limits of the service: \(a.differences(b).joined(separator: ", "))", witness)
  }
}

extension DifferenceSearch.Shift {
  fileprivate var words: String {
    switch (old, new) {
    case (let a?, nil):
      return a.isRefused ? "no longer refused" : "no longer limited by “\(a.name)”"
    case (nil, let b?): return b.isRefused ? "refused now" : "limited by “\(b.name)” now"
    case (let a?, let b?) where b.isRefused: return "refused now, and limited by “\(a.name)” before"
    case (let a?, let b?) where a.isRefused: return "no longer refused, but limited by “\(b.name)”"
    case (let a?, let b?):
      let names = a.name == b.name ? "“\(a.name)”" : "“\(b.name)” instead of “\(a.name)”"
      let caps = a.limits.differences(b.limits)
      return caps.isEmpty ? names : "\(names): \(caps.joined(separator: ", "))"
    case (nil, nil): return "the same"
    }
  }
}

extension CallLimits {
  /// Caps that differ: `10 calls at once → 20 calls at once`.
  func differences(_ now: CallLimits) -> [String] {
    func differences(_ before: CallCaps, _ after: CallCaps, _ whose: String) -> [String] {
      let (a, b) = (before.words, after.words)
      return LimitReached.Cap.allCases.compactMap { cap in
        let (x, y) = (a.first { $0.cap == cap }?.text, b.first { $0.cap == cap }?.text)
        return x == y ? nil : "\(x ?? "no limit of \(cap.rawValue)") → \(y ?? "none")\(whose)"
      }
    }
    return differences(total, now.total, "") + differences(perCaller, now.perCaller, " for each caller")
  }
}

extension PolicySnapshot {
  /// The ways in which numbers that are known by `prefix` may be written.
  func writtenForms(ofPrefix prefix: String) -> [String] {
    let numbering = policy.globals.numbering
    guard prefix.hasPrefix("+") else { return [prefix] }
    let digits = String(prefix.dropFirst())
    var forms = [prefix] + numbering.internationalPrefixes.map { $0 + digits } + [digits]
    if let code = numbering.countryCode, digits.hasPrefix(code), digits.count > code.count {
      forms.append(numbering.nationalPrefix + digits.dropFirst(code.count))
    }
    return forms
  }
}
