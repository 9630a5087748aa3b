/// Policies that several tests share.
enum Policies {
  /// Three people; their passwords are their names and `-secret`.
  static let people = """
    devices:
    \(["alice", "bob", "carol"].map(device).joined(separator: "\n"))
    services:
      - { name: echo, type: test_call, aliases: ["9196", 9196@tandem.test] }
    rules:
      - name: people
        priority: 50
        match: '([a-z]+)(@tandem\\.test)?'
        replace: '\\1@tandem.test'
        to: { target: registered_device }
    """

  private static func device(_ name: String) -> String {
    "  - { alias: \(name)@tandem.test, username: \(name), password: { env: TANDEM_TEST_UNSET, default: \(name)-secret } }"
  }
}

extension Baresip {
  /// A phone that is registered at the server.
  convenience init(
    _ scratch: Scratch, at server: TandemServer, _ user: String, tone: Int = 440,
    _ change: (inout Options) -> Void = { _ in }
  ) async throws {
    try await self.init(scratch) {
      $0.user = user
      $0.tone = tone
      $0.server = server.address
      $0.domain = "tandem.test"
      $0.password = "\(user)-secret"
      change(&$0)
    }
  }
}
