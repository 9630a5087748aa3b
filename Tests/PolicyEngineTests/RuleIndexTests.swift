import CallModel
import TestSupport
import Testing

@testable import PolicyEngine

/// What is read off a pattern is true of every text that the pattern matches.
@Suite struct RuleIndexTests {
  @Test(arguments: [
    ("1234", ["1234"]), ("Ann@Example\\.org", ["ann@example.org"]), ("^12$", ["12"]),
    ("1(2|3)4", ["124", "134"]), ("a[24]b?", ["a2b", "a2", "a4b", "a4"]), ("9{3}", ["999"]),
    ("(?:vip|gold)\\.1", ["vip.1", "gold.1"]), ("(?P<n>x)y", ["xy"]), ("a|b", ["a", "b"]),
  ])
  func exactTexts(_ pattern: String, _ texts: [String]) {
    let exact = PatternKeys(pattern).exact.map { Set($0) }
    #expect(exact == Set(texts.map { Array($0.utf8) }))
  }

  @Test(
    arguments: [
      ("12\\d+", "12", nil), (".*@a\\.example", nil, "@a.example"), ("9(00\\d*)2", "900", "2"),
      ("[a-z]+\\.7@(?:eu|us)", nil, ".7@eu"), ("x+y", "x", "y"), ("(ab){2,}c", "ab", "c"), ("a\\W", "a", nil),
    ] as [(String, String?, String?)])
  func beginningsAndEndings(_ pattern: String, _ prefix: String?, _ suffix: String?) {
    let keys = PatternKeys(pattern)
    #expect(keys.exact == nil)
    #expect(keys.prefixes?.first == prefix.map { Array($0.utf8) })
    #expect(keys.suffixes?.first == suffix.map { Array($0.utf8) })
  }

  @Test(arguments: [
    "(?=a)b", "(?i)a", "a(?!b)", "\\x41", "[[:digit:]]", "(*ANYCRLF)a", "a{,3}", "a{1", "(a", "a)", "[a",
    "\\", "*a", "(?<=a)b",
    "a\\b", "\\Qa\\E", "a$b", "(^a)", "\\1(a)", "(?>a)", "(?|a|b)",
  ])
  func whatIsNotUnderstoodGivesNothing(_ pattern: String) {
    let keys = PatternKeys(pattern)
    #expect(keys.exact == nil && keys.prefixes == nil && keys.suffixes == nil && keys.inner.isEmpty)
    #expect(keys.first == .all && keys.lengths.lowerBound == 0)
  }

  @Test func deepAndLongPatternsAreBounded() {
    let deep = String(repeating: "(", count: 5_000) + "a" + String(repeating: ")", count: 5_000)
    #expect(PatternKeys(deep).exact == nil)
    let wide = String(repeating: "(a|b)", count: 300)
    let keys = PatternKeys(wide)
    #expect(keys.exact == nil)
    #expect((keys.prefixes ?? []).count <= PatternKeys.maximumKeys)
    #expect(PatternKeys("a{99999}").lengths.lowerBound == Int(UInt16.max))
    #expect(PatternKeys("[a-z]{40000}[a-z]{40000}").lengths == Int(UInt16.max)...Int(UInt16.max))
  }

  /// Every alias that a random pattern matches is one that the index leads to it from.
  @Test(arguments: 1...8) func noMatchIsMissed(_ seed: UInt64) throws {
    var g = SplitMix(seed: seed)
    let alphabet = DecidePropertyTests.letters + ["\u{212A}", "\u{17F}", "é"]
    for _ in 0..<60 {
      var patterns: [String] = []
      for _ in 0..<40 {
        var groups = 0
        let text = DecidePropertyTests.pattern(3, &groups, &g).text
        // Beyond what the naive grammar makes.
        let extra = ["", "[^a]", "\\W", "[^\\w@]", "s", "(?:S|x)?", "k{2}", "[j-l]*"].randomElement(
          using: &g)!
        patterns.append(Bool.random(using: &g) ? text + extra : extra + text)
      }
      let full = (0..<patterns.count).map { _ in Int.random(in: 0..<6, using: &g) == 0 }
      let index = RuleIndex(
        zip(patterns, full).map { (keys: PatternKeys($0), matchesFullAlias: $1, isEnabled: true) })
      let compiled = try patterns.map { try Pattern($0) }
      for _ in 0..<60 {
        let alias = String(
          (0..<Int.random(in: 0...7, using: &g)).map { _ in alphabet.randomElement(using: &g)! })
        var parsed = alias
        var complete = "sip:" + alias
        let expected = compiled.indices.filter { compiled[$0].matches(full[$0] ? complete : parsed) == true }
        for i in expected where !full[i] {
          for j in expected where !full[j] {
            #expect(!PatternKeys(patterns[i]).excludes(PatternKeys(patterns[j])))
          }
        }
        var seen: [Int] = []
        parsed.withUTF8 { parsed in
          complete.withUTF8 { complete in
            index.visitCandidates(parsed: parsed, full: complete) {
              seen.append($0)
              return false
            }
          }
        }
        #expect(seen == seen.sorted() && Set(seen).count == seen.count)
        let missed = Set(expected).subtracting(seen)
        #expect(missed.isEmpty, "\(alias): \(missed.map { patterns[$0] })")
      }
    }
  }

  /// A large policy keeps few patterns compiled, and decides the same while they come and go.
  @Test func patternsAreCompiledWhenTheyAreNeeded() throws {
    var policy = Policy()
    policy.rules = (0..<9_000).map {
      RuleVectorTests.rule("r\($0)", 1, "\(10_000 + $0)(\\d)?", "\\g<1>x", target: .registration)
    }
    let snapshot = try PolicySnapshot(compiling: policy)
    for round in 0..<2 {
      for i in stride(from: 0, to: 9_000, by: 1) {
        let request = RuleVectorTests.request(
          Alias(dialled: "\(10_000 + i)\(round == 0 ? "" : "7")", protocol: .sip))
        let record = snapshot.decide(request, now: RuleVectorTests.now).record
        #expect(record.rule == "r\(i)" && record.replaced == (round == 0 ? "x" : "7x"))
        if record.rule != "r\(i)" { return }
      }
    }
  }

  @Test(arguments: [
    ("abc", "abd", true), ("abc", "ABC", false), ("9\\d+", "8.*", true), ("9\\d+", "9", true),
    ("9\\d*", "9", false),
    ("(.+)@a\\.example", ".*@b\\.example", true), ("(.+)@a\\.example", "x@a\\.example", false),
    ("(.+)@a\\.example", "x@b\\.example", true), ("\\d{3}", "\\d{4}", true), (".*", "abc", false),
    ("101|102", "103|104", true), ("101|102", "102", false), ("(?i)a", "b", false), ("a.*", ".*b", false),
    ("å", "ä", false),
  ])
  func someRulesCannotMeet(_ a: String, _ b: String, _ expected: Bool) {
    #expect(PatternKeys(a).excludes(PatternKeys(b)) == expected)
    #expect(PatternKeys(b).excludes(PatternKeys(a)) == expected)
  }
}
