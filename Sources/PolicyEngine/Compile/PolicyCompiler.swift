import CallModel
import PolicyScript

/// From a ``Policy`` to what a ``PolicySnapshot`` holds, with everything that is wrong found at once.
enum PolicyCompiler {
  struct Output {
    var policy: Policy
    var rules: [CompiledRule]
    var index: RuleIndex
    var transforms: [AliasTransform: CompiledTransform]
    /// For each rule in the order of evaluation, its place as written.
    var order: [Int]
    /// By the name of the profile; those that are switched on.
    var scripts: [String: [ScriptKind: PolicyScript]]
  }

  /// Nil when there are errors. Paths in findings count in the order of `policy` as given.
  static func compile(_ policy: Policy, into findings: inout [PolicyFinding]) -> Output? {
    checkReferences(policy, into: &findings)
    checkNames(policy, into: &findings)
    checkSettings(policy, into: &findings)
    checkServices(policy, into: &findings)
    checkLocalConferences(policy, into: &findings)
    checkProfiles(policy, into: &findings)
    checkLimits(policy, into: &findings)
    let scripts = scripts(of: policy, into: &findings)
    // Ascending priority, and as written among equals.
    let order = policy.rules.indices.sorted {
      (policy.rules[$0].priority, $0) < (policy.rules[$1].priority, $1)
    }
    var transforms: [AliasTransform: CompiledTransform] = [:]
    let locations = Dictionary(
      policy.locations.enumerated().map { ($1.name, Int32(truncatingIfNeeded: $0)) },
      uniquingKeysWith: { first, _ in first })
    let schedules = schedules(of: policy, into: &findings)
    var compiled: [CompiledRule] = []
    compiled.reserveCapacity(order.count)
    for i in order {
      let rule = policy.rules[i]
      let path = PolicyPath("rules", i)
      for (j, choice) in rule.gateway.trunks.enumerated() {
        let place = path.appending("to", "trunks").appending(j)
        for (key, transform) in [("called", choice.calledTransform), ("calling", choice.callingTransform)] {
          guard let transform, transforms[transform] == nil else { continue }
          if let (pattern, replacement) = patternAndReplacement(
            transform.pattern, transform.replacement, place.appending(key), into: &findings)
          {
            transforms[transform] = CompiledTransform(pattern: pattern, replacement: replacement)
          }
        }
      }
      guard
        rule.form.map({ check($0, rule.replacement, path, into: &findings) })
          ?? (patternAndReplacement(rule.pattern, rule.replacement, path, isKept: false, into: &findings)
            != nil)
      else { continue }
      let conditions = conditions(of: rule, path, schedules, into: &findings)
      compiled.append(
        CompiledRule(
          isEnabled: rule.isEnabled, matchesIncoming: rule.matchesIncoming,
          matchesOutgoing: rule.matchesOutgoing, onlyRegistered: rule.onlyRegistered,
          matchesFullAlias: rule.matchesFullAlias,
          protocols: rule.protocols.reduce(0) { $0 | $1.ruleBit },
          location: rule.sourceLocation.map { locations[$0] ?? CompiledRule.unknownLocation }
            ?? CompiledRule.anyLocation,
          conditions: conditions))
    }
    guard !findings.contains(where: { $0.severity == .error }) else { return nil }
    warn(about: policy, order: order, into: &findings)
    var sorted = policy
    // Most rules of a long policy say the same of their calls.
    var parts = SharedRuleParts()
    sorted.rules = order.map {
      var rule = policy.rules[$0]
      rule.share(&parts)
      return rule
    }
    return Output(
      policy: sorted, rules: compiled,
      index: RuleIndex(sorted.rules),
      transforms: transforms, order: order, scripts: scripts)
  }

  /// By name; those that are in error are left out.
  private static func schedules(
    of policy: Policy, into findings: inout [PolicyFinding]
  ) -> [String: CompiledSchedule] {
    var result: [String: CompiledSchedule] = [:]
    for (i, schedule) in policy.schedules.enumerated() {
      result[schedule.name] = CompiledSchedule(schedule, PolicyPath("schedules", i), into: &findings)
    }
    return result
  }

  /// Nil when the rule has no such conditions, or they are in error.
  private static func conditions(
    of rule: CallRoutingRule, _ path: PolicyPath, _ schedules: [String: CompiledSchedule],
    into findings: inout [PolicyFinding]
  ) -> CompiledConditions? {
    let conditions = rule.conditions
    guard !conditions.isEmpty else { return nil }
    var caller: Pattern?
    if let text = conditions.caller {
      guard
        let (pattern, _) = patternAndReplacement(
          text, "", path.appending("from"), key: "caller", into: &findings)
      else { return nil }
      caller = pattern
    }
    return CompiledConditions(
      conditions, caller: caller, schedules: conditions.schedules.compactMap { schedules[$0] },
      exceptSchedules: conditions.exceptSchedules.compactMap { schedules[$0] })
  }

  /// What the rule's calls get, globals filled in: a rule's own limit replaces the global one (reference §23).
  static func gateway(of rule: CallRoutingRule, _ globals: Globals) -> GatewayConfiguration {
    var gateway = rule.gateway
    // What stays as it is is shared with the rule, not copied.
    if gateway.maximumBandwidthIn == nil, let bandwidth = globals.bandwidthIn {
      gateway.maximumBandwidthIn = bandwidth
    }
    if gateway.maximumBandwidthOut == nil, let bandwidth = globals.bandwidthOut {
      gateway.maximumBandwidthOut = bandwidth
    }
    if gateway.maximumPixels == nil { gateway.maximumPixels = globals.maximumPixels }
    return gateway
  }

  /// Compiles `match` (or the pattern under another key) and `replace` below `path`; not to machine code unless it is kept.
  private static func patternAndReplacement(
    _ patternText: String, _ replacementText: String, _ path: PolicyPath, key: String = "match",
    isKept: Bool = true, into findings: inout [PolicyFinding]
  ) -> (Pattern, Replacement?)? {
    let pattern: Pattern
    do {
      pattern = try Pattern(patternText, isForUse: isKept)
    } catch {
      findings.append(
        PolicyFinding(
          code: "invalid-pattern", message: "invalid regular expression: \(error.message)",
          path: path.appending(key), offset: error.offset, suggestion: hint(for: patternText)))
      return nil
    }
    guard !replacementText.isEmpty else { return (pattern, nil) }
    do {
      return (
        pattern,
        try Replacement(replacementText, groupCount: pattern.groupCount, groupNames: pattern.groupNames)
      )
    } catch {
      findings.append(
        PolicyFinding(
          code: "invalid-replacement", message: error.message, path: path.appending("replace"),
          offset: error.offset, suggestion: error.suggestion))
      return nil
    }
  }

  private static func hint(for pattern: String) -> String? {
    if pattern.hasPrefix("*") {
      return "a pattern is a regular expression, not a wildcard: write .* for anything"
    }
    if pattern.hasPrefix("+") { return "write \\+ for a plus sign" }
    return nil
  }
}

extension CompiledTransform {
  init(pattern: Pattern, replacement: Replacement?) {
    self.pattern = pattern
    self.replacement = replacement
  }
}
