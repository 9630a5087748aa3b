import TestSupport
import Testing

@testable import Codecs

@Suite struct OpusTests {
  private func packet(_ bytes: [UInt8]) -> OpusPacket? { bytes.withUnsafeBytes { OpusPacket($0) } }

  /// RFC 6716 table 2: a configuration of each kind.
  @Test(
    arguments: [
      (0, .silk, 480), (3, .silk, 2_880), (9, .silk, 960), (11, .silk, 2_880), (12, .hybrid, 480),
      (15, .hybrid, 960), (16, .celt, 120), (19, .celt, 960), (28, .celt, 120), (31, .celt, 960),
    ] as [(UInt8, OpusPacket.Mode, Int)])
  func tableOfContents(configuration: UInt8, mode: OpusPacket.Mode, duration: Int) throws {
    let packet = try #require(self.packet([configuration << 3, 1, 2, 3]))
    #expect(packet.mode == mode && packet.frameDuration == duration && packet.frameCount == 1)
    #expect(!packet.isStereo)
    #expect(try #require(self.packet([configuration << 3 | 4, 1, 2])).isStereo)
  }

  @Test func framesAndTheirRules() {
    #expect(packet([]) == nil)
    // Code 1: two of equal length (R3).
    #expect(packet([0x79, 1, 2, 3, 4])?.frameCount == 2)
    #expect(packet([0x79, 1, 2, 3]) == nil)
    // Code 2: the first's length is written (R4).
    #expect(packet([0x7a, 2, 1, 1, 5])?.duration == 1_920)
    #expect(packet([0x7a, 4, 1, 1, 5]) == nil)
    #expect(packet([0x7a]) == nil)
    #expect(packet([0x7a, 252]) == nil)
    // Code 3: count, padding, lengths (R5 to R7).
    #expect(packet([0x7b, 0x03, 1, 2, 3])?.frameCount == 3)
    #expect(packet([0x7b, 0x03, 1, 2, 3, 4]) == nil)
    #expect(packet([0x7b, 0x00, 1]) == nil)
    #expect(packet([0x7b]) == nil)
    #expect(packet([0x7b, 0x43, 2, 1, 2, 3, 0, 0])?.frameCount == 3)
    #expect(packet([0x7b, 0x43, 9, 1, 2, 3, 0, 0]) == nil)
    #expect(packet([0x7b, 0x43, 255]) == nil)
    #expect(packet([0x7b, 0x82, 1, 9, 8])?.frameCount == 2)
    #expect(packet([0x7b, 0x82, 3, 9, 8]) == nil)
    // 120 ms, and more than that (R5).
    #expect(packet([0x7b, 6, 1, 2, 3, 4, 5, 6])?.duration == 5_760)
    #expect(packet([0x7b, 7, 1, 2, 3, 4, 5, 6, 7]) == nil)
    // A frame has 1275 bytes at most (R2).
    #expect(packet([0x78] + [UInt8](repeating: 1, count: 1_275))?.frameCount == 1)
    #expect(packet([0x78] + [UInt8](repeating: 1, count: 1_276)) == nil)
  }

  @Test func silenceOfDiscontinuousTransmission() throws {
    #expect(packet([0x78])?.isSilence == true)
    #expect(packet([0x78, 1])?.isSilence == true)
    #expect(packet([0x78, 1, 2])?.isSilence == false)
    let trip = try RoundTrip(.opus, settings: OpusSettings(usesDTX: true))
    let quiet = trip.encode([Int16](repeating: 0, count: 48_000 * 2)).map(\.count)
    #expect(quiet.filter { $0 == 0 }.count > 60)
    // It says so now and then (RFC 7587 §3.1.3).
    #expect(quiet.suffix(50).contains { $0 > 0 })
  }

  /// The voice flag tells speech from noise without decoding.
  @Test func voiceFlag() throws {
    var voice = SpeechLike(seed: 3, pitch: 140)
    let trip = try RoundTrip(.opus)
    let speech = trip.encode(voice.samples(96_000)).compactMap { packet($0)?.hasVoice }
    #expect(speech.count == 100 && speech.filter { $0 }.count > 60)
    let other = try RoundTrip(.opus)
    let noise = other.encode(AudioSignal.noise(count: 96_000, amplitude: 4, seed: 1))
    #expect(noise.compactMap { packet($0)?.hasVoice }.filter { $0 }.count <= 2)
  }

  /// The redundancy flag, against what the decoder can do with it: the lost frame comes back.
  @Test func inBandRedundancy() throws {
    var voice = SpeechLike(seed: 9, pitch: 110)
    let sent = voice.samples(96_000)
    let settings = OpusSettings(bitrate: 24_000, usesRedundancy: true, expectedLoss: 20)
    let with = try RoundTrip(.opus, settings: settings)
    let packets = with.encode(sent)
    #expect(packets.filter { packet($0)?.hasRedundancy == true }.count > 30)
    let without = try RoundTrip(.opus)
    #expect(without.encode(sent).allSatisfy { packet($0)?.hasRedundancy == false })

    // Every fifth packet is lost: recovered audio is nearer to what no loss gives than concealed audio.
    var recovered = 0.0
    var concealed = 0.0
    let whole = try RoundTrip(.opus)
    let first = try RoundTrip(.opus)
    let second = try RoundTrip(.opus)
    for i in packets.indices.dropLast() {
      let reference = whole.decode(packets[i]) ?? []
      guard i % 5 == 4 else {
        _ = first.decode(packets[i])
        _ = second.decode(packets[i])
        continue
      }
      let a = first.recover(960, from: packets[i + 1])
      let b = second.conceal(960)
      recovered += AudioSignal.rootMeanSquare(zip(a, reference).map { Int16(clamping: Int($0) - Int($1)) })
      concealed += AudioSignal.rootMeanSquare(zip(b, reference).map { Int16(clamping: Int($0) - Int($1)) })
    }
    #expect(recovered < 0.8 * concealed)
  }

  /// A listener who is moved from one encoder to its copy hears no difference at all.
  @Test func aCopiedEncoderGoesOnExactly() throws {
    var voice = SpeechLike(seed: 5, pitch: 120)
    let sent = voice.samples(48_000)
    let one = try RoundTrip(.opus)
    _ = one.encode(Array(sent[..<24_000]))
    let other = try RoundTrip(.opus)
    let isCopied = other.encoder.copyState(from: one.encoder)
    #expect(isCopied)
    #expect(other.encode(Array(sent[24_000...])) == one.encode(Array(sent[24_000...])))
    let g722 = try RoundTrip(.g722)
    _ = g722.encode(Array(sent[..<16_000]))
    let g722Copy = try RoundTrip(.g722)
    let isCopiedToo = g722Copy.encoder.copyState(from: g722.encoder)
    #expect(isCopiedToo)
    #expect(g722Copy.encode(Array(sent[16_000...])) == g722.encode(Array(sent[16_000...])))
    let isCopiedAcross = g722Copy.encoder.copyState(from: one.encoder)
    #expect(!isCopiedAcross)
  }
}
