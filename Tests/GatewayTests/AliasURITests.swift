import CallModel
import PolicyEngine
import SIP
import Testing

@testable import Gateway

/// From aliases, as rules and policy servers give them, to the URIs that are called.
@Suite struct AliasURITests {
  @Test(arguments: [
    ("bob", "sip:bob@tandem.test"), ("bob@example.org", "sip:bob@example.org"),
    ("sip:bob@example.org;transport=tcp?Subject=x", "sip:bob@example.org"),
    ("sips:bob@example.org", "sips:bob@example.org"), ("tel:+4712", "sip:+4712@tandem.test"),
    // A port belongs to the host, whatever that is.
    ("bob@example.org:5062", "sip:bob@example.org:5062"), ("bob@192.0.2.7", "sip:bob@192.0.2.7"),
    ("bob@192.0.2.7:5062", "sip:bob@192.0.2.7:5062"), ("bob@2001:db8::1", "sip:bob@[2001:db8::1]"),
    ("bob@[2001:db8::1]", "sip:bob@[2001:db8::1]"),
    ("bob@[2001:db8::1]:5062", "sip:bob@[2001:db8::1]:5062"),
    ("sip:bob@[2001:db8::1]:5062", "sip:bob@[2001:db8::1]:5062"),
    ("a@b@192.0.2.7:65535", "sip:a%40b@192.0.2.7:65535"),
  ])
  func uri(_ alias: String, _ uri: String) {
    #expect(SIPURI.of(alias: alias, defaultHost: "tandem.test")?.description == uri)
  }

  @Test(arguments: [
    "", "@example.org", "bob@", "bob@:5062", "bob@example.org:", "bob@example.org:0",
    "bob@example.org:65536", "bob@example.org:50a", "bob@192.0.2.7:99999", "bob@2001:db8::zz:5062",
    "bob@[2001:db8::1:5062", "bob@[example.org]:5062", "bob@a:b:5060",
  ])
  func whatIsNoHostAndPortIsNoURI(_ alias: String) {
    #expect(SIPURI.of(alias: alias, defaultHost: "tandem.test") == nil)
  }

  @Test(
    arguments: [
      (nil, nil, "bob", "sip:bob@192.0.2.1:5080"), (nil, nil, "bob@example.org", "sip:bob@example.org"),
      (nil, nil, "bob@192.0.2.1", "sip:bob@192.0.2.1:5080"),
      (nil, nil, "bob@192.0.2.7:5062", "sip:bob@192.0.2.7:5062"),
      (nil, nil, "bob@example.org:5062", "sip:bob@example.org:5062"),
      // The port goes with the host that the trunk's domain takes the place of.
      ("carrier.example", nil, "bob@192.0.2.7:5062", "sip:bob@carrier.example"),
      ("carrier.example", "carrier.example", "bob@example.org:5062", "sip:bob@carrier.example:5080"),
    ] as [(String?, String?, String, String)])
  func overATrunk(_ domain: String?, _ host: String?, _ alias: String, _ uri: String) {
    let trunk = Trunk(name: "t", host: host ?? "192.0.2.1", port: 5080, domain: domain)
    #expect(trunk.requestURI(for: alias)?.description == uri)
  }
}
