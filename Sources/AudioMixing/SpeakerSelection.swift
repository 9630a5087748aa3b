/// What the choice of speakers knows of one party.
struct SpeakerState {
  /// dBov, smoothed over words.
  fileprivate(set) var loudness: Float = -90
  /// Ticks of 20 ms since speech was heard.
  fileprivate(set) var sinceVoice = Int.max / 2
  /// Ticks for which it was clearly louder than the quietest speaker.
  fileprivate var challenge = 0
  var isSelected = false

  var hasSpokenLately: Bool { sinceVoice <= SpeakerSelection.candidacy }

  mutating func note(hasVoice: Bool, level: Float) {
    if hasVoice {
      sinceVoice = 0
      loudness += (level - loudness) * (level > loudness ? 0.35 : 0.05)
    } else {
      if sinceVoice < Int.max / 2 { sinceVoice += 1 }
      loudness = max(-90, loudness - 0.5)
    }
  }
}

/// Chooses who is heard: the loudest few, with reluctance to change.
///
/// Who speaks takes a free place at once. Who is quiet for ``hold`` loses it. When all places are taken, a
/// louder one takes the quietest's place after ``patience``, or at once if that one pauses.
struct SpeakerSelection {
  /// All in ticks of 20 ms: half a second, a fifth, a fifth.
  static let hold = 25
  static let patience = 10
  static let pause = 10
  /// Speech counts as now for so long.
  static let candidacy = 2
  /// A challenger must be louder by this many dB.
  static let margin: Float = 6

  let places: Int
  private(set) var taken = 0
  /// Counts changes.
  private(set) var changes: UInt64 = 0

  init(places: Int) { self.places = max(1, places) }

  /// Chooses anew among those who are there.
  mutating func update(_ parties: [UnsafeMutablePointer<MixParticipant>?]) {
    taken = 0
    var best: UnsafeMutablePointer<MixParticipant>?
    var weakest: UnsafeMutablePointer<MixParticipant>?
    for case let party? in parties {
      if party.pointee.speaker.isSelected, party.pointee.speaker.sinceVoice > SpeakerSelection.hold {
        party.pointee.speaker.isSelected = false
        changes &+= 1
      }
      let speaker = party.pointee.speaker
      if speaker.isSelected {
        taken += 1
        if weakest.map({ speaker.loudness < $0.pointee.speaker.loudness }) ?? true { weakest = party }
      } else if speaker.hasSpokenLately {
        if best.map({ speaker.loudness > $0.pointee.speaker.loudness }) ?? true { best = party }
      }
    }
    guard let best else { return }
    if taken < places {
      select(best)
      // Several who begin at once all come in at once.
      if taken < places { update(parties) }
      return
    }
    guard let weakest else { return }
    let margin = weakest.pointee.speaker.loudness + SpeakerSelection.margin
    guard best.pointee.speaker.loudness > margin else {
      best.pointee.speaker.challenge = 0
      return
    }
    best.pointee.speaker.challenge += 1
    guard
      best.pointee.speaker.challenge >= SpeakerSelection.patience
        || weakest.pointee.speaker.sinceVoice > SpeakerSelection.pause
    else { return }
    weakest.pointee.speaker.isSelected = false
    weakest.pointee.speaker.challenge = 0
    taken -= 1
    select(best)
  }

  private mutating func select(_ party: UnsafeMutablePointer<MixParticipant>) {
    party.pointee.speaker.isSelected = true
    party.pointee.speaker.challenge = 0
    taken += 1
    changes &+= 1
  }
}
