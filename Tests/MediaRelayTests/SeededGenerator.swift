import TestSupport

/// Random packets, the same in every run.
struct SeededGenerator: RandomNumberGenerator {
  private var generator: SplitMix
  init(seed: UInt64) { generator = SplitMix(seed: seed) }

  mutating func next() -> UInt64 { generator.next() }

  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
  }

  /// A valid RTP packet with random payload, CSRCs and header extension.
  mutating func rtp(sequence: UInt16, ssrc: UInt32, payloadType: UInt8 = 0) -> [UInt8] {
    let csrcs = Int.random(in: 0...3, using: &self)
    let hasExtension = Bool.random(using: &self)
    var packet: [UInt8] = [0x80 | UInt8(csrcs) | (hasExtension ? 0x10 : 0), payloadType]
    packet += bigEndian(sequence) + bytes(4) + bigEndian(ssrc) + bytes(4 * csrcs)
    if hasExtension {
      let words = Int.random(in: 0...4, using: &self)
      packet += [0xbe, 0xde] + bigEndian(UInt16(words)) + bytes(4 * words)
    }
    return packet + bytes(Int.random(in: 0...400, using: &self))
  }

  /// A sender report with an SDES chunk.
  mutating func rtcp(ssrc: UInt32) -> [UInt8] {
    [0x80, 200] + bigEndian(UInt16(6)) + bigEndian(ssrc) + bytes(20) + [0x81, 202] + bigEndian(UInt16(3))
      + bigEndian(ssrc) + [1, 4] + bytes(4) + [0, 0]
  }
}

func bigEndian<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
  withUnsafeBytes(of: value.bigEndian) { Array($0) }
}

/// A plain RTP packet.
func rtp(
  _ payloadType: UInt8, sequence: UInt16, timestamp: UInt32 = 0, ssrc: UInt32 = 0x1111, marker: Bool = false,
  payload: [UInt8] = [UInt8](repeating: 0xd5, count: 160)
) -> [UInt8] {
  [0x80, payloadType | (marker ? 0x80 : 0)] + bigEndian(sequence) + bigEndian(timestamp) + bigEndian(ssrc)
    + payload
}
