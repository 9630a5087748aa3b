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
    // The consultation call is over for the transferrer; its other party is asked to take the remaining one.
    #expect(bob2.take() == [.end(.transferred)])
    #expect(carol.take() == [.offer])
    carol.does(.answer(.audio(port: 27000)))
    #expect(ann.take() == [.offer])
    ann.does(.answer(.audio(port: 20000)))
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
}
