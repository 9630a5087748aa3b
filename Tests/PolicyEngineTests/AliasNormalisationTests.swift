import CallModel
import TestSupport
import Testing

/// The table of the routing reference §2.
@Suite struct AliasNormalisationTests {
  struct Row: CustomTestStringConvertible, Sendable {
    var text: String
    var parsed: String
    var local: String
    var full: String
    var testDescription: String { text }

    init(_ text: String, parsed: String, local: String? = nil, full: String? = nil) {
      self.text = text
      self.parsed = parsed
      self.local = local ?? parsed
      self.full = full ?? text
    }
  }

  @Test(arguments: [
    Row(
      "sip:meet.bob@example.org;transport=tls", parsed: "meet.bob@example.org",
      local: "sip:meet.bob@example.org"),
    Row("sip:010033@192.0.2.7", parsed: "010033", local: "sip:010033"),
    Row("sip:010033@[2001:db8::7]:5060;x=y", parsed: "010033", local: "sip:010033"),
    Row("sips:x@example.org", parsed: "x@example.org", local: "sips:x@example.org"),
    Row("sip:x@example.org:5061", parsed: "x@example.org", local: "sip:x@example.org"),
    Row("sip:alice@example.com;transport=tls", parsed: "alice@example.com", local: "sip:alice@example.com"),
    Row("SIP:Bob@EXAMPLE.ORG;user=phone", parsed: "Bob@EXAMPLE.ORG", local: "sip:Bob@EXAMPLE.ORG"),
    Row("tel:+47-22(33).44;phone-context=x", parsed: "+47223344", local: "tel:+47223344"),
    Row("sip:bob:secret@example.org", parsed: "bob@example.org", local: "sip:bob@example.org"),
    Row("sip:+4712;npdi@example.org;user=phone", parsed: "+4712@example.org", local: "sip:+4712@example.org"),
    Row("sip:bob@example.org?Subject=hi%40you", parsed: "bob@example.org", local: "sip:bob@example.org"),
    Row("sip:bob%40example.org@192.0.2.1", parsed: "bob@example.org", local: "sip:bob@example.org"),
    Row("sip:a%2540b@example.org", parsed: "a%40b@example.org", local: "sip:a%40b@example.org"),
    Row("sip:100%@example.org", parsed: "100%@example.org", local: "sip:100%@example.org"),
    Row("sip:bl%C3%A5@example.org", parsed: "blå@example.org", local: "sip:blå@example.org"),
    Row(
      " \"Bob\" <sip:bob@example.org;lr>;tag=1 ", parsed: "bob@example.org", local: "sip:bob@example.org",
      full: "sip:bob@example.org;lr"),
    Row("sip:example.org:5060", parsed: "example.org", local: "sip:example.org"),
    Row("sip:192.0.2.7:5060", parsed: "192.0.2.7", local: "sip:192.0.2.7"),
    Row("sip:[2001:db8::7]:5060", parsed: "[2001:db8::7]", local: "sip:[2001:db8::7]"),
    Row("sip:", parsed: "", local: "sip:"),
    Row("", parsed: ""),
    Row("sip:@", parsed: "", local: "sip:"),
    Row("sip:bob@", parsed: "bob", local: "sip:bob"),
    Row("sip:9**11@example.org", parsed: "9**11@example.org", local: "sip:9**11@example.org"),
  ])
  func sip(_ row: Row) {
    let alias = Alias(sip: row.text)
    #expect(alias.parsed == row.parsed)
    #expect(alias.local == row.local)
    #expect(alias.full == row.full)
    #expect(alias.pin == nil)
  }

  @Test func h323() {
    #expect(Alias(dialled: "h323:bob@example.org", protocol: .h323).parsed == "bob@example.org")
    #expect(Alias(dialled: "h323:bob@example.org", protocol: .h323).local == "h323:bob@example.org")
    #expect(
      Alias(dialled: "010033", protocol: .h323) == Alias(full: "010033", parsed: "010033", local: "010033"))
    #expect(Alias(dialled: "Ann; Sales 100%", protocol: .h323).parsed == "Ann; Sales 100%")
    #expect(Alias(dialled: "010033@192.0.2.7", protocol: .h323).parsed == "010033")
  }

  @Test func streamsAreNeverChanged() {
    let text = "rtmps://192.0.2.1:443/app/key;x?y=z"
    #expect(Alias(dialled: text, protocol: .rtmp) == Alias(full: text, parsed: text, local: text))
    #expect(Alias(dialled: text, protocol: .webrtc).parsed == text)
  }

  @Test func appsDialBareNames() {
    #expect(Alias(dialled: "meet.bob", protocol: .webrtc).local == "meet.bob")
    #expect(Alias(dialled: "sip:bob@example.org", protocol: .webrtc).parsed == "bob@example.org")
  }

  @Test func pinOfSkypeForBusiness() {
    let alias = Alias(dialled: "sip:meet.alice**1234@example.org;x=1", protocol: .mssip)
    #expect(alias.parsed == "meet.alice@example.org")
    #expect(alias.pin == Secret("1234"))
    #expect(!"\(alias)".contains("1234"))
    #expect(!alias.full.contains("1234"))
    #expect(Alias(dialled: "**1234@example.org", protocol: .mssip).pin == nil)
    #expect(Alias(dialled: "meet**@example.org", protocol: .mssip).pin == nil)
  }

  @Test func foldingIsSimpleAndConsistentWithPatterns() throws {
    #expect("MEET.Bob".caseFolded == "meet.bob")
    #expect("ÅSE".caseFolded == "åse")
    #expect("ΣΊΣΥΦΟΣ".caseFolded == "σίσυφος".caseFolded)
    #expect("\u{212A}".caseFolded == "k")
    #expect("ſ".caseFolded == "s")
    #expect("straße".caseFolded == "straße")
    #expect("ẞ".caseFolded == "ß")
    #expect("İ".caseFolded == "İ")
    #expect("ı".caseFolded == "ı")
  }

  @Test func hostileTextDoesNotTrap() {
    var generator = SplitMix(seed: 7)
    let pieces = [
      "sip:", "tel:", "h323:", "@", "<", ">", ";", "?", ":", "[", "]", "%", "%4", "%ff", "**", "1", "é", "\0",
      " ",
    ]
    for _ in 0..<5_000 {
      let text = (0..<Int.random(in: 0...9, using: &generator)).map { _ in
        pieces.randomElement(using: &generator)!
      }
      .joined()
      for callProtocol in CallProtocol.allCases { _ = Alias(dialled: text, protocol: callProtocol) }
      _ = Alias(sip: text)
    }
  }
}
