import TestSupport
import Testing

@testable import Codecs

@Suite struct AudioLevelTests {
  private func level(_ samples: [Int16]) -> UInt8 {
    samples.withUnsafeBufferPointer { AudioLevel(of: $0).value }
  }

  /// RFC 6464 §3: 0 dBov is a full-scale square wave; a sine of the same peak is 3 dB below.
  @Test func levels() {
    #expect(level([Int16](repeating: 32_767, count: 160)) == 0)
    #expect(level([Int16](repeating: -32_768, count: 160)) == 0)
    #expect(level([Int16](repeating: 3_277, count: 160)) == 20)
    #expect(level(AudioSignal.sine(400, rate: 8_000, count: 160, amplitude: 32_767)) == 3)
    #expect(level([Int16](repeating: 1, count: 160)) == 90)
    #expect(level([Int16](repeating: 0, count: 160)) == 127)
    #expect(level([]) == 127)
    #expect(AudioLevel(200) == .silence && AudioLevel(10) > AudioLevel(20))
  }

  private func element(_ identifier: UInt8, _ profile: UInt16, _ bytes: [UInt8]) -> AudioLevelExtension? {
    bytes.withUnsafeBytes { AudioLevelExtension(identifier: identifier, profile: profile, elements: $0) }
  }

  @Test func headerExtensions() {
    let voice = AudioLevelExtension(level: AudioLevel(37), hasVoice: true)
    #expect(voice.byte == 0xa5)
    #expect(element(3, 0xbede, [0x30, 0xa5, 0, 0]) == voice)
    #expect(element(3, 0xbede, [0x12, 9, 9, 9, 0x30, 0x25, 0, 0])?.hasVoice == false)
    #expect(element(3, 0xbede, [0, 0, 0x30, 0xa5]) == voice)
    #expect(element(3, 0x1000, [1, 2, 9, 9, 3, 1, 0xa5, 0]) == voice)
    #expect(element(3, 0x100f, [3, 1, 0xa5, 0]) == voice)
    // Not there, cut off, of another length, behind the end mark, of another form.
    #expect(element(4, 0xbede, [0x30, 0xa5, 0, 0]) == nil)
    #expect(element(3, 0xbede, [0x30]) == nil)
    #expect(element(3, 0xbede, [0x31, 0xa5, 0]) == nil)
    #expect(element(3, 0xbede, [0xf0, 0x30, 0xa5]) == nil)
    #expect(element(3, 0x1000, [3]) == nil)
    #expect(element(3, 0x1000, [3, 9, 1]) == nil)
    #expect(element(3, 0xabcd, [0x30, 0xa5]) == nil)
    #expect(element(0, 0xbede, [0x00, 0xa5]) == nil)
  }

  @Test func anyExtensionIsReadOrRefused() {
    var generator = SplitMix(seed: 8)
    for _ in 0..<5_000 {
      let bytes = (0..<Int(generator.next() % 24)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      for profile: UInt16 in [0xbede, 0x1000] { _ = element(UInt8(generator.next() % 16), profile, bytes) }
    }
  }

  /// Speech is told from background at any level of background.
  @Test(arguments: [2.0, 50, 300]) func voiceStandsOut(background: Double) {
    var detector = VoiceDetector()
    func note(_ samples: [Int16]) -> Bool {
      samples.withUnsafeBufferPointer { detector.note(AudioLevel(of: $0)) }
    }
    let noise = AudioSignal.noise(count: 960 * 200, amplitude: background, seed: 2)
    var found = 0
    for i in 0..<200 {
      let start = i * 960
      if note(Array(noise[start..<start + 960])), i > 160 { found += 1 }
    }
    #expect(found == 0)
    var voice = SpeechLike(seed: 2, pitch: 150)
    let speech = voice.samples(960 * 200)
    found = 0
    for i in 0..<200 {
      let frame = i * 960..<i * 960 + 960
      let mixed = zip(speech[frame], noise[frame]).map { Int16(clamping: Int($0) + Int($1)) }
      if note(mixed) { found += 1 }
    }
    #expect(found > 120)
  }
}
