import CallModel
import Testing

@testable import MediaRelay

/// Published vectors of RFC 3711 appendix B and RFC 7714 §16, §17.
@Suite struct SRTPVectorTests {
  @Test("RFC 3711 B.3: session keys from a master key")
  func keyDerivation() throws {
    let key = hex("E1F97A0D3E018BE0D64FA32C06DE4139")
    let salt = hex("0EC675AD498AFEEBB6960B3AABE6")
    guard let derivation = SRTPKeyDerivation(masterKey: key, masterSalt: salt) else {
      Issue.record("no derivation")
      return
    }
    #expect(derivation.derive(0, count: 16) == hex("C61E7A93744F39EE10734AFE3FF7A087"))
    #expect(derivation.derive(2, count: 14) == hex("30CBBC08863D8C85D49DB34A9AE1"))
    #expect(
      derivation.derive(1, count: 94)
        == hex(
          "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCEE049646C43D9327AD175578EF7227098"
            + "6371C10C9A369AC2F94A8C5FBCDDDC256D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2"))
  }

  @Test("RFC 3711 B.2: AES-CM keystream, first and last blocks before the counter wraps")
  func keystream() throws {
    // Session key and salt given directly; SSRC and index are 0.
    let keys = SRTPSessionKeys(
      encryptionKey: hex("2B7E151628AED2A6ABF7158809CF4F3C"), authenticationKey: [],
      salt: hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"))
    let cipher = try #require(SRTPCipher(keys, isGCM: false, direction: .send))
    defer { cipher.free() }
    let length = 0xff02 * 16
    let bytes = UnsafeMutableRawPointer.allocate(byteCount: length, alignment: 16)
    defer { bytes.deallocate() }
    bytes.initializeMemory(as: UInt8.self, repeating: 0, count: length)
    cipher.applyCounterMode(bytes, length, ssrc: 0, index: 0)
    func block(_ i: Int) -> [UInt8] {
      (0..<16).map { bytes.load(fromByteOffset: i * 16 + $0, as: UInt8.self) }
    }
    #expect(block(0) == hex("E03EAD0935C95E80E166B16DD92B4EB4"))
    #expect(block(1) == hex("D23513162B02D0F72A43A2FE4A5F97AB"))
    #expect(block(2) == hex("41E95B3BB0A2E8DD477901E4FCA894C0"))
    #expect(block(0xfeff) == hex("EC8CDF7398607CB0F2D21675EA9EA1E4"))
    #expect(block(0xff00) == hex("362B7C3C6773516318A077D7FC5073AE"))
    #expect(block(0xff01) == hex("6A2CC3787889374FBEB4C81B17BA6C44"))
  }

  static let gcmPacket =
    "8040f17b8041f8d35501a0b2"
    + "47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573"

  @Test("RFC 7714 §16: AEAD_AES_128_GCM and AEAD_AES_256_GCM on SRTP")
  func gcmMedia() throws {
    let salt = hex("517569642070726f2071756f")
    let key128 = hex("000102030405060708090a0b0c0d0e0f")
    let key256 = hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
    let expected128 =
      "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833"
      + "899d7f27beb16a9152cf765ee4390cce"
    let expected256 =
      "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b"
      + "7aa3db36dfffd6b0f9bb7878d7a76c13"
    for (key, expected) in [(key128, expected128), (key256, expected256)] {
      let sealed = try withPacket(Self.gcmPacket) { buffer, count in
        let cipher = try #require(gcm(key, salt, .send))
        defer { cipher.free() }
        #expect(cipher.sealGCM(buffer, header: 12, count: count, ssrc: 0x5501_a0b2, index: 0xf17b))
        return count + 16
      }
      #expect(sealed == hex(expected))
      let opened = try withPacket(expected) { buffer, count in
        let cipher = try #require(gcm(key, salt, .receive))
        defer { cipher.free() }
        #expect(cipher.openGCM(buffer, header: 12, end: count - 16, ssrc: 0x5501_a0b2, index: 0xf17b))
        return count - 16
      }
      #expect(opened == hex(Self.gcmPacket))
    }
  }

  @Test("RFC 7714 §17: AEAD_AES_128_GCM on SRTCP, encrypted and only tagged")
  func gcmControl() throws {
    let salt = hex("517569642070726f2071756f")
    let key = hex("000102030405060708090a0b0c0d0e0f")
    let plain =
      "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef"
    let sealed = try withPacket(plain) { buffer, count in
      let cipher = try #require(gcm(key, salt, .send))
      defer { cipher.free() }
      #expect(cipher.sealControlGCM(buffer, count: count, ssrc: 0x4d61_7273, word: 0x8000_05d4))
      return count + 16
    }
    #expect(
      sealed
        == hex(
          "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded"
            + "0bb9275bc84aa45896cf4d2fc5abf87245d9eade"))
  }

  @Test("RFC 7714 §17.2: a tagged packet that is not encrypted opens, a changed bit does not")
  func gcmTaggedControl() throws {
    let salt = hex("517569642070726f2071756f")
    let key = hex("000102030405060708090a0b0c0d0e0f")
    let plain =
      "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef"
    for flip in [0, 1] {
      _ = try withPacket(plain + "841dd9683dd78ec92ae58790125f62b3") { buffer, count in
        let cipher = try #require(gcm(key, salt, .receive))
        defer { cipher.free() }
        if flip == 1 { buffer.storeBytes(of: 0x80, toByteOffset: 20, as: UInt8.self) }
        #expect(cipher.openControlGCM(buffer, end: count - 16, ssrc: 0x4d61_7273, word: 0x5d4) == (flip == 0))
        return 0
      }
    }
  }

  private func gcm(_ key: [UInt8], _ salt: [UInt8], _ direction: SRTPContext.Direction) -> SRTPCipher? {
    SRTPCipher(
      SRTPSessionKeys(encryptionKey: key, authenticationKey: [], salt: salt), isGCM: true,
      direction: direction)
  }

  private func withPacket(
    _ text: String, _ body: (UnsafeMutableRawPointer, Int) throws -> Int
  ) throws -> [UInt8] {
    let bytes = hex(text)
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: bytes.count + 64, alignment: 16)
    defer { buffer.deallocate() }
    bytes.withUnsafeBytes { buffer.copyMemory(from: $0.baseAddress!, byteCount: bytes.count) }
    let count = try body(buffer, bytes.count)
    return Array(UnsafeRawBufferPointer(start: buffer, count: count))
  }
}

/// Bytes of a hexadecimal text.
func hex(_ text: String) -> [UInt8] {
  var result: [UInt8] = []
  var digits = text.utf8.makeIterator()
  while let high = digits.next(), let low = digits.next() {
    result.append(UInt8(value(high) << 4 | value(low)))
  }
  return result
  func value(_ digit: UInt8) -> UInt8 {
    switch digit {
    case 0x30...0x39: digit - 0x30
    case 0x41...0x46: digit - 0x37
    default: digit - 0x57
    }
  }
}

@Suite struct SRTPSessionTests {
  @Test("A session seals what the other opens, and refuses a buffer without room")
  func roundTrip() throws {
    let keys = SRTPParameters(suite: .aeadAES256GCM, keyAndSalt: secret([UInt8](1...44)))
    let sender = try #require(SRTPSession(keys, direction: .send))
    let receiver = try #require(SRTPSession(keys, direction: .receive))
    let plain = rtp(0, sequence: 1)
    var buffer = plain + [UInt8](repeating: 0, count: SRTPSession.overhead)
    let room = buffer.count
    #expect(
      buffer.withUnsafeMutableBytes { sender.protect(.init(rebasing: $0[..<(room - 1)]), count: plain.count) }
        == nil)
    let sealed = try #require(buffer.withUnsafeMutableBytes { sender.protect($0, count: plain.count) })
    #expect(sealed == plain.count + 16)
    let opened = buffer.withUnsafeMutableBytes { receiver.unprotect(.init(rebasing: $0[..<sealed])) }
    #expect(opened == plain.count && Array(buffer[..<plain.count]) == plain)
    #expect(
      SRTPSession(.init(suite: .aesCM128HMACSHA1_80, keyAndSalt: secret([UInt8](1...44))), direction: .send)
        == nil)
  }
}
