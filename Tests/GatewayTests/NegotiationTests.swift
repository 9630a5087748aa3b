import CallModel
import MediaRelay
import PolicyEngine
import Router
import Testing

@testable import Gateway

/// Media between the legs.
@Suite struct NegotiationTests {
  /// A connected call between two scripted legs.
  private func connected(
    _ bench: GatewayBench, offer: MediaDescription? = .audio(port: 20000),
    answer: MediaDescription = .audio(port: 30000)
  ) throws -> (caller: ScriptedLeg, called: ScriptedLeg) {
    let caller = bench.call("bob", offer: offer)
    let called = try #require(bench.dialer.legs.last)
    called.does(.answered(media: answer))
    #expect(caller.take() == [.accept])
    return (caller, called)
  }

  private func bench(_ configure: (inout GatewayConfiguration) -> Void = { _ in }) throws -> GatewayBench {
    try GatewayBench(rules: [rule(".*", target: .registration, configure: configure)], devices: ["bob"])
  }

  @Test func holdAndResumePassFromEitherSide() throws {
    let (caller, called) = try connected(bench())
    for (one, other) in [(caller, called), (called, caller)] {
      one.does(.offer(.audio(port: 21000, direction: .sendOnly)))
      #expect(other.take() == [.offer])
      #expect(other.media?.streams[0].direction == .sendOnly)
      other.does(.answer(.audio(port: 31000, direction: .receiveOnly)))
      #expect(one.take() == [.answer])
      #expect(one.media?.streams[0].direction == .receiveOnly)
      one.does(.offer(.audio(port: 21000)))
      #expect(other.take() == [.offer])
      other.does(.answer(.audio(port: 31000)))
      #expect(one.take() == [.answer] && one.media?.streams[0].direction == .sendReceive)
    }
  }

  @Test func aRefreshWithoutChangeStaysOnItsLeg() throws {
    let (caller, called) = try connected(bench())
    caller.does(.offer(.audio(port: 20000)))
    #expect(caller.take() == [.answer] && called.take() == [])
  }

  @Test func offersThatCrossAreRefusedWith491() throws {
    let (caller, called) = try connected(bench())
    caller.does(.offer(.audio(port: 21000)))
    #expect(called.take() == [.offer])
    called.does(.offer(.audio(port: 31000)))
    #expect(called.take() == [.refuseOffer(491)])
    called.does(.offerRefused(Disconnect(status: 491, reasons: [], text: nil)))
    #expect(caller.take() == [.refuseOffer(491)])
    // Nothing is stuck: the next offer goes through.
    called.does(.offer(.audio(port: 32000)))
    #expect(caller.take() == [.offer])
  }

  @Test func aLateOfferTravelsTheOtherWay() throws {
    let bench = try bench()
    let caller = bench.call("bob", offer: nil)
    let called = try #require(bench.dialer.legs.first)
    #expect(called.call != nil && called.call?.offer == nil)
    called.does(.answered(media: .audio(port: 30000, codecs: [.pcma, .pcmu, .events])))
    #expect(caller.take() == [.accept])
    #expect(
      caller.media?.streams[0].codecs.map(\.name) == [
        "PCMA", "PCMU", "telephone-event", "opus",
      ])
    caller.does(.confirmed(media: .audio(port: 20000, codecs: [.pcmu])))
    #expect(called.take() == [.answer])
    #expect(called.media?.streams[0].codecs.first?.name == "PCMU")
  }

  @Test func anOfferAskedForIsMadeByTheOtherSide() throws {
    let (caller, called) = try connected(bench())
    caller.does(.offer(nil))
    #expect(called.take() == [.requestOffer])
    called.does(.offer(.audio(port: 31000)))
    #expect(caller.take() == [.offer])
    caller.does(.answer(.audio(port: 21000)))
    #expect(called.take() == [.answer])
  }

  @Test func anAudioRuleAnswersVideoWithPortZeroAndNeverOffersIt() throws {
    let bench = try bench { $0.callCapability = .audio }
    let caller = bench.call("bob", offer: .video(port: 20000))
    let called = bench.dialer.legs[0]
    #expect(called.call?.offer?.streams.map(\.kind) == [.audio])
    called.does(.answered(media: .audio(port: 30000)))
    let answer = try #require(caller.media)
    #expect(answer.streams.map(\.kind) == [.audio, .video])
    #expect(answer.streams.map(\.isEnabled) == [true, false])
  }

  @Test func payloadTypesAreThoseOfWhoeverOffered() throws {
    let bench = try bench()
    let caller = bench.call("bob", offer: .audio(port: 20000, codecs: [.opus(96), .pcma]))
    let called = bench.dialer.legs[0]
    called.does(.answered(media: .audio(port: 30000, codecs: [.opus(111)])))
    #expect(caller.media?.streams[0].codecs.map(\.payloadType) == [96])
    #expect(caller.media?.streams[0].codecs.map(\.name) == ["opus"])
  }

  @Test func disabledCodecsAreNotOffered() throws {
    let bench = try bench { $0.disabledCodecs = ["pcma"] }
    let caller = bench.call("bob", offer: .audio(port: 20000, codecs: [.pcma, .pcmu]))
    #expect(bench.dialer.legs[0].call?.offer?.streams[0].codecs.map(\.name) == ["PCMU", "opus"])
    bench.dialer.legs[0].does(.answered(media: .audio(port: 30000, codecs: [.pcmu])))
    #expect(caller.media?.streams[0].codecs.map(\.name) == ["PCMU"])
  }

  @Test func noMediaInCommonEndsTheCall() throws {
    let bench = try bench()
    let caller = bench.call("bob", offer: .audio(port: 20000, codecs: [.pcma]))
    bench.dialer.legs[0].does(.answered(media: .audio(port: 30000, codecs: [.g729])))
    #expect(caller.take() == [.reject(.notAcceptable)])
    #expect(bench.dialer.legs[0].take() == [.end(.notAcceptable)])
  }

  @Test func earlyMediaIsPassedOnAndRepeatedInTheAnswer() throws {
    let bench = try bench()
    let caller = bench.call("bob")
    let called = bench.dialer.legs[0]
    called.does(.progress(.inBand, media: .audio(port: 30000)))
    #expect(caller.take() == [.progress(.inBand, media: true)])
    let early = caller.media
    called.does(.answered(media: nil))
    #expect(caller.take() == [.accept])
    #expect(caller.media == early)
  }

  // MARK: Encryption

  private func crypto(_ tag: Int, _ suite: SDESCrypto.Suite) -> SDESCrypto {
    SDESCrypto(tag: tag, suite: suite, keyAndSalt: Secret("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))
  }

  @Test func eachSideHasItsOwnKeys() throws {
    let bench = try bench()
    let theirs = crypto(1, .aesCM128HMACSHA1_80)
    let caller = bench.call("bob", offer: .audio(port: 20000, profile: .rtpSAVP, cryptos: [theirs]))
    let offered = try #require(bench.dialer.legs[0].call?.offer?.streams[0])
    #expect(offered.profile == .rtpAVP && offered.cryptos.count == 4)
    #expect(!offered.cryptos.contains { $0.keyAndSalt == theirs.keyAndSalt })
    // The called party does not encrypt; the caller still does.
    bench.dialer.legs[0].does(.answered(media: .audio(port: 30000)))
    let answered = try #require(caller.media?.streams[0])
    #expect(answered.profile == .rtpSAVP && answered.cryptos.count == 1)
    #expect(answered.cryptos[0].tag == 1 && answered.cryptos[0].keyAndSalt != theirs.keyAndSalt)
  }

  @Test func requiredEncryptionRefusesWhoCannot() throws {
    let bench = try bench { $0.mediaEncryption = .required }
    #expect(bench.call("bob").take() == [.reject(.encryptionRequired)])
    let caller = bench.call(
      "bob", offer: .audio(port: 20000, profile: .rtpSAVP, cryptos: [crypto(1, .aeadAES128GCM)]))
    #expect(bench.dialer.legs.last?.call?.offer?.streams[0].profile == .rtpSAVP)
    bench.dialer.legs.last?.does(.answered(media: .audio(port: 30000)))
    #expect(caller.take() == [.reject(.encryptionRequired)])
  }

  @Test func whoRefusesBestEffortIsOfferedEncryptionAlone() throws {
    let bench = try bench()
    let caller = bench.call("bob")
    bench.dialer.legs[0].does(refusal(488))
    #expect(bench.dialer.legs.count == 2 && caller.take() == [])
    let offered = try #require(bench.dialer.legs[1].call?.offer?.streams[0])
    #expect(offered.profile == .rtpSAVP && offered.cryptos.count == 4)
    bench.dialer.legs[1].does(refusal(488))
    #expect(bench.dialer.legs.count == 2)
    #expect(caller.take() == [.reject(.notAcceptable)])
  }

  @Test func devicesThatRingTogetherAreOfferedTheSameKeys() throws {
    let bench = try GatewayBench(
      rules: [rule(".*", replace: "bob", target: .registration)], devices: ["bob", "bob"])
    _ = bench.call("x")
    let offers = bench.dialer.legs.compactMap { $0.call?.offer }
    #expect(offers.count == 2 && offers[0] == offers[1])
  }

  @Test func encryptionOffOffersNoKeys() throws {
    let bench = try bench { $0.mediaEncryption = .off }
    _ = bench.call("bob")
    let offered = try #require(bench.dialer.legs[0].call?.offer?.streams[0])
    #expect(offered.profile == .rtpAVP && offered.cryptos.isEmpty)
  }

  // MARK: Digits

  @Test func aDigitInSignallingGoesOnAsSignallingWhereRTPCannotCarryIt() throws {
    let (caller, called) = try connected(bench(), answer: .audio(port: 30000, codecs: [.pcma]))
    caller.does(.digit(DTMFDigit("5")!, duration: .milliseconds(160)))
    #expect(called.take() == [.digit(DTMFDigit("5")!)])
    // The caller does take RFC 4733: its relay stream plays it.
    called.does(.digit(DTMFDigit("7")!, duration: .milliseconds(160)))
    #expect(caller.take() == [])
  }

  @Test func theCalledPartyMayAskForAnOfferAndAnswersItInItsACK() throws {
    let (caller, called) = try connected(bench())
    called.does(.offer(nil))
    #expect(caller.take() == [.requestOffer])
    caller.does(.offer(.audio(port: 22000)))
    #expect(called.take() == [.offer])
    called.does(.confirmed(media: .audio(port: 32000)))
    #expect(caller.take() == [.answer])
    // Nothing is left open.
    called.does(.offer(.audio(port: 33000)))
    #expect(caller.take() == [.offer])
  }

  @Test func anACKWithoutTheAnswerThatWasDueEndsTheCall() throws {
    let bench = try bench()
    let (caller, called) = try connected(bench, offer: nil)
    caller.does(.confirmed(media: nil))
    #expect(caller.take() == [.end(.protocolError)] && called.take() == [.end(.protocolError)])
    #expect(bench.host.callCount == 0)
  }

  @Test func anACKThatAnswersNothingChangesNothing() throws {
    let (caller, called) = try connected(bench())
    called.does(.offer(.audio(port: 32000)))
    #expect(caller.take() == [.offer])
    caller.does(.confirmed(media: nil))
    caller.does(.answer(.audio(port: 20000)))
    #expect(called.take() == [.answer])
  }

  @Test func anOfferThatIsTakenBackIsUndoneOnTheOtherSide() throws {
    let (caller, called) = try connected(bench())
    caller.does(.offer(.audio(port: 20000, direction: .sendOnly)))
    #expect(called.take() == [.offer])
    caller.does(.offerWithdrawn)
    called.does(.answer(.audio(port: 30000, direction: .receiveOnly)))
    #expect(caller.take() == [] && called.take() == [.offer])
    #expect(called.media?.streams[0].direction == .sendReceive)
    called.does(.answer(.audio(port: 30000)))
    #expect(caller.take() == [] && called.take() == [])
    caller.does(.offer(.audio(port: 20000, direction: .sendOnly)))
    #expect(called.take() == [.offer])
  }

  @Test func aStreamThatWasRefusedLeavesNoTrace() throws {
    let bench = try bench { $0.callCapability = .video }
    let (caller, called) = try connected(bench)
    for _ in 0..<3 {
      caller.does(.offer(.video(port: 20000)))
      #expect(called.take() == [.offer] && called.media?.streams.count == 2)
      called.does(.offerRefused(Disconnect(.notAcceptable, protocolCode: 488)))
      #expect(caller.take() == [.refuseOffer(488)])
    }
    called.does(.offer(.audio(port: 31000)))
    #expect(caller.take() == [.offer] && caller.media?.streams.count == 1)
    caller.does(.answer(.audio(port: 20000)))
    #expect(called.take() == [.answer] && called.media?.streams.count == 1)
  }

  @Test func videoComesAndGoesInReInvites() throws {
    let bench = try bench { $0.callCapability = .video }
    let (caller, called) = try connected(bench)
    caller.does(.offer(.video(port: 20000)))
    called.does(.answer(.video(port: 30000)))
    #expect(caller.take() == [.answer] && caller.media?.streams.map(\.isEnabled) == [true, true])
    var without = MediaDescription.video(port: 30000)
    without.streams[1].isEnabled = false
    without.streams[1].address.port = 0
    called.does(.offer(without))
    #expect(caller.take() == [.offer] && caller.media?.streams.map(\.isEnabled) == [true, false])
    var answer = MediaDescription.video(port: 20000)
    answer.streams[1] = answer.streams[1].disabled()
    caller.does(.answer(answer))
    #expect(called.media?.streams.map(\.isEnabled) == [true, false])
    called.does(.offer(.video(port: 30000)))
    caller.does(.answer(.video(port: 20000)))
    #expect(called.media?.streams.map(\.isEnabled) == [true, true])
  }

  @Test func aRefreshOfAnAnswerGoesThroughSinceOurOfferIsNoAnswerToIt() throws {
    let (caller, called) = try connected(bench())
    caller.does(.offer(.audio(port: 20000, codecs: [.pcma, .pcmu, .events])))
    called.does(.answer(.audio(port: 30000)))
    _ = (caller.take(), called.take())
    called.does(.offer(.audio(port: 30000)))
    #expect(called.take() == [] && caller.take() == [.offer])
  }

  @Test func anOfferThatIsNeverAnsweredBlocksNobodyForEver() throws {
    let bench = try bench()
    let (caller, called) = try connected(bench)
    caller.does(.offer(.audio(port: 21000, direction: .sendOnly)))
    #expect(called.take() == [.offer])
    bench.loop.advance(to: bench.loop.now + .seconds(91))
    #expect(caller.take() == [.refuseOffer(500)])
    // An answer that comes late is undone.
    called.does(.answer(.audio(port: 30000, direction: .receiveOnly)))
    #expect(called.take() == [.offer] && called.media?.streams[0].direction == .sendReceive)
    called.does(.answer(.audio(port: 30000)))
    caller.does(.offer(.audio(port: 22000)))
    #expect(called.take() == [.offer])
  }

  @Test func silenceEndsACallButNotWhileItIsHeldOrOnlyTheVideoIsOff() throws {
    let bench = try bench { $0.callCapability = .video }
    let (caller, called) = try connected(bench, offer: .video(port: 20000), answer: .video(port: 30000))
    let call = try #require(bench.host.call(with: caller.id))
    let (audio, video) = (
      try #require(call.media?.slots[0].relay?.id), try #require(call.media?.slots[1].relay?.id)
    )
    let silence = { call.mediaDid(.mediaTimeout(stream: $0, side: nil, silence: .seconds(60))) }
    silence(video)
    #expect(caller.take() == [])
    var held = MediaDescription.video(port: 20000)
    for index in held.streams.indices { held.streams[index].direction = .sendOnly }
    caller.does(.offer(held))
    var answer = MediaDescription.video(port: 30000)
    for index in answer.streams.indices { answer.streams[index].direction = .receiveOnly }
    called.does(.answer(answer))
    silence(audio)
    #expect(caller.take() == [.answer])
    caller.does(.offer(.video(port: 20000)))
    called.does(.answer(.video(port: 30000)))
    silence(audio)
    #expect(caller.take() == [.answer, .end(.mediaTimeout)])
  }

  @Test func anOfferOfManyStreamsTakesThePortsOfAFew() throws {
    var offer = MediaDescription.audio(port: 20000)
    offer.streams = (0..<60).map { index in
      var stream = offer.streams[0]
      stream.address.port += UInt16(2 * index)
      return stream
    }
    let bench = try bench()
    let second = bench.call("bob", offer: offer)
    let called = try #require(bench.dialer.legs.last?.call?.offer)
    #expect(called.streams.count { $0.isEnabled } == CallMedia.maximumStreams)
    var answer = called
    for index in answer.streams.indices { answer.streams[index].address = offer.streams[0].address }
    bench.dialer.legs[0].does(.answered(media: answer))
    #expect(second.take() == [.accept] && second.media?.streams.count == 60)
    #expect(second.media?.streams.count { $0.isEnabled } == CallMedia.maximumStreams)
  }
}
