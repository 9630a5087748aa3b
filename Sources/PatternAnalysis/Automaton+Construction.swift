extension Automaton {
  /// The texts that match the whole of an expression.
  /// - Parameter universe: what texts are made of; everything else is left out of account.
  public init(
    _ expression: RegularExpression, universe: ScalarSet = .all, limits: AnalysisLimits = .standard
  ) throws(Opaque) {
    try self.init(expression.root, universe: universe, limits: limits)
  }

  public init(
    _ node: RegularExpression.Node, universe: ScalarSet = .all, limits: AnalysisLimits = .standard
  ) throws(Opaque) {
    try self.init(try PositionAutomaton(node, limits: limits), universe: universe, limits: limits)
  }

  /// A pattern in the syntax of rules.
  public init(
    pattern: String, universe: ScalarSet = .all, limits: AnalysisLimits = .standard
  ) throws(Opaque) {
    try self.init(try RegularExpression(parsing: pattern), universe: universe, limits: limits)
  }

  /// Every text over `universe`.
  public static func everything(universe: ScalarSet = .all) -> Automaton {
    guard let alphabet = try? Alphabet(sets: [], universe: universe) else {
      preconditionFailure("one class is never too many")
    }
    return Automaton(
      alphabet: alphabet, moves: Array(repeating: 0, count: alphabet.classCount), accepting: [true])
  }

  /// What the character before a place is, as far as conditions ask.
  private enum Before: UInt32 { case nothing, newline, word, other }

  private static func before(_ set: ScalarSet) -> Before {
    if set.contains(10) { return .newline }
    return set.isDisjoint(with: .word) ? .other : .word
  }

  /// Subset construction. Where conditions are used, a state also knows the kind of character before it, and each
  /// position whether the text must end there.
  init(_ positions: PositionAutomaton, universe: ScalarSet, limits: AnalysisLimits) throws(Opaque) {
    let asks = positions.usesConditions
    let alphabet = try Alphabet(
      sets: positions.sets + (asks ? [.newline, .word] : []), universe: universe)
    let classCount = alphabet.classCount
    let members = alphabet.members
    // Whether a set takes a class: classes never straddle a set, so one member tells.
    let takes: [[Bool]] = positions.sets.map { set in
      members.map { $0.ranges.first.map { set.contains($0.lowerBound) } ?? false }
    }
    let kinds = members.map { asks ? Automaton.before($0) : .other }

    /// A position, and whether the text must end behind it.
    typealias Place = UInt32
    var numbers: [[Place]: Int32] = [:]
    var states: [[Place]] = []
    var moves: [Int32] = []
    var accepting: [Bool] = []

    func number(_ places: [Place]) throws(Opaque) -> Int32 {
      if let known = numbers[places] { return known }
      guard states.count < limits.states else {
        throw Opaque(.tooLarge("more than \(limits.states) states"))
      }
      let new = Int32(states.count)
      numbers[places] = new
      states.append(places)
      return new
    }

    // The first element of a state is the kind of character before it.
    let startMark: Place = .max
    _ = try number([Before.nothing.rawValue, startMark])
    var state = 0
    var targets = [[Place]](repeating: [], count: classCount)
    while state < states.count {
      let places = states[state]
      let before = Before(rawValue: places[0]) ?? .other
      for i in targets.indices { targets[i].removeAll(keepingCapacity: true) }
      var isAccepting = false
      for place in places.dropFirst() {
        let isStart = place == startMark
        let mustEnd = !isStart && place & 1 != 0
        let ends = isStart ? positions.empty : positions.last[Int(place >> 1)]
        if ends.contains(where: { Automaton.holds($0, before: before, after: nil) != nil }) {
          isAccepting = true
        }
        guard !mustEnd else { continue }
        for edge in isStart ? positions.first : positions.follow[Int(place >> 1)] {
          let taken = takes[Int(positions.setIndex[Int(edge.target)])]
          for number in 0..<classCount where taken[number] {
            var next = Place(edge.target) << 1
            if edge.conditions != 0 {
              guard let ends = Automaton.holds(edge.conditions, before: before, after: kinds[number]) else {
                continue
              }
              if ends { next |= 1 }
            }
            targets[number].append(next)
          }
        }
      }
      accepting.append(isAccepting)
      for i in 0..<classCount {
        guard !targets[i].isEmpty else {
          moves.append(Automaton.dead)
          continue
        }
        targets[i].sort()
        var key = [asks ? kinds[i].rawValue : Before.other.rawValue]
        key.reserveCapacity(targets[i].count + 1)
        for place in targets[i] where place != key.last || key.count == 1 { key.append(place) }
        moves.append(try number(key))
      }
      state += 1
    }
    self.init(alphabet: alphabet, moves: moves, accepting: accepting)
  }

  /// Whether conditions hold between two characters (`after` nil: at the end); true when the text must end right after
  /// the next character, nil when they do not hold.
  private static func holds(_ conditions: UInt8, before: Before, after: Before?) -> Bool? {
    func has(_ assertion: RegularExpression.Assertion) -> Bool { conditions & assertion.rawValue != 0 }
    if has(.start), before != .nothing { return nil }
    if has(.end), after != nil { return nil }
    // PCRE2: after a line feed that ends the text, no line begins.
    if has(.lineStart), before != .nothing, before != .newline || after == nil { return nil }
    if has(.lineEnd), after != nil, after != .newline { return nil }
    if has(.wordBoundary) || has(.noWordBoundary) {
      let isBoundary = (before == .word) != (after == .word)
      if has(.wordBoundary), !isBoundary { return nil }
      if has(.noWordBoundary), isBoundary { return nil }
    }
    if has(.endOrFinalNewline), after != nil {
      guard after == .newline else { return nil }
      return true
    }
    return false
  }
}
