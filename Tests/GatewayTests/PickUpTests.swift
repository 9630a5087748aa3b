import CallModel
import MediaRelay
import PolicyEngine
import Router
import Testing

@testable import Gateway

/// A call that rings is picked up by somebody else (RFC 3891 §3).
@Suite struct PickUpTests {
  private func bench(
    devices: [String] = ["bob", "bob"], configure: (inout GatewayConfiguration) -> Void = { _ in }
  ) throws -> GatewayBench {
    try GatewayBench(
      rules: [rule("x", replace: "bob", target: .registration, configure: configure)]
        + [rule("carol", target: .registration)],
      devices: devices)
  }

  private func crypto(_ tag: Int, _ suite: SDESCrypto.Suite, _ letter: Character) -> SDESCrypto {
    SDESCrypto(tag: tag, suite: suite, keyAndSalt: Secret(String(repeating: letter, count: 40)))
  }

  @Test func whoPicksUpBecomesTheCalledPartyAndNobodyRingsAnyMore() throws {
    let bench = try bench()
    let ann = bench.call("x")
    let (one, two) = (bench.dialer.legs[0], bench.dialer.legs[1])
    one.does(.progress(.ringing, media: nil))
    #expect(ann.take() == [.progress(.ringing, media: false)])
    let call = try #require(bench.host.call(with: two.id))
    let dave = bench.replace(two, in: call)
    #expect(one.take() == [.end(.answeredElsewhere)] && two.take() == [.end(.answeredElsewhere)])
    #expect(ann.take() == [.accept] && dave.take() == [.accept])
    // Each has got an address of ours, in codecs of both.
    for leg in [ann, dave] {
      let stream = try #require(leg.media?.streams.first)
      #expect(stream.address.ip == .loopbackIPv4 && stream.codecs.map(\.name) == ["PCMA", "telephone-event"])
    }
    #expect(ann.media?.streams[0].address != dave.media?.streams[0].address)
    #expect(bench.liveCalls == 1)
    // From here on it is a call like any other.
    dave.does(.confirmed(media: nil))
    dave.does(.offer(.audio(port: 28000, direction: .sendOnly)))
    #expect(ann.take() == [.offer])
    ann.does(.answer(.audio(port: 20000, direction: .receiveOnly)))
    #expect(dave.take() == [.answer])
    ann.does(.ended(Disconnect(.normal)))
    #expect(dave.take() == [.end(.normal)])
    #expect(bench.host.callCount == 0 && bench.liveCalls == 0)
    let record = try #require(bench.finished.last)
    #expect(record.attempts.map(\.via) == ["registration", "registration", "pickup"])
    #expect(record.attempts[2].answered != nil && record.connected != nil)
    #expect(record.attempts[0].disconnect?.cause == .answeredElsewhere)
  }

  @Test func ofSeveralFormatsEachIsToldTheCommonOnesUnderItsOwnNumbers() throws {
    let bench = try bench { $0.disabledCodecs = ["pcmu"] }
    let ann = bench.call("x", offer: .audio(port: 20000, codecs: [.opus(96), .pcma, .pcmu]))
    let dave = bench.replace(
      bench.dialer.legs[0], in: try #require(bench.host.call(with: ann.id)),
      offer: .audio(port: 28000, codecs: [.pcmu, .pcma, .opus(111), Codec(9, "G722", clockRate: 8000)]))
    #expect(ann.media?.streams[0].codecs.map(\.payloadType) == [8, 96])
    #expect(dave.media?.streams[0].codecs.map(\.payloadType) == [111, 8])
    let call = try #require(bench.host.call(with: dave.id))
    #expect(call.media?.slots.count == 1 && call.media?.slots[0].relay != nil)
  }

  @Test func eachSideIsAnsweredWithKeysOfItsOwn() throws {
    let bench = try bench()
    let theirs = crypto(1, .aesCM128HMACSHA1_80, "A")
    let ann = bench.call("x", offer: .audio(port: 20000, profile: .rtpSAVP, cryptos: [theirs]))
    let ringing = try #require(bench.dialer.legs[0].call?.offer?.streams[0].cryptos)
    let newcomer = crypto(3, .aesCM128HMACSHA1_80, "B")
    let dave = bench.replace(
      bench.dialer.legs[0], in: try #require(bench.host.call(with: ann.id)),
      offer: .audio(port: 28000, profile: .rtpSAVP, cryptos: [newcomer]))
    let (a, b) = (try #require(ann.media?.streams[0]), try #require(dave.media?.streams[0]))
    #expect(a.profile == .rtpSAVP && b.profile == .rtpSAVP)
    #expect(a.cryptos.map(\.tag) == [1] && b.cryptos.map(\.tag) == [3])
    let keys = [theirs, newcomer, a.cryptos[0], b.cryptos[0]].map(\.keyAndSalt)
    #expect(Set(keys).count == 4)
    // What those who rang were offered is not used with somebody else.
    #expect(!ringing.contains { $0.keyAndSalt == b.cryptos[0].keyAndSalt })
    let slot = try #require(bench.host.call(with: dave.id)?.media?.slots[0])
    #expect(slot.b.remoteCrypto == newcomer && slot.a.remoteCrypto == theirs)
  }

  @Test func oneSideMayEncryptAndTheOtherNot() throws {
    let bench = try bench()
    let ann = bench.call("x")
    let dave = bench.replace(
      bench.dialer.legs[0], in: try #require(bench.host.call(with: ann.id)),
      offer: .audio(port: 28000, profile: .rtpSAVP, cryptos: [crypto(1, .aeadAES128GCM, "B")]))
    #expect(ann.media?.streams[0].cryptos == [] && ann.media?.streams[0].profile == .rtpAVP)
    #expect(dave.media?.streams[0].cryptos.map(\.suite) == [.aeadAES128GCM])
  }

  @Test func aNewcomerWithNothingInCommonChangesNothing() throws {
    let bench = try bench()
    let theirs = crypto(1, .aesCM128HMACSHA1_80, "A")
    let ann = bench.call("x", offer: .audio(port: 20000, profile: .rtpSAVP, cryptos: [theirs]))
    let bob = bench.dialer.legs[0]
    let call = try #require(bench.host.call(with: ann.id))
    for _ in 0..<3 {
      var offer = MediaDescription.video(port: 28000)
      offer.streams[0].codecs = [.g729]
      let dave = bench.replace(bob, in: call, offer: offer)
      #expect(dave.take() == [.reject(.notAcceptable)])
    }
    #expect(bob.take() == [] && ann.take() == [] && bench.liveCalls == 1)
    // Who rings can still answer, with the keys it was offered.
    let offered = try #require(bob.call?.offer?.streams[0].cryptos)
    bob.does(
      .answered(
        media: .audio(
          port: 30000, profile: .rtpSAVP, cryptos: [crypto(offered[1].tag, offered[1].suite, "C")])))
    #expect(ann.take() == [.accept])
    #expect(call.media?.slots[0].b.localCrypto == offered[1])
    #expect(ann.media?.streams.count == 1)
  }

  @Test func wherePolicyWantsEncryptionANewcomerNeedsIt() throws {
    let bench = try bench { $0.mediaEncryption = .required }
    let ann = bench.call(
      "x",
      offer: .audio(port: 20000, profile: .rtpSAVP, cryptos: [crypto(1, .aesCM128HMACSHA1_80, "A")]))
    let call = try #require(bench.host.call(with: ann.id))
    #expect(bench.replace(bench.dialer.legs[0], in: call).take() == [.reject(.encryptionRequired)])
    #expect(ann.take() == [] && bench.dialer.legs[0].take() == [])
  }

  @Test func aCallerWithoutAnOfferAnswersTheNewcomersInItsACK() throws {
    let bench = try bench()
    let ann = bench.call("x", offer: nil)
    let dave = bench.replace(bench.dialer.legs[1], in: try #require(bench.host.call(with: ann.id)))
    #expect(ann.take() == [.accept] && dave.take() == [])
    #expect(bench.dialer.legs[0].take() == [.end(.answeredElsewhere)])
    ann.does(.confirmed(media: .audio(port: 20000)))
    #expect(dave.take() == [.accept] && ann.take() == [])
    dave.does(.ended(Disconnect(.normal)))
    #expect(ann.take() == [.end(.normal)] && bench.host.callCount == 0)
  }

  @Test func aNewcomerWithoutAnOfferIsOfferedTheCallersAndAnswersInItsACK() throws {
    let bench = try bench()
    let ann = bench.call("x")
    let dave = bench.replace(
      bench.dialer.legs[0], in: try #require(bench.host.call(with: ann.id)), offer: nil)
    #expect(dave.take() == [.accept] && ann.take() == [])
    #expect(dave.media?.streams[0].codecs.map(\.name).prefix(2) == ["PCMA", "telephone-event"])
    dave.does(.confirmed(media: .audio(port: 28000)))
    #expect(ann.take() == [.accept] && dave.take() == [])
    ann.does(.ended(Disconnect(.normal)))
    #expect(dave.take() == [.end(.normal)] && bench.host.callCount == 0)

    // Without its answer there is no call.
    let second = bench.call("x")
    let silent = bench.replace(
      try #require(bench.dialer.legs.last), in: try #require(bench.host.call(with: second.id)), offer: nil)
    silent.does(.confirmed(media: nil))
    #expect(second.take() == [.reject(.protocolError)])
    #expect(silent.take() == [.accept, .end(.protocolError)] && bench.host.callCount == 0)
  }

  @Test func twoWithoutAnOfferCannotMeet() throws {
    let bench = try bench()
    let ann = bench.call("x", offer: nil)
    let call = try #require(bench.host.call(with: ann.id))
    #expect(bench.replace(bench.dialer.legs[0], in: call, offer: nil).take() == [.reject(.notAcceptable)])
    #expect(bench.dialer.legs[0].take() == [] && bench.liveCalls == 1)
  }

  @Test func aCallerWhoGivesUpBeforeTheNewcomersACKEndsBoth() throws {
    let bench = try bench()
    let ann = bench.call("x")
    let dave = bench.replace(
      bench.dialer.legs[0], in: try #require(bench.host.call(with: ann.id)), offer: nil)
    ann.does(.ended(Disconnect(.cancelled)))
    #expect(dave.take() == [.accept, .end(.cancelled)])
    #expect(bench.host.callCount == 0 && bench.liveCalls == 0)
  }

  @Test func aCallerWithEarlyMediaOfAnotherIsOfferedTheNewcomers() throws {
    let bench = try bench()
    let ann = bench.call("x", offer: .audio(port: 20000, codecs: [.pcma, .pcmu]))
    bench.dialer.legs[0].does(.progress(.inBand, media: .audio(port: 30000, codecs: [.pcma])))
    #expect(ann.take() == [.progress(.inBand, media: true)])
    let dave = bench.replace(
      bench.dialer.legs[1], in: try #require(bench.host.call(with: ann.id)),
      offer: .audio(port: 28000, codecs: [.pcmu]))
    #expect(dave.take() == [.accept] && ann.take() == [.accept, .offer])
    #expect(ann.media?.streams[0].codecs.map(\.name) == ["PCMU"])
    // It refuses what it offered itself, and there is nothing else.
    ann.does(.offerRefused(Disconnect(.notAcceptable, protocolCode: 488)))
    #expect(ann.take() == [.end(.notAcceptable)] && dave.take() == [.end(.notAcceptable)])
    #expect(bench.host.callCount == 0)
  }

  @Test func thePlaceOnTheTrunkIsFreed() throws {
    let bench = try GatewayBench(
      rules: [rule("9.*", trunks: ["one"])], trunks: [trunk("one") { $0.limits.total.concurrentCalls = 1 }])
    let ann = bench.call("9123")
    #expect(bench.router.concurrentCalls(onTrunk: "one") == 1)
    let dave = bench.replace(bench.dialer.legs[0], in: try #require(bench.host.call(with: ann.id)))
    #expect(bench.router.concurrentCalls(onTrunk: "one") == 0)
    dave.does(.ended(Disconnect(.normal)))
    #expect(bench.router.concurrentCalls(onTrunk: "one") == 0 && bench.host.callCount == 0)
  }

  @Test(arguments: [false, true])
  func anAnsweredCallMayBeTakenOverWithoutAnOffer(_ isRefused: Bool) throws {
    let bench = try bench()
    let ann = bench.call("x")
    let bob = bench.dialer.legs[0]
    bob.does(.answered(media: .audio(port: 30000)))
    _ = (ann.take(), bob.take())
    let dave = bench.replace(bob, in: try #require(bench.host.call(with: ann.id)), offer: nil)
    #expect(
      dave.take() == [.accept]
        && dave.media?.streams[0].codecs.map(\.name).prefix(2) == ["PCMA", "telephone-event"])
    #expect(ann.take() == [] && bob.take() == [])
    dave.does(.confirmed(media: .audio(port: 28000)))
    #expect(ann.take() == [.offer])
    if isRefused {
      ann.does(.offerRefused(Disconnect(.notAcceptable, protocolCode: 488)))
      #expect(dave.take() == [.end(.notAcceptable)])
      ann.does(.ended(Disconnect(.normal)))
      #expect(bob.take().last == .end(.normal))
    } else {
      ann.does(.answer(.audio(port: 20000)))
      #expect(bob.take() == [.end(.transferred)] && dave.take() == [])
      dave.does(.ended(Disconnect(.normal)))
      #expect(ann.take() == [.end(.normal)])
    }
    #expect(bench.host.callCount == 0 && bench.liveCalls == 0)

    // Without its answer nothing changes for the others.
    let second = bench.call("x")
    let called = try #require(bench.dialer.legs.last)
    called.does(.answered(media: .audio(port: 30000)))
    let silent = bench.replace(called, in: try #require(bench.host.call(with: second.id)), offer: nil)
    silent.does(.confirmed(media: nil))
    #expect(silent.take() == [.accept, .end(.protocolError)] && second.take() == [.accept])
    second.does(.ended(Disconnect(.normal)))
    #expect(bench.host.callCount == 0)
  }

  @Test func whoRingsForATransferMayBePickedUpToo() throws {
    let bench = try bench(devices: ["bob", "carol", "carol"])
    let ann = bench.call("x")
    let bob = bench.dialer.legs[0]
    bob.does(.answered(media: .audio(port: 30000)))
    bob.does(.transferRequested(CallModel.TransferRequest(alias: Alias(sip: "sip:carol@127.0.0.1"))))
    let (one, two) = (bench.dialer.legs[1], bench.dialer.legs[2])
    _ = (ann.take(), bob.take())
    let dave = bench.replace(one, in: try #require(bench.host.call(with: one.id)))
    #expect(one.take() == [.end(.answeredElsewhere)] && two.take() == [.end(.answeredElsewhere)])
    #expect(ann.take() == [.offer] && bob.take() == [] && dave.take() == [])
    ann.does(.answer(.audio(port: 20000)))
    #expect(dave.take() == [.accept])
    #expect(bob.take() == [.transferProgress(.succeeded), .end(.transferred)])
    // The new party is known by name: what it transfers is called in its own.
    ann.does(.transferRequested(CallModel.TransferRequest(alias: Alias(sip: "sip:carol@127.0.0.1"))))
    #expect(bench.dialer.legs.last?.call?.callerAlias == "dave")
    ann.does(.ended(Disconnect(.normal)))
    dave.does(.ended(Disconnect(.normal)))
    #expect(bench.host.callCount == 0 && bench.liveCalls == 0)
  }
}
