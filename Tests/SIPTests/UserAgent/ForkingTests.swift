import CallModel
import Testing

@testable import SIP

/// One INVITE that several phones ring for (RFC 3261 §13.2.2.4).
@Suite struct ForkingTests {
  let network = SimulatedNetwork()

  @Test func firstAnswerWinsAndTheOtherIsEnded() {
    let alice = Phone("alice", "192.0.2.1:5060", on: network)
    let peer = ScriptedPeer("192.0.2.9:5060", on: network)
    let call = alice.call(peer.uri)
    network.run(for: .milliseconds(50))
    let invite = peer.requests(.invite)[0]
    peer.respond(to: invite, 180, tag: "one")
    peer.respond(to: invite, 183, tag: "two", body: "early two")
    network.run(for: .milliseconds(50))
    #expect(alice.newEvents() == ["progress 180", "progress 183 preview(early two)"])
    peer.respond(to: invite, 200, tag: "one", body: "answer one")
    network.run(for: .milliseconds(50))
    #expect(alice.newEvents() == ["fork 2 ended", "answered answer(answer one)"])
    peer.respond(to: invite, 200, tag: "two", body: "answer two")
    network.run(for: .milliseconds(50))
    #expect(alice.newEvents() == [])
    #expect(peer.requests(.ack).map(\.headers.toTag) == ["one", "two"])
    #expect(peer.requests(.bye).map(\.headers.toTag) == ["two"])
    peer.respond(to: peer.requests(.bye)[0], 200)
    network.run(for: .seconds(40))
    alice.tell { $0.bye(call, now: $1) }
    network.run(for: .milliseconds(50))
    #expect(peer.requests(.bye).last?.headers.toTag == "one")
    peer.respond(to: peer.requests(.bye).last!, 200)
    network.run(for: .seconds(60))
    #expect(alice.agent.isEmpty)
  }

  @Test func earlyDialogsAreBounded() {
    let alice = Phone("alice", "192.0.2.1:5060", on: network)
    let peer = ScriptedPeer("192.0.2.9:5060", on: network)
    _ = alice.call(peer.uri)
    network.run(for: .milliseconds(50))
    for number in 1...13 { peer.respond(to: peer.requests(.invite)[0], 180, tag: "t\(number)") }
    network.run(for: .milliseconds(50))
    #expect(alice.newEvents().count == 12)
    // The thirteenth may still answer.
    peer.respond(to: peer.requests(.invite)[0], 200, tag: "t13", body: "answer")
    network.run(for: .milliseconds(50))
    #expect(alice.newEvents().last == "answered answer(answer)")
  }

  @Test func status199EndsAnEarlyDialog() {
    let alice = Phone("alice", "192.0.2.1:5060", on: network)
    let peer = ScriptedPeer("192.0.2.9:5060", on: network)
    _ = alice.call(peer.uri)
    network.run(for: .milliseconds(50))
    peer.respond(to: peer.requests(.invite)[0], 180, tag: "one")
    peer.respond(to: peer.requests(.invite)[0], 199, tag: "one")
    network.run(for: .milliseconds(50))
    #expect(alice.newEvents() == ["progress 180", "fork 1 ended"])
  }

  @Test func routeSetComesFromThe2xx() {
    let alice = Phone("alice", "192.0.2.1:5060", on: network)
    let peer = ScriptedPeer("192.0.2.9:5060", on: network)
    let proxy = ScriptedPeer("192.0.2.7:5060", on: network)
    let strict = ScriptedPeer("192.0.2.8:5060", on: network)
    let call = alice.call(peer.uri)
    network.run(for: .milliseconds(50))
    peer.respond(to: peer.requests(.invite)[0], 180, headers: [(.recordRoute, "<sip:192.0.2.8>")])
    peer.respond(
      to: peer.requests(.invite)[0], 200, body: "answer",
      headers: [(.recordRoute, "<sip:192.0.2.6;lr>, <sip:192.0.2.7;lr>")])
    network.run(for: .milliseconds(50))
    #expect(strict.inbox.isEmpty)
    #expect(proxy.requests(.ack).map(\.uri) == [peer.uri])
    #expect(
      proxy.requests(.ack)[0].headers.routes.map { "\($0.uri)" } == ["sip:192.0.2.7;lr", "sip:192.0.2.6;lr"])
    _ = call
  }

  @Test func strictRouterGetsItsOwnAddressInTheRequestURI() {
    let alice = Phone("alice", "192.0.2.1:5060", on: network)
    let peer = ScriptedPeer("192.0.2.9:5060", on: network)
    let strict = ScriptedPeer("192.0.2.8:5060", on: network)
    _ = alice.call(peer.uri)
    network.run(for: .milliseconds(50))
    peer.respond(
      to: peer.requests(.invite)[0], 200, body: "answer", headers: [(.recordRoute, "<sip:192.0.2.8>")])
    network.run(for: .milliseconds(50))
    let ack = strict.requests(.ack)[0]
    #expect("\(ack.uri)" == "sip:192.0.2.8")
    #expect(ack.headers.routes.map(\.uri) == [peer.uri])
  }
}
