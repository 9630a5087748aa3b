import CallModel
import SDP
import Testing

@Suite struct MappingTests {
  static func audio(_ lines: String, session: String = "", profile: String = "RTP/AVP 0") throws
    -> MediaStream
  {
    let description = try describe(
      "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n\(session)m=audio 4000 \(profile)\n\(lines)\n"
    )
    return try #require(description.streams.first)
  }

  @Test func staticPayloadTypes() throws {
    let stream = try Self.audio("", profile: "RTP/AVP 0 3 8 9 10 18 96 0 4")
    #expect(stream.codecs.map(\.payloadType) == [0, 3, 8, 9, 10, 18, 96, 4])
    #expect(stream.codecs.map(\.name) == ["PCMU", "GSM", "PCMA", "G722", "L16", "G729", "", "G723"])
    #expect(stream.codecs.map(\.channels) == [1, 1, 1, 1, 2, 1, 1, 1])
    #expect(stream.codecs.map(\.clockRate) == [8000, 8000, 8000, 8000, 44100, 8000, 0, 8000])
  }

  @Test func codecLines() throws {
    let stream = try Self.audio(
      """
      a=rtpmap:111 opus/48000/2
      a=fmtp:111 minptime=10;useinbandfec=1
      a=fmtp:111 stereo=1
      a=rtcp-fb:111 transport-cc
      a=rtcp-fb:* nack
      a=rtpmap:0 PCMU/8000/1
      a=rtpmap:99 ghost/8000
      a=ptime:20
      a=maxptime:60.5
      """, profile: "RTP/AVPF 111 0")
    #expect(
      stream.codecs[0]
        == Codec(
          111, "opus", clockRate: 48000, channels: 2, parameters: "minptime=10;useinbandfec=1;stereo=1",
          feedback: ["transport-cc"]))
    #expect(stream.codecs[1] == Codec(0, "PCMU", clockRate: 8000))
    #expect(stream.attributes == [MediaAttribute("rtcp-fb", "* nack")])
    #expect(stream.packetTime == 20)
    #expect(stream.maximumPacketTime == 60)
  }

  @Test(arguments: [
    ("a=rtpmap:0", "malformed"), ("a=rtpmap:0 PCMU", "malformed"), ("a=rtpmap:0 /8000", "malformed"),
    ("a=rtpmap:0 PCMU/0", "malformed"), ("a=rtpmap:0 PCMU/99999999999", "malformed"),
    ("a=rtpmap:96 x/8000", "unlistedPayloadType"), ("a=rtpmap:200 x/8000", "unlistedPayloadType"),
    ("a=rtpmap:0 PCMU/8000\na=rtpmap:0 GSM/8000", "duplicate"),
    ("a=fmtp:96 x", "unlistedPayloadType"), ("a=fmtp:0", "malformed"), ("a=rtcp-fb:0", "malformed"),
    ("a=rtcp-fb:96 nack", "unlistedPayloadType"), ("a=ptime:x", "malformed"), ("a=ptime:0", "malformed"),
    ("a=maxptime:123456", "malformed"), ("a=rtcp:0", "noPort"), ("a=rtcp:65536", "malformed"),
    ("a=rtcp:1 IN IP4", "malformed"), ("a=rtcp:1 IN IP4 host", "unresolvedHost"),
  ])
  func ignored(lines: String, reason: String) throws {
    var ignored: [IgnoredAttribute] = []
    let text = "v=0\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\n\(lines)\n"
    _ = try MediaDescription(sdp: wire(text)) { ignored.append($0) }
    #expect(ignored.map(\.reason) == [reason])
    #expect(ignored.first?.stream == 0)
  }

  @Test(arguments: [
    ("", "", MediaStream.Direction.sendReceive),
    ("a=sendonly\n", "", .sendOnly),
    ("a=sendonly\n", "a=recvonly", .receiveOnly),
    ("", "a=inactive", .inactive),
    ("a=inactive\n", "a=sendrecv", .sendReceive),
    ("", "c=IN IP4 0.0.0.0", .sendOnly),
    ("", "a=recvonly\nc=IN IP4 0.0.0.0", .inactive),
    ("", "c=IN IP6 ::", .sendOnly),
    ("", "a=inactive\nc=IN IP4 0.0.0.0", .inactive),
    ("a=ice-ufrag:abcd\n", "c=IN IP4 0.0.0.0", .sendReceive),
    ("", "c=IN IP4 0.0.0.0\na=ice-ufrag:abcd", .sendReceive),
  ])
  func direction(session: String, media: String, expected: MediaStream.Direction) throws {
    #expect(try Self.audio(media, session: session).direction == expected)
  }

  @Test func addresses() throws {
    let text = """
      v=0
      o=- 1 1 IN IP6 2001:db8::1
      s=-
      c=IN IP6 2001:db8::1
      t=0 0
      m=audio 4000 RTP/AVP 0
      a=rtcp:4005
      m=audio 4002/2 RTP/AVP 0
      c=IN IP4 192.0.2.7
      a=rtcp:5001 IN IP4 192.0.2.8
      a=rtcp-mux
      m=audio 0 RTP/AVP 0
      a=rtcp:5001

      """
    let description = try describe(text)
    #expect(
      description.streams.map(\.address.description) == ["[2001:db8::1]:4000", "192.0.2.7:4002", "0.0.0.0:0"])
    #expect(
      description.streams.map { $0.rtcpAddress?.description } == [
        "[2001:db8::1]:4005", "192.0.2.8:5001", nil,
      ])
    #expect(description.streams.map(\.isRTCPMultiplexed) == [false, true, false])
    let written = String(decoding: description.sdp(origin: testOrigin), as: UTF8.self)
    #expect(written.contains("c=IN IP6 2001:db8::1\r\nt=0 0"))
    #expect(written.contains("a=rtcp:4005\r\n"))
    #expect(written.contains("m=audio 4002 RTP/AVP 0\r\nc=IN IP4 192.0.2.7\r\n"))
    #expect(written.contains("a=rtcp:5001 IN IP4 192.0.2.8\r\na=rtcp-mux\r\n"))
  }

  @Test func hostNames() throws {
    let sdp = try SessionDescription(
      parsing: """
        v=0
        c=IN IP4 media.example.org
        m=audio 4000 RTP/AVP 0
        m=video 4002 RTP/AVP 31
        c=IN IP4 192.0.2.1
        m=text 4004 RTP/AVP 98
        c=IN IP4 text.example.org
        a=rtpmap:98 t140/1000
        """)
    #expect(sdp.unresolvedHosts == ["media.example.org", "text.example.org"])
    let partly = try MediaDescription(sdp)
    #expect(partly.streams.map(\.isEnabled) == [false, true, false])
    let ip = try #require(IPAddress("192.0.2.9"))
    let resolved = try MediaDescription(sdp, hosts: ["media.example.org": ip])
    #expect(resolved.streams.map(\.isEnabled) == [true, true, false])
    #expect(resolved.streams[0].address == TransportAddress(ip, 4000))
    #expect(sdp.text.contains("c=IN IP4 media.example.org\r\n"))
  }

  @Test(arguments: [
    ("b=AS:512", 512_000 as Int?), ("b=TIAS:300500", 300_500), ("b=AS:512\nb=TIAS:300500", 300_500),
    ("b=TIAS:300500\nb=AS:512", 300_500), ("b=AS:64.5", 64_000), ("b=RS:100\nb=RR:200", nil), ("b=CT:9", nil),
  ])
  func bandwidth(lines: String, expected: Int?) throws {
    let stream = try Self.audio(lines)
    #expect(stream.bandwidth?.bitsPerSecond == expected)
    let written = MediaDescription(streams: [stream]).sdp(origin: testOrigin)
    #expect(try MediaDescription(sdp: written).streams[0] == stream)
  }

  @Test func sessionBandwidth() throws {
    #expect(try describe("v=0\nb=CT:512\n").bandwidth == Bandwidth(kilobitsPerSecond: 512))
    #expect(try describe("v=0\nb=CT:512\nb=AS:256\n").bandwidth == Bandwidth(kilobitsPerSecond: 256))
    let written = MediaDescription(bandwidth: Bandwidth(bitsPerSecond: 1_000_001)).sdp(origin: testOrigin)
    #expect(String(decoding: written, as: UTF8.self).contains("b=AS:1001\r\nb=TIAS:1000001\r\n"))
  }

  @Test(arguments: [
    ("slides", MediaStream.Content.slides as MediaStream.Content?, true), ("main", .main, true),
    ("slides,alt", .slides, false), ("speaker", nil, false),
  ])
  func content(value: String, content: MediaStream.Content?, typed: Bool) throws {
    let stream = try Self.audio("a=content:\(value)")
    #expect(stream.content == content)
    #expect(stream.attributes.isEmpty == typed)
    let written = MediaDescription(streams: [stream]).sdp(origin: testOrigin)
    #expect(String(decoding: written, as: UTF8.self).components(of: "a=content:\(value)\r\n") == 1)
  }

  @Test(arguments: [
    "RTP/AVP", "RTP/SAVP", "RTP/AVPF", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF", "TCP/RTP/AVP",
    "udptl", "TCP/MSRP", "UDP/DTLS/SCTP",
  ])
  func profiles(name: String) throws {
    let stream = try Self.audio("", profile: "\(name) 0")
    #expect(stream.profile.sdpName == name)
    #expect(stream.profile.isRTP == (name.hasPrefix("RTP/") || name.hasPrefix("UDP/TLS/RTP/")))
    let written = MediaDescription(streams: [stream]).sdp(origin: testOrigin)
    #expect(String(decoding: written, as: UTF8.self).contains("m=audio 4000 \(name) 0\r\n"))
  }

  @Test func foreignStreamsKeepEverything() throws {
    let lines = """
      m=application 5070 TCP/BFCP *
      a=floorctrl:c-s
      a=confid:4321
      a=userid:1234
      a=floorid:1 mstrm:10
      a=setup:actpass
      a=connection:new

      """
    let description = try describe("v=0\nc=IN IP4 192.0.2.1\n" + lines)
    let stream = description.streams[0]
    #expect(stream.formats == ["*"])
    #expect(
      stream.attributes.map(\.name) == ["floorctrl", "confid", "userid", "floorid", "setup", "connection"])
    #expect(stream.isPresentation)
    let written = String(decoding: description.withoutTransport().sdp(origin: testOrigin), as: UTF8.self)
    #expect(written.hasSuffix(lines.replacing("\n", with: "\r\n")))
  }

  @Test func transportAttributesStayOnTheirLeg() throws {
    let description = try describe(RealWorld.chrome)
    let bare = description.withoutTransport()
    #expect(bare.attribute("group") == nil)
    #expect(bare.streams[0].attribute("ice-ufrag") == nil)
    #expect(bare.streams[0].attribute("fingerprint") == nil)
    #expect(bare.streams[0].attribute("candidate") == nil)
    #expect(bare.streams[0].attribute("extmap") != nil)
    #expect(bare.streams[0].mid == "0")
  }
}

extension String {
  func components(of text: String) -> Int { ranges(of: text).count }
}
