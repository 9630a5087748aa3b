import Foundation
import Testing

extension EndToEnd {
  /// Participants of rooms that send others in their place, as their phones do it: REFER (RFC 3515, RFC 5589).
  @Suite(.tags(.scripted)) struct RoomTransferTests {
    private static func policy(_ phones: [ScriptedPhone]) -> String {
      "services: [{ name: Open, type: conference, aliases: [open] }]\n" + CrossingTests.policy(phones)
    }

    private func roster(_ server: TandemServer, has name: String, count: Int) async throws {
      var output = ""
      let deadline = ContinuousClock.now + .seconds(10)
      repeat {
        output = try await server.tandem("conferences", "show", "Open", "--state", server.state).output
        if output.contains(name), output.split(separator: "\n").count == count + 1 { return }
      } while ContinuousClock.now < deadline
      throw HarnessError("\(name) is not one of \(count) in the room:\n\(output)\n\(server.output)")
    }

    private func notified(_ phone: ScriptedPhone, _ status: Int) async throws {
      _ = try await phone.wait("NOTIFY of \(status)") {
        $0.method == "NOTIFY" && $0.body.contains("SIP/2.0 \(status)")
      }
    }

    @Test(.timeLimit(.minutes(1))) func whoIsCalledTakesThePlace() async throws {
      let (ann, ben, eve) = (try ScriptedPhone("ann"), try ScriptedPhone("ben"), try ScriptedPhone("eve"))
      let server = try await TandemServer(try Scratch(), policy: Self.policy([ben]))
      let inRoom = try await ann.call("open", at: server.address)
      let eves = try await eve.call("open", at: server.address)
      ann.request("REFER", in: inRoom, headers: ["Refer-To: <sip:ben@\(server.address)>"])
      _ = try await ann.waitForResponse(202...202, to: "REFER")
      let invite = try await ben.waitForRequest("INVITE")
      ben.respond(to: invite, "180 Ringing")
      try await notified(ann, 180)
      ben.respond(to: invite, "200 OK", withSDP: true)
      _ = try await ben.waitForRequest("ACK")
      try await notified(ann, 200)
      _ = try await ann.waitForRequest("BYE", callID: inRoom.callID)
      try await roster(server, has: "ben", count: 2)
      eve.request("BYE", in: eves)
      try await roster(server, has: "ben", count: 1)
      ben.request("BYE", in: ben.answered(invite))
      let records = try await server.records { $0.count == 3 && $0.allSatisfy { $0.ended != nil } }
      #expect(records.contains { $0.disconnect?.cause == "transferred" })
    }

    @Test(.timeLimit(.minutes(1))) func whoIsRefusedStays() async throws {
      let (ann, ben) = (try ScriptedPhone("ann"), try ScriptedPhone("ben"))
      let server = try await TandemServer(try Scratch(), policy: Self.policy([ben]))
      let inRoom = try await ann.call("open", at: server.address)
      ann.request("REFER", in: inRoom, headers: ["Refer-To: <sip:ben@\(server.address)>"])
      _ = try await ann.waitForResponse(202...202, to: "REFER")
      ben.respond(to: try await ben.waitForRequest("INVITE"), "486 Busy Here")
      try await notified(ann, 486)
      try await roster(server, has: "ann", count: 1)
      ann.request("BYE", in: inRoom, sequence: 50)
      _ = try await ann.waitForResponse(200...200, to: "BYE")
      _ = try await server.records { $0.count == 2 && $0.allSatisfy { $0.ended != nil } }
    }

    /// The consultation call joins the room, whichever of the two calls the phone sends its REFER in.
    @Test(.timeLimit(.minutes(1)), arguments: [false, true])
    func whoWasAskedFirstTakesThePlace(inConsultation: Bool) async throws {
      let (ann, ben, eve) = (try ScriptedPhone("ann"), try ScriptedPhone("ben"), try ScriptedPhone("eve"))
      let server = try await TandemServer(try Scratch(), policy: Self.policy([ben]))
      let eves = try await eve.call("open", at: server.address)
      let inRoom = try await ann.call("open", at: server.address)
      async let answering = ben.answer()
      let asking = try await ann.call("ben", at: server.address)
      let bens = try await answering
      let (asked, replaced) = inConsultation ? (asking, inRoom) : (inRoom, asking)
      func tag(_ header: String) -> String { header.components(separatedBy: ";tag=").last ?? "" }
      let replaces =
        "\(replaced.callID)%3Bto-tag%3D\(tag(replaced.remote))%3Bfrom-tag%3D\(tag(replaced.local))"
      ann.request(
        "REFER", in: asked, headers: ["Refer-To: <sip:x@\(server.address)?Replaces=\(replaces)>"])
      _ = try await ann.waitForResponse(202...202, to: "REFER")
      try await notified(ann, 200)
      _ = try await ann.waitForRequest("BYE", callID: inRoom.callID)
      _ = try await ann.waitForRequest("BYE", callID: asking.callID)
      // It was not called anew: its dialog goes on in the room.
      try await roster(server, has: "ben", count: 2)
      #expect(ben.messages.all.filter { $0.method == "INVITE" && $0.tag("To").isEmpty }.count == 1)
      ben.request("BYE", in: bens, sequence: 50)
      _ = try await ben.waitForResponse(200...200, to: "BYE")
      try await roster(server, has: "eve", count: 1)
      eve.request("BYE", in: eves)
      let records = try await server.records { $0.count == 3 && $0.allSatisfy { $0.ended != nil } }
      #expect(records.contains { $0.disconnect?.cause == "transferred" })
    }
  }
}
