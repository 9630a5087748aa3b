import Testing

@testable import PatternAnalysis

@Suite struct MatchingCostTests {
  @Test(arguments: [
    "(a+)+", "(a+)+$", "(a+)+b", "(a|aa)+", "(a|a)*b", "(\\w+\\s?)+@x", "([a-z]+\\.?)+@example\\.org",
    "(a*)*b",
    "(?:a?a?)*b", "(\\d+|\\w+)*@", "((a|b)*c?)*d", "(.*)*x", "sip:(.+)+@example\\.org", "(?:(?:x|y)+z?)+@",
    "(?:(?:a?|b?)c)*d",
  ])
  func exponentialPatternsCostPCRE2Exponentially(_ pattern: String) throws {
    let cost = try MatchingCost(try RegularExpression(parsing: pattern))
    #expect(cost.growth == .exponential)
    let oracle = try #require(PCRE2Oracle(pattern))
    let isShown = cost.attacks.contains { attack in
      let small = oracle.cost(attack.text(repeating: 8))
      let large = oracle.cost(attack.text(repeating: 20))
      // Twelve more turns at least double the work twelve times, bar rounding.
      return large >= 4_000_000 || large > small * 1_000
    }
    #expect(isShown, "\(pattern): \(cost.attacks)")
    for attack in cost.attacks { #expect(oracle.matches(attack.text(repeating: 2)) == false) }
  }

  @Test(arguments: [
    (".*.*.*x", 3), (".*@.*\\.org", 2), ("\\d*[\\da]*a", 2), (".*a.*b.*c.*d", 4), ("[a-z]*[a-z0-9@]*@", 2),
    ("(\\d+)-?(\\d+)-?(\\d+)5", 3),
  ])
  func polynomialPatternsGrowWithTheirDegree(_ pattern: String, _ degree: Int) throws {
    let cost = try MatchingCost(try RegularExpression(parsing: pattern))
    guard case .polynomial(let found) = cost.growth else {
      Issue.record("\(pattern) is \(cost.growth)")
      return
    }
    #expect(found == degree)
    let oracle = try #require(PCRE2Oracle(pattern))
    let isShown = cost.attacks.contains { attack in
      let small = Double(oracle.cost(attack.text(repeating: 8)))
      let large = Double(oracle.cost(attack.text(repeating: 24)))
      // Three times as long: about 3^degree times the work.
      return large / small > (0..<degree).reduce(0.5) { product, _ in product * 3 }
    }
    #expect(isShown, "\(pattern): \(cost.attacks)")
  }

  @Test(arguments: [
    "9\\d+", "(a+)+.*", "(.+)@example\\.org", "a*b*c*", "(?:sip:)?(\\d+)@.*", "[0-9]{6,12}(@.*)?", "(a|b)*",
    "(ab|a)c+",
    "meet\\.[a-z]+", "(\\d{3}-)*\\d{4}", ".*",
  ])
  func harmlessPatternsAreLinear(_ pattern: String) throws {
    let cost = try MatchingCost(try RegularExpression(parsing: pattern))
    #expect(cost.growth == .linear, "\(cost.attacks)")
  }

  /// Random patterns: what is called linear is so for PCRE2 on every text tried, and most of what is called exponential
  /// can be shown.
  @Test func judgementsAgreeWithPCRE2OnRandomPatterns() throws {
    var random = RandomPatterns(seed: 31)
    var exponential = 0
    var shown = 0
    for _ in 0..<1_500 {
      let pattern = random.pattern()
      guard let oracle = PCRE2Oracle(pattern), let expression = try? RegularExpression(parsing: pattern),
        let cost = try? MatchingCost(expression)
      else { continue }
      switch cost.growth {
      case .exponential:
        exponential += 1
        let isShown = cost.attacks.contains {
          let large = oracle.cost($0.text(repeating: 24), atMost: 200_000)
          return large == 200_000 || large > 20 * oracle.cost($0.text(repeating: 6), atMost: 200_000)
        }
        if isShown { shown += 1 }
      case .linear:
        for _ in 0..<6 {
          let attack = AttackString(
            prefix: random.subject(), pumps: [.init(random.subject())], suffix: random.subject())
          let small = oracle.cost(attack.text(repeating: 12), atMost: 200_000)
          let large = oracle.cost(attack.text(repeating: 48), atMost: 200_000)
          #expect(large <= 10 * small + 50, "\(pattern) on \(attack)")
        }
      case .polynomial: break
      }
    }
    #expect(exponential > 35)
    #expect(shown * 10 >= exponential * 9, "\(shown) of \(exponential)")
  }

  @Test func anchorsAreNotJudged() {
    #expect(throws: Opaque.self) { try MatchingCost(try RegularExpression(parsing: "(a+\\b)+")) }
  }

  @Test func workIsBounded() throws {
    var limits = AnalysisLimits()
    limits.costPairs = 100
    let expression = try RegularExpression(parsing: "(?:[a-z]{40}|[a-z]{39})*@")
    #expect(throws: Opaque.self) { try MatchingCost(expression, limits: limits) }
  }
}
