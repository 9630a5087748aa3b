/// A regular expression as a tree: the part of PCRE2's syntax whose language is regular, with case already folded into
/// the sets of characters.
///
/// ``init(parsing:)`` reads the dialect of rules: caseless, UTF, `\d \w \s` ASCII, the whole subject must match. What a
/// machine cannot reason about is refused with ``Opaque``, never approximated.
public struct RegularExpression: Sendable {
  public indirect enum Node: Hashable, Sendable {
    /// The empty text.
    case empty
    case characters(ScalarSet)
    case sequence([Node])
    case alternatives([Node])
    /// `maximum` nil: unbounded.
    case repeated(Node, minimum: Int, maximum: Int?, isPossessive: Bool)
    case group(Int, Node)
    case assertion(Assertion)
  }

  /// Conditions on a place between two characters.
  public enum Assertion: UInt8, Hashable, Sendable, CaseIterable {
    /// `^`, `\A`, `\G`
    case start = 1
    /// `\z`
    case end = 2
    /// `$`, `\Z`: at the end, or before a line feed that ends the text
    case endOrFinalNewline = 4
    /// `(?m)^`
    case lineStart = 8
    /// `(?m)$`
    case lineEnd = 16
    /// `\b`
    case wordBoundary = 32
    /// `\B`
    case noWordBoundary = 64
  }

  public var root: Node
  public var groupCount: Int
  public var groupNames: [String: Int]

  public init(root: Node, groupCount: Int = 0, groupNames: [String: Int] = [:]) {
    self.root = root
    self.groupCount = groupCount
    self.groupNames = groupNames
  }

  /// Reads a pattern.
  public init(parsing text: String) throws(Opaque) {
    var parser = RegularExpressionParser(text)
    self = try parser.parse()
  }
}

/// Why a pattern is closed to analysis, and where.
public struct Opaque: Error, Hashable, Sendable {
  public enum Reason: Hashable, Sendable {
    case lookAround
    case backReference
    case recursion
    case conditional
    case atomic
    case verb
    case unicodeProperty
    /// Syntax whose meaning this reader does not claim to know.
    case unsupported(String)
    case invalid(String)
    /// A bound of ``AnalysisLimits`` was exceeded.
    case tooLarge(String)
  }

  public var reason: Reason
  /// Bytes from the start of the pattern; nil when the pattern as a whole is meant.
  public var offset: Int?

  public init(_ reason: Reason, offset: Int? = nil) {
    self.reason = reason
    self.offset = offset
  }
}

extension Opaque: CustomStringConvertible {
  public var description: String {
    switch reason {
    case .lookAround: "look-around"
    case .backReference: "a back-reference"
    case .recursion: "recursion"
    case .conditional: "a condition"
    case .atomic: "an atomic group or possessive repetition that changes what matches"
    case .verb: "a control verb"
    case .unicodeProperty: "a Unicode property"
    case .unsupported(let what): what
    case .invalid(let what): "not a valid pattern: \(what)"
    case .tooLarge(let what): "too large: \(what)"
    }
  }
}

/// Bounds of one analysis. Beyond them a pattern is ``Opaque`` or a question stays open; nothing runs on.
public struct AnalysisLimits: Sendable {
  /// Characters of a pattern once counted repetitions are written out.
  public var positions = 4_000
  /// Pairs of characters that may follow each other.
  public var edges = 100_000
  /// States of one deterministic automaton.
  public var states = 4_000
  /// States visited when several automata run side by side.
  public var searchStates = 40_000
  /// Pairs of characters compared for the cost of matching.
  public var costPairs = 60_000

  public init() {}
  public static let standard = AnalysisLimits()
}

extension RegularExpression.Node {
  /// Concatenation with the trivial cases taken out.
  static func joined(_ nodes: [Self]) -> Self {
    var flat: [Self] = []
    for node in nodes {
      switch node {
      case .empty: continue
      case .sequence(let inner): flat += inner
      default: flat.append(node)
      }
    }
    return flat.isEmpty ? .empty : flat.count == 1 ? flat[0] : .sequence(flat)
  }

  static func either(_ nodes: [Self]) -> Self { nodes.count == 1 ? nodes[0] : .alternatives(nodes) }

  /// A text as it stands, without case.
  public static func caselessText(_ text: String) -> Self {
    joined(text.unicodeScalars.map { .characters(CaseOrbits.closure(ScalarSet([$0.value...$0.value]))) })
  }

  /// A text as it stands, case kept.
  public static func text(_ text: String) -> Self {
    joined(text.unicodeScalars.map { .characters(ScalarSet([$0.value...$0.value])) })
  }

  /// True when a condition on places stands anywhere in it.
  var hasAssertion: Bool {
    switch self {
    case .empty, .characters: false
    case .assertion: true
    case .sequence(let nodes), .alternatives(let nodes): nodes.contains(where: \.hasAssertion)
    case .repeated(let node, _, _, _), .group(_, let node): node.hasAssertion
    }
  }

  /// The same language without anchors that a full match fulfils anyway: `^` at the very start, `$` at the very end.
  func withoutOuterAnchors(atStart: Bool = true, atEnd: Bool = true) -> Self {
    switch self {
    case .assertion(.start), .assertion(.lineStart): return atStart ? .empty : self
    case .assertion(.end), .assertion(.endOrFinalNewline), .assertion(.lineEnd): return atEnd ? .empty : self
    case .sequence(var nodes):
      if atStart {
        while let first = nodes.first {
          let simpler = first.withoutOuterAnchors(atStart: true, atEnd: atEnd && nodes.count == 1)
          guard simpler == .empty else {
            nodes[0] = simpler
            break
          }
          nodes.removeFirst()
        }
      }
      if atEnd {
        while let last = nodes.last {
          let simpler = last.withoutOuterAnchors(atStart: atStart && nodes.count == 1, atEnd: true)
          guard simpler == .empty else {
            nodes[nodes.count - 1] = simpler
            break
          }
          nodes.removeLast()
        }
      }
      return .joined(nodes)
    case .alternatives(let nodes):
      return .either(nodes.map { $0.withoutOuterAnchors(atStart: atStart, atEnd: atEnd) })
    case .group(let number, let node):
      return .group(number, node.withoutOuterAnchors(atStart: atStart, atEnd: atEnd))
    case .empty, .characters, .repeated, .assertion: return self
    }
  }
}
