import CSRTPOracle
import CallModel
import Testing

@testable import MediaRelay

/// Our transform against libsrtp2, both directions, with the same keys and seeded random packets.
@Suite(.serialized) struct SRTPOracleTests {
  @Test(
    "Packets of ours open in libsrtp, over a roll-over of the sequence", arguments: SDESCrypto.Suite.allCases)
  func oursToOracle(_ suite: SDESCrypto.Suite) throws {
    var random = SeededGenerator(seed: 1)
    let key = random.bytes(suite.keyLength + suite.saltLength)
    let ours = try OwnContext(suite, key, .send)
    let oracle = try Oracle(suite, key, .receive)
    var sequence: UInt16 = 65_000
    for i in 0..<1_500 {
      let plain = random.rtp(sequence: sequence, ssrc: i % 3 == 0 ? 7 : 8)
      sequence &+= 1
      let sealed = try #require(ours.protect(plain))
      #expect(oracle.unprotect(sealed) == plain, "packet \(i)")
    }
  }

  @Test(
    "Packets of libsrtp open in ours, reordered and over a roll-over", arguments: SDESCrypto.Suite.allCases)
  func oracleToOurs(_ suite: SDESCrypto.Suite) throws {
    var random = SeededGenerator(seed: 2)
    let key = random.bytes(suite.keyLength + suite.saltLength)
    let ours = try OwnContext(suite, key, .receive)
    let oracle = try Oracle(suite, key, .send)
    var held: [(plain: [UInt8], sealed: [UInt8])] = []
    for i in 0..<3_000 {
      let plain = random.rtp(sequence: UInt16(truncatingIfNeeded: 64_000 + i), ssrc: 99)
      held.append((plain, try #require(oracle.protect(plain))))
      // Deliver in a window of up to 40 packets, in random order: many pairs straddle the wrap.
      if held.count == 40 {
        held.shuffle(using: &random)
        for (plain, sealed) in held { #expect(ours.unprotect(sealed) == .success(plain), "packet \(i)") }
        held = []
      }
    }
  }

  @Test("Every packet is taken once only; too old ones never", arguments: SDESCrypto.Suite.allCases)
  func replay(_ suite: SDESCrypto.Suite) throws {
    var random = SeededGenerator(seed: 3)
    let key = random.bytes(suite.keyLength + suite.saltLength)
    let ours = try OwnContext(suite, key, .receive)
    let oracle = try Oracle(suite, key, .send)
    var all: [[UInt8]] = []
    for i in 0..<300 {
      all.append(try #require(oracle.protect(random.rtp(sequence: UInt16(i + 1000), ssrc: 5))))
    }
    // The newest first: 127 back is the oldest the list covers.
    #expect(isSuccess(ours.unprotect(all[299])))
    #expect(ours.unprotect(all[299]) == .failure(.replay))
    #expect(isSuccess(ours.unprotect(all[299 - 127])))
    #expect(ours.unprotect(all[299 - 128]) == .failure(.replay))
    for i in 200..<299 { #expect(isSuccess(ours.unprotect(all[i]))) }
    for i in 200..<300 { #expect(ours.unprotect(all[i]) == .failure(.replay)) }
  }

  @Test("A changed bit anywhere is refused and leaves no trace", arguments: SDESCrypto.Suite.allCases)
  func tampering(_ suite: SDESCrypto.Suite) throws {
    var random = SeededGenerator(seed: 4)
    let key = random.bytes(suite.keyLength + suite.saltLength)
    let ours = try OwnContext(suite, key, .receive)
    let oracle = try Oracle(suite, key, .send)
    let first = random.rtp(sequence: 10, ssrc: 5)
    #expect(ours.unprotect(try #require(oracle.protect(first))) == .success(first))
    let plain = random.rtp(sequence: 11, ssrc: 5)
    let sealed = try #require(oracle.protect(plain))
    for i in 2..<sealed.count {
      var bad = sealed
      bad[i] ^= 1 << UInt8.random(in: 0...7, using: &random)
      #expect(!isSuccess(ours.unprotect(bad)), "byte \(i)")
    }
    #expect(ours.unprotect(sealed) == .success(plain))
  }

  @Test("SRTCP both ways, replayed and changed", arguments: SDESCrypto.Suite.allCases)
  func control(_ suite: SDESCrypto.Suite) throws {
    var random = SeededGenerator(seed: 5)
    let key = random.bytes(suite.keyLength + suite.saltLength)
    let ourSender = try OwnContext(suite, key, .send)
    let ourReceiver = try OwnContext(suite, key, .receive)
    let oracleSender = try Oracle(suite, key, .send)
    let oracleReceiver = try Oracle(suite, key, .receive)
    for i in 0..<300 {
      let plain = random.rtcp(ssrc: UInt32(1 + i % 3))
      let sealed = try #require(ourSender.protectControl(plain))
      #expect(oracleReceiver.unprotectControl(sealed) == plain)
      let theirs = try #require(oracleSender.protectControl(plain))
      var bad = theirs
      bad[Int.random(in: 0..<bad.count, using: &random)] ^= 4
      #expect(!isSuccess(ourReceiver.unprotectControl(bad)))
      #expect(ourReceiver.unprotectControl(theirs) == .success(plain))
      #expect(ourReceiver.unprotectControl(theirs) == .failure(.replay))
    }
  }

  @Test(
    "SRTP and SRTCP of one context never meet each other's key", arguments: SDESCrypto.Suite.allCases)
  func interleaved(_ suite: SDESCrypto.Suite) throws {
    var random = SeededGenerator(seed: 13)
    let key = random.bytes(suite.keyLength + suite.saltLength)
    let (ourSender, ourReceiver) = (try OwnContext(suite, key, .send), try OwnContext(suite, key, .receive))
    let (sender, receiver) = (try Oracle(suite, key, .send), try Oracle(suite, key, .receive))
    for i in 0..<400 as Range<UInt16> {
      if Bool.random(using: &random) {
        let plain = random.rtp(sequence: i, ssrc: 3)
        #expect(receiver.unprotect(try #require(ourSender.protect(plain))) == plain)
        #expect(ourReceiver.unprotect(try #require(sender.protect(plain))) == .success(plain))
      } else {
        let plain = random.rtcp(ssrc: 3)
        #expect(receiver.unprotectControl(try #require(ourSender.protectControl(plain))) == plain)
        var theirs = try #require(sender.protectControl(plain))
        theirs[theirs.count - 1] ^= 1
        #expect(!isSuccess(ourReceiver.unprotectControl(theirs)), "a failure leaves the key in place, too")
        theirs[theirs.count - 1] ^= 1
        #expect(ourReceiver.unprotectControl(theirs) == .success(plain))
      }
    }
  }

  @Test("An MKI goes with each packet, and another is refused", arguments: SDESCrypto.Suite.allCases)
  func mki(_ suite: SDESCrypto.Suite) throws {
    var random = SeededGenerator(seed: 6)
    let key = random.bytes(suite.keyLength + suite.saltLength)
    let mki = SDESCrypto.MKI(value: 0x0102, length: 4)
    let sender = try OwnContext(suite, key, .send, mki: mki)
    let oracle = try Oracle(suite, key, .receive, mki: [0, 0, 1, 2])
    let receiver = try OwnContext(suite, key, .receive, mki: mki)
    let other = try OwnContext(suite, key, .receive, mki: .init(value: 0x0103, length: 4))
    for i in 0..<50 {
      let plain = random.rtp(sequence: UInt16(i), ssrc: 3)
      let sealed = try #require(sender.protect(plain))
      #expect(oracle.unprotect(sealed) == plain)
      #expect(other.unprotect(sealed) == .failure(.authentication))
      #expect(receiver.unprotect(sealed) == .success(plain))
      let report = random.rtcp(ssrc: 3)
      let sealedReport = try #require(sender.protectControl(report))
      #expect(other.unprotectControl(sealedReport) == .failure(.authentication))
      #expect(receiver.unprotectControl(sealedReport) == .success(report))
    }
  }

  @Test("A sender never uses a number twice")
  func senderRefusesRepeats() throws {
    var random = SeededGenerator(seed: 7)
    let context = try OwnContext(.aesCM128HMACSHA1_80, random.bytes(30), .send)
    #expect(context.protect(random.rtp(sequence: 5, ssrc: 1)) != nil)
    #expect(context.protect(random.rtp(sequence: 5, ssrc: 1)) == nil)
    #expect(context.protect(random.rtp(sequence: 4, ssrc: 1)) != nil)
    #expect(context.protect(random.rtp(sequence: 5, ssrc: 2)) != nil)
  }

  @Test("A receiver that joins after the first roll-over finds the counter", arguments: [0, 1, 5])
  func lateJoin(_ roc: Int) throws {
    var random = SeededGenerator(seed: 8)
    for suite in SDESCrypto.Suite.allCases {
      let key = random.bytes(suite.keyLength + suite.saltLength)
      let sender = try OwnContext(suite, key, .send)
      for r in 0..<roc {
        for s in stride(from: 0, to: 65536, by: 16384) {
          _ = sender.protect(random.rtp(sequence: UInt16(s), ssrc: 1))
        }
        _ = r
      }
      let plain = random.rtp(sequence: 100, ssrc: 1)
      let sealed = try #require(sender.protect(plain))
      let receiver = try OwnContext(suite, key, .receive)
      if roc == 5 {
        #expect(receiver.unprotect(sealed) == .failure(.authentication))
        receiver.context.pointee.inheritedROC = 5
      }
      #expect(receiver.unprotect(sealed) == .success(plain))
    }
  }

  @Test("More sources than a context follows: the least used gives way, the rest go on")
  func manySources() throws {
    var random = SeededGenerator(seed: 9)
    let key = random.bytes(30)
    let sender = try OwnContext(.aesCM128HMACSHA1_80, key, .send)
    let receiver = try OwnContext(.aesCM128HMACSHA1_80, key, .receive)
    for ssrc in 1...40 as ClosedRange<UInt32> {
      let plain = random.rtp(sequence: 1, ssrc: ssrc)
      #expect(receiver.unprotect(try #require(sender.protect(plain))) == .success(plain))
      let steady = random.rtp(sequence: UInt16(ssrc), ssrc: 1000)
      #expect(receiver.unprotect(try #require(sender.protect(steady))) == .success(steady))
    }
  }

  @Test("Keys of the wrong length are refused")
  func keyLengths() {
    for suite in SDESCrypto.Suite.allCases {
      let right = suite.keyLength + suite.saltLength
      for count in [0, right - 1, right + 1] {
        #expect(
          SRTPContext.create(suite, keyAndSalt: [UInt8](repeating: 1, count: count), direction: .send) == nil)
      }
    }
  }

  @Test("Random and truncated bytes never open and never crash", arguments: SDESCrypto.Suite.allCases)
  func junk(_ suite: SDESCrypto.Suite) throws {
    var random = SeededGenerator(seed: 10)
    let key = random.bytes(suite.keyLength + suite.saltLength)
    let receiver = try OwnContext(suite, key, .receive)
    let sender = try OwnContext(suite, key, .send)
    for i in 0..<5_000 {
      var bytes = random.bytes(Int.random(in: 0...80, using: &random))
      if !bytes.isEmpty, i % 2 == 0 { bytes[0] = 0x80 | bytes[0] & 0x3f }
      #expect(!isSuccess(receiver.unprotect(bytes)))
      #expect(!isSuccess(receiver.unprotectControl(bytes)))
    }
    let sealed = try #require(sender.protect(random.rtp(sequence: 1, ssrc: 1)))
    for count in 0..<sealed.count { #expect(!isSuccess(receiver.unprotect(Array(sealed[..<count])))) }
  }
}

private func isSuccess(_ result: Result<[UInt8], SRTPContext.Failure>) -> Bool {
  if case .success = result { true } else { false }
}

/// Our context over arrays.
final class OwnContext {
  let context: UnsafeMutablePointer<SRTPContext>

  struct Refused: Error {}

  init(
    _ suite: SDESCrypto.Suite, _ key: [UInt8], _ direction: SRTPContext.Direction, mki: SDESCrypto.MKI? = nil
  )
    throws
  {
    guard let made = SRTPContext.create(suite, keyAndSalt: key, mki: mki, direction: direction) else {
      throw Refused()
    }
    context = made
  }

  deinit { SRTPContext.destroy(context) }

  func protect(_ packet: [UInt8]) -> [UInt8]? {
    try? run(packet) { buffer, count throws(SRTPContext.Failure) in
      let header = RTPHeader.parse(UnsafeRawBufferPointer(start: buffer, count: count))
      return try context.pointee.protect(buffer, count: count, header: header?.length ?? 12)
    }.get()
  }

  func unprotect(_ packet: [UInt8]) -> Result<[UInt8], SRTPContext.Failure> {
    run(packet) { buffer, count throws(SRTPContext.Failure) in
      try context.pointee.unprotect(buffer, count: count)
    }
  }

  func protectControl(_ packet: [UInt8]) -> [UInt8]? {
    try? run(packet) { buffer, count throws(SRTPContext.Failure) in
      try context.pointee.protectControl(buffer, count: count)
    }.get()
  }

  func unprotectControl(_ packet: [UInt8]) -> Result<[UInt8], SRTPContext.Failure> {
    run(packet) { buffer, count throws(SRTPContext.Failure) in
      try context.pointee.unprotectControl(buffer, count: count)
    }
  }

  private func run(
    _ packet: [UInt8], _ body: (UnsafeMutableRawPointer, Int) throws(SRTPContext.Failure) -> Int
  ) -> Result<[UInt8], SRTPContext.Failure> {
    let buffer = UnsafeMutableRawPointer.allocate(
      byteCount: packet.count + SRTPContext.overhead + 16, alignment: 16)
    defer { buffer.deallocate() }
    packet.withUnsafeBytes {
      if let base = $0.baseAddress { buffer.copyMemory(from: base, byteCount: packet.count) }
    }
    do throws(SRTPContext.Failure) {
      let count = try body(buffer, packet.count)
      return .success(Array(UnsafeRawBufferPointer(start: buffer, count: count)))
    } catch {
      return .failure(error)
    }
  }
}

/// libsrtp2 over arrays.
final class Oracle {
  private let session: srtp_t
  private let key: UnsafeMutablePointer<UInt8>
  private static let initialised = srtp_init()

  init(
    _ suite: SDESCrypto.Suite, _ material: [UInt8], _ direction: SRTPContext.Direction, mki: [UInt8]? = nil
  ) throws {
    try #require(Oracle.initialised == srtp_err_status_ok)
    var policy = srtp_policy_t()
    switch suite {
    case .aesCM128HMACSHA1_80:
      srtp_crypto_policy_set_rtp_default(&policy.rtp)
      srtp_crypto_policy_set_rtcp_default(&policy.rtcp)
    case .aesCM128HMACSHA1_32:
      srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy.rtp)
      srtp_crypto_policy_set_rtcp_default(&policy.rtcp)
    case .aeadAES128GCM:
      srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp)
      srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp)
    case .aeadAES256GCM:
      srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtp)
      srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtcp)
    }
    let key = UnsafeMutablePointer<UInt8>.allocate(capacity: material.count + 16)
    key.initialize(repeating: 0, count: material.count + 16)
    key.update(from: material, count: material.count)
    self.key = key
    policy.ssrc.type = direction == .send ? ssrc_any_outbound : ssrc_any_inbound
    policy.window_size = 128
    var session: srtp_t?
    if let mki {
      var identifier = mki
      var master = srtp_master_key_t()
      let status = identifier.withUnsafeMutableBufferPointer { id in
        withUnsafeMutablePointer(to: &master) { m in
          m.pointee.key = key
          m.pointee.mki_id = id.baseAddress
          m.pointee.mki_size = UInt32(id.count)
          var list: [UnsafeMutablePointer<srtp_master_key_t>?] = [m]
          return list.withUnsafeMutableBufferPointer { l in
            policy.keys = l.baseAddress
            policy.num_master_keys = 1
            return srtp_create(&session, &policy)
          }
        }
      }
      try #require(status == srtp_err_status_ok)
      usesMKI = true
    } else {
      policy.key = key
      try #require(srtp_create(&session, &policy) == srtp_err_status_ok)
      usesMKI = false
    }
    self.session = try #require(session)
  }

  private let usesMKI: Bool

  deinit {
    srtp_dealloc(session)
    key.deallocate()
  }

  func protect(_ packet: [UInt8]) -> [UInt8]? { run(packet) { srtp_protect(session, $0, $1) } }
  func unprotect(_ packet: [UInt8]) -> [UInt8]? {
    run(packet) { usesMKI ? srtp_unprotect_mki(session, $0, $1, 1) : srtp_unprotect(session, $0, $1) }
  }
  func protectControl(_ packet: [UInt8]) -> [UInt8]? { run(packet) { srtp_protect_rtcp(session, $0, $1) } }
  func unprotectControl(_ packet: [UInt8]) -> [UInt8]? {
    run(packet) { srtp_unprotect_rtcp(session, $0, $1) }
  }

  private func run(
    _ packet: [UInt8], _ body: (UnsafeMutableRawPointer, UnsafeMutablePointer<Int32>) -> srtp_err_status_t
  ) -> [UInt8]? {
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: packet.count + 256, alignment: 16)
    defer { buffer.deallocate() }
    packet.withUnsafeBytes { buffer.copyMemory(from: $0.baseAddress!, byteCount: packet.count) }
    var count = Int32(packet.count)
    guard body(buffer, &count) == srtp_err_status_ok else { return nil }
    return Array(UnsafeRawBufferPointer(start: buffer, count: Int(count)))
  }
}
