import CallModel

extension SIPURI: CustomStringConvertible, LosslessStringConvertible {
  /// Reads a whole URI; nil when it is malformed.
  public init?(_ text: some StringProtocol) {
    guard let uri = try? SIPURI.parse(text) else { return nil }
    self = uri
  }

  public init?(_ description: String) {
    guard let uri = try? SIPURI.parse(description) else { return nil }
    self = uri
  }

  /// Reads a whole URI (RFC 3261 §25.1 `SIP-URI`, RFC 3966 §3 `telephone-uri`, any other `absoluteURI`).
  public static func parse(_ text: some StringProtocol) throws(SIPSyntaxError) -> SIPURI {
    do {
      return try scanning(text) { bytes throws(SyntaxFault) in
        SIPURI(bytes, try URILayout.scan(bytes, 0..<bytes.count))
      }
    } catch {
      throw SIPSyntaxError(error)
    }
  }

  init(_ bytes: Bytes, _ layout: URILayout) {
    switch layout.kind {
    case .tel:
      self.init(
        scheme: .tel, user: layout.user.map(bytes.text), host: .name(""),
        parameters: Parameter.uriParameters(bytes, layout.parameters))
    case .other:
      self.init(
        scheme: .other(bytes.text(layout.scheme).lowercased()), user: layout.user.map(bytes.text),
        host: .name(""))
    case .sip, .sips:
      self.init(
        scheme: layout.kind == .sip ? .sip : .sips,
        user: layout.user.map { SIPURI.unescapedUser(bytes, $0) },
        password: layout.password.map { Secret(bytes.text($0)) }, host: Host(bytes, layout),
        port: layout.port, parameters: Parameter.uriParameters(bytes, layout.parameters),
        headers: layout.headers.map(bytes.text))
    }
  }

  /// The user part with its escapes resolved where that cannot change its meaning: an escaped delimiter,
  /// percent sign, control character or byte that is not UTF-8 stays escaped (RFC 3261 §19.1.4).
  private static func unescapedUser(_ bytes: Bytes, _ range: Range<Int>) -> String {
    guard bytes.firstIndex(of: .percent, in: range) != nil else { return bytes.text(range) }
    var result: [UInt8] = []
    result.reserveCapacity(range.count)
    var i = range.lowerBound
    while i < range.upperBound {
      if bytes[i] == .percent, i + 2 < range.upperBound, let high = bytes[i + 1].hexValue,
        let low = bytes[i + 2].hexValue
      {
        let byte = high << 4 | low
        if byte >= 0x20, byte < 0x7f, byte != .percent, !ASCIIClass.userReserved.contains(byte) {
          result.append(byte)
        } else if byte >= 0x80, let sequence = utf8Sequence(bytes, i, range.upperBound) {
          result.append(contentsOf: sequence)
          i += 3 * sequence.count
          continue
        } else {
          result.append(contentsOf: [.percent, bytes[i + 1].hexUppercased, bytes[i + 2].hexUppercased])
        }
        i += 3
      } else {
        result.append(bytes[i])
        i += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// The bytes of one well-formed multi-byte UTF-8 character written as escapes from `start`.
  private static func utf8Sequence(_ bytes: Bytes, _ start: Int, _ end: Int) -> [UInt8]? {
    var sequence: [UInt8] = []
    var i = start
    while sequence.count < 4, i + 2 < end, bytes[i] == .percent, let high = bytes[i + 1].hexValue,
      let low = bytes[i + 2].hexValue
    {
      sequence.append(high << 4 | low)
      if let text = String(validating: sequence, as: UTF8.self) {
        return text.unicodeScalars.count == 1 ? sequence : nil
      }
      i += 3
    }
    return nil
  }

  /// The URI without its password: safe to log. ``serialised()`` has the password too.
  public var description: String {
    var bytes: [UInt8] = []
    append(to: &bytes, revealingPassword: false)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The URI as it goes on the wire.
  public func serialised() -> String {
    var bytes: [UInt8] = []
    append(to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Writes the URI, with every character escaped that its place does not allow.
  public func append(to bytes: inout [UInt8]) { append(to: &bytes, revealingPassword: true) }

  func append(to bytes: inout [UInt8], revealingPassword: Bool) {
    switch scheme {
    case .sip: bytes.append("sip:" as StaticString)
    case .sips: bytes.append("sips:" as StaticString)
    case .tel:
      bytes.append("tel:" as StaticString)
      bytes.append(escaping: user ?? "", except: .telephone)
      Parameter.append(uriParameters: parameters, to: &bytes)
      return
    case .other(let name):
      bytes.append(name)
      bytes.append(.colon)
      bytes.append(escaping: user ?? "", except: .absoluteURI)
      return
    }
    if let user {
      bytes.append(escaping: user, except: .user)
      if let password, revealingPassword {
        bytes.append(.colon)
        bytes.append(escaping: password.reveal(), except: .password)
      }
      bytes.append(.at)
    }
    host.append(to: &bytes)
    if let port {
      bytes.append(.colon)
      bytes.append(decimal: port)
    }
    Parameter.append(uriParameters: parameters, to: &bytes)
    if let headers {
      bytes.append(.questionMark)
      bytes.append(escaping: headers, except: .uriHeader)
    }
  }
}

extension SIPURI {
  /// The value of a URI parameter, its name compared without case; an empty string for one that has no value.
  /// Setting nil removes it; setting an empty string writes it without a value.
  public subscript(name: String) -> String? {
    get { parameters.value(of: name) }
    set { parameters.set(name, to: newValue) }
  }

  /// The header fields after `?`, unescaped (RFC 3261 §19.1.1). A name without `=` has an empty value.
  public var headerFields: [SIPHeaders.Field] {
    guard let headers else { return [] }
    return headers.split(separator: "&").map { pair in
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = percentDecoded(parts[0])
      return SIPHeaders.Field(SIPHeaderName(name), parts.count > 1 ? percentDecoded(parts[1]) : "")
    }
  }
}

/// Text with every percent escape resolved; bytes that are not UTF-8 become U+FFFD.
func percentDecoded(_ text: some StringProtocol) -> String {
  let bytes = Array(text.utf8)
  guard bytes.contains(.percent) else { return String(text) }
  var result: [UInt8] = []
  result.reserveCapacity(bytes.count)
  var i = 0
  while i < bytes.count {
    if bytes[i] == .percent, i + 2 < bytes.count, let high = bytes[i + 1].hexValue,
      let low = bytes[i + 2].hexValue
    {
      result.append(high << 4 | low)
      i += 3
    } else {
      result.append(bytes[i])
      i += 1
    }
  }
  return String(decoding: result, as: UTF8.self)
}

extension UInt8 {
  var hexUppercased: UInt8 { isAlpha ? self & 0xdf : self }
}

extension ASCIIClass {
  /// `reserved` characters that may stand plain in a user part, where an escape therefore makes a difference.
  static let userReserved = ASCIIClass("&=+$,;?/", alphanumeric: false)
}
