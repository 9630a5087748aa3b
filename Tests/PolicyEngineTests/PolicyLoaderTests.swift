import CallModel
import TestSupport
import Testing

@testable import PolicyEngine

@Suite struct PolicyLoaderTests {
  /// A policy with one rule; `%` stands for further lines of it.
  static func rule(_ lines: String) -> String {
    "rules:\n  - name: r\n    priority: 1\n" + lines.split(separator: "\n").map { "    \($0)\n" }.joined()
  }

  /// A schedule “office” with one period.
  static func schedule(_ period: String) -> String {
    "schedules:\n  - name: office\n    time_zone: UTC\n    periods:\n      - \(period)\n"
  }

  struct Row: CustomTestStringConvertible, Sendable {
    var yaml: String
    var code: String
    var place: String
    var help: String?
    var testDescription: String { "\(code) \(yaml.suffix(60))" }

    init(_ yaml: String, _ code: String, _ place: String, _ help: String? = nil) {
      self.yaml = yaml
      self.code = code
      self.place = place
      self.help = help
    }
  }

  /// One mistake each: its code, its line and column, and what helps.
  @Test(arguments: [
    // Keys.
    Row("globls: {}\n", "unknown-key", "1:1", "did you mean “globals”?"),
    Row(rule("match: a\nprotcol: x"), "unknown-key", "5:5", "protocol"),
    Row(rule("match: a\nto: { trunk: x }"), "unknown-key", "5:11", "did you mean “trunks”?"),
    Row("devices:\n  - alias: a\n    password_hash: x\n", "unknown-key", "3:5", "known here"),
    Row("globals:\n  domain: a.example\n  domain: b.example\n", "duplicate-key", "3:3"),
    Row("globals: {}\nx: 1\n", "unknown-key", "2:1"),
    Row("rules:\n  - name: r\n    match: a\n", "missing-key", "2:5"),
    Row("globals:\n  ? [a]\n  : b\n", "complex-key", "2:0"),
    // Types.
    Row("rules: {}\n", "wrong-type", "1:8"),
    Row("rules: [1]\n", "wrong-type", "1:9"),
    Row("- a\n", "wrong-type", "1:1"),
    Row("globals:\n  dial_out: yes\n", "wrong-type", "2:13", "write true"),
    Row("globals:\n  dial_out: \"true\"\n", "wrong-type", "2:13", "without quotes"),
    Row("globals:\n  dial_out:\n", "wrong-type", "2:12", "remove the key"),
    Row("globals:\n  sip: { session_expires: 300 }\n", "wrong-type", "2:27", "say the unit: 300s"),
    Row("globals:\n  media: { ports: 5000 }\n", "wrong-type", "2:19"),
    Row("globals:\n  media: { ports: 5000-4000 }\n", "wrong-type", "2:19"),
    Row("globals:\n  media: { audio_dscp: AF44 }\n", "wrong-type", "2:24"),
    Row("globals:\n  media: { addresses: [10.0.0.300] }\n", "wrong-type", "2:24"),
    Row("globals:\n  domain: exa mple\n", "wrong-type", "2:11"),
    Row("locations: [{ name: a, networks: [10.0.0.0/33] }]\n", "wrong-type", "1:35"),
    Row(rule("match: a\ndirection: incoming"), "wrong-type", "5:16", "[incoming]"),
    Row(rule("match: a\nfrom: { protocols: [spi] }"), "wrong-type", "5:25", "did you mean “sip”?"),
    Row(rule("match: a\nto: { target: registerd_device }"), "wrong-type", "5:19", "registered_device"),
    Row("rules:\n  - { name: r, match: a, priority: \"1\" }\n", "wrong-type", "2:36", "without quotes"),
    // Conditions and schedules.
    Row(rule("match: a\nfrom: { caller: \"(a\" }"), "invalid-pattern", "5:24"),
    Row(rule("match: a\nfrom: { trunks: [x] }"), "unknown-reference", "5:22", "define it under trunks:"),
    Row(rule("match: a\nfrom: { capability: [vidoe] }"), "wrong-type", "5:26", "did you mean “video”?"),
    Row(
      rule("match: a\nwhen: [offce]") + schedule("hours: 08:00-18:00"), "unknown-reference", "5:12", "office"),
    Row(rule("match: a\nunless: office"), "wrong-type", "5:13", "[office]"),
    Row(schedule("hours: 8-18"), "invalid-hours", "5:16"),
    Row(schedule("dates: 2026-02-30"), "invalid-dates", "5:16"),
    Row(schedule("days: [monday]"), "wrong-type", "5:16"),
    Row(
      "schedules:\n  - { name: s, time_zone: Europe/Londn, periods: [{ days: [mon] }] }\n",
      "unknown-time-zone", "2:27",
      "did you mean “Europe/London”?"),
    Row("schedules:\n  - { name: s, time_zone: UTC, periods: [] }\n", "empty-schedule", "2:41"),
    // Ranges.
    Row("rules:\n  - { name: r, match: a, priority: 0 }\n", "out-of-range", "2:36"),
    Row("rules:\n  - { name: r, match: a, priority: 201 }\n", "out-of-range", "2:36"),
    Row(rule("match: a\ncall: { max_bandwidth_in: 127 }"), "out-of-range", "5:31"),
    Row(rule("match: a\ncall: { max_bandwidth_in: 9 Mbps }"), "out-of-range", "5:31"),
    Row(rule("match: a\nto: { ring_timeout: 0s }"), "out-of-range", "5:25"),
    Row("globals:\n  registrar: { minimum_expires: 2h }\n", "out-of-range", "2:33"),
    Row("globals:\n  media: { ports: 5000-5001 }\n", "out-of-range", "2:19"),
    Row("trunks: [{ name: t, host: h, port: 65536 }]\n", "out-of-range", "1:36"),
    Row("globals: { domain: \(String(repeating: "a", count: 64)).example }\n", "wrong-type", "1:20"),
    Row("themes: [{ name: \(String(repeating: "n", count: 251)), directory: d }]\n", "too-long", "1:18"),
    // References and names.
    Row(
      rule("match: a\nto: { trunks: [carier] }") + "trunks: [{ name: carrier, host: h }]\n",
      "unknown-reference", "5:20", "“carrier”"),
    Row(rule("match: a\nfrom: { location: x }"), "unknown-reference", "5:23", "there is none"),
    Row(rule("match: a\ncall: { theme: x }"), "unknown-reference", "5:20"),
    Row(rule("match: a\nto: { h323_gatekeeper: x }"), "unknown-reference", "5:28"),
    Row("locations: [{ name: a, trunk: t }]\n", "unknown-reference", "1:31"),
    Row(
      "globals:\n  sip: { listeners: [{ transport: tcp, address: \"127.0.0.1:1\", location: q }] }\n",
      "unknown-reference", "2:74"),
    Row("locations: [{ name: a }, { name: a }]\n", "duplicate-name", "1:34"),
    Row("devices: [{ alias: a@B.c }, { alias: A@b.c }]\n", "duplicate-alias", "1:38"),
    Row(
      "services:\n  - { name: a, type: test_call, aliases: [x] }\n  - { name: b, type: test_call, aliases: [y, X] }\n",
      "duplicate-alias", "3:46"),
    // Patterns and replacements, at the offending character.
    Row(rule("match: 'a(b'"), "invalid-pattern", "4:16"),
    Row(rule("match: 'it''s[z'"), "invalid-pattern", "4:20"),
    Row(rule("match: a)b"), "invalid-pattern", "4:13"),
    Row(rule("match: \"a\\\\d)\""), "invalid-pattern", "4:17"),
    Row(rule("match: '*97'"), "invalid-pattern", "4:12", "wildcard"),
    Row(rule("match: 'åå('"), "invalid-pattern", "4:16"),
    Row(rule("match: '(a)'\nreplace: 'x\\2'"), "invalid-replacement", "5:16"),
    Row(rule("match: '(a)'\nreplace: '\\g<usr>'"), "invalid-replacement", "5:14"),
    Row(
      rule("match: a\nto: { trunks: [{ trunk: t, called: { match: '(', replace: x } }] }")
        + "trunks: [{ name: t, host: h }]\n", "invalid-pattern", "5:51"),
    // Values beside each other.
    Row(
      rule("match: a\nto: { target: gms_conference, protocol: gms }\ncall: { live_captions: 'no' }"),
      "missing-setting", "5:9"),
    Row("devices: [{ alias: a, username: u }]\n", "incomplete-credential", "1:11"),
    Row(
      "globals:\n  sip: { listeners: [{ transport: tls, address: \"127.0.0.1:1\" }] }\n",
      "missing-certificate", "2:22"),
    Row(
      "globals:\n  sip:\n    listeners:\n      - { transport: tcp, address: \"127.0.0.1:1\" }\n      - { transport: tcp, address: \"127.0.0.1:1\" }\n",
      "duplicate-listener", "5:9"),
    // Secrets.
    Row("devices: [{ alias: a, username: u, password: { env: NO_SUCH } }]\n", "secret-unavailable", "1:46"),
    Row("devices: [{ alias: a, username: u, password: { file: gone } }]\n", "secret-unavailable", "1:46"),
    Row("devices: [{ alias: a, username: u, password: { evn: X } }]\n", "unknown-key", "1:48", "env"),
    Row("devices: [{ alias: a, username: u, password: { env: X, file: y } }]\n", "wrong-value", "1:46"),
    // YAML.
    Row("rules:\n\t- name: x\n", "tab", "2:1"),
    Row("globals: [\n", "yaml", "2:1"),
    Row("globals: {}\n---\nglobals: {}\n", "yaml", "2:1"),
    Row("globals: *nothing\n", "yaml", "1:10"),
    Row("rules:\n  - { name: \"\\d\" }\n", "yaml", "2:14", "single quotes"),
  ])
  func findsEachMistake(_ row: Row) throws {
    let outcome = PolicyLoader.load(text: row.yaml, name: "p.yaml")
    #expect(outcome.snapshot == nil)
    let found = outcome.errors.first { $0.code == row.code }
    let error = try #require(found, "\(outcome.diagnostics)")
    #expect("\(error.line):\(error.column)" == row.place, "\(error.excerpt)")
    #expect(error.file == "p.yaml")
    if let help = row.help { #expect(error.suggestion?.contains(help) == true, "\(error.excerpt)") }
    #expect(outcome.errors.count == 1, "\(outcome.errors)")
  }

  @Test func reportsEverythingAtOnce() {
    let a = PolicyLoader.File(
      name: "a.yaml",
      text: """
        globals:
          domain: x.example
          dial_out: maybe
        trunks:
          - { name: t, hsot: h }
        rules:
          - { name: one, priority: 300, match: '(' }
          - { name: two, priority: 2, match: 'a', to: { trunks: [u] } }
        """)
    let b = PolicyLoader.File(
      name: "b.yaml", text: "globals: { domain: y.example }\nrules: [{ name: two, priority: 3, match: b }]\n")
    let outcome = PolicyLoader.load(files: [a, b])
    #expect(
      outcome.errors.map { "\($0.file):\($0.line) \($0.code)" } == [
        "a.yaml:3 wrong-type", "a.yaml:5 missing-key", "a.yaml:5 unknown-key", "a.yaml:7 out-of-range",
        "a.yaml:7 invalid-pattern", "a.yaml:8 unknown-reference", "b.yaml:1 duplicate-key",
        "b.yaml:2 duplicate-name",
      ])
    #expect(
      outcome.errors.last?.related == [
        .init(file: "a.yaml", line: 8, column: 13, message: "first defined here")
      ])
  }

  @Test func rendersTheSourceWithACaret() {
    let outcome = PolicyLoader.load(
      text: "rules:\n  - name: x\n    priorty: 3\n    priority: 1\n    match: a\n", name: "p.yaml")
    #expect(
      outcome.errors.first?.excerpt == """
        p.yaml:3:5: error: unknown key “priorty” in rules[] [unknown-key]
          3 |     priorty: 3
            |     ^
          help: did you mean “priority”?
        """)
  }

  @Test(arguments: [
    Row(rule("match: '9.*'"), "open-route", ""),
    Row(rule("match: '(\\d+)@pstn'\nenabled: false"), "rule-disabled", ""),
    Row(rule("match: 'a'\ndirection: []"), "rule-never-matches", ""),
    Row(
      rule("match: 'x'\nto: { target: registered_device }") + "  - { name: s, priority: 2, match: x }\n",
      "rule-unreachable", ""),
    Row(
      rule("match: '.*'\nto: { target: registered_device }") + "  - { name: s, priority: 2, match: x }\n",
      "rule-unreachable", ""),
    Row(rule("match: 'x.*'") + "  - { name: s, priority: 1, match: 'xy.*' }\n", "equal-priority", ""),
    Row(
      "services: [{ name: s, type: test_call, aliases: [a] }]\ndevices: [{ alias: A }]\n",
      "service-hides-device", ""),
    Row("devices: [{ alias: a, username: u, password: p }]\n", "inline-secret", ""),
    Row(
      "globals: { sip: { listeners: [{ transport: tcp, address: '127.0.0.1:1' }] } }\ndevices: [{ alias: a, username: u, password: p }]\n",
      "inline-secret", ""),
    Row(
      "globals: { sip: { listeners: [{ transport: tcp, address: '192.0.2.1:1' }] } }\ndevices: [{ alias: a, username: u, password: { env: NONE, default: p } }]\n",
      "inline-secret", ""),
    Row(
      "globals: { sip: { listeners: [{ transport: udp, address: '127.0.0.1:1' }] } }\n", "listener-not-used",
      ""),
    Row(
      rule("match: a\nto: { target: registered_device, trunks: [t] }") + "trunks: [{ name: t, host: h }]\n",
      "setting-ignored", ""),
    Row(
      "globals: { protocols: { h323: false } }\n" + rule("match: a\nto: { protocol: h323 }"),
      "protocol-disabled", ""),
    Row("globals: { dial_out: false }\n" + rule("match: a"), "dial-out-disabled", ""),
    Row(rule("match: a\nto: { target: mssip_server, protocol: mssip }"), "incomplete-match", ""),
  ])
  func warns(_ row: Row) {
    let outcome = PolicyLoader.load(text: row.yaml)
    #expect(outcome.snapshot != nil, "\(outcome.errors)")
    // What is not served yet is said of some of them too.
    let codes = outcome.warnings.map(\.code).filter { $0 != "not-served-yet" }
    #expect(codes == [row.code], "\(outcome.warnings)")
  }

  @Test(arguments: [
    rule("match: '9.*'\nfrom: { registered: true }"), rule("match: '[a-z]+@x'"),
    rule("match: '9.*'\nto: { target: registered_device }"),
    "globals: { sip: { listeners: [{ transport: tcp, address: '127.0.0.1:1' }] } }\ndevices: [{ alias: a, username: u, password: { env: NONE, default: p } }]\n",
    rule("match: 'x.*'") + "  - { name: s, priority: 1, match: 'y.*' }\n",
    "x-anything: [{ a: 1 }]\n", "", "# nothing\n", "rules:\ndevices:\n",
  ])
  func findsNothingWrong(_ yaml: String) {
    let outcome = PolicyLoader.load(text: yaml)
    #expect(outcome.snapshot != nil)
    #expect(outcome.diagnostics.isEmpty, "\(outcome.diagnostics)")
  }

  @Test func anchorsAliasesAndMergeKeys() throws {
    let outcome = PolicyLoader.load(
      text: """
        x-phones: &phones
          to: &device { target: registered_device }
          priority: 7
        rules:
          - { <<: *phones, name: a, match: a }
          - { <<: [*phones, { tag: merged }], name: b, match: b, priority: 8 }
          - { name: c, match: c, priority: 9, to: *device }
        """)
    let rules = try #require(outcome.snapshot, "\(outcome.diagnostics)").policy.rules
    #expect(rules.map(\.priority) == [7, 8, 9])
    #expect(rules.map(\.gateway.target) == [.registration, .registration, .registration])
    #expect(rules[1].gateway.tag == "merged")
  }

  @Test func billionLaughsAreRefusedQuickly() {
    var yaml = "x-0: &a0 { trunk: t }\n"
    yaml += "x-1: &a1 [\(Array(repeating: "*a0", count: 2_000).joined(separator: ", "))]\n"
    yaml += "rules:\n"
    for i in 0..<100 { yaml += "  - { name: r\(i), priority: 1, match: a\(i), to: { trunks: *a1 } }\n" }
    #expect(PolicyLoader.load(text: yaml).errors.contains { $0.code == "too-large" })
    var keys = "x-0: &a0 [l]\n"
    for i in 1...40 { keys += "x-\(i): &a\(i) [*a\(i - 1), *a\(i - 1)]\n" }
    #expect(PolicyLoader.load(text: keys).snapshot != nil)
    #expect(PolicyLoader.load(text: keys + "x-k: { *a40 : 1 }\n").errors.map(\.code) == ["complex-key"])
    #expect(PolicyLoader.load(text: keys + "rules: *a40\n").snapshot == nil)
    var merges = "x-0: &a0 { tag: l }\n"
    for i in 1...40 { merges += "x-\(i): &a\(i) { <<: [*a\(i - 1), *a\(i - 1)] }\n" }
    #expect(PolicyLoader.load(text: merges + "rules: [*a40]\n").snapshot == nil)
  }

  @Test func deepNestingIsRefused() {
    let deep = String(repeating: "[", count: 100_000)
    #expect(PolicyLoader.load(text: "x: \(deep)").errors.map(\.code) == ["too-deep"])
    let block = (0..<1_200).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
    #expect(PolicyLoader.load(text: block).errors.map(\.code) == ["too-deep"])
  }

  @Test func encodings() {
    let text = "globals: { domain: x.example }\n"
    func codes(_ bytes: [UInt8]) -> [String] {
      PolicyLoader.load(files: [.init(name: "p.yaml", bytes: bytes)]).errors.map(\.code)
    }
    #expect(codes([0xef, 0xbb, 0xbf] + Array(text.utf8)) == [])
    #expect(codes([0xff, 0xfe] + Array(text.utf8)) == ["encoding"])
    #expect(codes(Array(text.utf8) + [0]) == ["encoding"])
    let bad = PolicyLoader.load(files: [.init(name: "p.yaml", bytes: Array("a: b\nc: ".utf8) + [0xff, 0x0a])])
    #expect(bad.errors.map { "\($0.code) \($0.line):\($0.column)" } == ["encoding 2:4"])
    #expect(codes(Array("globals: { domain: x.example }\r\n".utf8)) == [])
  }

  @Test func secretsComeByReference() throws {
    let yaml = """
      devices:
        - { alias: a, username: u, password: { env: PW } }
        - { alias: b, username: u, password: { file: pw } }
        - { alias: c, username: u, password: { env: NONE, default: fallback } }
      globals: { sip: { listeners: [{ transport: tcp, address: "127.0.0.1:1" }] } }
      """
    let secrets = SecretSource.fixed(variables: ["PW": "one"], files: ["dir/pw": "two"])
    let outcome = PolicyLoader.load(files: [.init(name: "p", text: yaml)], directory: "dir", secrets: secrets)
    let devices = try #require(outcome.snapshot, "\(outcome.diagnostics)").policy.devices
    #expect(devices.map { $0.password.reveal() } == ["one", "two", "fallback"])
    #expect(outcome.diagnostics.isEmpty)
    let missing = PolicyLoader.load(text: yaml, secrets: .fixed(areRequired: false))
    #expect(missing.snapshot != nil)
    #expect(missing.warnings.map(\.code) == ["secret-unavailable", "secret-unavailable"])
  }

  @Test func secretsAreInNoMessage() {
    let yaml = "devices: [{ alias: a, username: u, password: hunter2-inline }]\nrules: 3\n"
    let outcome = PolicyLoader.load(text: yaml)
    for diagnostic in outcome.diagnostics where diagnostic.code == "inline-secret" {
      #expect(!diagnostic.description.contains("hunter2"))
      #expect(!diagnostic.excerpt.contains("hunter2"))
    }
    #expect(outcome.warnings.map(\.code) == ["inline-secret"])
    let broken = PolicyLoader.load(
      text: "devices: [{ alias: a, nme: x, password: { evn: x, default: hunter2 } }, { password: hunter2 }]\n"
    )
    #expect(broken.errors.count == 4)
    for diagnostic in broken.diagnostics { #expect(!diagnostic.excerpt.contains("hunter2")) }
  }

  @Test func aFileThatCannotBeReadCausesNoOtherErrors() {
    let outcome = PolicyLoader.load(files: [
      .init(name: "trunks.yaml", text: "trunks: [{ name: t, host: h }\n"),
      .init(name: "rules.yaml", text: PolicyLoaderTests.rule("match: '('\nto: { trunks: [t] }")),
    ])
    #expect(outcome.errors.map(\.code) == ["yaml", "invalid-pattern"])
  }

  @Test func theVersionIsThatOfTheContent() throws {
    func version(_ files: (String, String)...) -> PolicyVersion? {
      PolicyLoader.load(files: files.map { .init(name: $0.0, text: $0.1) }).snapshot?.version
    }
    let one = try #require(version(("d/a.yaml", "globals: {}\n"), ("d/b.yaml", "")))
    #expect(version(("e/b.yaml", ""), ("e/a.yaml", "globals: {}\n")) == one)
    #expect(version(("d/a.yaml", "globals: {} \n"), ("d/b.yaml", "")) != one)
    #expect(version(("d/a.yaml", "globals: {}\n")) != one)
    #expect(one.description.utf8.count == 12)
  }

  @Test func hostileTextDoesNotTrap() {
    let pieces = [
      "rules:", "\n  - ", "name: ", "match: ", "'(", "{", "}", "[", "]", "*a", "&a ", "<<: ", "? ", ": ",
      ", ", "\t", "\n",
      "\"\\", "|", ">-", "!!binary ", "%YAML 9", "---", "...", "é", "globals: ", "sip", "null", "~", "#", "'",
      "to: ", "\u{0}",
    ]
    var g = SplitMix(seed: 99)
    for _ in 0..<1_500 {
      let text = (0..<Int.random(in: 0...14, using: &g)).map { _ in pieces.randomElement(using: &g)! }
        .joined()
      _ = PolicyLoader.load(text: text).diagnostics.map(\.excerpt)
    }
  }
}
