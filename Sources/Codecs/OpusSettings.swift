/// How an Opus encoder works. Two streams of equal settings can be one encoding.
public struct OpusSettings: Hashable, Sendable {
  /// Bits a second, 6000 to 510000 (RFC 7587 §6.1 `maxaveragebitrate`).
  public var bitrate: Int
  /// 0 to 10: effort.
  public var complexity: Int
  /// Sends the last packet once more inside the next, at low quality, when ``expectedLoss`` makes it worth
  /// while.
  public var usesRedundancy: Bool
  /// Sends next to nothing in silence.
  public var usesDTX: Bool
  /// Percent of the packets that will not arrive, 0 to 100.
  public var expectedLoss: Int
  /// Hertz of the highest rate that the far end plays out (RFC 7587 §6.1 `maxplaybackrate`): 8000 to 48000.
  public var maximumPlaybackRate: Int

  public init(
    bitrate: Int = 32_000, complexity: Int = 5, usesRedundancy: Bool = false, usesDTX: Bool = false,
    expectedLoss: Int = 0, maximumPlaybackRate: Int = 48_000
  ) {
    self.bitrate = min(max(bitrate, 6_000), 510_000)
    self.complexity = min(max(complexity, 0), 10)
    self.usesRedundancy = usesRedundancy
    self.usesDTX = usesDTX
    self.expectedLoss = min(max(expectedLoss, 0), 100)
    self.maximumPlaybackRate = min(max(maximumPlaybackRate, 8_000), 48_000)
  }
}
