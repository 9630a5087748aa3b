import COpenSSL

/// One-shot hashes over OpenSSL, with the implementations looked up once.
enum MessageDigest: UInt8, Sendable {
  case md5, sha256, sha512Truncated256

  /// In bytes.
  var length: Int { self == .md5 ? 16 : 32 }

  // An EVP_MD is reference-counted, immutable after the fetch, and safe to share between threads (EVP_MD_fetch(3)). These are
  // never freed. A library without MD5 (FIPS) yields nil: `hash` is empty then, and nothing authenticates.
  nonisolated(unsafe) private static let md5Implementation = EVP_MD_fetch(nil, "MD5", nil)
  nonisolated(unsafe) private static let sha256Implementation = EVP_MD_fetch(nil, "SHA256", nil)
  nonisolated(unsafe) private static let sha512Truncated256Implementation =
    EVP_MD_fetch(nil, "SHA512-256", nil)

  private var implementation: OpaquePointer? {
    switch self {
    case .md5: Self.md5Implementation
    case .sha256: Self.sha256Implementation
    case .sha512Truncated256: Self.sha512Truncated256Implementation
    }
  }

  /// Whether the library has it.
  var isAvailable: Bool { implementation != nil }

  func hash(_ bytes: [UInt8]) -> [UInt8] {
    guard let implementation else { return [] }
    var size: UInt32 = 0
    let result = [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { buffer, count in
      let ok = EVP_Digest(bytes, bytes.count, buffer.baseAddress, &size, implementation, nil)
      count = ok == 1 ? Int(size) : 0
    }
    return result
  }

  /// HMAC-SHA256.
  static func authenticate(_ bytes: [UInt8], key: [UInt8]) -> [UInt8] {
    var size: UInt32 = 0
    return [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { buffer, count in
      let made = HMAC(
        sha256Implementation, key, Int32(key.count), bytes, bytes.count, buffer.baseAddress, &size)
      count = made == nil ? 0 : Int(size)
    }
  }

  /// Cryptographically random bytes.
  static func randomBytes(_ count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
  }
}

extension [UInt8] {
  /// Lower-case hexadecimal.
  var hex: [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(2 * count)
    for byte in self {
      for digit in [byte >> 4, byte & 15] { result.append(digit < 10 ? 0x30 + digit : 0x57 + digit) }
    }
    return result
  }

  /// Nil unless all of it is pairs of hexadecimal digits.
  init?(hex text: [UInt8]) {
    guard text.count.isMultiple(of: 2) else { return nil }
    self = []
    reserveCapacity(text.count / 2)
    for i in stride(from: 0, to: text.count, by: 2) {
      guard let high = text[i].hexValue, let low = text[i + 1].hexValue else { return nil }
      append(high << 4 | low)
    }
  }

  /// Compares in a time that depends on the lengths only.
  func isEqualInConstantTime(to other: [UInt8]) -> Bool {
    guard count == other.count else { return false }
    return CRYPTO_memcmp(self, other, count) == 0
  }
}
