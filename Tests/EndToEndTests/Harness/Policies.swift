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

  /// A trunk for each peer, by name, and a rule that sends the alias of that name there.
  ///
  /// - Parameter settings: Of a trunk, by its name: further lines such as `trusted: true`.
  static func trunks(_ peers: KeyValuePairs<String, Sipp>, settings: [String: [String]] = [:]) -> String {
    let trunks = peers.map { name, peer in
      let lines =
        ["- name: \(name)", "  host: \(peer.address)"]
        + ["port: 5060", "probe_interval: never"].map { "  \($0)" }
        + (settings[name] ?? ["transport: udp"]).map { "  \($0)" }
      return lines.map { "  \($0)\n" }.joined()
    }
    let rules = peers.map { name, _ in
      "  - { name: to \(name), priority: 10, match: '\(name)', to: { trunks: [\(name)] } }\n"
    }
    return "trunks:\n\(trunks.joined())rules:\n\(rules.joined())"
  }

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
