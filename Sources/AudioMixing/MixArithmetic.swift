/// The loops of mixing, over frames of ``InboundAudio/mixFrame`` samples. Sums are kept in single precision,
/// in units of 16-bit samples: they cannot overflow, and the vector units take eight at a time.
enum MixArithmetic {
  private typealias Vector = SIMD8<Float>
  static let count = InboundAudio.mixFrame
  /// Fades take this long: 5 ms. Speech keeps its beginning, and nothing clicks.
  static let fade = 240

  /// Samples times a gain that goes from one value to another over the first ``fade`` samples.
  static func scale(
    _ samples: UnsafePointer<Int16>, from: Float, to: Float, into target: UnsafeMutablePointer<Float>
  ) {
    var start = 0
    if from != to {
      let step = (to - from) / Float(fade)
      for i in 0..<fade { target[i] = Float(samples[i]) * (from + step * Float(i)) }
      start = fade
    }
    for i in start..<count { target[i] = Float(samples[i]) * to }
  }

  /// Samples times a gain that goes to zero over the whole frame.
  static func fadeOut(
    _ samples: UnsafePointer<Int16>, from: Float, into target: UnsafeMutablePointer<Float>
  ) {
    let step = from / Float(count)
    for i in 0..<count { target[i] = Float(samples[i]) * (from - step * Float(i)) }
  }

  static func add(_ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>) {
    for i in 0..<count { target[i] += source[i] }
  }

  static func subtract(
    _ source: UnsafePointer<Float>, from sum: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>
  ) {
    for i in 0..<count { target[i] = sum[i] - source[i] }
  }

  static func copy(_ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>) {
    target.update(from: source, count: count)
  }

  static func clear(_ target: UnsafeMutablePointer<Float>) { target.update(repeating: 0, count: count) }

  /// The largest magnitude.
  static func peak(_ samples: UnsafePointer<Float>) -> Float {
    var largest = Vector.zero
    var smallest = Vector.zero
    let raw = UnsafeRawPointer(samples)
    for i in stride(from: 0, to: count, by: 8) {
      let values = raw.loadUnaligned(fromByteOffset: i * 4, as: Vector.self)
      largest = pointwiseMax(largest, values)
      smallest = pointwiseMin(smallest, values)
    }
    return max(largest.max(), -smallest.min())
  }

  /// Rounds to 16 bits under a gain that goes from one value to another over the first ``fade`` samples; what
  /// is still too large is cut, never wrapped.
  static func quantise(
    _ samples: UnsafePointer<Float>, from: Float, to: Float, into target: UnsafeMutablePointer<Int16>
  ) {
    let step = from == to ? 0 : (to - from) / Float(fade)
    let ramp = Vector(0, 1, 2, 3, 4, 5, 6, 7)
    let raw = UnsafeRawPointer(samples)
    let out = UnsafeMutableRawPointer(target)
    let upper = Vector(repeating: 32_767)
    let lower = Vector(repeating: -32_768)
    for i in stride(from: 0, to: count, by: 8) {
      let gain =
        step != 0 && i < fade
        ? from + step * (Vector(repeating: Float(i)) + ramp) : Vector(repeating: to)
      let values = raw.loadUnaligned(fromByteOffset: i * 4, as: Vector.self) * gain
      let limited = pointwiseMin(pointwiseMax(values, lower), upper)
      // Around 1.5 * 2^23 neighbouring numbers are one apart: the sum is rounded, and its last bits are the integer.
      let bits = unsafeBitCast(limited + Vector(repeating: 12_582_912), to: SIMD8<Int32>.self)
      out.storeBytes(of: SIMD8<Int16>(truncatingIfNeeded: bits), toByteOffset: i * 2, as: SIMD8<Int16>.self)
    }
  }
}
