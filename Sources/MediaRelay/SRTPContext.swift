import COpenSSL
import CallModel

/// SRTP and SRTCP of one direction with one master key (RFC 3711, RFC 4568, RFC 7714), over OpenSSL.
///
/// Cipher contexts live as long as this one and only get an initialisation vector per packet; HMAC starts
/// from the two SHA-1 states after the key pads. That makes 0.25 µs a packet where a library that sets keys
/// anew takes 2 µs. A plain value in memory of its own: made by the signalling, then owned by one relay
/// thread.
struct SRTPContext {
  enum Direction { case send, receive }

  enum Failure: Error {
    /// Too short, or no RTP/RTCP.
    case malformed
    case authentication
    /// Seen before, or older than the replay list; for sending, a number used before.
    case replay
    /// The key's packets are used up (RFC 3711 §9.2).
    case exhausted
  }

  /// Longest growth of a packet: GCM tag, SRTCP index, MKI.
  static let overhead = 16 + 4 + maximumMKILength
  static let maximumMKILength = 128
  /// SSRCs a context follows. When another appears (and authenticates), the least recently used is forgotten.
  static let sourceLimit = 16

  let isGCM: Bool
  let tagLength: Int
  let controlTagLength: Int
  let mkiLength: Int
  let mki: UInt64
  let direction: Direction
  let media: SRTPCipher
  let control: SRTPCipher
  private var sources: UnsafeMutablePointer<SRTPSource>
  private var sourceCount = 0
  private var sourceCapacity = 1
  private var last = 0
  private var clock: UInt64 = 0
  /// ROC of the newest source of the context this one replaced; a receiver tries it after 0.
  var inheritedROC: UInt32 = 0

  /// Nil when the key does not fit the suite, or OpenSSL lacks the cipher.
  static func create(_ parameters: SRTPParameters, direction: Direction) -> UnsafeMutablePointer<SRTPContext>?
  {
    let crypto = SDESCrypto(tag: 0, suite: parameters.suite, keyAndSalt: parameters.keyAndSalt)
    guard var material = crypto.keyAndSaltBytes else { return nil }
    defer { SRTPSessionKeys.wipe(&material) }
    return create(parameters.suite, keyAndSalt: material, mki: parameters.mki, direction: direction)
  }

  static func create(
    _ suite: SDESCrypto.Suite, keyAndSalt: [UInt8], mki: SDESCrypto.MKI? = nil, direction: Direction
  ) -> UnsafeMutablePointer<SRTPContext>? {
    guard keyAndSalt.count == suite.keyLength + suite.saltLength else { return nil }
    if let mki, !(1...maximumMKILength).contains(mki.length) { return nil }
    var key = Array(keyAndSalt[..<suite.keyLength])
    defer { SRTPSessionKeys.wipe(&key) }
    let salt = Array(keyAndSalt[suite.keyLength...])
    let isGCM = suite == .aeadAES128GCM || suite == .aeadAES256GCM
    guard let derivation = SRTPKeyDerivation(masterKey: key, masterSalt: salt),
      var media = SRTPSessionKeys(derivation, packets: .rtp, saltLength: suite.saltLength),
      var control = SRTPSessionKeys(derivation, packets: .rtcp, saltLength: suite.saltLength)
    else { return nil }
    defer {
      media.wipe()
      control.wipe()
    }
    guard let mediaCipher = SRTPCipher(media, isGCM: isGCM, direction: direction) else { return nil }
    let controlCipher = SRTPCipher(control, isGCM: isGCM, sharing: mediaCipher)
    let sources = UnsafeMutablePointer<SRTPSource>.allocate(capacity: 1)
    let context = UnsafeMutablePointer<SRTPContext>.allocate(capacity: 1)
    context.initialize(
      to: SRTPContext(
        isGCM: isGCM, tagLength: isGCM ? 16 : suite == .aesCM128HMACSHA1_32 ? 4 : 10,
        // RFC 4568 §6.2.2: the short tag is for SRTP only.
        controlTagLength: isGCM ? 16 : 10, mkiLength: mki?.length ?? 0, mki: mki?.value ?? 0,
        direction: direction, media: mediaCipher, control: controlCipher, sources: sources))
    return context
  }

  /// Frees the context; the key material in it is overwritten.
  static func destroy(_ context: UnsafeMutablePointer<SRTPContext>) {
    context.pointee.media.free()
    context.pointee.sources.deallocate()
    OPENSSL_cleanse(context, MemoryLayout<SRTPContext>.size)
    context.deallocate()
  }

  /// ROC of the source used last, for the context that replaces this one.
  var currentROC: UInt32 {
    sourceCount > 0 ? UInt32(truncatingIfNeeded: sources[last].highest >> 16) : inheritedROC
  }

  // MARK: Sources

  /// Position of an SSRC, or -1.
  @inline(__always)
  private mutating func find(_ ssrc: UInt32) -> Int {
    if _fastPath(last < sourceCount && sources[last].ssrc == ssrc) { return last }
    for i in 0..<sourceCount where sources[i].ssrc == ssrc {
      last = i
      return i
    }
    return -1
  }

  /// Makes room for an SSRC. Call only for what is authentic, or our own.
  private mutating func insert(_ source: SRTPSource) -> Int {
    if sourceCount == sourceCapacity && sourceCapacity < SRTPContext.sourceLimit {
      let capacity = min(sourceCapacity * 4, SRTPContext.sourceLimit)
      let larger = UnsafeMutablePointer<SRTPSource>.allocate(capacity: capacity)
      larger.moveInitialize(from: sources, count: sourceCount)
      sources.deallocate()
      sources = larger
      sourceCapacity = capacity
    }
    var i = sourceCount
    if i == sourceCapacity {
      i = 0
      for other in 1..<sourceCount where sources[other].used < sources[i].used { i = other }
    } else {
      sourceCount += 1
    }
    (sources + i).initialize(to: source)
    last = i
    return i
  }

  private init(
    isGCM: Bool, tagLength: Int, controlTagLength: Int, mkiLength: Int, mki: UInt64, direction: Direction,
    media: SRTPCipher, control: SRTPCipher, sources: UnsafeMutablePointer<SRTPSource>
  ) {
    self.isGCM = isGCM
    self.tagLength = tagLength
    self.controlTagLength = controlTagLength
    self.mkiLength = mkiLength
    self.mki = mki
    self.direction = direction
    self.media = media
    self.control = control
    self.sources = sources
  }

  // MARK: SRTP

  /// Encrypts and authenticates an RTP packet in place. `header` bytes stay clear; `buffer` has room for
  /// ``overhead`` more. Returns the new length.
  mutating func protect(_ buffer: UnsafeMutableRawPointer, count: Int, header: Int) throws(Failure) -> Int {
    let ssrc = buffer.loadBigEndian32(8)
    let sequence = buffer.loadBigEndian16(2)
    var i = find(ssrc)
    if i < 0 { i = insert(SRTPSource(ssrc: ssrc)) }
    // An older number is one that the network reordered before us; one used already would use up its
    // keystream twice.
    guard let index = sources[i].estimate(sequence), sources[i].isFresh(index) else { throw .replay }
    guard index < 1 << 48 else { throw .exhausted }
    sources[i].note(index)
    clock += 1
    sources[i].used = clock
    var end = count
    if isGCM {
      guard media.sealGCM(buffer, header: header, count: count, ssrc: ssrc, index: index) else {
        throw .authentication
      }
      end = writeMKI(buffer, count + 16)
    } else {
      media.applyCounterMode(buffer + header, count - header, ssrc: ssrc, index: index)
      var tag = SHA1Digest()
      media.authenticate(buffer, count, trailer: UInt32(truncatingIfNeeded: index >> 16), into: &tag)
      end = writeMKI(buffer, count)
      withUnsafeBytes(of: &tag) { (buffer + end).copyMemory(from: $0.baseAddress!, byteCount: tagLength) }
      end += tagLength
    }
    return end
  }

  /// Authenticates and decrypts an SRTP packet in place. Returns the length of the RTP packet; on failure the
  /// buffer's contents are undefined, and no state has changed.
  mutating func unprotect(_ buffer: UnsafeMutableRawPointer, count: Int) throws(Failure) -> Int {
    let trailer = mkiLength + tagLength
    guard let header = RTPHeader.parse(UnsafeRawBufferPointer(start: buffer, count: count)),
      count >= header.length + trailer
    else { throw .malformed }
    let end = count - trailer
    guard mkiLength == 0 || hasMKI(buffer, isGCM ? count - mkiLength : end) else { throw .authentication }
    let i = find(header.ssrc)
    if i < 0 || !sources[i].hasMedia { return try unprotectFirst(buffer, header: header, end: end) }
    guard let index = sources[i].estimate(header.sequenceNumber), sources[i].isFresh(index) else {
      throw .replay
    }
    guard open(buffer, header: header, end: end, index: index) else { throw .authentication }
    sources[i].note(index)
    clock += 1
    sources[i].used = clock
    return end
  }

  /// The first packet of an SSRC, whose ROC nobody told us: 0 by RFC 4568 §6.4; else that of the context
  /// before (a sender that kept its ROC over a change of keys); else 1, when the stream wrapped before its
  /// first packet came to us.
  private mutating func unprotectFirst(
    _ buffer: UnsafeMutableRawPointer, header: RTPHeader, end: Int
  ) throws(Failure) -> Int {
    let sequence = UInt64(header.sequenceNumber)
    for attempt in 0..<3 {
      let roc: UInt64
      switch attempt {
      case 0: roc = 0
      case 1:
        if inheritedROC < 1 { continue }
        roc = UInt64(inheritedROC)
      default:
        if inheritedROC == 1 || header.sequenceNumber >= 0x8000 { continue }
        roc = 1
      }
      // GCM decrypts before it knows: keep the cipher text for the next attempt.
      let isLast = attempt == 2 || (inheritedROC < 2 && header.sequenceNumber >= 0x8000)
      if isGCM && !isLast {
        let copy = UnsafeMutableRawPointer.allocate(byteCount: end + 16, alignment: 16)
        defer { copy.deallocate() }
        copy.copyMemory(from: buffer, byteCount: end + 16)
        if open(buffer, header: header, end: end, index: roc << 16 | sequence) {
          return admit(header.ssrc, index: roc << 16 | sequence, end: end)
        }
        buffer.copyMemory(from: copy, byteCount: end + 16)
      } else if open(buffer, header: header, end: end, index: roc << 16 | sequence) {
        return admit(header.ssrc, index: roc << 16 | sequence, end: end)
      }
    }
    throw .authentication
  }

  private mutating func admit(_ ssrc: UInt32, index: UInt64, end: Int) -> Int {
    // Known already when its SRTCP came first.
    var i = find(ssrc)
    if i < 0 { i = insert(SRTPSource(ssrc: ssrc)) }
    sources[i].note(index)
    clock += 1
    sources[i].used = clock
    return end
  }

  @inline(__always)
  private func open(_ buffer: UnsafeMutableRawPointer, header: RTPHeader, end: Int, index: UInt64) -> Bool {
    if isGCM {
      return media.openGCM(buffer, header: header.length, end: end, ssrc: header.ssrc, index: index)
    }
    var tag = SHA1Digest()
    media.authenticate(buffer, end, trailer: UInt32(truncatingIfNeeded: index >> 16), into: &tag)
    let received = buffer + end + mkiLength
    guard withUnsafeBytes(of: &tag, { CRYPTO_memcmp($0.baseAddress, received, tagLength) == 0 }) else {
      return false
    }
    media.applyCounterMode(buffer + header.length, end - header.length, ssrc: header.ssrc, index: index)
    return true
  }

  // MARK: SRTCP

  /// Protects a compound RTCP packet in place (RFC 3711 §3.4, RFC 7714 §9). Returns the new length.
  mutating func protectControl(_ buffer: UnsafeMutableRawPointer, count: Int) throws(Failure) -> Int {
    guard count >= 8, buffer.load(as: UInt8.self) >> 6 == 2 else { throw .malformed }
    let ssrc = buffer.loadBigEndian32(4)
    var i = find(ssrc)
    if i < 0 { i = insert(SRTPSource(ssrc: ssrc)) }
    let index = sources[i].controlNext
    guard index < 1 << 31 else { throw .exhausted }
    sources[i].controlNext = index + 1
    let word = index | 0x8000_0000
    var end: Int
    if isGCM {
      let isSealed = media.withKey(of: control) {
        $0.sealControlGCM(buffer, count: count, ssrc: ssrc, word: word)
      }
      guard isSealed else { throw .authentication }
      end = count + 16
      buffer.storeBigEndian(word, end)
      return writeMKI(buffer, end + 4)
    }
    media.withKey(of: control) {
      $0.applyCounterMode(buffer + 8, count - 8, ssrc: ssrc, index: UInt64(index))
    }
    buffer.storeBigEndian(word, count)
    var tag = SHA1Digest()
    control.authenticate(buffer, count, trailer: word, into: &tag)
    end = writeMKI(buffer, count + 4)
    withUnsafeBytes(of: &tag) {
      (buffer + end).copyMemory(from: $0.baseAddress!, byteCount: controlTagLength)
    }
    return end + controlTagLength
  }

  /// Authenticates and decrypts an SRTCP packet in place. Returns the length of the RTCP packet.
  mutating func unprotectControl(_ buffer: UnsafeMutableRawPointer, count: Int) throws(Failure) -> Int {
    guard count >= 8 + 4 + mkiLength + controlTagLength, buffer.load(as: UInt8.self) >> 6 == 2 else {
      throw .malformed
    }
    let ssrc = buffer.loadBigEndian32(4)
    // CM: packet, word, MKI, tag. GCM: packet with its tag, word, MKI.
    let end = count - 4 - mkiLength - controlTagLength
    let wordAt = isGCM ? end + 16 : end
    let word = buffer.loadBigEndian32(wordAt)
    let index = word & 0x7fff_ffff
    guard mkiLength == 0 || hasMKI(buffer, wordAt + 4) else { throw .authentication }
    let known = find(ssrc)
    guard known < 0 || sources[known].isFreshControl(index) else { throw .replay }
    let isEncrypted = word >> 31 == 1
    if isGCM {
      let isOpen = media.withKey(of: control) {
        $0.openControlGCM(buffer, end: end, ssrc: ssrc, word: word)
      }
      guard isOpen else { throw .authentication }
    } else {
      var tag = SHA1Digest()
      control.authenticate(buffer, end, trailer: word, into: &tag)
      let received = buffer + wordAt + 4 + mkiLength
      guard withUnsafeBytes(of: &tag, { CRYPTO_memcmp($0.baseAddress, received, controlTagLength) == 0 })
      else { throw .authentication }
      if isEncrypted {
        media.withKey(of: control) {
          $0.applyCounterMode(buffer + 8, end - 8, ssrc: ssrc, index: UInt64(index))
        }
      }
    }
    let i = known >= 0 ? known : insert(SRTPSource(ssrc: ssrc))
    sources[i].noteControl(index)
    clock += 1
    sources[i].used = clock
    return end
  }

  // MARK: MKI

  @inline(__always)
  private func writeMKI(_ buffer: UnsafeMutableRawPointer, _ at: Int) -> Int {
    if _fastPath(mkiLength == 0) { return at }
    for i in 0..<mkiLength {
      buffer.storeBytes(of: mkiByte(i), toByteOffset: at + i, as: UInt8.self)
    }
    return at + mkiLength
  }

  private func hasMKI(_ buffer: UnsafeMutableRawPointer, _ at: Int) -> Bool {
    for i in 0..<mkiLength where buffer.load(fromByteOffset: at + i, as: UInt8.self) != mkiByte(i) {
      return false
    }
    return true
  }

  /// The MKI is a big-endian number (RFC 4568 §6.1).
  private func mkiByte(_ i: Int) -> UInt8 {
    let shift = (mkiLength - 1 - i) * 8
    return shift >= 64 ? 0 : UInt8(truncatingIfNeeded: mki >> UInt64(shift))
  }
}
