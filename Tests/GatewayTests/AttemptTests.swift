import CallModel
import PolicyEngine
import Router
import Testing

@testable import Gateway

/// Reaching the called party.
@Suite struct AttemptTests {
  @Test func theCallerHearsRingingAndThenTheAnswer() throws {
    let bench = try GatewayBench(rules: [rule(".*", target: .registration)], devices: ["bob"])
    let caller = bench.call("bob")
    let called = try #require(bench.dialer.legs.first)
    #expect(called.call?.target.via == "registration" && called.call?.hopsLeft == 69)
    called.does(.progress(.trying, media: nil))
    #expect(caller.take() == [])
    called.does(.progress(.ringing, media: nil))
    called.does(.progress(.ringing, media: nil))
    #expect(caller.take() == [.progress(.ringing, media: false)])
    called.does(.answered(media: .audio(port: 30000)))
    #expect(caller.take() == [.accept])
    #expect(bench.book.all.first?.connected != nil)
    caller.does(.ended(Disconnect(.normal)))
    #expect(called.take() == [.end(.normal)])
    #expect(bench.liveCalls == 0)
    let record = try #require(bench.finished.first)
    #expect(record.endedBy == .caller && record.disconnect?.cause == .normal)
    #expect(
      record.attempts.count == 1 && record.attempts[0].rang != nil && record.attempts[0].answered != nil)
  }

  @Test func addressesOfOnePartyNeverReachTheOther() throws {
    let bench = try GatewayBench(rules: [rule(".*", target: .registration)], devices: ["bob"])
    let caller = bench.call("bob")
    let called = try #require(bench.dialer.legs.first)
    let offered = try #require(called.call?.offer?.streams.first)
    #expect(offered.address.ip == .loopbackIPv4 && (36000...36999).contains(offered.address.port))
    called.does(.answered(media: .audio(port: 30000)))
    let answered = try #require(caller.media?.streams.first)
    #expect(answered.address.ip == .loopbackIPv4 && answered.address.port != offered.address.port)
    #expect(answered.codecs.map(\.name) == ["PCMA", "telephone-event"])
  }

  @Test func allDevicesRingAndTheFirstAnswerWins() throws {
    let bench = try GatewayBench(
      rules: [rule(".*", replace: "bob", target: .registration)], devices: ["bob", "bob"])
    let caller = bench.call("x")
    #expect(bench.dialer.legs.count == 2)
    let (one, two) = (bench.dialer.legs[0], bench.dialer.legs[1])
    two.does(.progress(.ringing, media: nil))
    one.does(refusal(486))
    #expect(caller.take() == [.progress(.ringing, media: false)])
    two.does(.answered(media: .audio(port: 30000)))
    #expect(caller.take() == [.accept])

    let again = bench.call("y")
    let (three, four) = (bench.dialer.legs[2], bench.dialer.legs[3])
    three.does(.answered(media: .audio(port: 30000)))
    #expect(four.take() == [.end(.answeredElsewhere)])
    #expect(again.take() == [.accept])
  }

  @Test func theBestOfSeveralRefusalsIsPassedOn() throws {
    let bench = try GatewayBench(
      rules: [rule(".*", replace: "bob", target: .registration)], devices: ["bob", "bob"])
    let caller = bench.call("x")
    bench.dialer.legs[0].does(refusal(404))
    bench.dialer.legs[1].does(refusal(486))
    #expect(caller.take() == [.reject(.busy)])
  }

  @Test func aGlobalRefusalEndsTheOtherDevices() throws {
    let bench = try GatewayBench(
      rules: [rule(".*", replace: "bob", target: .registration)], devices: ["bob", "bob"])
    let caller = bench.call("x")
    bench.dialer.legs[0].does(refusal(603))
    #expect(bench.dialer.legs[1].take() == [.end(.cancelled)])
    #expect(caller.take() == [.reject(.declined)])
  }

  @Test func aTrunkThatIsUnavailableGivesWayToTheNext() throws {
    let bench = try GatewayBench(
      rules: [rule(#"9(\d+)"#, replace: #"\1"#, trunks: ["one", "two"])],
      trunks: [trunk("one"), trunk("two")])
    let caller = bench.call("95551234")
    bench.dialer.legs[0].does(refusal(503))
    #expect(bench.dialer.legs.count == 2)
    #expect(
      bench.dialer.legs[1].call?.target.via == "two"
        && bench.dialer.legs[1].call?.target.calledAlias == "5551234")
    bench.dialer.legs[1].does(.answered(media: .audio(port: 30000)))
    #expect(caller.take() == [.accept])
    caller.does(.ended(Disconnect(.normal)))
    #expect(bench.finished.first?.attempts.map(\.via) == ["one", "two"])
  }

  @Test(arguments: [486, 603, 404, 480, 600])
  func aUserWhoDoesNotWantTheCallIsNotCalledAgain(_ status: Int) throws {
    let bench = try GatewayBench(
      rules: [rule(".*", trunks: ["one", "two"])], trunks: [trunk("one"), trunk("two")])
    let caller = bench.call("1")
    bench.dialer.legs[0].does(refusal(status))
    #expect(bench.dialer.legs.count == 1)
    #expect(caller.take() == [.reject(Cause(sipStatus: status))])
  }

  @Test func ringingEndsAfterItsTime() throws {
    let bench = try GatewayBench(
      rules: [rule(".*", target: .registration) { $0.ringTimeout = .seconds(20) }], devices: ["bob"])
    let caller = bench.call("bob")
    let called = bench.dialer.legs[0]
    called.does(.progress(.ringing, media: nil))
    _ = caller.take()
    bench.loop.advance(to: bench.loop.now + .seconds(19))
    #expect(called.take() == [])
    bench.loop.advance(to: bench.loop.now + .seconds(2))
    #expect(called.take() == [.end(.noAnswer)])
    #expect(caller.take() == [.reject(.noAnswer)])
    #expect(bench.liveCalls == 0)
  }

  @Test func aCallerWhoGivesUpCancelsEveryDevice() throws {
    let bench = try GatewayBench(
      rules: [rule(".*", replace: "bob", target: .registration)], devices: ["bob", "bob"])
    let caller = bench.call("x")
    caller.does(.ended(Disconnect(.cancelled)))
    #expect(bench.dialer.legs.map { $0.take() } == [[.end(.cancelled)], [.end(.cancelled)]])
    #expect(bench.finished.first?.disconnect?.cause == .cancelled)
  }

  @Test func aDeviceThatIsAwayIsUnavailableToOursAndUnknownToOthers() throws {
    let bench = try GatewayBench(rules: [rule(".*", target: .registration)])
    #expect(bench.call("bob").take() == [.reject(.temporarilyUnavailable)])
    #expect(bench.call("bob", registered: nil).take() == [.reject(.notFound)])
  }

  @Test func aRedirectionIsDecidedLikeANewCall() throws {
    let bench = try GatewayBench(
      rules: [rule("bob|eve", target: .registration)], devices: ["bob", "eve"])
    let caller = bench.call("bob")
    var moved = Disconnect(.moved, protocolCode: 302)
    moved.redirectTargets = ["sip:eve@127.0.0.1"]
    bench.dialer.legs[0].does(.ended(moved))
    #expect(bench.dialer.legs.count == 2)
    #expect(bench.dialer.legs[1].call?.target.calledAlias == "eve")
    bench.dialer.legs[1].does(.answered(media: .audio(port: 30000)))
    #expect(caller.take() == [.accept])

    // Where no rule leads, the redirection fails the call.
    let second = bench.call("bob")
    moved.redirectTargets = ["sip:stranger@elsewhere.example"]
    bench.dialer.legs[2].does(.ended(moved))
    #expect(second.take() == [.reject(.moved)])
  }

  @Test func aCallThatCannotBeRecordedIsRefused() throws {
    let bench = try GatewayBench(rules: [rule(".*", target: .registration)], devices: ["bob"])
    bench.book.close()
    #expect(bench.call("bob").take() == [.reject(.serverFailure)])
    #expect(bench.dialer.legs.isEmpty)
  }

  @Test func aCallEndedByTheServiceEndsOnBothSides() throws {
    let bench = try GatewayBench(rules: [rule(".*", target: .registration)], devices: ["bob"])
    let caller = bench.call("bob")
    let called = bench.dialer.legs[0]
    called.does(.answered(media: .audio(port: 30000)))
    _ = caller.take()
    bench.exchange.ledger.endAll(Disconnect(.shutdown))
    #expect(caller.take() == [.end(.shutdown)] && called.take() == [.end(.shutdown)])
  }

  @Test func unansweredDevicesGiveWayToTheNextStepOnce() throws {
    let bench = try GatewayBench(
      rules: [
        rule(".*", trunks: ["one", "two"]) {
          $0.ringTimeout = .seconds(20); $0.continueOn = [.noAnswer]
        }
      ],
      trunks: [trunk("one") { $0.limits.total.concurrentCalls = 1 }, trunk("two")])
    let caller = bench.call("1")
    bench.loop.advance(to: bench.loop.now + .seconds(21))
    #expect(bench.dialer.legs.map { $0.take() } == [[.end(.noAnswer)], []])
    bench.dialer.legs[1].does(.answered(media: .audio(port: 30000)))
    #expect(caller.take() == [.accept])
    #expect(bench.router.concurrentCalls(onTrunk: "one") == 0)
  }

  @Test func severalDevicesThatDoNotAnswerEndTheCallOnce() throws {
    let bench = try GatewayBench(
      rules: [rule(".*", replace: "bob", target: .registration) { $0.ringTimeout = .seconds(20) }],
      devices: ["bob", "bob", "bob"])
    let caller = bench.call("x")
    bench.loop.advance(to: bench.loop.now + .seconds(21))
    #expect(caller.take() == [.reject(.noAnswer)])
    #expect(bench.dialer.legs.map { $0.take() } == [[.end(.noAnswer)], [.end(.noAnswer)], [.end(.noAnswer)]])
    #expect(bench.finished.count == 1 && bench.host.callCount == 0)
  }

  @Test func nothingOfACallIsKeptWhateverItsEnd() throws {
    let bench = try GatewayBench(
      rules: [rule(".*", replace: "bob", target: .registration)], devices: ["bob", "bob"])
    // Given up while ringing, refused, answered by one, answered with nonsense.
    bench.call("a").does(.ended(Disconnect(.cancelled)))
    _ = bench.call("b")
    bench.dialer.legs[2].does(refusal(486))
    bench.dialer.legs[3].does(refusal(486))
    let caller = bench.call("c")
    bench.dialer.legs[4].does(.answered(media: .audio(port: 30000)))
    caller.does(.ended(Disconnect(.normal)))
    _ = bench.call("d")
    bench.dialer.legs[6].does(.answered(media: nil))
    #expect(bench.host.callCount == 0 && bench.liveCalls == 0 && bench.finished.count == 4)
  }

  @Test func aTrunkSlotIsFreedExactlyOncePerAttempt() throws {
    let bench = try GatewayBench(
      rules: [rule(".*", trunks: ["one"])], trunks: [trunk("one") { $0.limits.total.concurrentCalls = 2 }])
    let (first, second) = (bench.call("1"), bench.call("2"))
    #expect(bench.router.concurrentCalls(onTrunk: "one") == 2)
    #expect(bench.call("3").take() == [.reject(.congestion)])
    first.does(.ended(Disconnect(.cancelled)))
    #expect(bench.router.concurrentCalls(onTrunk: "one") == 1)
    bench.dialer.legs[1].does(.answered(media: .audio(port: 30000)))
    #expect(bench.router.concurrentCalls(onTrunk: "one") == 1)
    second.does(.ended(Disconnect(.normal)))
    #expect(bench.router.concurrentCalls(onTrunk: "one") == 0)
  }

  @Test func theAnswerIsTheWinnersOwnEvenIfAnotherHadEarlyMedia() throws {
    let bench = try GatewayBench(
      rules: [rule(".*", replace: "bob", target: .registration)], devices: ["bob", "bob"])
    let caller = bench.call("x", offer: .audio(port: 20000, codecs: [.pcma, .pcmu]))
    bench.dialer.legs[0].does(.progress(.inBand, media: .audio(port: 30000, codecs: [.pcma])))
    #expect(caller.media?.streams[0].codecs.map(\.name) == ["PCMA"])
    bench.dialer.legs[1].does(.progress(.inBand, media: .audio(port: 31000, codecs: [.pcmu])))
    // Answered without a description: it was given in the reliable response before.
    #expect(caller.take() == [.progress(.inBand, media: true)])
    bench.dialer.legs[1].does(.answered(media: nil))
    // The caller holds on to the answer it saw first: the winner's is offered to it.
    #expect(caller.take() == [.accept, .offer])
    #expect(caller.media?.streams[0].codecs.map(\.name) == ["PCMU"])
    caller.does(.answer(.audio(port: 20000, codecs: [.pcmu])))
    #expect(caller.take() == [] && bench.dialer.legs[1].take() == [])
    // Nothing is left open: the next offer goes through.
    bench.dialer.legs[1].does(.offer(.audio(port: 31000, codecs: [.pcmu], direction: .sendOnly)))
    #expect(caller.take() == [.offer])
  }

  @Test func theAnswerThatTheCallerHasSeenNeedsNoRepairWhenTheWinnerSaysTheSame() throws {
    let bench = try GatewayBench(
      rules: [rule(".*", replace: "bob", target: .registration)], devices: ["bob", "bob"])
    let caller = bench.call("x")
    bench.dialer.legs[0].does(.progress(.inBand, media: .audio(port: 30000)))
    let shown = caller.media
    // Another address of theirs is no matter of the caller's: it knows ours only.
    bench.dialer.legs[1].does(.answered(media: .audio(port: 31000)))
    #expect(caller.take() == [.progress(.inBand, media: true), .accept] && caller.media == shown)
    let call = try #require(bench.host.call(with: caller.id))
    #expect(call.media?.slots[0].b.remote?.address.port == 31000 && call.exchangeUnderWay == nil)
  }

  @Test func aFailoverAfterEarlyMediaIsRepairedToo() throws {
    let bench = try GatewayBench(
      rules: [rule(".*", trunks: ["one", "two"])], trunks: [trunk("one"), trunk("two")])
    let caller = bench.call("1", offer: .audio(port: 20000, codecs: [.pcma, .pcmu]))
    bench.dialer.legs[0].does(.progress(.inBand, media: .audio(port: 30000, codecs: [.pcma])))
    bench.dialer.legs[0].does(refusal(503))
    bench.dialer.legs[1].does(.progress(.inBand, media: .audio(port: 31000, codecs: [.pcmu])))
    // What the second says early is not shown: the caller would not listen to it.
    #expect(caller.take() == [.progress(.inBand, media: true)])
    bench.dialer.legs[1].does(.answered(media: .audio(port: 31000, codecs: [.pcmu])))
    #expect(caller.take() == [.accept, .offer])
    // A caller who asks for something else meanwhile is told to wait; one who refuses a mere change goes on.
    caller.does(.offer(.audio(port: 20002)))
    #expect(caller.take() == [.refuseOffer(491)])
    caller.does(.answer(.audio(port: 20000, codecs: [.pcmu])))
    caller.does(.offer(.audio(port: 20002, codecs: [.pcmu])))
    #expect(bench.dialer.legs[1].take() == [.offer])
  }

  @Test func aCallerWhoRefusesTheRepairKeepsWhatIsCommon() throws {
    let bench = try GatewayBench(
      rules: [rule(".*", replace: "bob", target: .registration)], devices: ["bob", "bob"])
    let caller = bench.call("x", offer: .audio(port: 20000, codecs: [.pcma, .pcmu]))
    bench.dialer.legs[0].does(.progress(.inBand, media: .audio(port: 30000, codecs: [.pcma])))
    bench.dialer.legs[1].does(.answered(media: .audio(port: 31000, codecs: [.pcma, .pcmu])))
    #expect(caller.take() == [.progress(.inBand, media: true), .accept, .offer])
    caller.does(.offerRefused(Disconnect(.notAcceptable, protocolCode: 488)))
    #expect(caller.take() == [] && bench.liveCalls == 1)
    bench.dialer.legs[1].does(.offer(.audio(port: 31000)))
    #expect(caller.take() == [.offer])
  }

  // MARK: Keys of several devices

  /// The first device refuses best effort and is offered RTP/SAVP as the third leg; both ring. The keys it was offered.
  private func ringTwice(_ bench: GatewayBench) throws -> (
    plain: ScriptedLeg, secure: ScriptedLeg, SDESCrypto
  ) {
    _ = bench.call("x")
    bench.dialer.legs[0].does(refusal(488))
    let secure = try #require(bench.dialer.legs.last)
    let line = try #require(secure.call?.offer?.streams[0].cryptos.first)
    let key = SDESCrypto(
      tag: line.tag, suite: line.suite, keyAndSalt: Secret(String(repeating: "A", count: 40)))
    return (bench.dialer.legs[1], secure, key)
  }

  private func bestEffortBench() throws -> GatewayBench {
    try GatewayBench(
      rules: [rule(".*", replace: "bob", target: .registration)], devices: ["bob", "bob"])
  }

  @Test func earlyMediaThatIsEncryptedDoesNotBindADeviceThatIsNot() throws {
    let bench = try bestEffortBench()
    let (plain, secure, key) = try ringTwice(bench)
    secure.does(.progress(.inBand, media: .audio(port: 30000, profile: .rtpSAVP, cryptos: [key])))
    let call = try #require(bench.host.call(with: plain.id))
    #expect(call.media?.slots[0].b.remoteCrypto == key)
    plain.does(.answered(media: .audio(port: 31000)))
    let slot = try #require(call.media?.slots[0])
    #expect(call.phase == .connected && slot.b.remoteCrypto == nil && slot.b.localCrypto == nil)
  }

  @Test func plainEarlyMediaDoesNotExcuseADeviceThatWasOfferedEncryptionAlone() throws {
    let bench = try bestEffortBench()
    let (plain, secure, key) = try ringTwice(bench)
    plain.does(.progress(.inBand, media: .audio(port: 31000)))
    secure.does(.answered(media: .audio(port: 30000, profile: .rtpSAVP, cryptos: [key])))
    let call = try #require(bench.host.call(with: secure.id))
    #expect(call.media?.slots[0].b.remoteCrypto == key && call.media?.slots[0].b.localCrypto?.tag == key.tag)

    let other = try bestEffortBench()
    let (first, second, _) = try ringTwice(other)
    first.does(.progress(.inBand, media: .audio(port: 31000)))
    second.does(.answered(media: .audio(port: 30000)))
    #expect(second.take() == [.end(.encryptionRequired)] && other.liveCalls == 0)
  }

  @Test func twoDevicesMayChooseDifferentKeysOfTheSameOffer() throws {
    let bench = try bestEffortBench()
    let caller = bench.call("x")
    let lines = try #require(bench.dialer.legs[0].call?.offer?.streams[0].cryptos)
    let keys = zip(lines.prefix(2), ["A", "B"]).map { line, letter in
      SDESCrypto(tag: line.tag, suite: line.suite, keyAndSalt: Secret(String(repeating: letter, count: 40)))
    }
    bench.dialer.legs[0].does(.progress(.inBand, media: .audio(port: 30000, cryptos: [keys[0]])))
    let slot = { bench.host.call(with: caller.id)?.media?.slots[0].b }
    #expect(slot()?.localCrypto == lines[0] && slot()?.remoteCrypto == keys[0])
    bench.dialer.legs[1].does(.answered(media: .audio(port: 31000, cryptos: [keys[1]])))
    #expect(slot()?.localCrypto == lines[1] && slot()?.remoteCrypto == keys[1])
  }

  @Test func anEarlyOfferThatNobodyCanAnswerFailsTheAttempt() throws {
    let bench = try GatewayBench(rules: [rule(".*", target: .registration)], devices: ["bob"])
    let caller = bench.call("bob", offer: nil)
    bench.dialer.legs[0].does(.progress(.inBand, media: .audio(port: 30000)))
    #expect(bench.dialer.legs[0].take() == [.end(.notAcceptable)])
    #expect(caller.take() == [.reject(.notAcceptable)])
    #expect(bench.host.callCount == 0)
  }

  @Test func aRedirectionNeedsNoSecondPlaceUnderTheCallersLimit() throws {
    let bench = try GatewayBench(
      rules: [rule("bob|eve", target: .registration)], devices: ["bob", "eve"],
      globals: { $0.limits.perCaller.concurrentCalls = 1 })
    let caller = bench.call("bob")
    var moved = Disconnect(.moved, protocolCode: 302)
    moved.redirectTargets = ["sip:nobody@127.0.0.1", "sip:eve@127.0.0.1"]
    bench.dialer.legs[0].does(.ended(moved))
    #expect(bench.dialer.legs.last?.call?.target.calledAlias == "eve")
    caller.does(.ended(Disconnect(.cancelled)))
    let next = bench.call("bob")
    #expect(next.take() == [] && bench.dialer.legs.count == 3)
  }

  @Test func redirectionsInACircleEnd() throws {
    let bench = try GatewayBench(rules: [rule(".*", target: .registration)], devices: ["bob", "eve"])
    let caller = bench.call("bob")
    var count = 0
    while let leg = bench.dialer.legs.last, bench.dialer.legs.count > count, count < 50 {
      count = bench.dialer.legs.count
      var moved = Disconnect(.moved, protocolCode: 302)
      moved.redirectTargets = [count % 2 == 0 ? "sip:bob@127.0.0.1" : "sip:eve@127.0.0.1"]
      leg.does(.ended(moved))
    }
    #expect(count == 6 && caller.take() == [.reject(.moved)])
  }

  @Test func oneDeviceThatNeedsEncryptionDoesNotForceItOnAnother() throws {
    let bench = try GatewayBench(
      rules: [rule(".*", replace: "bob", target: .registration) { $0.mediaEncryption = .bestEffort }],
      devices: ["bob", "bob"])
    let caller = bench.call("x")
    bench.dialer.legs[0].does(refusal(488))
    #expect(bench.dialer.legs.count == 3)
    #expect(bench.dialer.legs[2].call?.offer?.streams[0].profile == .rtpSAVP)
    bench.dialer.legs[1].does(.answered(media: .audio(port: 30000)))
    #expect(caller.take() == [.accept])
    #expect(bench.dialer.legs[2].take() == [.end(.answeredElsewhere)])
  }

  @Test func aCallForWhichNoPortIsFreeIsRefusedBeforeAnythingRings() throws {
    let bench = try GatewayBench(
      rules: [rule(".*", target: .registration)], devices: ["bob"], ports: 38000...38003)
    let first = bench.call("bob")
    #expect(first.take() == [] && bench.dialer.legs.count == 1)
    #expect(bench.call("bob").take() == [.reject(.congestion)])
    #expect(bench.dialer.legs.count == 1 && bench.liveCalls == 1)
  }

  @Test func aRuleThatAllowsNothingOfTheOfferRingsNobody() throws {
    let bench = try GatewayBench(
      rules: [rule(".*", target: .registration) { $0.callCapability = .audio }], devices: ["bob"])
    var offer = MediaDescription.video(port: 20000)
    offer.streams.removeFirst()
    #expect(bench.call("bob", offer: offer).take() == [.reject(.notAcceptable)])
    #expect(bench.dialer.legs.isEmpty && bench.host.callCount == 0)
  }
}
