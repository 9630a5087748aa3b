import Foundation
import PolicyEngine
import PolicyTools
import Testing

@Suite struct PolicyCheckTests {
  static func check(_ yaml: String, isStrict: Bool = false) -> PolicyCheck {
    PolicyCheck(
      directory: "policies", outcome: PolicyLoader.load(text: yaml, name: "p.yaml"), isStrict: isStrict)
  }

  static let good = "rules: [{ name: r, priority: 1, match: a, to: { target: registered_device } }]\n"
  static let warned = "rules: [{ name: r, priority: 1, match: '9.*' }]\n"
  static let broken = "rules: [{ name: r, priority: 1, mach: a }]\n"

  @Test func theExamplePoliciesAreClean() {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let check = PolicyCheck(directory: root.appending(path: "policies").path(), isStrict: true)
    #expect(check.exitCode == 0, "\(check.text)")
  }

  @Test func exitCodes() {
    #expect(Self.check(Self.good).exitCode == 0)
    #expect(Self.check(Self.good, isStrict: true).exitCode == 0)
    #expect(Self.check(Self.warned).exitCode == 0)
    #expect(Self.check(Self.warned, isStrict: true).exitCode == 1)
    #expect(Self.check(Self.broken).exitCode == 1)
    #expect(PolicyCheck(directory: "/nonexistent").exitCode == 1)
  }

  @Test func text() {
    #expect(
      Self.check(Self.good).text.hasSuffix(
        ": 1 rule, 0 services, 0 devices, 0 trunks, 0 locations; 0 errors, 0 warnings\n"))
    #expect(
      Self.check(Self.broken).text == """
        p.yaml:1:9: error: rules[] needs the key “match” [missing-key]
          1 | rules: [{ name: r, priority: 1, mach: a }]
            |         ^
          help: Regular expression that must match the whole alias, without case (`\\d`, `\\w`, `\\s` are ASCII), or a mapping that says the same in parts.

        p.yaml:1:33: error: unknown key “mach” in rules[] [unknown-key]
          1 | rules: [{ name: r, priority: 1, mach: a }]
            |                                 ^
          help: did you mean “match”?

        policies: not usable: 2 errors, 0 warnings

        """)
  }

  @Test func json() throws {
    let data = Data(Self.check(Self.broken).json.utf8)
    let json = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(json["ok"] as? Bool == false)
    #expect(json["errors"] as? Int == 2)
    #expect(json["policy_version"] is NSNull)
    let findings = try #require(json["findings"] as? [[String: Any]])
    #expect(findings.map { $0["code"] as? String } == ["missing-key", "unknown-key"])
    #expect(findings[1]["line"] as? Int == 1)
    #expect(findings[1]["column"] as? Int == 33)
    #expect(findings[1]["suggestion"] as? String == "did you mean “match”?")
  }
}
