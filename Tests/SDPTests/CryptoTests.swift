import CallModel
import Testing

@testable import SDP

@Suite struct CryptoTests {
  static let key = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"

  /// RFC 4568 §6.1 and §9: the forms of its examples that carry one key.
  @Test func examplesOfTheRFC() throws {
    let plain = try CryptoAttribute.parse("1 AES_CM_128_HMAC_SHA1_80 inline:\(Self.key)|2^20|1:4")
    #expect(plain.tag == 1)
    #expect(plain.suite == .aesCM128HMACSHA1_80)
    #expect(plain.keyAndSalt == Secret(Self.key))
    #expect(plain.lifetime == "2^20")
    #expect(plain.mki == .init(value: 1, length: 4))
    #expect(plain.keyAndSaltBytes?.count == 30)

    let salted = try CryptoAttribute.parse(
      "1 AES_CM_128_HMAC_SHA1_32 inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj|2^20|1:32")
    #expect(salted.suite == .aesCM128HMACSHA1_32)
    #expect(salted.mki?.length == 32)
    let decimal = try CryptoAttribute.parse("2 AES_CM_128_HMAC_SHA1_80 inline:\(Self.key)|1048576")
    #expect(decimal.lifetime == "1048576")
    let onlyMKI = try CryptoAttribute.parse("2 AES_CM_128_HMAC_SHA1_80 inline:\(Self.key)|1:4")
    #expect(onlyMKI.lifetime == nil)
    #expect(onlyMKI.mki == .init(value: 1, length: 4))
  }

  @Test(arguments: SDESCrypto.Suite.allCases)
  func lengthsAreExact(suite: SDESCrypto.Suite) throws {
    let right = suite.keyLength + suite.saltLength
    for length in [right - 1, right, right + 1] {
      let text = SDESCrypto.encodeForTest([UInt8](repeating: 7, count: length))
      let line = "1 \(suite.rawValue) inline:\(text)"
      if length == right {
        #expect(try CryptoAttribute.parse(line).keyAndSaltBytes == [UInt8](repeating: 7, count: right))
        let unpadded = line.replacing("=", with: "")
        #expect(try CryptoAttribute.parse(unpadded).keyAndSaltBytes?.count == right)
      } else {
        #expect(throws: CryptoAttribute.Refusal.keyLength) { try CryptoAttribute.parse(line) }
      }
    }
  }

  @Test(arguments: [
    ("", CryptoAttribute.Refusal.malformed),
    ("1 AES_CM_128_HMAC_SHA1_80", .malformed),
    ("x AES_CM_128_HMAC_SHA1_80 inline:KEY", .malformed),
    ("-1 AES_CM_128_HMAC_SHA1_80 inline:KEY", .malformed),
    ("1234567890 AES_CM_128_HMAC_SHA1_80 inline:KEY", .malformed),
    ("1 AES_CM_128_HMAC_SHA1_80 uri:KEY", .malformed),
    ("1 F8_128_HMAC_SHA1_80 inline:KEY", .unknownSuite),
    ("1 AES_256_CM_HMAC_SHA1_80 inline:KEY", .unknownSuite),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|1:4;inline:KEY|2^20|2:4", .severalKeys),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:", .keyLength),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:!!!!", .keyLength),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^49", .lifetime),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY|0", .lifetime),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY|", .lifetime),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^+3", .lifetime),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|1:0", .masterKeyIdentifier),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|1:129", .masterKeyIdentifier),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|256:1", .masterKeyIdentifier),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|1:4|x", .malformed),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY UNENCRYPTED_SRTP", .sessionParameter),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY UNENCRYPTED_SRTCP", .sessionParameter),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY UNAUTHENTICATED_SRTP", .sessionParameter),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY KDR=1", .sessionParameter),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY FEC_ORDER=FEC_SRTP", .sessionParameter),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY WSH=63", .sessionParameter),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY WSH=64 mandatory", .sessionParameter),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY -", .sessionParameter),
  ])
  func refused(line: String, refusal: CryptoAttribute.Refusal) {
    #expect(throws: refusal) { try CryptoAttribute.parse(line.replacing("KEY", with: Self.key)) }
  }

  @Test(arguments: [
    "1 AES_CM_128_HMAC_SHA1_80 inline:KEY",
    "7 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^48",
    "7 AES_CM_128_HMAC_SHA1_80 inline:KEY|281474976710656|255:1",
    "1 AES_CM_128_HMAC_SHA1_32 inline:KEY|2^0|18446744073709551615:8 KDR=0 WSH=64 -vendor",
  ])
  func writtenAsRead(line: String) throws {
    let line = line.replacing("KEY", with: Self.key)
    #expect(CryptoAttribute.write(try CryptoAttribute.parse(line)) == line)
  }

  @Test func badLineLeavesTheOthers() throws {
    var ignored: [IgnoredAttribute] = []
    let sdp = try SessionDescription(
      parsing: """
        v=0
        c=IN IP4 192.0.2.1
        m=audio 4000 RTP/SAVP 0
        a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:abc
        a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:\(Self.key) UNENCRYPTED_SRTP
        a=crypto:3 aes_cm_128_hmac_sha1_80 inline:\(Self.key)
        """)
    let description = try MediaDescription(sdp) { ignored.append($0) }
    #expect(description.streams[0].cryptos.map(\.tag) == [3])
    #expect(ignored.map(\.reason) == ["unknownSuite", "sessionParameter"])
    #expect(ignored.map(\.stream) == [0, 0])
  }

  @Test func keyIsNotPrinted() throws {
    let crypto = try CryptoAttribute.parse("1 AES_CM_128_HMAC_SHA1_80 inline:\(Self.key)")
    var dumped = ""
    dump(crypto, to: &dumped)
    #expect(!"\(crypto) \(String(reflecting: crypto)) \(dumped)".contains(Self.key))
  }
}

extension SDESCrypto {
  /// Base64 by the definition, independent of the code under test.
  static func encodeForTest(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    let bits = bytes.flatMap { byte in (0..<8).reversed().map { byte >> UInt8($0) & 1 } }
    var text = ""
    for start in stride(from: 0, to: bits.count, by: 6) {
      var value = 0
      for i in start..<start + 6 { value = value * 2 + (i < bits.count ? Int(bits[i]) : 0) }
      text.append(alphabet[value])
    }
    while text.count % 4 != 0 { text += "=" }
    return text
  }
}
