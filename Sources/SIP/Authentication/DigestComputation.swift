import CallModel

/// The formulas of RFC 7616 §3.4.1-3.4.3, all values as lower-case hexadecimal text.
struct DigestComputation {
  var algorithm: DigestAlgorithm
  var nonce: String
  var method: String
  var uri: String
  /// With `qop`: the protection, the client's nonce, and the count as written (eight digits). Nil: the form of RFC 2069.
  var protected: (protection: DigestProtection, clientNonce: String, nonceCount: String)?
  var body: [UInt8] = []

  /// H(username:realm:password), the form a password is stored in.
  static func storedKey(
    username: String, realm: String, password: Secret, algorithm: DigestAlgorithm
  ) -> [UInt8] {
    algorithm.digest.hash(Array("\(username):\(realm):\(password.reveal())".utf8)).hex
  }

  /// The response to a key as ``storedKey(username:realm:password:algorithm:)`` makes it.
  ///
  /// - Parameter clientNonce: Needed by `-sess` algorithms where no `qop` carries it.
  func response(storedKey: [UInt8], clientNonce: String? = nil) -> [UInt8] {
    let hash = algorithm.digest.hash
    var key = storedKey
    if algorithm.isSession {
      key = hash(storedKey + Array(":\(nonce):\(protected?.clientNonce ?? clientNonce ?? "")".utf8)).hex
    }
    var second = Array("\(method):\(uri)".utf8)
    if protected?.protection == .authInt {
      second.append(.colon)
      second += hash(body).hex
    }
    var text = key
    text += Array(":\(nonce):".utf8)
    if let protected {
      text += Array("\(protected.nonceCount):\(protected.clientNonce):\(protected.protection.rawValue):".utf8)
    }
    text += hash(second).hex
    return hash(text).hex
  }
}
