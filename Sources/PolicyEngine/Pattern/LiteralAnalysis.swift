/// Literal text that every match of a pattern must have, read off the pattern's own text.
///
/// Sound, not complete: whatever is not understood gives ``unknown``. Letters are folded, and literals are ASCII: other
/// characters are left to the pattern itself.
enum LiteralAnalysis: Equatable {
  case exact([UInt8])
  case prefix([UInt8])
  case suffix([UInt8])
  case unknown

  private enum Element: Equatable {
    case literal(UInt8)
    /// Anything of any length.
    case opaque
  }

  init(_ pattern: String) {
    guard let elements = LiteralAnalysis.elements(Array(pattern.utf8)) else {
      self = .unknown
      return
    }
    func bytes(_ part: some Sequence<Element>) -> [UInt8] {
      var result: [UInt8] = []
      for case .literal(let byte) in part { result.append(byte) }
      return result
    }
    if !elements.contains(.opaque) {
      self = .exact(bytes(elements))
      return
    }
    let head = bytes(elements.prefix { $0 != .opaque })
    let tail = bytes(elements.reversed().prefix { $0 != .opaque }.reversed())
    if head.isEmpty, tail.isEmpty {
      self = .unknown
    } else if head.count >= tail.count {
      self = .prefix(head)
    } else {
      self = .suffix(tail)
    }
  }

  /// The pattern as a row of literals and opaque parts; nil when it has a form this does not read.
  private static func elements(_ pattern: [UInt8]) -> [Element]? {
    var elements: [Element] = []
    var i = 0
    /// A quantifier at `i` makes the element before it opaque.
    func skipQuantifier() -> Bool? {
      guard i < pattern.count else { return false }
      switch pattern[i] {
      case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"): i += 1
      case UInt8(ascii: "{"):
        guard let close = pattern[i...].firstIndex(of: UInt8(ascii: "}")) else { return nil }
        i = close + 1
      default: return false
      }
      if i < pattern.count, pattern[i] == UInt8(ascii: "?") || pattern[i] == UInt8(ascii: "+") { i += 1 }
      return true
    }
    while i < pattern.count {
      let byte = pattern[i]
      var element = Element.opaque
      switch byte {
      case UInt8(ascii: "^"):
        guard i == 0 else { return nil }
        i += 1
        continue
      case UInt8(ascii: "$"):
        guard i == pattern.count - 1 else { return nil }
        i += 1
        continue
      case UInt8(ascii: "|"): return nil
      case UInt8(ascii: "."): i += 1
      case UInt8(ascii: "["):
        guard let end = classEnd(pattern, i) else { return nil }
        i = end
      case UInt8(ascii: "("):
        guard let end = groupEnd(pattern, i) else { return nil }
        i = end
      case UInt8(ascii: "\\"):
        guard i + 1 < pattern.count else { return nil }
        let next = pattern[i + 1]
        switch next {
        case UInt8(ascii: "d"), UInt8(ascii: "w"), UInt8(ascii: "s"), UInt8(ascii: "D"), UInt8(ascii: "W"),
          UInt8(ascii: "S"):
          i += 2
        case 0x21...0x2f, 0x3a...0x40, 0x5b...0x60, 0x7b...0x7e:
          element = .literal(next)
          i += 2
        default: return nil
        }
      case UInt8(ascii: ")"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"), UInt8(ascii: "{"),
        0x80...:
        return nil
      case 0x00...0x20: return nil
      default:
        element = .literal((0x41...0x5a).contains(byte) ? byte | 0x20 : byte)
        i += 1
      }
      guard let quantified = skipQuantifier() else { return nil }
      elements.append(quantified ? .opaque : element)
    }
    return elements
  }

  private static func classEnd(_ pattern: [UInt8], _ start: Int) -> Int? {
    var i = start + 1
    if i < pattern.count, pattern[i] == UInt8(ascii: "^") { i += 1 }
    if i < pattern.count, pattern[i] == UInt8(ascii: "]") { i += 1 }
    while i < pattern.count {
      switch pattern[i] {
      case UInt8(ascii: "["): return nil
      case UInt8(ascii: "\\"):
        guard i + 1 < pattern.count, pattern[i + 1] != UInt8(ascii: "Q") else { return nil }
        i += 2
      case UInt8(ascii: "]"): return i + 1
      default: i += 1
      }
    }
    return nil
  }

  /// The end of a plain, non-capturing or named group, whatever it holds; options, look-around and verbs are not read.
  private static func groupEnd(_ pattern: [UInt8], _ start: Int) -> Int? {
    var i = start + 1
    if i < pattern.count, pattern[i] == UInt8(ascii: "*") { return nil }
    if i < pattern.count, pattern[i] == UInt8(ascii: "?") {
      let rest = pattern[(i + 1)...]
      if rest.first == UInt8(ascii: ":") {
        i += 2
      } else if rest.starts(with: "P<".utf8), let close = rest.firstIndex(of: UInt8(ascii: ">")) {
        i = close + 1
      } else {
        return nil
      }
    }
    while i < pattern.count {
      switch pattern[i] {
      case UInt8(ascii: ")"): return i + 1
      case UInt8(ascii: "("):
        guard let end = groupEnd(pattern, i) else { return nil }
        i = end
      case UInt8(ascii: "["):
        guard let end = classEnd(pattern, i) else { return nil }
        i = end
      case UInt8(ascii: "\\"):
        guard i + 1 < pattern.count, pattern[i + 1] != UInt8(ascii: "Q") else { return nil }
        i += 2
      default: i += 1
      }
    }
    return nil
  }
}
