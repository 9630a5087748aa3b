/// Keeps the sum of many voices inside 16 bits: its gain falls within 5 ms when the sum would be too large,
/// and comes back slowly.
struct Limiter {
  /// The largest sample that leaves it: 1 dB below full scale.
  static let ceiling: Float = 29_204
  /// The way back to one, a frame: 0.5 s from -6 dB.
  private static let release: Float = 0.02
  private var gain: Float = 1

  mutating func process(_ mix: UnsafePointer<Float>, into samples: UnsafeMutablePointer<Int16>) {
    let peak = MixArithmetic.peak(mix)
    let wanted = peak > Limiter.ceiling ? Limiter.ceiling / peak : 1
    let next = wanted < gain ? wanted : min(wanted, gain + Limiter.release)
    MixArithmetic.quantise(mix, from: gain, to: next, into: samples)
    gain = next
  }

  var isIdle: Bool { gain == 1 }
}
