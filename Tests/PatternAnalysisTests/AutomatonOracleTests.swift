import Testing

@testable import PatternAnalysis

/// The automaton accepts exactly what PCRE2 matches in full.
@Suite struct AutomatonOracleTests {
  @Test(arguments: [false, true])
  func randomPatternsAcceptWhatPCRE2Matches(usesAssertions: Bool) throws {
    var random = RandomPatterns(seed: usesAssertions ? 7 : 8, usesAssertions: usesAssertions)
    var analysed = 0
    var matched = 0
    for _ in 0..<4_000 {
      let pattern = random.pattern()
      guard let oracle = PCRE2Oracle(pattern) else { continue }
      let automaton: Automaton
      do {
        automaton = try Automaton(pattern: pattern)
      } catch {
        if case .invalid = error.reason { Issue.record("\(pattern) is valid: \(error)") }
        continue
      }
      analysed += 1
      var subjects = (0..<12).map { _ in random.subject() }
      if let witness = try automaton.witness() { subjects.append(witness) }
      for subject in subjects {
        guard let expected = oracle.matches(subject) else { continue }
        #expect(
          automaton.accepts(subject) == expected,
          "\(pattern) on \(subject.debugDescription): PCRE2 says \(expected)")
        if expected { matched += 1 }
      }
    }
    #expect(analysed > 2_000)
    #expect(matched > 3_000)
  }

  @Test(arguments: [
    "(?:ab?c*)+@x\\.[a-z]{2,3}", "[[:upper:]]+", "[^\\W\\d]*", "a{,2}", "a{2", "x{}", "[]a]+", "[^]a]+",
    "[a\\]b]",
    "[\\Qa-z\\E]", "\\Q.*\\E.", "(?x) a b # c\n c", "(?i)a(?-i)b|B", "(a(?-i)b|c)D", "[--9]", "[a-]", "[-a]",
    "\\x{e9}", "\\x{1F600}", "\\o{101}", "\\0101", "\\cA", "\\e\\t\\a", "(?#comment)a(?#x)+", "a\\E+",
    "(?P<n>a)(?<m>b)(?'o'c)", "\\_\\-\\é", "[\\b]", "[\\101\\x41-\\x43]", "ß", "ẞ", "[à-ï]", "[^à-ï]", "[k]",
    "[^k]",
    "[K-ſ]", "İ", "ı", "i", "[h-j]", "ǆ", "Ω", "ͅ", "ΐ", "ᾳ", "ᾼ", "ꭰ", "Ა", "𐐀", "(?-i)k", "\\S+", "\\V\\H",
    "(?s).", ".", "(?m)a$\nb", "a$\n", "a\\Z\n", "a\\z\n?", "\\bfoo\\b", "\\B", "(?:\\b|a)+", "(^a|b)+",
    "x*y*+z",
    "\\d++@", "(?:\\d++|a)b", "\\Gab", "^^a$$", "(?U)a+b", "", "()", "(|a)", "a||b", "(?:)*", "[[:word:]]",
    "[[:a]",
    "[[.a]", "[a[:digit:]b]", "[[:^alpha:]]", "[\\w-]", "(?i-s:.)",
  ])
  func syntaxIsReadAsPCRE2ReadsIt(_ pattern: String) throws {
    let oracle = try #require(PCRE2Oracle(pattern), "\(pattern)")
    let automaton = try Automaton(pattern: pattern)
    var random = RandomPatterns(seed: 11)
    var subjects = [
      "", "a", "b", "k", "K", "\u{212A}", "s", "ſ", "foo", "a\n", "a\nb", "abc", "acc@x.de", "AB", "ab", "aB",
      "B",
      "aD", "cD", "cd", "aBd", "{2", "a{,2}", "a{2", "x{}", "]", "].", "-", "9", "é", "É", "😀", "A", "\u{1}",
      "_-é",
      "ß", "ẞ", "ss", "ï", "Ï", "à", "÷", "İ", "I", "i", "ı", "ǅ", "Ǆ", "ω", "Ω", "\u{2126}", "ι", "Ι",
      "\u{1fbe}",
      "ͅ", "ΐ", "\u{1fd3}", "ᾼ", "ᾳ", "Ꭰ", "ꭰ", "ა", "Ა", "𐐨", "12@", "12a", "12b", "zz", "yz", "x", ".*x",
      ".*",
      "a.b", "\u{8}", "\u{1b}\t\u{7}", "a.z", "[", "[:", ":a]", "[.a", "\u{a0}", "C", "c", "bb", "b",
      "\u{1c90}",
    ]
    subjects += (0..<200).map { _ in random.subject() }
    for subject in subjects {
      #expect(
        automaton.accepts(subject) == oracle.matches(subject), "\(pattern) on \(subject.debugDescription)")
    }
  }

  /// Every scalar of Unicode that has case, alone as a pattern: the same others are equal to it.
  @Test func caseIsPCRE2s() throws {
    var wrong: [String] = []
    for value in UInt32(0x41)..<0x1e960 {
      guard let scalar = Unicode.Scalar(value), scalar.properties.changesWhenCaseMapped else { continue }
      let pattern = ScalarSet.word.contains(scalar) || value > 0x7f ? String(scalar) : "\\\(scalar)"
      guard let oracle = PCRE2Oracle(pattern) else { continue }
      let closure = CaseOrbits.closure(ScalarSet([value...value]))
      var others: Set<UInt32> = [value]
      for mapping in [
        scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping,
        scalar.properties.titlecaseMapping,
      ] where mapping.unicodeScalars.count == 1 {
        others.insert(mapping.unicodeScalars.first!.value)
      }
      for range in closure.ranges { others.formUnion(range) }
      for other in others {
        guard let text = Unicode.Scalar(other) else { continue }
        if oracle.matches(String(text)) != closure.contains(other) {
          wrong.append("\(String(value, radix: 16)) and \(String(other, radix: 16))")
        }
      }
    }
    #expect(wrong.isEmpty, "\(wrong)")
  }

  @Test(arguments: [
    ("(?=a)b", Opaque.Reason.lookAround, 0), ("x(?!a)b", .lookAround, 1), ("(?<=x)y", .lookAround, 0),
    ("a(?<!b)", .lookAround, 1), ("(a)\\1", .backReference, 3), ("(?P<n>a)(?P=n)", .backReference, 8),
    ("(?<n>a)\\k<n>", .backReference, 7), ("(a)\\g{1}", .backReference, 3), ("a(?R)?", .recursion, 1),
    ("(a(?1)?)", .recursion, 2), ("(a)(?-1)", .recursion, 3), ("(a)(?(1)b|c)", .conditional, 3),
    ("(?>a|ab)c", .atomic, 0), ("(?:ab)++", .atomic, 6), ("(*COMMIT)a", .verb, 0),
    ("é\\p{L}", .unicodeProperty, 2),
    ("a(?C)b", .unsupported("a callout"), 1), ("\\Ka", .unsupported("\\K"), 0),
    ("\\R", .unsupported("\\R"), 0),
  ])
  func whatIsOpaqueSaysWhyAndWhere(_ pattern: String, _ reason: Opaque.Reason, _ offset: Int) {
    #expect(PCRE2Oracle(pattern) != nil, "\(pattern)")
    #expect(throws: Opaque(reason, offset: offset)) { try Automaton(pattern: pattern) }
  }

  @Test(arguments: ["a++a", "\\d*+5", "(?:a++)+", "a?+a", "[ab]{1,3}+b", "(a)++a"])
  func possessiveRepetitionsThatMatterAreOpaque(_ pattern: String) {
    #expect(throws: Opaque(.atomic)) { try Automaton(pattern: pattern) }
  }

  @Test(arguments: ["(.{1,90}){1,90}", "((a{60}){60}){60}", "(a|b)*a(a|b){16}", "a{60000}"])
  func whatIsTooLargeIsOpaque(_ pattern: String) {
    do throws(Opaque) {
      _ = try Automaton(pattern: pattern)
      Issue.record("\(pattern) is small")
    } catch {
      guard case .tooLarge = error.reason else {
        Issue.record("\(error)")
        return
      }
    }
  }

  @Test func limitsHoldToTheCharacter() throws {
    var limits = AnalysisLimits()
    limits.positions = 10
    _ = try Automaton(pattern: "a{10}", limits: limits)
    #expect(throws: Opaque.self) { try Automaton(pattern: "a{11}", limits: limits) }
    let nested = { (depth: Int) in String(repeating: "(", count: depth) + String(repeating: ")", count: depth)
    }
    _ = try RegularExpression(parsing: nested(RegularExpressionParser.maximumDepth - 1))
    #expect(throws: Opaque.self) {
      try RegularExpression(parsing: nested(RegularExpressionParser.maximumDepth))
    }
  }
}
