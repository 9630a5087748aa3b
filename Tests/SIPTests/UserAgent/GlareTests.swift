import CallModel
import Testing

@testable import SIP

/// Offers that cross, and requests that overlap (RFC 3261 §14, RFC 3311 §5.2, RFC 5407).
@Suite struct GlareTests {
  @Test(arguments: [false, true]) func crossingOffersAreRepeatedAfterTheirWaits(byUpdate: Bool) {
    var pair = CallPair()
    pair.establish()
    let (a, b) = (pair.aliceSession, pair.bobSession)
    pair.alice.tell { $0.reoffer(a, .text("from alice"), preferUpdate: byUpdate, now: $1) }
    pair.bob.tell { $0.reoffer(b, .text("from bob"), preferUpdate: byUpdate, now: $1) }
    pair.network.run(for: .milliseconds(60))
    let method: SIPMethod = byUpdate ? .update : .invite
    #expect(pair.network.sentResponses(491, to: method).count == 2)
    #expect(pair.alice.newEvents() == [])
    // Bob, who does not own the Call-ID, comes first (0-2 s); Alice after 2.1-4 s.
    pair.network.run(for: .milliseconds(2030))
    #expect(pair.alice.newEvents() == [byUpdate ? "update offer(from bob)" : "reInvite offer(from bob)"])
    pair.alice.tell { $0.answer(a, with: .text("to bob"), now: $1) }
    pair.network.run(for: .seconds(3))
    #expect(pair.bob.newEvents() == ["answer(to bob)"])
    // Alice's offer was made on a state that is gone: she is asked to make a new one.
    let events = pair.alice.newEvents().filter { $0 != "ack" }
    #expect(events == ["offer refused 491"])
    pair.alice.tell { $0.bye(a, now: $1) }
    #expect(pair.isClean())
  }

  @Test func secondReInviteBeforeTheFirstIsAnsweredGets500() {
    let network = SimulatedNetwork()
    let bob = Phone("bob", "192.0.2.2:5060", on: network)
    let (peer, id, tag) = scriptedCall(to: bob, on: network)
    for sequence in UInt32(2)...3 {
      peer.request(
        .invite, to: bob.address, uri: bob.uri, callID: "c", fromTag: "f", toTag: tag, sequence: sequence,
        body: "offer \(sequence)")
    }
    network.run()
    #expect(bob.newEvents() == ["ack", "reInvite offer(offer 2)"])
    let refusal = peer.responses.last { $0.headers.cSeq?.number == 3 }!
    #expect(refusal.status == 500)
    #expect((0...10).contains(Int(refusal.headers.retryAfter ?? 99)))
    bob.tell { $0.answer(id, with: .text("answer 2"), now: $1) }
    network.run()
    #expect(peer.responses.last { $0.headers.cSeq?.number == 2 }?.bodyText == "answer 2")
  }

  @Test func olderSequenceNumberGets500() {
    let network = SimulatedNetwork()
    let bob = Phone("bob", "192.0.2.2:5060", on: network)
    let (peer, _, tag) = scriptedCall(to: bob, on: network)
    peer.request(
      .info, to: bob.address, uri: bob.uri, callID: "c", fromTag: "f", toTag: tag, sequence: 7)
    network.run()
    peer.request(
      .info, to: bob.address, uri: bob.uri, callID: "c", fromTag: "f", toTag: tag, sequence: 6)
    network.run()
    #expect(peer.responses.last?.headers.cSeq?.number == 6)
    #expect(peer.responses.last?.status == 500)
    #expect(bob.newEvents() == ["ack", "request INFO"])
  }

  @Test func offerWaitsForTheOneUnderWay() {
    var pair = CallPair()
    pair.establish()
    let (a, b) = (pair.aliceSession, pair.bobSession)
    #expect(pair.alice.tell { $0.reoffer(a, .text("one"), now: $1) } == .done)
    #expect(pair.alice.tell { $0.reoffer(a, .text("two"), now: $1) } == .queued)
    pair.network.run()
    pair.bob.tell { $0.answer(b, with: .text("first"), now: $1) }
    pair.network.run()
    #expect(pair.bob.newEvents() == ["reInvite offer(one)", "ack", "reInvite offer(two)"])
    pair.bob.tell { $0.answer(b, with: .text("second"), now: $1) }
    pair.network.run()
    #expect(pair.alice.newEvents() == ["answer(first)", "answer(second)"])
    pair.alice.tell { $0.bye(a, now: $1) }
    #expect(pair.isClean())
  }

  @Test func byesThatCross() {
    var pair = CallPair()
    pair.establish()
    let (a, b) = (pair.aliceSession, pair.bobSession)
    pair.alice.tell { $0.bye(a, now: $1) }
    pair.bob.tell { $0.bye(b, now: $1) }
    pair.network.run()
    #expect(pair.alice.newEvents() == ["ended local"])
    #expect(pair.bob.newEvents() == ["ended local"])
    #expect(pair.network.sentResponses(200, to: .bye).count == 2)
    #expect(pair.isClean())
  }

  @Test func byeEndsAReInviteUnderWay() {
    var pair = CallPair()
    pair.establish()
    let (a, b) = (pair.aliceSession, pair.bobSession)
    pair.alice.tell { $0.reoffer(a, .text("new"), now: $1) }
    pair.network.run()
    pair.bob.tell { $0.bye(b, now: $1) }
    pair.network.run()
    #expect(pair.network.sentResponses(487, to: .invite).count == 1)
    #expect(pair.alice.newEvents() == ["ended bye"])
    #expect(pair.isClean())
  }
}
