import Codecs
import Glibc
import TestSupport
import Testing

@Suite struct NoiseReductionTests {
  static let rate = 48_000
  static let frame = rate / 50

  /// What becomes of a sound.
  static func cleaned(_ samples: [Int16], _ settings: NoiseReduction.Settings) throws -> [Int16] {
    let reduction = try #require(MadeNoiseReduction(settings))
    return reduction.process(samples)
  }

  /// The macro takes only what can be copied.
  final class MadeNoiseReduction {
    private var reduction: NoiseReduction

    init?(_ settings: NoiseReduction.Settings) {
      guard let made = NoiseReduction(settings, sampleRate: NoiseReductionTests.rate) else { return nil }
      reduction = made
    }

    func process(_ samples: [Int16]) -> [Int16] {
      var samples = samples
      samples.withUnsafeMutableBufferPointer { all in
        for start in stride(
          from: 0, to: all.count - NoiseReductionTests.frame + 1, by: NoiseReductionTests.frame)
        {
          reduction.process(
            UnsafeMutableBufferPointer(rebasing: all[start..<start + NoiseReductionTests.frame]))
        }
      }
      return samples
    }
  }

  static func decibels(_ a: [Int16], over b: [Int16], in range: Range<Int>) -> Double {
    20
      * log10(
        max(1, AudioSignal.rootMeanSquare(a[range])) / max(1, AudioSignal.rootMeanSquare(b[range])))
  }

  @Test func steadyNoiseGoesAndSpeechStays() throws {
    var speaker = SpeechLike(seed: 3, pitch: 120)
    let count = 6 * Self.rate
    let noise = AudioSignal.noise(count: count, amplitude: 600, seed: 7)
    let speech = [Int16](repeating: 0, count: 3 * Self.rate) + speaker.samples(3 * Self.rate)
    let both = zip(noise, speech).map { Int16(clamping: Int($0) + Int($1)) }
    let result = try Self.cleaned(both, .init(denoises: true))
    let alone = Self.decibels(result, over: both, in: 2 * Self.rate..<3 * Self.rate)
    let spoken = Self.decibels(result, over: both, in: 4 * Self.rate..<6 * Self.rate)
    #expect(alone < -10, "noise \(alone) dB")
    #expect(spoken > -3, "speech \(spoken) dB")
  }

  @Test func whoDoesNotSpeakIsTurnedDownAndBackAtOnce() throws {
    var speaker = SpeechLike(seed: 5, pitch: 180)
    let noise = AudioSignal.noise(count: 4 * Self.rate, amplitude: 500, seed: 9)
    let input = noise + speaker.samples(2 * Self.rate)
    let result = try Self.cleaned(input, .init(softMutes: true))
    let quiet = Self.decibels(result, over: input, in: 3 * Self.rate..<4 * Self.rate)
    let spoken = Self.decibels(result, over: input, in: 4 * Self.rate + Self.rate / 4..<6 * Self.rate)
    #expect(quiet < -14, "noise \(quiet) dB")
    #expect(spoken > -3, "speech \(spoken) dB")
  }

  @Test func whatIsSwitchedOffCostsNothing() {
    #expect(NoiseReduction.Settings().isOff)
    #expect(MadeNoiseReduction(.init()) == nil)
  }
}
