import COpenSSL

/// Twenty bytes of SHA-1, in place.
struct SHA1Digest {
  var words: (UInt64, UInt64, UInt32) = (0, 0, 0)
}

/// SHA-1 after one block: what is left of a key and its pad.
struct SHA1State {
  private var words: (UInt32, UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0, 0)

  init() {}

  /// - Parameter key: at most 64 bytes.
  init(_ key: [UInt8], pad: UInt8) {
    var block = [UInt8](repeating: pad, count: 64)
    for i in 0..<min(64, key.count) { block[i] ^= key[i] }
    var context = SHA_CTX()
    SHA1_Init(&context)
    SHA1_Update(&context, block, 64)
    words = (context.h0, context.h1, context.h2, context.h3, context.h4)
    SRTPSessionKeys.wipe(&block)
    withUnsafeMutableBytes(of: &context) { OPENSSL_cleanse($0.baseAddress, $0.count) }
  }

  /// A digest that goes on from here.
  @inline(__always)
  var context: SHA_CTX {
    var context = SHA_CTX()
    (context.h0, context.h1, context.h2, context.h3, context.h4) = words
    // Bits so far: one block.
    context.Nl = 512
    return context
  }
}

/// The keyed transforms of SRTP or SRTCP: AES counter mode with HMAC-SHA-1 (RFC 3711 §4.1.1, §4.2.1), or
/// AES-GCM (RFC 7714).
///
/// SRTP and SRTCP of one direction share an OpenSSL context, three quarters of a kilobyte, which the rare
/// control packet keys anew for itself and gives back (``withKey(of:_:)``): a third of a microsecond.
struct SRTPCipher {
  private let context: OpaquePointer
  /// Encryption key in the first 16 or 32 bytes.
  private var key: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
  /// Session salt in the first 14 or 12 bytes.
  private let salt: (UInt64, UInt64)
  /// SHA-1 after the inner and the outer pad of the key: HMAC then costs two blocks less a packet.
  private let innerPad: SHA1State
  private let outerPad: SHA1State

  /// With a context of its own; the owner ends with ``free()``.
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
    self.init(keys, isGCM: isGCM, context: context)
  }

  /// With the context of another of the same kind, key length and direction; only for ``withKey(of:_:)``.
  init(_ keys: SRTPSessionKeys, isGCM: Bool, sharing other: SRTPCipher) {
    self.init(keys, isGCM: isGCM, context: other.context)
  }

  private init(_ keys: SRTPSessionKeys, isGCM: Bool, context: OpaquePointer) {
    self.context = context
    withUnsafeMutableBytes(of: &key) { $0.copyBytes(from: keys.encryptionKey.prefix(32)) }
    var salt: (UInt64, UInt64) = (0, 0)
    withUnsafeMutableBytes(of: &salt) { $0.copyBytes(from: keys.salt.prefix(16)) }
    self.salt = salt
    innerPad = isGCM ? SHA1State() : SHA1State(keys.authenticationKey, pad: 0x36)
    outerPad = isGCM ? SHA1State() : SHA1State(keys.authenticationKey, pad: 0x5c)
  }

  /// Frees the context. The keys in this value are the owner's to overwrite.
  func free() { EVP_CIPHER_CTX_free(context) }

  /// Runs `body` with the shared context keyed for `other`, and keys it for this one again.
  func withKey<R>(of other: SRTPCipher, _ body: (SRTPCipher) -> R) -> R {
    other.setKey()
    defer { setKey() }
    return body(other)
  }

  private func setKey() {
    let isSet = withUnsafeBytes(of: key) {
      EVP_CipherInit_ex(context, nil, nil, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), nil, -1)
    }
    // It took this key before. Going on would put packets under the other's key, the same numbers twice.
    precondition(isSet == 1, "OpenSSL refuses an SRTP key")
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
    var inner = innerPad.context
    var outer = outerPad.context
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
