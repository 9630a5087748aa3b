/// Credentials of an Authorization or Proxy-Authorization field, checked for form but not for truth.
struct DigestCredentials {
  /// No field of ours is longer; a longer one is refused before anything is computed over it.
  static let fieldLimit = 1_024

  var username: String
  var realm: String
  var nonce: String
  var uri: String
  var response: [UInt8]
  var algorithm: DigestAlgorithm
  var clientNonce: String?
  var opaque: String?
  var qop: (protection: DigestProtection, nonceCount: UInt32, nonceCountText: String)?

  /// Nil when a needed field is missing or malformed, or the algorithm or `qop` is not known.
  init?(_ field: AuthenticationField) {
    guard field.isDigest, field.parameters.allSatisfy({ ($0.value?.utf8.count ?? 0) <= Self.fieldLimit }),
      let username = field["username"], let realm = field["realm"], let nonce = field["nonce"],
      let uri = field["uri"], let response = field["response"],
      let algorithm = DigestAlgorithm(name: field["algorithm"] ?? "MD5")
    else { return nil }
    let digits = Array(response.utf8).map(\.asciiLowercased)
    guard digits.count == 2 * algorithm.digest.length, digits.allSatisfy({ $0.hexValue != nil }) else {
      return nil
    }
    if let name = field["qop"] {
      guard let protection = DigestProtection(rawValue: name.lowercased()), let text = field["nc"],
        text.utf8.count == 8, let count = UInt32(text, radix: 16), count > 0, !text.hasPrefix("+"),
        let clientNonce = field["cnonce"], !clientNonce.isEmpty
      else { return nil }
      qop = (protection, count, text)
    }
    self.username = username
    self.realm = realm
    self.nonce = nonce
    self.uri = uri
    self.response = digits
    self.algorithm = algorithm
    clientNonce = field["cnonce"]
    opaque = field["opaque"]
  }
}
