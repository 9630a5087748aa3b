import TestSupport
import Testing

@testable import Codecs

@Suite struct ToneTests {
  private func detect(_ samples: [Int16]) throws -> [TouchTone] {
    var detector = try unwrapped(DTMFDetector())
    var found: [TouchTone] = []
    for start in stride(from: 0, to: samples.count, by: 160) {
      samples[start..<min(samples.count, start + 160)].withUnsafeBufferPointer { detector.process($0) }
      while let tone = detector.next() { found.append(tone) }
    }
    return found
  }

  private func add(_ a: [Int16], _ b: [Int16]) -> [Int16] {
    zip(a, b).map { Int16(clamping: Int($0) + Int($1)) }
  }

  /// All keys, 18 dB above white noise, and once more at the lowest level that networks deliver.
  @Test(arguments: [(-10.0, 1_500.0), (-25, 60), (-4, 0)]) func allKeysInNoise(level: Double, noise: Double)
    throws
  {
    let tones = SignalTone.digits(TouchTone.allCases, milliseconds: 60, pause: 60, level: Float(level))
    let samples = tones.samples(rate: 8_000)
    let noise = AudioSignal.noise(count: samples.count, amplitude: noise, seed: 5)
    #expect(try detect(add(samples, noise)) == TouchTone.allCases)
  }

  /// Through the codecs of telephony.
  @Test(arguments: G711.allCases) func allKeysThroughG711(codec: G711) throws {
    let samples = SignalTone.digits(TouchTone.allCases).samples(rate: 8_000)
    #expect(try detect(codec.decode(codec.encode(samples))) == TouchTone.allCases)
  }

  @Test func aLongKeyIsOneKey() throws {
    let tones = SignalTone.digits([.five], milliseconds: 3_000)
    #expect(try detect(tones.samples(rate: 8_000)) == [.five])
    let twice = SignalTone.digits([.five, .five], milliseconds: 80, pause: 80)
    #expect(try detect(twice.samples(rate: 8_000)) == [.five, .five])
  }

  /// Five minutes of voices press no key.
  @Test(arguments: 1...5) func speechIsNoKey(seed: Int) throws {
    var voice = SpeechLike(seed: UInt64(seed), pitch: 90 + Double(seed) * 30)
    var resampler = try unwrapped(Resampler(from: 48_000, to: 8_000))
    let speech = voice.samples(48_000 * 60)
    var samples = [Int16](repeating: 0, count: 8_000 * 60)
    _ = speech.withUnsafeBufferPointer { from in
      samples.withUnsafeMutableBufferPointer { resampler.process(from, into: $0) }
    }
    #expect(try detect(samples) == [])
  }

  @Test func singleTonesAndProgressTonesAreNoKey() throws {
    #expect(try detect(AudioSignal.sine(697, rate: 8_000, count: 8_000)) == [])
    #expect(try detect(AudioSignal.sine(1_336, rate: 8_000, count: 8_000)) == [])
    for tone in [
      SignalTone.Europe.dial, SignalTone.Europe.busy, SignalTone.NorthAmerica.dial, .NorthAmerica.busy,
    ] {
      #expect(try detect(tone.samples(rate: 8_000)) == [])
    }
  }

  /// ITU-T Q.23, and the event codes of RFC 4733.
  @Test func keys() {
    #expect(TouchTone("5") == .five && TouchTone("#") == .pound && TouchTone("*") == .star)
    #expect(TouchTone("d") == .d && TouchTone("E") == nil && TouchTone("é") == nil)
    #expect(TouchTone.zero.rawValue == 0 && TouchTone.star.rawValue == 10 && TouchTone.d.rawValue == 15)
    #expect(TouchTone.zero.frequencies == (941, 1_336))
    #expect(TouchTone.a.frequencies == (697, 1_633))
    #expect(String(TouchTone.allCases.map(\.character)) == "0123456789*#ABCD")
  }

  @Test func progressTones() {
    let busy = SignalTone.Europe.busy.samples(rate: 8_000)
    #expect(busy.count == 8_000)
    #expect(AudioSignal.purity(of: 425, in: busy[400..<3_600], rate: 8_000) > 40)
    #expect(busy[4_000...].allSatisfy { $0 == 0 })
    let level = Array(busy[400..<3_600]).withUnsafeBufferPointer { AudioLevel(of: $0) }
    #expect(level.value == 13)
    // Dial tone comes round without a seam.
    let dial = SignalTone.NorthAmerica.dial.samples(rate: 8_000)
    let twice = dial + dial
    #expect(AudioSignal.level(of: 350, in: twice[4_000..<12_000], rate: 8_000) > 5_000)
    #expect(AudioSignal.level(of: 440, in: twice[4_000..<12_000], rate: 8_000) > 5_000)
    #expect(abs(Int(dial[0]) - Int(dial[7_999])) < 6_600)
  }
}

@Suite struct ComfortNoiseTests {
  @Test func payloads() throws {
    let described = ComfortNoiseDescription(level: AudioLevel(60), reflection: [0.5, -0.25])
    #expect(described.payload == [60, 191, 95])
    let read = try #require(described.payload.withUnsafeBytes { ComfortNoiseDescription($0) })
    #expect(read.level == described.level && read.reflection.count == 2)
    #expect(abs(read.reflection[0] - 0.5) < 0.01 && abs(read.reflection[1] + 0.25) < 0.01)
    #expect([UInt8]().withUnsafeBytes { ComfortNoiseDescription($0) } == nil)
    let long = [UInt8](repeating: 127, count: 12)
    #expect(long.withUnsafeBytes { ComfortNoiseDescription($0) }?.reflection.count == 10)
  }

  /// Noise that is made from a measure has the level, and the colour, of what was measured.
  @Test(arguments: [30.0, 400, 3_000]) func likeTheOriginal(amplitude: Double) {
    let white = AudioSignal.noise(count: 8_000, amplitude: amplitude, seed: 4)
    var dark = white
    for i in 1..<dark.count { dark[i] = Int16(0.8 * Double(dark[i - 1]) + 0.3 * Double(white[i])) }
    for original in [white, dark] {
      let described = original.withUnsafeBufferPointer { ComfortNoiseDescription(of: $0) }
      var generator = ComfortNoiseGenerator()
      generator.update(described)
      var made = [Int16](repeating: 0, count: 16_000)
      made.withUnsafeMutableBufferPointer { generator.generate(into: $0) }
      let settled = Array(made[8_000...])
      let ratio = AudioSignal.rootMeanSquare(settled) / AudioSignal.rootMeanSquare(original)
      #expect(ratio > 0.7 && ratio < 1.4)
      func steepness(_ samples: [Int16]) -> Double {
        let steps = zip(samples, samples.dropFirst()).map { Int16(clamping: Int($0) - Int($1)) }
        return AudioSignal.rootMeanSquare(steps) / AudioSignal.rootMeanSquare(samples)
      }
      #expect(abs(steepness(settled) - steepness(original)) < 0.25)
    }
  }

  @Test func anyDescriptionIsStable() {
    var random = SplitMix(seed: 6)
    for _ in 0..<300 {
      let payload = (0..<Int(random.next() % 12) + 1).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      guard let described = payload.withUnsafeBytes({ ComfortNoiseDescription($0) }) else { continue }
      var generator = ComfortNoiseGenerator(seed: UInt32(truncatingIfNeeded: random.next()))
      generator.update(described)
      var made = [Int16](repeating: 0, count: 4_000)
      made.withUnsafeMutableBufferPointer { generator.generate(into: $0) }
      let level = made.suffix(2_000).withContiguousStorageIfAvailable { AudioLevel(of: $0) } ?? .silence
      #expect(Int(level.value) >= Int(described.level.value) - 8)
    }
  }
}
