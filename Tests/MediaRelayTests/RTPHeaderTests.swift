import Testing

@testable import MediaRelay

@Suite struct RTPHeaderTests {
  @Test("Header, CSRCs and extension are measured at their limits")
  func limits() {
    let plain = rtp(
      111, sequence: 0xfffe, timestamp: 0x0102_0304, ssrc: 0x8000_0001, marker: true, payload: [1, 2])
    let header = parse(plain)
    #expect(header?.payloadType == 111 && header?.marker == true && header?.sequenceNumber == 0xfffe)
    #expect(header?.timestamp == 0x0102_0304 && header?.ssrc == 0x8000_0001 && header?.length == 12)
    #expect(parse(Array(plain[..<12]))?.length == 12)
    #expect(parse(Array(plain[..<11])) == nil)
    #expect(parse([0x40] + plain[1...]) == nil)
    let csrcs: [UInt8] = [0x8f] + plain[1..<12]
    #expect(parse(csrcs + [UInt8](repeating: 0, count: 60))?.length == 72)
    #expect(parse(csrcs + [UInt8](repeating: 0, count: 59)) == nil)
    let extended: [UInt8] = [0x90] + plain[1..<12]
    #expect(parse(extended + [0, 0, 0, 2] + [UInt8](repeating: 0, count: 8))?.length == 24)
    #expect(parse(extended + [0, 0, 0, 2] + [UInt8](repeating: 0, count: 7)) == nil)
    #expect(parse(extended + [0, 0, 0]) == nil)
  }

  @Test("Padding has to lie in the payload")
  func padding() {
    let base: [UInt8] = [0xa0] + rtp(0, sequence: 1)[1..<12]
    func payload(_ packet: [UInt8]) -> Range<Int>? {
      packet.withUnsafeBytes { bytes in RTPHeader.parse(bytes).flatMap { $0.payload(in: bytes) } }
    }
    #expect(payload(base + [9, 9, 2]) == nil ? false : payload(base + [9, 9, 2]) == 12..<13)
    #expect(payload(base + [0, 0, 3]) == 12..<12)
    #expect(payload(base + [0, 0, 4]) == nil)
    #expect(payload(base + [0, 0, 0]) == nil)
    #expect(payload(base) == nil)
  }

  @Test("What is written is what is read")
  func roundTrip() {
    var random = SeededGenerator(seed: 50)
    for _ in 0..<200 {
      let header = RTPHeader(
        payloadType: .random(in: 0...127, using: &random),
        sequenceNumber: .random(in: 0 ... .max, using: &random),
        timestamp: .random(in: 0 ... .max, using: &random), ssrc: .random(in: 0 ... .max, using: &random),
        marker: .random(using: &random))
      var bytes = [UInt8](repeating: 0, count: 12)
      bytes.withUnsafeMutableBytes { header.write(to: $0.baseAddress!) }
      #expect(parse(bytes) == header)
    }
  }

  @Test("First bytes tell the kinds apart (RFC 7983)")
  func kinds() {
    #expect(
      PacketKind.of(0, 1, multiplexed: true) == .stun && PacketKind.of(3, 0, multiplexed: true) == .stun)
    #expect(
      PacketKind.of(4, 0, multiplexed: true) == .unknown && PacketKind.of(16, 0, multiplexed: true) == .zrtp)
    #expect(
      PacketKind.of(20, 0, multiplexed: true) == .dtls && PacketKind.of(63, 0, multiplexed: true) == .dtls)
    #expect(PacketKind.of(64, 0, multiplexed: true) == .turnChannel)
    #expect(
      PacketKind.of(128, 0, multiplexed: true) == .rtp && PacketKind.of(191, 0, multiplexed: true) == .rtp)
    #expect(PacketKind.of(192, 0, multiplexed: true) == .unknown)
    #expect(
      PacketKind.of(128, 200, multiplexed: false) == .rtcp
        && PacketKind.of(128, 192, multiplexed: true) == .rtcp)
    #expect(
      PacketKind.of(128, 192, multiplexed: false) == .rtp
        && PacketKind.of(128, 224, multiplexed: true) == .rtp)
  }

  private func parse(_ bytes: [UInt8]) -> RTPHeader? { bytes.withUnsafeBytes { RTPHeader.parse($0) } }
}

@Suite struct RTCPCompoundTests {
  private func parse(_ bytes: [UInt8]) -> RTCPCompound? { bytes.withUnsafeBytes { RTCPCompound.parse($0) } }
  private let receiverReport: [UInt8] = [0x80, 201, 0, 1, 0, 0, 0, 7]

  @Test("Compounds are walked to the end or refused")
  func walk() {
    #expect(parse(receiverReport) == RTCPCompound(count: 1, ssrc: 7, senderReport: nil))
    var random = SeededGenerator(seed: 51)
    #expect(parse(random.rtcp(ssrc: 9))?.count == 2)
    #expect(parse(receiverReport + [0x80, 203, 0, 0])?.count == 2)
    #expect(parse(receiverReport + [0x80, 203, 0, 1]) == nil)
    #expect(parse(receiverReport + [0x80, 203, 0]) == nil)
    #expect(parse([0x81, 201, 0, 1, 0, 0, 0, 7]) == nil, "a report block that is not there")
    #expect(parse([0x80, 200, 0, 1, 0, 0, 0, 7]) == nil, "a sender report without its numbers")
    #expect(parse([0x80, 191, 0, 1, 0, 0, 0, 7]) == nil && parse([0x80, 214, 0, 1, 0, 0, 0, 7]) == nil)
    #expect(parse([0x40, 201, 0, 1, 0, 0, 0, 7]) == nil && parse([]) == nil)
  }

  @Test("Padding only at the end, in whole words")
  func padding() {
    #expect(parse(receiverReport + [0xa0, 204, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4]) != nil)
    #expect(parse(receiverReport + [0xa0, 204, 0, 2, 0, 0, 0, 1, 0, 0, 0, 8]) != nil)
    #expect(parse(receiverReport + [0xa0, 204, 0, 2, 0, 0, 0, 1, 0, 0, 0, 12]) == nil)
    #expect(parse(receiverReport + [0xa0, 204, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3]) == nil)
    #expect(parse([0xa0, 201, 0, 1, 0, 0, 0, 4] + receiverReport) == nil)
  }

  @Test("Sixty-four packets, not more")
  func limit() {
    let many = (0..<64).flatMap { _ in receiverReport }
    #expect(parse(many)?.count == 64)
    #expect(parse(many + receiverReport) == nil)
  }

  @Test("Random bytes never crash")
  func junk() {
    var random = SeededGenerator(seed: 52)
    for _ in 0..<20_000 {
      var bytes = random.bytes(Int.random(in: 0...30, using: &random) * 4)
      if bytes.count > 4 {
        bytes[0] = 0x80 | bytes[0] & 0x3f
        bytes[1] = 200 + bytes[1] % 8
        bytes[2] = 0
        bytes[3] &= 15
      }
      if parse(bytes) != nil { bytes.withUnsafeBytes { RTCPCompound.forEachReportBlock($0) { _ in } } }
    }
  }
}
