import COpenSSL
import CallModel

/// Session keys of one direction, made from its master key and salt (RFC 3711 §4.3, RFC 6188 §4 for 256 bits, RFC 7714 §11
/// for the twelve-byte salt of GCM). The derivation rate is 0, the only one SDES can state without `KDR`: keys are derived
/// once.
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

  /// - Parameter saltLength: 14 for AES-CM, 12 for GCM; GCM derives no authentication key.
  init?(masterKey: [UInt8], masterSalt: [UInt8], packets: Packets, saltLength: Int) {
    let label = packets.rawValue
    guard
      let encryption = SRTPSessionKeys.derive(masterKey, masterSalt, label, masterKey.count),
      let authentication = SRTPSessionKeys.derive(masterKey, masterSalt, label + 1, 20),
      let salt = SRTPSessionKeys.derive(masterKey, masterSalt, label + 2, saltLength)
    else { return nil }
    encryptionKey = encryption
    authenticationKey = authentication
    self.salt = salt
  }

  /// `PRF_n(master key, label XOR salt)`: AES in counter mode over zeros.
  static func derive(_ key: [UInt8], _ salt: [UInt8], _ label: UInt8, _ count: Int) -> [UInt8]? {
    guard salt.count <= 14, let context = EVP_CIPHER_CTX_new() else { return nil }
    defer { EVP_CIPHER_CTX_free(context) }
    var iv = salt + [UInt8](repeating: 0, count: 16 - salt.count)
    // key_id = label || r (48 bits, 0), right-aligned with the 112-bit salt: the label meets byte 7.
    iv[7] ^= label
    let cipher = key.count == 32 ? OpenSSLCiphers.aes256ctr : OpenSSLCiphers.aes128ctr
    guard let cipher, key.count == 16 || key.count == 32,
      EVP_EncryptInit_ex(context, cipher, nil, key, iv) == 1
    else { return nil }
    let zeros = [UInt8](repeating: 0, count: count)
    var out = [UInt8](repeating: 0, count: count)
    var written: Int32 = 0
    guard EVP_EncryptUpdate(context, &out, &written, zeros, Int32(count)) == 1, Int(written) == count else {
      return nil
    }
    return out
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

/// The algorithms, looked up once: OpenSSL 3 otherwise searches its providers under a lock at every use.
/// They live as long as the process and are read-only, hence safe to share.
enum OpenSSLCiphers {
  nonisolated(unsafe) static let aes128ctr = EVP_CIPHER_fetch(nil, "AES-128-CTR", nil)
  nonisolated(unsafe) static let aes256ctr = EVP_CIPHER_fetch(nil, "AES-256-CTR", nil)
  nonisolated(unsafe) static let aes128gcm = EVP_CIPHER_fetch(nil, "AES-128-GCM", nil)
  nonisolated(unsafe) static let aes256gcm = EVP_CIPHER_fetch(nil, "AES-256-GCM", nil)
}
