import TestSupport
import Testing

@testable import Codecs

@Suite struct ResamplerTests {
  private func convert(_ samples: [Int16], from: Int, to: Int) throws -> [Int16] {
    var resampler = try unwrapped(Resampler(from: from, to: to))
    var result: [Int16] = []
    for start in stride(from: 0, to: samples.count, by: from / 50) {
      let frame = samples[start..<min(samples.count, start + from / 50)]
      var output = [Int16](repeating: 0, count: resampler.outputCount(for: frame.count))
      let count = frame.withUnsafeBufferPointer { source in
        output.withUnsafeMutableBufferPointer { resampler.process(source, into: $0) }
      }
      result += output[..<count]
    }
    return result
  }

  @Test(
    arguments: [
      (8_000, 48_000), (16_000, 48_000), (48_000, 8_000), (48_000, 16_000), (8_000, 16_000), (44_100, 48_000),
    ])
  func aToneStaysWhereItIs(from: Int, to: Int) throws {
    let output = try convert(AudioSignal.sine(1_000, rate: from, count: from), from: from, to: to)
    #expect(abs(output.count - to) <= 1)
    let middle = output[to / 4..<to * 3 / 4]
    #expect(AudioSignal.purity(of: 1_000, in: middle, rate: to) > 40)
    #expect(abs(AudioSignal.level(of: 1_000, in: middle, rate: to) - 7_071) < 150)
  }

  /// What the lower rate cannot carry is gone, and not folded to another frequency.
  @Test func aliasesAreFilteredOut() throws {
    let output = try convert(AudioSignal.sine(5_000, rate: 48_000, count: 48_000), from: 48_000, to: 8_000)
    #expect(AudioSignal.rootMeanSquare(output[2_000..<6_000]) < 30)
  }

  @Test func latencyIsAFewMilliseconds() throws {
    for (from, to) in [(8_000, 48_000), (48_000, 8_000)] {
      let resampler = try unwrapped(Resampler(from: from, to: to))
      let latency = resampler.latency
      #expect(latency * 1_000 / to <= 5)
    }
    #expect(throws: NothingThere.self) { _ = try unwrapped(Resampler(from: 0, to: 8_000)) }
    #expect(throws: NothingThere.self) { _ = try unwrapped(Resampler(from: 8_000, to: 400_000)) }
  }
}
