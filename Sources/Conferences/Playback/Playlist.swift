/// What a media playback service plays (reference §7.2).
public struct Playlist: Hashable, Sendable {
  public struct Entry: Hashable, Sendable {
    /// Names the recording.
    public var media: String
    /// Entries play by ascending position; those of equal position as listed.
    public var position: Int
    /// How often it plays in its turn; at least once.
    public var playCount: Int

    public init(media: String, position: Int = 1, playCount: Int = 1) {
      self.media = media
      self.position = position
      self.playCount = max(1, playCount)
    }
  }

  public var entries: [Entry]
  /// Begins again at its end.
  public var loops: Bool
  /// Another order in every round.
  public var shuffles: Bool

  public init(entries: [Entry], loops: Bool = false, shuffles: Bool = false) {
    self.entries = entries
    self.loops = loops
    self.shuffles = shuffles
  }
}

/// One caller's way through a playlist.
struct PlaylistRun {
  private let playlist: Playlist
  private var round: ArraySlice<Playlist.Entry> = []
  private var repeatsLeft = 0
  private var hasBegun = false
  /// Recordings of this round that played; a round without any is the last one.
  private var played = 0
  private var random: any RandomNumberGenerator

  init(_ playlist: Playlist, random: any RandomNumberGenerator) {
    self.playlist = playlist
    self.random = random
  }

  /// What plays next; nil: it is over.
  mutating func next() -> String? {
    if repeatsLeft > 0, let entry = round.first {
      repeatsLeft -= 1
      return entry.media
    }
    if hasBegun { round = round.dropFirst() }
    if round.isEmpty {
      guard !playlist.entries.isEmpty, !hasBegun || (playlist.loops && played > 0) else { return nil }
      beginRound()
    }
    repeatsLeft = (round.first?.playCount ?? 1) - 1
    return round.first?.media
  }

  /// The recording that ``next()`` named has ended. One that could not be played is not repeated.
  mutating func finished(hasPlayed: Bool) {
    if hasPlayed { played += 1 } else { repeatsLeft = 0 }
  }

  private mutating func beginRound() {
    hasBegun = true
    played = 0
    let inOrder = playlist.entries.enumerated().sorted {
      ($0.element.position, $0.offset) < ($1.element.position, $1.offset)
    }.map(\.element)
    round = playlist.shuffles ? shuffled(inOrder)[...] : inOrder[...]
  }

  /// Fisher and Yates' shuffle.
  private mutating func shuffled(_ entries: [Playlist.Entry]) -> [Playlist.Entry] {
    var entries = entries
    for last in stride(from: entries.count - 1, to: 0, by: -1) {
      entries.swapAt(last, Int(random.next(upperBound: UInt64(last + 1))))
    }
    return entries
  }
}
