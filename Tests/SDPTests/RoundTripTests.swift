import CallModel
import SDP
import TestSupport
import Testing

@Suite struct RoundTripTests {
  static let names = ["opus", "PCMU", "H264", "VP8", "telephone-event", "x-foo"]

  static func randomStream(_ g: inout SplitMix) -> MediaStream {
    let profiles: [MediaStream.Profile] = [
      .rtpAVP, .rtpSAVP, .rtpAVPF, .rtpSAVPF, .dtlsSAVP, .dtlsSAVPF, .other("UDP/BFCP"), .other("udptl"),
    ]
    let kinds: [MediaStream.Kind] = [
      .audio, .video, .application, .text, .image, .message, .other("whiteboard"),
    ]
    let directions: [MediaStream.Direction] = [.sendReceive, .sendOnly, .receiveOnly, .inactive]
    let ips: [IPAddress] = [.loopbackIPv4, .v4(0xc000_0201), .v6(0x2001_0db8_0000_0000, 7)]
    var stream = MediaStream(kind: kinds.randomElement(using: &g) ?? .audio)
    stream.profile = profiles.randomElement(using: &g) ?? .rtpAVP
    stream.direction = directions.randomElement(using: &g) ?? .inactive
    stream.address = TransportAddress(
      ips.randomElement(using: &g) ?? .loopbackIPv4, .random(in: 1...65535, using: &g))
    if stream.profile.isRTP {
      for payloadType in (UInt8(96)...127).shuffled(using: &g).prefix(Int.random(in: 1...6, using: &g)) {
        var codec = Codec(
          payloadType, names.randomElement(using: &g) ?? "", clockRate: Bool.random(using: &g) ? 8000 : 90000)
        if stream.kind == .audio, Bool.random(using: &g) { codec.channels = 2 }
        if Bool.random(using: &g) { codec.parameters = "a=\(Int.random(in: 0...99, using: &g)); b=x/y" }
        if Bool.random(using: &g) { codec.feedback = ["nack", "ccm fir"] }
        stream.codecs.append(codec)
      }
      stream.isRTCPMultiplexed = Bool.random(using: &g)
      if Bool.random(using: &g) {
        stream.rtcpAddress = TransportAddress(stream.address.ip, .random(in: 1...65535, using: &g))
      }
      for suite in SDESCrypto.Suite.allCases where Bool.random(using: &g) {
        let bytes = (0..<suite.keyLength + suite.saltLength).map { _ in UInt8.random(in: 0...255, using: &g) }
        guard var crypto = SDESCrypto(tag: stream.cryptos.count + 1, suite: suite, keyAndSalt: bytes) else {
          continue
        }
        if Bool.random(using: &g) { crypto.lifetime = "2^\(Int.random(in: 0...48, using: &g))" }
        if Bool.random(using: &g) { crypto.mki = .init(value: .random(in: 0...255, using: &g), length: 1) }
        if Bool.random(using: &g) { crypto.sessionParameters = ["WSH=128", "-x"] }
        stream.cryptos.append(crypto)
      }
    } else {
      stream.formats = ["*", "t38"]
    }
    if Bool.random(using: &g) {
      stream.bandwidth = Bandwidth(bitsPerSecond: .random(in: 0...9_999_999, using: &g))
    }
    if Bool.random(using: &g) {
      stream.otherBandwidths = [MediaAttribute("RS", "0"), MediaAttribute("RR", "800")]
    }
    if Bool.random(using: &g) { stream.packetTime = .random(in: 1...200, using: &g) }
    if Bool.random(using: &g) { stream.maximumPacketTime = .random(in: 1...200, using: &g) }
    stream.content = [.main, .slides, nil].randomElement(using: &g) ?? nil
    stream.attributes = [
      MediaAttribute("label", "11"), MediaAttribute("x-empty", ""), MediaAttribute("flag"),
    ]
    return stream
  }

  @Test(arguments: 0..<200)
  func descriptionSurvivesTheWire(seed: Int) throws {
    var g = SplitMix(seed: UInt64(seed))
    var description = MediaDescription(attributes: [MediaAttribute("group", "LS 1 2")])
    for _ in 0..<Int.random(in: 0...5, using: &g) { description.streams.append(Self.randomStream(&g)) }
    if Bool.random(using: &g) {
      description.bandwidth = Bandwidth(bitsPerSecond: .random(in: 0...99_999, using: &g))
    }
    let body = description.sdp(origin: testOrigin)
    #expect(try MediaDescription(sdp: body) == description)
    #expect(try SessionDescription(parsing: body).serialised() == body)
  }

  /// Damage of every kind: the result is an error or a value that is stable when written and read again; never a trap.
  @Test(arguments: 0..<24)
  func mutationsNeverCrash(seed: Int) {
    var g = SplitMix(seed: UInt64(1000 + seed))
    let corpus = RealWorld.all.map { wire($0.text) }
    let tokens = [
      "m=", "a=", "c=IN IP4 ", "\r\n", "/", ":", " ", "|", "65536", "-1", "99999999999999999999", "\0", "=",
      "é", "0",
    ]
    for _ in 0..<250 {
      var bytes = corpus.randomElement(using: &g) ?? []
      for _ in 0..<Int.random(in: 1...8, using: &g) where !bytes.isEmpty {
        let at = Int.random(in: 0..<bytes.count, using: &g)
        switch Int.random(in: 0..<6, using: &g) {
        case 0: bytes[at] = .random(in: 0...255, using: &g)
        case 1: bytes.removeSubrange(at..<min(bytes.count, at + .random(in: 1...40, using: &g)))
        case 2: bytes.insert(contentsOf: Array((tokens.randomElement(using: &g) ?? "").utf8), at: at)
        case 3: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 60)], at: at)
        case 4: bytes[at] = bytes[at] &+ 1
        default: bytes.removeLast(min(bytes.count, .random(in: 1...30, using: &g)))
        }
      }
      guard let sdp = try? SessionDescription(parsing: bytes) else { continue }
      let first = try? SessionDescription(parsing: sdp.serialised())
      #expect(first != nil, "\(sdp.text)")
      #expect(first.flatMap { try? SessionDescription(parsing: $0.serialised()) } == first)
      guard let description = try? MediaDescription(sdp) else { continue }
      let written = description.sdp(origin: testOrigin)
      let again = try? MediaDescription(sdp: written)
      #expect(
        again?.streams.count == description.streams.count, "\(String(decoding: written, as: UTF8.self))")
      _ = try? OfferAnswer.validate(answer: again ?? description, to: description)
      _ = OfferAnswer.reoffer(changing: description, from: again ?? description)
      for (a, b) in zip(description.streams, description.streams.reversed()) {
        _ = a.renumbered(like: b)
        _ = PayloadTypeMap(from: a.codecs, to: b.codecs)
      }
    }
  }

  @Test func hostileSizesEndQuickly() throws {
    let many =
      "v=0\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP " + (0..<128).map(String.init).joined(separator: " ")
      + "\n"
    let lines = (0..<512).map { "a=fmtp:\($0 % 128) x=\($0)\n" }.joined()
    let description = try MediaDescription(sdp: Array((many + lines).utf8))
    #expect(description.streams[0].codecs.count == 128)
    #expect(description.streams[0].codecs[0].parameters == "x=0;x=128;x=256;x=384")
  }
}
