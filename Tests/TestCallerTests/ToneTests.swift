import Codecs
import Foundation
import TestSupport
import Testing

@testable import TestCaller

@Suite struct ToneTests {
  static func tone(_ frequency: Double, seconds: Double = 3, amplitude: Double = 16_384, rate: Int = 8000)
    -> [Int16]
  {
    var generator = ToneGenerator(frequency: frequency, amplitude: amplitude, sampleRate: rate)
    return generator.samples(Int(seconds * Double(rate)))
  }

  @Test(arguments: [300, 440, 441.3, 697.25, 1000, 1633, 3000.5] as [Double], [1.1, 3])
  func aToneIsFoundWithinAHertz(frequency: Double, seconds: Double) throws {
    let analysis = ToneAnalysis(Self.tone(frequency, seconds: seconds), sampleRate: 8000)
    let peak = try #require(analysis.peaks.first)
    #expect(abs(peak.frequency - frequency) < 0.5)
    #expect(peak.share > 0.99)
    #expect(abs(analysis.level - 16_384 / 2.0.squareRoot()) < 50)
  }

  @Test(arguments: [8000, 16_000, 44_100, 48_000]) func atAnyRate(rate: Int) {
    #expect(ToneAnalysis(Self.tone(880, rate: rate), sampleRate: rate).isTone(880))
    #expect(!ToneAnalysis(Self.tone(880, rate: rate), sampleRate: rate).isTone(882))
  }

  @Test(arguments: G711.allCases) func throughG711(codec: G711) {
    let heard = codec.decode(codec.encode(Self.tone(440)))
    #expect(ToneAnalysis(heard, sampleRate: 8000).isTone(440))
  }

  @Test func twoTonesShareTheEnergy() throws {
    let mixed = zip(Self.tone(440, amplitude: 8000), Self.tone(880, amplitude: 8000)).map { $0 + $1 }
    let analysis = ToneAnalysis(mixed, sampleRate: 8000)
    #expect(analysis.peaks.prefix(2).map { $0.frequency.rounded() }.sorted() == [440, 880])
    for peak in analysis.peaks.prefix(2) { #expect(abs(peak.share - 0.5) < 0.02) }
    #expect(!analysis.isTone(440))
    #expect((analysis.peaks.last?.share ?? 1) < 0.001)
  }

  @Test func aToneInNoiseIsFoundAndItsShareFalls() throws {
    var random = SplitMix(seed: 1)
    let noise = (0..<24_000).map { _ in Int16.random(in: -6000...6000, using: &random) }
    let mixed = zip(Self.tone(440, amplitude: 8000), noise).map { $0 + $1 }
    let analysis = ToneAnalysis(mixed, sampleRate: 8000)
    let peak = try #require(analysis.peaks.first)
    #expect(abs(peak.frequency - 440) < 1)
    // 32 of 44 million: the tone's power over that of both.
    #expect(abs(peak.share - 0.727) < 0.03)
    #expect(!analysis.isTone(440))
    let noiseOnly = ToneAnalysis(noise, sampleRate: 8000)
    #expect((noiseOnly.peaks.first?.share ?? 1) < 0.1)
  }

  @Test func aGapLowersTheShare() {
    var samples = Self.tone(440)
    for i in samples.indices where i / 800 % 2 == 0 { samples[i] = 0 }
    #expect(!ToneAnalysis(samples, sampleRate: 8000).isTone(440))
  }

  @Test func silenceHasNoTone() {
    for value in [0, 8, -8] as [Int16] {
      let analysis = ToneAnalysis(Array(repeating: value, count: 8000), sampleRate: 8000)
      #expect(analysis.isSilent)
      #expect(!analysis.isTone(440))
    }
    #expect(ToneAnalysis(Self.tone(440, amplitude: 8), sampleRate: 8000).isSilent)
  }

  @Test(arguments: [0, 1, 255]) func tooFewSamplesHaveNoTone(count: Int) {
    #expect(ToneAnalysis(Array(repeating: 1000, count: count), sampleRate: 8000).peaks.isEmpty)
  }

  @Test func theGeneratorGoesOnWhereItStopped() {
    var pieces = ToneGenerator(frequency: 440.5)
    let joined = (0..<50).flatMap { _ in pieces.samples(160) }
    var whole = ToneGenerator(frequency: 440.5)
    #expect(joined == whole.samples(8000))
  }
}
