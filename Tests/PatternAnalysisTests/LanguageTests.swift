import Testing

@testable import PatternAnalysis

@Suite struct LanguageTests {
  static func automaton(_ pattern: String) throws -> Automaton {
    try Automaton(pattern: pattern, universe: .printable)
  }

  /// Every text over a small alphabet up to a length.
  static func texts(_ letters: [Character], upTo length: Int) -> [String] {
    var all = [""]
    var last = [""]
    for _ in 0..<length {
      last = last.flatMap { text in letters.map { text + String($0) } }
      all += last
    }
    return all
  }

  @Test func operationsAgreeWithMembershipOnRandomPatterns() throws {
    var random = RandomPatterns(seed: 21)
    let texts = Self.texts(["a", "b", "1", "@"], upTo: 4)
    var pairs = 0
    while pairs < 250 {
      let (first, second) = (random.pattern(depth: 2), random.pattern(depth: 2))
      guard let a = try? Automaton(pattern: first), let b = try? Automaton(pattern: second) else { continue }
      pairs += 1
      let both = try a.intersection(b)
      let either = try a.union(b)
      let only = try a.subtracting(b)
      let neither = try either.complement()
      let smallest = either.minimised()
      var differ = false
      for text in texts {
        let (x, y) = (a.accepts(text), b.accepts(text))
        #expect(both.accepts(text) == (x && y), "\(first) & \(second): \(text)")
        #expect(either.accepts(text) == (x || y), "\(first) | \(second): \(text)")
        #expect(only.accepts(text) == (x && !y), "\(first) - \(second): \(text)")
        #expect(neither.accepts(text) == !(x || y), "neither \(first) nor \(second): \(text)")
        #expect(smallest.accepts(text) == (x || y))
        differ = differ || x != y
      }
      #expect(try either.isEquivalent(to: smallest))
      #expect(smallest.stateCount <= either.stateCount)
      #expect(try a.isDisjoint(from: b) == both.isEmpty)
      if differ { #expect(try !a.isEquivalent(to: b)) }
      // The witness shows what it should, and there is one whenever the language is not empty.
      let witness = try Automaton.witness(in: [a], notIn: [b])
      #expect((witness == nil) == only.isEmpty)
      #expect(try Automaton.hasText(in: [a], notIn: [b]) == !only.isEmpty)
      if let witness {
        #expect(a.accepts(witness) && !b.accepts(witness), "\(first) - \(second): \(witness)")
        #expect(PCRE2Oracle(first)?.matches(witness) == true)
        #expect(PCRE2Oracle(second)?.matches(witness) == false)
      }
    }
  }

  @Test(
    arguments: [
      ("9\\d{4}", ["9\\d*"], nil), ("9\\d{4}", ["91.*", "9[02-9]\\d*"], nil),
      ("9\\d{4}", ["91.*", "9[02-8]\\d*"], "99555"), ("a|b|c", ["a", "b", "c"], nil),
      ("KELVIN", ["\u{212A}elvin"], nil),
      (".*", [".+"], ""), (".+@example\\.org", [".*@example\\.(org|net)"], nil),
      (".*@example\\.org", [".*@example.org"], nil),
      (".*@example.org", [".*@example\\.org"], "alice@example-org"),
      ("[0-9]{6,12}", ["\\d+"], nil), ("\\d+", ["[0-9]{6,12}"], "1234"),
    ] as [(String, [String], String?)])
  func inclusionHasACounterexampleOrHolds(_ pattern: String, _ others: [String], _ expected: String?) throws {
    let found = try Self.automaton(pattern).counterexample(toBeingSubsetOf: others.map(Self.automaton))
    if expected == nil {
      #expect(found == nil)
    } else {
      let text = try #require(found)
      #expect(try Self.automaton(pattern).accepts(text))
      for other in others { #expect(try !Self.automaton(other).accepts(text)) }
    }
  }

  @Test(arguments: [
    (".*", "alice@example.com"), ("9\\d+", "95551234"), ("9.*", "95551234"),
    (".+@corp\\.net", "alice@corp.net"),
    ("\\d{3}", "101"), ("meet\\..*", "meet.alice@example.com"),
    ("[a-z]+\\.[a-z]+@corp\\.net", "alice.alice@corp.net"),
    ("sip:.*", "sip:alice@example.com"), ("(?:sip:)?(\\d+)@corp.*", "5551234@corp"),
    ("\\+47\\d{8}", "+4755512345"),
    ("[^a-z0-9]", "@"), ("", ""), ("é+", "é"), ("teams\\.([0-9]{9,12})@.*", nil),
    ("room-[a-f]{2}", "room-aa"),
  ])
  func witnessesAreReadable(_ pattern: String, _ expected: String?) throws {
    let witness = try #require(try Self.automaton(pattern).witness())
    #expect(PCRE2Oracle(pattern)?.matches(witness) == true)
    if let expected { #expect(witness == expected) }
  }

  @Test func emptyAndUniversal() throws {
    #expect(try Self.automaton("a\\bb").isEmpty)
    #expect(try Self.automaton("a^b").isEmpty)
    #expect(try Self.automaton("[^\\s\\S]").witness() == nil)
    #expect(try Self.automaton(".*").isUniversal)
    #expect(try !Automaton(pattern: ".*").isUniversal, "a line feed is not matched by a dot")
    #expect(try Self.automaton("(a|[^a])*").isUniversal)
    #expect(try !Self.automaton(".+").isUniversal)
    #expect(Automaton.everything().isUniversal)
    #expect(try Automaton.everything().complement().isEmpty)
  }

  @Test func searchesAreBounded() throws {
    var limits = AnalysisLimits()
    limits.searchStates = 50
    let a = try Self.automaton("(?:.{7})*")
    let b = try Self.automaton("(?:.{11})*x")
    #expect(throws: Opaque.self) { try Automaton.hasText(in: [a, b], notIn: [], limits: limits) }
    #expect(try Automaton.hasText(in: [a, b], notIn: []))
  }

  @Test func listsOfTextsAreTheirAlternatives() throws {
    let texts = ["a", "ab", "Kelvin", "straße", "a@b.c", "ab1"]
    let list = try Automaton(caselessTexts: texts, universe: .printable)
    let alternatives = try Automaton(.alternatives(texts.map { .caselessText($0) }), universe: .printable)
    #expect(try list.isEquivalent(to: alternatives))
    #expect(list.accepts("\u{212A}ELVIN"))
    #expect(!list.accepts("b"))
    #expect(try Automaton(caselessTexts: []).isEmpty)
  }

  @Test(arguments: [
    ("9(\\d+)", "9", "", "9"), ("(.+)@example\\.org", "", "@EXAMPLE.ORG", "@EXAMPLE.ORG"),
    ("(meet|room)\\.12\\.x*", "", "", ".12."), ("abc", "ABC", "ABC", "ABC"), ("a?bc+d", "", "D", "C"),
    ("(?:ab)(c)\\d[xyz]z", "ABC", "Z", "ABC"), ("k", "K", "K", "K"), ("a|b", "", "", ""),
  ])
  func literalEndsAreInEveryMatch(_ pattern: String, _ prefix: String, _ suffix: String, _ inner: String)
    throws
  {
    let ends = LiteralEnds(try RegularExpression(parsing: pattern).root)
    #expect(ends.prefix == LiteralEnds.folded(prefix))
    #expect(ends.suffix == LiteralEnds.folded(suffix))
    #expect(ends.inner.count == inner.count, "\(ends.inner)")
  }
}
