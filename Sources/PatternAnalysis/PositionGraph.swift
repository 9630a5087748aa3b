/// The moves of a position automaton as a graph, for questions about ways rather than texts.
struct PositionGraph {
  private let sets: [ScalarSet]
  private let moves: [[(target: Int, ways: UInt8)]]
  private let initial: [Int]
  /// Strongly connected component of each position, and whether it has a loop.
  private let component: [Int]
  private let isLooping: [Bool]
  private let limits: AnalysisLimits
  private var common: CommonScalars

  /// Texts that lead from a position back to it in several ways, or from one loop on to the next.
  struct Loop {
    var position: Int
    var pumps: [AttackString.Pump]
  }

  init(_ positions: PositionAutomaton, limits: AnalysisLimits) throws(Opaque) {
    self.limits = limits
    sets = (0..<positions.count).map { positions.set(of: $0).intersection(.printable) }
    let sets = sets
    moves = positions.follow.map { edges in
      edges.compactMap { sets[Int($0.target)].isEmpty ? nil : (Int($0.target), $0.ways) }
    }
    initial = positions.first.map { Int($0.target) }.filter { !sets[$0].isEmpty }
    component = PositionGraph.components(moves.map { $0.map(\.target) })
    var looping = [Bool](repeating: false, count: sets.count)
    var members: [Int: Int] = [:]
    for number in component { members[number, default: 0] += 1 }
    for (position, edges) in moves.enumerated() {
      looping[position] =
        members[component[position], default: 0] > 1 || edges.contains { $0.target == position }
    }
    isLooping = looping
    common = CommonScalars(sets)
  }

  /// A character that two positions both take.
  private func letter(_ a: Int, _ b: Int) -> String? { common.letter(a, b) }

  // MARK: Ambiguity

  /// True when no text can be matched in two ways: every capture is then decided by the text alone.
  static func isUnambiguous(_ positions: PositionAutomaton, limits: AnalysisLimits) throws(Opaque) -> Bool {
    guard !positions.usesConditions else { return false }
    let graph = try PositionGraph(positions, limits: limits)
    guard !positions.first.contains(where: { $0.ways > 1 }),
      !positions.follow.contains(where: { $0.contains { $0.ways > 1 } })
    else { return false }
    // Two different positions behind one text, from which one text leads to an end.
    var known: Set<Pair> = []
    var queue: [Pair] = []
    var sources: [Pair: [Pair]] = [:]
    func reach(_ a: Int, _ b: Int, from: Pair?) throws(Opaque) {
      guard graph.letter(a, b) != nil else { return }
      let pair = Pair(a: Int32(a), b: Int32(b))
      if let from { sources[pair, default: []].append(from) }
      guard known.insert(pair).inserted else { return }
      guard known.count <= limits.costPairs else { throw Opaque(.tooLarge("too many pairs of positions")) }
      queue.append(pair)
    }
    for a in graph.initial { for b in graph.initial { try reach(a, b, from: nil) } }
    while let pair = queue.popLast() {
      for x in graph.moves[Int(pair.a)] {
        for y in graph.moves[Int(pair.b)] { try reach(x.target, y.target, from: pair) }
      }
    }
    var useful: Set<Pair> = []
    queue = known.filter { !positions.last[Int($0.a)].isEmpty && !positions.last[Int($0.b)].isEmpty }
    useful.formUnion(queue)
    while let pair = queue.popLast() {
      for source in sources[pair] ?? [] where useful.insert(source).inserted { queue.append(source) }
    }
    return !useful.contains { $0.a != $0.b }
  }

  private struct Pair: Hashable {
    var a: Int32
    var b: Int32
  }

  /// Positions that one text leads back to in two ways, with that text; the most promising first.
  func exponentialLoops() throws(Opaque) -> [Loop] {
    var loops: [Loop] = []
    var seen: Set<Int> = []
    for start in sets.indices where isLooping[start] {
      guard seen.count < 8, !seen.contains(component[start]) else { continue }
      if let pump = try doubleLoop(start) {
        seen.insert(component[start])
        loops.append(Loop(position: start, pumps: [.init(pump)]))
      }
    }
    return loops
  }

  /// A text from `start` back to `start` in two ways: a walk of two walkers that part, or a move with several ways.
  private func doubleLoop(_ start: Int) throws(Opaque) -> String? {
    struct State: Hashable {
      var a: Int32
      var b: Int32
      var hasParted: Bool
    }
    let home = component[start]
    var known: [State: (from: State?, text: String)] = [:]
    var queue: [State] = []
    var next = 0
    let first = State(a: Int32(start), b: Int32(start), hasParted: false)
    known[first] = (nil, "")
    queue.append(first)
    while next < queue.count {
      let state = queue[next]
      next += 1
      for x in moves[Int(state.a)] where component[x.target] == home {
        for y in moves[Int(state.b)] where component[y.target] == home {
          guard let letter = letter(x.target, y.target) else { continue }
          let hasParted =
            state.hasParted || x.target != y.target || state.a == state.b && x.ways > 1
          let target = State(a: Int32(x.target), b: Int32(y.target), hasParted: hasParted)
          if hasParted, x.target == start, y.target == start {
            var parts = [letter]
            var place: State? = state
            while let here = place, let step = known[here] {
              parts.append(step.text)
              place = step.from
            }
            return parts.reversed().joined()
          }
          guard known[target] == nil else { continue }
          guard known.count <= limits.costPairs else {
            throw Opaque(.tooLarge("too many pairs of positions"))
          }
          known[target] = (state, letter)
          queue.append(target)
        }
      }
    }
    return nil
  }

  /// The longest chains of positions with p –w→ p –w→ q –w→ q, one for each loop that begins one, longest first.
  func polynomialLoops() throws(Opaque) -> [Loop] {
    let looping = sets.indices.filter { isLooping[$0] }
    // One position stands for its component: a text that loops through one loops through all, turned around.
    var representative: [Int: Int] = [:]
    for position in looping where representative[component[position]] == nil {
      representative[component[position]] = position
    }
    guard representative.count <= 48 else { throw Opaque(.tooLarge("too many loops")) }
    var leads: [Int: [(target: Int, pump: AttackString.Pump)]] = [:]
    for p in representative.values.sorted() {
      for (number, next) in representative.sorted(by: { $0.value < $1.value }) where number != component[p] {
        for q in looping where component[q] == number {
          guard let pump = try tripleLoop(p, q), let link = path(from: q, to: next) else { continue }
          leads[p, default: []].append((next, .init(pump, link: link)))
          break
        }
      }
    }
    var chains: [Int: [AttackString.Pump]] = [:]
    func chain(_ p: Int) -> [AttackString.Pump] {
      if let known = chains[p] { return known }
      // Components have an order: a chain never comes back.
      chains[p] = []
      var longest: [AttackString.Pump] = []
      for lead in leads[p] ?? [] {
        let rest = chain(lead.target)
        if rest.count + 1 > longest.count { longest = [lead.pump] + rest }
      }
      chains[p] = longest
      return longest
    }
    return leads.keys.sorted().map { Loop(position: $0, pumps: chain($0)) }
      .sorted { ($0.pumps.count, $1.position) > ($1.pumps.count, $0.position) }.prefix(8).map { $0 }
  }

  /// One text on which three walkers go p to p, p to q and q to q.
  private func tripleLoop(_ p: Int, _ q: Int) throws(Opaque) -> String? {
    struct State: Hashable {
      var a: Int32
      var b: Int32
      var c: Int32
    }
    let first = State(a: Int32(p), b: Int32(p), c: Int32(q))
    var known: [State: (from: State?, text: String)] = [first: (nil, "")]
    var queue = [first]
    var next = 0
    while next < queue.count {
      let state = queue[next]
      next += 1
      for x in moves[Int(state.a)] where component[x.target] == component[p] {
        for z in moves[Int(state.c)] where component[z.target] == component[q] {
          guard letter(x.target, z.target) != nil else { continue }
          for y in moves[Int(state.b)] {
            guard let letter = common.letter(x.target, y.target, z.target) else { continue }
            if x.target == p, y.target == q, z.target == q {
              var parts = [letter]
              var place: State? = state
              while let here = place, let step = known[here] {
                parts.append(step.text)
                place = step.from
              }
              return parts.reversed().joined()
            }
            let target = State(a: Int32(x.target), b: Int32(y.target), c: Int32(z.target))
            guard known[target] == nil else { continue }
            // Texts that lead round are short; what is not found soon is not looked for.
            guard known.count <= limits.costPairs / 8 else { return nil }
            known[target] = (state, letter)
            queue.append(target)
          }
        }
      }
    }
    return nil
  }

  // MARK: Attack

  /// What leads to the loop, and what makes the match fail behind any number of turns; empty when nothing does.
  func attacks(_ loop: Loop, failing automaton: Automaton, limits: AnalysisLimits) throws(Opaque)
    -> [AttackString]
  {
    guard let prefix = path(to: loop.position) else { return [] }
    func advance(_ state: Int32, _ text: String) -> Int32 {
      var state = state
      for scalar in text.unicodeScalars { state = automaton.next(state, scalar.value) ?? Automaton.dead }
      return state
    }
    // Numbers of turns lead to different states: one suffix must fail from all of them.
    var reached: Set<Int32> = []
    for count in [2, 3, 4, 5, 6, 7, 12, 20, 24, 35, 48, 64] {
      var state = advance(0, prefix)
      for pump in loop.pumps {
        for _ in 0..<count { state = advance(state, pump.text) }
        state = advance(state, pump.link)
      }
      if state != Automaton.dead { reached.insert(state) }
    }
    let cycle = reached.sorted()
    guard let state = cycle.first else { return [] }
    var suffixes: [String] = []
    let completion = try automaton.acceptedSuffix(from: state, limits: limits)
    // A match that is nearly one, and fails at its very end.
    if let completion {
      let behind = cycle.map { advance($0, completion) }
      if let rest = try automaton.rejectedSuffix(from: behind, limits: limits) {
        suffixes.append(completion + rest)
      }
    }
    if let rest = try automaton.rejectedSuffix(from: cycle, limits: limits) {
      suffixes.append(rest)
      if let completion,
        cycle.allSatisfy({ state in advance(advance(state, rest), completion) == Automaton.dead })
      {
        suffixes.append(rest + completion)
      }
    }
    return suffixes.map { AttackString(prefix: prefix, pumps: loop.pumps, suffix: $0) }
  }

  /// A shortest text that leads to a position, from the start or from another position.
  private func path(from origin: Int? = nil, to goal: Int) -> String? {
    if origin == goal { return "" }
    var from = [Int](repeating: -2, count: sets.count)
    var queue: [Int] = []
    for position in origin.map({ moves[$0].map(\.target) }) ?? initial where from[position] == -2 {
      from[position] = -1
      queue.append(position)
    }
    var next = 0
    while next < queue.count, from[goal] == -2 {
      let position = queue[next]
      next += 1
      for edge in moves[position] where from[edge.target] == -2 {
        from[edge.target] = position
        queue.append(edge.target)
      }
    }
    guard from[goal] != -2 else { return nil }
    var parts: [String] = []
    var place = goal
    while place >= 0 {
      parts.append(letter(place, place) ?? "")
      place = from[place]
    }
    return parts.reversed().joined()
  }

  /// Tarjan's strongly connected components, without recursion.
  private static func components(_ targets: [[Int]]) -> [Int] {
    var index = [Int](repeating: -1, count: targets.count)
    var low = [Int](repeating: 0, count: targets.count)
    var onStack = [Bool](repeating: false, count: targets.count)
    var result = [Int](repeating: -1, count: targets.count)
    var stack: [Int] = []
    var counter = 0
    var found = 0
    for root in targets.indices where index[root] < 0 {
      var work: [(node: Int, edge: Int)] = [(root, 0)]
      while let (node, edge) = work.last {
        if edge == 0 {
          index[node] = counter
          low[node] = counter
          counter += 1
          stack.append(node)
          onStack[node] = true
        }
        if edge < targets[node].count {
          work[work.count - 1].edge += 1
          let target = targets[node][edge]
          if index[target] < 0 {
            work.append((target, 0))
          } else if onStack[target] {
            low[node] = min(low[node], index[target])
          }
          continue
        }
        work.removeLast()
        if let parent = work.last?.node { low[parent] = min(low[parent], low[node]) }
        if low[node] == index[node] {
          while let top = stack.popLast() {
            onStack[top] = false
            result[top] = found
            if top == node { break }
          }
          found += 1
        }
      }
    }
    return result
  }
}

/// Readable characters that positions have in common.
private struct CommonScalars {
  private let sets: [ScalarSet]
  private let ascii: [(UInt64, UInt64)]

  init(_ sets: [ScalarSet]) {
    self.sets = sets
    ascii = sets.map { set in
      var low: UInt64 = 0
      var high: UInt64 = 0
      for range in set.ranges where range.lowerBound < 128 {
        for value in range.lowerBound...min(127, range.upperBound) {
          if value < 64 { low |= 1 << UInt64(value) } else { high |= 1 << UInt64(value - 64) }
        }
      }
      return (low, high)
    }
  }

  func letter(_ a: Int, _ b: Int) -> String? { letter(a, b, b) }

  func letter(_ a: Int, _ b: Int, _ c: Int) -> String? {
    let low = ascii[a].0 & ascii[b].0 & ascii[c].0
    let high = ascii[a].1 & ascii[b].1 & ascii[c].1
    if low == 0, high == 0 {
      let set = sets[a].intersection(sets[b]).intersection(sets[c])
      return set.isEmpty ? nil : Readability.representative(set).text
    }
    // Small letters, then digits, then whatever comes first.
    let letters = high & 0x07ff_fffe_0000_0000
    let value: Int
    if letters != 0 {
      value = 64 + letters.trailingZeroBitCount
    } else if low & 0x03ff_0000_0000_0000 != 0 {
      value = (low & 0x03ff_0000_0000_0000).trailingZeroBitCount
    } else {
      value = low != 0 ? low.trailingZeroBitCount : 64 + high.trailingZeroBitCount
    }
    return Unicode.Scalar(UInt32(value)).map { String($0) }
  }
}

extension Automaton {
  /// A shortest text that is accepted from a state.
  func acceptedSuffix(from state: Int32, limits: AnalysisLimits) throws(Opaque) -> String? {
    try suffix(from: [state], limits) { $0[0] != Automaton.dead && accepting[Int($0[0])] }
  }

  /// A short text that is accepted from none of some states; nil when every text is accepted from one of them.
  func rejectedSuffix(from states: [Int32], limits: AnalysisLimits) throws(Opaque) -> String? {
    try suffix(from: states, limits) { here in
      !here.contains { $0 != Automaton.dead && accepting[Int($0)] }
    }
  }

  private func suffix(from states: [Int32], _ limits: AnalysisLimits, until isGoal: ([Int32]) -> Bool)
    throws(Opaque) -> String?
  {
    let letters = alphabet.members.map(Readability.representative)
    let order = letters.indices.sorted { letters[$0].cost < letters[$1].cost }
    var known: [[Int32]: (from: [Int32]?, text: String)] = [states: (nil, "")]
    var queue = [states]
    var next = 0
    while next < queue.count {
      let here = queue[next]
      next += 1
      if isGoal(here) {
        var parts: [String] = []
        var place: [Int32]? = here
        while let current = place, let step = known[current] {
          parts.append(step.text)
          place = step.from
        }
        return parts.reversed().joined()
      }
      for number in order {
        let target = here.map { move($0, UInt16(number)) }
        guard known[target] == nil else { continue }
        guard known.count <= limits.searchStates else { throw Opaque(.tooLarge("no failing suffix found")) }
        known[target] = (here, letters[number].text)
        queue.append(target)
      }
    }
    return nil
  }
}
