import CallModel
import NIOSSL

/// The names a certificate speaks for, and whether the server we meant is one of them (RFC 5922 §7.1, RFC 6125 §6.4).
///
/// The TLS library is content with a certificate for the *address* of the connection, which somebody who forges a DNS
/// answer may well hold for an address of his own. Here a server that was named must show that name.
struct CertificateIdentity: Equatable {
  /// Host names, lower-cased, as they stand: `*.example.com` may be among them.
  var hosts: [String] = []
  /// Domains of `sip:` URIs without a user part (RFC 5922 §7.1).
  var sipDomains: [String] = []
  var addresses: [IPAddress] = []

  /// Whether the certificate is one for a server of this name, or of this address when it has no name.
  func covers(serverName: String?, address: IPAddress) -> Bool {
    guard let name = serverName, IPAddress(name) == nil else {
      return addresses.contains(serverName.flatMap { IPAddress($0) } ?? address)
    }
    var wanted = name.lowercased()
    if wanted.hasSuffix(".") { wanted.removeLast() }
    return sipDomains.contains(wanted) || hosts.contains { CertificateIdentity.matches($0, wanted) }
  }

  /// RFC 5922 §7.2 knows no wildcards, but the certificates of large providers are made of them: one is taken as the
  /// whole of the first label, above at least two more (RFC 6125 §6.4.3).
  private static func matches(_ pattern: String, _ name: String) -> Bool {
    if pattern == name { return true }
    guard pattern.hasPrefix("*."), let dot = name.firstIndex(of: "."), dot != name.startIndex else {
      return false
    }
    let rest = pattern.dropFirst()
    return rest.dropFirst().contains(".") && name[dot...] == rest
  }
}

extension CertificateIdentity {
  init(_ certificate: NIOSSLCertificate) {
    for name in certificate._subjectAlternativeNames() {
      name.contents.withUnsafeBufferPointer { bytes in
        switch name.nameType {
        case .dnsName: hosts.append(String(decoding: bytes, as: UTF8.self).lowercased())
        case .uri: if let domain = CertificateIdentity.sipDomain(bytes) { sipDomains.append(domain) }
        case .ipAddress: if let ip = CertificateIdentity.address(bytes) { addresses.append(ip) }
        default: break
        }
      }
    }
  }

  /// `sip:example.com` names a domain; one with a user part names a user of it and nothing else.
  static func sipDomain(_ bytes: some Collection<UInt8>) -> String? {
    let text = String(decoding: bytes, as: UTF8.self).lowercased()
    guard text.hasPrefix("sip:"), !text.contains("@") else { return nil }
    let domain = text.dropFirst(4).prefix { $0 != ";" && $0 != "?" && $0 != ":" }
    return domain.isEmpty ? nil : String(domain)
  }

  /// Network order, 4 or 16 bytes (RFC 5280 §4.2.1.6).
  static func address(_ bytes: some Collection<UInt8>) -> IPAddress? {
    switch bytes.count {
    case 4: return .v4(bytes.reduce(0) { $0 << 8 | UInt32($1) })
    case 16:
      let high = bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      return .v6(high, bytes.dropFirst(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    default: return nil
    }
  }
}
