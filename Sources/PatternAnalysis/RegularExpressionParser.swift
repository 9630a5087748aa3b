/// Reads PCRE2's pattern syntax (pcre2pattern, release 10.42) into a ``RegularExpression``.
///
/// Expects patterns that PCRE2 accepts: where it would report an error, so does this, but not with the same care.
struct RegularExpressionParser {
  let scalars: [Unicode.Scalar]
  var position = 0
  var groupCount = 0
  var groupNames: [String: Int] = [:]
  var flags = Flags()
  /// Inside `\Q…\E`.
  var isQuoting = false
  private var depth = 0

  static let maximumDepth = 200
  /// The largest count PCRE2 takes.
  static let maximumCount = 65_535

  struct Flags: Equatable {
    var isCaseless = true
    var dotMatchesNewline = false
    var isMultiline = false
    var isExtended = false
  }

  typealias Node = RegularExpression.Node

  init(_ text: String) { scalars = Array(text.unicodeScalars) }

  mutating func parse() throws(Opaque) -> RegularExpression {
    let root = try alternatives()
    guard position == scalars.count else { throw opaque(.invalid("unmatched closing parenthesis")) }
    return RegularExpression(
      root: root.withoutOuterAnchors(), groupCount: groupCount, groupNames: groupNames)
  }

  // MARK: Reading

  func opaque(_ reason: Opaque.Reason, at place: Int? = nil) -> Opaque {
    Opaque(reason, offset: scalars[..<min(place ?? position, scalars.count)].reduce(0) { $0 + $1.utf8Length })
  }

  var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  func peek(_ offset: Int) -> Unicode.Scalar? {
    position + offset < scalars.count ? scalars[position + offset] : nil
  }

  func starts(with text: String) -> Bool { scalars[position...].starts(with: text.unicodeScalars) }

  mutating func take(_ text: String) -> Bool {
    guard starts(with: text) else { return false }
    position += text.unicodeScalars.count
    return true
  }

  mutating func takeNumber(limit: Int) throws(Opaque) -> Int? {
    let start = position
    var value = 0
    while let digit = next, ("0"..."9").contains(digit) {
      value = min(value * 10 + Int(digit.value - 0x30), limit + 1)
      position += 1
    }
    guard position > start else { return nil }
    guard value <= limit else { throw opaque(.invalid("the number is too large"), at: start) }
    return value
  }

  /// Comments, and in extended patterns white space.
  private mutating func skipIgnored() throws(Opaque) {
    while let scalar = next {
      if starts(with: "(?#") {
        let start = position
        while let inner = next, inner != ")" { position += 1 }
        guard next != nil else { throw opaque(.invalid("a comment does not end"), at: start) }
        position += 1
      } else if flags.isExtended, isWhite(scalar) {
        position += 1
      } else if flags.isExtended, scalar == "#" {
        while let inner = next, inner != "\n" { position += 1 }
      } else {
        return
      }
    }
  }

  private func isWhite(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 9...13, 32, 0x85, 0x200e, 0x200f, 0x2028, 0x2029: true
    default: false
    }
  }

  // MARK: Structure

  /// Branches up to a closing parenthesis or the end; options set inside end with them.
  private mutating func alternatives(resettingGroups: Bool = false) throws(Opaque) -> Node {
    depth += 1
    guard depth <= RegularExpressionParser.maximumDepth else { throw opaque(.tooLarge("nested too deeply")) }
    let outer = flags
    let firstGroup = groupCount
    var lastGroup = groupCount
    var branches: [Node] = []
    repeat {
      if resettingGroups { groupCount = firstGroup }
      branches.append(try sequence())
      lastGroup = max(lastGroup, groupCount)
    } while take("|")
    groupCount = lastGroup
    flags = outer
    depth -= 1
    return .either(branches)
  }

  private mutating func sequence() throws(Opaque) -> Node {
    var nodes: [Node] = []
    while true {
      if isQuoting {
        guard let literal = quotedLiteral() else { continue }
        nodes.append(try quantified(literal))
        continue
      }
      try skipIgnored()
      guard let scalar = next, scalar != "|", scalar != ")" else { break }
      let start = position
      guard let atom = try atom() else { continue }
      if case .assertion = atom {
        try skipIgnored()
        if try quantifier() != nil {
          throw opaque(.unsupported("a repeated anchor"), at: start)
        }
        nodes.append(atom)
      } else {
        nodes.append(try quantified(atom))
      }
    }
    return .joined(nodes)
  }

  /// The next character of `\Q…\E`; nil at its end.
  private mutating func quotedLiteral() -> Node? {
    if take("\\E") || next == nil {
      isQuoting = false
      return nil
    }
    defer { position += 1 }
    return literal(scalars[position])
  }

  func literal(_ scalar: Unicode.Scalar) -> Node {
    let set = ScalarSet([scalar.value...scalar.value])
    return .characters(flags.isCaseless ? CaseOrbits.closure(set) : set)
  }

  private mutating func quantified(_ atom: Node) throws(Opaque) -> Node {
    if isQuoting {
      // `\Qab\E+` repeats b: the quotation must have ended.
      guard starts(with: "\\E") else { return atom }
      position += 2
      isQuoting = false
    }
    var node = atom
    try skipIgnored()
    while take("\\E") { try skipIgnored() }
    let start = position
    guard let (minimum, maximum) = try quantifier() else { return node }
    var isPossessive = false
    if take("+") { isPossessive = true } else { _ = take("?") }
    if isPossessive {
      var inner = atom
      while case .group(_, let content) = inner { inner = content }
      // Beyond single characters the way an item matches inside would be fixed as well.
      guard case .characters = inner else { throw opaque(.atomic, at: start) }
    }
    node = .repeated(atom, minimum: minimum, maximum: maximum, isPossessive: isPossessive)
    try skipIgnored()
    let after = position
    if try quantifier() != nil { throw opaque(.invalid("nothing to repeat"), at: after) }
    return node
  }

  /// `*`, `+`, `?` or counts; nil, and nothing read, where there is none. A brace that counts nothing is literal.
  private mutating func quantifier() throws(Opaque) -> (Int, Int?)? {
    if take("*") { return (0, nil) }
    if take("+") { return (1, nil) }
    if take("?") { return (0, 1) }
    let start = position
    guard take("{"), let minimum = try takeNumber(limit: RegularExpressionParser.maximumCount) else {
      position = start
      return nil
    }
    if take("}") { return (minimum, minimum) }
    guard take(",") else {
      position = start
      return nil
    }
    if take("}") { return (minimum, nil) }
    guard let maximum = try takeNumber(limit: RegularExpressionParser.maximumCount), take("}") else {
      position = start
      return nil
    }
    guard maximum >= minimum else { throw opaque(.invalid("counts out of order"), at: start) }
    return (minimum, maximum)
  }

  /// One item; nil for what only changes how the rest is read.
  private mutating func atom() throws(Opaque) -> Node? {
    guard let scalar = next else { return nil }
    switch scalar {
    case "(": return try group()
    case "[": return .characters(try characterClass())
    case "\\": return try escape()
    case "*", "+", "?": throw opaque(.invalid("nothing to repeat"))
    case "{":
      let start = position
      if try quantifier() != nil { throw opaque(.invalid("nothing to repeat"), at: start) }
    case ".":
      position += 1
      return .characters(flags.dotMatchesNewline ? .all : ScalarSet.newline.complement)
    case "^":
      position += 1
      return .assertion(flags.isMultiline ? .lineStart : .start)
    case "$":
      position += 1
      return .assertion(flags.isMultiline ? .lineEnd : .endOrFinalNewline)
    default: break
    }
    position += 1
    return literal(scalar)
  }

  // MARK: Groups

  private mutating func group() throws(Opaque) -> Node? {
    let start = position
    position += 1
    if next == "*" { throw opaque(.verb, at: start) }
    guard take("?") else { return try captured(name: nil, start) }
    guard let kind = next else { throw opaque(.invalid("a group does not end"), at: start) }
    switch kind {
    case ":":
      position += 1
      return try closed(try alternatives(), start)
    case "|":
      position += 1
      return try closed(try alternatives(resettingGroups: true), start)
    case ">": throw opaque(.atomic, at: start)
    case "=", "!", "*": throw opaque(.lookAround, at: start)
    case "<":
      if let after = peek(1), after == "=" || after == "!" || after == "*" {
        throw opaque(.lookAround, at: start)
      }
      position += 1
      return try captured(name: try name(until: ">"), start)
    case "'":
      position += 1
      return try captured(name: try name(until: "'"), start)
    case "P":
      position += 1
      if take("<") { return try captured(name: try name(until: ">"), start) }
      throw opaque(next == "=" ? .backReference : .recursion, at: start)
    case "R", "&", "+", "0"..."9": throw opaque(.recursion, at: start)
    case "(": throw opaque(.conditional, at: start)
    case "C": throw opaque(.unsupported("a callout"), at: start)
    default: return try options(start)
    }
  }

  private mutating func captured(name: String?, _ start: Int) throws(Opaque) -> Node {
    groupCount += 1
    let number = groupCount
    if let name, groupNames.updateValue(number, forKey: name) != nil {
      throw opaque(.unsupported("a group name used twice"), at: start)
    }
    return .group(number, try closed(try alternatives(), start))
  }

  private mutating func closed(_ node: Node, _ start: Int) throws(Opaque) -> Node {
    guard take(")") else { throw opaque(.invalid("a group does not end"), at: start) }
    return node
  }

  private mutating func name(until end: Unicode.Scalar) throws(Opaque) -> String {
    let start = position
    while let scalar = next, scalar != end { position += 1 }
    guard next == end, position > start, position - start <= 32 else {
      throw opaque(.invalid("a group name does not end"), at: start)
    }
    defer { position += 1 }
    return String(String.UnicodeScalarView(scalars[start..<position]))
  }

  /// `(?i)`, `(?s-i)` and the like, for the rest of the group or for a group of their own.
  private mutating func options(_ start: Int) throws(Opaque) -> Node? {
    var changed = flags
    var value = true
    while let scalar = next {
      position += 1
      switch scalar {
      case "-":
        if let digit = next, ("0"..."9").contains(digit) { throw opaque(.recursion, at: start) }
        value = false
      case "i": changed.isCaseless = value
      case "m": changed.isMultiline = value
      case "s": changed.dotMatchesNewline = value
      case "U": break  // Greed decides which way of matching is found first, not what matches.
      case "x":
        guard next != "x" else { throw opaque(.unsupported("the option xx"), at: start) }
        changed.isExtended = value
      case ")":
        flags = changed
        return nil
      case ":":
        let outer = flags
        flags = changed
        let node = try alternatives()
        flags = outer
        return try closed(node, start)
      default: throw opaque(.unsupported("the option \(scalar)"), at: start)
      }
    }
    throw opaque(.invalid("a group does not end"), at: start)
  }
}

extension Unicode.Scalar {
  /// Bytes in UTF-8.
  var utf8Length: Int { value < 0x80 ? 1 : value < 0x800 ? 2 : value < 0x10000 ? 3 : 4 }
}
