import COpenSSL

/// OpenSSL's random numbers, seeded by the system, fetched many at a time: a system call for each tag and branch costs more
/// than the rest of making them.
///
/// As hard to guess as the system's own. A value is not to be copied: two copies would give the same numbers.
public struct BufferedRandom: RandomNumberGenerator, Sendable {
  private var waiting: [UInt64] = []
  private static let batch = 64

  public init() {}

  public mutating func next() -> UInt64 {
    if waiting.isEmpty { fill() }
    return waiting.removeLast()
  }

  private mutating func fill() {
    waiting.append(contentsOf: repeatElement(0, count: BufferedRandom.batch))
    waiting.withUnsafeMutableBytes { bytes in
      let result = RAND_bytes(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(bytes.count))
      // A generator that fails leaves nothing safe to go on with.
      precondition(result == 1, "no random numbers")
    }
  }
}
