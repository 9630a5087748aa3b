import CallModel

/// A seeded generator, so that a failing property test can be run again.
public struct SplitMix: RandomNumberGenerator {
  private var generator: SplitMix64
  public init(seed: UInt64) { generator = SplitMix64(seed: seed) }

  public mutating func next() -> UInt64 { generator.next() }

  /// From 0 up to `bound`, itself excluded. Precondition: `bound` is positive.
  public mutating func next(below bound: UInt64) -> UInt64 { next() % bound }
}
