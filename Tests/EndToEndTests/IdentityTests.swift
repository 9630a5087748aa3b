import Foundation
import Testing

extension EndToEnd {
  /// Who is told who calls, and what a call has been through (RFC 3323, RFC 3325, RFC 5806, RFC 7044).
  @Suite(.tags(.scripted)) struct IdentityTests {
    /// Calls with the same header fields, one to a trusted trunk and one to another.
    private struct Case {
      var name: String
      /// Whether the trunk that the calls come from is trusted.
      var isFromTrusted = true
      var headers: [String]
    }

    private static let asserted = "P-Asserted-Identity: \"Ann Marple\" <sip:ann@tandem.test>"
    private static let forwarded = [
      "Diversion: <sip:5550100@tandem.test>;reason=no-answer;privacy=off",
      "Diversion: <sip:5550199@tandem.test>;reason=user-busy;privacy=full",
      "History-Info: <sip:5550100@tandem.test>;index=1",
      "History-Info: <sip:5550199@tandem.test?Privacy=history>;index=1.1",
    ]

    @Test(.timeLimit(.minutes(1))) func whoMayKnowLearnsWhoCallsAndNobodyElse() async throws {
      let cases = [
        Case(name: "plain", headers: [Self.asserted] + Self.forwarded),
        Case(name: "id", headers: [Self.asserted, "Privacy: id"] + Self.forwarded),
        Case(name: "header", headers: [Self.asserted, "Privacy: header"]),
        Case(name: "none", headers: [Self.asserted, "Privacy: none"]),
        Case(name: "claimed", isFromTrusted: false, headers: [Self.asserted, "Privacy: none"]),
      ]
      let invites = try await invites(cases)

      // Without a wish, what was asserted stays inside the trust domain; the way of the call may be known but for those who
      // asked to be left out of it.
      var (inside, outside) = try #require(invites["plain"])
      #expect(inside.headers("P-Asserted-Identity") == ["\"Ann Marple\" <sip:ann@tandem.test>"])
      #expect(inside.headers("Diversion").count == 2)
      #expect(inside.headers("History-Info").count == 2)
      #expect(outside.headers("P-Asserted-Identity").isEmpty)
      #expect(outside.header("From").contains("sip:caller@tandem.test"))
      #expect(outside.headers("Diversion") == ["<sip:5550100@tandem.test>;reason=no-answer;privacy=off"])
      #expect(outside.headers("History-Info") == ["<sip:5550100@tandem.test>;index=1"])

      // Those who are trusted get everything, and the wish with it (RFC 3325 §7).
      (inside, outside) = try #require(invites["id"])
      #expect(inside.header("P-Asserted-Identity").contains("sip:ann@tandem.test"))
      #expect(inside.header("Privacy") == "id")
      #expect(inside.headers("Diversion").count == 2)
      #expect(outside.header("From").contains("<sip:anonymous@anonymous.invalid>"))
      for secret in ["Ann", "ann@", "caller", "Caller", "5550100", "5550199"] {
        #expect(!outside.text.contains(secret), "\(secret) in\n\(outside.text)")
      }

      // Nothing that leads back to the caller: no addresses of its own (RFC 3323 §5.1).
      (inside, outside) = try #require(invites["header"])
      #expect(inside.header("P-Asserted-Identity").contains("sip:ann@tandem.test"))
      for secret in ["Ann", "ann@", "caller"] {
        #expect(!outside.text.contains(secret), "\(secret) in\n\(outside.text)")
      }

      // The caller wants to be known, so it is, everywhere (RFC 3325 §7).
      (inside, outside) = try #require(invites["none"])
      #expect(inside.header("P-Asserted-Identity").contains("sip:ann@tandem.test"))
      #expect(outside.header("P-Asserted-Identity").contains("sip:ann@tandem.test"))
      #expect(outside.header("From").contains("sip:caller@tandem.test"))

      // What a peer that is not trusted asserts is worth nothing (RFC 3325 §5).
      (inside, outside) = try #require(invites["claimed"])
      #expect(inside.headers("P-Asserted-Identity").isEmpty)
      #expect(outside.headers("P-Asserted-Identity").isEmpty)
    }

    /// The INVITEs that the trusted and the untrusted trunk get. All calls of all cases run at once.
    private func invites(_ cases: [Case]) async throws -> [String: (
      inside: ScriptedPhone.Message, outside: ScriptedPhone.Message
    )] {
      let scratch = try Scratch()
      let refuse = SippScript.callee {
        $0.expect("INVITE")
        $0.respond("486 Busy Here")
        $0.expect("ACK")
      }
      let inside = try Sipp(scratch, refuse, calls: cases.count)
      let outside = try Sipp(scratch, refuse, calls: cases.count)
      // Where a call comes from is seen by its address: each caller is a trunk of its own.
      let sources = cases.map { _ in [Loopback.address(), Loopback.address()] }
      var trunks =
        "trunks:\n  - { name: inside, host: \(inside.address), port: 5060, transport: udp, trusted: true, probe_interval: never }\n"
        + "  - { name: outside, host: \(outside.address), port: 5060, transport: udp, probe_interval: never }\n"
      for (one, addresses) in zip(cases, sources) {
        for (address, place) in zip(addresses, ["inside", "outside"]) {
          trunks +=
            "  - { name: \(one.name) to \(place), host: \(address), port: 5060, transport: udp, trusted: \(one.isFromTrusted), probe_interval: never }\n"
        }
      }
      let server = try await TandemServer(
        scratch,
        policy: trunks + """
          rules:
            - { name: to the inside, priority: 10, match: 'inside-.*', to: { trunks: [inside] } }
            - { name: to the outside, priority: 10, match: 'outside-.*', to: { trunks: [outside] } }
          """)
      var callers: [Sipp] = []
      for (one, addresses) in zip(cases, sources) {
        let call = SippScript.caller {
          $0.send("INVITE", one.headers, sdp: .audio)
          $0.expect(100, optional: true)
          $0.expect(486)
          $0.acknowledgeFailure()
        }
        for (address, place) in zip(addresses, ["inside", "outside"]) {
          callers.append(
            try Sipp(scratch, call, to: server.address, user: "\(place)-\(one.name)", address: address))
        }
      }
      try await Sipp.succeed(callers + [inside, outside], server)
      var found: [String: (inside: ScriptedPhone.Message, outside: ScriptedPhone.Message)] = [:]
      for one in cases {
        found[one.name] = (
          try #require(inside.requests("INVITE").first { $0.startLine.contains("sip:inside-\(one.name)@") }),
          try #require(outside.requests("INVITE").first { $0.startLine.contains("sip:outside-\(one.name)@") })
        )
      }
      return found
    }
  }
}
