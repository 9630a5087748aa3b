import CallModel
import Foundation
import PolicyEngine
import Testing

@testable import PolicyActivation

@Suite struct PolicyHistoryTests {
  let scratch: Scratch
  let at = WallClock(milliseconds: 1_767_744_000_000)

  init() throws { scratch = try Scratch() }

  func mode(_ path: String) -> UInt32 {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
  }

  @Test func onlyTheOwnerCanReadWhatIsKept() throws {
    try scratch.write(Scratch.policy("9"))
    let history = try PolicyHistory(state: scratch.state)
    let outcome = PolicyLoader.load(directory: scratch.policies)
    #expect(try history.keep(outcome, directory: scratch.policies, at: at) == nil)
    try history.append(.init(at: at, version: "x", way: .start))
    try history.setActive(.init(version: "x"))
    #expect(mode(history.directory) == 0o700)
    #expect(mode("\(history.directory)/history.jsonl") == 0o600)
    #expect(mode("\(history.directory)/active.json") == 0o600)
    let version = try #require(history.versions.first)
    #expect(mode("\(history.directory)/versions/\(version)") == 0o700)
    #expect(mode("\(history.directory)/versions/\(version)/0-p.yaml") == 0o600)
  }

  @Test func aKeptVersionIsThePolicyWithItsIncludesAndLists() throws {
    try scratch.write("include: [parts/*.yaml]\ntrunks: [{ name: a, host: 192.0.2.1 }]\n")
    try scratch.write(
      "rules: [{ name: vip, priority: 1, match: { file: vip.txt }, to: { trunks: [a] } }]\n",
      to: "policies/parts/rules.yaml")
    try scratch.write("ann@example.org\nbob@example.org\n", to: "policies/vip.txt")
    let history = try PolicyHistory(state: scratch.state)
    let outcome = PolicyLoader.load(directory: scratch.policies)
    let snapshot = try #require(outcome.snapshot, "\(outcome.diagnostics)")
    #expect(try history.keep(outcome, directory: scratch.policies, at: at) == nil)
    // What stands there now is something else.
    try FileManager.default.removeItem(atPath: scratch.policies)
    let again = try history.load(snapshot.version.description).outcome
    #expect(again.snapshot?.version == snapshot.version, "\(again.diagnostics)")
    #expect(again.snapshot?.policy == snapshot.policy)
  }

  @Test func secretsInFilesAreNotKept() throws {
    let yaml = """
      devices:
        - { alias: a@x.example, username: a, password: { env: TANDEM_NOT_SET, default: hunter2 } }

      """
    try scratch.write(yaml)
    let history = try PolicyHistory(state: scratch.state)
    let outcome = PolicyLoader.load(directory: scratch.policies)
    let version = try #require(outcome.snapshot?.version)
    let problem = try history.keep(outcome, directory: scratch.policies, at: at)
    #expect(problem == "1 secrets that stand in its files were not kept with them")
    for file in try history.files(of: version.description) {
      #expect(!String(decoding: file.bytes, as: UTF8.self).contains("hunter2"))
    }
    let missing = try history.load(version.description, secrets: .fixed()).outcome
    #expect(missing.errors.map(\.code) == ["secret-omitted"])
    // With the secret from elsewhere it is the same version again.
    let found = try history.load(
      version.description, secrets: .fixed(variables: ["TANDEM_NOT_SET": "other"])
    ).outcome
    #expect(found.snapshot?.version == version)
  }

  @Test func theOldestVersionsGo() throws {
    let history = try PolicyHistory(state: scratch.state)
    var versions: [String] = []
    for number in 0..<(PolicyHistory.maximumVersions + 3) {
      try scratch.write(Scratch.policy("9\(number)"))
      let outcome = PolicyLoader.load(directory: scratch.policies)
      versions.append(outcome.snapshot?.version.description ?? "")
      if number == 0 { try history.setActive(.init(version: versions[0])) }
      _ = try history.keep(
        outcome, directory: scratch.policies, at: WallClock(milliseconds: Int64(number) * 1_000))
    }
    let kept = history.versions
    #expect(kept.contains(versions[0]))
    #expect(!kept.contains(versions[1]))
    #expect(kept.last == versions.last)
    #expect(kept.count <= PolicyHistory.maximumVersions + 1)
  }

  @Test func entriesSurviveHalfALine() throws {
    let history = try PolicyHistory(state: scratch.state)
    let entry = PolicyHistory.Entry(
      at: at, version: "0123456789ab", way: .activate, by: "ann “x”\n", directory: "/p", note: "why",
      overruled: ["1 of 2 tests fail"])
    try history.append(entry)
    let file = "\(history.directory)/history.jsonl"
    let half = try Data(contentsOf: URL(filePath: file)) + Data("{\"at\":\"2026".utf8)
    try half.write(to: URL(filePath: file))
    #expect(history.entries == [entry])
    #expect(history.text(limit: 5).contains("confirmed although 1 of 2 tests fail"))
  }

  @Test func aDamagedStateIsNoState() throws {
    let history = try PolicyHistory(state: scratch.state)
    try Data("{".utf8).write(to: URL(filePath: "\(history.directory)/active.json"))
    #expect(history.active == nil)
    #expect(throws: (any Error).self) { try history.load("0123456789ab") }
  }
}

@Suite struct ControlRequestTests {
  static func parse(_ text: String) throws -> (request: ControlRequest, isJSON: Bool) {
    try ControlRequest.parse(Array(text.utf8))
  }

  @Test func requestsAreRead() throws {
    let line = ControlRequest.line(
      command: "activate",
      [
        ("directory", .text("/etc/next")), ("max_difference", .number(2.5)), ("replay_since_ms", .integer(7)),
        ("confirm", .flag(true)), ("by", .text("ann")), ("note", .text(nil)),
      ], isJSON: true)
    #expect(line.hasSuffix("\n") && line.filter { $0 == "\n" }.count == 1)
    let (request, isJSON) = try Self.parse(line)
    guard case .activate(let activation) = request else { throw ControlRequest.Invalid(description: "?") }
    #expect(isJSON)
    #expect(activation.directory == "/etc/next" && activation.maximumShare == 2.5)
    #expect(activation.replaySince == WallClock(milliseconds: 7) && activation.isConfirmed)
  }

  @Test(arguments: [
    "", "{", "[]", "{}", "{\"command\": 1}", "{\"command\":\"reboot\"}", "{\"command\":\"activate\"}",
    "{\"command\":\"activate\",\"directory\":\"relative\"}", "{\"command\":\"shadow_start\"}",
    "{\"command\":\"activate\",\"directory\":\"/x\",\"max_difference\":101}",
    "{\"command\":\"activate\",\"directory\":\"/x\",\"max_difference\":-1}",
    "{\"command\":[[[[[[[\"deep\"]]]]]]]}",
  ])
  func whatIsNoRequestIsRefused(_ text: String) {
    #expect(throws: ControlRequest.Invalid.self) { try Self.parse(text) }
  }

  @Test func linesAreBounded() throws {
    var lines = ControlLines(limit: 4)
    #expect(try lines.add(Array("ab".utf8)) == [])
    #expect(try lines.add(Array("cd\nx\ny".utf8)) == [Array("abcd".utf8), Array("x".utf8)])
    #expect(throws: ControlRequest.Invalid.self) {
      var lines = ControlLines(limit: 4)
      _ = try lines.add(Array("abcde".utf8))
    }
  }

  @Test func answersAreReadAsTheyWereWritten() throws {
    let reply = ControlReply(exitCode: 1, output: "a “b”\n\tc\u{1}\n")
    let line = Array(reply.line.utf8.dropLast())
    #expect(!line.contains(0x0a))
    #expect(try ControlReply(parsing: line) == reply)
  }
}
