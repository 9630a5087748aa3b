import CallModel
import SDP
import Testing

@Suite struct RealWorldTests {
  /// Whatever is read is written and read again to the same.
  @Test(arguments: RealWorld.all.map(\.text))
  func roundTrip(text: String) throws {
    let sdp = try SessionDescription(parsing: wire(text))
    #expect(try SessionDescription(parsing: sdp.serialised()) == sdp)
    let description = try MediaDescription(sdp)
    let again = try MediaDescription(sdp: description.sdp(origin: testOrigin))
    #expect(again.attributes == description.attributes)
    #expect(again.bandwidth == description.bandwidth)
    #expect(again.streams.count == description.streams.count)
    for (a, b) in zip(again.streams, description.streams) where b.isEnabled { #expect(a == b) }
    #expect(again.streams.map(\.isEnabled) == description.streams.map(\.isEnabled))
  }

  @Test func baresip() throws {
    let d = try describe(RealWorld.baresip)
    #expect(d.streams.map(\.codecs.count) == [5, 1])
    #expect(d.streams[0].rtcpAddress?.port == 26711)
    #expect(d.streams[1].bandwidth == Bandwidth(kilobitsPerSecond: 512))
    #expect(d.streams[1].attributes.filter { $0.name == "rtcp-fb" }.count == 2)
    #expect(d.streams[0].attribute("ssrc") == "1439082305 cname:a@example.org")
  }

  @Test func linphoneOffersKeysOnAPlainProfile() throws {
    let d = try describe(RealWorld.linphone)
    #expect(d.streams[0].profile == .rtpAVPF)
    #expect(d.streams[0].cryptos.map(\.suite) == [.aesCM128HMACSHA1_80, .aesCM128HMACSHA1_32])
    #expect(d.streams[0].codecs.filter(\.isTelephoneEvent).map(\.clockRate) == [48000, 8000])
    #expect(d.streams[0].codecs.first { $0.payloadType == 18 }?.name == "G729")
    #expect(d.streams[1].codecs[0].feedback == ["nack pli", "nack sli", "ack rpsi", "ccm fir"])
  }

  @Test func chromeIsNotOnHold() throws {
    let d = try describe(RealWorld.chrome)
    #expect(d.attribute("group") == "BUNDLE 0 1")
    #expect(d.streams.map(\.mid) == ["0", "1"])
    #expect(d.streams.map(\.direction) == [.sendReceive, .sendReceive])
    #expect(d.streams.allSatisfy { $0.isRTCPMultiplexed && $0.profile == .dtlsSAVPF })
    #expect(d.streams[0].attribute("setup") == "actpass")
    #expect(d.streams[0].attribute("candidate")?.hasPrefix("1467250027 1 udp") == true)
    #expect(d.streams[1].codecs.map(\.associatedPayloadType) == [nil, 96, nil, 103, nil])
  }

  @Test func videoEndpoint() throws {
    let d = try describe(RealWorld.videoEndpoint)
    #expect(d.streams.map(\.content) == [nil, .main, nil, .slides, nil])
    #expect(d.streams.map(\.isPresentation) == [false, false, false, true, true])
    #expect(d.streams.map(\.kind) == [.audio, .video, .application, .video, .application])
    #expect(d.streams[2].codecs == [Codec(100, "H224", clockRate: 4800)])
    #expect(d.streams[4].profile == .other("UDP/BFCP"))
    #expect(d.bandwidth == Bandwidth(kilobitsPerSecond: 1920))
    #expect(d.limited(to: .videoOnly).streams.map(\.isEnabled) == [true, true, true, false, false])
    #expect(d.limited(to: .audio).streams.map(\.isEnabled) == [true, false, false, false, false])
    #expect(d.limited(to: .video) == d)
    #expect(d.capability == .video)
    #expect(d.limited(to: .videoOnly).capability == .videoOnly)
    #expect(d.limited(to: .audio).capability == .audio)
  }

  @Test func cisco() throws {
    let d = try describe(RealWorld.cisco)
    #expect(d.streams[0].cryptos.map(\.suite) == [.aeadAES128GCM, .aesCM128HMACSHA1_80])
    #expect(d.streams[0].cryptos[0].keyAndSaltBytes == Array(0..<28))
    #expect(d.streams.map(\.isEnabled) == [true, false])
  }

  @Test func skypeForBusiness() throws {
    let d = try describe(RealWorld.skypeForBusiness)
    #expect(d.streams[0].cryptos[0].lifetime == "2^31")
    #expect(d.streams[0].cryptos[0].mki == .init(value: 1, length: 1))
    #expect(d.streams[0].codecs.first == Codec(117, "G722", clockRate: 8000, channels: 2))
    #expect(d.streams[0].codecs.first { $0.payloadType == 116 }?.name == "")
    #expect(d.streams[2].kind == .other("applicationsharing"))
    #expect(d.streams[2].isPresentation)
  }

  @Test func torture() throws {
    let d = try describe(RealWorld.torture)
    #expect(d.streams[0].codecs.map(\.name) == ["PCMU", "QCELP"])
    // Its rtpmap lacks the clock rate; the static type stands.
    #expect(d.streams[1].codecs.map(\.name) == ["H261"])
    let v6 = try describe(RealWorld.tortureIPv6)
    #expect(v6.streams.map(\.address.description) == ["[::ffff:192.0.2.2]:6000", "192.0.2.1:6024"])
  }
}
