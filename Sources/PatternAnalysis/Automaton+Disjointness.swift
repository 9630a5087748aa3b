extension Automaton {
  /// True when no text is accepted by both. The cheap question before a witness is looked for.
  /// - Throws: ``Opaque/Reason/tooLarge(_:)`` beyond ``AnalysisLimits/searchStates`` pairs of states.
  public func isDisjoint(from other: Automaton, limits: AnalysisLimits = .standard) throws(Opaque) -> Bool {
    if accepting[0], other.accepting[0] { return false }
    // Pairs of classes that have a scalar in common.
    var seen = [Bool](repeating: false, count: alphabet.classCount * other.alphabet.classCount)
    var symbols: [(a: UInt16, b: UInt16)] = []
    var i = 0
    var j = 0
    let (ours, theirs) = (alphabet, other.alphabet)
    while i < ours.bounds.count, j < theirs.bounds.count {
      let (a, b) = (ours.classes[i], theirs.classes[j])
      if a != Alphabet.none, b != Alphabet.none {
        let key = Int(a) * theirs.classCount + Int(b)
        if !seen[key] {
          seen[key] = true
          symbols.append((a, b))
        }
      }
      let nextOurs = i + 1 < ours.bounds.count ? ours.bounds[i + 1] : .max
      let nextTheirs = j + 1 < theirs.bounds.count ? theirs.bounds[j + 1] : .max
      if nextOurs <= nextTheirs { i += 1 }
      if nextTheirs <= nextOurs { j += 1 }
    }
    var known: Set<UInt64> = [0]
    var queue: [(a: Int32, b: Int32)] = [(0, 0)]
    while let (a, b) = queue.popLast() {
      for symbol in symbols {
        let x = move(a, symbol.a)
        guard x != Automaton.dead else { continue }
        let y = other.move(b, symbol.b)
        guard y != Automaton.dead, known.insert(UInt64(x) << 32 | UInt64(y)).inserted else { continue }
        if accepting[Int(x)], other.accepting[Int(y)] { return false }
        guard known.count <= limits.searchStates else {
          throw Opaque(.tooLarge("more than \(limits.searchStates) combined states"))
        }
        queue.append((x, y))
      }
    }
    return true
  }
}
