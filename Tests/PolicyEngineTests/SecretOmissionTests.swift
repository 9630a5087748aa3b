import CallModel
import Testing

@testable import PolicyEngine

/// What is kept of a policy holds no secret that stands in its files.
@Suite struct SecretOmissionTests {
  static func kept(_ yaml: String, _ secrets: SecretSource = .fixed()) throws
    -> PolicyLoader.Outcome.KeptFiles?
  {
    let outcome = PolicyLoader.load(text: yaml, name: "p.yaml", secrets: secrets)
    _ = try #require(outcome.snapshot, "\(outcome.errors)")
    return outcome.keptFiles
  }

  @Test(arguments: [
    "password: hunter2",
    "password: 'hunter2'",
    "password: \"hunter2\"   # a comment",
    "password: 'it''s hunter2'",
    "password: \"a \\\" hunter2\"",
    "password: hunter2 # a comment",
    "password: { env: NOT_SET, default: hunter2 }",
    "password: { env: NOT_SET, default: 'hunter2, really' }",
    "password: {env: NOT_SET, default: hunter2}",
  ])
  func noStyleOfWritingLeavesASecret(_ password: String) throws {
    let yaml =
      "devices:\n  - alias: ann@example.org\n    username: ann\n    \(password)\n    description: äöü\n"
    let kept = try #require(try Self.kept(yaml))
    let text = String(decoding: kept.files[0].bytes, as: UTF8.self)
    #expect(!text.contains("hunter2"))
    #expect(text.contains("description: äöü"))
    #expect(kept.omittedSecrets == 1)
    // Loaded again, it says what is missing, and where.
    let again = PolicyLoader.load(files: kept.files)
    #expect(again.snapshot == nil)
    #expect(again.errors.map(\.code) == ["secret-omitted"])
    #expect(again.errors.first?.line == 4)
  }

  @Test func aDefaultThatIsNotNeededIsNotMissed() throws {
    let yaml =
      "devices: [{ alias: a@b.example, username: a, password: { env: PASS, default: hunter2 } }]\n"
    let kept = try #require(try Self.kept(yaml))
    let again = PolicyLoader.load(files: kept.files, secrets: .fixed(variables: ["PASS": "x"]))
    #expect(again.snapshot?.policy.devices.first?.password == Secret("x"))
  }

  @Test func aSecretOverSeveralLinesIsNotKept() throws {
    let block = "devices:\n  - alias: a@b.example\n    username: a\n    password: |\n      hunter2\n"
    #expect(try Self.kept(block) == nil)
    let plain = "devices:\n  - alias: a@b.example\n    username: a\n    password: one\n      hunter2\n"
    #expect(try Self.kept(plain) == nil)
    let anchor = "devices:\n  - alias: a@b.example\n    username: a\n    password: &p hunter2\n"
    #expect(try Self.kept(anchor) == nil)
  }

  @Test func referencesAreKeptAsTheyAre() throws {
    let yaml = "devices: [{ alias: a@b.example, username: a, password: { env: PASS } }]\n"
    let kept = try #require(try Self.kept(yaml, .fixed(variables: ["PASS": "x"])))
    #expect(kept.omittedSecrets == 0)
    #expect(kept.files[0].bytes == Array(yaml.utf8))
  }
}

/// Moments for each combination of schedules.
@Suite struct ScheduleCombinationTests {
  static let start = WallClock(iso8601: "2026-01-07T00:00:00Z") ?? WallClock(milliseconds: 0)

  @Test func everyCombinationOfAYearIsMet() {
    let office = Schedule(
      name: "office", timeZone: "Europe/Berlin", periods: [.init(days: ["mon", "tue"], hours: "08:20-17:00")])
    let holidays = Schedule(
      name: "holidays", timeZone: "Europe/Berlin", periods: [.init(dates: "12-24..12-26")])
    let found = ScheduleCombinations([office, holidays], from: Self.start)
    #expect(found.isComplete)
    // In 2026, 24 to 26 December are Thursday to Saturday: both at once come up in no call of the year.
    #expect(Set(found.moments.map(\.inForce)) == [[false, false], [true, false], [false, true]])
    #expect(found.moments.first?.at == Self.start)
  }
}

extension WallClock {
  fileprivate static let known =
    [
      (0, "1970-01-01T00:00:00Z"), (1_767_744_000_000, "2026-01-07T00:00:00Z"),
      (951_782_399_999, "2000-02-28T23:59:59Z"), (-1, "1969-12-31T23:59:59Z"),
    ] as [(Int64, String)]
}

@Suite struct ISO8601TextTests {
  @Test(arguments: WallClock.known) func timesAreWrittenAsTheyAreRead(_ milliseconds: Int64, _ text: String) {
    #expect(WallClock(milliseconds: milliseconds).iso8601 == text)
  }
}
