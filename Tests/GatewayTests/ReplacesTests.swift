import CallModel
import PolicyEngine
import Router
import Testing

@testable import Gateway
@testable import SIP

/// Replaces on the wire (RFC 3891): picking up a call that rings elsewhere.
@Suite struct ReplacesTests {
  let bench: SIPBench
  let ann: SIPPeer
  let bob: SIPPeer
  let otherBob: SIPPeer
  let carol: SIPPeer

  init() throws {
    var globals = Globals()
    globals.sipUDPEnabled = true
    globals.domain = "example.org"
    let devices = ["ann", "bob", "carol"].map {
      Device(alias: "\($0)@example.org", username: $0, password: Secret("secret"), allowsSIP: true)
    }
    bench = try SIPBench(
      Policy(
        globals: globals, devices: devices,
        rules: [rule("(ann|bob|carol)@example.org", target: .registration)]))
    (ann, bob) = (bench.peer("192.0.2.10:5060"), bench.peer("192.0.2.11:5060"))
    (otherBob, carol) = (bench.peer("192.0.2.21:5060"), bench.peer("192.0.2.12:5060"))
    ann.registers("ann")
    bob.registers("bob")
    otherBob.registers("bob")
    carol.registers("carol")
  }

  /// Ann calls Bob; Bob's phones ring. Our INVITE to the first of them.
  private func ring() throws -> SIPRequest {
    ann.sends(.invite, "sip:bob@example.org", from: "sip:ann@example.org", body: sdp("192.0.2.10"))
    let invite = try #require(bob.request(.invite))
    bob.answers(invite, 180)
    otherBob.answers(try #require(otherBob.request(.invite)), 180)
    _ = (ann.take(), bob.take(), otherBob.take(), carol.take())
    return invite
  }

  private func replacing(_ invite: SIPRequest, _ rest: String = "") -> [(SIPHeaderName, String)] {
    [(.replaces, "\(invite.headers.callID!);to-tag=\(invite.headers.fromTag!);from-tag=p5060\(rest)")]
  }

  private func picks(_ peer: SIPPeer, _ headers: [(SIPHeaderName, String)]) -> Int? {
    peer.sends(
      .invite, "sip:bob@192.0.2.1", from: peer === carol ? "sip:carol@example.org" : "sip:x@y.example",
      headers: headers, body: sdp("192.0.2.12", port: 32000))
    return peer.takeResponses().last?.status
  }

  @Test(arguments: ["", ";early-only"])
  func aRingingCallIsPickedUp(_ rest: String) throws {
    let invite = try ring()
    #expect(picks(carol, replacing(invite, rest)) == 200)
    let answer = try #require(ann.takeResponses().last)
    #expect(answer.status == 200 && !answer.body.isEmpty)
    for phone in [bob, otherBob] {
      let cancel = try #require(phone.request(.cancel))
      #expect(cancel.headers.all(.reason).contains { $0.contains("cause=200") })
      phone.answers(try #require(phone.request(.invite)), 487)
    }
    ann.sends(
      .ack, "sip:192.0.2.1", from: answer.headers[.from]!, to: answer.headers[.to]!,
      callID: answer.headers.callID)
    #expect(bench.ledger.calls.count == 1)
    ann.sends(
      .bye, "sip:192.0.2.1", from: answer.headers[.from]!, to: answer.headers[.to]!,
      callID: answer.headers.callID, sequence: 2)
    // Carol has not acknowledged yet: her BYE waits for that, and comes at last without it.
    bench.pass(.seconds(40))
    #expect(carol.request(.bye) != nil && bench.host.callCount == 0 && bench.ledger.calls.isEmpty)
    bench.pass(.seconds(60))
    #expect(bench.endpoint.agent.sessionCount == 0 && bench.endpoint.agent.lingeringSessionCount == 0)
  }

  @Test func onlyWhoIsKnownMayPickUp() throws {
    let invite = try ring()
    #expect(picks(bench.peer("192.0.2.66:5060"), replacing(invite)) == 403)
    #expect(bob.request(.cancel) == nil && ann.takeResponses().isEmpty)
  }

  @Test func theCallersOwnEarlyDialogIsNotOursToReplace() throws {
    let invite = try ring()
    let leg = try #require(
      bench.endpoint.legs.values.first { $0.party.isIncoming && $0.party.alias.contains("ann") })
    let session = try #require(leg.session.flatMap { bench.endpoint.agent.sessions[$0] })
    let value = "\(session.callID);to-tag=\(session.localTag);from-tag=\(session.dialogs[0].remoteTag)"
    #expect(picks(carol, [(.replaces, value)]) == 481)
    // Nor is one that nobody has.
    var wrong = replacing(invite)
    wrong[0].1 += "x"
    #expect(picks(carol, wrong) == 481)
    #expect(bob.request(.cancel) == nil && bench.ledger.calls.count == 1)
  }

  @Test func earlyOnlyDoesNotTakeAnAnsweredCall() throws {
    let invite = try ring()
    bob.answers(invite, 200, body: sdp("192.0.2.11", port: 30000))
    #expect(picks(carol, replacing(invite, ";early-only")) == 486)
    #expect(bob.request(.bye) == nil && ann.takeResponses().last?.status == 200)
  }

  @Test func aDialogThatIsOverIsDeclined() throws {
    let invite = try ring()
    bob.answers(invite, 200, body: sdp("192.0.2.11", port: 30000))
    bench.ledger.endAll(Disconnect(.shutdown))
    bench.settle()
    #expect(bob.request(.bye) != nil && picks(carol, replacing(invite)) == 603)
    // Of one that is forgotten nothing is known.
    bob.answers(try #require(bob.request(.bye)), 200)
    bench.pass(.seconds(60))
    #expect(picks(carol, replacing(invite)) == 481)
  }

  @Test func anAnswerThatCrossesThePickUpIsAcknowledgedAndEnded() throws {
    let invite = try ring()
    #expect(picks(carol, replacing(invite)) == 200)
    bob.answers(invite, 200, body: sdp("192.0.2.11", port: 30000))
    #expect(bob.request(.ack) != nil && bob.request(.bye) != nil)
    #expect(bench.ledger.calls.count == 1 && carol.request(.bye) == nil)
  }

  // MARK: REFER with the Replaces of a call that is none of ours

  /// Ann and Bob talk; Bob asks that Ann be connected to this target. The final status of the REFER.
  private func refer(_ target: String) throws -> Int? {
    let invite = try ring()
    bob.answers(invite, 200, body: sdp("192.0.2.11", port: 30000))
    otherBob.answers(try #require(otherBob.request(.invite)), 487)
    let answer = try #require(ann.takeResponses().last)
    ann.sends(
      .ack, "sip:192.0.2.1", from: answer.headers[.from]!, to: answer.headers[.to]!,
      callID: answer.headers.callID)
    _ = bob.take()
    bob.sends(
      .refer, "sip:192.0.2.1", from: "\(invite.headers[.to]!);tag=p5060", to: invite.headers[.from]!,
      callID: invite.headers.callID, headers: [(.referTo, target), (.contact, "<sip:\(bob.address)>")])
    return bob.takeResponses().last?.status
  }

  /// What Bob was told of the new call last.
  private var told: String? {
    bob.request(.notify).map { String(decoding: $0.body.prefix(11), as: UTF8.self) }
  }

  private static let foreign =
    "<sip:carol@example.org?Replaces=one%40elsewhere.example%3Bto-tag%3Dtheirs%3Bfrom-tag%3Dbobs>"

  @Test func aForeignDialogIsReplacedByTheCallThatIsRouted() throws {
    #expect(try refer(Self.foreign) == 202)
    let invite = try #require(carol.request(.invite))
    #expect(invite.headers.all(.replaces) == ["one@elsewhere.example;to-tag=theirs;from-tag=bobs"])
    #expect(invite.headers.hasToken(.require, "replaces") && invite.uri.headers == nil)
    #expect(invite.headers.from?.uri == SIPURI("sip:ann@example.org"))
    carol.answers(invite, 200, body: sdp("192.0.2.12", port: 32000))
    #expect(told == "SIP/2.0 200")
    ann.answers(try #require(ann.request(.invite)), 200, body: sdp("192.0.2.10"))
    #expect(bob.request(.bye) != nil && bench.ledger.calls.count == 1)
  }

  @Test(arguments: [420, 481])
  func aTargetThatCannotReplaceItIsNotCalledBlindly(_ status: Int) throws {
    #expect(try refer(Self.foreign) == 202)
    carol.answers(try #require(carol.request(.invite)), status, headers: [(.unsupported, "replaces")])
    #expect(told == "SIP/2.0 \(status)")
    // No second attempt, and the call stands.
    let attempts = bench.sent.count { item in
      guard case .request(let request) = item.message, request.method == .invite else { return false }
      return item.hop.remote == carol.address
    }
    #expect(attempts == 1 && bob.request(.bye) == nil && ann.request(.bye) == nil)
  }

  @Test func aReplacesThatCannotBeReadIsRefused() throws {
    #expect(try refer("<sip:carol@example.org?Replaces=one%40elsewhere.example%3Bto-tag%3Dtheirs>") == 400)
    #expect(carol.request(.invite) == nil)
  }

  // MARK: REFER with the Replaces of another call of ours

  /// Ann and Bob talk, and Bob calls Carol, who rings or answers; then Bob asks that the two be connected. The final status of
  /// the REFER.
  private func consult(isAnswered: Bool) throws -> Int? {
    let invite = try ring()
    bob.answers(invite, 200, body: sdp("192.0.2.11", port: 30000))
    otherBob.answers(try #require(otherBob.request(.invite)), 487)
    let answer = try #require(ann.takeResponses().last)
    ann.sends(
      .ack, "sip:192.0.2.1", from: answer.headers[.from]!, to: answer.headers[.to]!,
      callID: answer.headers.callID)
    _ = bob.take()
    bob.sends(.invite, "sip:carol@example.org", from: "sip:bob@example.org", body: sdp("192.0.2.11"))
    let consultation = try #require(carol.request(.invite))
    carol.answers(consultation, 180)
    if isAnswered { carol.answers(consultation, 200, body: sdp("192.0.2.12", port: 32000)) }
    let second = try #require(bob.takeResponses().last)
    #expect(second.status == (isAnswered ? 200 : 180))
    if isAnswered {
      bob.sends(
        .ack, "sip:192.0.2.1", from: second.headers[.from]!, to: second.headers[.to]!,
        callID: second.headers.callID)
    }
    let tags = "%3Bto-tag%3D\(second.headers.toTag!)%3Bfrom-tag%3D\(second.headers.fromTag!)"
    let callID = second.headers.callID!.replacing("@", with: "%40")
    bob.sends(
      .refer, "sip:192.0.2.1", from: "\(invite.headers[.to]!);tag=p5060", to: invite.headers[.from]!,
      callID: invite.headers.callID,
      headers: [
        (.referTo, "<sip:carol@192.0.2.1?Replaces=\(callID)\(tags)>"), (.contact, "<sip:\(bob.address)>"),
      ])
    return bob.takeResponses().last { $0.headers.cSeq?.method == .refer }?.status
  }

  @Test(arguments: [200, 488, 500])
  func aTargetIsReInvitedAndLeftAloneIfItRefuses(_ status: Int) throws {
    #expect(try consult(isAnswered: true) == 202)
    let offer = try #require(carol.request(.invite))
    #expect(offer.headers.toTag == "p5060" && bob.request(.bye) == nil)
    carol.answers(
      offer, status, body: status == 200 ? sdp("192.0.2.12", port: 32000) : nil, tag: offer.headers.toTag)
    if status == 200 {
      ann.answers(
        try #require(ann.request(.invite)), 200, body: sdp("192.0.2.10"),
        tag: ann.request(.invite)?.headers.toTag)
      #expect(told == "SIP/2.0 200" && bench.ledger.calls.count == 1)
      let byes = bench.sent.count { item in
        guard case .request(let request) = item.message, request.method == .bye else { return false }
        return item.hop.remote == bob.address
      }
      #expect(byes == 2 && carol.request(.bye) == nil && ann.request(.bye) == nil)
    } else {
      if status == 488 {
        // Once more, encrypted.
        let again = try #require(carol.request(.invite))
        #expect(String(decoding: again.body, as: UTF8.self).contains("RTP/SAVP"))
        carol.answers(again, status, tag: again.headers.toTag)
      }
      #expect(told == "SIP/2.0 \(status)")
      for phone in [ann, bob, carol] { #expect(phone.request(.bye) == nil) }
      #expect(bench.ledger.calls.count == 2)
    }
  }

  @Test func aConsultationThatRingsIsCalledAnew() throws {
    #expect(try consult(isAnswered: false) == 202)
    #expect(carol.request(.cancel) != nil && bob.takeResponses().isEmpty)
    let invite = try #require(carol.request(.invite))
    #expect(invite.headers.from?.uri == SIPURI("sip:ann@example.org") && !invite.headers.contains(.replaces))
    carol.answers(invite, 200, body: sdp("192.0.2.12", port: 32000))
    ann.answers(
      try #require(ann.request(.invite)), 200, body: sdp("192.0.2.10"),
      tag: ann.request(.invite)?.headers.toTag)
    #expect(bob.request(.bye) != nil && bench.ledger.calls.count == 1)
  }
}
