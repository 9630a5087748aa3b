/// A Digest challenge we can answer.
struct DigestChallenge: Hashable, Sendable {
  var realm: String
  var nonce: String
  var opaque: String?
  var isStale: Bool
  var algorithm: DigestAlgorithm
  /// False when the challenge named none and MD5 is meant; the answer then names none either.
  var namesAlgorithm: Bool
  /// Nil: the form of RFC 2069.
  var protection: DigestProtection?

  /// Nil for other schemes, unknown algorithms, and a `qop` list without a value we know: such a challenge is to be ignored
  /// (RFC 7616 §3.3).
  init?(_ field: AuthenticationField) {
    guard field.isDigest,
      field.parameters.allSatisfy({ ($0.value?.utf8.count ?? 0) <= DigestCredentials.fieldLimit }),
      let realm = field["realm"], let nonce = field["nonce"]
    else { return nil }
    let name = field["algorithm"]
    guard let algorithm = DigestAlgorithm(name: name ?? "MD5"), algorithm.digest.isAvailable else {
      return nil
    }
    if let list = field["qop"], !list.isEmpty {
      let offered = list.lowercased().split { $0 == "," || $0 == " " || $0 == "\t" }
      let known = offered.compactMap { DigestProtection(rawValue: String($0)) }
      // The weaker one first: `auth-int` does not survive a middlebox that rewrites SDP.
      guard let protection = known.contains(.auth) ? .auth : known.first else { return nil }
      self.protection = protection
    }
    self.realm = realm
    self.nonce = nonce
    opaque = field["opaque"]
    isStale = field["stale"].map { equalIgnoringASCIICase($0, "true") } ?? false
    self.algorithm = algorithm
    namesAlgorithm = name != nil
  }
}
