import PatternAnalysis
import PolicyEngine

/// A regular expression said in parts, where the parts say exactly the same.
///
/// Candidates are read off the expression's tree; that both match the same texts, all of Unicode and line feeds included, is
/// proved by comparing their automata. Groups that the replacement refers to must be parts, whole.
struct MatchParts {
  let form: PatternForm
  /// The mapping for `match`.
  let yaml: PolicyText
  /// The replacement, with groups by the names of parts.
  let replacement: String

  typealias Node = RegularExpression.Node

  /// Nil where the expression cannot be said in parts.
  init?(_ pattern: String, replacing replacement: String) {
    guard let expression = try? RegularExpression(parsing: pattern) else { return nil }
    var reader = Reader()
    guard reader.read(expression.root), let form = reader.form,
      let renamed = MatchParts.rename(replacement, reader.groups, expression.groupNames),
      let parts = try? form.automaton(universe: .all, limits: .standard),
      let whole = try? Automaton(expression), (try? parts.isEquivalent(to: whole)) == true
    else { return nil }
    self.form = form
    self.replacement = renamed
    yaml = MatchParts.yaml(form)
  }

  private static func yaml(_ form: PatternForm) -> PolicyText {
    func one(_ texts: [String]) -> PolicyText {
      texts.count == 1 ? .text(texts[0]) : .list(texts.map { .text($0) })
    }
    var item = PolicyText.Mapping(isShort: true)
    if !form.texts.isEmpty { item.add("exact", one(form.texts)) }
    if !form.prefixes.isEmpty { item.add("prefix", one(form.prefixes)) }
    if let digits = form.digits {
      let count =
        digits.upperBound == .max
        ? "\(digits.lowerBound)+"
        : digits.count == 1 ? "\(digits.lowerBound)" : "\(digits.lowerBound)-\(digits.upperBound)"
      item.add("digits", .word(count))
    }
    if !form.ranges.isEmpty { item.add("range", .word(form.ranges[0].description)) }
    if !form.suffixes.isEmpty { item.add("suffix", one(form.suffixes)) }
    if !form.domains.isEmpty { item.add("domain", one(form.domains)) }
    if !form.isDomainRequired { item.add("domain_required", .word("false")) }
    return .mapping(item)
  }

  /// `\1` becomes `\g<rest>`; nil when a group is no part.
  static func rename(_ text: String, _ groups: [Int: String], _ names: [String: Int]) -> String? {
    var result = ""
    var rest = text[...]
    while let character = rest.first {
      rest = rest.dropFirst()
      guard character == "\\", let next = rest.first else {
        result.append(character)
        continue
      }
      var name: String
      if next.isASCII, next.isNumber {
        name = String(rest.prefix { $0.isASCII && $0.isNumber }.prefix(2))
        rest = rest.dropFirst(name.count)
      } else if next == "g", rest.dropFirst().first == "<", let close = rest.firstIndex(of: ">") {
        name = String(rest[rest.index(rest.startIndex, offsetBy: 2)..<close])
        rest = rest[close...].dropFirst()
      } else {
        result += "\\\(next)"
        rest = rest.dropFirst()
        continue
      }
      if name == "0" {
        result += "\\g<0>"
      } else if let number = Int(name) ?? names[name], let part = groups[number] {
        result += "\\g<\(part)>"
      } else {
        return nil
      }
    }
    return result
  }

  // MARK: Reading

  /// Finds user, prefix, digits, suffix and domain in a tree.
  private struct Reader {
    var form: PatternForm?
    /// The groups that are a part as a whole.
    var groups: [Int: String] = [:]

    mutating func read(_ root: Node) -> Bool {
      var items = Reader.flat(root)
      while case .assertion(.start)? = items.first { items.removeFirst() }
      while case .assertion(let last)? = items.last, last == .end || last == .endOrFinalNewline {
        items.removeLast()
      }
      var form = PatternForm()
      if let last = items.last, case .repeated(let inner, 0, 1, _) = last, let domains = optionalDomain(inner)
      {
        form.domains = domains
        form.isDomainRequired = false
        items.removeLast()
      } else if let at = items.firstIndex(where: { Reader.letter($0) == "@" }) {
        guard let domains = domains(Array(items[(at + 1)...])) else { return readUser(items, &form) }
        form.domains = domains
        items = Array(items[..<at])
      }
      return readUser(items, &form)
    }

    /// `(@example\.org)?`
    private func optionalDomain(_ node: Node) -> [String]? {
      var items = Reader.flat(node)
      if items.count == 1, case .group(_, let inner) = items[0] { items = Reader.flat(inner) }
      guard let first = items.first, Reader.letter(first) == "@" else { return nil }
      return Reader.texts(.sequence(Array(items.dropFirst()))).flatMap(Reader.domains)
    }

    private mutating func domains(_ items: [Node]) -> [String]? {
      if items.count == 1, case .group(let number, let inner) = items[0] {
        guard let found = Reader.texts(inner).flatMap(Reader.domains) else { return nil }
        groups[number] = "domain"
        return found
      }
      return Reader.texts(.sequence(items)).flatMap(Reader.domains)
    }

    private static func domains(_ texts: [String]) -> [String]? {
      let isGood = texts.allSatisfy { text in
        !text.isEmpty && !text.hasPrefix(".") && !text.hasSuffix(".") && !text.contains("..")
          && text.contains(where: \.isLetter)
          && text.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x61...0x7a).contains($0) || $0 == 0x2d || $0 == 0x2e
          }
      }
      return isGood ? texts : nil
    }

    private mutating func readUser(_ items: [Node], _ form: inout PatternForm) -> Bool {
      var items = items
      if items.count == 1, case .group(let number, let inner) = items[0] {
        groups[number] = "user"
        items = Reader.flat(inner)
      }
      defer { self.form = form }
      if let texts = Reader.texts(.sequence(items)), !texts.contains("") {
        guard form.domains.isEmpty || !texts.contains(where: { $0.contains("@") }) else { return false }
        form.texts = texts
        return true
      }
      // A prefix, digits, a suffix.
      var before: [Node] = []
      var digits: [Node] = []
      var after: [Node] = []
      for item in items {
        if Reader.isDigits(item) {
          guard after.isEmpty else { return false }
          digits.append(item)
        } else if digits.isEmpty {
          before.append(item)
        } else {
          after.append(item)
        }
      }
      guard readRest(digits, &form) else { return false }
      if !before.isEmpty {
        var nodes = before
        if nodes.count == 1, case .group(_, let inner) = nodes[0] { nodes = Reader.flat(inner) }
        guard let texts = Reader.texts(.sequence(nodes)), !texts.contains("") else { return false }
        // Where one begins like another, the two notations may divide an alias differently.
        guard !texts.contains(where: { a in texts.contains { $0 != a && $0.hasPrefix(a) } }) else {
          return false
        }
        form.prefixes = texts
      }
      if !after.isEmpty {
        guard let texts = Reader.texts(.sequence(after)), texts.count == 1 else { return false }
        form.suffixes = texts
      }
      return true
    }

    private mutating func readRest(_ items: [Node], _ form: inout PatternForm) -> Bool {
      var items = items
      if items.count == 1, case .group(let number, let inner) = items[0] {
        groups[number] = "rest"
        items = Reader.flat(inner)
      }
      guard !items.isEmpty else { return false }
      if items.count == 1, case .repeated(.characters(.digits), let low, let high, _) = items[0] {
        guard low <= PatternForm.maximumDigits, (high ?? 0) <= PatternForm.maximumDigits else { return false }
        form.digits = low...(high ?? .max)
        return true
      }
      // Figures one by one: a number of digits, or a range.
      var ends: [(low: Character, high: Character)] = []
      for item in items {
        switch item {
        case .characters(let set):
          guard set.ranges.count == 1, let low = Unicode.Scalar(set.ranges[0].lowerBound),
            let high = Unicode.Scalar(set.ranges[0].upperBound)
          else { return false }
          ends.append((Character(low), Character(high)))
        case .repeated(.characters(.digits), let low, let high, _) where low == high && low <= 18:
          ends += Array(repeating: ("0", "9"), count: low)
        default: return false
        }
      }
      guard ends.count <= 18 else { return false }
      if ends.allSatisfy({ $0.low == "0" && $0.high == "9" }) {
        form.digits = ends.count...ends.count
        return true
      }
      guard let range = PatternForm.NumberRange("\(String(ends.map(\.low)))-\(String(ends.map(\.high)))")
      else {
        return false
      }
      form.ranges = [range]
      return true
    }

    // MARK: Nodes

    private static func flat(_ node: Node) -> [Node] {
      switch node {
      case .empty: []
      case .sequence(let nodes): nodes.flatMap(flat)
      default: [node]
      }
    }

    /// Digits that are not one certain digit.
    private static func isDigits(_ node: Node) -> Bool {
      switch node {
      case .characters(let set):
        return letter(node) == nil && set.subtracting(.digits).isEmpty && !set.isEmpty
      case .repeated(.characters(.digits), _, _, _): return true
      case .group(_, let inner):
        let items = flat(inner)
        return !items.isEmpty && items.allSatisfy { if case .group = $0 { false } else { isDigits($0) } }
      default: return false
      }
    }

    /// The one character, in lower case, that a node is; without case.
    private static func letter(_ node: Node) -> Character? {
      guard case .characters(let set) = node, (1...4).contains(set.ranges.count) else { return nil }
      for range in set.ranges {
        guard let scalar = Unicode.Scalar(range.lowerBound) else { continue }
        let small = String(scalar).lowercased()
        if small.unicodeScalars.count == 1, Node.caselessText(small) == node { return Character(small) }
      }
      return nil
    }

    /// The texts that a node is; nil when it is not a few certain ones.
    private static func texts(_ node: Node) -> [String]? {
      switch node {
      case .empty: return [""]
      case .characters: return letter(node).map { [String($0)] }
      case .sequence(let nodes):
        var result = [""]
        for node in nodes {
          guard let next = texts(node), result.count * next.count <= 64 else { return nil }
          result = result.flatMap { start in next.map { start + $0 } }
        }
        return result
      case .alternatives(let nodes):
        var result: [String] = []
        for node in nodes {
          guard let next = texts(node), result.count + next.count <= 64 else { return nil }
          result += next
        }
        return result
      case .group(_, let inner): return texts(inner)
      case .repeated(let inner, let low, let high, _):
        guard low == high, low <= 16 else { return nil }
        return texts(.sequence(Array(repeating: inner, count: low)))
      case .assertion: return nil
      }
    }
  }
}
