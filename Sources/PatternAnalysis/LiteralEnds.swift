/// Text that everything an expression matches begins and ends with, folded; what an index files it under.
public struct LiteralEnds: Hashable, Sendable {
  public var prefix: [UInt32]
  public var suffix: [UInt32]
  /// The longest text that stands somewhere in everything it matches.
  public var inner: [UInt32]
  /// The expression matches one text only, which is ``prefix`` and ``suffix``.
  public var isWhole: Bool

  static let maximumLength = 32

  public init(_ node: RegularExpression.Node) {
    (prefix, isWhole) = LiteralEnds.literal(node, fromEnd: false)
    suffix = LiteralEnds.literal(node, fromEnd: true).0.reversed()
    prefix = Array(prefix.prefix(LiteralEnds.maximumLength))
    suffix = Array(suffix.suffix(LiteralEnds.maximumLength))
    var runs: [[UInt32]] = [[]]
    LiteralEnds.collect(node, into: &runs)
    inner = runs.max { $0.count < $1.count } ?? []
    inner = Array(inner.prefix(LiteralEnds.maximumLength))
  }

  /// Literal runs, the last one still open at its end.
  private static func collect(_ node: RegularExpression.Node, into runs: inout [[UInt32]]) {
    switch node {
    case .empty: break
    case .characters(let set):
      if let scalar = folded(set) { runs[runs.count - 1].append(scalar) } else { runs.append([]) }
    case .group(_, let inner): collect(inner, into: &runs)
    case .sequence(let nodes): for node in nodes { collect(node, into: &runs) }
    case .repeated(let inner, let minimum, _, _):
      runs.append([])
      if minimum > 0 { collect(inner, into: &runs) }
      runs.append([])
    case .alternatives, .assertion: runs.append([])
    }
  }

  /// A text in the form in which literals are kept: each scalar as the least that equals it without case.
  public static func folded(_ text: some StringProtocol) -> [UInt32] {
    text.unicodeScalars.map { scalar in
      if scalar.isASCII {
        return (0x61...0x7a).contains(scalar.value) ? scalar.value - 0x20 : scalar.value
      }
      return CaseOrbits.closure(ScalarSet([scalar.value...scalar.value])).ranges.first?.lowerBound
        ?? scalar.value
    }
  }

  /// Scalars from one end on, in the order they are met, and whether they are all of it.
  private static func literal(_ node: RegularExpression.Node, fromEnd: Bool) -> ([UInt32], Bool) {
    switch node {
    case .empty: return ([], true)
    case .characters(let set): return folded(set).map { ([$0], true) } ?? ([], false)
    case .group(_, let inner): return literal(inner, fromEnd: fromEnd)
    case .sequence(let nodes):
      var all: [UInt32] = []
      for node in fromEnd ? nodes.reversed() : nodes {
        let (part, isWhole) = literal(node, fromEnd: fromEnd)
        all += part
        if !isWhole || all.count > 4 * maximumLength { return (all, false) }
      }
      return (all, true)
    case .alternatives, .repeated, .assertion: return ([], false)
    }
  }

  /// The scalar that stands for a set whose members are all equal without case; nil for others.
  private static func folded(_ set: ScalarSet) -> UInt32? {
    guard let least = set.ranges.first?.lowerBound, set.ranges.count <= 4,
      set.ranges.reduce(0, { $0 + $1.count }) <= 4
    else { return nil }
    let orbit = CaseOrbits.closure(ScalarSet([least...least]))
    guard set.subtracting(orbit).isEmpty else { return nil }
    return orbit.ranges.first?.lowerBound
  }

  /// False when no text begins and ends as both ask.
  public func canMeet(_ other: LiteralEnds) -> Bool {
    func meet(_ a: some Sequence<UInt32>, _ b: some Sequence<UInt32>) -> Bool {
      zip(a, b).allSatisfy { $0 == $1 }
    }
    return meet(prefix, other.prefix) && meet(suffix.reversed(), other.suffix.reversed())
  }
}
