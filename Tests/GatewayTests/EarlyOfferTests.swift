import CallModel
import Router
import Testing

@testable import Gateway

/// Offers while the called party still rings.
@Suite struct EarlyOfferTests {
  /// A call whose called party has answered early.
  private func ringing(devices: [String] = ["bob"], callerTakesOffers: Bool = true) throws -> (
    bench: GatewayBench, caller: ScriptedLeg, called: ScriptedLeg
  ) {
    let bench = try GatewayBench(rules: [rule(".*", target: .registration)], devices: devices)
    let caller = bench.call("bob", offer: .audio(port: 20000, codecs: [.pcma, .pcmu]))
    caller.takesOffers = callerTakesOffers
    let called = try #require(bench.dialer.legs.first)
    called.does(.progress(.inBand, media: .audio(port: 30000, codecs: [.pcma])))
    #expect(caller.take() == [.progress(.inBand, media: true)])
    return (bench, caller, called)
  }

  @Test func theCalledPartysOfferGoesToTheCallerAndItsAnswerBack() throws {
    let (bench, caller, called) = try ringing()
    called.does(.offer(.audio(port: 31000, codecs: [.pcma], direction: .sendOnly)))
    #expect(caller.take() == [.offer] && caller.media?.streams[0].direction == .sendOnly)
    caller.does(.answer(.audio(port: 20000, codecs: [.pcma], direction: .receiveOnly)))
    #expect(called.take() == [.answer] && called.media?.streams[0].direction == .receiveOnly)
    called.does(.answered(media: nil))
    // What was told last stands: nothing new is to be said after the answer.
    #expect(caller.take() == [.accept])
    #expect(bench.liveCalls == 1)
  }

  @Test func theCallersOfferIsWhatTheNextTargetGets() throws {
    let bench = try GatewayBench(
      rules: [rule("9.*", trunks: ["one", "two"])], trunks: [trunk("one"), trunk("two")])
    let caller = bench.call("91", offer: .audio(port: 20000))
    bench.dialer.legs[0].does(.progress(.inBand, media: .audio(port: 30000)))
    caller.does(.offer(.audio(port: 20000, direction: .receiveOnly)))
    #expect(bench.dialer.legs[0].take() == [.offer])
    bench.dialer.legs[0].does(.answer(.audio(port: 30000, direction: .sendOnly)))
    #expect(caller.take() == [.progress(.inBand, media: true), .answer])
    bench.dialer.legs[0].does(refusal(503))
    #expect(bench.dialer.legs[1].call?.offer?.streams[0].direction == .receiveOnly)
    bench.dialer.legs[1].does(.answered(media: .audio(port: 32000, direction: .sendOnly)))
    #expect(caller.take() == [.accept])
  }

  @Test func anOfferUnderWayToWhoFailsIsRefused() throws {
    let (bench, caller, called) = try ringing()
    caller.does(.offer(.audio(port: 20000, codecs: [.pcma], direction: .inactive)))
    #expect(called.take() == [.offer])
    called.does(.offer(.audio(port: 33000, codecs: [.pcma])))
    #expect(called.take() == [.refuseOffer(491)])
    called.does(refusal(486))
    #expect(caller.take() == [.refuseOffer(500), .reject(.busy)])
    #expect(bench.liveCalls == 0)
  }

  @Test func anAnswerOvertakesAnOfferUnderWay() throws {
    let (bench, caller, called) = try ringing()
    caller.does(.offer(.audio(port: 20000, codecs: [.pcma], direction: .inactive)))
    called.does(.answered(media: nil))
    #expect(caller.take() == [.accept])
    called.does(.answer(.audio(port: 30000, codecs: [.pcma], direction: .inactive)))
    #expect(caller.take() == [.answer] && caller.media?.streams[0].direction == .inactive)
    #expect(bench.liveCalls == 1)
  }

  /// The caller hears nothing of it, and what it is told in the end is what it was told first.
  @Test func aCallerThatCannotFollowIsSpokenFor() throws {
    let (bench, caller, called) = try ringing(callerTakesOffers: false)
    called.does(.offer(.audio(port: 31000, codecs: [.pcmu, .pcma], direction: .sendOnly)))
    #expect(called.take() == [.answer] && caller.take() == [])
    // It was shown A-law only.
    #expect(called.media?.streams[0].codecs.map(\.name) == ["PCMA"])
    #expect(called.media?.streams[0].direction == .receiveOnly)
    called.does(.offer(.audio(port: 31000, codecs: [.opus(111)])))
    #expect(called.take() == [.refuseOffer(nil)])
    called.does(.offer(.audio(port: 31000, codecs: [.pcma])))
    #expect(called.take() == [.answer])
    called.does(.answered(media: nil))
    #expect(caller.take() == [.accept] && caller.media?.streams[0].codecs.map(\.name) == ["PCMA"])
    #expect(bench.liveCalls == 1)
  }

  /// They share what they were offered: one of several cannot change it for the others.
  @Test func ofSeveralWhoRingNobodyChangesAnything() throws {
    let (bench, caller, called) = try ringing(devices: ["bob", "bob"])
    called.does(.offer(.audio(port: 31000, codecs: [.pcma])))
    #expect(called.take() == [.refuseOffer(488)])
    caller.does(.offer(.audio(port: 21000, codecs: [.pcma])))
    #expect(caller.take() == [.refuseOffer(488)])
    #expect(bench.liveCalls == 1)
  }
}
