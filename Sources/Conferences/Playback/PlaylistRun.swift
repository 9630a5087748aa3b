import PolicyEngine

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
      return entry.file
    }
    if hasBegun { round = round.dropFirst() }
    if round.isEmpty {
      guard !playlist.entries.isEmpty, !hasBegun || (playlist.loops && played > 0) else { return nil }
      beginRound()
    }
    repeatsLeft = (round.first?.playCount ?? 1) - 1
    return round.first?.file
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
