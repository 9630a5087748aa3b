import Foundation
import Testing

extension EndToEnd {
  /// Offers and answers anywhere in a call (RFC 3262, RFC 3311, RFC 6337), and two at once (RFC 3261 §14.1).
  @Suite(.tags(.scripted)) struct OfferTests {
    /// One call between two scripts; both must go as they say.
    static func between(_ caller: SippScript, _ callee: SippScript) async throws -> (
      server: TandemServer, caller: Sipp, callee: Sipp
    ) {
      let scratch = try Scratch()
      let answering = try Sipp(scratch, callee)
      let server = try await TandemServer(scratch, policy: ScriptedTests.trunks([answering]))
      let calling = try Sipp(scratch, caller, to: server.address, user: "1234")
      try await Sipp.succeed([calling, answering], server)
      return (server, calling, answering)
    }

    /// Each provisional response waits for the PRACK of the one before it, on both sides (RFC 3262 §3, §4).
    @Test(.timeLimit(.minutes(1))) func severalReliableProvisionalResponses() async throws {
      let caller = SippScript.caller {
        $0.send("INVITE", ["Supported: 100rel", "Require: 100rel"], sdp: .audio)
        $0.expect(100, optional: true)
        for (number, status) in [180, 183, 182].enumerated() {
          $0.expect(
            status, ["Require": "100rel"], body: status == 183 ? "m=audio [0-9]+ RTP" : nil,
            keeping: ("RSeq", "[0-9]+", "rseq\(number)"))
          $0.send("PRACK", ["RAck: [$rseq\(number)] 1 INVITE"])
          $0.expect(200)
        }
        $0.expect(200, ["CSeq": "1 INVITE"], lacking: ["m=audio"])
        $0.acknowledge(1)
        $0.send("BYE")
        $0.expect(200)
      }
      let callee = SippScript.callee {
        $0.expect("INVITE", ["Supported": "100rel"])
        for (number, status) in ["180 Ringing", "183 Session Progress", "182 Queued"].enumerated() {
          $0.respond(
            status, ["Require: 100rel", "RSeq: \(500 + number)"],
            sdp: number == 1 ? .audio(1, formats: "8") : nil,
            to: "invite", isRepeated: true)
          $0.expect("PRACK", ["RAck": "\(500 + number) 1 INVITE"])
          $0.respond("200 OK")
        }
        $0.respond("200 OK", to: "invite", isRepeated: true)
        $0.expect("ACK")
        $0.expect("BYE")
        $0.respond("200 OK")
      }
      let (_, calling, _) = try await Self.between(caller, callee)
      let numbers = calling.received.compactMap { Int($0.message.header("RSeq")) }
      #expect(
        numbers.count == 3 && numbers[1] == numbers[0] + 1 && numbers[2] == numbers[1] + 1, "\(numbers)")
    }

    /// Once the first exchange is complete, either party may change the session while it still rings (RFC 3311 §5.1), and either
    /// may do so in the call.
    @Test(.timeLimit(.minutes(1))) func updatesTravelBothWaysBeforeAndAfterTheAnswer() async throws {
      let caller = SippScript.caller {
        $0.send(
          "INVITE", ["Supported: 100rel", "Allow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE"], sdp: .audio)
        $0.expect(100, optional: true)
        $0.expect(183, body: "m=audio [0-9]+ RTP", keeping: ("RSeq", "[0-9]+", "rseq"))
        $0.send("PRACK", ["RAck: [$rseq] 1 INVITE"])
        $0.expect(200)
        $0.send("UPDATE", sdp: .audio(2, "inactive"))
        $0.expect(200, ["CSeq": "3 UPDATE", "Content-Type": "application/sdp"], body: "a=inactive")
        $0.expect("UPDATE", ["Contact": "sip:"], body: "a=sendonly")
        $0.respond("200 OK", sdp: .audio(3, "recvonly"))
        $0.expect(200, ["CSeq": "1 INVITE"], lacking: ["m=audio"])
        $0.acknowledge(1)
        // The call is up.
        $0.send("UPDATE", sdp: .audio(4))
        $0.expect(200, ["CSeq": "4 UPDATE"], body: "m=audio [1-9][0-9]* RTP")
        $0.expect("INVITE", body: "a=sendonly")
        $0.respond("200 OK", sdp: .audio(5, "recvonly"), isRepeated: true)
        $0.expect("ACK")
        $0.send("BYE")
        $0.expect(200)
      }
      let callee = SippScript.callee {
        $0.expect("INVITE")
        $0.respond(
          "183 Session Progress",
          ["Require: 100rel", "RSeq: 9", "Allow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE"],
          sdp: .audio(1, formats: "8"), to: "invite", isRepeated: true)
        $0.expect("PRACK")
        $0.respond("200 OK")
        $0.expect("UPDATE", body: "a=inactive")
        $0.respond("200 OK", sdp: .audio(2, "inactive", formats: "8"))
        $0.pause(100)
        $0.send("UPDATE", sdp: .audio(3, "sendonly", formats: "8"))
        $0.expect(200, ["CSeq": "1 UPDATE"], body: "a=recvonly")
        $0.respond("200 OK", to: "invite", isRepeated: true)
        $0.expect("ACK")
        $0.expect("INVITE", lacking: ["a=(sendonly|inactive)"])
        $0.respond("200 OK", sdp: .audio(4, formats: "8"), isRepeated: true)
        $0.expect("ACK")
        $0.pause(100)
        $0.send("UPDATE", sdp: .audio(5, "sendonly", formats: "8"))
        $0.expect(200, ["CSeq": "2 UPDATE"], body: "a=recvonly")
        $0.expect("BYE")
        $0.respond("200 OK")
      }
      _ = try await Self.between(caller, callee)
    }

    /// The caller's next offer comes in the PRACK of the answer to its first (RFC 3262 §5): it is answered in the 200 to the PRACK,
    /// after the called party has been asked.
    @Test(.timeLimit(.minutes(1))) func aPrackMayCarryAnOffer() async throws {
      let caller = SippScript.caller {
        $0.send("INVITE", ["Supported: 100rel"], sdp: .audio)
        $0.expect(100, optional: true)
        $0.expect(183, body: "m=audio [0-9]+ RTP", keeping: ("RSeq", "[0-9]+", "rseq"))
        $0.send("PRACK", ["RAck: [$rseq] 1 INVITE"], sdp: .audio(2, "recvonly"))
        $0.expect(200, ["CSeq": "2 PRACK"], body: "a=sendonly")
        $0.expect(200, ["CSeq": "1 INVITE"], lacking: ["m=audio"])
        $0.acknowledge(1)
        $0.send("BYE")
        $0.expect(200)
      }
      let callee = SippScript.callee {
        $0.expect("INVITE")
        $0.respond(
          "183 Session Progress",
          ["Require: 100rel", "RSeq: 9", "Allow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE"],
          sdp: .audio(1, formats: "8"), to: "invite", isRepeated: true)
        $0.expect("PRACK")
        $0.respond("200 OK")
        $0.expect("UPDATE", body: "a=recvonly")
        $0.respond("200 OK", sdp: .audio(2, "sendonly", formats: "8"))
        $0.pause(100)
        $0.respond("200 OK", to: "invite", isRepeated: true)
        $0.expect("ACK")
        $0.expect("BYE")
        $0.respond("200 OK")
      }
      _ = try await Self.between(caller, callee)
    }

    /// A called party that changes the session while it rings, and a caller that knows neither PRACK nor UPDATE: the change ends
    /// with us, and the caller hears of it in its answer.
    @Test(.timeLimit(.minutes(1))) func anEarlyChangeIsKeptFromACallerThatCannotFollow() async throws {
      let caller = SippScript.caller {
        $0.send("INVITE", sdp: .audio(1, formats: "8 0 101"))
        $0.expect(100, optional: true)
        $0.expect(183, body: "m=audio [0-9]+ RTP/AVP 8 ")
        $0.expect(200, ["CSeq": "1 INVITE"], body: "m=audio [0-9]+ RTP/AVP 8 ")
        $0.acknowledge(1)
        $0.send("BYE")
        $0.expect(200)
      }
      let callee = SippScript.callee {
        $0.expect("INVITE")
        $0.respond(
          "183 Session Progress", ["Require: 100rel", "RSeq: 9"], sdp: .audio(1, formats: "8"), to: "invite",
          isRepeated: true)
        $0.expect("PRACK")
        $0.respond("200 OK")
        // From the announcement to the phone itself: another port.
        $0.send("UPDATE", sdp: .audio(2, formats: "8"))
        $0.expect(
          200, ["CSeq": "1 UPDATE", "Content-Type": "application/sdp"], body: "m=audio [1-9][0-9]* RTP/AVP 8")
        $0.respond("200 OK", to: "invite", isRepeated: true)
        $0.expect("ACK")
        $0.expect("BYE")
        $0.respond("200 OK")
      }
      _ = try await Self.between(caller, callee)
    }

    /// The caller has acknowledged the early answer of one trunk, which then fails; the next answers with another codec. The 200
    /// cannot say so any more (RFC 6337 §2), a new offer can.
    @Test(.timeLimit(.minutes(1))) func anAnswerThatCannotBeTakenBackIsFollowedByAnOffer() async throws {
      let caller = SippScript.caller {
        $0.send("INVITE", ["Supported: 100rel"], sdp: .audio(1, formats: "8 0 101"))
        $0.expect(100, optional: true)
        $0.expect(183, body: "m=audio [0-9]+ RTP/AVP 8 ", keeping: ("RSeq", "[0-9]+", "rseq"))
        $0.send("PRACK", ["RAck: [$rseq] 1 INVITE"])
        $0.expect(200)
        $0.expect(200, ["CSeq": "1 INVITE"], lacking: ["m=audio"])
        $0.acknowledge(1)
        $0.expect("INVITE", body: "m=audio [1-9][0-9]* RTP/AVP 0")
        $0.respond("200 OK", sdp: .audio(2, formats: "0"), isRepeated: true)
        $0.expect("ACK")
        $0.send("BYE")
        $0.expect(200)
      }
      let failing = SippScript.callee {
        $0.expect("INVITE")
        $0.respond(
          "183 Session Progress", ["Require: 100rel", "RSeq: 9"], sdp: .audio(1, formats: "8"), to: "invite",
          isRepeated: true)
        $0.expect("PRACK")
        $0.respond("200 OK")
        $0.pause(100)
        $0.respond("503 Service Unavailable", to: "invite")
        $0.expect("ACK")
      }
      let answering = SippScript.callee {
        $0.expect("INVITE", body: "RTP/AVP 8 0 101")
        $0.respond("200 OK", sdp: .audio(1, formats: "0"), isRepeated: true)
        $0.expect("ACK")
        $0.expect("BYE")
        $0.respond("200 OK")
      }
      let scratch = try Scratch()
      let trunks = [try Sipp(scratch, failing), try Sipp(scratch, answering)]
      let server = try await TandemServer(scratch, policy: ScriptedTests.trunks(trunks))
      let calling = try Sipp(scratch, caller, to: server.address, user: "1234")
      try await Sipp.succeed([calling] + trunks, server)
    }

    // MARK: Glare

    /// The caller's re-INVITE waits at the called party, which sends one of its own: ours is pending, so it gets 491 and comes
    /// back later.
    @Test(.timeLimit(.minutes(1))) func aReInviteThatMeetsOursIsToldToWait() async throws {
      let caller = SippScript.caller {
        $0.send("INVITE", sdp: .audio)
        $0.expectProgress()
        $0.expect(200)
        $0.acknowledge()
        $0.send("INVITE", sdp: .audio(2, "sendonly"))
        $0.expect(100, optional: true)
        $0.expect(200, body: "a=recvonly")
        $0.acknowledge(2)
        $0.expect("INVITE", body: "a=inactive")
        $0.respond("200 OK", sdp: .audio(3, "inactive"), isRepeated: true)
        $0.expect("ACK")
        $0.expect("BYE")
        $0.respond("200 OK")
      }
      let callee = SippScript.callee {
        $0.expect("INVITE")
        $0.respond("200 OK", sdp: .audio(1, formats: "8"), to: "invite", isRepeated: true)
        $0.expect("ACK")
        $0.expect("INVITE", body: "a=sendonly", as: "held")
        $0.send("INVITE", sdp: .audio(2, "inactive", formats: "8"))
        $0.expect(100, optional: true)
        $0.expect(491)
        $0.acknowledgeFailure()
        $0.respond("200 OK", sdp: .audio(2, "recvonly", formats: "8"), to: "held", isRepeated: true)
        $0.expect("ACK")
        $0.pause(300)
        $0.send("INVITE", sdp: .audio(3, "inactive", formats: "8"))
        $0.expect(100, optional: true)
        $0.expect(200, body: "a=inactive")
        $0.acknowledge()
        $0.send("BYE")
        $0.expect(200)
      }
      let (server, _, _) = try await Self.between(caller, callee)
      let records = try await server.records { $0.first?.ended != nil }
      #expect(records.first?.disconnect?.cause == "normal")
    }

    /// The peers answer our re-INVITE with 491. On the leg that we called we made the Call-ID and come back after 2.1 to 4 s, on
    /// the leg that called us within 2 s (RFC 3261 §14.1).
    @Test(.timeLimit(.minutes(1))) func aReInviteThatMeets491IsRepeated() async throws {
      let holding = SippScript.caller {
        $0.send("INVITE", sdp: .audio)
        $0.expectProgress()
        $0.expect(200)
        $0.acknowledge()
        $0.send("INVITE", sdp: .audio(2, "sendonly"))
        $0.expect(100, optional: true)
        $0.expect(200, body: "a=recvonly")
        $0.acknowledge()
        $0.send("BYE")
        $0.expect(200)
      }
      let refusingCallee = SippScript.callee {
        $0.expect("INVITE")
        $0.respond("200 OK", sdp: .audio(1, formats: "8"), to: "invite", isRepeated: true)
        $0.expect("ACK")
        $0.expect("INVITE", body: "a=sendonly")
        $0.respond("491 Request Pending")
        $0.expect("ACK")
        $0.expect("INVITE", body: "a=sendonly")
        $0.respond("200 OK", sdp: .audio(2, "recvonly", formats: "8"), isRepeated: true)
        $0.expect("ACK")
        $0.expect("BYE")
        $0.respond("200 OK")
      }
      let refusingCaller = SippScript.caller {
        $0.send("INVITE", sdp: .audio)
        $0.expectProgress()
        $0.expect(200)
        $0.acknowledge()
        $0.expect("INVITE", body: "a=sendonly")
        $0.respond("491 Request Pending")
        $0.expect("ACK")
        $0.expect("INVITE", body: "a=sendonly")
        $0.respond("200 OK", sdp: .audio(2, "recvonly"), isRepeated: true)
        $0.expect("ACK")
        $0.send("BYE")
        $0.expect(200)
      }
      let holdingCallee = SippScript.callee {
        $0.expect("INVITE")
        $0.respond("200 OK", sdp: .audio(1, formats: "8"), to: "invite", isRepeated: true)
        $0.expect("ACK")
        $0.send("INVITE", sdp: .audio(2, "sendonly", formats: "8"))
        $0.expect(100, optional: true)
        $0.expect(200, body: "a=recvonly")
        $0.acknowledge()
        $0.expect("BYE")
        $0.respond("200 OK")
      }
      async let toCallee = Self.between(holding, refusingCallee)
      async let toCaller = Self.between(refusingCaller, holdingCallee)
      for (peer, range) in [(try await toCallee.callee, 2.0...4.6), (try await toCaller.caller, 0.0...2.6)] {
        let offers = peer.received.filter {
          $0.message.method == "INVITE" && $0.message.body.contains("a=sendonly")
        }
        let refused = try #require(offers.first)
        let repeated = try #require(offers.last)
        #expect(refused.message.header("CSeq") != repeated.message.header("CSeq"))
        #expect(range.contains(repeated.time - refused.time), "\(repeated.time - refused.time) s")
      }
    }
  }
}
