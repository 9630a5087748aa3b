import CallModel
import Codecs

/// What the audio of a conference is to be like.
public struct BridgeRoomConfiguration: Sendable, Hashable {
  /// How many are heard at once, 1 or more.
  public var speakers: Int
  /// Parties, those that wait included.
  public var maximumParties: Int
  /// Brings loud and quiet voices to one level.
  public var usesAutomaticGain: Bool
  /// What is done to each voice.
  public var noiseReduction = NoiseReduction.Settings()
  /// Silence after which ``BridgeEvent/mediaLost(_:)`` is reported: no packet at all, while the party may send. Nil never.
  public var mediaTimeout: TimeSpan?

  public init(
    speakers: Int = 3, maximumParties: Int = 1_000, usesAutomaticGain: Bool = true,
    mediaTimeout: TimeSpan? = .seconds(10)
  ) {
    self.speakers = max(1, speakers)
    self.maximumParties = max(1, maximumParties)
    self.usesAutomaticGain = usesAutomaticGain
    self.mediaTimeout = mediaTimeout
  }
}

/// What a party has to do with the mix.
public enum BridgePlacement: Sendable, Hashable {
  /// Nothing, as at the PIN and while it waits: it hears what is played to it, or to ``BridgeAudience/waiting``, and nobody
  /// hears it. Its digits are heard.
  case alone
  /// `isHeard` false: muted. `hears` false: it hears only what is played to it alone.
  case mix(isHeard: Bool = true, hears: Bool = true)
}

/// Whom something is played to.
public enum BridgeAudience: Sendable, Hashable {
  /// All who hear the mix, and the recording.
  case everybody
  /// All who are ``BridgePlacement/alone``, together: hold music. Who comes later hears it from where it is.
  case waiting
  /// One party, on top of what it hears otherwise.
  case party(BridgeParty.ID)
}

/// Names one playing of a prompt; chosen by whoever starts it.
public struct BridgePlayback: Sendable, Hashable {
  public var rawValue: UInt64
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }
}
