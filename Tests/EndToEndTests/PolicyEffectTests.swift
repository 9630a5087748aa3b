import Foundation
import Testing

extension EndToEnd {
  /// What policy says of a call, as real peers meet it.
  @Suite(.tags(.scripted)) struct PolicyEffectTests {
    /// A bandwidth of SDP, by session (the lines before the first `m=`).
    private func bandwidth(_ message: ScriptedPhone.Message) -> [Substring] {
      let session = message.body.components(separatedBy: "m=").first ?? ""
      return session.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("b=") }
    }

    @Test(.timeLimit(.minutes(1))) func aPortIsCalledAndTheLowerLimitIsToldToBoth() async throws {
      let scratch = try Scratch()
      let (ann, bob) = (try ScriptedPhone("ann"), try ScriptedPhone("bob"))
      let server = try await TandemServer(
        scratch,
        policy: """
          services:
            - { name: echo, type: test_call, aliases: ["9196"], max_bandwidth_in: 2 Mbps, max_bandwidth_out: 320 }
          rules:
            - name: by address
              priority: 10
              match: '1(\\d+)'
              replace: '\\1@\(bob.address):5060'
              call: { max_bandwidth_in: 1024, max_bandwidth_out: 512 }
            - { name: meeting, priority: 20, match: '2\\d+', to: { target: teams_conference } }
          """)
      async let answering = bob.answer()
      let call = try await ann.call("17", at: server.address)
      let answered = try await answering
      #expect(answered.invite.startLine.hasPrefix("INVITE sip:7@\(bob.address):5060 "))
      #expect(bandwidth(answered.invite).contains("b=AS:512"))
      #expect(bandwidth(call.media).contains("b=AS:512"))
      ann.request("BYE", in: call)
      _ = try await bob.waitForRequest("BYE")

      let echo = try await ann.call("9196", at: server.address)
      #expect(bandwidth(echo.media).contains("b=AS:320"))
      ann.request("BYE", in: echo)

      // Where this version cannot send a call, it is refused and nobody is called instead.
      let meeting = ann.invite("25", at: server.address)
      let refusal = try await ann.waitForResponse(400...699, to: "INVITE", callID: meeting.header("Call-ID"))
      #expect(refusal.status == 480)
      let records = try await server.records { $0.count == 3 && $0.allSatisfy { $0.ended != nil } }
      let refused = try #require(records.first)
      #expect(refused.disconnect?.cause == "temporarilyUnavailable" && refused.attempts.isEmpty)
      let (_, shown) = try await server.tandem("calls", refused.id, "--state", server.state)
      #expect(shown.contains("refused: notServed by rule meeting"), "\(shown)")
    }

    /// A policy server sends a call to a phone, and digits after the answer; another one into a lecture of its own making.
    @Test(.timeLimit(.minutes(1))) func digitsOfAPolicyServerAreHeard() async throws {
      let scratch = try Scratch()
      let crm = try await ExamplePolicyServer(
        scratch,
        """
        {"rooms": {"desk@tandem.test": {"name": "desk-1", "service_type": "gateway", "local_alias": "sip:desk@tandem.test",
                                        "remote_alias": "sip:bob@tandem.test", "outgoing_protocol": "sip",
                                        "dtmf_sequence": "4,2#"},
                   "hall@tandem.test": {"name": "Hall", "service_type": "lecture"}}}
        """)
      let server = try await TandemServer(
        scratch, policy: Policies.people + "\n" + crm.profile("{ service: {} }"),
        globals: "  policy_profile: example")
      let alice = try await Baresip(scratch, at: server, "alice")
      let bob = try await Baresip(scratch, at: server, "bob")
      try await alice.dial("sip:desk@tandem.test")
      try await bob.wait(for: "CALL_ESTABLISHED")
      for digit in ["4", "2", "#"] {
        try #require(
          await bob.events.first { $0.type == "CALL_DTMF_START" && $0.parameter == digit } != nil,
          "digit \(digit)")
      }
      #expect(bob.events.all.filter { $0.type == "CALL_DTMF_START" }.map(\.parameter) == ["4", "2", "#"])
      try await alice.hangUp()
      _ = try await server.tandem(
        "call", "sip:hall@tandem.test", "--proxy", "\(server.address):5060", "--from",
        "sip:eve@elsewhere.test",
        "--seconds", "1")
      let records = try await server.records { $0.count == 2 && $0.allSatisfy { $0.ended != nil } }
      let (_, shown) = try await server.tandem("calls", records.first?.id ?? "", "--state", server.state)
      #expect(shown.contains("service Hall (lecture)"), "\(shown)")
      #expect(records.first?.media.first?.packetsReceived ?? 0 > 20, "\(shown)")
    }

    @Test(.timeLimit(.minutes(1))) func aCallIsTransferredToTheTestCall() async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Policies.people)
      let alice = try await Baresip(scratch, at: server, "alice", tone: 440)
      let bob = try await Baresip(scratch, at: server, "bob", tone: 660)
      try await alice.dial("sip:bob@tandem.test")
      try await alice.wait(for: "CALL_ESTABLISHED")
      try await bob.wait(for: "CALL_ESTABLISHED")
      // Recordings are named by the second, and the transfer begins another one.
      try await Call.talk(.milliseconds(1100))
      try await bob.command("transfer", "sip:9196@tandem.test")
      try await bob.wait(for: "CALL_CLOSED")
      try await Call.talk()
      try await alice.hangUp()
      // Alice hears herself now.
      try await Call.expectTone(440, heardBy: alice)
      let record = try #require(try await server.records { $0.first?.ended != nil }.first)
      #expect(record.events.contains { $0.what.contains("service echo") })
      #expect(record.media.contains { $0.side == "caller" && $0.packetsReceived > 50 })
    }
  }
}
