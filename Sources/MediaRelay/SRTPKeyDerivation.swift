import COpenSSL
import CallModel

/// Session keys of one direction, made from its master key and salt (RFC 3711 §4.3, RFC 6188 §4 for 256 bits,
/// RFC 7714 §11 for the twelve-byte salt of GCM). The derivation rate is 0, the only one SDES can state
/// without `KDR`: keys are derived once.
struct SRTPSessionKeys {
  var encryptionKey: [UInt8]
  var authenticationKey: [UInt8]
  var salt: [UInt8]

  enum Packets: UInt8 {
    /// Labels 0, 1, 2.
    case rtp = 0
    /// Labels 3, 4, 5.
    case rtcp = 3
  }

  /// Keys given directly.
  init(encryptionKey: [UInt8], authenticationKey: [UInt8], salt: [UInt8]) {
    self.encryptionKey = encryptionKey
    self.authenticationKey = authenticationKey
    self.salt = salt
  }

  /// - Parameter saltLength: 14 for AES-CM, 12 for GCM; GCM uses no authentication key.
  init?(_ derivation: borrowing SRTPKeyDerivation, packets: Packets, saltLength: Int) {
    let label = packets.rawValue
    guard
      let encryption = derivation.derive(label, count: derivation.keyLength),
      let authentication = derivation.derive(label + 1, count: 20),
      let salt = derivation.derive(label + 2, count: saltLength)
    else { return nil }
    self.init(encryptionKey: encryption, authenticationKey: authentication, salt: salt)
  }

  /// Overwrites the keys.
  mutating func wipe() {
    SRTPSessionKeys.wipe(&encryptionKey)
    SRTPSessionKeys.wipe(&authenticationKey)
    SRTPSessionKeys.wipe(&salt)
  }

  static func wipe(_ bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) }
  }
}

/// `PRF_n(master key, label XOR salt)`: AES in counter mode over zeros. One cipher context serves all keys of
/// a master key.
struct SRTPKeyDerivation: ~Copyable {
  let keyLength: Int
  private let context: OpaquePointer
  private let salt: [UInt8]

  /// Nil when the key is neither 16 nor 32 bytes, or the salt longer than 14.
  init?(masterKey: [UInt8], masterSalt: [UInt8]) {
    let cipher = masterKey.count == 32 ? OpenSSLCiphers.aes256ctr : OpenSSLCiphers.aes128ctr
    guard let cipher, masterKey.count == 16 || masterKey.count == 32, masterSalt.count <= 14,
      let context = EVP_CIPHER_CTX_new()
    else { return nil }
    guard EVP_EncryptInit_ex(context, cipher, nil, masterKey, nil) == 1 else {
      EVP_CIPHER_CTX_free(context)
      return nil
    }
    keyLength = masterKey.count
    self.context = context
    salt = masterSalt + [UInt8](repeating: 0, count: 16 - masterSalt.count)
  }

  deinit { EVP_CIPHER_CTX_free(context) }

  func derive(_ label: UInt8, count: Int) -> [UInt8]? {
    // key_id = label || r (48 bits, 0), right-aligned with the 112-bit salt: the label meets byte 7.
    var iv = salt
    iv[7] ^= label
    var bytes = [UInt8](repeating: 0, count: count)
    var written: Int32 = 0
    let done = bytes.withUnsafeMutableBufferPointer { b in
      EVP_EncryptInit_ex(context, nil, nil, nil, iv) == 1
        && EVP_EncryptUpdate(context, b.baseAddress, &written, b.baseAddress, Int32(count)) == 1
    }
    return done && Int(written) == count ? bytes : nil
  }
}

/// The algorithms, looked up once: OpenSSL 3 otherwise searches its providers under a lock at every use.
/// They live as long as the process and are read-only, hence safe to share.
enum OpenSSLCiphers {
  nonisolated(unsafe) static let aes128ctr = EVP_CIPHER_fetch(nil, "AES-128-CTR", nil)
  nonisolated(unsafe) static let aes256ctr = EVP_CIPHER_fetch(nil, "AES-256-CTR", nil)
  nonisolated(unsafe) static let aes128gcm = EVP_CIPHER_fetch(nil, "AES-128-GCM", nil)
  nonisolated(unsafe) static let aes256gcm = EVP_CIPHER_fetch(nil, "AES-256-GCM", nil)
}
