import TestSupport
import Testing

@testable import Codecs

@Suite struct TimeStretchTests {
  @Test(arguments: [8_000, 16_000, 48_000]) func pitchIsFound(rate: Int) {
    let search = PitchSearch(sampleRate: rate)
    let samples = AudioSignal.sine(200, rate: rate, count: rate / 10)
    let lag = samples.withUnsafeBufferPointer { search.lag(endingAt: $0.baseAddress! + $0.count) }
    // The period, or a multiple of it.
    let period = rate / 200
    #expect(lag % period <= 1 || lag % period >= period - 1)
    #expect(lag >= search.minimumLag && lag <= search.maximumLag)
  }

  @Test(arguments: [8_000, 48_000]) func shorterAndLongerKeepThePitch(rate: Int) {
    let stretch = TimeStretch(sampleRate: rate)
    let frame = rate / 25
    #expect(stretch.minimumCount <= frame)
    for isShorter in [true, false] {
      var heard: [Int16] = []
      for block in 0..<10 {
        let source = AudioSignal.sine(220, rate: rate, count: frame, from: block * frame)
        var samples = source + [Int16](repeating: 0, count: stretch.maximumGrowth)
        let count = samples.withUnsafeMutableBufferPointer { buffer in
          isShorter
            ? stretch.compress(buffer.baseAddress!, count: frame)
            : stretch.expand(buffer.baseAddress!, count: frame)
        }
        #expect(isShorter ? count < frame : count > frame)
        #expect(abs(count - frame) <= stretch.maximumGrowth)
        heard += samples[..<count]
      }
      #expect(AudioSignal.level(of: 220, in: heard, rate: rate) > 5_000)
      let steps = zip(heard, heard.dropFirst()).map { abs(Int($0) - Int($1)) }
      #expect(Double(steps.max() ?? 0) < 2.5 * 10_000 * 2 * 3.1416 * 220 / Double(rate))
    }
  }

  @Test func whatIsTooShortStaysAsItIs() {
    let stretch = TimeStretch(sampleRate: 8_000)
    var samples = AudioSignal.sine(220, rate: 8_000, count: stretch.minimumCount - 1)
    let before = samples
    let count = samples.withUnsafeMutableBufferPointer { buffer in
      stretch.compress(buffer.baseAddress!, count: buffer.count)
    }
    #expect(count == before.count && samples == before)
  }
}
