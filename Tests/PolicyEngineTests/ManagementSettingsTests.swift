import CallModel
import Testing

@testable import PolicyEngine

/// `globals.management`: where the management interface listens, and who may use it.
struct ManagementSettingsTests {
  private func outcome(_ listen: String, _ users: String) -> PolicyLoader.Outcome {
    PolicyLoader.load(
      text: "globals:\n  management:\n    listen: \"\(listen)\"\n    users: \(users)\n", name: "p.yaml")
  }

  @Test func anAddressAndUsers() throws {
    let policy = try #require(
      outcome("[::1]:8080", "[{ name: ann, password: { env: TANDEM_TEST_UNSET, default: x } }]").snapshot)
    let management = try #require(policy.policy.globals.management)
    #expect(management.address.description == "[::1]:8080")
    #expect(management.users == [.init(name: "ann", password: Secret("x"))])
    #expect(
      PolicyLoader.load(text: "globals: { domain: a.b }\n", name: "p").snapshot?.policy.globals.management
        == nil)
  }

  @Test(arguments: [
    ("192.0.2.1:8080", "[{ name: a, password: { env: X, default: x } }]", ["3:13 not-loopback"]),
    ("0.0.0.0:8080", "[{ name: a, password: { env: X, default: x } }]", ["3:13 not-loopback"]),
    ("127.0.0.1:8080", "[]", ["4:12 incomplete-credential"]),
    ("127.0.0.1:8080", "[{ name: \"a:b\", password: { env: X, default: x } }]", ["4:21 invalid-name"]),
    (
      "127.0.0.1:8080",
      "[{ name: a, password: { env: X, default: x } }, { name: a, password: { env: X, default: y } }]",
      ["4:68 duplicate-name"]
    ),
  ]) func whatIsWrongIsSaid(_ listen: String, _ users: String, _ codes: [String]) {
    let errors = outcome(listen, users).errors
    #expect(errors.map { "\($0.line):\($0.column) \($0.code)" } == codes)
  }
}
