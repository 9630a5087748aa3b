import COpenSSL

/// Digests of texts.
enum Digest {
  static func md5(_ text: Text) throws(Fault) -> [UInt8] { try digest(text, EVP_md5()) }
  static func sha256(_ text: Text) throws(Fault) -> [UInt8] { try digest(text, EVP_sha256()) }

  private static func digest(_ text: Text, _ type: OpaquePointer?) throws(Fault) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    let status = text.bytes.withUnsafeBufferPointer {
      EVP_Digest($0.baseAddress, $0.count, &result, &count, type, nil)
    }
    // MD5 is missing where OpenSSL is restricted to FIPS 140.
    guard status == 1 else { throw Fault(.value, "OpenSSL has no such digest here") }
    return Array(result.prefix(Int(count)))
  }

  static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
