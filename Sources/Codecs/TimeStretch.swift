/// Makes audio shorter or longer by one period of the voice without changing its pitch (overlap and add).
public struct TimeStretch: Sendable {
  private let pitch: PitchSearch

  public init(sampleRate: Int) { pitch = PitchSearch(sampleRate: sampleRate) }

  /// Samples that must be there for either.
  public var minimumCount: Int { pitch.window + 2 * pitch.maximumLag }

  /// Samples that ``expand(_:count:)`` adds at most.
  public var maximumGrowth: Int { pitch.maximumLag }

  /// Removes one period near the beginning, in place; returns the new count. Fewer than ``minimumCount``
  /// samples stay.
  public func compress(_ samples: UnsafeMutablePointer<Int16>, count: Int) -> Int {
    guard count >= minimumCount else { return count }
    let lag = lag(samples)
    // [0, lag) fades over into [lag, 2 lag): the result begins like the first and ends like the second.
    for i in 0..<lag {
      let weight = Float(i) / Float(lag)
      samples[i] = Int16(Float(samples[i]) * (1 - weight) + Float(samples[i + lag]) * weight)
    }
    let rest = count - 2 * lag
    (samples + lag).update(from: samples + 2 * lag, count: rest)
    return count - lag
  }

  /// Says one period near the beginning twice, in place; returns the new count. The buffer must have room for
  /// ``maximumGrowth`` more.
  public func expand(_ samples: UnsafeMutablePointer<Int16>, count: Int) -> Int {
    guard count >= minimumCount else { return count }
    let lag = lag(samples)
    (samples + 2 * lag).update(from: samples + lag, count: count - lag)
    // [lag, 2 lag) now holds the second period's first copy; blend it from the second to the first.
    for i in 0..<lag {
      let weight = Float(i) / Float(lag)
      let second = Float(samples[i + 2 * lag])
      let first = Float(samples[i])
      samples[i + lag] = Int16(second * (1 - weight) + first * weight)
    }
    return count + lag
  }

  private func lag(_ samples: UnsafeMutablePointer<Int16>) -> Int {
    pitch.lag(endingAt: UnsafePointer(samples + pitch.window + pitch.maximumLag))
  }
}
