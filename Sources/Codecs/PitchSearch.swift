/// Finds the period of a voice by the likeness of the newest samples to those a while before.
public struct PitchSearch: Sendable {
  /// In samples: 2.5 ms (400 Hz) and 15 ms (67 Hz).
  public let minimumLag: Int
  public let maximumLag: Int
  /// How many samples are compared: 10 ms.
  public let window: Int
  /// Coarse search looks at every so many samples: like at 8 kHz.
  private let step: Int

  public init(sampleRate: Int) {
    minimumLag = sampleRate / 400
    maximumLag = sampleRate * 15 / 1_000
    window = sampleRate / 100
    step = max(1, sampleRate / 8_000)
  }

  /// The lag at which the ``window`` samples before `end` are most like those a lag earlier. ``window`` plus
  /// ``maximumLag`` samples before `end` must be readable. In silence, or noise, some lag.
  public func lag(endingAt end: UnsafePointer<Int16>) -> Int {
    var best = maximumLag
    var bestScore: Float = 0
    func look(_ lag: Int, _ step: Int) {
      var product: Float = 0
      var energy: Float = 1
      var i = -window
      while i < 0 {
        let a = Float(end[i])
        let b = Float(end[i - lag])
        product += a * b
        energy += b * b
        i += step
      }
      guard product > 0 else { return }
      let score = product * product / energy
      if score > bestScore {
        bestScore = score
        best = lag
      }
    }
    for lag in stride(from: minimumLag, through: maximumLag, by: step) { look(lag, step) }
    if step > 1, bestScore > 0 {
      let middle = best
      bestScore = 0
      for lag in max(minimumLag, middle - step)...min(maximumLag, middle + step) { look(lag, 1) }
      if bestScore == 0 { best = middle }
    }
    return best
  }
}
