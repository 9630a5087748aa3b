import Glibc

/// Sounds to send through what is tested, and ears to hear what came out.
public enum AudioSignal {
  public static func sine(
    _ frequency: Double, rate: Int, count: Int, amplitude: Double = 10_000, from: Int = 0
  )
    -> [Int16]
  {
    (from..<from + count).map { Int16(amplitude * sin(2 * .pi * frequency * Double($0) / Double(rate))) }
  }

  /// White, uniform.
  public static func noise(count: Int, amplitude: Double, seed: UInt64) -> [Int16] {
    var generator = SplitMix(seed: seed)
    return (0..<count).map { _ in
      Int16(amplitude * (Double(generator.next() >> 11) / Double(1 << 52) - 1))
    }
  }

  public static func rootMeanSquare(_ samples: some Collection<Int16>) -> Double {
    guard !samples.isEmpty else { return 0 }
    return (samples.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(samples.count)).squareRoot()
  }

  /// Root mean square of the part of the samples that is a tone of this frequency (Goertzel, Hann window).
  public static func level(of frequency: Double, in samples: some Collection<Int16>, rate: Int) -> Double {
    let count = Double(samples.count)
    let step = 2 * .pi * frequency / Double(rate)
    var (re, im) = (0.0, 0.0)
    for (i, sample) in samples.enumerated() {
      let value = Double(sample) * (1 - cos(2 * .pi * Double(i) / count))
      re += value * cos(step * Double(i))
      im += value * sin(step * Double(i))
    }
    // A sine of amplitude a gives a/2 a sample, and has a mean square of a²/2.
    return 2 * (re * re + im * im).squareRoot() / count / Double(2).squareRoot()
  }

  /// How much stronger than all else the tone is, in dB.
  public static func purity(of frequency: Double, in samples: some Collection<Int16>, rate: Int) -> Double {
    // Under the same window, whose mean square is 1.5.
    let count = Double(samples.count)
    var total = 0.0
    for (i, sample) in samples.enumerated() {
      let value = Double(sample) * (1 - cos(2 * .pi * Double(i) / count))
      total += value * value
    }
    total /= count * 1.5
    let tone = level(of: frequency, in: samples, rate: rate)
    let rest = max(1e-3, total - tone * tone)
    return 10 * log10(tone * tone / rest)
  }
}
