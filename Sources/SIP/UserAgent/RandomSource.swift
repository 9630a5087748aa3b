/// Randomness of one user agent: the system's, or a seeded sequence that makes a simulation repeatable.
struct RandomSource: RandomNumberGenerator {
  private var state: UInt64?
  private var system = BufferedRandom()

  init(seed: UInt64?) { state = seed }

  mutating func next() -> UInt64 {
    guard var value = state else { return system.next() }
    // SplitMix64 (Steele, Lea, Flood 2014).
    value &+= 0x9e37_79b9_7f4a_7c15
    state = value
    var z = value
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// Sixty-four bits in base 36: a tag, or half a Call-ID (RFC 3261 §19.3 asks for 32 bits of randomness).
  mutating func token() -> String { String(next(), radix: 36) }
}
