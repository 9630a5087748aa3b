import CallModel
import Testing

@testable import SIP

/// REFER, NOTIFY and Replaces (RFC 3515, RFC 4488, RFC 3891).
@Suite struct TransferTests {
  let carol = SIPURI(user: "carol", host: .ip(IPAddress("192.0.2.3")!), port: 5060)

  @Test func blindTransferReportsItsProgress() throws {
    var pair = CallPair()
    pair.establish()
    let (a, b) = (pair.aliceSession, pair.bobSession)
    let target = NameAddress(uri: carol)
    let asked = pair.alice.ask { $0.refer(a, to: target, now: $1) }
    pair.network.run()
    let transfer = try #require(asked)
    let request = try #require(pair.bob.transfers.first)
    #expect(request.referTo.uri == carol)
    #expect(request.wantsNotifications)
    pair.bob.tell { $0.acceptTransfer(request.id, now: $1) }
    pair.network.run()
    pair.bob.tell { $0.notifyTransferProgress(request.id, status: 180, now: $1) }
    pair.network.run()
    pair.bob.tell { $0.notifyTransferProgress(request.id, status: 200, now: $1) }
    pair.network.run()
    let reports = pair.alice.events.compactMap { entry -> TransferReport? in
      if case .transfer(transfer, let report) = entry.event { report } else { nil }
    }
    #expect(
      reports == [
        .accepted(subscribed: true), .notified(status: 100, reason: "Trying"),
        .notified(status: 180, reason: "Ringing"), .notified(status: 200, reason: "OK"),
        .finished(status: 200),
      ])
    #expect(pair.network.sentRequests(.notify).last?.headers.subscriptionState?.value == "terminated")
    pair.alice.tell { $0.bye(a, now: $1) }
    pair.network.run()
    #expect(pair.bob.newEvents().last == "ended bye")
    _ = b
    #expect(pair.isClean())
  }

  @Test func notifyOutlivesTheSession() throws {
    var pair = CallPair()
    pair.establish()
    let a = pair.aliceSession
    pair.alice.ask { $0.refer(a, to: NameAddress(uri: carol), now: $1) }
    pair.network.run()
    let request = try #require(pair.bob.transfers.first)
    pair.bob.tell { $0.acceptTransfer(request.id, now: $1) }
    pair.network.run()
    pair.alice.tell { $0.bye(a, now: $1) }
    pair.network.run()
    #expect(pair.alice.agent.sessionCount == 0)
    #expect(pair.bob.tell { $0.notifyTransferProgress(request.id, status: 200, now: $1) } == .done)
    pair.network.run()
    #expect(pair.alice.newEvents().last == "transfer finished(status: Optional(200))")
    #expect(pair.isClean())
  }

  @Test func transferWithoutNotifications() throws {
    var pair = CallPair()
    pair.establish()
    let a = pair.aliceSession
    pair.alice.ask { $0.refer(a, to: NameAddress(uri: carol), subscribe: false, now: $1) }
    pair.network.run()
    let request = try #require(pair.bob.transfers.first)
    #expect(!request.wantsNotifications)
    pair.bob.tell { $0.acceptTransfer(request.id, now: $1) }
    pair.network.run()
    #expect(pair.alice.newEvents() == ["transfer accepted(subscribed: false)"])
    #expect(pair.network.sentRequests(.notify).isEmpty)
    pair.bob.tell { $0.notifyTransferProgress(request.id, status: 200, now: $1) }
    pair.alice.tell { $0.bye(a, now: $1) }
    #expect(pair.isClean())
  }

  @Test func refusedTransferLeavesTheCallUp() throws {
    var pair = CallPair()
    pair.establish()
    let a = pair.aliceSession
    pair.alice.ask { $0.refer(a, to: NameAddress(uri: carol), now: $1) }
    pair.network.run()
    let request = try #require(pair.bob.transfers.first)
    pair.bob.tell { $0.rejectTransfer(request.id, now: $1) }
    pair.network.run()
    #expect(pair.alice.newEvents() == ["transfer rejected(status: 603)"])
    #expect(pair.alice.agent.sessionCount == 1)
    pair.alice.tell { $0.bye(a, now: $1) }
    #expect(pair.isClean())
  }

  @Test func attendedTransferReplacesTheOtherCall() throws {
    let network = SimulatedNetwork()
    let alice = Phone("alice", "192.0.2.1:5060", on: network)
    let bob = Phone("bob", "192.0.2.2:5060", on: network)
    let carol = Phone("carol", "192.0.2.3:5060", on: network)
    for phone in [bob, carol] {
      phone.onIncoming = { phone, id, _ in phone.tell { $0.accept(id, body: .text("answer"), now: $1) } }
    }
    let toBob = alice.call(bob.uri)
    let toCarol = alice.call(carol.uri)
    network.run()
    alice.ask { $0.refer(toBob, to: NameAddress(uri: carol.uri), replacing: toCarol, now: $1) }
    network.run()
    let transfer = try #require(bob.transfers.first)
    let replaces = try #require(transfer.replaces)
    #expect(transfer.replacing == nil, "it is no session of Bob's")
    bob.tell { $0.acceptTransfer(transfer.id, now: $1) }
    _ = bob.call(carol.uri) { $0.headers.append(.init(.replaces, replaces.description)) }
    network.run()
    let second = try #require(carol.incoming.last)
    #expect(second.invite.replacing == carol.incoming[0].id)
    carol.tell { [id = carol.incoming[0].id] in $0.bye(id, now: $1) }
    network.run()
    #expect(bob.newEvents().contains("answered answer(answer)"))
    #expect(alice.newEvents().contains("ended bye"))
  }

  @Test func replacesThatNamesNothingGets481() {
    let network = SimulatedNetwork()
    let bob = Phone("bob", "192.0.2.2:5060", on: network)
    let (peer, id, tag) = scriptedCall(to: bob, on: network)
    func ask(_ value: String, callID: String) -> Int? {
      peer.request(
        .invite, to: bob.address, uri: bob.uri, callID: callID, fromTag: "g", sequence: 1, body: "offer",
        headers: [(.replaces, value), (.require, "replaces")])
      network.run()
      return peer.responses.last { $0.headers.callID == callID }?.status
    }
    #expect(ask("other;to-tag=\(tag);from-tag=f", callID: "r1") == 481)
    #expect(ask("c;to-tag=\(tag);from-tag=x", callID: "r2") == 481)
    #expect(ask("c;to-tag=\(tag);from-tag=f;early-only", callID: "r3") == 486)
    #expect(ask("c;to-tag=\(tag)", callID: "r4") == 400)
    #expect(bob.incoming.count == 1)
    _ = ask("c;to-tag=\(tag);from-tag=f", callID: "r5")
    #expect(bob.incoming.last?.invite.replacing == id)
  }
}
