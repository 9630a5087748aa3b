import CallModel
import Testing

@testable import SIP

/// The six ways of RFC 6337 §2.2 (table 1) to exchange an offer and an answer, and re-INVITE in both directions.
@Suite struct OfferAnswerPatternTests {
  @Test func offerInInviteAnswerIn2xx() {
    let pair = CallPair()
    let call = pair.alice.call(pair.bob.uri)
    pair.network.run()
    let (id, invite) = pair.bob.incoming[0]
    #expect(invite.offer?.text == "offer")
    #expect(invite.maxForwards == 70)
    pair.bob.tell { $0.provisional(id, status: 180, now: $1) }
    pair.network.run()
    #expect(pair.alice.newEvents() == ["progress 180"])
    pair.bob.tell { $0.accept(id, body: .text("answer"), now: $1) }
    pair.network.run()
    #expect(pair.alice.newEvents() == ["answered answer(answer)"])
    #expect(pair.bob.newEvents() == ["ack"])
    #expect(pair.alice.tell { $0.bye(call, now: $1) } == .done)
    pair.network.run()
    #expect(pair.alice.newEvents() == ["ended local"])
    #expect(pair.bob.newEvents() == ["ended bye"])
    #expect(pair.isClean())
  }

  @Test func noOfferInInviteOfferIn2xxAnswerInAck() {
    let pair = CallPair()
    let call = pair.alice.call(pair.bob.uri, offer: nil)
    pair.network.run()
    let (id, invite) = pair.bob.incoming[0]
    #expect(invite.offer == nil)
    #expect(pair.bob.tell { $0.accept(id, now: $1) } == .notPossible(.bodyMissing))
    #expect(pair.bob.tell { $0.accept(id, body: .text("bob offers"), now: $1) } == .done)
    pair.network.run()
    #expect(pair.alice.newEvents() == ["answered offer(bob offers)"])
    #expect(pair.network.sentRequests(.ack).isEmpty, "the ACK waits for the answer")
    #expect(pair.alice.tell { $0.answer(call, with: .text("alice answers"), now: $1) } == .done)
    pair.network.run()
    #expect(pair.bob.newEvents() == ["ack answer(alice answers)"])
    #expect(pair.network.sentRequests(.ack).map(\.bodyText) == ["alice answers"])
    pair.bob.tell { $0.bye(id, now: $1) }
    #expect(pair.isClean())
  }

  @Test func answerInReliableProvisional() {
    let pair = CallPair()
    _ = pair.alice.call(pair.bob.uri)
    pair.network.run()
    let id = pair.bob.incoming[0].id
    pair.bob.tell { $0.provisional(id, status: 183, body: .text("early answer"), now: $1) }
    // The 2xx waits for the PRACK.
    #expect(pair.bob.tell { $0.accept(id, now: $1) } == .queued)
    pair.network.run()
    #expect(pair.alice.newEvents() == ["progress 183 reliable answer(early answer)", "answered"])
    #expect(pair.bob.newEvents() == ["prack", "ack"])
    #expect(pair.network.sentResponses(200, to: .invite).allSatisfy { $0.body.isEmpty })
    #expect(pair.network.sentRequests(.prack).map { $0.headers.rAck?.cSeq.method } == [.invite])
    pair.bob.tell { $0.bye(id, now: $1) }
    #expect(pair.isClean())
  }

  @Test func offerInReliableProvisionalAnswerInPrack() {
    let pair = CallPair()
    let call = pair.alice.call(pair.bob.uri, offer: nil)
    pair.network.run()
    let id = pair.bob.incoming[0].id
    // An offer cannot travel unreliably.
    let unreliable = pair.bob.tell {
      $0.provisional(id, status: 183, body: .text("bob offers"), reliability: .unreliable, now: $1)
    }
    #expect(unreliable == .notPossible(.noPlaceForBody))
    pair.bob.tell { $0.provisional(id, status: 183, body: .text("bob offers"), now: $1) }
    pair.network.run()
    #expect(pair.alice.newEvents() == ["progress 183 reliable offer(bob offers)"])
    #expect(pair.network.sentRequests(.prack).isEmpty)
    pair.alice.tell { $0.answer(call, with: .text("alice answers"), now: $1) }
    pair.network.run()
    #expect(pair.bob.newEvents() == ["prack answer(alice answers)"])
    pair.bob.tell { $0.accept(id, now: $1) }
    pair.network.run()
    #expect(pair.alice.newEvents() == ["answered"])
    #expect(pair.bob.newEvents() == ["ack"])
    pair.alice.tell { $0.bye(call, now: $1) }
    #expect(pair.isClean())
  }

  @Test func offerInPrackAnswerIn2xxToPrack() {
    let network = SimulatedNetwork()
    let bob = Phone("bob", "192.0.2.2:5060", on: network)
    let peer = ScriptedPeer("192.0.2.9:5060", on: network)
    peer.request(
      .invite, to: bob.address, uri: bob.uri, callID: "c1", fromTag: "f", sequence: 1, body: "offer 1",
      headers: [(.supported, "100rel")])
    network.run()
    let id = bob.incoming[0].id
    bob.tell { $0.provisional(id, status: 183, body: .text("answer 1"), now: $1) }
    network.run()
    let provisional = peer.responses.last { $0.status == 183 }!
    let tag = provisional.headers.toTag!
    peer.request(
      .prack, to: bob.address, uri: bob.uri, callID: "c1", fromTag: "f", toTag: tag, sequence: 2,
      body: "offer 2", headers: [(.rAck, "\(provisional.headers.rSeq!) 1 INVITE")])
    network.run()
    #expect(bob.newEvents() == ["prack offer(offer 2)"])
    #expect(bob.tell { $0.accept(id, now: $1) } == .queued, "the PRACK is still to be answered")
    bob.tell { $0.answer(id, with: .text("answer 2"), now: $1) }
    network.run()
    let prackResponse = peer.responses.last { $0.headers.cSeq?.method == .prack }
    #expect(prackResponse?.status == 200)
    #expect(prackResponse?.bodyText == "answer 2")
    #expect(peer.responses.contains { $0.status == 200 && $0.headers.cSeq?.method == .invite })
  }

  @Test(arguments: [false, true]) func updateInConfirmedDialog(calleeOffers: Bool) {
    var pair = CallPair()
    pair.establish()
    let (offerer, answerer) = calleeOffers ? (pair.bob, pair.alice) : (pair.alice, pair.bob)
    let offererSession = calleeOffers ? pair.bobSession : pair.aliceSession
    let answererSession = calleeOffers ? pair.aliceSession : pair.bobSession
    #expect(offerer.tell { $0.reoffer(offererSession, .text("new"), preferUpdate: true, now: $1) } == .done)
    pair.network.run()
    #expect(answerer.newEvents() == ["update offer(new)"])
    answerer.tell { $0.answer(answererSession, with: .text("agreed"), now: $1) }
    pair.network.run()
    #expect(offerer.newEvents() == ["answer(agreed)"])
    #expect(pair.network.sentRequests(.update).count == 1)
    pair.alice.tell { [id = pair.aliceSession] in $0.bye(id, now: $1) }
    #expect(pair.isClean())
  }

  @Test func updateInEarlyDialog() {
    let pair = CallPair()
    let call = pair.alice.call(pair.bob.uri)
    pair.network.run()
    let id = pair.bob.incoming[0].id
    pair.bob.tell { $0.provisional(id, status: 183, body: .text("answer"), now: $1) }
    pair.network.run()
    _ = (pair.alice.newEvents(), pair.bob.newEvents())
    #expect(pair.alice.tell { $0.reoffer(call, .text("second"), now: $1) } == .done)
    pair.network.run()
    #expect(pair.bob.newEvents() == ["update offer(second)"])
    pair.bob.tell { $0.answer(id, with: .text("second answer"), now: $1) }
    pair.network.run()
    #expect(pair.alice.newEvents() == ["answer(second answer)"])
    #expect(pair.bob.tell { $0.reoffer(id, .text("third"), now: $1) } == .done)
    pair.network.run()
    #expect(pair.alice.newEvents() == ["update offer(third)"])
    pair.alice.tell { $0.answer(call, with: .text("third answer"), now: $1) }
    pair.bob.tell { $0.accept(id, now: $1) }
    pair.network.run()
    #expect(pair.alice.newEvents() == ["answered"])
    #expect(pair.bob.newEvents() == ["answer(third answer)", "ack"])
    pair.alice.tell { $0.bye(call, now: $1) }
    #expect(pair.isClean())
  }

  @Test(arguments: [false, true]) func reInvite(calleeOffers: Bool) {
    var pair = CallPair()
    pair.establish()
    let (offerer, answerer) = calleeOffers ? (pair.bob, pair.alice) : (pair.alice, pair.bob)
    let offererSession = calleeOffers ? pair.bobSession : pair.aliceSession
    let answererSession = calleeOffers ? pair.aliceSession : pair.bobSession
    #expect(offerer.tell { $0.reoffer(offererSession, .text("hold"), now: $1) } == .done)
    pair.network.run()
    #expect(answerer.newEvents() == ["reInvite offer(hold)"])
    answerer.tell { $0.answer(answererSession, with: .text("held"), now: $1) }
    pair.network.run()
    #expect(offerer.newEvents() == ["answer(held)"])
    #expect(answerer.newEvents() == ["ack"])
    pair.alice.tell { [id = pair.aliceSession] in $0.bye(id, now: $1) }
    #expect(pair.isClean())
  }

  @Test(arguments: [false, true]) func reInviteWithLateOffer(calleeAsks: Bool) {
    var pair = CallPair()
    pair.establish()
    let (asker, giver) = calleeAsks ? (pair.bob, pair.alice) : (pair.alice, pair.bob)
    let askerSession = calleeAsks ? pair.bobSession : pair.aliceSession
    let giverSession = calleeAsks ? pair.aliceSession : pair.bobSession
    asker.tell { $0.requestOffer(askerSession, now: $1) }
    pair.network.run()
    #expect(giver.newEvents() == ["offer requested"])
    #expect(giver.tell { $0.offer(giverSession, .text("late"), now: $1) } == .done)
    pair.network.run()
    #expect(asker.newEvents() == ["success offer(late)"])
    asker.tell { $0.answer(askerSession, with: .text("late answer"), now: $1) }
    pair.network.run()
    #expect(giver.newEvents() == ["ack answer(late answer)"])
    // The exchange is complete: the next may begin.
    #expect(giver.tell { $0.reoffer(giverSession, .text("next"), now: $1) } == .done)
    pair.network.run()
    #expect(asker.newEvents() == ["reInvite offer(next)"])
    asker.tell { $0.answer(askerSession, with: .text("next answer"), now: $1) }
    pair.network.run()
    #expect(giver.newEvents() == ["answer(next answer)"])
    pair.alice.tell { [id = pair.aliceSession] in $0.bye(id, now: $1) }
    #expect(pair.isClean())
  }

  @Test func answerShownInUnreliableProvisionalIsRepeatedIn2xx() {
    let pair = CallPair()
    let call = pair.alice.call(pair.bob.uri)
    pair.network.run()
    let id = pair.bob.incoming[0].id
    pair.bob.tell {
      $0.provisional(id, status: 183, body: .text("early"), reliability: .unreliable, now: $1)
    }
    pair.network.run()
    #expect(pair.alice.newEvents() == ["progress 183 preview(early)"])
    pair.bob.tell { $0.accept(id, now: $1) }
    pair.network.run()
    #expect(pair.alice.newEvents() == ["answered answer(early)"])
    pair.alice.tell { $0.bye(call, now: $1) }
    #expect(pair.isClean())
  }

  @Test func refusedReInviteLeavesTheSessionUp() {
    var pair = CallPair()
    pair.establish()
    pair.alice.tell { [id = pair.aliceSession] in $0.reoffer(id, .text("video"), now: $1) }
    pair.network.run()
    pair.bob.tell { [id = pair.bobSession] in $0.refuseOffer(id, now: $1) }
    pair.network.run()
    #expect(pair.alice.newEvents() == ["offer refused 488"])
    pair.alice.tell { [id = pair.aliceSession] in $0.reoffer(id, .text("audio"), now: $1) }
    pair.network.run()
    #expect(pair.bob.newEvents() == ["reInvite offer(video)", "reInvite offer(audio)"])
    pair.bob.tell { [id = pair.bobSession] in $0.answer(id, with: .text("yes"), now: $1) }
    pair.network.run()
    #expect(pair.alice.newEvents() == ["answer(yes)"])
    pair.alice.tell { [id = pair.aliceSession] in $0.bye(id, now: $1) }
    #expect(pair.isClean())
  }

  @Test func unchangedOfferIsAnsweredByItself() {
    var pair = CallPair()
    pair.establish()
    pair.alice.tell { [id = pair.aliceSession] in $0.reoffer(id, .text("offer"), now: $1) }
    pair.network.run()
    #expect(pair.bob.newEvents() == ["ack"])
    #expect(pair.alice.newEvents() == ["answer(answer)"])
    pair.alice.tell { [id = pair.aliceSession] in $0.bye(id, now: $1) }
    #expect(pair.isClean())
  }
}
