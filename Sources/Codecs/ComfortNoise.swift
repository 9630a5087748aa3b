import Glibc

/// The payload of comfort noise (RFC 3389 §3): a level, and the shape of the spectrum as reflection
/// coefficients.
public struct ComfortNoiseDescription: Hashable, Sendable {
  public var level: AudioLevel
  /// -1 to 1, at most ``maximumOrder``; none means white noise.
  public var reflection: [Float]

  /// RFC 3389 leaves it open; ten model a voice channel well, and more than that is not listened to here.
  public static let maximumOrder = 10
  /// Static payload type at 8 kHz (RFC 3551 table 4).
  public static let payloadType: UInt8 = 13

  public init(level: AudioLevel, reflection: [Float] = []) {
    self.level = level
    self.reflection = Array(reflection.prefix(ComfortNoiseDescription.maximumOrder))
  }

  /// Nil for an empty payload. Coefficients beyond ``maximumOrder`` are left out.
  public init?(_ payload: UnsafeRawBufferPointer) {
    guard let first = payload.first else { return nil }
    level = AudioLevel(first & 0x7f)
    // 127 is zero (RFC 3389 §3.2).
    reflection = payload.dropFirst().prefix(ComfortNoiseDescription.maximumOrder).map {
      max(-1, Float(Int($0) - 127) / 127)
    }
  }

  /// Measures the background: its level, and its spectrum's shape by linear prediction of the given order.
  public init(of samples: UnsafeBufferPointer<Int16>, order: Int = 6) {
    level = AudioLevel(of: samples)
    reflection = []
    let order = min(max(order, 0), ComfortNoiseDescription.maximumOrder)
    guard order > 0, samples.count > 4 * order, level > .silence else { return }
    let correlation = (0...order).map { lag -> Float in
      var sum: Float = 0
      for i in lag..<samples.count { sum += Float(samples[i]) * Float(samples[i - lag]) }
      return sum
    }
    reflection = ComfortNoiseDescription.levinson(correlation)
  }

  public var payload: [UInt8] {
    [level.value] + reflection.map { UInt8(clamping: Int(($0 * 127).rounded()) + 127) }
  }

  /// Levinson and Durbin's recursion: from autocorrelation to reflection coefficients.
  private static func levinson(_ correlation: [Float]) -> [Float] {
    // A white floor 40 dB down keeps it stable for tones.
    var error = correlation[0] * 1.000_1
    guard error > 0 else { return [] }
    var filter: [Float] = [1]
    var reflection: [Float] = []
    for order in 1..<correlation.count {
      var sum: Float = 0
      for i in 0..<order { sum += filter[i] * correlation[order - i] }
      let k = max(-0.999, min(0.999, -sum / error))
      let before = filter + [0]
      filter = (0...order).map { before[$0] + k * before[order - $0] }
      error *= 1 - k * k
      reflection.append(k)
      guard error > 0 else { break }
    }
    return reflection
  }
}

/// Makes the noise that a ``ComfortNoiseDescription`` describes.
public struct ComfortNoiseGenerator: Sendable {
  /// A lattice needs one value a stage.
  private var state = InlineArray<10, Float>(repeating: 0)
  private var reflection = InlineArray<10, Float>(repeating: 0)
  private var order = 0
  private var gain: Float = 0
  private var target: Float = 0
  private var seed: UInt32

  public init(seed: UInt32 = 1) { self.seed = seed | 1 }

  public mutating func update(_ description: ComfortNoiseDescription) {
    order = min(description.reflection.count, ComfortNoiseDescription.maximumOrder)
    // What the filter adds to the power of white noise is taken off again (RFC 3389 §3.1: the level is of
    // what is heard).
    var residual: Float = 1
    for i in 0..<order {
      let k = max(-0.98, min(0.98, description.reflection[i]))
      reflection[i] = k
      residual *= 1 - k * k
    }
    let root = description.level == .silence ? 0 : 32_768 * powf(10, Float(description.level.decibels) / 20)
    // Uniform noise of -1 to 1 has a mean square of a third.
    target = root * (3 * residual).squareRoot()
  }

  /// Fills the buffer. The level glides to a new one within some frames.
  public mutating func generate(into samples: UnsafeMutableBufferPointer<Int16>) {
    for i in samples.indices {
      gain += (target - gain) * 0.005
      seed ^= seed << 13
      seed ^= seed >> 17
      seed ^= seed << 5
      var value = Float(Int32(bitPattern: seed)) / 2_147_483_648 * gain
      var stage = order - 1
      while stage >= 0 {
        value -= reflection[stage] * state[stage]
        if stage + 1 < order { state[stage + 1] = state[stage] + reflection[stage] * value }
        stage -= 1
      }
      if order > 0 { state[0] = value }
      samples[i] = Int16(max(-32_767, min(32_767, value)))
    }
  }
}
