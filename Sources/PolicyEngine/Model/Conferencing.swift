import CallModel

/// What holds for all conferences, receptions and playbacks (conferences reference §2.2).
public struct ConferenceDefaults: Hashable, Sendable {
  /// How long guests may stay when the last host has left; zero: they go with it.
  public var guestsOnlyTimeout = TimeSpan.seconds(60)
  /// How long a guest waits for a host, or for being admitted.
  public var waitingForHostTimeout = TimeSpan.seconds(900)
  /// From the first prompt to the right PIN, or to a number that a reception knows.
  public var pinEntryTimeout = TimeSpan.seconds(120)
  /// How long the last one left may stay; nil: for ever.
  public var lastParticipantTimeout: TimeSpan?
  /// The named theme of services that have none of their own.
  public var theme: String?
  /// Of prompts, where neither service nor theme names one; nil: that of a theme's own files.
  public var language: LanguageTag?
  /// The directory that recordings of conferences are written to; nil: `recordings` in the state directory.
  public var recordings: String?

  public init() {}
}

/// Recordings that a playback service plays (conferences reference §7.2).
public struct Playlist: Hashable, Sendable {
  public struct Entry: Hashable, Sendable {
    /// WAV or Ogg Opus.
    public var file: String
    /// Entries play by ascending position; those of equal position as listed.
    public var position: Int
    public var playCount: Int

    public init(file: String, position: Int = 1, playCount: Int = 1) {
      self.file = file
      self.position = position
      self.playCount = playCount
    }
  }

  public var name: String
  public var description: String
  public var entries: [Entry]
  /// Begins again at its end.
  public var loops: Bool
  /// Another order in every round.
  public var shuffles: Bool

  public init(
    name: String, description: String = "", entries: [Entry], loops: Bool = false, shuffles: Bool = false
  ) {
    self.name = name
    self.description = description
    self.entries = entries
    self.loops = loops
    self.shuffles = shuffles
  }
}

/// What a telephone's settings say of the conference it opens by `*8<its number>` (conferences reference §12.2).
public struct LocalConference: Hashable, Sendable {
  /// Asked of everybody but the owner.
  public var pin: Secret?
  /// Ends with its owner.
  public var endsOnExit = false
  public var announcesCallers = false

  public init() {}
}

extension Device {
  /// What is dialled to reach it on a telephone: its alias without the domain, where that is a number.
  public var number: String? {
    let user = alias.prefix { $0 != "@" }
    let isNumber =
      !user.isEmpty && user.utf8.count <= 32 && user.utf8.allSatisfy { (0x30...0x39).contains($0) }
    return isNumber ? String(user) : nil
  }
}
