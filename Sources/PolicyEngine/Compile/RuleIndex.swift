/// Which rules can match an alias at all, found without trying each.
///
/// A rule is filed under texts that every match of its pattern must have (``PatternKeys``), and of those under the ones that
/// fewest other rules share; the rest are looked at one by one, by length and first character before anything else.
/// Candidates come in the order of evaluation, so the first that matches decides as if all were tried.
struct RuleIndex: Sendable {
  /// A rule that no text leads to.
  private struct Other: Sendable {
    var rule: Int32
    var shortest: UInt16
    var longest: UInt16
    var first: ByteSet
    var matchesFullAlias: Bool
  }

  /// By the alias as compared, and by the alias with scheme and parameters.
  private let parsedKeys: KeyTable
  private let fullKeys: KeyTable
  private let others: [Other]
  private let usesFullAlias: Bool

  init(_ rules: [CallRoutingRule]) {
    self.init(
      rules.lazy.map { rule in
        (
          rule.form.map { PatternKeys($0) } ?? PatternKeys(rule.pattern), rule.matchesFullAlias,
          rule.isEnabled
        )
      })
  }

  init(_ rules: some Collection<(keys: PatternKeys, matchesFullAlias: Bool, isEnabled: Bool)>) {
    var candidates: [(rule: Int32, isFull: Bool, options: [[KeyTable.Key]])] = []
    candidates.reserveCapacity(rules.count)
    var shares: [UInt64: Int32] = [:]
    var others: [Other] = []
    for (i, rule) in rules.enumerated() where rule.isEnabled {
      let number = Int32(truncatingIfNeeded: i)
      let keys = rule.keys
      let options = RuleIndex.options(keys)
      guard options.isEmpty else {
        for option in options { for key in option { shares[key.hash, default: 0] += 1 } }
        candidates.append((number, rule.matchesFullAlias, options))
        continue
      }
      others.append(
        Other(
          rule: number, shortest: UInt16(keys.lengths.lowerBound),
          longest: UInt16(keys.lengths.upperBound), first: keys.first,
          matchesFullAlias: rule.matchesFullAlias))
    }
    var parsed: [(rule: Int32, key: KeyTable.Key)] = []
    var full: [(rule: Int32, key: KeyTable.Key)] = []
    for candidate in candidates {
      // The option whose most shared key is least shared; the earlier ones are cheaper to look up.
      let costs = candidate.options.map { $0.map { shares[$0.hash] ?? 0 }.max() ?? 0 }
      guard let best = costs.indices.min(by: { (costs[$0], $0) < (costs[$1], $1) }) else { continue }
      for key in candidate.options[best] {
        if candidate.isFull {
          full.append((candidate.rule, key))
        } else {
          parsed.append((candidate.rule, key))
        }
      }
    }
    parsedKeys = KeyTable(parsed)
    fullKeys = KeyTable(full)
    usesFullAlias = !full.isEmpty || others.contains(where: \.matchesFullAlias)
    self.others = others
  }

  /// The ways to file a pattern; each leads to it from every alias it matches.
  private static func options(_ keys: PatternKeys) -> [[KeyTable.Key]] {
    // The empty text is no key: it has nothing to hash.
    if let exact = keys.exact, !exact.contains(where: \.isEmpty) {
      return [exact.map { KeyTable.key(.exact, $0) }]
    }
    var options: [[KeyTable.Key]] = []
    if let prefixes = keys.prefixes { options.append(prefixes.map { KeyTable.key(.prefix, $0) }) }
    if let suffixes = keys.suffixes { options.append(suffixes.map { KeyTable.key(.suffix, $0) }) }
    let length = KeyTable.windowLength
    if keys.inner.count >= length {
      for start in stride(from: 0, through: keys.inner.count - length, by: length) {
        options.append([KeyTable.key(.inner, Array(keys.inner[start..<start + length]))])
      }
    }
    return options
  }

  /// Calls `visit` with each candidate in order until it returns true.
  func visitCandidates(
    parsed: UnsafeBufferPointer<UInt8>, full: UnsafeBufferPointer<UInt8>, _ visit: (Int) -> Bool
  ) {
    let parsed = FoldedAlias(parsed).bytes
    let full = usesFullAlias ? FoldedAlias(full).bytes : []
    var keyed: [Int32] = []
    parsedKeys.collect(parsed, into: &keyed)
    if usesFullAlias { fullKeys.collect(full, into: &keyed) }
    keyed.sort()
    // A merge of the two, each in ascending order.
    var k = 0
    var o = 0
    var last: Int32 = -1
    while true {
      while o < others.count, !RuleIndex.admits(others[o], others[o].matchesFullAlias ? full : parsed) {
        o += 1
      }
      let number: Int32
      if k < keyed.count, o >= others.count || keyed[k] < others[o].rule {
        number = keyed[k]
        k += 1
      } else if o < others.count {
        number = others[o].rule
        o += 1
      } else {
        return
      }
      // Two of its texts may have led to one rule.
      guard number != last else { continue }
      last = number
      if visit(Int(number)) { return }
    }
  }

  @inline(__always)
  private static func admits(_ other: Other, _ alias: [UInt8]) -> Bool {
    guard alias.count >= Int(other.shortest), alias.count <= Int(other.longest) else {
      // A length that does not fit 16 bits is no bound.
      return other.longest == .max && alias.count >= Int(other.shortest)
    }
    guard let first = alias.first else { return true }
    return other.first.contains(first)
  }
}
