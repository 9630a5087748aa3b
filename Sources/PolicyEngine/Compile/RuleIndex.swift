/// Which rules can match an alias at all, found without trying each.
///
/// A pattern that can only match one text, or only text that begins with something, is filed under it; the rest are
/// always tried. Candidates come in the order of evaluation, so the first that matches decides as if all were tried.
struct RuleIndex: Sendable {
  /// By folded text: rules whose pattern matches that text only.
  private var exact: [[UInt8]: [Int32]] = [:]
  /// By folded text: rules whose pattern matches only what begins (ends) with it.
  private var prefixes: [[UInt8]: [Int32]] = [:]
  private var suffixes: [[UInt8]: [Int32]] = [:]
  private var prefixLengths: [Int] = []
  private var suffixLengths: [Int] = []
  /// Rules that are always tried.
  private var others: [Int32] = []
  /// Rules that match the full alias are few; they are always tried too.

  /// Longest literal that is filed.
  private static let longestKey = 24

  init(_ rules: [(pattern: String, matchesFullAlias: Bool, isEnabled: Bool)]) {
    for (i, rule) in rules.enumerated() where rule.isEnabled {
      let number = Int32(truncatingIfNeeded: i)
      guard !rule.matchesFullAlias else {
        others.append(number)
        continue
      }
      switch LiteralAnalysis(rule.pattern) {
      case .exact(let text): exact[text, default: []].append(number)
      case .prefix(let text): prefixes[Array(text.prefix(RuleIndex.longestKey)), default: []].append(number)
      case .suffix(let text): suffixes[Array(text.suffix(RuleIndex.longestKey)), default: []].append(number)
      case .unknown: others.append(number)
      }
    }
    prefixLengths = Set(prefixes.keys.map(\.count)).sorted()
    suffixLengths = Set(suffixes.keys.map(\.count)).sorted()
  }

  /// Calls `visit` with each candidate in order until it returns true.
  func visitCandidates(
    parsed: UnsafeBufferPointer<UInt8>, full: UnsafeBufferPointer<UInt8>, _ visit: (Int) -> Bool
  ) {
    // Keys are folded ASCII. An alias with other characters may equal a key only through folding (kelvin sign and long
    // s), so such an alias meets every rule.
    var folded: [UInt8] = []
    folded.reserveCapacity(parsed.count)
    var isASCII = true
    for byte in parsed {
      if byte >= 0x80 { isASCII = false }
      folded.append((0x41...0x5a).contains(byte) ? byte | 0x20 : byte)
    }
    var lists: [ArraySlice<Int32>] = []
    func add(_ list: [Int32]?) {
      if let list, !list.isEmpty { lists.append(list[...]) }
    }
    add(others)
    if isASCII {
      add(exact[folded])
      for length in prefixLengths where length <= folded.count { add(prefixes[Array(folded[..<length])]) }
      for length in suffixLengths where length <= folded.count {
        add(suffixes[Array(folded[(folded.count - length)...])])
      }
    } else {
      exact.values.forEach(add)
      prefixes.values.forEach(add)
      suffixes.values.forEach(add)
    }
    if lists.count > 64 {
      for number in lists.joined().sorted() where visit(Int(number)) { return }
      return
    }
    // A merge of few sorted lists.
    while true {
      var best: Int?
      for i in lists.indices {
        guard let head = lists[i].first else { continue }
        if let chosen = best, let least = lists[chosen].first, least <= head { continue }
        best = i
      }
      guard let best, let number = lists[best].popFirst() else { return }
      if visit(Int(number)) { return }
    }
  }
}
