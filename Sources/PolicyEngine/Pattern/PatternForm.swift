import PatternAnalysis

/// What a rule matches, said in parts instead of a regular expression: texts, prefix, suffix, digits, number ranges,
/// domain. Everything about it can be proved, and it costs no backtracking.
///
/// An alias is `user@domain` when ``domains`` are given, else all of it is the user. The user is one of ``texts``, or
/// begins with a prefix, ends with a suffix, and has in between (the *rest*) digits, a number of a range, or anything.
/// All without case. `replace` may refer to the rest (`\1`, `\g<rest>`), the user (`\2`) and the domain (`\3`).
public struct PatternForm: Hashable, Sendable {
  /// Whole users, from the policy itself and from a file.
  public var texts: [String]
  /// The file that texts came from, for display.
  public var file: String?
  public var prefixes: [String]
  public var suffixes: [String]
  /// How many digits the rest has; the upper bound is `Int.max` when there is none.
  public var digits: ClosedRange<Int>?
  public var ranges: [NumberRange]
  /// Names, or `*.name` for every domain below it.
  public var domains: [String]
  /// False: an alias without a domain matches as well.
  public var isDomainRequired: Bool

  /// Numbers of one length: `1000-1999`, `0100-0199`.
  public struct NumberRange: Hashable, Sendable, CustomStringConvertible {
    public var low: String
    public var high: String

    /// nil unless both are digits of the same length, at most 18, in order.
    public init?(_ text: String) {
      let parts = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, (1...18).contains(parts[0].count), parts[0].count == parts[1].count,
        text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2d }), parts[0] <= parts[1]
      else { return nil }
      (low, high) = (parts[0], parts[1])
    }

    public var description: String { "\(low)-\(high)" }
  }

  public init(
    texts: [String] = [], file: String? = nil, prefixes: [String] = [], suffixes: [String] = [],
    digits: ClosedRange<Int>? = nil, ranges: [NumberRange] = [], domains: [String] = [],
    isDomainRequired: Bool = true
  ) {
    self.texts = texts
    self.file = file
    self.prefixes = prefixes
    self.suffixes = suffixes
    self.digits = digits
    self.ranges = ranges
    self.domains = domains
    self.isDomainRequired = isDomainRequired
  }

  static let groupCount = 3
  static let groupNames = ["rest": 1, "user": 2, "domain": 3]

  /// Most digits that can be asked for.
  public static let maximumDigits = 250

  /// `6`, `6-12` or `3+`; nil for anything else.
  static func digitCount(_ text: String) -> ClosedRange<Int>? {
    func number(_ text: some StringProtocol) -> Int? {
      guard !text.isEmpty, text.count <= 3, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        let number = Int(text), number <= maximumDigits
      else { return nil }
      return number
    }
    if text.hasSuffix("+") { return number(text.dropLast()).map { $0...Int.max } }
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard let low = number(parts[0]), parts.count <= 2, let high = number(parts[parts.count - 1]), low <= high
    else { return nil }
    return low...high
  }
}

extension PatternForm: CustomStringConvertible {
  /// `prefix 9, digits 4-15, domain corp.example or none`
  public var description: String {
    func list(_ texts: [String]) -> String {
      texts.prefix(3).joined(separator: " or ") + (texts.count > 3 ? " or \(texts.count - 3) more" : "")
    }
    var parts: [String] = []
    if let file {
      parts.append("\(texts.count) alias\(texts.count == 1 ? "" : "es") of \(file)")
    } else if !texts.isEmpty {
      parts.append("exact \(list(texts))")
    }
    if !prefixes.isEmpty { parts.append("prefix \(list(prefixes))") }
    if !ranges.isEmpty { parts.append("range \(list(ranges.map(\.description)))") }
    if let digits {
      let count =
        digits.upperBound == .max
        ? "\(digits.lowerBound)+"
        : digits.count == 1 ? "\(digits.lowerBound)" : "\(digits.lowerBound)-\(digits.upperBound)"
      parts.append("digits \(count)")
    }
    if !suffixes.isEmpty { parts.append("suffix \(list(suffixes))") }
    if !domains.isEmpty { parts.append("domain \(list(domains))\(isDomainRequired ? "" : " or none")") }
    return parts.joined(separator: ", ")
  }
}

extension PatternForm {
  package typealias Node = RegularExpression.Node

  /// The same language as an expression, for analysis.
  package var expression: RegularExpression {
    RegularExpression(root: node, groupCount: PatternForm.groupCount, groupNames: PatternForm.groupNames)
  }

  /// The automaton of the form; long lists are built as a tree.
  package func automaton(universe: ScalarSet, limits: AnalysisLimits) throws(Opaque) -> Automaton {
    guard texts.count > 50 else { return try Automaton(node, universe: universe, limits: limits) }
    var all: [String] = []
    if domains.isEmpty {
      all = texts
    } else {
      guard !domains.contains(where: { $0.hasPrefix("*.") }) else {
        return try Automaton(node, universe: universe, limits: limits)
      }
      for domain in domains { all += texts.map { "\($0)@\(domain)" } }
      if !isDomainRequired { all += texts.filter { !$0.contains("@") } }
    }
    return try Automaton(caselessTexts: all, universe: universe)
  }

  private static let at = ScalarSet([0x40...0x40])

  private var node: Node {
    guard !domains.isEmpty else { return .group(2, user(mayHaveAt: true)) }
    let withDomain = Node.sequence([
      .group(2, user(mayHaveAt: true)), .characters(PatternForm.at),
      .group(3, .alternatives(domains.map(PatternForm.domain))),
    ])
    return isDomainRequired
      ? withDomain : .alternatives([withDomain, .group(2, user(mayHaveAt: false))])
  }

  private static func domain(_ name: String) -> Node {
    guard name.hasPrefix("*.") else { return .caselessText(name) }
    return .sequence([
      .repeated(.characters(at.complement), minimum: 1, maximum: nil, isPossessive: false),
      .caselessText(String(name.dropFirst())),
    ])
  }

  private func user(mayHaveAt: Bool) -> Node {
    func choice(_ texts: [String]) -> Node {
      let texts = mayHaveAt ? texts : texts.filter { !$0.contains("@") }
      // No text left: nothing matches.
      return texts.isEmpty ? .characters(.empty) : .alternatives(texts.map { .caselessText($0) })
    }
    if !texts.isEmpty { return .group(1, choice(texts)) }
    var parts: [Node] = []
    if !prefixes.isEmpty { parts.append(choice(prefixes)) }
    let rest: Node
    if !ranges.isEmpty {
      rest = .alternatives(
        ranges.map { PatternForm.numbers(Array($0.low.utf8)[...], Array($0.high.utf8)[...]) })
    } else if let digits {
      rest = .repeated(
        .characters(.digits), minimum: digits.lowerBound,
        maximum: digits.upperBound == .max ? nil : digits.upperBound, isPossessive: false)
    } else {
      rest = .repeated(
        .characters(mayHaveAt ? .all : PatternForm.at.complement), minimum: 0, maximum: nil,
        isPossessive: false)
    }
    parts.append(.group(1, rest))
    if !suffixes.isEmpty { parts.append(choice(suffixes)) }
    return .sequence(parts)
  }

  /// Numbers from `low` to `high`, of the same length.
  private static func numbers(_ low: ArraySlice<UInt8>, _ high: ArraySlice<UInt8>) -> Node {
    guard let a = low.first, let b = high.first else { return .empty }
    func digit(_ from: UInt8, _ to: UInt8) -> Node { .characters(ScalarSet([UInt32(from)...UInt32(to)])) }
    let (lowRest, highRest) = (low.dropFirst(), high.dropFirst())
    let zeros = Array(repeating: UInt8(ascii: "0"), count: lowRest.count)[...]
    let nines = Array(repeating: UInt8(ascii: "9"), count: lowRest.count)[...]
    if lowRest.elementsEqual(zeros), highRest.elementsEqual(nines) {
      return .sequence(
        [digit(a, b)] + Array(repeating: digit(UInt8(ascii: "0"), UInt8(ascii: "9")), count: lowRest.count))
    }
    if a == b { return .sequence([digit(a, a), numbers(lowRest, highRest)]) }
    var branches = [
      Node.sequence([digit(a, a), numbers(lowRest, nines)]),
      Node.sequence([digit(b, b), numbers(zeros, highRest)]),
    ]
    if b - a > 1 { branches.append(.sequence([digit(a + 1, b - 1), numbers(zeros, nines)])) }
    return .alternatives(branches)
  }
}
