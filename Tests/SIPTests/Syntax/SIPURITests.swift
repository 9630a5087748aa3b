import CallModel
import Testing

@testable import SIP

@Suite struct SIPURITests {
  @Test func readsAllParts() throws {
    let uri = try SIPURI.parse(
      "sips:alice;x=1:s3cret@[2001:db8::1]:5071;transport=tcp;lr?Subject=hi%20you&Priority=")
    #expect(uri.scheme == .sips)
    #expect(uri.user == "alice;x=1")
    #expect(uri.password?.reveal() == "s3cret")
    #expect(uri.host == .ip(try #require(IPAddress("2001:db8::1"))))
    #expect(uri.port == 5071)
    #expect(uri["Transport"] == "tcp")
    #expect(uri["LR"] == "")
    #expect(uri["x"] == nil)
    #expect(uri.headerFields == [.init(.subject, "hi you"), .init(.priority, "")])
  }

  @Test(arguments: [
    "sip:example.com", "sip:bob@example.com", "sips:bob@example.com:5061", "sip:192.0.2.1:5060",
    "sip:[2001:db8::1]:5060", "sip:+15551234;ext=5@gw.example.com;user=phone", "sip:a%40b@c", "sip:a%3Bb@c",
    "sip:alice@example.com;maddr=239.255.255.1;ttl=15", "sip:x@y;lr;foo=bar%20baz?a=b&c=d%26e",
    "tel:+1-201-555-0123", "tel:7042;phone-context=example.com", "tel:*21*7%23", "urn:service:sos",
    "mailto:a@b.example", "http://example.com/x?y=z#f", "sip:%00@h", "sip:alice@host_name.example",
    "sip:user@1234", "im:a@b",
  ])
  func writesWhatItRead(_ text: String) throws {
    let uri = try SIPURI.parse(text)
    #expect(uri.serialised() == text)
    #expect(SIPURI(text) == uri)
  }

  @Test(arguments: [
    "", ":", "sip", "sip:", "sip:@example.com", "sip:a@", "sip:a@b@c", "sip:a b@c", "sip:a@b c", "sip:a@b:",
    "sip:a@b:x", "sip:a@b:65536", "sip:a@b:-1", "sip:a@[::1", "sip:a@[::1]x", "sip:a@[1.2.3.4]",
    "sip:a@[zz::]",
    "sip:2001:db8::10", "sip:a@b?", "sip:a%4@b", "sip:a%zz@b", "sip:a@b;=x", "sip:a@b;p\"", "sip:a@b;p=%1",
    "<sip:a@b>", "1sip:a@b", "s p:x", "tel:", "tel:+1x", "sip:a@b;x<y", "foo:", "foo:a b", "sip:a@b%20c",
    "sip:a@ex ample", "sip:a:p@ss@b",
  ])
  func refuses(_ text: String) {
    #expect(throws: SIPSyntaxError.self) { try SIPURI.parse(text) }
    #expect(SIPURI(text) == nil)
  }

  @Test func toleratesDialStrings() throws {
    #expect(try SIPURI.parse("sip:*72#@example.com").user == "*72#")
    #expect(try SIPURI.parse("sip:*72#@example.com").serialised() == "sip:*72%23@example.com")
    #expect(try SIPURI.parse("sip:a@b;;lr;").parameters == [.init("lr")])
    #expect(try SIPURI.parse("SIP:a@b").scheme == .sip)
    #expect(try SIPURI.parse("Foo:Bar") == SIPURI(scheme: .other("foo"), user: "Bar", host: .name("")))
  }

  /// RFC 3261 §19.1.4: an escaped delimiter is not the delimiter, any other escape is the character.
  @Test func unescapesTheUserWhereThatIsUnambiguous() throws {
    #expect(try SIPURI.parse("sip:%61lice@h").user == "alice")
    #expect(try SIPURI.parse("sip:a%20b@h").user == "a b")
    #expect(try SIPURI.parse("sip:a%3bb@h").user == "a%3Bb")
    #expect(try SIPURI.parse("sip:a%25b@h").user == "a%25b")
    #expect(try SIPURI.parse("sip:%E5%A4%A7@h").user == "大")
    #expect(try SIPURI.parse("sip:%ff@h").user == "%FF")
    #expect(try SIPURI.parse("sip:%C3%28@h").user == "%C3(")
    #expect(SIPURI(user: "100%", host: .name("h")).serialised() == "sip:100%25@h")
    #expect(SIPURI(user: "a b@c:d", host: .name("h")).serialised() == "sip:a%20b%40c%3Ad@h")
  }

  @Test func passwordsAreNotPrinted() throws {
    let uri = try SIPURI.parse("sip:alice:hunter2@example.com")
    #expect(uri.description == "sip:alice@example.com")
    #expect("\(NameAddress(uri: uri))" == "<sip:alice@example.com>")
    #expect(uri.serialised() == "sip:alice:hunter2@example.com")
    #expect(NameAddress(uri: uri).serialised() == "<sip:alice:hunter2@example.com>")
  }

  @Test func setsParameters() throws {
    var uri = try SIPURI.parse("sip:a@b;transport=udp;lr")
    uri["TRANSPORT"] = "tcp"
    uri["lr"] = nil
    uri["ob"] = ""
    #expect(uri.serialised() == "sip:a@b;transport=tcp;ob")
  }

  @Test(arguments: [
    ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
    ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
    (
      "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
      "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"
    ),
    (
      "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
      "sip:alice@atlanta.com?priority=urgent&subject=project%20x"
    ),
    ("tel:+1-201-555-0123", "tel:+1(201)555.0123"), ("tel:5;phone-context=+1-2", "tel:5;Phone-Context=+12"),
    ("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]"),
    ("sip:a@b;x=1;x", "sip:a@b;x=1;x"), ("tel:1;a=b;a=c", "tel:1;a=b;a=c"),
  ])
  func equivalent(_ a: String, _ b: String) throws {
    #expect(try SIPURI.parse(a).isEquivalent(to: SIPURI.parse(b)))
    #expect(try SIPURI.parse(b).isEquivalent(to: SIPURI.parse(a)))
  }

  @Test(arguments: [
    ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
    ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"), ("sip:a@b", "sips:a@b"), ("sip:a@b", "sip:b"),
    ("sip:a@b;x=1", "sip:a@b;x=2"), ("sip:a:p@b", "sip:a@b"), ("sip:a%3Bb@c", "sip:a;b@c"),
    ("tel:+12", "tel:12"), ("tel:1;a=b", "tel:1"), ("tel:1;a=b", "tel:1;a=c"), ("urn:a", "urn:b"),
  ])
  func notEquivalent(_ a: String, _ b: String) throws {
    #expect(try !SIPURI.parse(a).isEquivalent(to: SIPURI.parse(b)))
    #expect(try !SIPURI.parse(b).isEquivalent(to: SIPURI.parse(a)))
  }
}
