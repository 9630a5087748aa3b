import CallModel
import Testing

@testable import SIP

@Suite struct ClientLayerTests {
  private func response(_ status: Int, to request: SIPRequest?, toTag: String = "bob") throws -> SIPMessage {
    .response(SIPResponse(to: try #require(request), status: status, toTag: toTag))
  }

  @Test func viaIsOnTopWithCookieAndRport() throws {
    var party = TransactionParty()
    var request = TransactionParty.request(.options)
    request.headers.append(.via, "SIP/2.0/UDP other;branch=z9hG4bKold")
    _ = party.send(request)
    let sent = try #require(party.sent.first?.asRequest)
    let via = try #require(sent.headers.topVia)
    #expect(via.transport == .udp)
    #expect(via.host == .ip(.v4(0xc000_0201)))
    #expect(via.port == 5060)
    #expect(sent.headers.topBranch?.hasPrefix("z9hG4bK") == true)
    #expect(via.parameters.contains { $0.name == "rport" && $0.value == nil })
    #expect(sent.headers.fields.first?.name == .via)
    #expect(sent.headers.vias.count == 2)
  }

  @Test func branchesAreUniqueAndSurviveTheSlotBeingUsedAgain() throws {
    var party = TransactionParty(.tcp)
    var seen = Set<String>()
    for _ in 0..<200 {
      _ = party.send(TransactionParty.request(.options))
      let request = try #require(party.sent.first?.asRequest)
      #expect(seen.insert(try #require(request.headers.topBranch)).inserted)
      party.receive(try response(200, to: request))
      #expect(party.events() == ["send OPTIONS", "response 200", "client terminated"])
    }
    #expect(party.layer.clientTransactionCount == 0)
    #expect(party.layer.nextDeadline == nil)
  }

  @Test func repeatedBytesAreTheSameBytes() {
    var party = TransactionParty()
    _ = party.send(TransactionParty.request(.invite, body: Array("v=0\r\n".utf8)))
    party.advance(.seconds(40))
    let bytes = party.outputs.compactMap { if case .send(let bytes, _) = $0 { bytes } else { nil } }
    #expect(bytes.count == 7)
    #expect(Set(bytes).count == 1)
    #expect(
      party.events() == [String](repeating: "send INVITE", count: 7) + ["timed out", "client terminated"])
    #expect(party.layer.nextDeadline == nil)
  }

  @Test func refusedInviteIsAcknowledgedByTheLayer() throws {
    var party = TransactionParty()
    _ = party.send(TransactionParty.request(.invite, cSeq: 314))
    let invite = try #require(party.sent.first?.asRequest)
    _ = party.events()
    party.receive(try response(486, to: invite))
    let ack = try #require(party.sent.first?.asRequest)
    #expect(party.events() == ["send ACK", "response 486"])
    #expect(ack.uri == invite.uri)
    #expect(ack.headers[.via] == invite.headers[.via])
    #expect(ack.headers.vias.count == 1)
    #expect(ack.headers[.route] == invite.headers[.route])
    #expect(ack.headers[.from] == invite.headers[.from])
    #expect(ack.headers[.to] == "<sip:bob@example.org>;tag=bob")
    #expect(ack.headers[.callID] == invite.headers[.callID])
    #expect(ack.headers[.cSeq] == "314 ACK")
    #expect(ack.headers[.maxForwards] == "70")
    #expect(!ack.headers.contains(.contact))
    #expect(ack.body.isEmpty)
    // Lost: the peer repeats, and gets the very same ACK; nothing more goes up.
    party.advance(.seconds(1))
    party.receive(try response(486, to: invite))
    #expect(party.events() == ["send ACK"])
    party.advance(.seconds(31))
    #expect(party.events() == ["client terminated"])
    party.receive(try response(486, to: invite))
    #expect(party.events() == [])
    #expect(party.layer.statistics.strayResponses == 1)
  }

  @Test func every2xxGoesUpAndTheAcknowledgementHasABranchOfItsOwn() throws {
    var party = TransactionParty()
    _ = party.send(TransactionParty.request(.invite))
    let invite = try #require(party.sent.first?.asRequest)
    _ = party.events()
    party.receive(try response(180, to: invite))
    party.receive(try response(200, to: invite, toTag: "first"))
    party.receive(try response(200, to: invite, toTag: "second"))
    #expect(party.events() == ["response 180", "response 200", "response 200"])
    let ack = party.layer.sendAcknowledgement(
      TransactionParty.request(.ack, toTag: "first"), to: party.hop, sentBy: TransactionParty.address,
      now: party.now, into: &party.outputs)
    let sent = try #require(party.sent.first?.asRequest)
    #expect(SIPMessage.request(sent).serialised() == ack)
    #expect(sent.headers.topBranch != invite.headers.topBranch)
    #expect(party.events() == ["send ACK"])
    party.advance(.seconds(32))
    #expect(party.events() == ["client terminated"])
  }

  @Test func cancelFollowsTheFirstProvisionalResponse() throws {
    var party = TransactionParty()
    let id = party.send(TransactionParty.request(.invite, cSeq: 7))
    let invite = try #require(party.sent.first?.asRequest)
    let reason = SIPHeaders.Field(.reason, "SIP;cause=200;text=\"Call completed elsewhere\"")
    party.layer.cancel(id, headers: [reason], now: party.now, into: &party.outputs)
    #expect(party.events() == ["send INVITE"])
    party.receive(try response(180, to: invite))
    let cancel = try #require(party.sent.first?.asRequest)
    #expect(party.events() == ["response 180", "send CANCEL"])
    #expect(cancel.headers.topBranch == invite.headers.topBranch)
    #expect(cancel.headers[.cSeq] == "7 CANCEL")
    #expect(cancel.headers[.to] == invite.headers[.to])
    #expect(cancel.headers[.route] == invite.headers[.route])
    #expect(cancel.headers[.reason] == reason.value)
    // The answer to the CANCEL is the layer's business.
    party.receive(try response(200, to: cancel))
    #expect(party.events() == [])
    party.layer.cancel(id, now: party.now, into: &party.outputs)
    #expect(party.events() == [])
    party.receive(try response(487, to: invite))
    #expect(party.events() == ["send ACK", "response 487"])
    party.advance(.seconds(33))
    #expect(party.events() == ["client terminated"])
    #expect(party.layer.clientTransactionCount == 0)
  }

  @Test func cancelIsRepeatedUntilAnsweredAndTheInviteGivenUpWithoutA487() throws {
    var party = TransactionParty()
    let id = party.send(TransactionParty.request(.invite))
    let invite = try #require(party.sent.first?.asRequest)
    party.receive(try response(183, to: invite))
    _ = party.events()
    party.layer.cancel(id, now: party.now, into: &party.outputs)
    party.advance(.seconds(2))
    #expect(party.events() == ["send CANCEL", "send CANCEL", "send CANCEL"])
    party.advance(.seconds(30))
    let rest = party.events()
    #expect(rest.suffix(2) == ["timed out", "client terminated"])
    #expect(rest.dropLast(2).allSatisfy { $0 == "send CANCEL" })
    #expect(party.layer.clientTransactionCount == 0)
    #expect(party.layer.nextDeadline == nil)
  }

  @Test func overTCPTheCancelGoesWithItsInvite() throws {
    var party = TransactionParty(.tcp)
    let id = party.send(TransactionParty.request(.invite))
    let invite = try #require(party.sent.first?.asRequest)
    party.receive(try response(180, to: invite))
    party.layer.cancel(id, now: party.now, into: &party.outputs)
    _ = party.events()
    party.receive(try response(487, to: invite))
    #expect(party.events() == ["send ACK", "response 487", "client terminated"])
    #expect(party.layer.clientTransactionCount == 0)
  }

  @Test func timerCCancels() throws {
    var party = TransactionParty(timers: TransactionTimers(timerC: .seconds(200)))
    _ = party.send(TransactionParty.request(.invite))
    let invite = try #require(party.sent.first?.asRequest)
    party.receive(try response(180, to: invite))
    _ = party.events()
    party.advance(.milliseconds(199_999))
    #expect(party.events() == [])
    party.advance(.milliseconds(1))
    #expect(party.events() == ["send CANCEL"])
  }

  @Test func strayAndForeignResponsesGoNoFurther() throws {
    var party = TransactionParty()
    _ = party.send(TransactionParty.request(.options))
    let options = try #require(party.sent.first?.asRequest)
    _ = party.events()
    let good = SIPResponse(to: options, status: 200, toTag: "x")
    var twoVias = good
    twoVias.headers.append(.via, "SIP/2.0/UDP somebody;branch=z9hG4bKx")
    var twoInOne = good
    twoInOne.headers.set(.via, try #require(good.headers[.via]) + ", SIP/2.0/UDP b;branch=z9hG4bKx")
    var otherMethod = good
    otherMethod.headers.set(.cSeq, "1 INVITE")
    var cancelAnswer = good
    cancelAnswer.headers.set(.cSeq, "1 CANCEL")
    var forged = good
    let branch = try #require(options.headers.topBranch)
    let last = branch.last == "0" ? "1" : "0"
    forged.headers.set(
      .via, try #require(good.headers[.via]).replacing(branch, with: branch.dropLast() + last))
    for response in [twoVias, twoInOne, otherMethod, cancelAnswer, forged] {
      party.receive(.response(response))
      #expect(party.events() == [])
    }
    #expect(party.layer.statistics.strayResponses == 5)
    party.receive(.response(good))
    #expect(party.events() == ["response 200"])
  }

  @Test func transportFailureReachesExactlyTheTransactionsOnThatHop() throws {
    var party = TransactionParty(.tls)
    var elsewhere = party.hop
    elsewhere.remote.port = 1
    _ = party.send(TransactionParty.request(.invite))
    _ = party.layer.send(
      TransactionParty.request(.options, callID: "c2"), to: elsewhere, sentBy: TransactionParty.address,
      now: party.now, into: &party.outputs)
    _ = party.events()
    party.layer.transportFailed(over: party.hop, now: party.now, into: &party.outputs)
    #expect(party.events() == ["transport failed", "client terminated"])
    #expect(party.layer.clientTransactionCount == 1)
  }

  @Test func overTheLimitASendFailsAtOnce() {
    var party = TransactionParty(limits: TransactionLimits(clientTransactions: 2))
    let first = party.send(TransactionParty.request(.options))
    _ = party.send(TransactionParty.request(.options))
    #expect(party.events() == ["send OPTIONS", "send OPTIONS"])
    let third = party.send(TransactionParty.request(.options))
    #expect(party.events() == ["transport failed", "client terminated"])
    let fourth = party.send(TransactionParty.request(.options))
    #expect(Set([first, third, fourth]).count == 3)
    #expect(party.layer.clientTransactionCount == 2)
  }
}
