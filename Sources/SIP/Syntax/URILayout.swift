import CallModel

/// Where the parts of a URI stand in its bytes: found without building a string, so that a message can be
/// validated and a single part read cheaply.
struct URILayout {
  enum Kind { case sip, sips, tel, other }

  var kind: Kind
  var scheme: Range<Int>
  var user: Range<Int>?
  var password: Range<Int>?
  /// Without brackets when ``isIPv6``.
  var host: Range<Int>
  var isIPv6: Bool
  var port: UInt16?
  /// From the first semicolon, or empty.
  var parameters: Range<Int>
  var headers: Range<Int>?

  /// Reads a URI that fills the range (RFC 3261 §25.1 `SIP-URI`, RFC 3966 §3, RFC 3986 `absolute-URI`).
  static func scan(_ bytes: Bytes, _ range: Range<Int>) throws(SyntaxFault) -> URILayout {
    let end = range.upperBound
    guard let colon = bytes.firstIndex(of: .colon, in: range), colon > range.lowerBound,
      bytes[range.lowerBound].isAlpha
    else { throw SyntaxFault(.malformedURI, range.lowerBound) }
    let scheme = range.lowerBound..<colon
    let schemeCharacters = ASCIIClass.scheme
    for i in scheme where !schemeCharacters.contains(bytes[i]) { throw SyntaxFault(.malformedURI, i) }
    let rest = colon + 1..<end
    guard !rest.isEmpty else { throw SyntaxFault(.malformedURI, end) }
    if bytes.equals(scheme, "sip") { return try scanSIP(bytes, .sip, scheme, rest) }
    if bytes.equals(scheme, "sips") { return try scanSIP(bytes, .sips, scheme, rest) }
    if bytes.equals(scheme, "tel") { return try scanTelephone(bytes, scheme, rest) }
    for i in rest {
      let byte = bytes[i]
      guard byte > .space, byte != 0x7f, byte != .lessThan, byte != .greaterThan, byte != .doubleQuote
      else { throw SyntaxFault(.malformedURI, i) }
    }
    return URILayout(
      kind: .other, scheme: scheme, user: rest, host: end..<end, isIPv6: false, parameters: end..<end)
  }

  private static func scanSIP(
    _ bytes: Bytes, _ kind: Kind, _ scheme: Range<Int>, _ rest: Range<Int>
  ) throws(SyntaxFault) -> URILayout {
    let end = rest.upperBound
    var layout = URILayout(
      kind: kind, scheme: scheme, host: end..<end, isIPv6: false, parameters: end..<end)
    var position = rest.lowerBound
    if let at = bytes.firstIndex(of: .at, in: rest) {
      let userInfo = rest.lowerBound..<at
      let colon = bytes.firstIndex(of: .colon, in: userInfo)
      let user = userInfo.lowerBound..<(colon ?? at)
      guard !user.isEmpty else { throw SyntaxFault(.malformedURI, at) }
      try check(bytes, user, ASCIIClass.userTolerant)
      layout.user = user
      if let colon {
        try check(bytes, colon + 1..<at, .password)
        layout.password = colon + 1..<at
      }
      position = at + 1
    }
    try scanHostPort(bytes, position..<end, blanks: false, into: &layout, end: &position)
    if position < end, bytes[position] == .semicolon {
      let start = position
      position = bytes.firstIndex(of: .questionMark, in: start..<end) ?? end
      try checkParameters(bytes, start..<position)
      layout.parameters = start..<position
    }
    if position < end, bytes[position] == .questionMark {
      let headers = position + 1..<end
      guard !headers.isEmpty else { throw SyntaxFault(.malformedURI, end) }
      try check(bytes, headers, .uriHeader)
      layout.headers = headers
      position = end
    }
    guard position == end else { throw SyntaxFault(.malformedURI, position) }
    return layout
  }

  /// Reads `host [":" port]`. In Via blanks may stand around the colon.
  static func scanHostPort(
    _ bytes: Bytes, _ range: Range<Int>, blanks: Bool, into layout: inout URILayout, end: inout Int
  ) throws(SyntaxFault) {
    var i = range.lowerBound
    let limit = range.upperBound
    guard i < limit else { throw SyntaxFault(.malformedURI, i) }
    if bytes[i] == .leftBracket {
      guard let close = bytes.firstIndex(of: .rightBracket, in: i..<limit), close - i <= 47,
        SIPURI.Host.ipv6(bytes, i + 1..<close) != nil
      else { throw SyntaxFault(.malformedURI, i) }
      layout.host = i + 1..<close
      layout.isIPv6 = true
      i = close + 1
    } else {
      let hostCharacters = ASCIIClass.host
      while i < limit, hostCharacters.contains(bytes[i]) { i += 1 }
      guard i > range.lowerBound, i - range.lowerBound <= 255 else {
        throw SyntaxFault(.malformedURI, range.lowerBound)
      }
      layout.host = range.lowerBound..<i
      layout.isIPv6 = false
    }
    let colon = blanks ? bytes.skipBlanks(i, limit) : i
    if colon < limit, bytes[colon] == .colon {
      let start = blanks ? bytes.skipBlanks(colon + 1, limit) : colon + 1
      i = start
      while i < limit, bytes[i].isDigit { i += 1 }
      guard let port = bytes.decimal(start..<i, limit: 65_535) else {
        throw SyntaxFault(.malformedURI, start)
      }
      layout.port = UInt16(port)
    }
    end = i
  }

  private static func scanTelephone(
    _ bytes: Bytes, _ scheme: Range<Int>, _ rest: Range<Int>
  ) throws(SyntaxFault) -> URILayout {
    let end = rest.upperBound
    let semicolon = bytes.firstIndex(of: .semicolon, in: rest) ?? end
    let number = rest.lowerBound..<semicolon
    guard !number.isEmpty else { throw SyntaxFault(.malformedURI, semicolon) }
    let characters = ASCIIClass.telephone
    for i in number where !characters.contains(bytes[i]) { throw SyntaxFault(.malformedURI, i) }
    try checkParameters(bytes, semicolon..<end)
    return URILayout(
      kind: .tel, scheme: scheme, user: number, host: end..<end, isIPv6: false,
      parameters: semicolon..<end)
  }

  /// `*( ";" pname [ "=" pvalue ] )`. An empty parameter, as in `;;` or at the end, is passed over.
  private static func checkParameters(_ bytes: Bytes, _ range: Range<Int>) throws(SyntaxFault) {
    let characters = ASCIIClass.uriParameter
    var nameStart = range.lowerBound
    var inValue = false
    var i = range.lowerBound
    while i < range.upperBound {
      let byte = bytes[i]
      if characters.contains(byte) {
        i += 1
      } else if byte == .semicolon {
        inValue = false
        nameStart = i + 1
        i += 1
      } else if byte == .equals {
        // A second `=` is outside the grammar but written by peers that put base64 in a value.
        guard inValue || i > nameStart else { throw SyntaxFault(.malformedURI, i) }
        inValue = true
        i += 1
      } else if byte == .percent {
        try checkEscape(bytes, i, range.upperBound)
        i += 3
      } else if inValue, byte == .comma || byte == .at || byte >= 0x80 {
        i += 1
      } else {
        throw SyntaxFault(.malformedURI, i)
      }
    }
  }

  private static func check(
    _ bytes: Bytes, _ range: Range<Int>, _ set: ASCIIClass
  ) throws(SyntaxFault) {
    var i = range.lowerBound
    while i < range.upperBound {
      let byte = bytes[i]
      if set.contains(byte) {
        i += 1
      } else if byte == .percent {
        try checkEscape(bytes, i, range.upperBound)
        i += 3
      } else if byte >= 0x80 {
        i += 1
      } else {
        throw SyntaxFault(.malformedURI, i)
      }
    }
  }

  @inline(__always)
  private static func checkEscape(_ bytes: Bytes, _ i: Int, _ end: Int) throws(SyntaxFault) {
    guard i + 2 < end, bytes[i + 1].hexValue != nil, bytes[i + 2].hexValue != nil else {
      throw SyntaxFault(.malformedURI, i)
    }
  }
}

extension ASCIIClass {
  /// The user part as peers write it: `#` and the like belong escaped, but dial strings carry them plain.
  static let userTolerant = ASCIIClass("-_.!~*'()&=+$,;?/#|^`{}[]\\")
  /// `phonedigit-hex`, `+` and visual separators (RFC 3966 §3).
  static let telephone = ASCIIClass("+-.()*#%0123456789ABCDEFabcdef", alphanumeric: false)
}

extension SIPURI.Host {
  init(_ bytes: Bytes, _ layout: URILayout) {
    if layout.isIPv6 {
      self = SIPURI.Host.ipv6(bytes, layout.host).map { .ip($0) } ?? .name(bytes.text(layout.host))
    } else {
      let text = bytes.text(layout.host)
      if bytes[layout.host.lowerBound].isDigit, let address = IPAddress(text) {
        self = .ip(address)
      } else {
        self = .name(text)
      }
    }
  }

  /// The address between brackets. The grammar of RFC 3261 allows a third colon before an embedded IPv4
  /// address by mistake; it is passed over (RFC 5118 §4.10).
  static func ipv6(_ bytes: Bytes, _ range: Range<Int>) -> IPAddress? {
    let text = bytes.text(range)
    if let address = IPAddress(text) { return address.isIPv6 ? address : nil }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    // "a:::192.0.2.1" splits as "a", "", "", "192.0.2.1".
    guard parts.count >= 4, parts[parts.count - 2].isEmpty, parts[parts.count - 3].isEmpty,
      let last = parts.last, last.utf8.contains(UInt8(ascii: "."))
    else { return nil }
    return IPAddress(parts.dropLast(2).joined(separator: ":") + ":" + last)
  }

  func append(to bytes: inout [UInt8]) {
    switch self {
    case .name(let name): bytes.append(name)
    case .ip(let address): bytes.append(address.bracketed)
    }
  }
}
