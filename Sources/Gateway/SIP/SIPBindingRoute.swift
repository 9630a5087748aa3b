import CallModel
import SIP

/// How a registered SIP device is reached: the flow it registered over, and its Path (RFC 3327, RFC 5626).
struct SIPBindingRoute: Sendable {
  var contact: SIPURI
  var hop: Hop
  var path: [NameAddress]
  /// `+sip.instance` and `reg-id` of an outbound registration (RFC 5626 §4.1).
  var instance: String?
  var registrationID: Int?

  /// True when `other` is the same flow: the connection, or for datagrams the address and the listener.
  func isFlow(of other: Hop) -> Bool {
    guard hop.transport == other.transport, path.isEmpty else { return false }
    if let connection = hop.connection { return connection == other.connection }
    return hop.remote == other.remote
  }
}

extension SIPURI {
  /// `user@host` as routing knows it: scheme kept, parameters not.
  var aliasText: String {
    var bare = self
    bare.parameters = []
    bare.headers = nil
    bare.password = nil
    return bare.description
  }

  /// The address a URI names without a look-up.
  var numericAddress: TransportAddress? {
    guard case .ip(let ip) = host else { return nil }
    return TransportAddress(ip, port ?? 5060)
  }

  /// The SIP URI of an alias: `sip:` added where there is no scheme, `defaultHost` where there is no host. Nil when what
  /// stands for its host and port is none.
  static func of(alias: String, defaultHost: String) -> SIPURI? {
    let lowered = alias.prefix(5).lowercased()
    if lowered.hasPrefix("sip:") || lowered.hasPrefix("sips:") {
      guard var uri = SIPURI(alias) else { return nil }
      uri.headers = nil
      uri.parameters = []
      return uri
    }
    if lowered.hasPrefix("tel:") {
      return SIPURI(user: String(alias.dropFirst(4)), host: SIPURI.host(defaultHost))
    }
    guard let at = alias.lastIndex(of: "@") else {
      return alias.isEmpty ? nil : SIPURI(user: alias, host: SIPURI.host(defaultHost))
    }
    // Taken apart here, so that nothing in an alias can add a header or a parameter.
    let user = String(alias[..<at])
    guard let place = hostAndPort(alias[alias.index(after: at)...]), !user.isEmpty else { return nil }
    return SIPURI(user: user, host: place.host, port: place.port)
  }

  /// `host`, `host:5062`, `192.0.2.7:5062`, `[2001:db8::1]:5062`; an IPv6 address alone also without brackets.
  private static func hostAndPort(_ text: Substring) -> (host: Host, port: UInt16?)? {
    if let address = IPAddress(String(text)) { return (.ip(address), nil) }
    guard let colon = text.lastIndex(of: ":") else { return text.isEmpty ? nil : (.name(String(text)), nil) }
    let (host, digits) = (String(text[..<colon]), text[text.index(after: colon)...])
    guard !host.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits),
      port > 0
    else { return nil }
    if let address = IPAddress(host) {
      // Without brackets it would be a guess where the address ends.
      return address.isIPv6 && !host.hasPrefix("[") ? nil : (.ip(address), port)
    }
    return host.contains(":") || host.contains("[") ? nil : (.name(host), port)
  }

  static func host(_ text: String) -> Host { IPAddress(text).map { .ip($0) } ?? .name(text) }
}
