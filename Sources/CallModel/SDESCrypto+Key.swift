extension SDESCrypto {
  /// Master key followed by master salt; nil when the text is not base64 or not exactly as long as the suite demands.
  ///
  /// Padding may be missing, as some peers leave it out (RFC 4568 §9.2 asks for it). The bytes are a secret.
  public var keyAndSaltBytes: [UInt8]? {
    guard let bytes = SDESCrypto.decodeBase64(keyAndSalt.reveal()),
      bytes.count == suite.keyLength + suite.saltLength
    else { return nil }
    return bytes
  }

  /// A crypto with the key given as bytes; nil when their number is not what the suite demands.
  public init?(tag: Int, suite: Suite, keyAndSalt bytes: [UInt8]) {
    guard bytes.count == suite.keyLength + suite.saltLength else { return nil }
    self.init(tag: tag, suite: suite, keyAndSalt: Secret(SDESCrypto.encodeBase64(bytes)))
  }

  static func decodeBase64(_ text: String) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(text.utf8.count * 3 / 4)
    var buffer: UInt32 = 0
    var bits = 0
    var padding = 0
    var symbols = 0
    for byte in text.utf8 {
      if byte == UInt8(ascii: "=") {
        padding += 1
        continue
      }
      guard padding == 0 else { return nil }
      let value: UInt8
      switch byte {
      case 0x41...0x5a: value = byte - 0x41
      case 0x61...0x7a: value = byte - 0x61 + 26
      case 0x30...0x39: value = byte - 0x30 + 52
      case UInt8(ascii: "+"): value = 62
      case UInt8(ascii: "/"): value = 63
      default: return nil
      }
      symbols += 1
      buffer = (buffer << 6 | UInt32(value)) & 0xffff
      bits += 6
      if bits >= 8 {
        bits -= 8
        result.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bits)))
      }
    }
    guard symbols % 4 != 1, padding <= 2, padding == 0 || (symbols + padding) % 4 == 0 else { return nil }
    return result
  }

  static func encodeBase64(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var result: [UInt8] = []
    var i = 0
    while i < bytes.count {
      let count = min(3, bytes.count - i)
      var group: UInt32 = 0
      for j in 0..<3 { group = group << 8 | UInt32(j < count ? bytes[i + j] : 0) }
      for j in 0..<4 {
        result.append(j <= count ? alphabet[Int(group >> UInt32(18 - 6 * j) & 0x3f)] : UInt8(ascii: "="))
      }
      i += 3
    }
    return String(decoding: result, as: UTF8.self)
  }
}
