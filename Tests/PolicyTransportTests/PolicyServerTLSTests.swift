import CallModel
import PolicyEngine
import PolicyHooks
import PolicyTransport
import Testing

/// Certificates are checked, against the authorities named and for the host asked.
@Suite struct PolicyServerTLSTests {
  /// Which port has which certificate.
  private enum Port: Int { case server = 1, wrong, expired }

  private func ask(
    _ port: Port, host: String = "127.0.0.1", authority: String? = "ca.pem", verifies: Bool = true
  ) async throws -> PolicyConclusion {
    let certificates = try PolicyCertificates()
    defer { certificates.remove() }
    let process = try PolicyServerProcess(
      certificates: ["server", "wrong", "expired"].map { certificates.path($0) })
    let server = PolicyServerTests.server(try process.url("ok", tls: port.rawValue, host: host)) {
      $0.certificateAuthorityFile = authority.map { certificates.path($0) }
      $0.verifiesCertificate = verifies
    }
    let answer = await server.ask(PolicyServerTests.question, AnswerContext())
    await server.shutdown()
    return answer.conclusion
  }

  private func isTLSFailure(_ conclusion: PolicyConclusion) -> Bool {
    if case .tls? = conclusion.failure { conclusion.outcome == .error } else { false }
  }

  @Test func trusted() async throws {
    #expect(try await ask(.server).outcome == .used)
    #expect(try await ask(.server, host: "localhost").outcome == .used)
  }

  @Test func notTrusted() async throws {
    let system = try await ask(.server, authority: nil)
    #expect(isTLSFailure(system), "\(system)")
    #expect(
      system.failure?.description.contains("self-signed or of an unknown authority") == true, "\(system)")
    let other = try await ask(.server, authority: "other.pem")
    #expect(isTLSFailure(other), "\(other)")
  }

  @Test func forAnotherHost() async throws {
    let wrong = try await ask(.wrong)
    #expect(isTLSFailure(wrong), "\(wrong)")
    #expect(wrong.failure?.description == "TLS failed: the certificate is not for this host", "\(wrong)")
  }

  @Test func expired() async throws {
    let expired = try await ask(.expired)
    #expect(isTLSFailure(expired), "\(expired)")
    #expect(expired.failure?.description.contains("or out of date") == true, "\(expired)")
  }

  @Test func laboratoriesMayLookAway() async throws {
    #expect(try await ask(.wrong, authority: nil, verifies: false).outcome == .used)
    #expect(try await ask(.expired, authority: nil, verifies: false).outcome == .used)
  }

  @Test func anAuthorityFileThatIsGone() async throws {
    let conclusion = try await ask(.server, authority: "gone.pem")
    #expect(isTLSFailure(conclusion), "\(conclusion)")
  }

  @Test func plainHTTPOnATLSPortAndTheOtherWayRound() async throws {
    let process = try PolicyServerProcess()
    let url = try PolicyServerURL("https://127.0.0.1:\(process.ports[0])/ok")
    let server = PolicyServerTests.server(url)
    let conclusion = await server.ask(PolicyServerTests.question, AnswerContext()).conclusion
    #expect(conclusion.outcome == .error)
    #expect(isTLSFailure(conclusion), "\(conclusion)")
    #expect(conclusion.failure?.description == "TLS failed: the server does not speak TLS", "\(conclusion)")
    await server.shutdown()
  }

  @Test func throughAProxy() async throws {
    let certificates = try PolicyCertificates()
    defer { certificates.remove() }
    let process = try PolicyServerProcess(certificates: [certificates.path("server")])
    func conclusion(_ host: String) async throws -> PolicyConclusion {
      let server = PolicyServerTests.server(try process.url("ok", tls: 1, host: host)) {
        $0.certificateAuthorityFile = certificates.path("ca.pem")
        $0.proxy = .init(host: "127.0.0.1", port: UInt16(process.ports[0]))
      }
      let answer = await server.ask(PolicyServerTests.question, AnswerContext())
      await server.shutdown()
      return answer.conclusion
    }
    #expect(try await conclusion("localhost").outcome == .used)
    #expect(try await process.count("CONNECT") == 1)
    let refused = try await conclusion("no.example")
    guard case .proxy? = refused.failure else { return #expect(Bool(false), "\(refused)") }
  }
}
