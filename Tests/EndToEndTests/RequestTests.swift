import Foundation
import Testing

extension EndToEnd {
  /// Requests at their limits, and outside calls.
  @Suite(.tags(.scripted)) struct RequestTests {
    /// A call that is answered and ended by the caller.
    private static func call(_ headers: [String] = [], bye: [String] = []) -> SippScript {
      .caller {
        $0.send("INVITE", headers, sdp: .audio)
        $0.expectProgress()
        $0.expect(200)
        $0.acknowledge()
        $0.send("BYE", bye)
        $0.expect(200)
      }
    }

    private static func answer(invite: [String: String] = [:], bye: [String: String] = [:]) -> SippScript {
      .callee {
        $0.expect("INVITE", invite)
        $0.respond("200 OK", sdp: .audio(1, formats: "8"), isRepeated: true)
        $0.expect("ACK")
        $0.expect("BYE", bye)
        $0.respond("200 OK")
      }
    }

    /// A call that ends with this status.
    private static func refused(_ status: Int, _ headers: [String: String] = [:], maxForwards: Int = 70)
      -> SippScript
    {
      .caller {
        $0.send("INVITE", sdp: .audio, maxForwards: maxForwards)
        $0.expect(100, optional: true)
        $0.expect(status, headers)
        $0.acknowledgeFailure()
      }
    }

    @Test(.timeLimit(.minutes(1))) func hopsAreCountedDownToTheLast() async throws {
      let scratch = try Scratch()
      let callee = try Sipp(scratch, Self.answer(invite: ["Max-Forwards": "^ *0$"]))
      let server = try await TandemServer(scratch, policy: Policies.trunks(["one": callee]))
      let none = try Sipp(scratch, Self.refused(483, maxForwards: 0), to: server.address, user: "one")
      try await Sipp.succeed([none], server)
      let last = SippScript.caller {
        $0.send("INVITE", sdp: .audio, maxForwards: 1)
        $0.expectProgress()
        $0.expect(200)
        $0.acknowledge()
        $0.send("BYE")
        $0.expect(200)
      }
      let one = try Sipp(scratch, last, to: server.address, user: "one")
      try await Sipp.succeed([one, callee], server)
    }

    /// What is too large for a datagram goes by TCP (RFC 3261 §18.1.1), and by UDP after all to a peer that has none.
    @Test(.timeLimit(.minutes(1))) func aLargeRequestGoesByTCP() async throws {
      let scratch = try Scratch()
      let address = Loopback.address()
      let datagrams = try Sipp(scratch, Self.answer(invite: ["Via": "SIP/2.0/UDP"]), address: address)
      let stream = try Sipp(
        scratch, Self.answer(invite: ["Via": "SIP/2.0/TCP"]), transport: "t1", address: address)
      let datagramsOnly = try Sipp(scratch, Self.answer(invite: ["Via": "SIP/2.0/UDP"]))
      let server = try await TandemServer(
        scratch, policy: Policies.trunks(["both": stream, "udp": datagramsOnly]))
      let history = (1...12).map {
        "History-Info: <sip:5550\($0)@a-rather-long-host-name.tandem.test>;index=1.\($0)"
      }
      let large = try Sipp(scratch, Self.call(history), to: server.address, user: "both")
      let alone = try Sipp(scratch, Self.call(history), to: server.address, user: "udp")
      let small = try Sipp(scratch, Self.call(), to: server.address, user: "both")
      try await Sipp.succeed([large, alone, small, stream, datagrams, datagramsOnly], server)
      #expect(stream.requests("INVITE").first?.headers("History-Info").count == 12)
    }

    /// Why a call ends is passed on in BYE, CANCEL and final responses (RFC 3326, RFC 6432).
    @Test(.timeLimit(.minutes(1))) func theReasonOfAnEndTravelsOn() async throws {
      let elsewhere = SippScript.caller {
        $0.send("INVITE", sdp: .audio)
        $0.expect(100, optional: true)
        $0.expect(180)
        $0.cancel(["Reason: SIP;cause=200;text=\"Call completed elsewhere\""])
        $0.expect(200)
        $0.expect(487)
        $0.acknowledgeFailure()
      }
      let rings = SippScript.callee {
        $0.expect("INVITE")
        $0.respond("180 Ringing", to: "invite")
        $0.expect("CANCEL", ["Reason": "SIP *; *cause=200"])
        $0.respond("200 OK", to: nil)
        $0.respond("487 Request Terminated", to: "invite")
        $0.expect("ACK")
      }
      let full = SippScript.callee {
        $0.expect("INVITE")
        $0.respond("486 Busy Here", ["Reason: Q.850;cause=34;text=\"No circuit\""])
        $0.expect("ACK")
      }
      let scratch = try Scratch()
      let ended = try Sipp(scratch, Self.answer(bye: ["Reason": "Q.850 *; *cause=31"]))
      let ringing = try Sipp(scratch, rings)
      let busy = try Sipp(scratch, full)
      let server = try await TandemServer(
        scratch, policy: Policies.trunks(["ended": ended, "ringing": ringing, "busy": busy]))
      let peers = [
        try Sipp(
          scratch, Self.call(bye: ["Reason: Q.850;cause=31;text=\"Normal, unspecified\""]),
          to: server.address,
          user: "ended"),
        try Sipp(scratch, elsewhere, to: server.address, user: "ringing"),
        try Sipp(
          scratch, Self.refused(486, ["Reason": "Q.850 *; *cause=34"]), to: server.address, user: "busy"),
      ]
      try await Sipp.succeed(peers + [ended, ringing, busy], server)
    }

    /// OPTIONS is answered as a call would be (RFC 3261 §11.2), without a user for the service itself.
    @Test(.timeLimit(.minutes(1))) func optionsAreAnsweredByWhatTheAliasLeadsTo() async throws {
      func options(_ status: Int, to uri: String = "sip:[service]@[remote_ip]:[remote_port]") -> SippScript {
        .caller {
          $0.send("OPTIONS", ["Accept: application/sdp"], to: uri)
          $0.expect(
            status,
            status == 200
              ? ["Allow": "INVITE.*UPDATE", "Accept": "application/sdp", "Supported": "100rel"] : [:])
        }
      }
      let scratch = try Scratch()
      let unused = try Sipp(scratch, Self.answer())
      let server = try await TandemServer(
        scratch,
        policy: Policies.trunks(["one": unused])
          + "services:\n  - { name: echo, type: test_call, aliases: [\"9196\"] }\n")
      try await Sipp.succeed(
        [
          try Sipp(scratch, options(200), to: server.address, user: "one"),
          try Sipp(scratch, options(200), to: server.address, user: "9196"),
          try Sipp(scratch, options(404), to: server.address, user: "nobody"),
          try Sipp(scratch, options(200, to: "sip:[remote_ip]:[remote_port]"), to: server.address),
        ], server)
      #expect(unused.messages.isEmpty)
      #expect(try await server.records { _ in true }.isEmpty)
    }

    /// A call too many in one second is refused, and told when to come back; a trunk that has had its share is passed over.
    @Test(.timeLimit(.minutes(1))) func callsTooManyInASecondAreRefused() async throws {
      let scratch = try Scratch()
      let first = try Sipp(scratch, Self.answer())
      let second = try Sipp(scratch, Self.answer())
      let slow = ["transport: udp", "limits: { calls_per_second: 0.01 }"]
      let policy = Policies.trunks(
        ["first": first, "second": second], settings: ["first": slow, "second": slow]
      )
      .replacing(
        "rules:\n",
        with: "rules:\n  - { name: both, priority: 5, match: 'both', to: { trunks: [first, second] } }\n")
      let server = try await TandemServer(scratch, policy: policy)
      for script in [Self.call(), Self.call(), Self.refused(503, ["Retry-After": "[0-9]+"])] {
        try await Sipp.succeed([try Sipp(scratch, script, to: server.address, user: "both")], server)
      }
      try await Sipp.succeed([first, second], server)

      let whole = try Scratch()
      let callee = try Sipp(whole, Self.answer())
      let limited = try await TandemServer(
        whole,
        policy: "globals: { limits: { calls_per_second: 0.01 } }\n" + Policies.trunks(["one": callee]))
      try await Sipp.succeed([try Sipp(whole, Self.call(), to: limited.address, user: "one")], limited)
      let refused = try Sipp(
        whole, Self.refused(503, ["Retry-After": "[0-9]+"]), to: limited.address, user: "one")
      try await Sipp.succeed([refused, callee], limited)
      let records = try await limited.records { $0.count == 2 && $0.allSatisfy { $0.ended != nil } }
      #expect(records.map { $0.disconnect?.cause ?? "" }.sorted() == ["limitReached", "normal"])
    }

    /// Who tries one unknown alias after the other is refused what it may have, too; nobody else is.
    @Test(.timeLimit(.minutes(1))) func aScannerIsQuarantinedAndNobodyElse() async throws {
      let scratch = try Scratch()
      let callee = try Sipp(scratch, Self.answer())
      let server = try await TandemServer(
        scratch,
        policy: "globals: { break_in_protection: { max_scan_attempts: 5 } }\n"
          + Policies.trunks(["one": callee]),
        allowList: [])
      let scanner = Loopback.address()
      for (user, calls) in [("guess", 6), ("one", 1)] {
        let tries = try Sipp(
          scratch, Self.refused(404), to: server.address, user: user, calls: calls, address: scanner)
        try await Sipp.succeed([tries], server)
      }
      #expect(server.log.contains { $0.contains("quarantine") })
      try await Sipp.succeed(
        [try Sipp(scratch, Self.call(), to: server.address, user: "one"), callee], server)
    }

    /// Text outside any call (RFC 3428), from phone to phone, and the answer if there is none to take it.
    @Test(.timeLimit(.minutes(1)), .tags(.phones)) func textReachesTheOtherPhone() async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Policies.people)
      async let aliceStarts = Baresip(scratch, at: server, "alice") {
        $0.contacts = ["sip:bob@tandem.test", "sip:nobody@tandem.test"]
        $0.tracesSIP = true
      }
      async let bobStarts = Baresip(scratch, at: server, "bob") {
        $0.transport = "tls"
        $0.contacts = ["sip:alice@tandem.test"]
        $0.tracesSIP = true
      }
      let (alice, bob) = (try await aliceStarts, try await bobStarts)
      for (sender, receiver, text) in [
        (alice, bob, "Where were you on Friday?"), (bob, alice, "In the library, all day."),
      ] {
        try await sender.command("message", text)
        let arrived = try await receiver.waitForOutput(containing: "MESSAGE sip:\(receiver.options.user)")
        _ = try await receiver.waitForOutput(containing: text, from: arrived)
      }
      try await alice.command("contact_next")
      try await alice.command("message", "Is anybody there?")
      _ = try await alice.waitForOutput(containing: "480 Temporarily Unavailable")
    }
  }
}
