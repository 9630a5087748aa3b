import CallModel
import SDP
import Testing

/// The conversations of RFC 4317: every answer is legal, and what breaks the rules is named.
@Suite struct RFC4317Tests {
  struct Exchange: Sendable, CustomStringConvertible {
    let description: String
    let offer: String
    let answer: String
    /// Enabled streams after the answer, and the formats agreed on each.
    let agreed: [[String]]
  }

  static func session(_ lines: String) -> String {
    "v=0\no=a 2890844526 2890844526 IN IP4 host.example.com\ns=\nc=IN IP4 192.0.2.1\nt=0 0\n\(lines)\n"
  }

  static let exchanges = [
    Exchange(
      description: "2.1 audio and video, one codec each",
      offer: """
        m=audio 49170 RTP/AVP 0 8 97
        a=rtpmap:0 PCMU/8000
        a=rtpmap:8 PCMA/8000
        a=rtpmap:97 iLBC/8000
        m=video 51372 RTP/AVP 31 32
        a=rtpmap:31 H261/90000
        a=rtpmap:32 MPV/90000
        """,
      answer: """
        m=audio 49174 RTP/AVP 0
        a=rtpmap:0 PCMU/8000
        m=video 49170 RTP/AVP 32
        a=rtpmap:32 MPV/90000
        """, agreed: [["PCMU"], ["MPV"]]),
    Exchange(
      description: "2.2 two audio codecs are kept, video is refused",
      offer: """
        m=audio 49170 RTP/AVP 0 8 97
        a=rtpmap:0 PCMU/8000
        a=rtpmap:8 PCMA/8000
        a=rtpmap:97 iLBC/8000
        m=video 51372 RTP/AVP 31 32
        a=rtpmap:31 H261/90000
        a=rtpmap:32 MPV/90000
        """,
      answer: """
        m=audio 49172 RTP/AVP 0 8
        a=rtpmap:0 PCMU/8000
        a=rtpmap:8 PCMA/8000
        m=video 0 RTP/AVP 31
        a=rtpmap:31 H261/90000
        """, agreed: [["PCMU", "PCMA"], []]),
    Exchange(
      description: "2.4 audio and telephone-event as a stream of its own",
      offer: """
        m=audio 49170 RTP/AVP 0 97
        a=rtpmap:0 PCMU/8000
        a=rtpmap:97 iLBC/8000
        m=audio 49172 RTP/AVP 98
        a=rtpmap:98 telephone-event/8000
        a=sendonly
        """,
      answer: """
        m=audio 49172 RTP/AVP 97
        a=rtpmap:97 iLBC/8000
        m=audio 49174 RTP/AVP 98
        a=rtpmap:98 telephone-event/8000
        a=recvonly
        """, agreed: [["iLBC"], ["telephone-event"]]),
    Exchange(
      description: "3.1 hold",
      offer: "m=audio 49170 RTP/AVP 97\na=rtpmap:97 iLBC/8000\na=sendonly",
      answer: "m=audio 49178 RTP/AVP 97\na=rtpmap:97 iLBC/8000\na=recvonly", agreed: [["iLBC"]]),
    Exchange(
      description: "3.3 a stream is dropped by port 0",
      offer: """
        m=audio 49170 RTP/AVP 0
        m=video 0 RTP/AVP 31
        """,
      answer: """
        m=audio 49172 RTP/AVP 0
        m=video 0 RTP/AVP 31
        """, agreed: [["PCMU"], []]),
  ]

  @Test(arguments: exchanges)
  func legal(exchange: Exchange) throws {
    let offer = try describe(Self.session(exchange.offer))
    let answer = try describe(Self.session(exchange.answer))
    let valid = try OfferAnswer.validate(answer: answer, to: offer, .strict)
    #expect(valid.repairs.isEmpty)
    #expect(valid.description == answer)
    #expect(valid.description.streams.map { $0.isEnabled ? $0.codecs.map(\.name) : [] } == exchange.agreed)
  }

  /// An endpoint of ours with the codecs of the answerer agrees on the same.
  @Test(arguments: exchanges)
  func answeredAlike(exchange: Exchange) throws {
    let offer = try describe(Self.session(exchange.offer))
    let theirs = try describe(Self.session(exchange.answer))
    var capabilities = MediaCapabilities(codecs: [:], streamsPerKind: 2, encryption: .off)
    for stream in theirs.streams where stream.isEnabled {
      capabilities.codecs[stream.kind, default: []] += stream.codecs.map {
        Codec(127, $0.name, clockRate: $0.clockRate)
      }
    }
    // Events alone are no stream that an endpoint of ours would serve.
    guard !exchange.agreed.contains(["telephone-event"]) else { return }
    let answer = try OfferAnswer.answer(
      to: offer, with: capabilities, address: { TransportAddress(.loopbackIPv4, UInt16(4000 + 2 * $0)) },
      makeKey: { _ in Secret("") })
    #expect(answer.streams.map { $0.isEnabled ? $0.codecs.map(\.name) : [] } == exchange.agreed)
    #expect(try OfferAnswer.validate(answer: answer, to: offer, .strict).description == answer)
  }

  // MARK: Faults: the violation, and whether it can be mended

  static let offer = session(
    """
    m=audio 4000 RTP/AVP 96 0
    a=rtpmap:96 opus/48000/2
    a=sendonly
    m=video 0 RTP/AVP 31
    m=video 4004 RTP/AVP 97
    a=rtpmap:97 VP8/90000
    """)

  static let good = [
    "m=audio 5000 RTP/AVP 96\na=rtpmap:96 opus/48000/2\na=recvonly\n", "m=video 0 RTP/AVP 31\n",
    "m=video 5004 RTP/AVP 97\na=rtpmap:97 VP8/90000\n",
  ]

  @Test(arguments: [
    (good[0], OfferAnswer.Violation.streamCount(offered: 3, answered: 1), [true, false, false]),
    (good.joined() + "m=text 9 RTP/AVP 98\n", .streamCount(offered: 3, answered: 4), [true, false, true]),
    (
      good[0] + "m=video 7000 RTP/AVP 31\n" + good[2], .disabledStreamAnswered(stream: 1),
      [true, false, true]
    ),
    (
      good[0] + good[1] + "m=video 5004 RTP/AVP 97 31\na=rtpmap:97 VP8/90000\n",
      .codecNotOffered(stream: 2, payloadType: 31), [true, false, true]
    ),
    (
      good[0].replacing("recvonly", with: "sendrecv") + good[1] + good[2],
      .directionNotAllowed(stream: 0, offered: .sendOnly, answered: .sendReceive), [true, false, true]
    ),
    (good[0] + "a=rtcp-mux\n" + good[1] + good[2], .multiplexingNotOffered(stream: 0), [true, false, true]),
    (
      good[0].replacing("RTP/AVP", with: "RTP/AVPF") + good[1] + good[2], .profileChanged(stream: 0),
      [true, false, true]
    ),
    (good[0] + "m=audio 0 RTP/AVP 0\n" + good[2], .kindChanged(stream: 1), [true, false, true]),
  ])
  func mended(answer: String, violation: OfferAnswer.Violation, enabled: [Bool]) throws {
    let offer = try describe(Self.offer)
    let answer = try describe(Self.session(answer))
    #expect(throws: violation) { try OfferAnswer.validate(answer: answer, to: offer, .strict) }
    let valid = try OfferAnswer.validate(answer: answer, to: offer)
    #expect(valid.repairs == [violation])
    #expect(valid.description.streams.map(\.isEnabled) == enabled)
    #expect(valid.description.streams.map(\.kind) == offer.streams.map(\.kind))
    // What was mended is legal.
    let again = try OfferAnswer.validate(answer: valid.description, to: offer)
    #expect(again.description == valid.description)
  }

  @Test(arguments: [
    (good[2] + good[1] + good[0], OfferAnswer.Violation.kindChanged(stream: 0)),
    (good[0].replacing("RTP/AVP", with: "RTP/SAVP") + good[1] + good[2], .profileChanged(stream: 0)),
    (good[0].replacing("RTP/AVP", with: "UDP/TLS/RTP/SAVP") + good[1] + good[2], .profileChanged(stream: 0)),
    ("m=audio 5000 RTP/AVP 8\n" + good[1] + "m=video 0 RTP/AVP 97\n", .noCommonCodec(stream: 0)),
  ])
  func beyondRepair(answer: String, violation: OfferAnswer.Violation) throws {
    let offer = try describe(Self.offer)
    let answer = try describe(Self.session(answer))
    #expect(throws: violation) { try OfferAnswer.validate(answer: answer, to: offer) }
  }

  /// Numbers without rtpmap are those of the offer.
  @Test func answerWithoutRtpmap() throws {
    let offer = try describe(Self.offer)
    let answer = try describe(
      Self.session("m=audio 5000 RTP/AVP 96\na=recvonly\n" + Self.good[1] + Self.good[2]))
    let valid = try OfferAnswer.validate(answer: answer, to: offer, .strict)
    #expect(valid.repairs.isEmpty)
    #expect(valid.description.streams[0].codecs == [Codec(96, "opus", clockRate: 48000, channels: 2)])
  }
}
