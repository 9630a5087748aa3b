import CallModel
import PatternAnalysis
import PolicyEngine

/// What a rule makes of an alias, in a form in which two rules can be compared: texts, and slices of the alias at fixed places.
///
/// Two equal functions give the same for every alias that both rules match. Unequal ones may do so too.
struct AliasFunction: Hashable {
  /// Characters from one end of the alias.
  enum Place: Hashable {
    case fromStart(Int)
    case fromEnd(Int)
  }

  enum Piece: Hashable {
    case text(String)
    case slice(from: Place, to: Place)
  }

  private let pieces: [Piece]
  private let isOfFullAlias: Bool

  /// nil when the rule's pattern does not fix the places of what its replacement uses.
  init?(_ rule: CallRoutingRule, replacement: [ReplacementPart]?, expression: RegularExpression?) {
    let whole = Piece.slice(from: .fromStart(0), to: .fromEnd(0))
    guard let replacement else {
      // Without a replacement the alias stays, without scheme; only one target needs all of it.
      isOfFullAlias = rule.matchesFullAlias && rule.gateway.target == .mssipServer
      pieces = [whole]
      return
    }
    isOfFullAlias = rule.matchesFullAlias
    var pieces: [Piece] = []
    for part in replacement {
      switch part {
      case .literal(let text):
        if case .text(let before)? = pieces.last {
          pieces[pieces.count - 1] = .text(before + text)
        } else {
          pieces.append(.text(text))
        }
      case .group(0): pieces.append(whole)
      case .group(let number):
        guard let slice = expression.flatMap({ AliasFunction.slice(of: number, in: $0) }) else { return nil }
        pieces.append(slice)
      }
    }
    self.pieces = pieces
  }

  /// Where group `number` stands, if it always takes part and what is around it has a fixed width.
  private static func slice(of number: Int, in expression: RegularExpression) -> Piece? {
    let nodes: [RegularExpression.Node]
    if case .sequence(let all) = expression.root { nodes = all } else { nodes = [expression.root] }
    guard
      let place = nodes.firstIndex(where: { if case .group(number, _) = $0 { true } else { false } }),
      case .group(_, let inner) = nodes[place]
    else { return nil }
    let before = width(nodes[..<place])
    let after = width(nodes[(place + 1)...])
    if let before, let after { return .slice(from: .fromStart(before), to: .fromEnd(after)) }
    guard let own = width([inner]) else { return nil }
    if let before { return .slice(from: .fromStart(before), to: .fromStart(before + own)) }
    if let after { return .slice(from: .fromEnd(after + own), to: .fromEnd(after)) }
    return nil
  }

  /// Characters that everything these nodes match has; nil when they vary.
  private static func width(_ nodes: some Sequence<RegularExpression.Node>) -> Int? {
    var sum = 0
    for node in nodes {
      switch node {
      case .empty, .assertion: break
      case .characters: sum += 1
      case .sequence(let inner):
        guard let inner = width(inner) else { return nil }
        sum += inner
      case .group(_, let inner):
        guard let inner = width([inner]) else { return nil }
        sum += inner
      case .alternatives(let ways):
        let widths = Set(ways.map { width([$0]) })
        guard widths.count == 1, let inner = widths.first ?? nil else { return nil }
        sum += inner
      case .repeated(let inner, let minimum, let maximum, _):
        guard minimum == maximum, let inner = width([inner]), inner <= 1_000, minimum <= 1_000 else {
          return nil
        }
        sum += inner * minimum
      }
    }
    return sum
  }

  // MARK: Backwards

  /// Aliases from which texts come that begin with `prefix`: those that all of the result accept. Some may be among them from which
  /// something else comes: what is behind a piece of varying length is taken for as long as it needs to be. nil: there are none.
  func preimage(of prefix: String, _ limits: AnalysisLimits) -> [Automaton]? {
    var rest = Substring(prefix)
    var patterns: [String] = []
    for piece in pieces where !rest.isEmpty {
      switch piece {
      case .text(let text):
        if text.hasPrefix(rest) {
          rest = ""
        } else if rest.hasPrefix(text) {
          rest = rest.dropFirst(text.count)
        } else {
          return nil
        }
      case .slice(.fromStart(let start), let end):
        var length = rest.count
        if case .fromStart(let end) = end { length = min(length, end - start) }
        patterns.append(".{\(start)}\(Automaton.quoted(String(rest.prefix(length)))).*")
        rest = rest.dropFirst(length)
      case .slice(.fromEnd(let start), .fromEnd(let end)):
        let length = min(rest.count, start - end)
        patterns.append(".*\(Automaton.quoted(String(rest.prefix(length)))).{\(start - length)}")
        rest = rest.dropFirst(length)
      case .slice(.fromEnd, .fromStart): return nil
      }
    }
    guard rest.isEmpty else { return nil }
    return patterns.compactMap {
      try? Automaton(pattern: $0, universe: RuleLanguages.universe, limits: limits)
    }
  }
}
