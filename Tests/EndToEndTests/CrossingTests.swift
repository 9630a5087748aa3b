import Foundation
import TestCaller
import Testing

extension EndToEnd {
  /// Messages that cross on the wire, and transfers whose every step is known.
  @Suite(.tags(.scripted)) struct CrossingTests {
    static func policy(_ phones: [ScriptedPhone]) -> String {
      """
      trunks:
      \(phones.map { "  - { name: \($0.user), host: \($0.address), port: 5060, transport: udp, probe_interval: never }" }
      .joined(separator: "\n"))
      rules:
      \(phones.map { "  - { name: to \($0.user), priority: 10, match: '\($0.user)', to: { trunks: [\($0.user)] } }" }
      .joined(separator: "\n"))
      """
    }

    /// The caller gives up in the moment the callee answers. Whoever wins, both transactions end and nobody is left in a call.
    @Test(.timeLimit(.minutes(1)), arguments: 0..<12) func cancelCrossesTheAnswer(round: Int) async throws {
      let scratch = try Scratch()
      let (ann, ben) = (try ScriptedPhone("ann"), try ScriptedPhone("ben"))
      let server = try await TandemServer(scratch, policy: Self.policy([ben]))
      let invite = ann.invite("ben", at: server.address)
      let received = try await ben.waitForRequest("INVITE")
      ben.respond(to: received, "180 Ringing")
      _ = try await ann.waitForResponse(180...180, to: "INVITE")
      if round % 2 == 0 {
        ann.cancel(invite, at: server.address)
        ben.respond(to: received, "200 OK", withSDP: true)
      } else {
        ben.respond(to: received, "200 OK", withSDP: true)
        ann.cancel(invite, at: server.address)
      }
      _ = try await ann.waitForResponse(200...200, to: "CANCEL")
      let final = try await ann.waitForResponse(200...699, to: "INVITE")
      // The callee has answered: its call must be acknowledged and ended, whatever the caller was told.
      if final.status == 200 {
        ann.request("BYE", in: ann.established(by: final, of: invite))
        _ = try await ann.waitForResponse(200...200, to: "BYE")
      } else {
        #expect(final.status == 487)
        ann.acknowledge(failure: final, of: invite, at: server.address)
      }
      _ = try await ben.waitForRequest("ACK")
      _ = try await ben.waitForRequest("BYE")
      _ = try await server.records { $0.count == 1 && $0[0].ended != nil }
      #expect(try await server.answersOptions())
    }

    @Test(.timeLimit(.minutes(1)), arguments: 0..<6) func bothHangUpAtOnce(round: Int) async throws {
      let scratch = try Scratch()
      let (ann, ben) = (try ScriptedPhone("ann"), try ScriptedPhone("ben"))
      let server = try await TandemServer(scratch, policy: Self.policy([ben]))
      async let answering = ben.answer()
      let calling = try await ann.call("ben", at: server.address)
      let answered = try await answering
      if round % 2 == 0 {
        ann.request("BYE", in: calling)
        ben.request("BYE", in: answered)
      } else {
        ben.request("BYE", in: answered)
        ann.request("BYE", in: calling)
      }
      _ = try await ann.waitForResponse(200...200, to: "BYE")
      _ = try await ben.waitForResponse(200...200, to: "BYE")
      let records = try await server.records { $0.count == 1 && $0[0].ended != nil }
      #expect(records[0].disconnect?.cause == "normal")
    }

    @Test(.timeLimit(.minutes(1))) func aRepeatedByeIsAnsweredAgain() async throws {
      let scratch = try Scratch()
      let (ann, ben) = (try ScriptedPhone("ann"), try ScriptedPhone("ben"))
      let server = try await TandemServer(scratch, policy: Self.policy([ben]))
      async let answering = ben.answer()
      let calling = try await ann.call("ben", at: server.address)
      _ = try await answering
      ann.request("BYE", in: calling)
      _ = try await ann.waitForResponse(200...200, to: "BYE")
      // Another transaction for a dialog that is gone.
      ann.request("BYE", in: calling, sequence: 9)
      _ = try await ann.waitForResponse(481...481, to: "BYE")
    }

    /// Ann talks to Ben, asks Cid, and connects the two: REFER with Replaces (RFC 3891).
    @Test(.timeLimit(.minutes(1))) func aCallIsTransferredAfterAsking() async throws {
      let scratch = try Scratch()
      let (ann, ben, cid) = (try ScriptedPhone("ann"), try ScriptedPhone("ben"), try ScriptedPhone("cid"))
      let server = try await TandemServer(scratch, policy: Self.policy([ben, cid]))
      async let benAnswering = ben.answer()
      let toBen = try await ann.call("ben", at: server.address)
      let benCall = try await benAnswering
      async let cidAnswering = cid.answer()
      let toCid = try await ann.call("cid", at: server.address)
      let cidCall = try await cidAnswering

      let replaces =
        "\(toCid.callID)%3Bto-tag%3D\(tag(toCid.remote))%3Bfrom-tag%3D\(tag(toCid.local))"
      ann.request(
        "REFER", in: toBen,
        headers: [
          "Refer-To: <sip:cid@\(server.address)?Replaces=\(replaces)>",
          "Referred-By: <sip:ann@\(ann.address)>",
        ])
      _ = try await ann.waitForResponse(202...202, to: "REFER")
      do {
        _ = try await ann.wait("NOTIFY of success") {
          $0.method == "NOTIFY" && $0.body.contains("SIP/2.0 200")
        }
      } catch {
        let last = cid.messages.all.last?.text ?? ""
        let heard = [ann, ben, cid].map { phone in
          phone.user + ":\n"
            + phone.messages.all.map { "  \($0.startLine) [\($0.header("CSeq"))]" }.joined(separator: "\n")
        }
        throw HarnessError("\(error)\n\(last)\n\(heard.joined(separator: "\n"))\n\(server.output)")
      }
      _ = try await ann.waitForRequest("BYE", callID: toCid.callID)

      // What Ben says now, Cid hears, and the other way round; each speaks to where it was last told to.
      var number: UInt16 = 0
      let deadline = ContinuousClock.now + .seconds(8)
      while cid.audio.received.count == 0 || ben.audio.received.count == 0, ContinuousClock.now < deadline {
        for (phone, call, mark) in [(ben, benCall, 1), (cid, cidCall, 2)]
          as [(ScriptedPhone, ScriptedPhone.Call, UInt8)]
        {
          let target = try #require(latestMedia(phone, call))
          phone.audio.send(
            RTPPacket(
              payloadType: 8, sequenceNumber: number, timestamp: UInt32(number) * 160, ssrc: UInt32(mark),
              payload: Array(repeating: mark, count: 160)), to: target)
        }
        number += 1
        // The pace of a phone's packets.
        try await Task.sleep(for: .milliseconds(20))
      }
      #expect(cid.audio.received.all.first?.payload.first == 1)
      #expect(ben.audio.received.all.first?.payload.first == 2)
      cid.request("BYE", in: cidCall, sequence: 50)
      _ = try await ben.waitForRequest("BYE", callID: benCall.callID)
    }

    private func tag(_ header: String) -> String { header.components(separatedBy: ";tag=").last ?? "" }

    /// Where the phone was last told to send its audio.
    private func latestMedia(
      _ phone: ScriptedPhone, _ call: ScriptedPhone.Call
    ) -> (address: String, port: UInt16)? {
      let told = phone.messages.all.last { $0.header("Call-ID") == call.callID && $0.audio != nil }
      return told?.audio ?? call.media.audio
    }
  }
}
