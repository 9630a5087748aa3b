/// Escapes and character classes.
extension RegularExpressionParser {
  /// What follows a backslash outside a class; nil for `\Q` and `\E`.
  mutating func escape() throws(Opaque) -> Node? {
    let start = position
    position += 1
    guard let scalar = next else { throw opaque(.invalid("a backslash at the end"), at: start) }
    if let set = Self.type(scalar) {
      position += 1
      return .characters(set)
    }
    switch scalar {
    case "Q":
      position += 1
      isQuoting = true
      return nil
    case "E":
      position += 1
      return nil
    case "A", "G", "Z", "z", "b", "B":
      position += 1
      let assertion: RegularExpression.Assertion =
        switch scalar {
        case "A", "G": .start
        case "Z": .endOrFinalNewline
        case "z": .end
        case "b": .wordBoundary
        default: .noWordBoundary
        }
      return .assertion(assertion)
    case "N" where peek(1) != "{":
      position += 1
      return .characters(ScalarSet.newline.complement)
    case "R": throw opaque(.unsupported("\\R"), at: start)
    case "X": throw opaque(.unsupported("\\X"), at: start)
    case "K": throw opaque(.unsupported("\\K"), at: start)
    case "C": throw opaque(.unsupported("\\C"), at: start)
    case "p", "P": throw opaque(.unicodeProperty, at: start)
    case "k": throw opaque(.backReference, at: start)
    case "g":
      let isCall = peek(1) == "<" || peek(1) == "'"
      throw opaque(isCall ? .recursion : .backReference, at: start)
    case "1"..."9": throw opaque(.backReference, at: start)
    default: return literal(try character(start))
    }
  }

  /// An escape that stands for one character; `position` is behind the backslash at `start`.
  private mutating func character(_ start: Int) throws(Opaque) -> Unicode.Scalar {
    guard let scalar = next else { throw opaque(.invalid("a backslash at the end"), at: start) }
    position += 1
    func scalarValue(_ value: Int?) throws(Opaque) -> Unicode.Scalar {
      guard let value, let scalar = Unicode.Scalar(UInt32(clamping: value)) else {
        throw opaque(.invalid("no such character"), at: start)
      }
      return scalar
    }
    switch scalar {
    case "a": return "\u{7}"
    case "e": return "\u{1b}"
    case "f": return "\u{c}"
    case "n": return "\n"
    case "r": return "\r"
    case "t": return "\t"
    case "0": return try scalarValue(digits(radix: 8, atMost: 2) ?? 0)
    case "o":
      guard take("{"), let value = digits(radix: 8, atMost: 8), take("}") else {
        throw opaque(.invalid("an octal number is missing"), at: start)
      }
      return try scalarValue(value)
    case "x":
      if starts(with: "{") {
        let open = position
        position += 1
        if let value = digits(radix: 16, atMost: 8), take("}") { return try scalarValue(value) }
        position = open
        throw opaque(.invalid("a hexadecimal number is missing"), at: start)
      }
      return try scalarValue(digits(radix: 16, atMost: 2) ?? 0)
    case "N":
      guard take("{U+"), let value = digits(radix: 16, atMost: 8), take("}") else {
        throw opaque(.unsupported("a named character"), at: start)
      }
      return try scalarValue(value)
    case "c":
      guard let control = next, (0x20...0x7e).contains(control.value) else {
        throw opaque(.invalid("\\c wants a character"), at: start)
      }
      position += 1
      let upper = (0x61...0x7a).contains(control.value) ? control.value - 0x20 : control.value
      return try scalarValue(Int(upper ^ 0x40))
    default:
      // A letter or digit with no meaning is an error in PCRE2, anything else stands for itself.
      guard !ScalarSet.word.contains(scalar) || scalar == "_" else {
        throw opaque(.invalid("unknown escape"), at: start)
      }
      return scalar
    }
  }

  private mutating func digits(radix: Int, atMost count: Int) -> Int? {
    var value: Int?
    for _ in 0..<count {
      guard let scalar = next, let digit = Character(scalar).hexDigitValue, scalar.isASCII, digit < radix
      else { break }
      value = (value ?? 0) * radix + digit
      position += 1
    }
    return value
  }

  /// Character types: without PCRE2_UCP they are ASCII, and case does not change them.
  static func type(_ scalar: Unicode.Scalar) -> ScalarSet? {
    switch scalar {
    case "d": .digits
    case "D": ScalarSet.digits.complement
    case "w": .word
    case "W": ScalarSet.word.complement
    case "s": .space
    case "S": ScalarSet.space.complement
    case "h": horizontal
    case "H": horizontal.complement
    case "v": vertical
    case "V": vertical.complement
    default: nil
    }
  }

  private static let horizontal = ScalarSet([
    9...9, 32...32, 0xa0...0xa0, 0x1680...0x1680, 0x180e...0x180e, 0x2000...0x200a, 0x202f...0x202f,
    0x205f...0x205f, 0x3000...0x3000,
  ])
  private static let vertical = ScalarSet([10...13, 0x85...0x85, 0x2028...0x2029])

  // MARK: Classes

  private enum ClassItem {
    case scalar(Unicode.Scalar)
    case set(ScalarSet)
  }

  mutating func characterClass() throws(Opaque) -> ScalarSet {
    let start = position
    position += 1
    let isNegated = take("^")
    var ranges: [ClosedRange<UInt32>] = []
    var types = ScalarSet.empty
    var isFirst = true
    var isQuoted = false
    while true {
      guard next != nil else { throw opaque(.invalid("a character class does not end"), at: start) }
      if isQuoted ? take("\\E") : take("\\Q") {
        isQuoted.toggle()
        continue
      }
      if !isQuoted, take("\\E") { continue }
      if !isQuoted, !isFirst, take("]") { break }
      isFirst = false
      let place = position
      switch try classItem(isQuoted: isQuoted) {
      case .set(let set):
        types = types.union(set)
        if !isQuoted, next == "-", peek(1) != nil, peek(1) != "]" {
          throw opaque(.invalid("a range that begins with a type"), at: place)
        }
      case .scalar(let low):
        if isQuoted, starts(with: "\\E-") {
          throw opaque(.unsupported("a range with a quotation"), at: place)
        }
        guard !isQuoted, next == "-", let after = peek(1), after != "]" else {
          ranges.append(low.value...low.value)
          continue
        }
        position += 1
        if starts(with: "\\Q") || starts(with: "\\E") {
          throw opaque(.unsupported("a range with a quotation"), at: place)
        }
        guard case .scalar(let high) = try classItem(isQuoted: false), high >= low else {
          throw opaque(.invalid("a range out of order"), at: place)
        }
        ranges.append(low.value...high.value)
      }
    }
    var set = ScalarSet(ranges)
    if flags.isCaseless { set = CaseOrbits.closure(set) }
    set = set.union(types)
    return isNegated ? set.complement : set
  }

  private mutating func classItem(isQuoted: Bool) throws(Opaque) -> ClassItem {
    guard let scalar = next else { throw opaque(.invalid("a character class does not end")) }
    let start = position
    if !isQuoted, scalar == "[", let kind = peek(1), kind == ":" || kind == "." || kind == "=",
      let name = posixName(kind)
    {
      guard kind == ":" else { throw opaque(.invalid("a collating element"), at: start) }
      guard let set = posixClass(name) else { throw opaque(.invalid("unknown POSIX class"), at: start) }
      return .set(set)
    }
    position += 1
    guard !isQuoted, scalar == "\\" else { return .scalar(scalar) }
    guard let escaped = next else { throw opaque(.invalid("a backslash at the end"), at: start) }
    if let set = Self.type(escaped) {
      position += 1
      return .set(set)
    }
    switch escaped {
    case "b":
      position += 1
      return .scalar("\u{8}")
    case "p", "P": throw opaque(.unicodeProperty, at: start)
    // In a class, digits are octal.
    case "0"..."7":
      guard let value = digits(radix: 8, atMost: 3), let scalar = Unicode.Scalar(UInt32(value)) else {
        throw opaque(.invalid("no such character"), at: start)
      }
      return .scalar(scalar)
    case "8", "9", "N", "R", "X", "B": throw opaque(.invalid("unknown escape"), at: start)
    default: return .scalar(try character(start))
    }
  }

  /// The name of `[:name:]`, with a leading `^` if it is there; nil, and nothing read, when it is no such thing.
  private mutating func posixName(_ kind: Unicode.Scalar) -> String? {
    var i = position + 2
    var name = ""
    while i < scalars.count, scalars[i] != kind, scalars[i] != "]", scalars[i] != "\\" {
      name.unicodeScalars.append(scalars[i])
      i += 1
    }
    guard i + 1 < scalars.count, scalars[i] == kind, scalars[i + 1] == "]" else { return nil }
    position = i + 2
    return name
  }

  private func posixClass(_ name: String) -> ScalarSet? {
    let isNegated = name.hasPrefix("^")
    let letters = ScalarSet([0x41...0x5a, 0x61...0x7a])
    let set: ScalarSet
    switch isNegated ? String(name.dropFirst()) : name {
    case "alpha": set = letters
    // Without case, upper and lower are any letter.
    case "lower": set = flags.isCaseless ? letters : ScalarSet([0x61...0x7a])
    case "upper": set = flags.isCaseless ? letters : ScalarSet([0x41...0x5a])
    case "digit": set = .digits
    case "alnum": set = letters.union(.digits)
    case "word": set = .word
    case "space": set = .space
    case "blank": set = ScalarSet([9...9, 32...32])
    case "cntrl": set = ScalarSet([0...31, 127...127])
    case "graph": set = ScalarSet([33...126])
    case "print": set = ScalarSet([32...126])
    case "punct": set = ScalarSet([33...47, 58...64, 91...96, 123...126])
    case "xdigit": set = ScalarSet([0x30...0x39, 0x41...0x46, 0x61...0x66])
    case "ascii": set = ScalarSet([0...127])
    default: return nil
    }
    return isNegated ? set.complement : set
  }
}
