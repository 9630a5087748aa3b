import CallModel

/// The value of `a=crypto` (RFC 4568 §9.1): `tag suite inline:key[|lifetime][|mki:length] [session parameters]`.
enum CryptoAttribute {
  /// Why a line is not taken. RFC 4568 §5.1.2: such a line is passed over, the others of the stream may still serve.
  enum Refusal: Error, Hashable {
    case malformed
    case unknownSuite
    /// Not base64, or not exactly the length that the suite demands.
    case keyLength
    case lifetime
    case masterKeyIdentifier
    /// More than one key in the line: keys that change by MKI are not supported.
    case severalKeys
    /// The parameter takes protection away, or is one that must be understood and is not.
    case sessionParameter
  }

  static func parse(_ value: String) throws(Refusal) -> SDESCrypto {
    var words = value.split(whereSeparator: { $0 == " " || $0 == "\t" })[...]
    guard words.count >= 3 else { throw .malformed }
    let tagText = words.removeFirst()
    guard (1...9).contains(tagText.utf8.count), tagText.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
      let tag = Int(tagText)
    else { throw .malformed }
    guard let suite = SDESCrypto.Suite(rawValue: words.removeFirst().uppercased()) else {
      throw .unknownSuite
    }
    let keys = words.removeFirst()
    guard !keys.contains(";") else { throw .severalKeys }
    guard keys.prefix(7).lowercased() == "inline:" else { throw .malformed }
    var fields = keys.dropFirst(7).split(separator: "|", omittingEmptySubsequences: false)[...]
    var crypto = SDESCrypto(tag: tag, suite: suite, keyAndSalt: Secret(String(fields.removeFirst())))
    guard crypto.keyAndSaltBytes != nil else { throw .keyLength }
    if let field = fields.first, !field.contains(":") {
      guard isLifetime(field) else { throw .lifetime }
      crypto.lifetime = String(field)
      fields.removeFirst()
    }
    if let field = fields.popFirst() {
      guard let mki = masterKeyIdentifier(field) else { throw .masterKeyIdentifier }
      crypto.mki = mki
    }
    guard fields.isEmpty else { throw .malformed }
    for parameter in words {
      guard isAcceptable(parameter) else { throw .sessionParameter }
      crypto.sessionParameters.append(String(parameter))
    }
    return crypto
  }

  static func write(_ crypto: SDESCrypto) -> String {
    var text = "\(crypto.tag) \(crypto.suite.rawValue) inline:\(crypto.keyAndSalt.reveal())"
    if let lifetime = crypto.lifetime { text += "|\(lifetime)" }
    if let mki = crypto.mki { text += "|\(mki.value):\(mki.length)" }
    for parameter in crypto.sessionParameters { text += " \(parameter)" }
    return text
  }

  /// `2^n` or a plain number of packets, at least 1 and at most 2^48 (RFC 3711 §9.2).
  private static func isLifetime(_ text: Substring) -> Bool {
    if text.hasPrefix("2^") {
      guard text.dropFirst(2).first != "+", let exponent = Int(text.dropFirst(2)) else { return false }
      return (0...48).contains(exponent)
    }
    guard text.first != "+", let packets = UInt64(text) else { return false }
    return packets > 0 && packets <= 1 << 48
  }

  /// `value:length`, 1 to 128 bytes; a value that does not fit its length could never be matched on the wire.
  private static func masterKeyIdentifier(_ text: Substring) -> SDESCrypto.MKI? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].first != "+", parts[1].first != "+", let value = UInt64(parts[0]),
      let length = Int(parts[1]), (1...128).contains(length), length >= 8 || value >> UInt64(8 * length) == 0
    else { return nil }
    return SDESCrypto.MKI(value: value, length: length)
  }

  /// RFC 4568 §6.3: `-name` may be passed over when it is unknown; anything else unknown voids the line. `WSH` is a hint
  /// about the replay window. Keys derived anew (`KDR` above 0) and FEC under SRTP are not supported, and a stream that
  /// only looks encrypted is not wanted.
  private static func isAcceptable(_ parameter: Substring) -> Bool {
    if parameter.hasPrefix("-") { return parameter.utf8.count > 1 }
    if parameter == "KDR=0" { return true }
    guard parameter.hasPrefix("WSH="), let size = Int(parameter.dropFirst(4)) else { return false }
    return size >= 64
  }
}
