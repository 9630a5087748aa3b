import Foundation
import Testing

/// Session timers run out in real time (RFC 4028). No session may be shorter than 90 s, so this one test takes a minute; it needs
/// next to nothing of the machine and is not one of ``EndToEnd``, beside which it runs.
@Suite(.tags(.scripted)) struct SessionTimerTests {
  private static let silent = """
    globals:
      sip: { session_expires: 90s }
      # Nobody sends media here.
      media: { timeout: never }

    """
  private static let updates = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE"

  /// After half the interval we refresh where it is ours to do so, and in the way the peer knows; after two thirds of it we hang
  /// up where the peer should have done so and has not (§7.2, §10).
  @Test(.timeLimit(.minutes(2))) func whoeverHasToRefreshesOrTheCallEnds() async throws {
    // Both want us to refresh: one knows UPDATE, the other does not.
    let byUpdate = SippScript.caller {
      $0.send(
        "INVITE", ["Supported: timer", Self.updates, "Session-Expires: 90;refresher=uas"], sdp: .audio)
      $0.expectProgress()
      $0.expect(200, ["Session-Expires": "^ *90;refresher=uas"])
      $0.acknowledge()
      $0.expect(
        "UPDATE", ["Session-Expires": "^ *90;refresher=uac", "Supported": "timer"], lacking: ["m=audio"])
      $0.respond("200 OK", ["Session-Expires: 90;refresher=uac", "Require: timer"])
      $0.expect("BYE")
      $0.respond("200 OK")
    }
    let byReInvite = SippScript.callee {
      $0.expect("INVITE", ["Session-Expires": "^ *90", "Supported": "timer"])
      $0.respond(
        "200 OK", ["Allow: INVITE, ACK, BYE, CANCEL", "Session-Expires: 90;refresher=uac", "Require: timer"],
        sdp: .audio(1, formats: "8"), isRepeated: true)
      $0.expect("ACK")
      $0.expect("INVITE", ["Session-Expires": "^ *90;refresher=uac"], body: "m=audio [1-9]")
      $0.respond(
        "200 OK", ["Session-Expires: 90;refresher=uac", "Require: timer"], sdp: .audio(1, formats: "8"),
        isRepeated: true)
      $0.expect("ACK")
      // Refreshed, and nothing else: the call is still up.
      $0.pause(1000)
      $0.send("BYE")
      $0.expect(200)
    }
    // The caller refreshes once and then no more; the called party has never heard of timers, and we refresh for it.
    let stopsRefreshing = SippScript.caller {
      $0.send(
        "INVITE", ["Supported: timer", Self.updates, "Session-Expires: 90;refresher=uac"], sdp: .audio)
      $0.expectProgress()
      $0.expect(200, ["Session-Expires": "^ *90;refresher=uac", "Require": "timer"])
      $0.acknowledge()
      $0.pause(2000)
      $0.send("UPDATE", ["Supported: timer", "Session-Expires: 90;refresher=uac"])
      $0.expect(200, ["Session-Expires": "^ *90;refresher=uac", "Require": "timer"])
      $0.expect("BYE", ["Reason": "SIP *; *cause=408"])
      $0.respond("200 OK")
    }
    let withoutTimer = SippScript.callee {
      $0.expect("INVITE", ["Session-Expires": "^ *90"])
      $0.respond(
        "200 OK", ["Allow: INVITE, ACK, BYE, CANCEL"], sdp: .audio(1, formats: "8"), isRepeated: true)
      $0.expect("ACK")
      $0.expect("INVITE", ["Session-Expires": "^ *90"])
      $0.respond("200 OK", sdp: .audio(1, formats: "8"), isRepeated: true)
      $0.expect("ACK")
      $0.expect("BYE", ["Reason": "cause="])
      $0.respond("200 OK")
    }
    // The called party says that it will refresh, and does not.
    let unaware = SippScript.caller {
      $0.send("INVITE", [Self.updates], sdp: .audio)
      $0.expectProgress()
      $0.expect(200)
      $0.acknowledge()
      $0.expect("UPDATE", ["Session-Expires": "^ *90"])
      $0.respond("200 OK")
      $0.expect("BYE", ["Reason": "cause="])
      $0.respond("200 OK")
    }
    let neverRefreshes = SippScript.callee {
      $0.expect("INVITE")
      $0.respond(
        "200 OK", [Self.updates, "Session-Expires: 90;refresher=uas"], sdp: .audio(1, formats: "8"),
        isRepeated: true)
      $0.expect("ACK")
      $0.expect("BYE", ["Reason": "SIP *; *cause=408"])
      $0.respond("200 OK")
    }
    let scratch = try Scratch()
    let one = try Sipp(scratch, byReInvite, seconds: 90)
    let two = try Sipp(scratch, withoutTimer, seconds: 90)
    let three = try Sipp(scratch, neverRefreshes, seconds: 90)
    let server = try await TandemServer(
      scratch, policy: Self.silent + Policies.trunks(["one": one, "two": two, "three": three]))
    let callers = [
      try Sipp(scratch, byUpdate, to: server.address, user: "one", seconds: 90),
      try Sipp(scratch, stopsRefreshing, to: server.address, user: "two", seconds: 90),
      try Sipp(scratch, unaware, to: server.address, user: "three", seconds: 90),
    ]
    try await Sipp.succeed(callers + [one, two, three], server, within: .seconds(80))
    let records = try await server.records { $0.count == 3 && $0.allSatisfy { $0.ended != nil } }
    #expect(
      records.map { $0.disconnect?.cause ?? "" }.sorted() == ["normal", "sessionExpired", "sessionExpired"])

    // When: half of 90 s, and 90 s less 30.
    let refresh = try #require(
      callers[0].received.first { $0.message.method == "UPDATE" && !$0.message.isResponse })
    let answer = try #require(callers[0].received.first { $0.message.isResponse && $0.message.status == 200 })
    #expect(abs(refresh.time - answer.time - 45) < 2)
    let end = try #require(three.received.last { $0.message.method == "BYE" })
    let start = try #require(three.received.first { $0.message.method == "ACK" })
    #expect(abs(end.time - start.time - 60) < 2)
  }
}

extension EndToEnd {
  @Suite(.tags(.scripted)) struct SessionIntervalTests {
    /// Too short for us, and what we ask for too short for the called party: each is told the least it takes (422) and the
    /// request comes again with it (RFC 4028 §7.3, §8.1).
    @Test(.timeLimit(.minutes(1))) func aSessionTooShortIsAskedForAgain() async throws {
      let caller = SippScript.caller {
        $0.send("INVITE", ["Supported: timer", "Session-Expires: 100", "Min-SE: 90"], sdp: .audio)
        $0.expect(100, optional: true)
        $0.expect(422, ["Min-SE": "^ *120$"])
        $0.acknowledgeFailure()
        $0.send("INVITE", ["Supported: timer", "Session-Expires: 120", "Min-SE: 120"], sdp: .audio)
        $0.expectProgress()
        $0.expect(200, ["Session-Expires": "^ *120;refresher=(uac|uas)"])
        $0.acknowledge()
        $0.send("UPDATE", ["Supported: timer", "Session-Expires: 90;refresher=uac"])
        $0.expect(422, ["Min-SE": "^ *120$"])
        $0.send("BYE")
        $0.expect(200)
      }
      let callee = SippScript.callee {
        $0.expect("INVITE", ["Session-Expires": "^ *200", "Min-SE": "^ *120$"])
        $0.respond("422 Session Interval Too Small", ["Min-SE: 3600"])
        $0.expect("ACK")
        $0.expect("INVITE", ["Session-Expires": "^ *3600", "Min-SE": "^ *3600$", "CSeq": "^ *2 INVITE"])
        $0.respond(
          "200 OK", ["Session-Expires: 3600;refresher=uas"], sdp: .audio(1, formats: "8"), isRepeated: true)
        $0.expect("ACK")
        $0.expect("BYE")
        $0.respond("200 OK")
      }
      let scratch = try Scratch()
      let answering = try Sipp(scratch, callee)
      let server = try await TandemServer(
        scratch,
        policy: "globals: { sip: { session_expires: 200s, minimum_session_expires: 120s } }\n"
          + Policies.trunks(["one": answering]))
      let calling = try Sipp(scratch, caller, to: server.address, user: "one")
      try await Sipp.succeed([calling, answering], server)
    }
  }
}
