import Foundation
import Testing

extension EndToEnd {
  /// Phones that stand behind an edge proxy, or keep a flow of their own to us (RFC 3327, RFC 5626).
  @Suite(.tags(.phones)) struct EdgeTests {
    /// A stranger's call that is answered, or ends with this status.
    private static func call(endingWith status: Int = 200) -> SippScript {
      .caller {
        $0.send("INVITE", sdp: .audio)
        if status == 200 {
          $0.expectProgress()
          $0.expect(200)
          $0.acknowledge()
          $0.pause(200)
          $0.send("BYE")
          $0.expect(200)
        } else {
          $0.expect(100, optional: true)
          $0.expect(status)
          $0.acknowledgeFailure()
        }
      }
    }

    @Test(.timeLimit(.minutes(1))) func aPhoneBehindAProxyIsReachedByItsPath() async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Policies.people)
      let edge = try await Kamailio(scratch, to: server, keepsFlows: false)
      async let aliceStarts = Baresip(scratch, at: server, "alice", tone: 440) { $0.server = edge.address }
      async let bobStarts = Baresip(scratch, at: server, "bob", tone: 660)
      let (alice, bob) = (try await aliceStarts, try await bobStarts)

      try await alice.dial("sip:bob@tandem.test")
      try await alice.wait(for: "CALL_ESTABLISHED")
      try await bob.wait(for: "CALL_ESTABLISHED")
      try await bob.hangUp()
      try await alice.wait(for: "CALL_CLOSED")

      let start = bob.events.count
      try await bob.dial("sip:alice@tandem.test")
      try await bob.wait(for: "CALL_ESTABLISHED", from: start)
      try await Call.talk()
      try await alice.hangUp()
      try await bob.wait(for: "CALL_CLOSED", from: start)
      try await Call.expectTone(660, heardBy: alice)
      try await Call.expectTone(440, heardBy: bob)
      for method in ["REGISTER", "INVITE", "BYE"] {
        #expect(
          edge.requests.contains { $0.contains(method) && $0.hasSuffix("from 127.0.0.1") }, "\(edge.output)")
      }
      #expect(
        edge.requests.contains { $0.contains("INVITE sip:alice") && $0.hasSuffix("from \(server.address)") })
      #expect(
        edge.requests.contains { $0.contains("BYE sip:alice") && $0.hasSuffix("from \(server.address)") })
    }

    /// One phone on a connection to us, one on a connection to an edge proxy; both name their flow. When the power fails, nobody
    /// rings them any more.
    @Test(.timeLimit(.minutes(1))) func aFlowIsUsedWhileItLastsAndNotLonger() async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Policies.people)
      let edge = try await Kamailio(scratch, to: server, keepsFlows: true)
      let outbound: @Sendable (inout Baresip.Options) -> Void = {
        $0.transport = "tcp"
        $0.parameters = ";sipnat=outbound"
        $0.tracesSIP = true
      }
      async let aliceStarts = Baresip(scratch, at: server, "alice") {
        outbound(&$0)
        $0.server = edge.address
      }
      async let bobStarts = Baresip(scratch, at: server, "bob", outbound)
      let (alice, bob) = (try await aliceStarts, try await bobStarts)
      for phone in [alice, bob] {
        _ = try await phone.waitForOutput(containing: "Require: outbound")
        #expect(phone.output.contains("reg-id=1"))
      }
      let callers = try ["alice", "bob"].map {
        try Sipp(scratch, Self.call(), to: server.address, user: $0)
      }
      try await Sipp.succeed(callers, server)
      #expect(
        edge.requests.contains { $0.contains("INVITE sip:alice") && $0.hasSuffix("from \(server.address)") })

      alice.kill()
      bob.kill()
      try await server.waitForLog("Connection lost")
      // The proxy knows of a lost flow when it is to be used: it says so (430), and the binding goes. The phone of one's own is
      // known to be gone at once. A stranger learns no more than that there is no such alias.
      for (user, status) in [("alice", 480), ("alice", 404), ("bob", 404)] {
        try await Sipp.succeed(
          [try Sipp(scratch, Self.call(endingWith: status), to: server.address, user: user)], server)
      }
      let records = try await server.records { $0.count == 5 && $0.allSatisfy { $0.ended != nil } }
      #expect(records.filter { $0.connected == nil }.map(\.attempts.count).sorted() == [0, 0, 1])
      #expect(records.flatMap(\.attempts).contains { $0.disconnect?.protocolCode == 430 })
    }

    /// A phone with flows through two edge proxies: the first has lost its flow, so the other is tried, and the first not again.
    /// Its registration came over a connection that has long been closed.
    @Test(.timeLimit(.minutes(1)), .tags(.scripted)) func theNextFlowIsTriedWhenOneHasFailed() async throws {
      let scratch = try Scratch()
      let lost = SippScript.callee {
        $0.expect("INVITE", ["Route": "ob"])
        $0.respond("430 Flow Failed")
        $0.expect("ACK")
      }
      let kept = SippScript.callee {
        $0.expect("INVITE", ["Route": "ob"])
        $0.respond("200 OK", sdp: .audio(1, formats: "8"), isRepeated: true)
        $0.expect("ACK")
        $0.expect("BYE")
        $0.respond("200 OK")
      }
      let (first, second) = (try Sipp(scratch, lost), try Sipp(scratch, kept, calls: 2))
      let server = try await TandemServer(
        scratch,
        policy: """
          devices: [{ alias: carol }]
          rules: [{ name: devices, priority: 10, match: carol, to: { target: registered_device } }]
          """)
      let instance = "+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\""
      let register = SippScript.caller { script in
        func flow(_ number: Int, _ edge: Sipp, q: String, _ status: Int, parameter: String = ";ob") {
          let headers = [
            "Via: SIP/2.0/TCP 192.0.2.7:5060;branch=z9hG4bK-phone-\(number)", "Supported: path, outbound",
            "Path: <sip:flow\(number)@\(edge.address):5060;lr\(parameter)>",
            "Contact: <sip:carol@192.0.2.7:5060>;reg-id=\(number);q=\(q);\(instance);expires=600",
          ]
          script.send("REGISTER", headers, to: "sip:[remote_ip]")
          script.expect(
            status,
            status == 200
              ? ["Require": "outbound", "Path": "ob", "Contact": "sip.instance=\"<urn:uuid:0"] : [:])
        }
        // A proxy that does not keep flows cannot be used like this (RFC 5626 §6).
        flow(1, first, q: "1.0", 439, parameter: "")
        flow(1, first, q: "1.0", 200)
        flow(2, second, q: "0.5", 200)
      }
      try await Sipp.succeed(
        [try Sipp(scratch, register, to: server.address, user: "carol", transport: "t1")], server)
      for _ in 1...2 {
        try await Sipp.succeed([try Sipp(scratch, Self.call(), to: server.address, user: "carol")], server)
      }
      try await Sipp.succeed([first, second], server)
      let records = try await server.records { $0.count == 2 && $0.allSatisfy { $0.ended != nil } }
      #expect(records.map(\.attempts.count).sorted() == [1, 2])
    }
  }
}
