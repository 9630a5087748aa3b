/// The position (Glushkov) automaton of an expression: one state for each place in the pattern where a character is
/// taken, no empty moves, and for each move how many ways through the pattern make it.
///
/// It is the base of everything else: its subsets are the deterministic automaton, and moves that can be made in several
/// ways are what a backtracking matcher tries again and again.
struct PositionAutomaton {
  /// A move to a position under conditions on the place between two characters (bits of
  /// ``RegularExpression/Assertion``).
  struct Edge: Hashable {
    var target: Int32
    var conditions: UInt8
    /// Ways to make the move; 2 stands for more than one.
    var ways: UInt8
  }

  /// Set taken by each position, as an index into ``sets``.
  private(set) var setIndex: [Int32] = []
  private(set) var sets: [ScalarSet] = []
  private(set) var first: [Edge] = []
  private(set) var follow: [[Edge]] = []
  /// For each position, the conditions under which the text may end behind it.
  private(set) var last: [[UInt8]] = []
  /// Conditions under which the empty text matches.
  private(set) var empty: [UInt8] = []
  private(set) var usesConditions = false

  var count: Int { setIndex.count }
  func set(of position: Int) -> ScalarSet { sets[Int(setIndex[position])] }

  private struct Fragment {
    var empty: [(conditions: UInt8, ways: UInt8)] = []
    var first: [Edge] = []
    var last: [Edge] = []
  }

  private var numbers: [ScalarSet: Int32] = [:]
  private var edgeCount = 0
  private let limits: AnalysisLimits
  /// Possessive repetitions: positions inside, the moves inside when it was built, and what it repeats.
  private var possessive: [(positions: Range<Int>, moves: [Int: [Edge]], set: ScalarSet)] = []

  init(_ node: RegularExpression.Node, limits: AnalysisLimits) throws(Opaque) {
    self.limits = limits
    let whole = try build(node)
    first = Self.merged(whole.first)
    for i in follow.indices { follow[i] = Self.merged(follow[i]) }
    last = Array(repeating: [], count: count)
    for edge in whole.last where !last[Int(edge.target)].contains(edge.conditions) {
      last[Int(edge.target)].append(edge.conditions)
    }
    empty = Array(Set(whole.empty.map(\.conditions)))
    try checkPossessive()
  }

  private static func merged(_ edges: [Edge]) -> [Edge] {
    guard edges.count > 1 else { return edges }
    var ways: [Edge: UInt8] = [:]
    var order: [Edge] = []
    for edge in edges {
      let key = Edge(target: edge.target, conditions: edge.conditions, ways: 0)
      if let known = ways[key] {
        ways[key] = min(2, known + edge.ways)
      } else {
        ways[key] = edge.ways
        order.append(key)
      }
    }
    return order.map { Edge(target: $0.target, conditions: $0.conditions, ways: ways[$0] ?? 1) }
  }

  private mutating func build(_ node: RegularExpression.Node) throws(Opaque) -> Fragment {
    switch node {
    case .empty: return Fragment(empty: [(0, 1)])
    case .assertion(let assertion):
      usesConditions = true
      return Fragment(empty: [(assertion.rawValue, 1)])
    case .characters(let set):
      guard count < limits.positions else {
        throw Opaque(.tooLarge("more than \(limits.positions) characters when repetitions are written out"))
      }
      let number = numbers[set] ?? Int32(sets.count)
      if numbers[set] == nil {
        numbers[set] = number
        sets.append(set)
      }
      let position = Int32(count)
      setIndex.append(number)
      follow.append([])
      let edge = Edge(target: position, conditions: 0, ways: 1)
      return Fragment(first: [edge], last: [edge])
    case .group(_, let inner): return try build(inner)
    case .sequence(let nodes):
      var whole = Fragment(empty: [(0, 1)])
      for node in nodes { whole = try joined(whole, try build(node)) }
      return whole
    case .alternatives(let nodes):
      var whole = Fragment()
      for node in nodes {
        let branch = try build(node)
        whole.empty = Self.merged(whole.empty + branch.empty)
        whole.first += branch.first
        whole.last += branch.last
      }
      return whole
    case .repeated(let inner, let minimum, let maximum, let isPossessive):
      let start = count
      let whole = try repeated(inner, minimum, maximum)
      if isPossessive, case .characters(let set) = inner.withoutGroups {
        var moves: [Int: [Edge]] = [:]
        for position in start..<count { moves[position] = Self.merged(follow[position]) }
        possessive.append((start..<count, moves, set))
      }
      return whole
    }
  }

  private mutating func repeated(_ inner: RegularExpression.Node, _ minimum: Int, _ maximum: Int?)
    throws(Opaque) -> Fragment
  {
    // Nothing is repeated: bounded work for `(){60000}`.
    if inner.withoutGroups == .empty {
      // An unbounded repetition ends at its first empty turn.
      let hasChoice = maximum == nil ? minimum == 0 : minimum != maximum
      return Fragment(empty: [(0, hasChoice ? 2 : 1)])
    }
    var whole = Fragment(empty: [(0, 1)])
    if maximum == 0 { return whole }
    let budget = limits.positions + 1
    guard minimum <= budget, (maximum ?? 0) <= budget else {
      throw Opaque(.tooLarge("more than \(limits.positions) characters when repetitions are written out"))
    }
    if let maximum {
      // X{2,4} is X X (X (X)?)?, as a matcher tries it.
      var tail = Fragment(empty: [(0, 1)])
      for _ in 0..<(maximum - minimum) { tail = optional(try joined(try build(inner), tail)) }
      for _ in 0..<minimum { whole = try joined(whole, try build(inner)) }
      return try joined(whole, tail)
    }
    for _ in 0..<max(0, minimum - 1) { whole = try joined(whole, try build(inner)) }
    var loop = try build(inner)
    try connect(loop.last, loop.first)
    if minimum == 0 { loop = optional(loop) }
    return try joined(whole, loop)
  }

  private func optional(_ fragment: Fragment) -> Fragment {
    var fragment = fragment
    fragment.empty = Self.merged([(0, 1)] + fragment.empty)
    return fragment
  }

  private mutating func joined(_ a: Fragment, _ b: Fragment) throws(Opaque) -> Fragment {
    try connect(a.last, b.first)
    var whole = Fragment()
    for x in a.empty {
      for y in b.empty { whole.empty.append((x.conditions | y.conditions, min(2, x.ways * y.ways))) }
    }
    whole.empty = Self.merged(whole.empty)
    whole.first = a.first + Self.through(a.empty, b.first)
    whole.last = Self.through(b.empty, a.last) + b.last
    guard whole.first.count + whole.last.count <= limits.edges else { throw Self.tooManyEdges }
    return whole
  }

  private static var tooManyEdges: Opaque { Opaque(.tooLarge("too many ways through the pattern")) }

  private static func through(_ empty: [(conditions: UInt8, ways: UInt8)], _ edges: [Edge]) -> [Edge] {
    if empty.count == 1, empty[0] == (0, 1) { return edges }
    return empty.flatMap { way in
      edges.map {
        Edge(
          target: $0.target, conditions: $0.conditions | way.conditions, ways: min(2, $0.ways * way.ways))
      }
    }
  }

  private static func merged(_ ways: [(conditions: UInt8, ways: UInt8)]) -> [(UInt8, UInt8)] {
    var result: [(UInt8, UInt8)] = []
    for way in ways {
      if let i = result.firstIndex(where: { $0.0 == way.conditions }) {
        result[i].1 = min(2, result[i].1 + way.ways)
      } else {
        result.append((way.conditions, way.ways))
      }
    }
    return result
  }

  private mutating func connect(_ sources: [Edge], _ targets: [Edge]) throws(Opaque) {
    edgeCount += sources.count * targets.count
    guard edgeCount <= limits.edges else { throw Self.tooManyEdges }
    for source in sources {
      for target in targets {
        follow[Int(source.target)].append(
          Edge(
            target: target.target, conditions: source.conditions | target.conditions,
            ways: min(2, source.ways * target.ways)))
      }
    }
  }

  /// A possessive repetition of one character matches as a plain one when nothing that may follow it could have been
  /// taken by it.
  private func checkPossessive() throws(Opaque) {
    for item in possessive {
      for position in item.positions {
        let inside = Set(item.moves[position] ?? [])
        for edge in follow[position] where !inside.contains(edge) {
          guard set(of: Int(edge.target)).isDisjoint(with: item.set) else { throw Opaque(.atomic) }
        }
      }
    }
  }
}

extension RegularExpression.Node {
  /// What a group holds, for a group of a group of a character too.
  var withoutGroups: Self {
    var node = self
    while case .group(_, let inner) = node { node = inner }
    return node
  }
}
