import CallModel
import PolicyEngine
import Testing

/// Policy profiles in YAML.
@Suite struct PolicyProfileTests {
  private func load(_ text: String, secrets: SecretSource = .fixed(variables: ["CRM": "s3cret"]))
    -> PolicyLoader.Outcome
  {
    PolicyLoader.load(text: text, secrets: secrets)
  }

  private func findings(_ text: String, _ severity: PolicyDiagnostic.Severity) -> [String] {
    load(text).diagnostics.filter { $0.severity == severity }.map { "\($0.line):\($0.column) \($0.code)" }
  }

  static let whole = """
    policy_profiles:
      - name: CRM
        description: who is who
        url: https://policy.example.org:8443/tandem/
        username: tandem
        password: {env: CRM}
        max_concurrent: 20
        max_waiting: 50
        verify_certificate: true
        certificate_authority_file: ca.pem
        proxy: {host: proxy.example.org, port: 3128}
        prefer_local_avatars: true
        hooks:
          service:
            deadline: 3s
            fallback: reject
            circuit_breaker: {failures: 4, cool_down: 30s}
          participant: {}
          registration: {circuit_breaker: {}}
      - name: Other
        url: http://127.0.0.1:8080
        hooks: {directory: {}}
    locations:
      - {name: North, policy_profile: CRM}
      - name: South
    globals: {policy_profile: Other}
    """

  @Test func everyKey() throws {
    let outcome = load(Self.whole)
    // Nothing asks for the directory yet, and that is said of its hook.
    #expect(outcome.diagnostics.allSatisfy { $0.code == "hook-not-asked" }, "\(outcome.diagnostics)")
    #expect(outcome.diagnostics.count == 1)
    let snapshot = try #require(outcome.snapshot)
    let profile = try #require(snapshot.policyProfile(location: "North"))
    #expect(profile.url?.description == "https://policy.example.org:8443/tandem")
    #expect(profile.credential == Credential(username: "tandem", password: Secret("s3cret")))
    #expect(
      profile.hooks == [
        .serviceConfiguration: PolicyHook(
          deadline: .seconds(3), fallback: .reject,
          circuitBreaker: .init(failures: 4, coolDown: .seconds(30))),
        .participantProperties: PolicyHook(),
        .registration: PolicyHook(circuitBreaker: .init(failures: 5, coolDown: .seconds(10))),
      ])
    #expect(profile.maximumConcurrent == 20)
    #expect(profile.maximumWaiting == 50)
    #expect(profile.verifiesCertificate)
    #expect(profile.certificateAuthorityFile?.hasSuffix("ca.pem") == true)
    #expect(profile.proxy == .init(host: "proxy.example.org", port: 3128))
    #expect(profile.prefersLocalAvatars)
    // A location without one of its own has the global one.
    #expect(snapshot.policyProfile(location: "South")?.name == "Other")
    #expect(snapshot.policyProfile(location: nil)?.name == "Other")
    let other = try #require(snapshot.policyProfile(location: nil))
    #expect(other.credential == nil)
    #expect(other.maximumConcurrent == 100)
    #expect(other.hooks == [.directory: PolicyHook(deadline: .seconds(5), fallback: .continue)])
  }

  @Test func errors() {
    #expect(
      findings(
        """
        policy_profiles:
          - name: A
            url: https://user:geheim@policy.example.org
            hooks: {service: {deadline: 6s, fallback: maybe, circuit_breaker: {failures: 0}}}
          - name: A
            url: ftp://x
            username: a:b
            hooks: {services: {}}
          - name: C
            hooks: {avatar: {}}
        locations:
          - {name: North, policy_profile: B}
        globals: {policy_profile: D}
        """, .error
      ).sorted()
        == [
          "12:35 unknown-reference", "13:27 unknown-reference", "3:10 wrong-value", "4:33 out-of-range",
          "4:47 wrong-type", "4:82 out-of-range", "5:11 duplicate-name", "5:5 incomplete-credential",
          "6:10 wrong-value", "7:15 wrong-value", "8:13 unknown-key", "10:12 missing-key",
        ].sorted())
  }

  @Test func aURLWithAPasswordIsNotShown() {
    let outcome = load(
      """
      policy_profiles:
        - {name: A, url: "https://user:geheim@policy.example.org", hooks: {}}
      """)
    #expect(outcome.snapshot == nil)
    #expect(outcome.diagnostics.contains { $0.message.contains("user name or password") })
    #expect(!outcome.diagnostics.contains { ($0.found ?? "").contains("geheim") })
  }

  @Test func warnings() {
    #expect(
      findings(
        """
        policy_profiles:
          - name: A
            url: http://policy.example.org
            username: a
            password: {env: CRM}
            verify_certificate: false
            hooks: {media_location: {fallback: reject}, registration: {}}
          - {name: B, url: "https://x.example", hooks: {}}
        globals: {policy_profile: A}
        """, .warning
      ).sorted()
        == [
          "3:10 clear-text", "3:10 clear-text", "6:25 setting-ignored", "7:29 hook-not-asked",
          "7:40 setting-ignored",
          "8:12 profile-not-used", "8:48 setting-ignored",
        ].sorted())
  }

  @Test func theMediaLocationIsAskedForWhereItMatters() throws {
    let text = """
      policy_profiles:
        - {name: A, url: "https://x.example", hooks: {media_location: {}}}
      globals:
        policy_profile: A
        media: {addresses: [192.0.2.1, {bind: 10.0.0.1, advertised: 198.51.100.1}, 10.0.0.2]}
      locations:
        - {name: North, media_addresses: [10.0.0.1, 192.0.2.1]}
        - {name: South}
      """
    #expect(findings(text, .warning).isEmpty && findings(text, .error).isEmpty)
    let snapshot = try #require(load(text).snapshot)
    let address = { (text: String) in IPAddress(text)! }
    #expect(snapshot.mediaAddresses(in: ["North"]) == [address("10.0.0.1"), address("192.0.2.1")])
    #expect(
      snapshot.mediaAddresses(in: ["North", "South"])
        == [address("10.0.0.1"), address("192.0.2.1"), address("10.0.0.2")])
    #expect(snapshot.mediaAddresses(in: []).isEmpty && snapshot.mediaAddresses(in: ["Gone"]).isEmpty)
    let none = text.replacing(", media_addresses: [10.0.0.1, 192.0.2.1]", with: "")
    #expect(findings(none, .warning) == ["2:65 hook-not-asked"])
    // What peers are told is not what is bound.
    let wrong = text.replacing("[10.0.0.1, 192.0.2.1]", with: "[198.51.100.1, 192.0.2.1]")
    #expect(findings(wrong, .error) == ["7:37 unknown-reference"])
  }
}
