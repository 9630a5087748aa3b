import CallModel
import Testing

@testable import SIP

/// Lost messages: what is repeated, for how long, and what happens when it is in vain.
@Suite struct RetransmissionTests {
  @Test func repeated2xxBringsTheSameACKAgain() {
    let pair = CallPair()
    var lostACKs = 0
    pair.network.drops = { message, _ in
      if case .request(let request) = message, request.method == .ack, lostACKs < 3 {
        lostACKs += 1
        return true
      }
      return false
    }
    _ = pair.alice.call(pair.bob.uri)
    pair.network.run()
    let id = pair.bob.incoming[0].id
    pair.bob.tell { $0.accept(id, body: .text("answer"), now: $1) }
    pair.network.run(for: .seconds(10))
    #expect(lostACKs == 3)
    let acks = pair.network.sentRequests(.ack)
    #expect(acks.count == 4)
    #expect(Set(acks).count == 1, "an ACK is repeated byte for byte")
    #expect(pair.network.sentResponses(200, to: .invite).count == 4)
    #expect(pair.alice.newEvents() == ["answered answer(answer)"])
    #expect(pair.bob.newEvents() == ["ack"])
    pair.bob.tell { $0.bye(id, now: $1) }
    #expect(pair.isClean())
  }

  @Test func unacknowledged2xxEndsTheSessionAfter64T1() {
    let network = SimulatedNetwork()
    let bob = Phone("bob", "192.0.2.2:5060", on: network)
    let (peer, id, _) = scriptedCall(to: bob, on: network, acknowledges: false)
    network.run(for: .seconds(31))
    // T1, 2 T1, 4 T1, then every T2: 0, 0.5, 1.5, 3.5, 7.5, 11.5 ... 27.5 s.
    #expect(network.sentResponses(200, to: .invite).count == 10)
    #expect(bob.newEvents() == [])
    network.run(for: .seconds(2))
    #expect(bob.newEvents() == ["ended unacknowledged"])
    #expect(peer.requests(.bye).count >= 1)
    #expect(bob.tell { $0.bye(id, now: $1) } == .noSuchTarget)
    network.run(for: .seconds(100))
    #expect(bob.agent.isEmpty)
  }

  @Test func byeOfTheCalleeWaitsForTheACK() {
    let network = SimulatedNetwork()
    let bob = Phone("bob", "192.0.2.2:5060", on: network)
    let (peer, id, tag) = scriptedCall(to: bob, on: network, acknowledges: false)
    #expect(bob.tell { $0.bye(id, now: $1) } == .queued)
    network.run(for: .seconds(1))
    #expect(peer.requests(.bye).isEmpty)
    peer.request(
      .ack, to: bob.address, uri: bob.uri, callID: "c", fromTag: "f", toTag: tag, sequence: 1)
    network.run()
    #expect(peer.requests(.bye).count == 1)
    #expect(bob.newEvents() == ["ack", "ended local"])
  }

  @Test func reliableProvisionalIsRepeatedUntilItsPRACK() {
    let pair = CallPair()
    var lost = 0
    pair.network.drops = { message, _ in
      if case .request(let request) = message, request.method == .prack, lost < 2 {
        lost += 1
        return true
      }
      return false
    }
    let call = pair.alice.call(pair.bob.uri)
    pair.network.run()
    let id = pair.bob.incoming[0].id
    pair.bob.tell { $0.provisional(id, status: 183, body: .text("answer"), now: $1) }
    pair.bob.tell { $0.provisional(id, status: 180, reliability: .preferred, now: $1) }
    pair.network.run(for: .seconds(5))
    #expect(pair.alice.newEvents() == ["progress 183 reliable answer(answer)", "progress 180 reliable"])
    #expect(pair.bob.newEvents() == ["prack", "prack"])
    let numbers = pair.network.sentResponses(183, to: .invite).compactMap(\.headers.rSeq)
    #expect(numbers.count > 1)
    #expect(Set(numbers).count == 1)
    #expect(pair.network.sentResponses(180, to: .invite).first?.headers.rSeq == numbers[0] + 1)
    pair.alice.tell { $0.cancel(call, now: $1) }
    #expect(pair.isClean())
  }

  @Test func reliableProvisionalWithoutPRACKRefusesTheCall() {
    let network = SimulatedNetwork()
    let bob = Phone("bob", "192.0.2.2:5060", on: network)
    let peer = ScriptedPeer("192.0.2.9:5060", on: network)
    peer.request(
      .invite, to: bob.address, uri: bob.uri, callID: "c", fromTag: "f", sequence: 1, body: "offer",
      headers: [(.require, "100rel")])
    network.run()
    let id = bob.incoming[0].id
    bob.tell { $0.provisional(id, status: 180, now: $1) }
    network.run(for: .seconds(33))
    #expect(peer.responses.filter { $0.status == 180 }.count == 7)
    #expect(bob.newEvents() == ["ended unacknowledged"])
    #expect(peer.responses.contains { $0.status == 504 })
  }

  @Test func provisionalResponseIsRepeatedEveryMinute() {
    let network = SimulatedNetwork()
    let bob = Phone("bob", "192.0.2.2:5060", on: network)
    let peer = ScriptedPeer("192.0.2.9:5060", on: network)
    peer.request(
      .invite, to: bob.address, uri: bob.uri, callID: "c", fromTag: "f", sequence: 1, body: "offer")
    network.run()
    let id = bob.incoming[0].id
    bob.tell { $0.provisional(id, status: 180, now: $1) }
    network.run(for: .seconds(130))
    #expect(peer.responses.filter { $0.status == 180 }.count == 3)
    bob.tell { $0.reject(id, status: 486, now: $1) }
    network.run(for: .seconds(130))
    #expect(peer.responses.filter { $0.status == 180 }.count == 3)
    #expect(bob.agent.isEmpty)
  }

  @Test func silenceEndsTheCallAfterTimerB() {
    let network = SimulatedNetwork()
    let alice = Phone("alice", "192.0.2.1:5060", on: network)
    _ = alice.call(SIPURI(user: "nobody", host: .ip(IPAddress("192.0.2.99")!)))
    network.run(for: .seconds(31))
    #expect(alice.newEvents() == [])
    network.run(for: .seconds(2))
    #expect(alice.newEvents() == ["ended timedOut"])
    #expect(alice.agent.isEmpty)
  }

  @Test func reInviteWithoutAnswerEndsTheSession() {
    var pair = CallPair()
    pair.establish()
    pair.network.drops = { _, to in to == TransportAddress("192.0.2.2:5060") }
    let id = pair.aliceSession
    pair.alice.tell { $0.reoffer(id, .text("new"), now: $1) }
    pair.network.run(for: .seconds(40))
    #expect(pair.alice.newEvents() == ["ended dialogLost 408"])
    pair.bob.tell { [id = pair.bobSession] in $0.bye(id, now: $1) }
    #expect(pair.isClean())
  }

  @Test(arguments: 1...20) func lossyNetworkStillConnectsAndClears(seed: Int) {
    let pair = CallPair()
    var random = RandomSource(seed: UInt64(seed))
    pair.network.drops = { _, _ in random.next() % 4 == 0 }
    pair.bob.onIncoming = { phone, id, _ in
      phone.tell { $0.provisional(id, status: 183, body: .text("answer"), now: $1) }
      phone.tell { $0.accept(id, now: $1) }
    }
    let call = pair.alice.call(pair.bob.uri)
    pair.network.run(for: .seconds(20))
    #expect(pair.alice.newEvents().contains("answered"))
    pair.alice.tell { $0.bye(call, now: $1) }
    #expect(pair.isClean())
    #expect(pair.bob.newEvents().filter { $0.hasPrefix("ended") }.count == 1)
  }
}
