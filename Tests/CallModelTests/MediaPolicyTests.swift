import CallModel
import Testing

@Suite struct MediaPolicyTests {
  static let pcmu = Codec(0, "PCMU", clockRate: 8000)
  static let opus = Codec(96, "opus", clockRate: 48000, channels: 2)
  static func audio(_ profile: MediaStream.Profile = .rtpAVP, _ cryptos: [SDESCrypto] = []) -> MediaStream {
    MediaStream(
      kind: .audio, profile: profile, address: TransportAddress(.loopbackIPv4, 4000), codecs: [pcmu],
      cryptos: cryptos)
  }

  /// Keys that count up, so that a fresh one can be told from a kept one.
  final class Keys {
    var made = 0
    func next(_ suite: SDESCrypto.Suite) -> Secret {
      made += 1
      let bytes = [UInt8](
        repeating: UInt8(truncatingIfNeeded: made), count: suite.keyLength + suite.saltLength)
      return SDESCrypto(tag: 1, suite: suite, keyAndSalt: bytes)?.keyAndSalt ?? Secret("")
    }
  }

  @Test(arguments: [
    (MediaEncryption.off, MediaStream.Profile.rtpSAVPF, MediaStream.Profile.rtpAVPF, 0),
    (.bestEffort, .rtpSAVP, .rtpAVP, 4), (.bestEffort, .rtpAVPF, .rtpAVPF, 4),
    (.required, .rtpAVP, .rtpSAVP, 4),
    (.required, .rtpAVPF, .rtpSAVPF, 4), (.required, .dtlsSAVPF, .rtpSAVPF, 4), (.off, .dtlsSAVP, .rtpAVP, 0),
  ])
  func offerForms(
    policy: MediaEncryption, before: MediaStream.Profile, after: MediaStream.Profile, keys: Int
  ) {
    let source = Keys()
    let foreign = MediaStream(kind: .application, profile: .other("UDP/BFCP"), formats: ["*"])
    let offer = OfferAnswer.offer(
      MediaDescription(streams: [Self.audio(before), foreign, Self.audio(before).disabled()]),
      encryption: policy,
      makeKey: source.next)
    #expect(offer.streams[0].profile == after)
    #expect(offer.streams[0].cryptos.map(\.tag) == Array(1..<1 + keys))
    #expect(offer.streams[0].cryptos.allSatisfy { $0.keyAndSaltBytes != nil })
    #expect(offer.streams[1] == foreign)
    #expect(offer.streams[2].cryptos.isEmpty)
    #expect(source.made == keys)
  }

  @Test func keysAreKept() {
    let source = Keys()
    let suites: [SDESCrypto.Suite] = [.aesCM128HMACSHA1_80, .aesCM128HMACSHA1_32]
    let plain = MediaDescription(streams: [Self.audio()])
    let first = OfferAnswer.offer(plain, encryption: .required, suites: suites, makeKey: source.next)
    let second = OfferAnswer.offer(
      plain, encryption: .required, suites: suites, keeping: first, makeKey: source.next)
    #expect(second == first)
    #expect(source.made == 2)
    // After our answer only one line is left; the other suite gets a key and a tag of its own.
    var answered = first
    answered.streams[0].cryptos.removeFirst()
    let third = OfferAnswer.offer(
      plain, encryption: .required, suites: suites, keeping: answered, makeKey: source.next)
    #expect(third.streams[0].cryptos.map(\.suite) == suites)
    #expect(Set(third.streams[0].cryptos.map(\.tag)).count == 2)
    #expect(third.streams[0].cryptos[1] == first.streams[0].cryptos[1])
    #expect(source.made == 3)
  }

  static let offeredKeys: [SDESCrypto] = [
    .init(tag: 5, suite: .aeadAES256GCM, keyAndSalt: Secret("a")),
    .init(tag: 6, suite: .aesCM128HMACSHA1_32, keyAndSalt: Secret("b")),
  ]

  @Test(arguments: [
    (MediaStream.Profile.rtpAVP, false, MediaEncryption.off, true, 0),
    (.rtpAVP, false, .bestEffort, true, 0), (.rtpAVP, false, .required, false, 0),
    (.rtpAVP, true, .off, true, 0), (.rtpAVP, true, .bestEffort, true, 1),
    (.rtpAVP, true, .required, true, 1),
    (.rtpSAVP, true, .off, false, 0), (.rtpSAVP, true, .bestEffort, true, 1),
    (.rtpSAVPF, true, .required, true, 1),
    (.rtpSAVP, false, .bestEffort, false, 0),
  ])
  func answerForms(
    profile: MediaStream.Profile, hasKeys: Bool, policy: MediaEncryption, accepted: Bool, keys: Int
  ) throws {
    let offer = MediaDescription(streams: [Self.audio(profile, hasKeys ? Self.offeredKeys : [])])
    // The answer arrives from the other leg in whatever form.
    let answer = MediaDescription(streams: [Self.audio(.rtpSAVPF, Self.offeredKeys)])
    let suites: [SDESCrypto.Suite] = [.aesCM128HMACSHA1_80, .aesCM128HMACSHA1_32]
    let source = Keys()
    let secured = {
      try OfferAnswer.secure(
        answer: answer, to: offer, encryption: policy, suites: suites, makeKey: source.next)
    }
    guard accepted else {
      #expect(throws: OfferAnswer.Violation.self, performing: secured)
      return
    }
    let result = try secured()
    #expect(result.streams[0].profile == profile)
    #expect(result.streams[0].cryptos.count == keys)
    #expect(result.streams[0].cryptos.allSatisfy { $0.tag == 6 && $0.suite == .aesCM128HMACSHA1_32 })
    #expect(try OfferAnswer.validate(answer: result, to: offer, .strict).description == result)
    let pair = OfferAnswer.cryptoPair(offer: offer.streams[0], answer: result.streams[0])
    #expect(pair?.offerer == (keys == 0 ? nil : Self.offeredKeys[1]))
    #expect(pair?.answerer == result.streams[0].cryptos.first)
  }

  @Test func bestEffortAnswers() throws {
    let offer = OfferAnswer.offer(
      MediaDescription(streams: [Self.audio()]), encryption: .bestEffort, makeKey: Keys().next)
    let key = offer.streams[0].cryptos[0]
    for answer in [Self.audio(.rtpAVP), Self.audio(.rtpAVP, [key]), Self.audio(.rtpSAVP, [key])] {
      let valid = try OfferAnswer.validate(answer: MediaDescription(streams: [answer]), to: offer, .strict)
      #expect(valid.description.streams[0] == answer)
    }
    #expect(throws: OfferAnswer.Violation.encryptionMissing(stream: 0)) {
      try OfferAnswer.validate(answer: MediaDescription(streams: [Self.audio(.rtpSAVP)]), to: offer)
    }
  }

  @Test func encryptionCannotBeTakenAway() {
    let offer = OfferAnswer.offer(
      MediaDescription(streams: [Self.audio()]), encryption: .required, makeKey: Keys().next)
    for answer in [Self.audio(.rtpAVP), Self.audio(.rtpSAVP)] {
      #expect(throws: OfferAnswer.Violation.self) {
        try OfferAnswer.validate(answer: MediaDescription(streams: [answer]), to: offer)
      }
    }
  }

  @Test func wrongTagIsMendedWhenTheSuiteIsUnique() throws {
    let offer = MediaDescription(streams: [Self.audio(.rtpSAVP, Self.offeredKeys)])
    var key = Self.offeredKeys[1]
    key.tag = 1
    let answer = MediaDescription(streams: [Self.audio(.rtpSAVP, [key])])
    let valid = try OfferAnswer.validate(answer: answer, to: offer)
    #expect(valid.repairs == [.cryptoNotOffered(stream: 0)])
    #expect(valid.description.streams[0].cryptos.map(\.tag) == [6])
    key.suite = .aesCM128HMACSHA1_80
    #expect(throws: OfferAnswer.Violation.cryptoNotOffered(stream: 0)) {
      try OfferAnswer.validate(answer: MediaDescription(streams: [Self.audio(.rtpSAVP, [key])]), to: offer)
    }
  }

  // MARK: Answers of our own

  static let echo = MediaCapabilities(codecs: [
    .audio: [
      opus, pcmu, Codec(101, "telephone-event", clockRate: 8000),
      Codec(102, "telephone-event", clockRate: 48000),
    ],
    .video: [Codec(97, "VP8", clockRate: 90000, feedback: ["nack pli"])],
  ])

  @Test func answerInTheOfferersOrder() throws {
    var audio = Self.audio()
    audio.codecs = [
      Codec(18, "G729", clockRate: 8000), Self.pcmu,
      Codec(120, "telephone-event", clockRate: 48000, parameters: "0-15"),
      Codec(110, "opus", clockRate: 48000, channels: 2, parameters: "useinbandfec=1"),
      Codec(121, "telephone-event", clockRate: 8000, parameters: "0-15"),
    ]
    audio.direction = .sendOnly
    audio.packetTime = 30
    audio.isRTCPMultiplexed = true
    var video = MediaStream(
      kind: .video, codecs: [Codec(100, "VP8", clockRate: 90000, feedback: ["nack pli", "ccm fir"])])
    video.attributes = [MediaAttribute("mid", "v")]
    let slides = MediaStream(kind: .video, codecs: video.codecs, content: .slides)
    let bfcp = MediaStream(kind: .application, profile: .other("UDP/BFCP"), formats: ["*"])
    let offer = MediaDescription(streams: [audio, video, slides, bfcp])
    let place = { (i: Int) in Optional(TransportAddress(.loopbackIPv4, UInt16(5000 + i))) }

    let answer = try OfferAnswer.answer(
      to: offer, with: Self.echo, address: place, makeKey: { _ in Secret("") })
    #expect(answer.streams.map(\.isEnabled) == [true, true, false, false])
    #expect(answer.streams[0].codecs.map(\.payloadType) == [0, 110, 120, 121])
    #expect(answer.streams[0].codecs[2].parameters == "0-15")
    #expect(answer.streams[0].direction == .receiveOnly)
    #expect(answer.streams[0].packetTime == 30)
    #expect(answer.streams[0].isRTCPMultiplexed)
    #expect(answer.streams[0].address.port == 5000)
    #expect(answer.streams[1].codecs.map(\.feedback) == [["nack pli"]])
    #expect(answer.streams[1].mid == "v")
    #expect(answer.streams[3].profile == bfcp.profile)
    #expect(try OfferAnswer.validate(answer: answer, to: offer, .strict).repairs.isEmpty)

    var single = Self.echo
    single.singleCodec = true
    let one = try OfferAnswer.answer(to: offer, with: single, address: place, makeKey: { _ in Secret("") })
    #expect(one.streams[0].codecs.map(\.payloadType) == [0, 121])

    let keyed = MediaDescription(streams: [Self.audio(.dtlsSAVPF)])
    #expect(throws: OfferAnswer.Violation.profileChanged(stream: 0)) {
      try OfferAnswer.answer(to: keyed, with: Self.echo, address: place, makeKey: { _ in Secret("") })
    }
    let none = MediaCapabilities(codecs: [.audio: [Codec(9, "G722", clockRate: 8000)]])
    #expect(throws: OfferAnswer.Violation.noCommonCodec(stream: 0)) {
      try OfferAnswer.answer(to: offer, with: none, address: place, makeKey: { _ in Secret("") })
    }
  }

  // MARK: Hold

  @Test func directions() {
    let all: [MediaStream.Direction] = [.sendReceive, .sendOnly, .receiveOnly, .inactive]
    for offered in all {
      for answered in all {
        // RFC 3264 §6.1, as its four sentences say it.
        let legal: [MediaStream.Direction] =
          switch offered {
          case .sendReceive: all
          case .sendOnly: [.receiveOnly, .inactive]
          case .receiveOnly: [.sendOnly, .inactive]
          case .inactive: [.inactive]
          }
        #expect(answered.isAllowed(asAnswerTo: offered) == legal.contains(answered))
        #expect(answered.intersection(offered.reversed).isAllowed(asAnswerTo: offered))
      }
    }
    #expect(all.map(\.held) == [.sendOnly, .sendOnly, .inactive, .inactive])
  }

  @Test func hold() {
    let active = MediaDescription(streams: [Self.audio()])
    #expect(!active.isHold)
    #expect(active.held().isHold)
    #expect(active.holdChange(to: active.held()) == .hold)
    #expect(active.held().holdChange(to: active) == .resume)
    #expect(active.held().holdChange(to: active.held().held()) == .none)
    // A camera that is off is no hold, and neither is a call without streams.
    var video = MediaStream(kind: .video, direction: .sendOnly)
    #expect(!MediaDescription(streams: [Self.audio(), video]).isHold)
    #expect(MediaDescription(streams: [video]).isHold)
    video.isEnabled = false
    #expect(!MediaDescription(streams: [video]).isHold)
  }
}
