/// A part of a replacement: text, or what a group of the pattern matched (0: all of it).
public enum ReplacementPart: Hashable, Sendable {
  case literal(String)
  case group(Int)
}

/// What a pattern with its replacement can lead to, as a language.
///
/// Never too small. ``isExact`` tells whether every text in it can really come out: so when what the groups match is
/// decided by the alias alone and not by each other.
public struct ReplacementImage: Sendable {
  public var node: RegularExpression.Node
  public var isExact: Bool

  /// Ways to take part that are told apart, such as the branches of an alternative.
  private static let maximumWays = 64

  /// One way through the pattern, with what it leaves in each group.
  private struct Way {
    var groups: [Int: RegularExpression.Node] = [:]
  }

  public init(
    of expression: RegularExpression, replacedBy parts: [ReplacementPart],
    limits: AnalysisLimits = .standard
  ) throws(Opaque) {
    let used = Set(parts.compactMap { if case .group(let number) = $0 { number } else { nil } })
    var isExact = true
    // A group used twice stands for the same text twice, which no regular language can say.
    for number in used where parts.filter({ $0 == .group(number) }).count > 1 { isExact = false }
    if used.contains(0), used.count > 1 { isExact = false }
    if expression.root.hasAssertion { isExact = false }
    var reading = Reading(used: used, isExact: isExact)
    var ways = reading.ways(expression.root)
    if ways.count > Self.maximumWays {
      ways = [reading.merged(ways)]
    }
    if used.contains(0) { for i in ways.indices { ways[i].groups[0] = expression.root } }
    isExact = reading.isExact
    // Whole alias or nothing of it: what else matches in several ways makes no difference.
    if isExact, used != [], used != [0] {
      isExact = try PositionGraph.isUnambiguous(
        try PositionAutomaton(expression.root, limits: limits), limits: limits)
    }
    if isExact, ways.count > 1 || used.isEmpty {
      // A branch that cannot match at all leads to nothing.
      isExact = try !Automaton(expression.root, limits: limits).isEmpty
    }
    node = .either(
      ways.map { way in
        .joined(
          parts.map { part in
            switch part {
            case .literal(let text): .text(text)
            case .group(let number): (way.groups[number] ?? .empty).detached
            }
          })
      })
    self.isExact = isExact
  }

  private struct Reading {
    let used: Set<Int>
    var isExact: Bool

    private func mentions(_ node: RegularExpression.Node) -> Bool {
      switch node {
      case .empty, .characters, .assertion: false
      case .sequence(let nodes), .alternatives(let nodes): nodes.contains(where: mentions)
      case .repeated(let inner, _, _, _): mentions(inner)
      case .group(let number, let inner): used.contains(number) || mentions(inner)
      }
    }

    mutating func ways(_ node: RegularExpression.Node) -> [Way] {
      guard mentions(node) else { return [Way()] }
      switch node {
      case .empty, .characters, .assertion: return [Way()]
      case .sequence(let nodes):
        var all = [Way()]
        for node in nodes {
          let more = ways(node)
          all = all.flatMap { a in
            more.map { b in Way(groups: a.groups.merging(b.groups) { _, last in last }) }
          }
          if all.count > ReplacementImage.maximumWays { all = [merged(all)] }
        }
        return all
      case .alternatives(let nodes): return nodes.flatMap { ways($0) }
      case .group(let number, let inner):
        guard used.contains(number) else { return ways(inner) }
        var result = Way(groups: [number: inner])
        if mentions(inner) {
          // A group in a group: what one holds depends on the other.
          isExact = false
          result.groups.merge(merged(ways(inner)).groups) { a, _ in a }
        }
        return [result]
      case .repeated(let inner, 0, 1, _): return [Way()] + ways(inner)
      case .repeated(let inner, let minimum, let maximum, _):
        if maximum == 0 { return [Way()] }
        if minimum == 1, maximum == 1 { return ways(inner) }
        // The last turn counts, and earlier ones leave what it does not touch.
        isExact = false
        var way = merged(ways(inner))
        for (number, node) in way.groups { way.groups[number] = .alternatives([.empty, node]) }
        return [way]
      }
    }

    /// All ways at once: each group on its own, or empty.
    mutating func merged(_ ways: [Way]) -> Way {
      if ways.count == 1 { return ways[0] }
      isExact = false
      var result = Way()
      for number in used {
        let nodes = Set(ways.map { $0.groups[number] ?? .empty })
        if nodes != [.empty] { result.groups[number] = .either(Array(nodes)) }
      }
      return result
    }
  }
}

extension RegularExpression.Node {
  /// What a group can hold, for use in another place: conditions on where it stood are dropped, which can only add to it.
  var detached: Self {
    switch self {
    case .empty, .assertion: .empty
    case .characters: self
    case .sequence(let nodes): .joined(nodes.map(\.detached))
    case .alternatives(let nodes): .either(nodes.map(\.detached))
    case .repeated(let node, let minimum, let maximum, _):
      .repeated(node.detached, minimum: minimum, maximum: maximum, isPossessive: false)
    case .group(_, let node): node.detached
    }
  }

  /// The same expression where groups can hold only the given texts.
  func fixing(_ groups: [Int: String]) -> Self {
    switch self {
    case .empty, .assertion, .characters: return self
    case .sequence(let nodes): return .joined(nodes.map { $0.fixing(groups) })
    case .alternatives(let nodes): return .either(nodes.map { $0.fixing(groups) })
    case .repeated(let node, let minimum, let maximum, let isPossessive):
      return .repeated(
        node.fixing(groups), minimum: minimum, maximum: maximum, isPossessive: isPossessive)
    case .group(let number, let node):
      if let text = groups[number] { return .group(number, .text(text)) }
      return .group(number, node.fixing(groups))
    }
  }
}

extension RegularExpression {
  /// Texts that the expression may turn into `result`: languages that hold every such text whose groups stand apart, and
  /// perhaps more. Ask the matcher about what is drawn from them.
  public func origins(of result: String, replacedBy parts: [ReplacementPart]) -> [Node] {
    let whole = Array(result.unicodeScalars)
    guard whole.count <= 256, parts.count <= 16 else { return [] }
    var found: [Node] = []
    // Each way to cut the result into the parts; the first few are enough to try.
    func cut(_ part: Int, _ at: Int, _ groups: [Int: String]) {
      guard found.count < 8 else { return }
      guard part < parts.count else {
        guard at == whole.count else { return }
        found.append(groups[0].map { .text($0) } ?? root.fixing(groups))
        return
      }
      switch parts[part] {
      case .literal(let text):
        let scalars = Array(text.unicodeScalars)
        if whole[at...].starts(with: scalars) { cut(part + 1, at + scalars.count, groups) }
      case .group(let number):
        if let known = groups[number] {
          let scalars = Array(known.unicodeScalars)
          if whole[at...].starts(with: scalars) { cut(part + 1, at + scalars.count, groups) }
          return
        }
        // The last part takes the rest.
        let ends = part == parts.count - 1 ? whole.count...whole.count : at...whole.count
        for end in ends {
          var groups = groups
          groups[number] = String(String.UnicodeScalarView(whole[at..<end]))
          cut(part + 1, end, groups)
        }
      }
    }
    cut(0, 0, [:])
    return found
  }
}
