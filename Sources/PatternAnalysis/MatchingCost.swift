/// How the work of a backtracking matcher grows with the length of a text that does not match.
public struct MatchingCost: Hashable, Sendable {
  public enum Growth: Hashable, Sendable, Comparable {
    case linear
    /// The text can be split in ways whose number grows with this power of its length.
    case polynomial(degree: Int)
    case exponential
  }

  public var growth: Growth
  /// Texts that are costly; empty when ``growth`` is linear. Several, since a matcher may see of some of them at once that
  /// they cannot match (PCRE2 looks for a last character that every match needs).
  public var attacks: [AttackString]
}

/// A family of texts: `prefix`, then each pump over and over, then `suffix`, which makes the match fail.
public struct AttackString: Hashable, Sendable {
  public struct Pump: Hashable, Sendable {
    public var text: String
    /// What stands between this pump and the next.
    public var link: String

    public init(_ text: String, link: String = "") {
      self.text = text
      self.link = link
    }
  }

  public var prefix: String
  public var pumps: [Pump]
  public var suffix: String

  public init(prefix: String, pumps: [Pump], suffix: String) {
    self.prefix = prefix
    self.pumps = pumps
    self.suffix = suffix
  }

  public func text(repeating count: Int) -> String {
    pumps.reduce(prefix) { $0 + String(repeating: $1.text, count: count) + $1.link } + suffix
  }

  /// The longest text of at most `length` characters.
  public func text(ofLength length: Int) -> String {
    let fixed = text(repeating: 0).unicodeScalars.count
    let turn = pumps.reduce(0) { $0 + $1.text.unicodeScalars.count }
    return text(repeating: max(0, length - fixed) / max(1, turn))
  }
}

extension MatchingCost {
  /// Judges an expression by the ambiguity of its position automaton.
  ///
  /// Exponential: some position can be left and reached again by one text in two ways (EDA). Polynomial: one text leads
  /// from a first position back to itself, from it to a second, and from the second back to itself (IDA); the degree is
  /// the length of the longest chain of such positions. A matcher meets the worst only when the text in the end does
  /// not match, so growth without a failing suffix counts as linear.
  public init(_ expression: RegularExpression, limits: AnalysisLimits = .standard) throws(Opaque) {
    let positions = try PositionAutomaton(expression.root, limits: limits)
    guard !positions.usesConditions else { throw Opaque(.unsupported("the cost of anchors and boundaries")) }
    let graph = try PositionGraph(positions, limits: limits)
    let automaton = try Automaton(positions, universe: .printable, limits: limits)
    var attacks: [AttackString] = []
    for loop in try graph.exponentialLoops() {
      attacks += try graph.attacks(loop, failing: automaton, limits: limits)
    }
    guard attacks.isEmpty else {
      self.init(growth: .exponential, attacks: attacks)
      return
    }
    var greatest = 0
    for loop in try graph.polynomialLoops() {
      let found = try graph.attacks(loop, failing: automaton, limits: limits)
      if !found.isEmpty { greatest = max(greatest, loop.pumps.count + 1) }
      attacks += found
    }
    self.init(growth: attacks.isEmpty ? .linear : .polynomial(degree: greatest), attacks: attacks)
  }
}

extension RegularExpression {
  /// False when a look at the tree shows that matching is linear: at most one place where a text can be split.
  public var mayBeCostly: Bool { root.splits > 1 }
}

extension RegularExpression.Node {
  /// Places where a matcher may choose how much to take; one within an unbounded repetition counts double.
  fileprivate var splits: Int {
    switch self {
    case .empty, .characters, .assertion: return 0
    case .group(_, let node): return node.splits
    case .sequence(let nodes): return nodes.reduce(0) { min(100, $0 + $1.splits) }
    case .alternatives(let nodes): return nodes.reduce(0) { min(100, $0 + $1.splits) }
    case .repeated(let node, let minimum, let maximum, _):
      if maximum == minimum { return node.splits * (minimum > 1 ? 2 : 1) }
      if case .characters = node.withoutGroups { return 1 }
      let isLoop = maximum ?? 2 > 1
      return isLoop ? 2 : node.splits
    }
  }
}
