import Codecs
import Foundation

/// A sine that can be drawn sample by sample without drifting.
public struct ToneGenerator: Sendable {
  /// Hertz.
  public let frequency: Double
  /// Peak, in the units of 16-bit samples.
  public let amplitude: Double
  public let sampleRate: Int
  private var position: UInt64 = 0

  public init(frequency: Double, amplitude: Double = 16_384, sampleRate: Int = G711.sampleRate) {
    self.frequency = frequency
    self.amplitude = min(max(amplitude, 0), 32_767)
    self.sampleRate = sampleRate
  }

  public mutating func samples(_ count: Int) -> [Int16] {
    (0..<count).map { _ in
      // From the position, not by adding angles: no error gathers over hours.
      let turns = (Double(position) * frequency / Double(sampleRate)).truncatingRemainder(dividingBy: 1)
      position += 1
      return Int16((amplitude * sin(2 * .pi * turns)).rounded())
    }
  }
}

/// What tones are in a stretch of audio.
public struct ToneAnalysis: Sendable, Hashable {
  public struct Peak: Sendable, Hashable {
    /// Hertz; within 1 Hz for a steady tone of a second or more.
    public var frequency: Double
    /// The part of all energy within ``ToneAnalysis/width`` of it, 0 to 1.
    public var share: Double
  }

  /// The strongest first.
  public let peaks: [Peak]
  /// Root of the mean square, in the units of 16-bit samples, without the constant part.
  public let level: Double
  /// Hertz on either side of a peak that count as part of it.
  public static let width = 15.0
  /// Below this level there is nothing to hear: companded silence and dither lie under it.
  public static let silenceLevel = 30.0

  public var isSilent: Bool { level < ToneAnalysis.silenceLevel }

  /// Analyses as many of the samples, from the middle, as make a power of two; at least 256 are needed.
  public init(_ samples: [Int16], sampleRate: Int, peakCount: Int = 3) {
    let length = samples.count < 256 ? 0 : 1 << (Int.bitWidth - 1 - samples.count.leadingZeroBitCount)
    guard length > 0, sampleRate > 0 else {
      peaks = []
      level = 0
      return
    }
    let start = (samples.count - length) / 2
    let mean = samples[start..<start + length].reduce(0.0) { $0 + Double($1) } / Double(length)
    let centred = samples[start..<start + length].map { Double($0) - mean }
    level = (centred.reduce(0) { $0 + $1 * $1 } / Double(length)).squareRoot()
    guard level > 0 else {
      peaks = []
      return
    }
    var power = ToneAnalysis.powerSpectrum(centred)
    let total = power.reduce(0, +)
    let binWidth = Double(sampleRate) / Double(length)
    let reach = max(2, Int((ToneAnalysis.width / binWidth).rounded()))
    var found: [Peak] = []
    for _ in 0..<peakCount {
      guard let (bin, value) = power.enumerated().max(by: { $0.element < $1.element }), value > 0 else {
        break
      }
      let band = max(0, bin - reach)...min(power.count - 1, bin + reach)
      let energy = band.reduce(0.0) { $0 + power[$1] }
      found.append(
        Peak(
          frequency: (Double(bin) + ToneAnalysis.offset(of: bin, in: power)) * binWidth, share: energy / total
        ))
      for i in band { power[i] = 0 }
    }
    peaks = found
  }

  /// True if one tone dominates: within `tolerance` hertz of `frequency`, with at least `share` of the energy.
  public func isTone(_ frequency: Double, within tolerance: Double = 1, share: Double = 0.95) -> Bool {
    guard !isSilent, let peak = peaks.first else { return false }
    return abs(peak.frequency - frequency) <= tolerance && peak.share >= share
  }

  /// Where between the bins the peak lies: a Hann window's main lobe is close to a Gaussian, so its logarithm is a parabola.
  private static func offset(of bin: Int, in power: [Double]) -> Double {
    guard bin > 0, bin + 1 < power.count, power[bin - 1] > 0, power[bin + 1] > 0 else { return 0 }
    let (a, b, c) = (log(power[bin - 1]), log(power[bin]), log(power[bin + 1]))
    let curve = a - 2 * b + c
    return curve < 0 ? min(max((a - c) / (2 * curve), -0.5), 0.5) : 0
  }

  /// Squared magnitudes of the bins from 0 to half the rate, of the samples under a Hann window.
  private static func powerSpectrum(_ samples: [Double]) -> [Double] {
    let n = samples.count
    var re = samples.enumerated().map { i, x in x * (0.5 - 0.5 * cos(2 * .pi * Double(i) / Double(n))) }
    var im = [Double](repeating: 0, count: n)
    transform(&re, &im)
    return (0...n / 2).map { re[$0] * re[$0] + im[$0] * im[$0] }
  }

  /// The discrete Fourier transform in place, radix 2, of a power of two of values.
  private static func transform(_ re: inout [Double], _ im: inout [Double]) {
    let n = re.count
    var j = 0
    for i in 1..<n {
      var bit = n >> 1
      while j & bit != 0 {
        j ^= bit
        bit >>= 1
      }
      j |= bit
      if i < j {
        re.swapAt(i, j)
        im.swapAt(i, j)
      }
    }
    var size = 2
    while size <= n {
      let half = size / 2
      let factors = (0..<half).map { k in
        (cos(-2 * .pi * Double(k) / Double(size)), sin(-2 * .pi * Double(k) / Double(size)))
      }
      for start in stride(from: 0, to: n, by: size) {
        for k in 0..<half {
          let (wr, wi) = factors[k]
          let (a, b) = (start + k, start + k + half)
          let tr = re[b] * wr - im[b] * wi
          let ti = re[b] * wi + im[b] * wr
          re[b] = re[a] - tr
          im[b] = im[a] - ti
          re[a] += tr
          im[a] += ti
        }
      }
      size *= 2
    }
  }
}
