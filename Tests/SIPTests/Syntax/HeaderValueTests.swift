import CallModel
import Testing

@testable import SIP

@Suite struct HeaderNameTests {
  @Test func compactFormsAndCaseAreTheSameName() {
    for text in ["Call-ID", "call-id", "CALL-ID", "i", "I"] { #expect(SIPHeaderName(text) == .callID) }
    #expect(SIPHeaderName("v") == .via)
    #expect(SIPHeaderName("k") == .supported)
    #expect(SIPHeaderName("X-Foo") == SIPHeaderName("x-fOO"))
    #expect(SIPHeaderName("X-Foo").hashValue == SIPHeaderName("x-fOO").hashValue)
    #expect(SIPHeaderName("X-Foo") != SIPHeaderName("X-Fop"))
    #expect(SIPHeaderName("X-Foo").description == "X-Foo")
    #expect(SIPHeaderName("").description == "")
    #expect(SIPHeaderName("c-seq") != .cSeq)
  }

  @Test func everyKnownNameIsFound() {
    for (index, spelling) in knownHeaderSpellings.enumerated() where index > 0 {
      let name = SIPHeaderName("\(spelling)")
      #expect(Int(name.index) == index)
      #expect(name.description == "\(spelling)")
      #expect(SIPHeaderName("\(spelling)".lowercased()) == name)
      #expect(SIPHeaderName("\(spelling)".uppercased()) == name)
    }
    for form in compactHeaderForms { #expect(SIPHeaderName("\(form.letter)") == form.name) }
    #expect(Set(knownHeaderSpellings.map { "\($0)".lowercased() }).count == knownHeaderSpellings.count)
    #expect(knownHeaderSpellings.count <= 128)
  }

  @Test func reasonPhrases() {
    #expect(SIPStatus.defaultReason(404) == "Not Found")
    #expect(SIPStatus.defaultReason(499) == "Bad Request")
    #expect(SIPResponse(status: 180).reason == "Ringing")
  }
}

@Suite struct AddressTests {
  @Test(arguments: [
    ("Bob <sip:bob@b>;tag=1", "\"Bob\" <sip:bob@b>;tag=1"), ("sip:bob@b;tag=1", "<sip:bob@b>;tag=1"),
    ("\"a \\\"b\\\\ c\" <sip:x@y;lr>", "\"a \\\"b\\\\ c\" <sip:x@y;lr>"), ("<sip:x@y>", "<sip:x@y>"),
    ("\"\"<sip:x@y> ; a = b ;c", "\"\" <sip:x@y>;a=b;c"),
    ("José García <sip:j@e>", "\"José García\" <sip:j@e>"),
    (
      "<sip:a@b>;+sip.instance=\"<urn:uuid:1>\";reg-id=1", "<sip:a@b>;+sip.instance=\"<urn:uuid:1>\";reg-id=1"
    ),
    ("<sip:a@b>;+g.x=\"tok\"", "<sip:a@b>;+g.x=\"tok\""), ("<tel:+12>;x=[::1]", "<tel:+12>;x=[::1]"),
    ("A, Joe", ""), ("\"x\" sip:a@b", ""), ("<sip:a@b", ""), ("<>", ""), ("", ""), ("<sip:a@b>;", ""),
    ("<sip:a@b>;;x", ""), ("<sip:a@b>;=", ""), ("<sip:a@b>;x=", ""), ("<sip:a@b>;x=\"y", ""),
    ("<sip:a@b> x", ""),
    ("sip:a@b?x=y", ""), ("< sip:a@b>", ""), ("\"a\\", ""),
    ("\"a\nb\" <sip:a@b>", ""), ("a\nb <sip:a@b>", ""), ("a\0 <sip:a@b>", ""), ("\"a\\\rb\" <sip:a@b>", ""),
    ("<sip:a@b>;x=\"\n\"", ""),
  ])
  func readAndWrite(_ text: String, _ written: String) {
    #expect(NameAddress(text)?.description ?? "" == written)
  }

  @Test func tags() throws {
    var address = try NameAddress.parse("<sip:a@b>;TAG=xyz")
    #expect(address.tag == "xyz")
    address.tag = "new"
    #expect(address.description == "<sip:a@b>;TAG=new")
    address.tag = nil
    #expect(address.description == "<sip:a@b>")
  }

  @Test func listsSplitOutsideQuotesAndBrackets() throws {
    let list = try NameAddress.parseList("\"a, b\" <sip:x@y;z=1,2>, <sip:c@d>;q=\"0,5\" ,sip:e@f;g")
    #expect(list.map(\.displayName) == ["a, b", nil, nil])
    #expect(list.map { $0.uri.user } == ["x", "c", "e"])
    #expect(list[1]["q"] == "0,5")
    #expect(throws: SIPSyntaxError.self) { try NameAddress.parseList("<sip:a@b>,") }
    #expect(throws: SIPSyntaxError.self) { try NameAddress.parseList(",<sip:a@b>") }
  }

  @Test func quotedPairsOfControlsSurvive() throws {
    let address = NameAddress(displayName: "a\u{7}\0\"\\", uri: SIPURI(host: .name("h")))
    #expect(NameAddress(address.serialised()) == address)
  }

  @Test(arguments: [
    ("SIP/2.0/UDP a.example;branch=z9hG4bK1", "SIP/2.0/UDP a.example;branch=z9hG4bK1"),
    ("SIP / 2.0 / tcp  [::1] : 5060 ; rport ; x = \"y z\"", "SIP/2.0/TCP [::1]:5060;rport;x=\"y z\""),
    ("SIP/2.0/SCTP h", "SIP/2.0/SCTP h"), ("sip/2.0/WSS h.invalid;rport=5", "SIP/2.0/WSS h.invalid;rport=5"),
    ("SIP/7.0/UDP h", "SIP/7.0/UDP h"), ("HTTP/2.0/UDP h", ""), ("SIP/2.0/UDP", ""), ("SIP/2.0/UDP ", ""),
    ("SIP/2.0UDP h", ""), ("SIP/2.0/UDP h:", ""), ("SIP/2.0/UDP h:99999", ""), ("SIP/2.0/UDP h;;", ""),
    ("SIP/2.0/UDP 2001:db8::1", ""), ("SIP/2.0/UDP h, SIP/2.0/UDP i", ""),
  ])
  func via(_ text: String, _ written: String) {
    #expect(Via(text)?.description ?? "" == written)
  }

  @Test func viaParameters() throws {
    var via = try Via.parse("SIP/2.0/UDP h;branch=b;rport;maddr=224.0.1.75;ttl=16")
    #expect(via.rport == .requested)
    #expect(via.maddr == "224.0.1.75")
    #expect(via.ttl == 16)
    via.rport = .port(4444)
    via.received = IPAddress("2001:db8::5")
    #expect(
      via.description == "SIP/2.0/UDP h;branch=b;rport=4444;maddr=224.0.1.75;ttl=16;received=2001:db8::5")
    #expect(Via(via.description)?.received == IPAddress("2001:db8::5"))
    #expect(try Via.parse("SIP/2.0/UDP h;rport=70000").rport == nil)
  }
}

@Suite struct TypedHeaderTests {
  @Test func cSeqAndRAck() {
    #expect(CSeq("0001 INVITE") == CSeq(number: 1, method: .invite))
    #expect(CSeq("2147483648 INVITE") == nil)
    #expect(CSeq("1") == nil)
    #expect(CSeq("1 INVITE x") == nil)
    #expect(CSeq("-1 INVITE") == nil)
    #expect(RAck("776656 1 INVITE") == RAck(rSeq: 776_656, cSeq: CSeq(number: 1, method: .invite)))
    #expect(RAck("4294967296 1 INVITE") == nil)
    #expect(RAck("1 INVITE") == nil)
    #expect(RAck(rSeq: 2, cSeq: CSeq(number: 3, method: .invite)).description == "2 3 INVITE")
  }

  @Test func sessionTimers() {
    #expect(SessionExpires("1800;refresher=UAC") == SessionExpires(interval: 1800, refresher: .uac))
    #expect(SessionExpires("90") == SessionExpires(interval: 90))
    #expect(SessionExpires("x") == nil)
    #expect(SessionExpires("99999999999")?.interval == .max)
    #expect(SessionExpires(interval: 90, refresher: .uas).description == "90;refresher=uas")
    #expect(SIPHeaders([.init(.minSE, "120;x=y")]).minSE == 120)
  }

  @Test func replaces() {
    let value = Replaces("98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff;early-only")
    #expect(
      value
        == Replaces(callID: "98732@sip.example.com", toTag: "ff87ff", fromTag: "r33th4x0r", isEarlyOnly: true)
    )
    #expect(value.map(\.description) == "98732@sip.example.com;to-tag=ff87ff;from-tag=r33th4x0r;early-only")
    #expect(Replaces("a;to-tag=b") == nil)
    let referTo = NameAddress("<sip:bob@b?Replaces=12345%40a%3Bto-tag%3D1%3Bfrom-tag%3D2>")
    let header = referTo?.uri.headerFields.first
    #expect(header?.name == .replaces)
    #expect(header.flatMap { Replaces($0.value) } == Replaces(callID: "12345@a", toTag: "1", fromTag: "2"))
  }

  @Test func reasons() {
    let headers = SIPHeaders([
      .init(.reason, "SIP;cause=200;text=\"Call completed elsewhere\", Q.850 ;cause=16"),
      .init(.reason, "Other;cause=x"),
    ])
    #expect(
      headers.reasons == [
        ReasonValue(protocol: "SIP", cause: 200, text: "Call completed elsewhere"),
        ReasonValue(protocol: "Q.850", cause: 16), ReasonValue(protocol: "Other"),
      ])
    #expect(headers.reasons[0].description == "SIP;cause=200;text=\"Call completed elsewhere\"")
  }

  @Test func contentTypes() {
    let type = ContentType("Multipart / Mixed ; boundary=\"a b\"")
    #expect(type?.type == "multipart")
    #expect(type?.subtype == "mixed")
    #expect(type?["Boundary"] == "a b")
    #expect(type?.description == "multipart/mixed;boundary=\"a b\"")
    for text in ["", "text", "/plain", "text/", "te xt/plain", "a/b/c", "a/b;c=\"d"] {
      #expect(ContentType(text) == nil)
    }
  }

  @Test func listsOverSeveralFields() {
    let headers = SIPHeaders([
      .init(.supported, "timer, 100rel ,,"), .init(.require, "x"), .init(SIPHeaderName("k"), "replaces"),
      .init(.allow, ""),
    ])
    #expect(headers.tokens(.supported) == ["timer", "100rel", "replaces"])
    #expect(headers.hasToken(.supported, "TIMER"))
    #expect(headers.tokens(.allow) == [])
  }

  @Test func contactsAndRoutes() {
    #expect(SIPHeaders([.init(.contact, "*")]).isWildcardContact)
    #expect(SIPHeaders([.init(.contact, "*")]).contacts.isEmpty)
    let headers = SIPHeaders([.init(.route, "<sip:a;lr>, <sip:b;lr>"), .init(.route, "<sip:c;lr>")])
    #expect(headers.routes.map(\.uri.host) == [.name("a"), .name("b"), .name("c")])
  }

  @Test func numbersSaturate() {
    #expect(SIPHeaders([.init(.expires, "99999999999")]).expires == .max)
    #expect(SIPHeaders([.init(.expires, "abc")]).expires == nil)
    #expect(SIPHeaders([.init(.retryAfter, "18 (in a meeting);duration=60")]).retryAfter == 18)
    #expect(SIPHeaders([.init(.privacy, "id; Header")]).privacy == ["id", "header"])
  }

  @Test func authentication() throws {
    let text =
      "Digest realm=\"atlanta.com\", domain=\"sip:ss1.carrier.com\",qop=\"auth,auth-int\" , "
      + "nonce=\"f84f1\\\"c\", "
      + "opaque=\"\", stale=FALSE, algorithm=MD5"
    let challenge = try AuthenticationField.parse(text)
    #expect(challenge.isDigest)
    #expect(challenge["REALM"] == "atlanta.com")
    #expect(challenge["qop"] == "auth,auth-int")
    #expect(challenge["nonce"] == "f84f1\"c")
    #expect(challenge["opaque"] == "")
    #expect(challenge["stale"] == "FALSE")
    #expect(
      challenge.description
        == "Digest realm=\"atlanta.com\", domain=\"sip:ss1.carrier.com\", qop=\"auth,auth-int\", "
        + "nonce=\"f84f1\\\"c\", opaque=\"\", stale=FALSE, algorithm=MD5")
    var credentials = AuthenticationField()
    credentials["username"] = "bob"
    credentials["nc"] = "00000001"
    #expect(credentials.description == "Digest username=\"bob\", nc=00000001")
    for bad in ["", "Digest realm=", "Digest =x", "Digest a=\"b", "Digest a=b c=d", "=x"] {
      #expect(AuthenticationField(bad) == nil)
    }
  }
}
