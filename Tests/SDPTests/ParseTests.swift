import CallModel
import SDP
import Testing

@Suite struct ParseTests {
  /// RFC 4566 §5.
  static let example = """
    v=0
    o=jdoe 2890844526 2890842807 IN IP4 10.47.16.5
    s=SDP Seminar
    i=A Seminar on the session description protocol
    u=http://www.example.com/seminars/sdp.pdf
    e=j.doe@example.com (Jane Doe)
    c=IN IP4 224.2.17.12/127
    t=2873397496 2873404696
    a=recvonly
    m=audio 49170 RTP/AVP 0
    m=video 51372 RTP/AVP 99
    a=rtpmap:99 h263-1998/90000

    """

  @Test func exampleOfTheRFC() throws {
    let sdp = try SessionDescription(parsing: wire(Self.example))
    #expect(sdp.origin?.username == "jdoe")
    #expect(sdp.origin?.sessionID == "2890844526")
    #expect(sdp.origin?.version == "2890842807")
    #expect(sdp.origin?.address == .init(try #require(IPAddress("10.47.16.5"))))
    #expect(sdp.name == "SDP Seminar")
    #expect(sdp.information == "A Seminar on the session description protocol")
    #expect(sdp.uri == "http://www.example.com/seminars/sdp.pdf")
    #expect(sdp.emails == ["j.doe@example.com (Jane Doe)"])
    #expect(sdp.connection?.host == .ip(try #require(IPAddress("224.2.17.12"))))
    #expect(sdp.connection?.suffix == "127")
    #expect(sdp.times == [.init("2873397496 2873404696")])
    #expect(sdp.attributes == [MediaAttribute("recvonly")])
    #expect(sdp.media.map(\.media) == ["audio", "video"])
    #expect(sdp.media.map(\.port) == [49170, 51372])
    #expect(sdp.media.map(\.line) == [10, 11])
    #expect(sdp.text == String(decoding: wire(Self.example), as: UTF8.self))

    let description = try MediaDescription(sdp)
    #expect(description.streams.map(\.direction) == [.receiveOnly, .receiveOnly])
    #expect(description.streams[0].codecs == [Codec(0, "PCMU", clockRate: 8000)])
    #expect(description.streams[1].codecs == [Codec(99, "h263-1998", clockRate: 90000)])
  }

  static let body =
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"

  /// What peers do without harm reads like the proper form.
  @Test(arguments: [
    body.replacing("\r\n", with: "\n"),
    body.replacing("\r\n", with: "\r"),
    String(body.dropLast()),
    body + "\r\n\r\n",
    "\r\n" + body,
    body.replacing("m=audio 4000 RTP/AVP 0", with: "m=audio  4000\tRTP/AVP   0  "),
    body.replacing("s=-", with: "s= - "),
    body.replacing("\r\nc=", with: "\r\n c="),
    body.replacing("t=0 0\r\n", with: "t=0 0\r\nk=prompt\r\ny=0\r\nX=later\r\n"),
    body.replacing("IN IP4 192.0.2.1\r\nt", with: "in ip4 192.0.2.1\r\nt"),
    body.replacing("c=IN IP4 192.0.2.1\r\nt=0 0\r\n", with: "t=0 0\r\nc=IN IP4 192.0.2.1\r\n"),
    body.replacing("o=- 1 1", with: "o=-  1   1"),
  ])
  func tolerated(text: String) throws {
    #expect(try SessionDescription(parsing: text).text == Self.body)
  }

  @Test func missingSessionLines() throws {
    let sdp = try SessionDescription(parsing: "v=0\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\n")
    #expect(sdp.origin == nil)
    #expect(sdp.times.isEmpty)
    #expect(sdp.text.contains("o=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"))
  }

  @Test(arguments: [
    ("", SDPError.Reason.notSDP, 0),
    ("hello", .notSDP, 1),
    ("o=- 1 1 IN IP4 1.2.3.4\n", .notSDP, 1),
    ("\n\n", .notSDP, 1),
    ("v=1\n", .unsupportedVersion, 1),
    ("v=\n", .unsupportedVersion, 1),
    ("v=0\nv=0\n", .malformedLine, 2),
    ("v=0\nsdp\n", .malformedLine, 2),
    ("v=0\na\n", .malformedLine, 2),
    ("v=0\na=:x\n", .malformedLine, 2),
    ("v=0\r\ns=a\0b\r\n", .nulByte, 2),
    ("v=0\no=- 1 1 IN IP4\n", .malformedOrigin, 2),
    ("v=0\no=- 1 1 ATM NSAP 47.0091\n", .malformedOrigin, 2),
    ("v=0\no=- 1 1 IN IP4 a\no=- 1 1 IN IP4 a\n", .malformedOrigin, 3),
    ("v=0\nc=IN IP4\n", .malformedConnection, 2),
    ("v=0\nc=IN IP4 300.1.1.1\n", .malformedConnection, 2),
    ("v=0\nc=IN IP6 fe80::1%eth0\n", .malformedConnection, 2),
    ("v=0\nc=IN IP4 a b\nc=IN IP7 x\n", .malformedConnection, 3),
    ("v=0\nb=AS\n", .malformedBandwidth, 2),
    ("v=0\nb=AS:-1\n", .malformedBandwidth, 2),
    ("v=0\nb=:1\n", .malformedBandwidth, 2),
    ("v=0\nb=AS:99999999999999999999\n", .malformedBandwidth, 2),
    ("v=0\nm=\n", .malformedMedia, 2),
    ("v=0\nm=audio\n", .malformedMedia, 2),
    ("v=0\nm=audio x RTP/AVP 0\n", .malformedMedia, 2),
    ("v=0\nm=audio -1 RTP/AVP 0\n", .malformedMedia, 2),
    ("v=0\nm=audio 4000/0 RTP/AVP 0\n", .malformedMedia, 2),
    ("v=0\nm=audio 4000\n", .malformedMedia, 2),
    ("v=0\nm=audio 65536 RTP/AVP 0\n", .portOutOfRange, 2),
    ("v=0\nm=audio 4000 RTP/AVP\n", .noFormats, 2),
  ])
  func refused(text: String, reason: SDPError.Reason, line: Int) {
    #expect(throws: SDPError(reason, line: line)) { try SessionDescription(parsing: text) }
  }

  @Test(arguments: [
    ("v=0\nm=audio 4000 RTP/AVP 0\n", SDPError.Reason.noConnection, 2),
    ("v=0\nc=IN IP4 1.2.3.4\nm=audio 4000 RTP/AVP 128\n", .malformedPayloadType, 3),
    ("v=0\nc=IN IP4 1.2.3.4\nm=audio 4000 RTP/AVP pcmu\n", .malformedPayloadType, 3),
    ("v=0\nc=IN IP4 host.example\nm=audio 4000 RTP/AVP 0\n", .unresolvedHost, 0),
  ])
  func notMappable(text: String, reason: SDPError.Reason, line: Int) throws {
    let sdp = try SessionDescription(parsing: text)
    #expect(throws: SDPError(reason, line: line)) { try MediaDescription(sdp) }
  }

  @Test func refusedStreamMayLackFormatsAndAddress() throws {
    let description = try describe("v=0\nm=audio 0 RTP/AVP\nm=video 0 RTP/AVP *\n")
    #expect(description.streams.map(\.isEnabled) == [false, false])
    #expect(description.streams.map(\.codecs) == [[], []])
  }

  // MARK: Limits, each at its value and one above

  @Test func sizeLimit() throws {
    let bytes = Array("v=0\ns=abc\n".utf8)
    _ = try SessionDescription(parsing: bytes, limits: SDPLimits(size: bytes.count))
    #expect(throws: SDPError(.limit(.size))) {
      try SessionDescription(parsing: bytes, limits: SDPLimits(size: bytes.count - 1))
    }
  }

  @Test func lineLimit() throws {
    _ = try SessionDescription(parsing: "v=0\n\ns=a\n", limits: SDPLimits(lines: 2))
    #expect(throws: SDPError(.limit(.lines), line: 3)) {
      try SessionDescription(parsing: "v=0\ns=a\nt=0 0\n", limits: SDPLimits(lines: 2))
    }
  }

  @Test func lineLengthLimit() throws {
    _ = try SessionDescription(parsing: "v=0\ns=12345678\n", limits: SDPLimits(lineLength: 10))
    #expect(throws: SDPError(.limit(.lineLength), line: 2)) {
      try SessionDescription(parsing: "v=0\ns=123456789\n", limits: SDPLimits(lineLength: 10))
    }
  }

  @Test func streamLimit() throws {
    let one = "m=audio 0 RTP/AVP 0\n"
    _ = try SessionDescription(parsing: "v=0\n" + one + one, limits: SDPLimits(streams: 2))
    #expect(throws: SDPError(.limit(.streams), line: 4)) {
      try SessionDescription(parsing: "v=0\n" + one + one + one, limits: SDPLimits(streams: 2))
    }
  }

  @Test func formatLimit() throws {
    _ = try SessionDescription(parsing: "v=0\nm=audio 1 RTP/AVP 0 8\n", limits: SDPLimits(formats: 2))
    #expect(throws: SDPError(.limit(.formats), line: 2)) {
      try SessionDescription(parsing: "v=0\nm=audio 1 RTP/AVP 0 8 9\n", limits: SDPLimits(formats: 2))
    }
  }

  @Test func attributeLimit() throws {
    let text = "v=0\na=x\na=x\nm=audio 1 RTP/AVP 0\na=x\na=x\n"
    _ = try SessionDescription(parsing: text, limits: SDPLimits(attributes: 2))
    #expect(throws: SDPError(.limit(.attributes), line: 7)) {
      try SessionDescription(parsing: text + "a=x\n", limits: SDPLimits(attributes: 2))
    }
    #expect(throws: SDPError(.limit(.attributes), line: 4)) {
      try SessionDescription(parsing: "v=0\na=x\na=x\na=x\n", limits: SDPLimits(attributes: 2))
    }
  }

  /// A value can never become a second line.
  @Test func valuesCannotInjectLines() throws {
    var sdp = SessionDescription(name: "a\r\nm=audio 1 RTP/AVP 0")
    sdp.attributes = [MediaAttribute("x\n", "y\r\nz\0")]
    #expect(sdp.text.split(separator: "\r\n").count == 5)
    #expect(try SessionDescription(parsing: sdp.text).media.isEmpty)
  }

  @Test func errorTextNeverRepeatsTheInput() {
    let text = SDPError(.malformedLine, line: 7).description
    #expect(text == "SDP line 7: line is not of the form x=value")
  }
}
