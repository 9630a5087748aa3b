import Foundation
import Testing

extension EndToEnd {
  /// Trunks as carriers run them, and domains that only the DNS knows.
  @Suite(.tags(.scripted)) struct TrunkTests {
    /// A carrier that Tandem registers with and that is trusted with identities.
    private static func policy(_ carrier: ScriptedPhone) -> String {
      """
      trunks:
        - name: carrier
          host: \(carrier.address)
          port: 5060
          transport: udp
          trusted: true
          probe_interval: never
          register: { address_of_record: "sip:company@\(carrier.address)", interval: 10m }
      rules:
        - name: out
          priority: 10
          match: '\\d+'
          to: { trunks: [carrier] }
      """
    }

    @Test(.timeLimit(.minutes(1))) func weRegisterWithATrunkAndKeepTheInsideToOurselves() async throws {
      let scratch = try Scratch()
      let (ann, carrier) = (try ScriptedPhone("ann"), try ScriptedPhone("carrier"))
      let server = try await TandemServer(scratch, policy: Self.policy(carrier))
      let register = try await carrier.waitForRequest("REGISTER")
      #expect(register.header("To").contains("sip:company@\(carrier.address)"))
      #expect(register.header("Contact").contains("sip:company@\(server.address)"))
      carrier.respond(to: register, "200 OK\nContact: <sip:company@\(server.address):5060>;expires=600")
      try await server.waitForLog("registered with trunk")

      _ = ann.invite("4711", at: server.address)
      let invite = try await carrier.waitForRequest("INVITE")
      // Who calls is asserted for those who have proved it only; where a caller is, nobody is told.
      #expect(invite.header("P-Asserted-Identity").isEmpty)
      #expect(!invite.text.contains(ann.address))
      carrier.respond(to: invite, "486 Busy Here")
      let busy = try await ann.waitForResponse(400...699, to: "INVITE")
      #expect(busy.status == 486)
      #expect(!busy.text.contains(carrier.address))
    }

    /// NAPTR leads to SRV, SRV to two hosts in order of priority (RFC 3263); the first does not answer.
    @Test(.timeLimit(.minutes(1))) func aDomainIsFoundByDNSAndItsSecondServerAnswers() async throws {
      let scratch = try Scratch()
      let callee = try Sipp(scratch, "answer")
      let (dns, dead) = (Loopback.address(), Loopback.address())
      let names = try ChildProcess(
        "dnsmasq", "/usr/sbin/dnsmasq",
        [
          "-k", "-C", "/dev/null", "-p", "5353", "-a", dns, "-z", "-R", "-h", "--user=root", "--pid-file=",
          "--log-facility=-", "--naptr-record=peer.test,10,10,s,SIP+D2U,,_sip._udp.peer.test",
          "--srv-host=_sip._udp.peer.test,dead.peer.test,5060,10,50",
          "--srv-host=_sip._udp.peer.test,live.peer.test,5060,20,50", "--address=/dead.peer.test/\(dead)",
          "--address=/live.peer.test/\(callee.address)",
        ], directory: scratch.path)
      _ = try await names.waitForLine(containing: "started")
      let server = try await TandemServer(
        scratch,
        policy: """
          rules:
            - name: by domain
              priority: 10
              match: '(\\d+)'
              replace: '\\1@peer.test'
              to: { target: registered_device_or_external }
          """, globals: "  dns_servers: [\"\(dns):5353\"]")
      let caller = try Sipp(scratch, "call", to: server.address, user: "4711")
      try await caller.succeed()
      try await callee.succeed()
      let records = try await server.records { $0.first?.ended != nil }
      #expect(records.first?.attempts.map(\.via) == ["dns"])
      names.kill()
    }
  }
}
