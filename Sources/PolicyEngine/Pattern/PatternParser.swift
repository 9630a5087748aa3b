/// Reads a pattern into ``PatternElement``s: what is common in rules; nil for anything else.
///
/// The result matches everything the pattern does, and perhaps more: greed, possession and the text of groups do not
/// matter to keys.
struct PatternParser {
  private let pattern: [UInt8]
  private var position = 0
  private var depth = 0

  static let maximumDepth = 32
  /// Repetitions that are written out.
  static let maximumRepetition = 16

  init(_ pattern: [UInt8]) { self.pattern = pattern }

  mutating func parse() -> [PatternElement]? {
    guard let alternatives = alternatives(), position == pattern.count else { return nil }
    return alternatives.count == 1 ? alternatives[0] : [.choice(alternatives)]
  }

  private var next: UInt8? { position < pattern.count ? pattern[position] : nil }

  private mutating func skip(_ character: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func skip(_ text: String) -> Bool {
    guard pattern[position...].starts(with: text.utf8) else { return false }
    position += text.utf8.count
    return true
  }

  /// Up to the end or a closing parenthesis.
  private mutating func alternatives() -> [[PatternElement]]? {
    var result: [[PatternElement]] = []
    repeat {
      guard let sequence = sequence() else { return nil }
      result.append(sequence)
    } while skip("|")
    return result
  }

  private mutating func sequence() -> [PatternElement]? {
    var result: [PatternElement] = []
    // The whole alias must match anyway.
    if depth == 0 { _ = skip("^") }
    while let byte = next, byte != UInt8(ascii: "|"), byte != UInt8(ascii: ")") {
      if byte == UInt8(ascii: "$"), depth == 0 {
        position += 1
        guard next == nil || next == UInt8(ascii: "|") else { return nil }
        return result
      }
      guard let atom = atom(), let count = quantifier() else { return nil }
      guard let elements = PatternParser.repeating(atom, count) else { return nil }
      result += elements
    }
    return result
  }

  // MARK: Atoms

  private mutating func atom() -> PatternElement? {
    guard let byte = next else { return nil }
    switch byte {
    case UInt8(ascii: "."):
      position += 1
      return .set(.all)
    case UInt8(ascii: "["): return characterClass().map(PatternElement.set)
    case UInt8(ascii: "("): return group()
    case UInt8(ascii: "\\"): return escape()
    case UInt8(ascii: "^"), UInt8(ascii: "$"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"),
      UInt8(ascii: "{"):
      return nil
    case 0x80...:
      // A character beyond ASCII may equal an ASCII one but for case.
      repeat { position += 1 } while next.map { $0 & 0xc0 == 0x80 } ?? false
      return .set(.all)
    default:
      position += 1
      return .byte(PatternParser.folded(byte))
    }
  }

  static func folded(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte | 0x20 : byte }

  private mutating func escape() -> PatternElement? {
    guard position + 1 < pattern.count else { return nil }
    let byte = pattern[position + 1]
    position += 2
    if let set = PatternParser.escapedSet(byte) { return .set(set) }
    // A backslash before a letter or digit means something; before punctuation it is that.
    guard (0x21...0x7e).contains(byte), !PatternParser.isAlphanumeric(byte) else { return nil }
    return .byte(byte)
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte | 0x20)
  }

  /// `\d`, `\w`, `\s` and their opposites.
  private static func escapedSet(_ byte: UInt8) -> ByteSet? {
    var set = ByteSet()
    switch byte | 0x20 {
    case UInt8(ascii: "d"): for digit in UInt8(0x30)...0x39 { set.insert(digit) }
    case UInt8(ascii: "w"):
      for byte in UInt8(0)..<128 where isAlphanumeric(byte) || byte == UInt8(ascii: "_") {
        set.insert(folded(byte))
      }
    case UInt8(ascii: "s"): for byte: UInt8 in [0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20] { set.insert(byte) }
    default: return nil
    }
    return byte & 0x20 != 0 ? set : opposite(set)
  }

  /// What is not in the set. `\W` matches the Kelvin sign and the long s, which are folded to letters.
  private static func opposite(_ set: ByteSet) -> ByteSet {
    var opposite = set.complement
    opposite.insert(UInt8(ascii: "k"))
    opposite.insert(UInt8(ascii: "s"))
    return opposite
  }

  private mutating func characterClass() -> ByteSet? {
    position += 1
    let isNegated = skip("^")
    var set = ByteSet()
    var isFirst = true
    var hasEscapedSet = false
    while let byte = next {
      position += 1
      switch byte {
      case UInt8(ascii: "]") where !isFirst:
        return !isNegated ? set : hasEscapedSet ? PatternParser.opposite(set) : set.complement
      case UInt8(ascii: "["): return nil
      case UInt8(ascii: "\\"):
        guard let escaped = next else { return nil }
        position += 1
        if let escapedSet = PatternParser.escapedSet(escaped) {
          guard next != UInt8(ascii: "-") else { return nil }
          set.formUnion(escapedSet)
          hasEscapedSet = true
        } else {
          guard !PatternParser.isAlphanumeric(escaped), (0x21...0x7e).contains(escaped),
            insert(escaped, &set)
          else { return nil }
        }
      case 0x80...: return nil
      default: guard insert(byte, &set) else { return nil }
      }
      isFirst = false
    }
    return nil
  }

  /// One character, or the range that begins with it.
  private mutating func insert(_ low: UInt8, _ set: inout ByteSet) -> Bool {
    var high = low
    if next == UInt8(ascii: "-"), position + 1 < pattern.count,
      pattern[position + 1] != UInt8(ascii: "]")
    {
      high = pattern[position + 1]
      guard high < 0x80, high >= low, high != UInt8(ascii: "\\"), high != UInt8(ascii: "[") else {
        return false
      }
      position += 2
    }
    for byte in low...high { set.insert(PatternParser.folded(byte)) }
    return true
  }

  private mutating func group() -> PatternElement? {
    position += 1
    if next == UInt8(ascii: "*") { return nil }
    if skip("?") {
      if skip("P<") || next == UInt8(ascii: "<") && skip("<") {
        // A name; look-behind is not read.
        guard let close = pattern[position...].firstIndex(of: UInt8(ascii: ">")),
          pattern[position..<close].allSatisfy({ PatternParser.isAlphanumeric($0) || $0 == 0x5f })
        else { return nil }
        position = close + 1
      } else if !skip(":") {
        return nil
      }
    }
    depth += 1
    guard depth <= PatternParser.maximumDepth, let alternatives = alternatives(), skip(")") else {
      return nil
    }
    depth -= 1
    return .choice(alternatives)
  }

  // MARK: Repetition

  /// How often an atom comes; nil when this is no quantifier we read.
  private mutating func quantifier() -> (low: Int, high: Int?)? {
    let count: (low: Int, high: Int?)
    if skip("?") {
      count = (0, 1)
    } else if skip("*") {
      count = (0, nil)
    } else if skip("+") {
      count = (1, nil)
    } else if skip("{") {
      guard let low = number() else { return nil }
      if skip("}") {
        count = (low, low)
      } else {
        guard skip(",") else { return nil }
        if skip("}") {
          count = (low, nil)
        } else {
          guard let high = number(), high >= low, skip("}") else { return nil }
          count = (low, high)
        }
      }
    } else {
      return (1, 1)
    }
    // Lazy or possessive.
    if !skip("?") { _ = skip("+") }
    return count
  }

  private mutating func number() -> Int? {
    let digits = pattern[position...].prefix { (0x30...0x39).contains($0) }
    guard (1...5).contains(digits.count) else { return nil }
    position += digits.count
    return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
  }

  private static func repeating(
    _ atom: PatternElement, _ count: (low: Int, high: Int?)
  ) -> [PatternElement]? {
    if count == (1, 1) { return [atom] }
    if count == (0, 1) { return [.choice([[atom], []])] }
    let isOne: Bool
    switch atom {
    case .byte, .set: isOne = true
    case .gap, .choice: isOne = false
    }
    guard isOne else {
      // A repeated group may be empty: nothing is said of its length but that it has none.
      var result: [PatternElement] = count.low > 0 ? [atom] : []
      if count.high != count.low || count.low > 1 { result.append(.gap(minimum: 0, maximum: nil)) }
      return result
    }
    let written = min(count.low, maximumRepetition)
    var result = [PatternElement](repeating: atom, count: written)
    let rest = count.high.map { $0 - written }
    if rest != 0 { result.append(.gap(minimum: count.low - written, maximum: rest)) }
    return result
  }
}
