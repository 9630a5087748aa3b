import CallModel

/// Randomness of one user agent: the system's, or a seeded sequence that makes a simulation repeatable.
struct RandomSource: RandomNumberGenerator {
  private var seeded: SplitMix64?
  private var system = BufferedRandom()

  init(seed: UInt64?) { seeded = seed.map(SplitMix64.init) }

  mutating func next() -> UInt64 { seeded?.next() ?? system.next() }

  /// Sixty-four bits in base 36: a tag, or half a Call-ID (RFC 3261 §19.3 asks for 32 bits of randomness).
  mutating func token() -> String { String(next(), radix: 36) }
}
