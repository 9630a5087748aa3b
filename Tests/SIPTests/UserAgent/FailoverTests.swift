import CallModel
import Testing

@testable import SIP

/// Several hops for one call (RFC 3263 §4.3), and names that need resolving.
@Suite struct FailoverTests {
  let network = SimulatedNetwork()

  func hop(_ address: TransportAddress) -> Hop {
    Hop(transport: .udp, remote: address, listener: ListenerID(0))
  }

  @Test func next503TimeoutAndTransportFailure() {
    let alice = Phone("alice", "192.0.2.1:5060", on: network)
    let bob = Phone("bob", "192.0.2.2:5060", on: network)
    let overloaded = ScriptedPeer("192.0.2.9:5060", on: network)
    let silent = TransportAddress("192.0.2.50:5060")!
    let broken = TransportAddress("192.0.2.51:5060")!
    overloaded.onMessage = { peer, message in
      if case .request(let request) = message, request.method == .invite { peer.respond(to: request, 503) }
    }
    let hops = [hop(overloaded.address), hop(broken), hop(silent), hop(bob.address)]
    let call = alice.call(bob.uri) { $0.hops = hops }
    network.run()
    let brokenHop = hop(broken)
    alice.ask { $0.transportFailed(over: brokenHop, now: $1) }
    network.run(for: .seconds(33))
    #expect(bob.incoming.count == 1)
    #expect(alice.newEvents() == ["trying"])
    let invites = network.sentRequests(.invite)
    #expect(Set(invites.map(\.headers.callID)).count == 1)
    #expect(Set(invites.compactMap(\.headers.topBranch)).count == 4)
    alice.tell { $0.cancel(call, now: $1) }
    network.run(for: .seconds(100))
    #expect(alice.agent.isEmpty)
    #expect(bob.agent.isEmpty)
  }

  @Test func patienceMovesOnBeforeTimerB() {
    let alice = Phone("alice", "192.0.2.1:5060", on: network)
    let bob = Phone("bob", "192.0.2.2:5060", on: network)
    let slow = ScriptedPeer("192.0.2.9:5060", on: network)
    let hops = [hop(slow.address), hop(bob.address)]
    let call = alice.call(bob.uri) {
      $0.hops = hops
      $0.hopPatience = .seconds(2)
    }
    network.run(for: .milliseconds(2100))
    #expect(bob.incoming.count == 1)
    bob.tell { [id = bob.incoming[0].id] in $0.accept(id, body: .text("answer"), now: $1) }
    network.run()
    #expect(alice.newEvents() == ["answered answer(answer)"])
    // The first hop wakes up and answers: acknowledged and ended.
    slow.respond(to: slow.requests(.invite)[0], 200, body: "too late")
    network.run()
    #expect(slow.requests(.ack).count == 1)
    #expect(slow.requests(.bye).count == 1)
    #expect(alice.newEvents() == [])
    slow.respond(to: slow.requests(.bye)[0], 200)
    alice.tell { $0.bye(call, now: $1) }
    network.run(for: .seconds(100))
    #expect(alice.agent.isEmpty)
  }

  @Test func lastHopsFailureIsReported() {
    let alice = Phone("alice", "192.0.2.1:5060", on: network)
    let peer = ScriptedPeer("192.0.2.9:5060", on: network)
    peer.onMessage = { peer, message in
      if case .request(let request) = message, request.method == .invite {
        peer.respond(to: request, 503, headers: [(.retryAfter, "30"), (.reason, "Q.850;cause=42")])
      }
    }
    _ = alice.call(peer.uri)
    network.run()
    #expect(alice.newEvents() == ["ended rejected 503"])
    guard case .ended(let end) = alice.events.last?.event else { return }
    #expect(end.retryAfter == 30)
    #expect(end.reasons == [ReasonValue(protocol: "Q.850", cause: 42)])
  }

  @Test func namesAreResolvedByTheDriver() {
    let alice = Phone("alice", "192.0.2.1:5060", on: network)
    let bob = Phone("bob", "192.0.2.2:5060", on: network)
    let name = SIPURI(user: "bob", host: .name("example.com"))
    _ = alice.call(name)
    #expect(alice.resolutions.map(\.0) == [name])
    let bobHop = hop(bob.address)
    alice.ask { [token = alice.resolutions[0].1] in $0.resolved(token, [bobHop], now: $1) }
    network.run()
    #expect(bob.incoming.count == 1)
    _ = alice.call(name)
    alice.ask { [token = alice.resolutions[1].1] in $0.resolutionFailed(token, now: $1) }
    #expect(alice.newEvents() == ["ended unresolved"])
    // A Contact by name is resolved for the ACK, and only once.
    let peer = ScriptedPeer("192.0.2.9:5060", on: network)
    let third = alice.call(peer.uri)
    network.run()
    peer.respond(
      to: peer.requests(.invite)[0], 200, body: "answer", contact: SIPURI(host: .name("pc.example.com")))
    network.run()
    #expect(alice.resolutions.count == 3)
    let peerHop = hop(peer.address)
    alice.ask { [token = alice.resolutions[2].1] in $0.resolved(token, [peerHop], now: $1) }
    network.run()
    #expect(peer.requests(.ack).count == 1)
    alice.tell { $0.bye(third, now: $1) }
    network.run()
    #expect(peer.requests(.bye).count == 1)
    #expect(alice.resolutions.count == 3)
  }

  @Test func redirectionReportsContactsBestFirst() {
    let alice = Phone("alice", "192.0.2.1:5060", on: network)
    let peer = ScriptedPeer("192.0.2.9:5060", on: network)
    peer.onMessage = { peer, message in
      if case .request(let request) = message, request.method == .invite {
        peer.respond(
          to: request, 302,
          headers: [(.contact, "<sip:low@192.0.2.5>;q=0.1, <sip:high@192.0.2.5>;q=0.9, <sip:low@192.0.2.5>")])
      }
    }
    _ = alice.call(peer.uri)
    network.run()
    #expect(alice.newEvents() == ["ended redirected 302"])
    guard case .ended(let end) = alice.events.last?.event else { return }
    #expect(end.contacts.map { $0.uri.user } == ["high", "low"])
  }
}
