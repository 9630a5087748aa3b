import CallModel

/// From a ``Policy`` to what a ``PolicySnapshot`` holds, with everything that is wrong found at once.
enum PolicyCompiler {
  struct Output {
    var policy: Policy
    var rules: [CompiledRule]
    var index: RuleIndex
    var transforms: [AliasTransform: CompiledTransform]
  }

  /// Nil when there are errors. Paths in findings count in the order of `policy` as given.
  static func compile(_ policy: Policy, into findings: inout [PolicyFinding]) -> Output? {
    checkReferences(policy, into: &findings)
    checkNames(policy, into: &findings)
    checkSettings(policy, into: &findings)
    // Ascending priority, and as written among equals.
    let order = policy.rules.indices.sorted {
      (policy.rules[$0].priority, $0) < (policy.rules[$1].priority, $1)
    }
    var transforms: [AliasTransform: CompiledTransform] = [:]
    let locations = Dictionary(
      policy.locations.enumerated().map { ($1.name, Int32(truncatingIfNeeded: $0)) },
      uniquingKeysWith: { first, _ in first })
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
        let (pattern, replacement) = patternAndReplacement(
          rule.pattern, rule.replacement, path, into: &findings)
      else { continue }
      compiled.append(
        CompiledRule(
          isEnabled: rule.isEnabled, matchesIncoming: rule.matchesIncoming,
          matchesOutgoing: rule.matchesOutgoing, onlyRegistered: rule.onlyRegistered,
          matchesFullAlias: rule.matchesFullAlias,
          protocols: rule.protocols.reduce(0) { $0 | $1.ruleBit },
          location: rule.sourceLocation.map { locations[$0] ?? CompiledRule.unknownLocation }
            ?? CompiledRule.anyLocation,
          pattern: pattern,
          outcome: RuleOutcome(replacement: replacement, gateway: gateway(of: rule, policy.globals))))
    }
    guard !findings.contains(where: { $0.severity == .error }) else { return nil }
    warn(about: policy, order: order, compiled: compiled, into: &findings)
    var sorted = policy
    sorted.rules = order.map { policy.rules[$0] }
    return Output(
      policy: sorted, rules: compiled,
      index: RuleIndex(sorted.rules.map { ($0.pattern, $0.matchesFullAlias, $0.isEnabled) }),
      transforms: transforms)
  }

  /// What the rule's calls get, globals filled in: a rule's own limit replaces the global one (reference §23).
  private static func gateway(of rule: CallRoutingRule, _ globals: Globals) -> GatewayConfiguration {
    var gateway = rule.gateway
    gateway.name = rule.name
    gateway.remoteAlias = ""
    gateway.maximumBandwidthIn = gateway.maximumBandwidthIn ?? globals.bandwidthIn
    gateway.maximumBandwidthOut = gateway.maximumBandwidthOut ?? globals.bandwidthOut
    gateway.maximumPixels = gateway.maximumPixels ?? globals.maximumPixels
    return gateway
  }

  /// Compiles `match` and `replace` below `path`.
  private static func patternAndReplacement(
    _ patternText: String, _ replacementText: String, _ path: PolicyPath,
    into findings: inout [PolicyFinding]
  ) -> (Pattern, Replacement?)? {
    let pattern: Pattern
    do {
      pattern = try Pattern(patternText)
    } catch {
      findings.append(
        PolicyFinding(
          code: "invalid-pattern", message: "invalid regular expression: \(error.message)",
          path: path.appending("match"), offset: error.offset, suggestion: hint(for: patternText)))
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
