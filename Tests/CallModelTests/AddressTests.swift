import CallModel
import Testing

@Suite struct AddressTests {
  /// Text to canonical text (RFC 4291 §2.2, RFC 5952 §4 and §5).
  @Test(arguments: [
    ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("192.0.2.10", "192.0.2.10"),
    ("10.100.9.99", "10.100.9.99"), ("::", "::"), ("::1", "::1"), ("1::", "1::"),
    ("[2001:db8::1]", "2001:db8::1"),
    ("2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"), ("2001:0db8::0001", "2001:db8::1"),
    ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
    ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
    ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
    ("::ffff:192.0.2.1", "::ffff:192.0.2.1"), ("::FFFF:c000:0201", "::ffff:192.0.2.1"),
    ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
    ("fe80::", "fe80::"), ("0:0:0:0:0:0:0:0", "::"), ("::13.1.68.3", "::d01:4403"),
  ])
  func canonicalText(text: String, canonical: String) throws {
    let ip = try #require(IPAddress(text))
    #expect(ip.description == canonical)
    #expect(IPAddress(ip.description) == ip)
    #expect(IPAddress(ip.bracketed) == ip)
    #expect(IPAddress(Substring("x\(text)").dropFirst()) == ip)
  }

  @Test(arguments: [
    "", ".", "1", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "256.1.1.1", "1.2.3.4444", "1.2.3.+4",
    "1.2.3.4 ", "[1.2.3.4]", "[]", ":", ":::", "1:", ":1", "1:2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
    "::1::", "1::2::3", "12345::", "g::", "+1::", "-1::", "fe80::1%eth0", "::1.2.3", "::1.2.3.4:5",
    "1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "[::1", "::1]", "::256.1.1.1",
    "0000:0000:0000:0000:0000:0000:0000:0000:0000:0", "é::1",
  ])
  func refused(text: String) {
    #expect(IPAddress(text) == nil)
  }

  @Test func kinds() throws {
    let facts: [(String, loopback: Bool, multicast: Bool, unspecified: Bool)] = [
      ("127.0.0.1", true, false, false), ("127.255.0.9", true, false, false),
      ("128.0.0.1", false, false, false),
      ("::1", true, false, false), ("::ffff:127.0.0.1", true, false, false),
      ("::ffff:128.0.0.1", false, false, false),
      ("::ff7f:1", false, false, false), ("224.0.0.1", false, true, false),
      ("239.255.255.255", false, true, false),
      ("240.0.0.1", false, false, false), ("ff02::1", false, true, false), ("fe80::1", false, false, false),
      ("0.0.0.0", false, false, true), ("::", false, false, true), ("0.0.0.1", false, false, false),
    ]
    for fact in facts {
      let ip = try #require(IPAddress(fact.0))
      #expect(ip.isLoopback == fact.loopback, "\(fact.0)")
      #expect(ip.isMulticast == fact.multicast, "\(fact.0)")
      #expect(ip.isUnspecified == fact.unspecified, "\(fact.0)")
    }
  }

  @Test func randomAddressesSurviveText() {
    var state: UInt64 = 42
    func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 29
    }
    for _ in 0..<5_000 {
      // Masks by 16 bits make the runs of zeros that the short form is about.
      func sparse() -> UInt64 {
        var value = next()
        for group: UInt64 in 0..<4 where next() >> 33 & 1 == 0 { value &= ~(0xffff << (16 * group)) }
        return value
      }
      let v6 = IPAddress.v6(sparse(), sparse())
      #expect(IPAddress(v6.description) == v6)
      let v4 = IPAddress.v4(UInt32(truncatingIfNeeded: next() >> 16))
      #expect(IPAddress(v4.description) == v4)
    }
  }

  @Test(arguments: [
    ("192.0.2.1:5060", "192.0.2.1:5060"), ("[2001:DB8::1]:65535", "[2001:db8::1]:65535"),
    ("0.0.0.0:0", "0.0.0.0:0"),
  ])
  func transportAddress(text: String, canonical: String) {
    #expect(TransportAddress(text)?.description == canonical)
  }

  @Test(arguments: [
    "", ":", "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:-1", "192.0.2.1:+5060",
    "2001:db8::1:5060",
    "[2001:db8::1]", "[192.0.2.1]:5060", "host:5060", "192.0.2.1:5060 ",
  ])
  func transportAddressRefused(text: String) {
    #expect(TransportAddress(text) == nil)
  }

  @Test func networks() throws {
    let facts: [(String, inside: [String], outside: [String])] = [
      ("10.0.0.0/8", ["10.0.0.0", "10.255.255.255"], ["9.255.255.255", "11.0.0.0", "::10.0.0.0"]),
      ("192.0.2.129/25", ["192.0.2.128", "192.0.2.255"], ["192.0.2.127"]),
      ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255"], ["::"]),
      ("192.0.2.1", ["192.0.2.1"], ["192.0.2.0", "192.0.2.2"]),
      ("192.0.2.1/32", ["192.0.2.1"], ["192.0.2.0"]),
      (
        "2001:db8::/32", ["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"], ["2001:db9::", "10.0.0.1"]
      ),
      ("2001:db8:0:8000::/49", ["2001:db8:0:ffff::1"], ["2001:db8:0:7fff::1"]),
      ("2001:db8::/64", ["2001:db8::ffff:ffff:ffff:ffff"], ["2001:db8:0:1::"]),
      ("2001:db8::8000:0:0:0/65", ["2001:db8::ffff:0:0:1"], ["2001:db8::7fff:0:0:1"]),
      ("::1/128", ["::1"], ["::", "::2"]), ("::/0", ["::", "ffff::1"], ["0.0.0.0"]),
    ]
    for fact in facts {
      let network = try #require(IPNetwork(fact.0))
      for text in fact.inside {
        #expect(network.contains(try #require(IPAddress(text))), "\(text) in \(fact.0)")
      }
      for text in fact.outside {
        #expect(!network.contains(try #require(IPAddress(text))), "\(text) in \(fact.0)")
      }
    }
    #expect(IPNetwork("192.0.2.129/25")?.description == "192.0.2.128/25")
    #expect(IPNetwork("10.1.2.3/8") == IPNetwork("10.0.0.0/8"))
  }

  @Test(arguments: [
    "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "::/129", "10.0.0.0/8/8", "x/8",
  ])
  func networkRefused(text: String) {
    #expect(IPNetwork(text) == nil)
  }
}
