import CallModel
import PolicyEngine
import Router
import Testing

@testable import Gateway
@testable import SIP

/// A caller who was answered early by one device and finally by another, on the wire.
@Suite struct EarlyAnswerTests {
  let bench: SIPBench
  let ann: SIPPeer
  let one: SIPPeer
  let two: SIPPeer

  init() throws {
    var globals = Globals()
    globals.sipUDPEnabled = true
    globals.domain = "example.org"
    let devices = ["ann", "bob"].map {
      Device(alias: "\($0)@example.org", username: $0, password: Secret("secret"), allowsSIP: true)
    }
    bench = try SIPBench(
      Policy(globals: globals, devices: devices, rules: [rule("bob@example.org", target: .registration)]))
    (ann, one, two) = (
      bench.peer("192.0.2.10:5060"), bench.peer("192.0.2.11:5060"), bench.peer("192.0.2.12:5060")
    )
    ann.registers("ann")
    one.registers("bob")
    two.registers("bob")
    _ = ann.take()
  }

  private func call(_ headers: [(SIPHeaderName, String)] = []) {
    ann.sends(
      .invite, "sip:bob@example.org", from: "sip:ann@example.org", headers: headers,
      body: sdp("192.0.2.10", codecs: "8 0"))
  }

  private func acknowledge(_ answer: SIPResponse) {
    ann.sends(
      .ack, "sip:192.0.2.1", from: answer.headers[.from]!, to: answer.headers[.to]!,
      callID: answer.headers.callID)
  }

  private func formats(_ body: [UInt8]) -> Substring? {
    String(decoding: body, as: UTF8.self).split(separator: "\r\n").first { $0.hasPrefix("m=audio") }?
      .split(separator: "AVP ").last
  }

  @Test func theFirstAnswerIsRepeatedAndTheWinnersOfferedAfterTheACK() throws {
    call()
    one.answers(try #require(one.request(.invite)), 183, body: sdp("192.0.2.11", port: 30000, codecs: "8"))
    let early = try #require(ann.takeResponses().last)
    #expect(early.status == 183 && formats(early.body) == "8 101")
    two.answers(try #require(two.request(.invite)), 200, body: sdp("192.0.2.12", port: 31000, codecs: "0"))
    let answer = try #require(ann.takeResponses().last)
    #expect(answer.status == 200 && answer.body == early.body && ann.request(.invite) == nil)
    acknowledge(answer)
    let offer = try #require(ann.request(.invite))
    #expect(formats(offer.body) == "0 101")
    // The next version of the same session.
    #expect(String(decoding: offer.body, as: UTF8.self).contains(" 2 IN IP4"))
    ann.answers(offer, 200, body: sdp("192.0.2.10", codecs: "0"), tag: answer.headers.fromTag)
    #expect(ann.request(.ack) != nil && two.request(.invite)?.headers.cSeq?.number == 1)
    #expect(bench.ledger.calls.count == 1 && two.request(.bye) == nil)
  }

  @Test(arguments: [false, true], [nil, "INVITE, ACK, BYE, CANCEL, PRACK, UPDATE"])
  func whatWasAnsweredReliablyIsNotSaidAgainInThe200(_ isAnsweredFirst: Bool, _ allow: String?) throws {
    call([(.supported, "100rel")] + (allow.map { [(.allow, $0)] } ?? []))
    one.answers(try #require(one.request(.invite)), 183, body: sdp("192.0.2.11", port: 30000, codecs: "8"))
    let early = try #require(ann.takeResponses().last)
    let number = try #require(early.headers.rSeq)
    let prack = {
      _ = ann.sends(
        .prack, "sip:192.0.2.1", from: early.headers[.from]!, to: early.headers[.to]!,
        callID: early.headers.callID, sequence: 2, headers: [(.rAck, "\(number) 1 INVITE")])
    }
    if !isAnsweredFirst { prack() }
    two.answers(try #require(two.request(.invite)), 200, body: sdp("192.0.2.12", port: 31000, codecs: "0"))
    if isAnsweredFirst {
      #expect(ann.takeResponses().isEmpty && ann.request(.update) == nil)
      prack()
    }
    let answer = try #require(ann.takeResponses().last { $0.headers.cSeq?.method == .invite })
    #expect(answer.status == 200 && answer.body.isEmpty && ann.request(.invite) == nil)
    acknowledge(answer)
    #expect(formats(try #require(ann.request(.invite)).body) == "0 101")
  }

  @Test func aWinnerThatAgreesWithTheFirstAnswerNeedsNothing() throws {
    call()
    one.answers(try #require(one.request(.invite)), 183, body: sdp("192.0.2.11", port: 30000))
    let early = try #require(ann.takeResponses().last)
    two.answers(try #require(two.request(.invite)), 200, body: sdp("192.0.2.12", port: 31000))
    let answer = try #require(ann.takeResponses().last)
    #expect(answer.body == early.body)
    acknowledge(answer)
    #expect(ann.request(.invite) == nil)
  }

  /// A proxy behind the device forks: two early dialogs of one INVITE, each with a reliable answer, and a 200 without any.
  @Test func theAnswerIsTheOneOfTheDialogThatWon() throws {
    call()
    let invite = try #require(one.request(.invite))
    for (tag, port, codec) in [("x", 30000, "8"), ("y", 31000, "0")] {
      one.answers(
        invite, 183, body: sdp("192.0.2.11", port: port, codecs: codec),
        headers: [(.require, "100rel"), (.rSeq, "1")], tag: tag)
    }
    one.answers(invite, 200, tag: "x")
    let call = try #require(bench.endpoint.legs.values.compactMap { bench.host.call(with: $0.id) }.first)
    #expect(call.phase == .connected)
    #expect(call.media?.slots[0].b.remote?.address.port == 30000)
    #expect(formats(try #require(ann.takeResponses().last).body) == "8 101")
  }
}
