import CallModel
import MediaRelay
import PolicyEngine
import Router
import Testing

@testable import Gateway

/// Attended transfers that do not go smoothly: until all have agreed, both calls stand.
@Suite struct AttendedTransferTests {
  /// Ann talks to Bob, who consults Carol; then he asks for the two to be joined.
  private struct Scene {
    let bench: GatewayBench
    let ann: ScriptedLeg
    let bob: ScriptedLeg
    let bob2: ScriptedLeg
    let carol: ScriptedLeg

    init(
      ann offer: MediaDescription = .audio(port: 20000), carol answer: MediaDescription = .audio(port: 27000),
      rules: [CallRoutingRule] = [rule("bob|carol", target: .registration)], trunks: [Trunk] = [],
      devices: [String] = ["bob", "carol"]
    ) throws {
      bench = try GatewayBench(rules: rules, trunks: trunks, devices: devices)
      ann = bench.call("bob", offer: offer)
      bob = try #require(bench.dialer.legs.last)
      var answered = offer
      for index in answered.streams.indices { answered.streams[index].address.port += 5000 }
      bob.does(.answered(media: answered))
      bob2 = bench.call("carol", offer: answer.streams.count > 1 ? .video(port: 22000) : .audio(port: 22000))
      carol = try #require(bench.dialer.legs.last)
      carol.does(.answered(media: answer))
      for leg in [ann, bob, bob2, carol] { _ = leg.take() }
      bob.does(
        .transferRequested(
          CallModel.TransferRequest(alias: Alias(sip: "sip:ignored"), replacing: bob2.id)))
    }

    /// Both calls are as they were, and nothing of either is stuck.
    func bothStand(sourceLocation: SourceLocation = #_sourceLocation) {
      #expect(bench.liveCalls == 2, sourceLocation: sourceLocation)
      for (one, other) in [(ann, bob), (bob2, carol)] {
        one.does(.offer(.audio(port: 24000, direction: .sendOnly)))
        #expect(other.take() == [.offer], sourceLocation: sourceLocation)
        other.does(.answer(.audio(port: 29000, direction: .receiveOnly)))
        #expect(one.take() == [.answer], sourceLocation: sourceLocation)
        one.does(.ended(Disconnect(.normal)))
        #expect(other.take() == [.end(.normal)], sourceLocation: sourceLocation)
      }
      #expect(bench.liveCalls == 0 && bench.host.callCount == 0, sourceLocation: sourceLocation)
    }
  }

  private func failed(_ status: Int) -> ScriptedLeg.Command {
    .transferProgress(.failed(Disconnect(status: status, reasons: [], text: nil)))
  }

  @Test func aTargetThatRefusesKeepsItsConsultationCall() throws {
    let scene = try Scene()
    #expect(scene.carol.take() == [.offer] && scene.bob.take() == [.transferProgress(.accepted)])
    scene.carol.does(refusalOfOffer(500))
    #expect(scene.bob.take() == [failed(500)])
    #expect(scene.ann.take() == [] && scene.bob2.take() == [] && scene.carol.take() == [])
    scene.bothStand()
  }

  @Test func aTargetThatInsistsOnEncryptionIsOfferedItOnce() throws {
    let scene = try Scene()
    #expect(scene.carol.take() == [.offer] && scene.carol.media?.streams[0].profile == .rtpAVP)
    scene.carol.does(refusalOfOffer(488))
    #expect(scene.carol.take() == [.offer])
    let stream = try #require(scene.carol.media?.streams[0])
    #expect(stream.profile == .rtpSAVP && stream.cryptos.count == 4)
    scene.carol.does(refusalOfOffer(488))
    #expect(scene.carol.take() == [] && scene.bob.take() == [.transferProgress(.accepted), failed(488)])
    scene.bothStand()
  }

  @Test func aRemainingPartyThatRefusesGoesBackAndSoDoesTheTarget() throws {
    let scene = try Scene()
    let agreed = try #require(scene.bench.host.call(with: scene.carol.id)?.media?.told[.b])
    scene.carol.does(.answer(.audio(port: 27000)))
    #expect(scene.ann.take() == [.offer])
    scene.ann.does(refusalOfOffer(488))
    #expect(scene.bob.take() == [.transferProgress(.accepted), failed(488)])
    // The target has taken other media: it is told again where its old call's are.
    #expect(scene.carol.take() == [.offer, .offer] && scene.carol.media == agreed)
    scene.carol.does(.answer(.audio(port: 27000)))
    scene.bothStand()
  }

  @Test func aTransferrerMayLeaveBothCallsAtOnce() throws {
    let scene = try Scene()
    scene.bob2.does(.ended(Disconnect(.normal)))
    scene.bob.does(.ended(Disconnect(.normal)))
    #expect(scene.bench.liveCalls == 1 && scene.carol.take() == [.offer])
    scene.carol.does(.answer(.audio(port: 27000)))
    scene.ann.does(.answer(.audio(port: 20000)))
    scene.ann.does(.ended(Disconnect(.normal)))
    #expect(scene.carol.take() == [.end(.normal)])
    #expect(scene.bench.liveCalls == 0 && scene.bench.host.callCount == 0)
  }

  @Test func aTargetThatRefusesAfterTheTransferrerLeftItsCallHasNoneToGoBackTo() throws {
    let scene = try Scene()
    scene.bob2.does(.ended(Disconnect(.normal)))
    scene.carol.does(refusalOfOffer(500))
    #expect(scene.carol.take() == [.offer, .end(.serverFailure)])
    #expect(scene.bob.take() == [.transferProgress(.accepted), failed(500)] && scene.bench.liveCalls == 1)
    scene.bob.does(.ended(Disconnect(.normal)))
    #expect(scene.ann.take() == [.end(.normal)] && scene.bench.host.callCount == 0)
  }

  @Test func aRemainingPartyThatHangsUpGivesTheTargetBack() throws {
    let scene = try Scene()
    scene.ann.does(.ended(Disconnect(.normal)))
    #expect(scene.bob.take().last == .end(.normal) && scene.bench.liveCalls == 1)
    #expect(scene.carol.take() == [.offer] && scene.bob2.take() == [])
    // Its answer comes all the same, and is undone.
    scene.carol.does(.answer(.audio(port: 27000)))
    #expect(scene.carol.take() == [.offer])
    scene.carol.does(.answer(.audio(port: 27000)))
    scene.bob2.does(.ended(Disconnect(.normal)))
    #expect(scene.carol.take() == [.end(.normal)] && scene.bench.host.callCount == 0)
  }

  @Test(arguments: [false, true])
  func aTargetThatHangsUpEndsItsOwnCallOnly(_ hasAnswered: Bool) throws {
    let scene = try Scene()
    if hasAnswered { scene.carol.does(.answer(.audio(port: 27000))) }
    scene.carol.does(.ended(Disconnect(.normal)))
    #expect(scene.bob2.take() == [.end(.normal)] && scene.bench.liveCalls == 1)
    guard case .transferProgress(.failed) = scene.bob.take().last else {
      Issue.record("Bob is not told")
      return
    }
    if hasAnswered {
      // Ann may have taken Carol's media.
      scene.ann.does(.answer(.audio(port: 20000)))
      #expect(scene.ann.take() == [.offer, .offer])
    }
    scene.ann.does(.ended(Disconnect(.normal)))
    #expect(scene.bob.take() == [.end(.normal)] && scene.bench.host.callCount == 0)
  }

  @Test func meanwhileNothingIsNegotiatedInTheOtherCallButDigitsPass() throws {
    let scene = try Scene(carol: .audio(port: 27000, codecs: [.pcma]))
    scene.bob2.does(.offer(.audio(port: 22000, direction: .sendOnly)))
    #expect(scene.bob2.take() == [.refuseOffer(491)])
    scene.bob2.does(
      .transferRequested(CallModel.TransferRequest(alias: Alias(sip: "sip:bob@127.0.0.1"))))
    let busy = Disconnect(.temporarilyUnavailable, protocolCode: 491)
    #expect(scene.bob2.take() == [.transferProgress(.failed(busy))])
    scene.carol.does(.transferRequested(CallModel.TransferRequest(alias: Alias(sip: "sip:bob@127.0.0.1"))))
    scene.bob2.does(.digit(DTMFDigit("5")!, duration: .milliseconds(160)))
    #expect(scene.carol.take() == [.offer, .transferProgress(.failed(busy)), .digit(DTMFDigit("5")!)])
    // Nobody else may take the lent party's place.
    let call = try #require(scene.bench.host.call(with: scene.carol.id))
    #expect(scene.bench.replace(scene.bob2, in: call).take() == [.reject(.notAcceptable)])
    scene.carol.does(refusalOfOffer(500))
    _ = (scene.carol.take(), scene.bob2.take(), scene.bob.take())
    scene.bothStand()
  }

  @Test func aConsultationCallThatStillRingsIsRungAnewForTheOther() throws {
    let bench = try GatewayBench(
      rules: [rule("bob", target: .registration), rule("9.*", trunks: ["one"])],
      trunks: [trunk("one") { $0.limits.total.concurrentCalls = 1 }], devices: ["bob"])
    let ann = bench.call("bob")
    let bob = bench.dialer.legs[0]
    bob.does(.answered(media: .audio(port: 25000)))
    let bob2 = bench.call("9123", offer: .audio(port: 22000))
    let ringing = bench.dialer.legs[1]
    ringing.does(.progress(.ringing, media: nil))
    _ = (ann.take(), bob.take(), bob2.take())
    bob.does(
      .transferRequested(CallModel.TransferRequest(alias: Alias(sip: "sip:ignored"), replacing: bob2.id)))
    #expect(ringing.take() == [.end(.cancelled)] && bob2.take() == [.reject(.transferred)])
    // One place on the trunk is enough.
    let again = try #require(bench.dialer.legs.last)
    #expect(again !== ringing && again.call?.target.calledAlias == "9123" && again.call?.callerAlias == "ann")
    again.does(.progress(.ringing, media: nil))
    #expect(bob.take() == [.transferProgress(.accepted), .transferProgress(.ringing)])
    again.does(.answered(media: .audio(port: 27000)))
    ann.does(.answer(.audio(port: 20000)))
    #expect(bob.take().last == .end(.transferred) && ann.take() == [.offer])
    ann.does(.ended(Disconnect(.normal)))
    #expect(again.take() == [.end(.normal)] && bench.host.callCount == 0)
    #expect(bench.router.concurrentCalls(onTrunk: "one") == 0)
  }

  @Test func aTargetThatNeverAnswersIsWaitedForALimitedTime() throws {
    let scene = try Scene()
    scene.bench.loop.advance(to: scene.bench.loop.now + .seconds(91))
    guard case .transferProgress(.failed) = scene.bob.take().last else {
      Issue.record("Bob is not told")
      return
    }
    scene.carol.does(refusalOfOffer(408))
    _ = scene.carol.take()
    scene.bothStand()
  }

  @Test func aServiceThatStopsEndsAllOfThem() throws {
    let scene = try Scene()
    scene.bench.exchange.ledger.endAll(Disconnect(.shutdown))
    for leg in [scene.ann, scene.bob, scene.bob2, scene.carol] { #expect(leg.take().last == .end(.shutdown)) }
    #expect(scene.bench.liveCalls == 0 && scene.bench.host.callCount == 0)
  }

  @Test func thePlaceOnATrunkStaysTheTargets() throws {
    let scene = try Scene(
      rules: [rule("bob", target: .registration), rule("carol", trunks: ["one"])],
      trunks: [trunk("one") { $0.limits.total.concurrentCalls = 1 }], devices: ["bob"])
    let count = { scene.bench.router.concurrentCalls(onTrunk: "one") }
    #expect(count() == 1)
    scene.carol.does(.answer(.audio(port: 27000)))
    scene.ann.does(.answer(.audio(port: 20000)))
    #expect(scene.bench.liveCalls == 1 && count() == 1)
    scene.ann.does(.ended(Disconnect(.normal)))
    #expect(count() == 0 && scene.bench.host.callCount == 0)

    let second = try Scene(
      rules: [rule("bob", target: .registration), rule("carol", trunks: ["one"])],
      trunks: [trunk("one") { $0.limits.total.concurrentCalls = 1 }], devices: ["bob"])
    second.carol.does(refusalOfOffer(500))
    #expect(second.bench.router.concurrentCalls(onTrunk: "one") == 1)
    second.carol.does(.ended(Disconnect(.normal)))
    #expect(second.bench.router.concurrentCalls(onTrunk: "one") == 0)
  }

  @Test func theTargetKeepsThePlacesOfItsStreams() throws {
    // Carol has a picture in her call; Ann has none.
    let scene = try Scene(carol: .video(port: 27000))
    let offered = try #require(scene.carol.media)
    #expect(offered.streams.map(\.kind) == [.audio, .video])
    #expect(offered.streams.map(\.isEnabled) == [true, false])
    var answer = MediaDescription.video(port: 27000)
    answer.streams[1] = answer.streams[1].disabled()
    scene.carol.does(.answer(answer))
    #expect(scene.ann.take() == [.offer] && scene.ann.media?.streams.map(\.kind) == [.audio])
    scene.ann.does(.answer(.audio(port: 20000)))
    // A picture that Carol adds later takes its old place.
    scene.carol.does(.offer(.video(port: 27000)))
    #expect(scene.ann.media?.streams.map(\.isEnabled) == [true, true])
  }

  @Test func whatWasEncryptedStaysEncrypted() throws {
    let bench = try GatewayBench(
      rules: [rule("bob|carol", target: .registration)], devices: ["bob", "carol"])
    let ann = bench.call("bob")
    let bob = bench.dialer.legs[0]
    bob.does(.answered(media: .audio(port: 25000)))
    let bob2 = bench.call("carol", offer: .audio(port: 22000))
    bench.dialer.legs[1].does(refusal(488))
    let carol = bench.dialer.legs[2]
    let line = try #require(carol.call?.offer?.streams[0].cryptos[0])
    let key = SDESCrypto(
      tag: line.tag, suite: line.suite, keyAndSalt: Secret(String(repeating: "A", count: 40)))
    carol.does(.answered(media: .audio(port: 27000, profile: .rtpSAVP, cryptos: [key])))
    bob.does(
      .transferRequested(CallModel.TransferRequest(alias: Alias(sip: "sip:ignored"), replacing: bob2.id)))
    let stream = try #require(carol.media?.streams[0])
    #expect(stream.profile == .rtpSAVP && !stream.cryptos.isEmpty)
    // In another call with other keys.
    #expect(!stream.cryptos.contains { $0.keyAndSalt == line.keyAndSalt })
    _ = ann
  }

  @Test func aBlindTransferToWhoInsistsOnEncryptionTriesItOnce() throws {
    let bench = try GatewayBench(
      rules: [rule("bob|carol", target: .registration)], devices: ["bob", "carol", "carol"])
    let ann = bench.call("bob")
    let bob = bench.dialer.legs[0]
    bob.does(.answered(media: .audio(port: 25000)))
    bob.does(.transferRequested(CallModel.TransferRequest(alias: Alias(sip: "sip:carol@127.0.0.1"))))
    bench.dialer.legs[1].does(refusal(488))
    #expect(bench.dialer.legs.count == 4)
    let offered = try #require(bench.dialer.legs[3].call?.offer?.streams[0])
    #expect(offered.profile == .rtpSAVP && offered.cryptos.count == 4)
    // The other device was offered best effort, and may answer plain whatever this one was offered.
    bench.dialer.legs[2].does(.answered(media: .audio(port: 28000)))
    #expect(bench.dialer.legs[3].take() == [.end(.answeredElsewhere)])
    #expect(ann.take() == [.accept, .offer])
    ann.does(.answer(.audio(port: 20000)))
    #expect(bob.take().last == .end(.transferred))

    // And who refuses that too is not asked again.
    let second = bench.call("bob")
    let again = try #require(bench.dialer.legs.last)
    again.does(.answered(media: .audio(port: 25000)))
    again.does(.transferRequested(CallModel.TransferRequest(alias: Alias(sip: "sip:carol@127.0.0.1"))))
    let count = bench.dialer.legs.count
    for leg in bench.dialer.legs[(count - 2)...] { leg.does(refusal(488)) }
    #expect(bench.dialer.legs.count == count + 2)
    for leg in bench.dialer.legs[count...] { leg.does(refusal(488)) }
    #expect(bench.dialer.legs.count == count + 2)
    #expect(again.take().last == failed(488) && second.take() == [.accept])
  }
}

private func refusalOfOffer(_ status: Int) -> CallLegEvent {
  .offerRefused(Disconnect(status: status, reasons: [], text: nil))
}
