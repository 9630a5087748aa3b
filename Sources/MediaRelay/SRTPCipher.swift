import COpenSSL

/// Twenty bytes of SHA-1, in place.
struct SHA1Digest {
  var words: (UInt64, UInt64, UInt32) = (0, 0, 0)
}

/// The keyed transforms of SRTP or SRTCP: AES counter mode with HMAC-SHA-1 (RFC 3711 §4.1.1, §4.2.1), or
/// AES-GCM (RFC 7714).
struct SRTPCipher {
  private let context: OpaquePointer
  /// SHA-1 after the inner and the outer pad of the key: HMAC then costs two blocks less a packet.
  private let pads: UnsafeMutablePointer<SHA_CTX>?
  /// Session salt in the first 14 or 12 bytes.
  private let salt: (UInt64, UInt64)

  init?(_ keys: SRTPSessionKeys, isGCM: Bool, direction: SRTPContext.Direction) {
    let is256 = keys.encryptionKey.count == 32
    let cipher =
      isGCM
      ? (is256 ? OpenSSLCiphers.aes256gcm : OpenSSLCiphers.aes128gcm)
      : (is256 ? OpenSSLCiphers.aes256ctr : OpenSSLCiphers.aes128ctr)
    guard let cipher, let context = EVP_CIPHER_CTX_new() else { return nil }
    let encrypts: Int32 = !isGCM || direction == .send ? 1 : 0
    guard EVP_CipherInit_ex(context, cipher, nil, keys.encryptionKey, nil, encrypts) == 1 else {
      EVP_CIPHER_CTX_free(context)
      return nil
    }
    self.context = context
    var salt: (UInt64, UInt64) = (0, 0)
    withUnsafeMutableBytes(of: &salt) { $0.copyBytes(from: keys.salt.prefix(16)) }
    self.salt = salt
    pads = isGCM ? nil : SRTPCipher.makePads(keys.authenticationKey)
  }

  private static func makePads(_ key: [UInt8]) -> UnsafeMutablePointer<SHA_CTX> {
    let pads = UnsafeMutablePointer<SHA_CTX>.allocate(capacity: 2)
    pads.initialize(repeating: SHA_CTX(), count: 2)
    for (i, pad) in [UInt8(0x36), 0x5c].enumerated() {
      var block = [UInt8](repeating: pad, count: 64)
      for j in 0..<key.count { block[j] ^= key[j] }
      SHA1_Init(pads + i)
      SHA1_Update(pads + i, block, 64)
      SRTPSessionKeys.wipe(&block)
    }
    return pads
  }

  func free() {
    EVP_CIPHER_CTX_free(context)
    if let pads {
      OPENSSL_cleanse(pads, 2 * MemoryLayout<SHA_CTX>.size)
      pads.deallocate()
    }
  }

  // MARK: AES-CM and HMAC-SHA-1

  /// Encrypts or decrypts `count` bytes. IV: salt, SSRC from byte 4, index from byte 8, block counter in the
  /// last two (RFC 3711 §4.1.1).
  @inline(__always)
  func applyCounterMode(_ bytes: UnsafeMutableRawPointer, _ count: Int, ssrc: UInt32, index: UInt64) {
    guard count > 0 else { return }
    var iv = salt
    iv.0 ^= UInt64(ssrc).bigEndian
    iv.1 ^= (index << 16).bigEndian
    var written: Int32 = 0
    let out = bytes.assumingMemoryBound(to: UInt8.self)
    withUnsafeBytes(of: &iv) { iv in
      _ = EVP_CipherInit_ex(
        context, nil, nil, nil, iv.baseAddress?.assumingMemoryBound(to: UInt8.self), -1)
      _ = EVP_CipherUpdate(context, out, &written, out, Int32(truncatingIfNeeded: count))
    }
  }

  /// HMAC-SHA-1 over the packet and a trailing word (ROC, or E and SRTCP index).
  @inline(__always)
  func authenticate(
    _ bytes: UnsafeMutableRawPointer, _ count: Int, trailer: UInt32, into digest: inout SHA1Digest
  ) {
    guard let pads else { return }
    var inner = pads[0]
    var outer = pads[1]
    var trailer = trailer.bigEndian
    SHA1_Update(&inner, bytes, count)
    SHA1_Update(&inner, &trailer, 4)
    withUnsafeMutableBytes(of: &digest) { d in
      let out = d.baseAddress?.assumingMemoryBound(to: UInt8.self)
      SHA1_Final(out, &inner)
      SHA1_Update(&outer, out, 20)
      SHA1_Final(out, &outer)
    }
  }

  // MARK: AES-GCM

  /// The twelve bytes of RFC 7714 §8.1: 16 zero bits, SSRC, ROC, sequence number; XOR salt.
  @inline(__always)
  private func mediaIV(_ ssrc: UInt32, _ index: UInt64) -> (UInt64, UInt64) {
    var iv = salt
    iv.0 ^= (UInt64(ssrc) << 16 | index >> 32 & 0xffff).bigEndian
    iv.1 ^= (index << 32).bigEndian
    return iv
  }

  /// RFC 7714 §9.1: 16 zero bits, SSRC, 16 zero bits, 0 and the 31-bit index; XOR salt.
  private func controlIV(_ ssrc: UInt32, _ word: UInt32) -> (UInt64, UInt64) {
    var iv = salt
    iv.0 ^= (UInt64(ssrc) << 16).bigEndian
    iv.1 ^= (UInt64(word & 0x7fff_ffff) << 32).bigEndian
    return iv
  }

  func sealGCM(_ buffer: UnsafeMutableRawPointer, header: Int, count: Int, ssrc: UInt32, index: UInt64)
    -> Bool
  {
    seal(buffer, clear: header, count: count, extra: nil, iv: mediaIV(ssrc, index))
  }

  /// `end` is where the tag begins.
  func openGCM(_ buffer: UnsafeMutableRawPointer, header: Int, end: Int, ssrc: UInt32, index: UInt64) -> Bool
  {
    openGCM(buffer, clear: header, end: end, extra: nil, iv: mediaIV(ssrc, index))
  }

  func sealControlGCM(_ buffer: UnsafeMutableRawPointer, count: Int, ssrc: UInt32, word: UInt32) -> Bool {
    seal(buffer, clear: 8, count: count, extra: word, iv: controlIV(ssrc, word))
  }

  /// Without the E bit everything is only authenticated (RFC 7714 §9.3).
  func openControlGCM(_ buffer: UnsafeMutableRawPointer, end: Int, ssrc: UInt32, word: UInt32) -> Bool {
    openGCM(buffer, clear: word >> 31 == 1 ? 8 : end, end: end, extra: word, iv: controlIV(ssrc, word))
  }

  @inline(__always)
  private func begin(
    _ buffer: UnsafeMutableRawPointer, clear: Int, extra: UInt32?, iv: (UInt64, UInt64)
  ) -> Bool {
    var iv = iv
    var written: Int32 = 0
    let started = withUnsafeBytes(of: &iv) {
      EVP_CipherInit_ex(context, nil, nil, nil, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), -1)
    }
    guard started == 1,
      EVP_CipherUpdate(
        context, nil, &written, buffer.assumingMemoryBound(to: UInt8.self), Int32(truncatingIfNeeded: clear))
        == 1
    else { return false }
    guard let extra else { return true }
    var word = extra.bigEndian
    return withUnsafeBytes(of: &word) {
      EVP_CipherUpdate(context, nil, &written, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), 4)
    } == 1
  }

  @inline(__always)
  private func seal(
    _ buffer: UnsafeMutableRawPointer, clear: Int, count: Int, extra: UInt32?, iv: (UInt64, UInt64)
  ) -> Bool {
    guard begin(buffer, clear: clear, extra: extra, iv: iv) else { return false }
    let body = (buffer + clear).assumingMemoryBound(to: UInt8.self)
    var written: Int32 = 0
    if count > clear,
      EVP_CipherUpdate(context, body, &written, body, Int32(truncatingIfNeeded: count - clear)) != 1
    {
      return false
    }
    guard EVP_CipherFinal_ex(context, body + Int(written), &written) == 1 else { return false }
    return EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, buffer + count) == 1
  }

  @inline(__always)
  private func openGCM(
    _ buffer: UnsafeMutableRawPointer, clear: Int, end: Int, extra: UInt32?, iv: (UInt64, UInt64)
  ) -> Bool {
    guard begin(buffer, clear: clear, extra: extra, iv: iv) else { return false }
    let body = (buffer + clear).assumingMemoryBound(to: UInt8.self)
    var written: Int32 = 0
    if end > clear,
      EVP_CipherUpdate(context, body, &written, body, Int32(truncatingIfNeeded: end - clear)) != 1
    {
      return false
    }
    guard EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, buffer + end) == 1 else { return false }
    return EVP_CipherFinal_ex(context, body + Int(written), &written) == 1
  }
}
