import CallModel
import Testing

@testable import SIP

/// CANCEL and what crosses it (RFC 3261 §9).
@Suite struct CancelTests {
  @Test func cancelWhileRinging() {
    let pair = CallPair()
    let call = pair.alice.call(pair.bob.uri)
    pair.network.run()
    let id = pair.bob.incoming[0].id
    pair.bob.tell { $0.provisional(id, status: 180, now: $1) }
    pair.network.run()
    let reason = ReasonValue(protocol: "SIP", cause: 200, text: "Call completed elsewhere")
    #expect(pair.alice.tell { $0.cancel(call, reasons: [reason], now: $1) } == .done)
    pair.network.run()
    #expect(pair.alice.newEvents() == ["progress 180", "ended local"])
    #expect(pair.bob.newEvents() == ["ended cancelled 487"])
    guard case .ended(let end) = pair.bob.events.last?.event else {
      Issue.record("no end")
      return
    }
    #expect(end.reasons == [reason])
    #expect(pair.network.sentResponses(487, to: .invite).count == 1)
    #expect(pair.alice.tell { $0.cancel(call, now: $1) } == .noSuchTarget)
    #expect(pair.isClean())
  }

  @Test func cancelBeforeAnyResponseWaitsForOne() {
    let network = SimulatedNetwork()
    let alice = Phone("alice", "192.0.2.1:5060", on: network)
    let peer = ScriptedPeer("192.0.2.9:5060", on: network)
    let call = alice.call(peer.uri)
    network.run(for: .milliseconds(50))
    alice.tell { $0.cancel(call, now: $1) }
    network.run(for: .milliseconds(50))
    #expect(peer.requests(.cancel).isEmpty)
    peer.respond(to: peer.requests(.invite)[0], 180)
    network.run(for: .milliseconds(50))
    #expect(peer.requests(.cancel).count == 1)
    let invite = peer.requests(.invite)[0]
    #expect(peer.requests(.cancel)[0].headers.topBranch == invite.headers.topBranch)
    peer.respond(to: invite, 487)
    network.run(for: .seconds(120))
    #expect(alice.newEvents() == ["ended local"])
    #expect(alice.agent.isEmpty)
  }

  @Test func answerThatCrossesTheCancelIsAcknowledgedAndEnded() {
    let network = SimulatedNetwork()
    let alice = Phone("alice", "192.0.2.1:5060", on: network)
    let peer = ScriptedPeer("192.0.2.9:5060", on: network)
    let call = alice.call(peer.uri)
    network.run(for: .milliseconds(50))
    let invite = peer.requests(.invite)[0]
    peer.respond(to: invite, 180)
    network.run(for: .milliseconds(50))
    peer.respond(to: invite, 200, body: "answer")
    alice.tell { $0.cancel(call, now: $1) }
    network.run(for: .milliseconds(50))
    #expect(peer.requests(.cancel).count == 1)
    #expect(peer.requests(.ack).count == 1)
    #expect(peer.requests(.bye).count == 1)
    #expect(alice.newEvents() == ["progress 180", "ended local"])
    // The 2xx again: the ACK again, no second BYE transaction.
    peer.respond(to: invite, 200, body: "answer")
    peer.respond(to: peer.requests(.bye)[0], 200)
    network.run(for: .milliseconds(50))
    #expect(peer.requests(.ack).count == 2)
    network.run(for: .seconds(120))
    #expect(Set(peer.requests(.bye).map { $0.headers.cSeq?.number }).count == 1)
    #expect(alice.agent.isEmpty)
  }

  @Test func byeOnARingingCallCancelsOrRejects() {
    let pair = CallPair()
    let first = pair.alice.call(pair.bob.uri)
    pair.network.run(for: .milliseconds(300))
    pair.alice.tell { $0.bye(first, now: $1) }
    pair.network.run()
    #expect(pair.bob.newEvents() == ["ended cancelled 487"])
    _ = pair.alice.call(pair.bob.uri)
    pair.network.run()
    let second = pair.bob.incoming[1].id
    pair.bob.tell { $0.bye(second, now: $1) }
    pair.network.run()
    #expect(pair.alice.newEvents().last == "ended rejected 480")
    #expect(pair.isClean())
  }

  @Test func cancelOfAReInviteWithdrawsTheOffer() {
    let network = SimulatedNetwork()
    let bob = Phone("bob", "192.0.2.2:5060", on: network)
    let (peer, id, tag) = scriptedCall(to: bob, on: network)
    let reInvite = peer.request(
      .invite, to: bob.address, uri: bob.uri, callID: "c", fromTag: "f", toTag: tag, sequence: 2, body: "new")
    network.run()
    #expect(bob.newEvents() == ["ack", "reInvite offer(new)"])
    var cancel = reInvite
    cancel.method = .cancel
    cancel.body = []
    cancel.headers.removeAll(.contentType)
    cancel.headers.set(.cSeq, "2 CANCEL")
    network.transmit(
      cancel.serialised(), from: peer.address,
      to: Hop(transport: .udp, remote: bob.address, listener: ListenerID(0)))
    network.run()
    #expect(bob.newEvents() == ["offer withdrawn"])
    #expect(bob.tell { $0.answer(id, with: .text("late"), now: $1) } == .notPossible(.noOffer))
    #expect(peer.responses.last { $0.headers.cSeq == CSeq(number: 2, method: .invite) }?.status == 487)
  }
}

/// A call from a scripted peer that `phone` has answered and the peer acknowledged: Call-ID `c`, its tag `f`.
func scriptedCall(
  to phone: Phone, on network: SimulatedNetwork, headers: [(SIPHeaderName, String)] = [],
  acknowledges: Bool = true
) -> (peer: ScriptedPeer, session: SessionID, tag: String) {
  let peer = ScriptedPeer("192.0.2.9:5060", on: network)
  peer.request(
    .invite, to: phone.address, uri: phone.uri, callID: "c", fromTag: "f", sequence: 1, body: "offer",
    headers: headers)
  network.run()
  let id = phone.incoming.last!.id
  phone.tell { $0.accept(id, body: .text("answer"), now: $1) }
  network.run()
  let tag = peer.responses.last { $0.status == 200 }!.headers.toTag!
  if acknowledges {
    peer.request(
      .ack, to: phone.address, uri: phone.uri, callID: "c", fromTag: "f", toTag: tag, sequence: 1)
    network.run()
  }
  return (peer, id, tag)
}
