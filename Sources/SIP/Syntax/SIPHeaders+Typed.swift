/// The headers every message has, and those of routing, read on demand. A value that is malformed reads as
/// absent; what ``SIPParser`` accepted has well-formed ones.
extension SIPHeaders {
  /// The first value of the first Via field.
  public var topVia: Via? {
    guard let text = self[.via] else { return nil }
    return try? scanning(text) { bytes throws(SyntaxFault) in
      Via(bytes, try ViaLayout.scan(bytes, 0, bytes.count))
    }
  }

  /// The branch of the first Via, without reading the rest of it into values.
  public var topBranch: String? {
    guard let text = self[.via] else { return nil }
    return try? scanning(text) { bytes throws(SyntaxFault) in
      try ViaLayout.scan(bytes, 0, bytes.count).branch.map(bytes.text)
    }
  }

  /// Every Via value, the topmost first.
  public var vias: [Via] {
    var result: [Via] = []
    for text in all(.via) {
      try? scanning(text) { bytes throws(SyntaxFault) in
        try ViaLayout.scanList(bytes, 0..<bytes.count) { result.append(Via(bytes, $0)) }
      }
    }
    return result
  }

  public var from: NameAddress? { self[.from].flatMap { NameAddress($0 as String) } }
  public var to: NameAddress? { self[.to].flatMap { NameAddress($0 as String) } }

  /// The tag of From, without reading the rest of it into values.
  public var fromTag: String? { tag(.from) }
  /// The tag of To, without reading the rest of it into values.
  public var toTag: String? { tag(.to) }

  private func tag(_ name: SIPHeaderName) -> String? {
    guard let text = self[name] else { return nil }
    return try? scanning(text) { bytes throws(SyntaxFault) in
      try NameAddressLayout.scan(bytes, 0, bytes.count).tag.map(bytes.text)
    }
  }

  public var callID: String? { self[.callID] }
  public var cSeq: CSeq? { self[.cSeq].flatMap { CSeq($0) } }

  /// All Contact values; empty for the wildcard.
  public var contacts: [NameAddress] { isWildcardContact ? [] : addresses(.contact) }

  /// `Contact: *` (RFC 3261 §10.2.2).
  public var isWildcardContact: Bool { self[.contact] == "*" }

  public var routes: [NameAddress] { addresses(.route) }
  public var recordRoutes: [NameAddress] { addresses(.recordRoute) }
  public var path: [NameAddress] { addresses(.path) }
  public var serviceRoutes: [NameAddress] { addresses(.serviceRoute) }
  public var pAssertedIdentities: [NameAddress] { addresses(.pAssertedIdentity) }
  public var pPreferredIdentities: [NameAddress] { addresses(.pPreferredIdentity) }
  public var diversions: [NameAddress] { addresses(.diversion) }
  public var historyInfo: [NameAddress] { addresses(.historyInfo) }
  public var referTo: NameAddress? { self[.referTo].flatMap { NameAddress($0 as String) } }
  public var referredBy: NameAddress? { self[.referredBy].flatMap { NameAddress($0 as String) } }
  public var remotePartyID: NameAddress? { addresses(.remotePartyID).first }

  /// All values of a header that is a list of addresses, over all its fields. A malformed field ends that
  /// field's list.
  public func addresses(_ name: SIPHeaderName) -> [NameAddress] {
    var result: [NameAddress] = []
    for field in fields where field.name == name {
      try? scanning(field.value) { bytes throws(SyntaxFault) in
        try NameAddressLayout.scanList(bytes, 0..<bytes.count) { result.append(NameAddress(bytes, $0)) }
      }
    }
    return result
  }

  /// The elements of a comma-separated header over all its fields, trimmed, empty ones left out: Supported,
  /// Require, Allow, Accept and the like.
  public func tokens(_ name: SIPHeaderName) -> [String] {
    var result: [String] = []
    for field in fields where field.name == name {
      try? scanning(field.value) { bytes throws(SyntaxFault) in
        try bytes.forEachElement(0..<bytes.count) { range throws(SyntaxFault) in
          if !range.isEmpty { result.append(bytes.text(range)) }
        }
      }
    }
    return result
  }

  /// Whether a comma-separated header has this element, compared without case.
  public func hasToken(_ name: SIPHeaderName, _ token: String) -> Bool {
    tokens(name).contains { equalIgnoringASCIICase($0, token) }
  }

  /// 0-255 when received.
  public var maxForwards: Int? { self[.maxForwards].flatMap { saturatedDecimal($0) }.map { Int($0) } }
  /// Seconds; more than 32 bits hold reads as the largest.
  public var expires: UInt32? { self[.expires].flatMap { saturatedDecimal($0) } }
  public var minExpires: UInt32? { self[.minExpires].flatMap { saturatedDecimal($0) } }
  /// Seconds; a comment or parameters after the number are not read (RFC 3261 §20.33).
  public var retryAfter: UInt32? {
    self[.retryAfter].flatMap { saturatedDecimal($0.prefix { $0.isASCII && $0.isNumber }) }
  }
}

/// Headers of extensions, of bodies and of authentication.
extension SIPHeaders {
  public var rAck: RAck? { self[.rAck].flatMap { RAck($0) } }
  /// 1 to 2^32 - 1 (RFC 3262 §7.1).
  public var rSeq: UInt32? { self[.rSeq].flatMap { UInt32($0) } }
  public var sessionExpires: SessionExpires? { self[.sessionExpires].flatMap { SessionExpires($0) } }
  /// Seconds (RFC 4028 §5).
  public var minSE: UInt32? {
    self[.minSE].flatMap { ParameterizedValue($0) }.flatMap { saturatedDecimal($0.value) }
  }
  public var replaces: Replaces? { self[.replaces].flatMap { Replaces($0) } }
  public var targetDialog: ParameterizedValue? { self[.targetDialog].flatMap { ParameterizedValue($0) } }
  public var event: ParameterizedValue? { self[.event].flatMap { ParameterizedValue($0) } }
  public var subscriptionState: ParameterizedValue? {
    self[.subscriptionState].flatMap { ParameterizedValue($0) }
  }
  public var reasons: [ReasonValue] { tokens(.reason).compactMap { ReasonValue($0) } }
  public var contentType: ContentType? { self[.contentType].flatMap { ContentType($0) } }
  public var contentDisposition: ParameterizedValue? {
    self[.contentDisposition].flatMap { ParameterizedValue($0) }
  }
  /// The privacy values asked for (RFC 3323 §4.2), in lower case.
  public var privacy: [String] {
    all(.privacy).flatMap { $0.split { $0 == ";" || $0 == "," } }
      .map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }.filter { !$0.isEmpty }
  }

  /// The challenges or credentials of every field of this name (RFC 3261 §20.7, §20.27, §20.28, §20.44). A
  /// malformed one is left out.
  public func authenticationParameters(_ name: SIPHeaderName) -> [AuthenticationField] {
    all(name).compactMap { AuthenticationField($0) }
  }
}
