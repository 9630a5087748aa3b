import Testing

@testable import PatternAnalysis

@Suite struct ReplacementImageTests {
  static func image(_ pattern: String, _ parts: [ReplacementPart]) throws -> (Automaton, isExact: Bool) {
    let image = try ReplacementImage(of: try RegularExpression(parsing: pattern), replacedBy: parts)
    return (try Automaton(image.node), image.isExact)
  }

  @Test(
    arguments: [
      ("9(\\d+)", [.group(1), .literal("@pstn.example.org")], "\\d+(?-i)@pstn\\.example\\.org", true),
      ("(.+)@example\\.org", [.group(1)], ".+", true),
      ("(meet|room)\\.(.*)@x", [.group(2), .literal("@y")], ".*(?-i)@y", true),
      ("([0-9]{6,12})(@.*)?", [.group(1)], "[0-9]{6,12}", true),
      ("a(b)|c(d)", [.group(1), .group(2)], "b|d", true),
      ("101(@x)?", [.literal("alice@x")], "(?-i)alice@x", true),
      (".*", [.literal("0"), .group(0)], "0.*", true),
      ("(a)?(b)?c", [.group(1), .group(2)], "a?b?", true),
      ("(\\d+)@(.+)", [.group(2), .literal("."), .group(1)], ".+\\.\\d+", true),
    ] as [(String, [ReplacementPart], String, Bool)])
  func simpleReplacementsAreExact(
    _ pattern: String, _ parts: [ReplacementPart], _ expected: String, _ isExact: Bool
  )
    throws
  {
    let (image, exact) = try Self.image(pattern, parts)
    #expect(try image.isEquivalent(to: try Automaton(pattern: expected)))
    #expect(exact == isExact)
  }

  @Test(
    arguments: [
      ("(a*)(a*)", [.group(2)]), ("(a|b)+", [.group(1)]), ("(a+)", [.group(1), .group(1)]),
      ("((a)b)", [.group(1), .group(2)]),
      ("(\\w+)\\b.*", [.group(1)]),
    ] as [(String, [ReplacementPart])])
  func whatIsApproximatedSaysSo(_ pattern: String, _ parts: [ReplacementPart]) throws {
    #expect(try !Self.image(pattern, parts).isExact)
  }

  /// Whatever PCRE2 captures and our expansion makes of it lies in the image; exact images hold nothing else.
  @Test func imagesHoldEveryResultAndExactOnesNothingElse() throws {
    var random = RandomPatterns(seed: 41)
    let texts = LanguageTests.texts(["a", "b", "1", "@"], upTo: 4)
    var checked = 0
    var exact = 0
    for _ in 0..<2_500 {
      let pattern = random.pattern(depth: 2)
      guard let expression = try? RegularExpression(parsing: pattern), expression.groupCount >= 1,
        let oracle = PCRE2Oracle(pattern)
      else { continue }
      let groups = (0...min(2, expression.groupCount)).map { ReplacementPart.group($0) }
      let parts = [
        ReplacementPart.literal("x"), random.pick(groups),
        random.pick(groups + Array(repeating: .literal("-"), count: 6)),
      ]
      guard let image = try? ReplacementImage(of: expression, replacedBy: parts),
        let automaton = try? Automaton(image.node)
      else { continue }
      var results: Set<String> = []
      for text in texts where oracle.matches(text) == true {
        let result = parts.map { part in
          switch part {
          case .literal(let literal): literal
          case .group(let number): oracle.group(number, text) ?? ""
          }
        }.joined()
        results.insert(result)
        #expect(automaton.accepts(result), "\(pattern) with \(parts): \(text) becomes \(result)")
        let origins = expression.origins(of: result, replacedBy: parts)
        if image.isExact, !origins.isEmpty {
          #expect(origins.contains { (try? Automaton($0).witness()) != nil }, "\(pattern) from \(result)")
        }
        checked += 1
      }
      guard image.isExact, !results.isEmpty else { continue }
      exact += 1
      // Short results come from short texts: a group is never longer than the text.
      for text in texts where text.count <= 1 {
        let result = "x" + text + (parts[2] == .literal("-") ? "-" : "")
        guard automaton.accepts(result), !results.contains(result) else { continue }
        // It must come from a longer text, then.
        let origin = expression.origins(of: result, replacedBy: parts).lazy
          .compactMap { (try? Automaton($0).witness()) ?? nil }
          .first { oracle.matches($0) == true }
        #expect(origin != nil, "\(pattern) with \(parts) cannot give \(result)")
      }
    }
    #expect(checked > 2_000)
    #expect(exact > 30)
  }
}
