/// Where the parts of a `name-addr` or `addr-spec` with its header parameters stand in a header value.
struct NameAddressLayout {
  /// Inside the quotes, if it is quoted.
  var displayName: Range<Int>?
  var isQuoted: Bool
  var uri: URILayout
  /// From the first semicolon, or empty.
  var parameters: Range<Int>
  /// The value of `tag`.
  var tag: Range<Int>?
  /// After the last parameter: `end`, or a comma.
  var end: Int

  /// Reads one value from `position` (RFC 3261 §25.1 `( name-addr / addr-spec ) *( SEMI generic-param )`).
  static func scan(_ bytes: Bytes, _ position: Int, _ end: Int) throws(SyntaxFault) -> NameAddressLayout {
    var i = bytes.skipBlanks(position, end)
    guard i < end else { throw SyntaxFault(.malformedHeader, i) }
    var displayName: Range<Int>?
    var isQuoted = false
    let uri: URILayout
    if bytes[i] == .doubleQuote {
      let close = try bytes.skipQuotedString(i, end)
      displayName = i + 1..<close - 1
      isQuoted = true
      i = bytes.skipBlanks(close, end)
      guard i < end, bytes[i] == .lessThan else { throw SyntaxFault(.malformedHeader, i) }
    } else {
      let start = i
      i = skipPlainName(bytes, i, end)
      if i < end, bytes[i] == .lessThan {
        let name = bytes.trimmed(start..<i)
        if !name.isEmpty { displayName = name }
      } else {
        i = start
      }
    }
    if bytes[i] == .lessThan {
      guard let close = bytes.firstIndex(of: .greaterThan, in: i..<end) else {
        throw SyntaxFault(.malformedHeader, i)
      }
      uri = try URILayout.scan(bytes, i + 1..<close)
      i = close + 1
    } else {
      let start = i
      while i < end, !bytes[i].isBlank, bytes[i] != .semicolon, bytes[i] != .comma {
        // Without angle brackets it would be open whose headers these are: RFC 3261 §20.10 demands the
        // brackets.
        if bytes[i] == .questionMark { throw SyntaxFault(.malformedHeader, i) }
        i += 1
      }
      uri = try URILayout.scan(bytes, start..<i)
    }
    let parameters = bytes.skipBlanks(i, end)
    var tag: Range<Int>?
    let stop = try SIPURI.Parameter.scan(bytes, parameters, end) { parameter in
      if tag == nil, bytes.equals(parameter.name, "tag") { tag = parameter.value }
    }
    return NameAddressLayout(
      displayName: displayName, isQuoted: isQuoted, uri: uri, parameters: parameters..<stop, tag: tag,
      end: stop)
  }

  /// Passes over an unquoted display name. Its grammar is tokens and blanks; `@`, `/` and others that peers
  /// write and that cannot be mistaken for anything else are let through.
  private static func skipPlainName(_ bytes: Bytes, _ position: Int, _ end: Int) -> Int {
    var i = position
    while i < end {
      switch bytes[i] {
      case .lessThan, .comma, .semicolon, .colon, .doubleQuote, .greaterThan, .backslash: return i
      case 0..<0x20 where bytes[i] != .tab: return i
      case 0x7f: return i
      default: i += 1
      }
    }
    return i
  }

  /// Reads every value of a comma-separated list.
  static func scanList(
    _ bytes: Bytes, _ range: Range<Int>, _ body: (NameAddressLayout) throws(SyntaxFault) -> Void
  ) throws(SyntaxFault) {
    var i = range.lowerBound
    while true {
      let layout = try scan(bytes, i, range.upperBound)
      try body(layout)
      guard layout.end < range.upperBound else { return }
      i = layout.end + 1
    }
  }
}

extension NameAddress: CustomStringConvertible, LosslessStringConvertible {
  /// Reads one value; nil when it is malformed or more than one.
  public init?(_ text: some StringProtocol) {
    guard let address = try? NameAddress.parse(text) else { return nil }
    self = address
  }

  public init?(_ description: String) {
    guard let address = try? NameAddress.parse(description) else { return nil }
    self = address
  }

  /// Reads one value with its parameters, with or without display name and angle brackets.
  public static func parse(_ text: some StringProtocol) throws(SIPSyntaxError) -> NameAddress {
    do {
      return try scanning(text) { bytes throws(SyntaxFault) in
        let layout = try NameAddressLayout.scan(bytes, 0, bytes.count)
        guard layout.end == bytes.count else { throw SyntaxFault(.malformedHeader, layout.end) }
        return NameAddress(bytes, layout)
      }
    } catch {
      throw SIPSyntaxError(error)
    }
  }

  /// Reads a comma-separated list of values.
  public static func parseList(_ text: some StringProtocol) throws(SIPSyntaxError) -> [NameAddress] {
    do {
      return try scanning(text) { bytes throws(SyntaxFault) in
        var result: [NameAddress] = []
        try NameAddressLayout.scanList(bytes, 0..<bytes.count) { result.append(NameAddress(bytes, $0)) }
        return result
      }
    } catch {
      throw SIPSyntaxError(error)
    }
  }

  init(_ bytes: Bytes, _ layout: NameAddressLayout) {
    self.init(
      displayName: layout.displayName.map { layout.isQuoted ? bytes.unquoted($0) : bytes.text($0) },
      uri: SIPURI(bytes, layout.uri), parameters: SIPURI.Parameter.all(bytes, layout.parameters))
  }

  /// The value without a password in its URI: safe to log. ``serialised()`` has the password too.
  public var description: String {
    var bytes: [UInt8] = []
    append(to: &bytes, revealingPassword: false)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The value as it goes on the wire.
  public func serialised() -> String {
    var bytes: [UInt8] = []
    append(to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Writes the value: display name always quoted, URI always in angle brackets.
  public func append(to bytes: inout [UInt8]) { append(to: &bytes, revealingPassword: true) }

  private func append(to bytes: inout [UInt8], revealingPassword: Bool) {
    if let displayName {
      bytes.append(quoted: displayName)
      bytes.append(.space)
    }
    bytes.append(.lessThan)
    uri.append(to: &bytes, revealingPassword: revealingPassword)
    bytes.append(.greaterThan)
    SIPURI.Parameter.append(headerParameters: parameters, to: &bytes)
  }
}

extension NameAddress {
  /// The value of a header parameter, its name compared without case; an empty string for one that has no
  /// value. Setting nil removes it; setting an empty string writes it without a value.
  public subscript(name: String) -> String? {
    get { parameters.value(of: name) }
    set { parameters.set(name, to: newValue) }
  }

  /// The dialog tag (RFC 3261 §19.3).
  public var tag: String? {
    get { self["tag"] }
    set { self["tag"] = newValue }
  }
}
