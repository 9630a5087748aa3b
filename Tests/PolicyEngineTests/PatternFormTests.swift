import CallModel
import PatternAnalysis
import TestSupport
import Testing

@testable import PolicyEngine

/// Rules that say in parts what they match.
@Suite struct PatternFormTests {
  static func load(_ match: String, replace: String = "", files: [String: String] = [:])
    -> PolicyLoader.Outcome
  {
    let replacement = replace.isEmpty ? "" : ", replace: '\(replace)'"
    return PolicyLoader.load(
      text:
        "rules:\n  - { name: r, priority: 1, match: \(match)\(replacement), to: { target: registered_device } }\n",
      name: "p.yaml", lists: .fixed(files))
  }

  static func decide(_ alias: String, _ policy: PolicySnapshot) -> String? {
    let request = RuleVectorTests.request(Alias(dialled: alias, protocol: .sip))
    return policy.decide(request, now: RuleVectorTests.now).record.replaced
  }

  @Test(
    arguments: [
      ("{ exact: alice@example.org }", "", "Alice@EXAMPLE.org", "Alice@EXAMPLE.org"),
      ("{ exact: [alice, bob] }", "", "bob", "bob"), ("{ exact: [alice, bob] }", "", "bobby", nil),
      ("{ exact: [101, 102], domain: example.org, domain_required: false }", "\\1@x", "102", "102@x"),
      (
        "{ exact: [101, 102], domain: example.org, domain_required: false }", "\\1@x", "101@EXAMPLE.org",
        "101@x"
      ),
      ("{ exact: [101, 102], domain: example.org, domain_required: false }", "\\1@x", "101@other.org", nil),
      ("{ exact: [101, 102], domain: example.org }", "\\1@x", "101", nil),
      ("{ prefix: '9', digits: 4-15 }", "\\1", "95551234", "5551234"),
      ("{ prefix: '9', digits: 4-15 }", "\\1", "9555", nil),
      ("{ prefix: '9', digits: 4-15 }", "\\1", "95551234@example.org", nil),
      ("{ prefix: ['00', '+'], digits: 3+ }", "+\\g<rest>", "0047123", "+47123"),
      ("{ prefix: ['00', '+'], digits: 3+ }", "+\\g<rest>", "+47123", "+47123"),
      ("{ prefix: ['0', '00'], digits: 3+ }", "\\1", "00471", "471"),
      ("{ prefix: ['0', '00'], digits: 4 }", "\\1", "00471", "0471"),
      ("{ digits: 6 }", "", "123456", "123456"), ("{ digits: 6 }", "", "12345", nil),
      ("{ digits: 6 }", "", "12345٣", nil),
      ("{ range: 1000-1999 }", "", "1500", "1500"), ("{ range: 1000-1999 }", "", "2000", nil),
      ("{ range: 1000-1999 }", "", "01500", nil), ("{ range: [0000-0099, 5000-5000] }", "", "0042", "0042"),
      ("{ range: [0000-0099, 5000-5000] }", "", "5001", nil),
      ("{ prefix: ext, range: 100-199, suffix: '#' }", "\\1", "EXT150#", "150"),
      (
        "{ suffix: -room, domain: example.org }", "\\g<rest>@\\g<domain>", "big-ROOM@Example.org",
        "big@Example.org"
      ),
      ("{ suffix: -room, domain: example.org }", "\\g<user>", "big-room@Example.org", "big-room"),
      ("{ domain: ['*.example.org'] }", "\\3", "ann@a.b.example.org", "a.b.example.org"),
      ("{ domain: ['*.example.org'] }", "", "ann@example.org", nil),
      ("{ domain: ['*.example.org'] }", "", "ann@.example.org", nil),
      ("{ domain: example.org }", "", "ann@badexample.org", nil),
      ("{ domain: example.org }", "\\1", "a@b@example.org", "a@b"),
      ("{ prefix: kelvin }", "\\1", "\u{212A}elvin9", "9"), ("{ prefix: å, suffix: é }", "\\1", "ÅßÉ", "ß"),
      ("{ prefix: ab, suffix: bc }", "", "abc", nil), ("{ prefix: ab, suffix: bc }", "<\\1>", "abbc", "<>"),
      ("{ regex: '9(\\d+)' }", "\\1", "9123", "123"), ("'9(\\d+)'", "\\1", "9123", "123"),
    ] as [(String, String, String, String?)])
  func formsMatchAndReplace(_ match: String, _ replace: String, _ alias: String, _ expected: String?) throws {
    let outcome = Self.load(match, replace: replace)
    let policy = try #require(outcome.snapshot, "\(outcome.diagnostics)")
    #expect(Self.decide(alias, policy) == expected)
  }

  @Test func listsComeFromFiles() throws {
    let list = "# the board\n\nalice@example.org\r\n  Bob  \n#carol\n"
    let outcome = Self.load("{ file: lists/board.txt }", files: ["lists/board.txt": list])
    let policy = try #require(outcome.snapshot, "\(outcome.diagnostics)")
    for (alias, isIn) in [
      ("ALICE@example.org", true), ("bob", true), ("carol", false), ("# the board", false),
    ] {
      #expect((Self.decide(alias, policy) != nil) == isIn, "\(alias)")
    }
    #expect(policy.policy.rules[0].pattern == "2 aliases of a list")
    // Another list is another policy.
    let other = Self.load("{ file: lists/board.txt }", files: ["lists/board.txt": list + "dave\n"])
    #expect(other.snapshot?.version != policy.version)
  }

  @Test func longListsAreFoundByIndex() throws {
    let list = (0..<50_000).map { "user\($0)" }.joined(separator: "\n")
    var text = "rules:\n"
    for i in 0..<400 {
      text +=
        "  - { name: r\(i), priority: 1, match: { prefix: 'x\(i)y', digits: 2+ }, to: { target: registered_device } }\n"
    }
    text +=
      "  - { name: list, priority: 2, match: { file: l, domain: example.org, domain_required: false }, to: { target: registered_device } }\n"
    let policy = try #require(PolicyLoader.load(text: text, lists: .fixed(["l": list])).snapshot)
    for (alias, rule) in [
      ("user49999", "list"), ("USER7@example.org", "list"), ("user50000", nil), ("x150y12", "r150"),
      ("x150y1", nil),
    ] {
      let request = RuleVectorTests.request(Alias(dialled: alias, protocol: .sip))
      let record = policy.decide(request, now: RuleVectorTests.now).record
      #expect(record.rule == rule, "\(alias)")
      #expect(record.considered.count <= 2)
    }
  }

  @Test(arguments: [
    ("{}", "invalid-match", "matches nothing in particular"),
    ("{ regex: a, prefix: b }", "invalid-match", "says everything"),
    ("{ exact: a, prefix: b }", "invalid-match", "leaves nothing"),
    ("{ digits: 3, range: 1-2 }", "invalid-match", "both say"),
    ("{ exact: a@b, domain: c }", "invalid-match", "has a domain already"),
    ("{ prefix: '' }", "invalid-match", "an empty text"),
    ("{ prefix: a, domain_required: false }", "invalid-match", "says nothing without domain"),
    ("{ file: empty }", "invalid-match", "the list is empty"),
    ("{ file: missing }", "list-unavailable", "cannot be read"),
    ("{ file: long }", "list-entry", "more than 250 characters"),
    ("{ prefx: a }", "unknown-key", "unknown key “prefx”"),
    ("{ digits: 6-4 }", "wrong-type", "wrong type"), ("{ digits: many }", "wrong-type", "wrong type"),
    ("{ digits: 251 }", "wrong-type", "wrong type"),
    ("{ range: 100-99 }", "wrong-type", "wrong type"), ("{ range: 2-1 }", "wrong-type", "wrong type"),
    ("{ domain: '@example.org' }", "wrong-type", "wrong type"),
    ("{ domain: 'a b' }", "wrong-type", "wrong type"),
    ("[a]", "wrong-type", "wrong type"), ("{ regex: 'a(' }", "invalid-pattern", "invalid regular expression"),
    ("{ file: control }", "list-entry", "control characters"),
  ])
  func mistakesAreExplained(_ match: String, _ code: String, _ message: String) {
    let outcome = Self.load(
      match,
      files: [
        "empty": "# nothing\n", "long": "ok\n" + String(repeating: "a", count: 251) + "\n",
        "control": "\na\u{1}b\n",
      ])
    #expect(outcome.snapshot == nil)
    #expect(outcome.errors.map(\.code) == [code], "\(outcome.errors)")
    #expect(outcome.errors.first?.message.contains(message) == true, "\(outcome.errors)")
    #expect(outcome.errors.first?.line == 2)
  }

  @Test func mistakesStandAtTheirPlace() throws {
    let error = try #require(Self.load("{ exact: a, prefix: b }").errors.first)
    #expect(error.column == 45)
    let pattern = try #require(Self.load("{ regex: 'a(' }").errors.first)
    #expect(pattern.column == 48)
    let group = try #require(Self.load("{ prefix: a }", replace: "\\g<rst>").errors.first)
    #expect(group.code == "invalid-replacement")
    #expect(group.suggestion == "did you mean “rest”?")
    let list = try #require(Self.load("{ file: f }", files: ["f": "a\nb\u{1}\n"]).errors.first)
    #expect("\(list.file):\(list.line)" == "f:2")
    #expect(list.related.map(\.line) == [2])
  }

  @Test func listsAreBounded() {
    let full = String(repeating: "a\n", count: ListSource.maximumCount)
    #expect(Self.load("{ file: f }", files: ["f": full]).snapshot != nil)
    #expect(Self.load("{ file: f }", files: ["f": full + "a\n"]).errors.map(\.code) == ["list-entry"])
  }

  /// The matcher, the automaton and the index agree on random forms and aliases.
  @Test func matcherAutomatonAndIndexAgree() throws {
    var generator = SplitMix(seed: 5)
    func texts(_ choices: [String]) -> [String] {
      Int.random(in: 0..<2, using: &generator) == 0
        ? [] : choices.shuffled(using: &generator).prefix(Int.random(in: 1...2, using: &generator)).map { $0 }
    }
    var matched = 0
    for _ in 0..<600 {
      var form = PatternForm(
        prefixes: texts(["a", "ab", "1", "k"]), suffixes: texts(["b", "1", "é"]),
        domains: texts(["a.b", "*.b", "B"]))
      if Int.random(in: 0..<4, using: &generator) == 0 {
        form = PatternForm(texts: texts(["a", "ab1", "K1", "1@b"]) + ["11"], domains: form.domains)
      } else if Int.random(in: 0..<2, using: &generator) == 0 {
        form.digits = [0...1, 1...2, 2...Int.max, 0...Int.max].randomElement(using: &generator)!
      } else if Int.random(in: 0..<2, using: &generator) == 0 {
        form.ranges = ["1-5", "10-35", "07-11", "111-111"].shuffled(using: &generator).prefix(2)
          .compactMap { PatternForm.NumberRange($0) }
      }
      form.isDomainRequired = form.domains.isEmpty || Bool.random(using: &generator)
      let pattern = Pattern(form)
      let automaton = try form.automaton(universe: .all, limits: .standard)
      let index = RuleIndex([(keys: PatternKeys(form), matchesFullAlias: false, isEnabled: true)])
      #expect(PatternForm(compact: form.compact) == form)
      for _ in 0..<40 {
        let letters: [Character] = ["a", "b", "A", "1", "0", "3", "@", ".", "k", "\u{212A}", "é", "É"]
        var alias = String(
          (0..<Int.random(in: 0...6, using: &generator)).map { _ in letters.randomElement(using: &generator)!
          })
        if Bool.random(using: &generator) {
          alias += ["@a.b", "@x.b", "@b", "@.b"].randomElement(using: &generator)!
        }
        let expected = automaton.accepts(alias)
        #expect(pattern.matches(alias) == expected, "\(form) on \(alias)")
        guard expected else { continue }
        matched += 1
        var found = false
        var text = alias
        text.withUTF8 { bytes in
          index.visitCandidates(parsed: bytes, full: bytes) { _ in
            found = true
            return true
          }
        }
        #expect(found, "\(form) is not found for \(alias)")
      }
    }
    #expect(matched > 1_000)
  }

  @Test(
    "a rule keeps a form in one text",
    arguments: [
      PatternForm(),
      PatternForm(texts: ["", "1:2,3", "R0-;é", "\u{0}\n"], domains: ["*.corp.example"]),
      PatternForm(file: "", prefixes: ["+"], digits: 0...Int.max),
      PatternForm(file: "lists/vip.txt", suffixes: ["#"], digits: 250...250, isDomainRequired: false),
      PatternForm(ranges: [PatternForm.NumberRange("0100-0199")!, PatternForm.NumberRange("1-1")!]),
    ])
  func aRuleKeepsAFormInOneText(_ form: PatternForm) {
    #expect(PatternForm(compact: form.compact) == form)
    var rule = CallRoutingRule(
      name: "", priority: 1, pattern: "old", gateway: GatewayConfiguration(name: "", remoteAlias: ""))
    rule.form = form
    #expect(rule.form == form && rule.pattern == form.description)
    rule.form = nil
    #expect(rule.form == nil && rule.pattern == form.description)
    rule.pattern = "new"
    #expect(rule.form == nil && rule.pattern == "new")
  }

  @Test("a rule takes no more room than promised")
  func aRuleIsSmall() {
    #expect(MemoryLayout<CallRoutingRule>.stride <= 80)
    #expect(MemoryLayout<CompiledRule>.stride <= 24)
  }
}
