import PatternAnalysis

/// A pattern that is closed to analysis, without what closes it: matches more, and serves to make examples.
enum RelaxedPattern {
  static func automaton(_ pattern: String, limits: AnalysisLimits) -> Automaton? {
    guard let relaxed = relaxed(pattern) else { return nil }
    return try? Automaton(pattern: relaxed, universe: RuleLanguages.universe, limits: limits)
  }

  /// Look-around asks for nothing, a back-reference for anything, an atomic group for what is in it.
  static func relaxed(_ pattern: String) -> String? {
    var result = ""
    var rest = Array(pattern)[...]
    var isInClass = false
    while let character = rest.first {
      if character == "\\" {
        let next = rest.dropFirst().first
        if !isInClass, let next, ("1"..."9").contains(next) {
          result += ".*"
          rest = rest.dropFirst(2).drop { $0.isASCII && $0.isNumber }
        } else {
          result.append(contentsOf: rest.prefix(2))
          rest = rest.dropFirst(2)
        }
        continue
      }
      if character == "[" { isInClass = true }
      if character == "]" { isInClass = false }
      if !isInClass, character == "(" {
        let text = String(rest.prefix(4))
        if text.hasPrefix("(?=") || text.hasPrefix("(?!") || text.hasPrefix("(?<=") || text.hasPrefix("(?<!")
        {
          guard let after = end(ofGroup: rest) else { return nil }
          rest = rest[after...]
          continue
        }
        if text.hasPrefix("(?>") {
          result += "(?:"
          rest = rest.dropFirst(3)
          continue
        }
      }
      result.append(character)
      rest = rest.dropFirst()
    }
    return result
  }

  /// Behind the bracket that closes the group that begins here.
  private static func end(ofGroup text: ArraySlice<Character>) -> Int? {
    var depth = 0
    var isInClass = false
    var i = text.startIndex
    while i < text.endIndex {
      switch text[i] {
      case "\\": i += 1
      case "[": isInClass = true
      case "]": isInClass = false
      case "(" where !isInClass: depth += 1
      case ")" where !isInClass:
        depth -= 1
        if depth == 0 { return i + 1 }
      default: break
      }
      i += 1
    }
    return nil
  }
}
