import CallModel
import Foundation
import PolicyEngine
import PolicyTools
import Testing

@Suite struct PolicyTestTests {
  static let policy = """
    trunks:
      - { name: carrier, host: 192.0.2.1, limits: { concurrent_calls: 3, per_caller: { calls: 5 per 1h } } }
      - { name: backup, host: 192.0.2.2 }
    destination_limits:
      - { name: at home, prefix: "+44", limits: { maximum_duration: 90m } }
      - { name: premium, prefix: ["+449", "09", "+999"], refuse: true }
    services:
      - { name: echo, type: test_call, aliases: [echo] }
    schedules:
      - { name: office, time_zone: Europe/London, periods: [{ days: [mon, tue, wed, thu, fri], hours: 08:00-18:00 }] }
    rules:
      - name: out
        priority: 1
        from: { registered: true }
        when: [office]
        match: '9(\\d+)'
        replace: '\\1'
        to: { trunks: [{ trunk: carrier, called: { match: '0(\\d+)', replace: '+44\\1' } }, backup] }
        call: { capability: audio }
      - { name: people, priority: 2, match: '[a-z]+', to: { target: registered_device } }
    """

  static func snapshot() throws -> PolicySnapshot {
    try #require(PolicyLoader.load(text: policy, name: "p.yaml").snapshot)
  }

  static func tests(_ yaml: String) -> PolicyTestLoader.Outcome {
    PolicyTestLoader.load(files: [PolicyLoader.File(name: "t.yaml", text: yaml)])
  }

  static func run(_ yaml: String) throws -> PolicyTestRun {
    let loaded = tests(yaml)
    #expect(loaded.diagnostics.isEmpty, "\(loaded.diagnostics)")
    return PolicyTestRun(loaded.tests, of: try snapshot())
  }

  /// A pattern that needs too much work refuses the call, and a test may say that it has to.
  @Test func aRuleThatFailsIsAnOutcomeOfATest() throws {
    let loaded = Self.tests(
      """
      tests:
        - name: too much work
          call: { alias: "\(String(repeating: "a", count: 40))b" }
          expect: { rejection: rule_error, rule: costly }
        - name: little work
          call: aaab
          expect: { rejection: not_found }
      """)
    let policy = try #require(
      PolicyLoader.load(
        text: "rules: [{ name: costly, priority: 1, match: '(a+)+$', to: { target: registered_device } }]"
      )
      .snapshot)
    let run = PolicyTestRun(loaded.tests, of: policy)
    #expect(loaded.diagnostics.isEmpty && run.failedCount == 0 && run.ruleCoverage == 100)
  }

  static let good = """
    tests:
      - name: a number
        call: { alias: "90207", registered: true, from: "sip:ann@example.org" }
        expect:
          decision: gateway
          rule: out
          alias: "0207"
          target: registered_device_or_external
          attempts: [{ trunk: carrier, called: "+44207", calling: ann@example.org }, { trunk: backup, called: "0207" }]
          capability: audio
          encryption: best_effort
      - name: not at night
        call: { alias: "90207", registered: true, at: "2026-01-07T19:00:00Z" }
        expect: { rejection: not_found }
      - name: a person
        call: bob
        expect: { rule: people, target: registered_device }
      - name: the echo
        call: { alias: echo, protocol: webrtc }
        expect: { decision: service, service: echo }
    """

  @Test func whatIsExpectedPasses() throws {
    let run = try Self.run(Self.good)
    #expect(run.failedCount == 0, "\(PolicyTestReport(run: run).text)")
    #expect(run.ruleCoverage == 100 && run.uncoveredServices.isEmpty)
    let report = PolicyTestReport(run: run, minimumCoverage: 100)
    #expect(report.exitCode == 0)
    #expect(
      report.text.hasSuffix(
        """
        4 tests: all pass; rules covered: 2 of 2; services: 1 of 1; destination limits: 1 of 2
          destination limits that no test's number falls under: “premium”

        """))
  }

  @Test(arguments: [
    ("rule: people", "rule: expected “people”, got “out”"),
    ("rule: peple", "the policy has no rule named “peple”; did you mean “people”?"),
    ("service: echo", "service: expected “echo”, got none"),
    ("alias: '207'", "alias: expected “207”, got “0207”"),
    ("target: registered_device", "target: expected “registration”, got “external”"),
    ("attempts: [carrier]", "attempts: expected [carrier], got [carrier, backup]"),
    ("attempts: [backup, carrier]", "attempts: expected [backup, carrier], got [carrier, backup]"),
    (
      "attempts: [{ trunk: carrier, called: '0' }, backup]", "called on “carrier”: expected “0”, got “+44207”"
    ),
    ("attempts: [carrer, backup]", "the policy has no trunk named “carrer”; did you mean “carrier”?"),
    ("capability: video", "capability: expected “video”, got “audio”"),
    ("encryption: 'on'", "encryption: expected “on”, got “besteffort”"),
    ("rejection: policy", "rejection: expected “policy”, got none"),
    ("decision: reject", "decision: expected “reject”, got “gateway”"),
    ("destination: none", "destination: expected none, got “at home”"),
    ("destination: premium", "destination: expected “premium”, got “at home”"),
    ("destination: premum", "the policy has no destination limit named “premum”; did you mean “premium”?"),
    (
      "limits: { trunk: { concurrent_calls: 4 } }",
      "limits.trunk.concurrent_calls: expected 4 calls at once, got 3 calls at once"
    ),
    (
      "limits: { trunk: { concurrent_calls: unlimited } }",
      "limits.trunk.concurrent_calls: expected no limit, got 3 calls at once"
    ),
    (
      "limits: { trunk: { per_caller: { calls: 5 per 2h } } }",
      "limits.trunk.per_caller.calls: expected 5 calls per 2h, got 5 calls per 1h"
    ),
    (
      "limits: { destination: { maximum_duration: 1h } }",
      "limits.destination.maximum_duration: expected 1h each, got 90m each"
    ),
    (
      "limits: { rule: { calls_per_second: 1 } }",
      "limits.rule.calls_per_second: expected 1 calls a second, got no such limit"
    ),
    (
      "limits: { service: { concurrent_calls: 1 } }",
      "limits.service.concurrent_calls: expected 1 call at once, got 10000 calls at once"
    ),
  ])
  func whatDiffersIsSaid(_ expectation: String, _ message: String) throws {
    let run = try Self.run(
      "tests:\n  - name: t\n    call: { alias: '90207', registered: true }\n    expect: { \(expectation) }\n")
    #expect(run.results[0].failures.contains(message), "\(run.results[0].failures)")
    #expect(run.results[0].failures.last == "the call: rule “out” takes it to “0207”")
    #expect(PolicyTestReport(run: run).exitCode == 1)
  }

  @Test func limitsAndTrunksThatAreDownAreCompared() throws {
    let run = try Self.run(
      """
      tests:
        - name: at home
          call: { alias: "90207", registered: true }
          expect:
            rule: out
            destination: at home
            limits:
              service: { concurrent_calls: 10000 }
              trunk: { concurrent_calls: 3, per_caller: { calls: 5 per 1h } }
              destination: { concurrent_calls: unlimited, maximum_duration: 90m }
        - name: nobody's number
          call: { alias: "90207", registered: true, without_trunks: [carrier] }
          expect: { rule: out, attempts: [backup], destination: none, limits: { trunk: { concurrent_calls: unlimited } } }
        - name: nothing is left
          call: { alias: "90207", registered: true, without_trunks: [carrier, backup] }
          expect: { rule: out, attempts: [], decision: gateway }
        - name: refused on every way
          call: { alias: "909123", registered: true }
          expect: { rejection: destination_refused, rule: out, destination: premium, attempts: [], alias: "09123" }
        - name: refused on one way, where the number leaves as another one
          call: { alias: "900999", registered: true }
          expect: { rule: out, destination: at home, attempts: [{ trunk: carrier, called: "+440999" }] }
      """)
    #expect(run.failedCount == 0, "\(PolicyTestReport(run: run).text)")
    #expect(run.destinationCount == 2 && run.uncoveredDestinations.isEmpty)
  }

  /// Each cap and prefix that is taken away or doubled, and what no test looks at.
  @Test func mutationsOfLimitsAreNoticed() throws {
    let tests = Self.tests(
      """
      tests:
        - name: premium
          call: { alias: "909123", registered: true }
          expect: { rejection: destination_refused }
        - name: at home
          call: { alias: "90207", registered: true }
          expect: { limits: { trunk: { concurrent_calls: 3 }, destination: { maximum_duration: 90m } } }
      """
    ).tests
    let mutation = PolicyMutation(tests, of: try Self.snapshot())
    let limits = mutation.survivors.filter { $0.subject != .rule }.map { "\($0.place): \($0.change)" }
    #expect(
      limits == [
        "trunk “carrier”: limits.per_caller.calls is dropped",
        "trunk “carrier”: limits.per_caller.calls is doubled",
        "destination limit “premium”: prefix +999 is dropped",
      ])
  }

  @Test(arguments: [
    ("tests:\n  - { name: t, call: a }\n", "missing-key", 2),
    ("tests:\n  - { name: t, call: a, expect: { rul: x } }\n", "unknown-key", 2),
    ("tests:\n  - { name: t, call: { alias: a, at: noon }, expect: {} }\n", "wrong-value", 2),
    ("tests:\n  - { name: t, call: { alias: a, protocol: smtp }, expect: {} }\n", "wrong-type", 2),
    (
      "tests:\n  - { name: t, call: a, expect: {} }\n  - { name: t, call: b, expect: {} }\n",
      "duplicate-name", 3
    ),
    ("tests:\n  - { name: t, call: a, expect: { rejection: notfound } }\n", "wrong-type", 2),
    ("tests: [\n", "yaml", 2), ("rules: []\n", "unknown-key", 1),
  ])
  func mistakesInTestsAreFound(_ yaml: String, _ code: String, _ line: Int) {
    let found = Self.tests(yaml).diagnostics
    #expect(found.count == 1 && found.first?.line == line, "\(found)")
    #expect(code == "yaml" || found.first?.code == code, "\(found)")
  }

  @Test func aDirectoryWithoutTestsIsSaid() {
    #expect(PolicyTestLoader.load(directory: "/nonexistent/tests").diagnostics.first?.code == "unreadable")
  }

  @Test func mutationsFindWhatNoTestLooksAt() throws {
    let weak = Self.tests("tests:\n  - { name: a person, call: bob, expect: { rule: people } }\n").tests
    let changes = PolicyMutation(weak, of: try Self.snapshot()).survivors.map { "\($0.name): \($0.change)" }
    #expect(changes.contains("out: the rule is taken out"))
    #expect(changes.contains("people: to.target may be external"))
    #expect(!changes.contains("people: the rule is taken out"))

    let strong = PolicyMutation(Self.tests(Self.good).tests, of: try Self.snapshot())
    #expect(strong.isComplete && strong.tried >= 12)
    let rest = strong.survivors.map { "\($0.name): \($0.change)" }
    #expect(!rest.contains("out: when is dropped") && !rest.contains("out: to.trunks[0].called is dropped"))
    // Nothing in these tests dials without being registered.
    #expect(rest.contains("out: from.registered is dropped"))
  }

  @Test func reportsForMachines() throws {
    let run = try Self.run(
      Self.good + "\n  - { name: \"<wrong> & \\\"quoted\\\"\", call: bob, expect: { rule: out } }\n")
    let report = PolicyTestReport(run: run, mutation: nil)
    let json = try #require(try JSONSerialization.jsonObject(with: Data(report.json.utf8)) as? [String: Any])
    #expect(json["failed"] as? Int == 1 && json["ok"] as? Bool == false)
    let xml = try XMLDocumentReader.elements(report.junit)
    #expect(
      xml == [
        "testsuites", "testsuite", "testcase", "testcase", "testcase", "testcase", "testcase", "failure",
      ])
    #expect(report.junit.contains("name=\"&lt;wrong&gt; &amp; &quot;quoted&quot;\""))
  }

  /// What ships as the example is tested in full, and no rule of it can be weakened unnoticed.
  @Test func theExamplePolicyIsTestedInFull() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "policies")
    let outcome = PolicyLoader.load(directory: root.path(), secrets: .system(areRequired: false))
    let snapshot = try #require(outcome.snapshot)
    let loaded = PolicyTestLoader.load(directory: root.appending(path: "tests").path())
    #expect(loaded.diagnostics.isEmpty, "\(loaded.diagnostics)")
    let run = PolicyTestRun(loaded.tests, of: snapshot)
    let report = PolicyTestReport(
      run: run, mutation: PolicyMutation(loaded.tests, of: snapshot), minimumCoverage: 100)
    #expect(report.exitCode == 0 && run.uncoveredServices.isEmpty, "\(report.text)")
    #expect(report.mutation?.survivors.map { "\($0.name): \($0.change)" } == [], "\(report.text)")
  }
}

/// The names of all elements, in order; throws when the text is not well-formed.
private final class XMLDocumentReader {
  struct Malformed: Error {}

  static func elements(_ text: String) throws -> [String] {
    var names: [String] = []
    var open: [Substring] = []
    var rest = text[...]
    while let start = rest.firstIndex(of: "<") {
      guard !rest[..<start].contains(">"), let end = rest[start...].firstIndex(of: ">") else {
        throw Malformed()
      }
      let tag = rest[rest.index(after: start)..<end]
      rest = rest[rest.index(after: end)...]
      if tag.hasPrefix("?") { continue }
      if tag.hasPrefix("/") {
        guard open.popLast() == tag.dropFirst() else { throw Malformed() }
        continue
      }
      let name = tag.prefix { !$0.isWhitespace && $0 != "/" }
      guard tag.count(where: { $0 == "\"" }) % 2 == 0 else { throw Malformed() }
      names.append(String(name))
      if !tag.hasSuffix("/") { open.append(name) }
    }
    guard open.isEmpty else { throw Malformed() }
    return names
  }
}
