import CallModel
import Testing

@testable import SIPTransport

@Suite struct CertificateIdentityTests {
  private let identity = CertificateIdentity(
    hosts: ["sip.example.com", "*.pstn.example.com", "*.com", "*"], sipDomains: ["example.org"],
    addresses: [.v4(0xc000_0201)])

  @Test(arguments: [
    ("sip.example.com", true), ("SIP.Example.COM", true), ("sip.example.com.", true),
    ("x.sip.example.com", false), ("example.com", false), ("a.pstn.example.com", true),
    ("a.b.pstn.example.com", false), ("pstn.example.com", false), (".pstn.example.com", false),
    ("other.com", false), ("localhost", false), ("example.org", true), ("sip.example.org", false),
    ("", false),
  ])
  func names(_ name: String, _ isCovered: Bool) {
    // The address is one of the certificate's: a name is not excused by it.
    #expect(identity.covers(serverName: name, address: .v4(0xc000_0201)) == isCovered)
  }

  @Test func addresses() {
    #expect(identity.covers(serverName: nil, address: .v4(0xc000_0201)))
    #expect(!identity.covers(serverName: nil, address: .v4(0xc000_0202)))
    #expect(identity.covers(serverName: "192.0.2.1", address: .v4(0xc000_0202)))
    #expect(!CertificateIdentity().covers(serverName: nil, address: .v4(0)))
    #expect(CertificateIdentity.address([192, 0, 2, 1]) == .v4(0xc000_0201))
    #expect(CertificateIdentity.address([UInt8](repeating: 0, count: 15) + [1]) == .v6(0, 1))
    #expect(CertificateIdentity.address([1, 2, 3]) == nil)
  }

  /// RFC 5922 §7.1: a URI with a user part does not speak for the domain.
  @Test(
    arguments: [
      ("sip:Example.com", "example.com"), ("sip:example.com;x", "example.com"),
      ("sip:example.com:5061", "example.com"),
      ("sip:a@example.com", nil), ("sips:example.com", nil), ("https://example.com", nil), ("sip:", nil),
    ] as [(String, String?)])
  func domains(_ uri: String, _ domain: String?) {
    #expect(CertificateIdentity.sipDomain(Array(uri.utf8)) == domain)
  }
}
