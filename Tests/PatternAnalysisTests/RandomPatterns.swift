import TestSupport

/// Patterns and subjects over a small alphabet, so that many subjects match.
struct RandomPatterns {
  var generator: SplitMix
  /// Anchors and boundaries too.
  var usesAssertions = false

  init(seed: UInt64, usesAssertions: Bool = false) {
    generator = SplitMix(seed: seed)
    self.usesAssertions = usesAssertions
  }

  mutating func pick<T>(_ choices: [T]) -> T { choices[Int.random(in: 0..<choices.count, using: &generator)] }

  mutating func pattern(depth: Int = 3) -> String {
    let branches = Int.random(in: 0..<5, using: &generator) == 0 ? 2 : 1
    return (0..<branches).map { _ in sequence(depth) }.joined(separator: "|")
  }

  private mutating func sequence(_ depth: Int) -> String {
    (0..<Int.random(in: 0...3, using: &generator)).map { _ in item(depth) }.joined()
  }

  private mutating func item(_ depth: Int) -> String {
    if usesAssertions, Int.random(in: 0..<4, using: &generator) == 0 {
      return pick(["^", "$", "\\b", "\\B", "\\A", "\\z", "\\Z", "(?m:^)", "(?m:$)", "(?m)^"])
    }
    let atom =
      depth > 0 && Int.random(in: 0..<3, using: &generator) == 0
      ? pick(["(", "(?:", "(?i:", "(?-i:", "(?|", "(?s:"]) + pattern(depth: depth - 1) + ")"
      : pick([
        "a", "b", "1", "@", ".", "\\d", "\\w", "\\W", "\\s", "[ab]", "[^a]", "[a-c1]", "[[:alpha:]]", "k",
        "ſ",
        "é", "É", "\\.", "\\x41", "[^\\d]", "[\\w.]", "\\n", "\\Qa.b\\E", "[[:^digit:]]", "\\N", "\\h",
        "[k-z]",
        "σ", "[^ς]", "\\D",
      ])
    let quantifier = pick([
      "", "", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,3}", "*?", "{2,}", "++", "*+", "?+",
    ])
    return atom + quantifier
  }

  mutating func subject() -> String {
    let letters: [Character] = [
      "a", "b", "A", "1", "@", ".", "k", "\u{212A}", "é", "É", "\n", " ", "s", "ſ", "B", "ς", "Σ", "-",
    ]
    return String((0..<Int.random(in: 0...6, using: &generator)).map { _ in pick(letters) })
  }
}
