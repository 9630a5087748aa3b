extension MediaStream {
  /// The value of the first attribute of this name; an attribute without value yields the empty string.
  public func attribute(_ name: String) -> String? {
    for attribute in attributes where attribute.name == name { return attribute.value ?? "" }
    return nil
  }

  /// RFC 5888 `mid`.
  public var mid: String? { attribute("mid") }
}

extension MediaDescription {
  /// The value of the first session-level attribute of this name; an attribute without value yields the empty string.
  public func attribute(_ name: String) -> String? {
    for attribute in attributes where attribute.name == name { return attribute.value ?? "" }
    return nil
  }

  /// The description without what belongs to one side's transport: ICE candidates and credentials, DTLS fingerprints and
  /// roles, SDES keys, bundling. A back-to-back user agent that relays media ends these on each side and sets its own.
  public func withoutTransport() -> MediaDescription {
    var result = self
    result.attributes.removeAll { $0.isTransport }
    for i in result.streams.indices {
      // The `setup` and `connection` of a stream over TCP (RFC 4145) are kept: that stream is passed through whole.
      if result.streams[i].profile.isRTP { result.streams[i].attributes.removeAll { $0.isTransport } }
      result.streams[i].cryptos = []
      result.streams[i].rtcpAddress = nil
    }
    return result
  }
}

extension MediaAttribute {
  /// Whether the attribute speaks of the hop and not of the media: it must not cross from one leg to the other.
  ///
  /// ICE (RFC 8839), DTLS-SRTP (RFC 5763, RFC 8122), bundling (RFC 9143), and the rests of older drafts of ICE.
  public var isTransport: Bool {
    switch name {
    case "candidate", "remote-candidates", "end-of-candidates", "ice-ufrag", "ice-pwd", "ice-lite",
      "ice-options",
      "ice-mismatch", "ice-pacing", "fingerprint", "setup", "connection", "tls-id", "bundle-only",
      "crypto", "cryptoscale", "key-mgmt", "rtcp", "rtcp-mux", "rtcp-mux-only", "x-candidate-info",
      "acfg", "pcfg", "tcap":
      true
    case "group": value.map { $0 == "BUNDLE" || $0.hasPrefix("BUNDLE ") } ?? false
    default: false
    }
  }
}
