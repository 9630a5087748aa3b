/// Which media a call may carry (`call_type`). The called party cannot escalate above it.
public enum CallCapability: String, Hashable, Sendable, CaseIterable {
  /// Main video, presentation and audio.
  case video
  /// Main video and audio, no presentation.
  case videoOnly = "video-only"
  case audio
  /// The same as the incoming call.
  case auto
}

/// Whether media must, may or must not be encrypted (`crypto_mode`).
public enum MediaEncryption: String, Hashable, Sendable, CaseIterable {
  /// A participant without SRTP is refused.
  case required = "on"
  /// Offered both ways, taken where the other side can.
  case bestEffort = "besteffort"
  case off
}

/// A limit in bits per second. The management side counts kbit/s, policy servers bit/s: the unit is fixed here once.
public struct Bandwidth: Hashable, Sendable, Comparable {
  public var bitsPerSecond: Int
  public init(bitsPerSecond: Int) { self.bitsPerSecond = bitsPerSecond }
  public init(kilobitsPerSecond: Int) { self.bitsPerSecond = kilobitsPerSecond * 1000 }
  public var kilobitsPerSecond: Int { bitsPerSecond / 1000 }
  public static func < (a: Self, b: Self) -> Bool { a.bitsPerSecond < b.bitsPerSecond }

  /// The lowest of several limits; nil: there is none.
  public static func least(_ limits: Bandwidth?...) -> Bandwidth? { limits.compactMap { $0 }.min() }
}
