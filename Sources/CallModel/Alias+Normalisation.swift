/// From what was dialled to the forms that routing compares (routing reference §2).
///
/// Whitespace, angle brackets, URI headers and parameters, the password, the port and a host that is an IP address are
/// left out of ``parsed`` and ``local``; ``full`` keeps everything but the brackets. Nothing here fails: text that is no
/// URI is an alias as it stands.
extension Alias {
  /// Reads the request URI or the Refer-To value of a SIP request: `sip:`, `sips:`, `tel:`, or any other scheme.
  public init(sip uriText: String) {
    self.init(bytes: Array(uriText.utf8), takesPIN: false)
  }

  /// Reads an alias as a person, a device or a management call gave it.
  ///
  /// H.323 URL forms keep their scheme in ``local``; identifiers and digits have none. RTMP destinations are never
  /// changed. For Skype for Business, a PIN behind `**` is taken out.
  public init(dialled text: String, protocol callProtocol: CallProtocol) {
    if callProtocol == .rtmp {
      self.init(full: text, parsed: text, local: text)
    } else {
      self.init(bytes: Array(text.utf8), takesPIN: callProtocol == .mssip)
    }
  }

  private enum Scheme { case sip, h323, tel, stream }

  private init(bytes: [UInt8], takesPIN: Bool) {
    let bare = Alias.withoutBrackets(Alias.trimmed(bytes[...]))
    let written = Alias.text(bare)
    guard let (scheme, prefix, rest) = Alias.scheme(of: bare) else {
      // Not a URI: only `user@host` has parts that may go. Identifiers such as "Ann; Sales" stay whole.
      guard let at = bare.firstIndex(of: UInt8(ascii: "@")) else {
        self.init(full: written, parsed: written, local: written)
        return
      }
      var user = Array(bare[..<at])
      let pin = takesPIN ? Alias.takePIN(from: &user) : nil
      let host = Alias.host(bare[(at + 1)...])
      let parsed = Alias.joined(user, host)
      self.init(full: pin == nil ? written : parsed, parsed: parsed, local: parsed, pin: pin)
      return
    }
    switch scheme {
    case .stream:
      self.init(full: written, parsed: written, local: written)
    case .tel:
      let number = rest.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: "?") }
      let parsed = Alias.text(Alias.percentDecoded(number).filter { !Alias.isVisualSeparator($0) }[...])
      self.init(full: written, parsed: parsed, local: prefix + parsed)
    case .sip, .h323:
      guard let at = rest.firstIndex(of: UInt8(ascii: "@")) else {
        // `sip:010033`, or a host alone: an IP address dialled as such stays.
        let cut = Alias.withoutParameters(rest)
        let alone = Alias.host(cut) ?? Alias.withoutPort(cut)
        let parsed = Alias.text(Alias.percentDecoded(alone)[...])
        self.init(full: written, parsed: parsed, local: prefix + parsed)
        return
      }
      // RFC 3261 §25.1: the user part may hold `;` and `?`, its password follows the first colon.
      let userPart = rest[..<at].prefix { $0 != UInt8(ascii: ":") && $0 != UInt8(ascii: ";") }
      var user = Alias.percentDecoded(userPart)
      let pin = takesPIN ? Alias.takePIN(from: &user) : nil
      let parsed = Alias.joined(user, Alias.host(Alias.withoutParameters(rest[(at + 1)...])))
      self.init(
        full: pin == nil ? written : prefix + parsed, parsed: parsed, local: prefix + parsed, pin: pin)
    }
  }

  // MARK: Parts

  private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

  private static func joined(_ user: [UInt8], _ host: ArraySlice<UInt8>?) -> String {
    guard let host, !host.isEmpty else { return text(user[...]) }
    return text((user + [UInt8(ascii: "@")] + host)[...])
  }

  private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0d).contains(byte) }
    var bytes = bytes.drop(while: isSpace)
    while let last = bytes.last, isSpace(last) { bytes.removeLast() }
    return bytes
  }

  /// What stands between `<` and `>`, if anything does.
  private static func withoutBrackets(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard let open = bytes.firstIndex(of: UInt8(ascii: "<")),
      let close = bytes[open...].firstIndex(of: UInt8(ascii: ">"))
    else { return bytes }
    return trimmed(bytes[(open + 1)..<close])
  }

  private static func scheme(of bytes: ArraySlice<UInt8>) -> (Scheme, String, ArraySlice<UInt8>)? {
    guard let colon = bytes.prefix(7).firstIndex(of: UInt8(ascii: ":")) else { return nil }
    let name = bytes[..<colon].map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }
    let scheme: Scheme
    switch String(decoding: name, as: UTF8.self) {
    case "sip", "sips": scheme = .sip
    case "h323": scheme = .h323
    case "tel": scheme = .tel
    case "rtmp", "rtmps": scheme = .stream
    default: return nil
    }
    return (scheme, String(decoding: name, as: UTF8.self) + ":", bytes[(colon + 1)...])
  }

  private static func withoutParameters(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    bytes.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: "?") }
  }

  /// The host name; nil when it is an IP address.
  private static func host(_ hostport: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    let host = withoutPort(withoutParameters(hostport))
    return IPAddress(text(host)) == nil ? host : nil
  }

  private static func withoutPort(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")),
      bytes[(colon + 1)...].allSatisfy({ (0x30...0x39).contains($0) }),
      bytes.first == UInt8(ascii: "[") || bytes.firstIndex(of: UInt8(ascii: ":")) == colon,
      bytes.first != UInt8(ascii: "[") || bytes[..<colon].last == UInt8(ascii: "]")
    else { return bytes }
    return bytes[..<colon]
  }

  /// RFC 3966 §5.1.1.
  private static func isVisualSeparator(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "("), UInt8(ascii: ")"), 0x20: true
    default: false
    }
  }

  /// Decodes once; a `%` that starts no escape stays.
  private static func percentDecoded(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    guard bytes.contains(UInt8(ascii: "%")) else { return Array(bytes) }
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var i = bytes.startIndex
    while i < bytes.endIndex {
      if bytes[i] == UInt8(ascii: "%"), i + 2 < bytes.endIndex,
        let high = bytes[i + 1].hexDigitValue, let low = bytes[i + 2].hexDigitValue
      {
        result.append(high << 4 | low)
        i += 3
      } else {
        result.append(bytes[i])
        i += 1
      }
    }
    return result
  }

  /// Cuts `**1234` off the end of `user`: at least one digit, and something left in front of it.
  private static func takePIN(from user: inout [UInt8]) -> Secret? {
    let digits = user.reversed().prefix { (0x30...0x39).contains($0) }.count
    let end = user.count - digits
    guard digits > 0, end > 2, user[end - 1] == UInt8(ascii: "*"), user[end - 2] == UInt8(ascii: "*") else {
      return nil
    }
    let pin = Secret(String(decoding: user[end...], as: UTF8.self))
    user.removeSubrange((end - 2)...)
    return pin
  }
}
