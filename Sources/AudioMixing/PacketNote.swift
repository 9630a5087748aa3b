import Codecs

/// What is known of a packet without decoding it.
public struct PacketNote: Sendable, Hashable {
  public enum Kind: UInt8, Sendable, Hashable {
    case audio
    /// The encoder says that nothing is to be heard (Opus DTX).
    case silence
    /// A description of background noise (RFC 3389).
    case comfortNoise
    /// A telephone event (RFC 4733): part of the stream, but no audio.
    case event
  }

  public var kind: Kind
  /// From the header extension (RFC 6464).
  public var level: AudioLevel?
  /// What the encoder, or the extension, says of speech.
  public var hasVoice: Bool?

  public init(kind: Kind, level: AudioLevel? = nil, hasVoice: Bool? = nil) {
    self.kind = kind
    self.level = level
    self.hasVoice = hasVoice
  }
}

/// Counts of one ``JitterBuffer``, since it was made.
public struct JitterStatistics: Sendable, Hashable {
  public var accepted: UInt64 = 0
  public var duplicates: UInt64 = 0
  public var late: UInt64 = 0
  public var strays: UInt64 = 0
  public var flooding: UInt64 = 0
  public var oversized: UInt64 = 0
  /// Packets whose place was passed without them.
  public var lost: UInt64 = 0
  /// Times that nothing was there.
  public var underruns: UInt64 = 0
  /// Times that the stream jumped and was followed.
  public var restarts: UInt64 = 0
  /// Timestamp units of silence that were left out to shorten the delay.
  public var dropped: UInt64 = 0

  mutating func count(_ arrival: JitterBuffer.Arrival) -> JitterBuffer.Arrival {
    switch arrival {
    case .accepted: accepted &+= 1
    case .duplicate: duplicates &+= 1
    case .late: late &+= 1
    case .probation: strays &+= 1
    case .flooding: flooding &+= 1
    case .oversized: oversized &+= 1
    }
    return arrival
  }
}
