import CallModel
import PolicyEngine
import Router
import Testing

@testable import Gateway

@Suite struct TransferTests {
  private func bench() throws -> GatewayBench {
    try GatewayBench(rules: [rule("bob|carol", target: .registration)], devices: ["bob", "carol"])
  }

  private func connect(_ bench: GatewayBench, _ alias: String, port: UInt16) throws -> (
    ScriptedLeg, ScriptedLeg
  ) {
    let caller = bench.call(alias, offer: .audio(port: port))
    let called = try #require(bench.dialer.legs.last)
    called.does(.answered(media: .audio(port: port + 5000)))
    _ = caller.take()
    _ = called.take()
    return (caller, called)
  }

  private func request(_ alias: String, replacing: LegID? = nil) -> CallLegEvent {
    .transferRequested(
      CallModel.TransferRequest(alias: Alias(sip: "sip:\(alias)@127.0.0.1"), replacing: replacing))
  }

  @Test func aBlindTransferConnectsTheRemainingPartyWithTheNewOne() throws {
    let bench = try bench()
    let (ann, bob) = try connect(bench, "bob", port: 20000)
    bob.does(request("carol"))
    #expect(bob.take() == [.transferProgress(.accepted)])
    let carol = try #require(bench.dialer.legs.last)
    #expect(carol !== bob && carol.call?.target.calledAlias == "carol")
    // The old call stands until the new party has answered.
    #expect(ann.take() == [])
    carol.does(.progress(.ringing, media: nil))
    #expect(bob.take() == [.transferProgress(.ringing)])
    carol.does(.answered(media: .audio(port: 27000)))
    #expect(bob.take() == [.transferProgress(.succeeded)])
    #expect(ann.take() == [.offer])
    ann.does(.answer(.audio(port: 20000)))
    #expect(bob.take() == [.end(.transferred)])
    // From here on it is a call like any other.
    ann.does(.ended(Disconnect(.normal)))
    #expect(carol.take() == [.end(.normal)])
    #expect(bench.liveCalls == 0)
  }

  @Test func theCallerMayTransferTheCalledParty() throws {
    let bench = try bench()
    let (ann, bob) = try connect(bench, "bob", port: 20000)
    ann.does(request("carol"))
    let carol = try #require(bench.dialer.legs.last)
    #expect(carol.call?.callerAlias == "bob")
    carol.does(.answered(media: .audio(port: 27000)))
    #expect(bob.take() == [.offer])
    bob.does(.answer(.audio(port: 25000)))
    #expect(ann.take().last == .end(.transferred))
    carol.does(.ended(Disconnect(.normal)))
    #expect(bob.take() == [.end(.normal)])
  }

  @Test func aTransferThatFailsLeavesTheCallAsItWas() throws {
    let bench = try bench()
    let (ann, bob) = try connect(bench, "bob", port: 20000)
    bob.does(request("carol"))
    bench.dialer.legs.last?.does(refusal(486))
    #expect(bob.take().last == .transferProgress(.failed(Disconnect(status: 486, reasons: [], text: nil))))
    #expect(ann.take() == [] && bench.liveCalls == 1)
    bob.does(.ended(Disconnect(.normal)))
    #expect(ann.take() == [.end(.normal)])
  }

  @Test func aTransferToAnAliasThatNoRuleKnowsIsRefused() throws {
    let bench = try bench()
    let (_, bob) = try connect(bench, "bob", port: 20000)
    bob.does(request("nobody"))
    #expect(bob.take() == [.transferProgress(.failed(Disconnect(.notFound)))])
    #expect(bench.dialer.legs.count == 1)
  }

  @Test func anAttendedTransferJoinsTheOtherPartiesOfTwoCalls() throws {
    let bench = try bench()
    let (ann, bob) = try connect(bench, "bob", port: 20000)
    let (bob2, carol) = try connect(bench, "carol", port: 22000)
    bob.does(request("ignored", replacing: bob2.id))
    #expect(bob.take() == [.transferProgress(.accepted)])
    // The other party of the consultation call is asked to take the remaining one; that call stands meanwhile.
    #expect(bob2.take() == [] && carol.take() == [.offer])
    carol.does(.answer(.audio(port: 27000)))
    #expect(ann.take() == [.offer] && bob2.take() == [])
    ann.does(.answer(.audio(port: 20000)))
    #expect(bob2.take() == [.end(.transferred)])
    #expect(bob.take() == [.transferProgress(.succeeded), .end(.transferred)])
    #expect(bench.liveCalls == 1)
    carol.does(.ended(Disconnect(.normal)))
    #expect(ann.take() == [.end(.normal)])
    #expect(bench.liveCalls == 0)
  }

  @Test func theRemainingPartyMayHangUpMeanwhile() throws {
    let bench = try bench()
    let (ann, bob) = try connect(bench, "bob", port: 20000)
    bob.does(request("carol"))
    let carol = try #require(bench.dialer.legs.last)
    ann.does(.ended(Disconnect(.normal)))
    #expect(carol.take() == [.end(.normal)])
    #expect(bob.take().last == .end(.normal))
    #expect(bench.liveCalls == 0)
  }

  @Test func aTransferrerWhoHangsUpAtOnceDoesNotEndTheTransfer() throws {
    let bench = try bench()
    let (ann, bob) = try connect(bench, "bob", port: 20000)
    bob.does(request("carol"))
    let carol = try #require(bench.dialer.legs.last)
    bob.does(.ended(Disconnect(.normal)))
    #expect(ann.take() == [] && carol.take() == [])
    carol.does(.answered(media: .audio(port: 27000)))
    #expect(ann.take() == [.offer])
    ann.does(.answer(.audio(port: 20000)))
    #expect(bench.liveCalls == 1)
    carol.does(.ended(Disconnect(.normal)))
    #expect(ann.take() == [.end(.normal)])
    #expect(bench.liveCalls == 0 && bench.host.callCount == 0)
  }

  @Test func aFailedTransferEndsTheCallWhoseTransferrerIsGone() throws {
    let bench = try bench()
    let (ann, bob) = try connect(bench, "bob", port: 20000)
    bob.does(request("carol"))
    bob.does(.ended(Disconnect(.normal)))
    bench.dialer.legs.last?.does(refusal(486))
    #expect(ann.take() == [.end(.busy)])
    #expect(bench.liveCalls == 0 && bench.host.callCount == 0)
  }

  @Test func allDevicesOfTheTransferTargetRing() throws {
    let bench = try GatewayBench(
      rules: [rule("bob|carol", target: .registration)], devices: ["bob", "carol", "carol"])
    let (ann, bob) = try connect(bench, "bob", port: 20000)
    bob.does(request("carol"))
    #expect(bench.dialer.legs.count == 3)
    let (one, two) = (bench.dialer.legs[1], bench.dialer.legs[2])
    one.does(refusal(480))
    #expect(bob.take() == [.transferProgress(.accepted)])
    two.does(.answered(media: .audio(port: 27000)))
    ann.does(.answer(.audio(port: 20000)))
    #expect(bob.take() == [.transferProgress(.succeeded), .end(.transferred)])
    two.does(.ended(Disconnect(.normal)))
    #expect(bench.liveCalls == 0 && bench.host.callCount == 0)
  }

  @Test func aTransferToATrunkFailsOverAndFreesTheTrunkWithTheCall() throws {
    let bench = try GatewayBench(
      rules: [rule("bob", target: .registration), rule("9.*", trunks: ["one", "two"])],
      trunks: [
        trunk("one") { $0.limits.total.concurrentCalls = 1 },
        trunk("two") { $0.limits.total.concurrentCalls = 1 },
      ],
      devices: ["bob"])
    // The caller transfers: what was called now stands on the caller's side.
    let (ann, bob) = try connect(bench, "bob", port: 20000)
    ann.does(request("9123"))
    bench.dialer.legs[1].does(refusal(503))
    #expect(bench.router.concurrentCalls(onTrunk: "one") == 0)
    bench.dialer.legs[2].does(.answered(media: .audio(port: 27000)))
    bob.does(.answer(.audio(port: 25000)))
    #expect(bench.router.concurrentCalls(onTrunk: "two") == 1)
    bob.does(.ended(Disconnect(.normal)))
    #expect(bench.dialer.legs[2].take() == [.end(.normal)])
    #expect(bench.router.concurrentCalls(onTrunk: "two") == 0 && bench.host.callCount == 0)
  }

  @Test func aSecondTransferMeanwhileIsRefused() throws {
    let bench = try bench()
    let (ann, bob) = try connect(bench, "bob", port: 20000)
    bob.does(request("carol"))
    ann.does(request("carol"))
    #expect(
      ann.take() == [.transferProgress(.failed(Disconnect(.temporarilyUnavailable, protocolCode: 491)))])
    #expect(bench.dialer.legs.count == 2)
  }

  @Test func holdingWhileTheTargetRingsDoesNotConfuseTheTransfer() throws {
    let bench = try bench()
    let (ann, bob) = try connect(bench, "bob", port: 20000)
    bob.does(request("carol"))
    let carol = try #require(bench.dialer.legs.last)
    bob.does(.offer(.audio(port: 25000, direction: .sendOnly)))
    #expect(ann.take() == [.offer])
    // The new party answers before the old exchange is over.
    carol.does(.answered(media: .audio(port: 27000)))
    #expect(ann.take() == [])
    ann.does(.answer(.audio(port: 20000, direction: .receiveOnly)))
    #expect(bob.take().last == .answer && ann.take() == [.offer])
    #expect(ann.media?.streams[0].direction == .sendReceive)
    ann.does(.answer(.audio(port: 20000)))
    #expect(bob.take() == [.end(.transferred)])
  }

  @Test func aNewcomerWhoGivesUpLeavesTheOldPartiesConnected() throws {
    let bench = try bench()
    let (ann, bob) = try connect(bench, "bob", port: 20000)
    let call = try #require(bench.host.call(with: bob.id))
    let dave = bench.replace(bob, in: call)
    #expect(ann.take() == [.offer])
    dave.does(.ended(Disconnect(.cancelled)))
    // The old media may have been given up already: it is offered again.
    ann.does(.answer(.audio(port: 20000)))
    #expect(ann.take() == [.offer])
    ann.does(.answer(.audio(port: 20000)))
    bob.does(.ended(Disconnect(.normal)))
    #expect(ann.take() == [.end(.normal)])
    #expect(bench.liveCalls == 0 && bench.host.callCount == 0)
  }
}
