import CallModel
import PolicyEngine
import Testing

@testable import PolicyTools

/// What `tandem check` proves about rules, one finding at a time.
@Suite struct PolicyAnalysisTests {
  static func findings(_ yaml: String) -> [PolicyDiagnostic] {
    let check = PolicyCheck(
      directory: "policies", outcome: PolicyLoader.load(text: yaml, name: "p.yaml"))
    #expect(check.outcome.errors.isEmpty, "\(check.outcome.errors)")
    return check.outcome.diagnostics
  }

  static func codes(_ yaml: String) -> [String] {
    findings(yaml).filter { $0.code != "not-served-yet" }.map { "\($0.line):\($0.code)" }
  }

  // MARK: Unreachable

  @Test(arguments: [
    // A wider pattern before, however it is written.
    ("{ name: a, priority: 1, match: '9\\d*', T }\n{ name: b, priority: 2, match: '9[0-9]{4}', T }", 2),
    // Two that together cover it.
    (
      "{ name: a, priority: 1, match: '9[0-4]\\d*', T }\n{ name: b, priority: 2, match: '9[5-9].*', T }\n"
        + "{ name: c, priority: 3, match: '9\\d{3}', T }", 3
    ),
    // Together over protocols.
    (
      "{ name: a, priority: 1, match: '.*', from: { protocols: [sip] }, T }\n"
        + "{ name: b, priority: 2, match: '.*', from: { protocols: [h323, mssip, webrtc] }, T }\n"
        + "{ name: c, priority: 3, match: 'x', T }", 3
    ),
    // Together over registration.
    (
      "{ name: a, priority: 1, match: 'x+', from: { registered: true }, T }\n{ name: b, priority: 2, match: 'x*', T }\n"
        + "{ name: c, priority: 3, match: 'xx?', T }", 3
    ),
    // A rule for everything, against a full alias.
    (
      "{ name: a, priority: 1, match: '.*', T }\n{ name: b, priority: 2, match_full: true, match: 'sip:9.*', T }",
      2
    ),
    // The same pattern that cannot be analysed.
    ("{ name: a, priority: 1, match: '(?!9)\\d+', T }\n{ name: b, priority: 2, match: '(?!9)\\d+', T }", 2),
    ("{ name: a, priority: 1, match: '(?s).*', T }\n{ name: b, priority: 2, match: '(?!9)\\d+', T }", 2),
    // Parts and patterns.
    (
      "{ name: a, priority: 1, match: { range: 1000-2999 }, T }\n{ name: b, priority: 2, match: '1[5-9]\\d\\d|2999', T }",
      2
    ),
    (
      "{ name: a, priority: 1, match: '\\+?[0-9]*', T }\n{ name: b, priority: 2, match: { prefix: ['+', '0'], digits: 3+ }, T }",
      2
    ),
    // The same conditions, or none.
    (
      "{ name: a, priority: 1, match: '.*', from: { tags: [x] }, T }\n{ name: b, priority: 2, match: '9', from: { tags: [x] }, T }",
      2
    ),
    (
      "{ name: a, priority: 1, match: '.*', T }\n{ name: b, priority: 2, match: '9', from: { caller: 'x' }, T }",
      2
    ),
    (
      "{ name: a, priority: 1, match: 'KELVIN', T }\n{ name: b, priority: 2, match: \"\u{212A}elvin\", T }", 2
    ),
  ])
  func aRuleBehindWiderOnesIsUnreachable(_ rules: String, _ line: Int) throws {
    let found = Self.findings(Self.yaml(rules)).filter { $0.code == "rule-unreachable" }
    #expect(found.map(\.line) == [line + 2], "\(found)")
  }

  @Test(arguments: [
    "{ name: a, priority: 1, match: '9\\d*', T }\n{ name: b, priority: 2, match: '9\\d*#?', T }",
    "{ name: a, priority: 1, match: '.*', from: { registered: true }, T }\n{ name: b, priority: 2, match: 'x', T }",
    "{ name: a, priority: 1, match: '.+', T }\n{ name: b, priority: 2, match: '.*', T }",
    "{ name: a, priority: 1, match: '.*', enabled: false, T }\n{ name: b, priority: 2, match: 'x', T }",
    "{ name: a, priority: 1, match: '.*', direction: [outgoing], T }\n{ name: b, priority: 2, match: 'x', T }",
    "{ name: a, priority: 1, match: '.*', from: { location: east }, T }\n{ name: b, priority: 2, match: 'x', T }",
    "{ name: a, priority: 1, match: '9.*', T }\n{ name: b, priority: 2, match_full: true, match: 'sip:9.*', T }",
    "{ name: a, priority: 1, match: '.*', from: { tags: [x] }, T }\n{ name: b, priority: 2, match: 'x', T }",
    "{ name: a, priority: 1, match: '(?=9)\\d+', T }\n{ name: b, priority: 2, match: '9\\d+', T }",
  ])
  func aRuleThatSomeCallReachesIsNot(_ rules: String) {
    let found = Self.findings(Self.yaml(rules)).filter { $0.code == "rule-unreachable" }
    #expect(found.isEmpty, "\(found)")
  }

  static func yaml(_ rules: String) -> String {
    "locations: [{ name: east }]\nrules:\n"
      + rules.split(separator: "\n").map {
        "  - " + $0.replacing("T }", with: "to: { target: registered_device } }")
      }
      .joined(separator: "\n").replacing("rules:\n", with: "rules:\n") + "\n"
  }

  @Test func servicesHideRulesToo() {
    let found = Self.findings(
      """
      services: [{ name: room, type: test_call, aliases: [meet.alice, MEET.BOB] }]
      rules:
        - { name: a, priority: 1, match: 'meet\\.(alice|bob)', to: { target: registered_device } }
        - { name: b, priority: 2, match: 'meet\\.(alice|carol)', to: { target: registered_device } }
      """)
    #expect(found.map { "\($0.line):\($0.code)" } == ["3:rule-unreachable"])
    #expect(found.first?.message.contains("service “room” takes every alias") == true)
    #expect(found.first?.witness == "meet.alice")
  }

  @Test func theMessageNamesWhoTakesTheCalls() throws {
    let found = try #require(
      Self.findings(
        Self.yaml(
          "{ name: a, priority: 1, match: '9\\d*', T }\n{ name: b, priority: 2, match: '9[0-9]{4}', T }")
      ).first { $0.code == "rule-unreachable" })
    #expect(
      found.message
        == "rule “b” is never reached: rule “a” takes every alias it matches, for example “\(found.witness ?? "")”"
    )
    #expect(found.column > 1)
    #expect(found.related.map(\.line) == [3])
  }

  // MARK: Overlaps

  @Test(arguments: [
    ("9.*", ".*0", "90"), ("(?:sip:)?1\\d*", "\\d{4}", "1234"), ("a@x\\.org", ".*@x.org", "a@x.org"),
  ])
  func equalPrioritiesThatMeetAreFound(_ first: String, _ second: String, _ witness: String) throws {
    let found = Self.findings(
      Self.yaml(
        "{ name: a, priority: 5, match: '\(first)', T }\n{ name: b, priority: 5, match: '\(second)', T }")
    ).filter { $0.code == "equal-priority" }
    #expect(found.map(\.line) == [4])
    #expect(found.first?.witness == witness)
  }

  @Test(arguments: [
    ("9\\d*", "8\\d*"), ("\\d+", "[a-z]+"), ("(?:\\d\\d)+", "\\d(?:\\d\\d)*"), ("a@x", "a@y"),
  ])
  func equalPrioritiesThatNeverMeetAreNot(_ first: String, _ second: String) {
    #expect(
      Self.codes(
        Self.yaml(
          "{ name: a, priority: 5, match: '\(first)', T }\n{ name: b, priority: 5, match: '\(second)', T }")
      ).isEmpty)
  }

  @Test(arguments: [
    ("capability: [audio]", "capability: [video]", false), ("capability: [audio]", "tags: [x]", true),
    ("caller: 'a.*'", "caller: 'b.*'", false), ("caller: 'a.*'", "caller: '.*b'", true),
    ("tags: [x]", "tags: [y]", true),
  ])
  func conditionsThatNeverHoldTogetherKeepRulesApart(_ first: String, _ second: String, _ meet: Bool) {
    let found = Self.codes(
      Self.yaml(
        "{ name: a, priority: 5, match: '9.*', from: { \(first) }, T }\n"
          + "{ name: b, priority: 5, match: '.*9', from: { \(second) }, T }"))
    #expect(found == (meet ? ["4:equal-priority"] : []))
  }

  // MARK: Targets, routes, cost

  static let network = """
    globals: { domain: corp.example, sip: { listeners: [{ transport: tcp, address: "192.0.2.10:5060" }] } }
    trunks:
      - { name: carrier, host: 198.51.100.1 }
      - { name: myself, host: 192.0.2.10, port: 5060 }
    devices: [{ alias: alice@corp.example, username: a, password: { env: X, default: x } }]

    """

  static func network(_ rules: String) -> [String] {
    findings(network + "rules:\n" + rules).filter {
      !["inline-secret", "secret-unavailable", "not-served-yet"].contains($0.code)
    }
    .map { "\($0.code) \($0.witness ?? "-")" }
  }

  @Test(
    arguments: [
      ("match: '101', replace: alice@corp.example, to: { target: registered_device }", []),
      ("match: '101', replace: ALICE@corp.example, to: { target: registered_device }", []),
      (
        "match: '101', replace: alcie@corp.example, to: { target: registered_device }",
        ["target-cannot-exist 101"]
      ),
      (
        "match: '(.+)@other\\.example', to: { target: registered_device }",
        ["target-cannot-exist alice@other.example"]
      ),
      ("match: '(.+)@corp\\.example', to: { target: registered_device }", []),
      ("match: '[a-z]+', to: {}", ["target-cannot-exist alice"]),
      ("match: '[a-z]+', to: { trunks: [carrier] }", []),
      ("match: '([a-z]+)', replace: '\\1@bad..example', to: {}", ["target-cannot-exist alice"]),
      ("match: '([a-z]+)', replace: '\\1@good.example', to: {}", []),
      ("match: 'x(y)?', replace: '\\1', to: { trunks: [carrier] }", []),
      ("match: 'x()', replace: '\\1', to: { trunks: [carrier] }", ["target-cannot-exist x"]),
      (
        "match: '[a-z]+', to: { target: mssip_conference_id, protocol: mssip }", ["target-cannot-exist alice"]
      ),
      // Open routes.
      ("match: '9(\\d+)', replace: '\\1', to: { trunks: [carrier] }", ["open-route 95551234"]),
      ("match: '9(\\d+)', replace: '\\1', from: { registered: true }, to: { trunks: [carrier] }", []),
      ("match: '9(\\d+)', replace: 'alice@corp.example', to: { trunks: [carrier] }", []),
      ("match: '[a-z]+|7{5}', to: { trunks: [carrier] }", ["open-route 77777"]),
      ("match: '\\d\\d', to: { trunks: [carrier] }", []),
      ("match: '(?!911)\\d{7}', to: { trunks: [carrier] }", ["pattern-opaque -", "open-route 5551234"]),
      ("match: '[a-z]+@corp\\.example', to: { target: registered_device }", []),
      // Cost.
      ("match: '([a-z]+\\.?)+@corp\\.example', to: { target: registered_device }", ["costly-pattern"]),
      // Without an x PCRE2 sees at once that nothing matches; with one, everything does.
      ("match: '(.*)*x(.*)*', to: { target: registered_device }", []),
      ("match: '[a-z]+(\\.[a-z]+)*@corp\\.example', to: { target: registered_device }", []),
      ("match: 'a^b', to: { target: registered_device }", ["rule-never-matches -"]),
      // The same said in parts.
      (
        "match: { prefix: '9', digits: 4-15 }, replace: '\\1', to: { trunks: [carrier] }",
        ["open-route 95551234"]
      ),
      ("match: { exact: [alice, bob] }, replace: '\\1@corp.example', to: { target: registered_device }", []),
      (
        "match: { exact: bob }, replace: '\\1@corp.example', to: { target: registered_device }",
        ["target-cannot-exist bob"]
      ),
      ("match: { range: 100-199 }, replace: 'alice@corp.example', to: { target: registered_device }", []),
      ("match: { domain: corp.example }, to: {}", ["routing-loop alice@corp.example"]),
      // Loops.
      ("match: '(.+)@corp\\.example', to: {}", ["routing-loop alice@corp.example"]),
      ("match: '(.+)@other\\.example', to: {}", []),
      ("match: '([a-z]+)(@.*)?', replace: '\\1@CORP.example', to: {}", ["routing-loop alice@CORP.example"]),
      ("match: '([a-z]+)', replace: '\\1@corp.example', to: {}", []),
      ("match: '[a-z]+(@.*)?', to: { trunks: [myself] }", ["routing-loop alice@example.com"]),
      ("match: 'x*([a-z]+@corp\\.example)', replace: 'x\\1', to: {}", ["routing-loop"]),
    ] as [(String, [String])])
  func oneRuleAtATime(_ rule: String, _ expected: [String]) {
    let found = Self.network("  - { name: r, priority: 1, \(rule) }\n")
    #expect(found.count == expected.count, "\(found)")
    for (code, wanted) in zip(found, expected) { #expect(code.hasPrefix(wanted), "\(found)") }
  }

  @Test func loopsGoThroughSeveralRules() throws {
    let found = Self.findings(
      Self.network + """
        rules:
          - { name: out, priority: 1, match: 'a\\.(.+)@corp\\.example', replace: 'b.\\1@corp.example', to: {} }
          - { name: back, priority: 2, match: 'b\\.(.+)@corp\\.example', replace: 'a.\\1@corp.example', to: {} }
        """
    ).filter { $0.code == "routing-loop" }
    #expect(found.count == 1)
    #expect(found.first?.message.contains("then rule “back” takes “b.") == true)
    #expect(found.first?.related.count == 1)
  }

  @Test func anEarlierRuleClosesAnOpenRoute() {
    let inside =
      "  - { name: inside, priority: 1, match: '\\+?\\d+.*', FROM to: { target: registered_device } }\n"
    let out = "  - { name: r, priority: 2, match: '[+\\da-z]+', to: { trunks: [carrier] } }\n"
    let closed = Self.network(inside.replacing("FROM", with: "") + out)
    #expect(!closed.contains { $0.hasPrefix("open-route") }, "\(closed)")
    // Not for the callers it does not look at.
    let open = Self.network(inside.replacing("FROM", with: "from: { registered: true },") + out)
    #expect(open.contains("open-route 5551234"), "\(open)")
  }

  /// A limit for all callers together is a bound; a refused number is not reached; each caller's own share bounds nothing.
  @Test(
    arguments: [
      ("concurrent_calls: 3", "", "open-route-limited 95551234"),
      ("call_minutes: 60 per 1d", "", "open-route-limited 95551234"),
      ("calls_per_second: 1", "", "open-route 95551234"),
      ("per_caller: { calls: 3 per 1h }", "", "open-route 95551234"),
      ("", "{ name: all, prefix: '5', limits: { calls: 3 per 1h } }", "open-route-limited 95551234"),
      ("", "{ name: all, limits: { maximum_duration: 1h } }", "open-route 95551234"),
      ("", "{ name: all, refuse: true }", nil),
      ("", "{ name: five, prefix: '5', refuse: true }", "open-route 91234"),
      (
        "", "{ name: most, prefix: ['0', '1', '2', '3', '4', '5', '6', '7'], refuse: true }",
        "open-route 985551234"
      ),
      (
        "", "{ name: most, refuse: true }, { name: help, prefix: '116', limits: { concurrent_calls: 2 } }",
        "open-route-limited 9116"
      ),
    ] as [(String, String, String?)])
  func limitsBoundAnOpenRoute(_ limits: String, _ destinations: String, _ expected: String?) {
    let found = Self.findings(
      Self.network + """
        destination_limits: [\(destinations)]
        rules:
          - { name: r, priority: 1, match: '9(\\d+)', replace: '\\1', to: { trunks: [carrier] }, limits: { \(limits) } }
        """
    ).filter { $0.code.hasPrefix("open-route") }
    #expect(found.map { "\($0.code) \($0.witness ?? "-")" } == [expected].compactMap(\.self), "\(found)")
    #expect(found.allSatisfy { ($0.severity == .note) == ($0.code == "open-route-limited") })
    if !limits.isEmpty { #expect(found.first?.message.contains("limits: rule “r”") == true) }
  }

  @Test func costlyAliasesReallyAreRefused() throws {
    let outcome = PolicyLoader.load(
      text: "rules: [{ name: r, priority: 1, match: '(a+)+b', to: { target: registered_device } }]",
      name: "p.yaml")
    let policy = try #require(outcome.snapshot)
    let found = try #require(
      PolicyCheck(directory: "p", outcome: outcome).outcome.diagnostics.first { $0.code == "costly-pattern" })
    let alias = try #require(found.witness)
    #expect(policy.pattern(ofRule: 0, matches: alias) == nil)
    #expect(alias.count < 40)
  }

  @Test func notesNeverFailACheck() {
    let check = PolicyCheck(
      directory: "policies",
      outcome: PolicyLoader.load(
        text: "rules: [{ name: r, priority: 1, match: '(?=9)\\d+', to: { target: registered_device } }]",
        name: "p.yaml"), isStrict: true)
    #expect(check.outcome.diagnostics.map(\.severity) == [.note])
    #expect(check.exitCode == 0)
    #expect(
      check.text.contains("note: rule “r” is not analysed: its pattern uses look-around [pattern-opaque]"))
    #expect(check.json.contains("\"severity\": \"note\""))
  }
}
