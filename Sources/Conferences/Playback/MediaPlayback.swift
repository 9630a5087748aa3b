import CallModel
import PolicyEngine

/// One caller of a media playback service (`media_playback`, reference §7.2): PIN as in a meeting room, then its own run of the
/// playlist, then what the service says.
public struct MediaPlayback {
  public struct Settings: Hashable, Sendable {
    /// `on_completion`.
    public enum Completion: Hashable, Sendable {
      /// The caller stays, with the last frame.
      case stay
      case disconnect
      /// nil role: as the alias says (`auto`).
      case transfer(alias: String, role: Participant.Role?)
    }

    public var name: String
    public var entry = EntryRules()
    public var playlist: Playlist
    public var completion = Completion.stay
    public var pinEntryTimeout = TimeSpan.seconds(120)

    public init(name: String, playlist: Playlist) {
      self.name = name
      self.playlist = playlist
    }
  }

  public enum Action: Hashable, Sendable {
    case answer
    case say([PromptPart])
    case stopPlaying
    /// Play this recording; its end is ``MediaPlayback/finished(hasPlayed:)``.
    case play(String)
    /// For ``PINGuard``.
    case countWrongPIN
    case transfer(ConferenceTransfer)
    case disconnect(Disconnect, saying: [PromptPart])
  }

  private enum State {
    case entering(PINEntry)
    case playing
    /// The last frame stands.
    case completed
    case over
  }

  public let settings: Settings
  private var state: State
  private var run: PlaylistRun
  public private(set) var role: Participant.Role?

  public init(
    _ settings: Settings, random: any RandomNumberGenerator = SystemRandomNumberGenerator(),
    now: MonotonicInstant
  ) {
    self.settings = settings
    run = PlaylistRun(settings.playlist, random: random)
    state = .entering(PINEntry(rules: settings.entry, now: now))
  }

  public var isOver: Bool { if case .over = state { true } else { false } }

  /// - Parameters:
  ///   - pin: what came with the alias.
  ///   - role: decided elsewhere (the client API, a transfer).
  public mutating func start(
    pin: Secret? = nil, role known: Participant.Role? = nil, now: MonotonicInstant
  ) -> [Action] {
    if let role = known ?? settings.entry.roleWithoutPIN { return [.answer] + begin(role) }
    var actions: [Action] = [.answer]
    if let pin, !pin.isEmpty {
      if let role = settings.entry.role(for: pin) { return actions + begin(role) }
      state = .entering(PINEntry(rules: settings.entry, failures: 1, now: now))
      actions.append(.countWrongPIN)
      actions.append(.say([.prompt(.wrongPIN), .prompt(settings.entry.prompt)]))
    } else {
      actions.append(.say([.prompt(settings.entry.prompt)]))
    }
    return actions
  }

  public mutating func pressed(_ key: DTMFDigit) -> [Action] {
    guard case .entering(var entry) = state else { return [] }
    let outcome = entry.press(key)
    state = .entering(entry)
    switch outcome {
    case .none: return [.stopPlaying]
    case .welcome(let role): return [.stopPlaying] + begin(role)
    case .wrong:
      return [.stopPlaying, .countWrongPIN, .say([.prompt(.wrongPIN), .prompt(settings.entry.prompt)])]
    case .failed:
      return [.stopPlaying, .countWrongPIN, finish("PIN entry failed", .threeWrongPINs)]
    }
  }

  /// The recording has ended, or could not be played.
  public mutating func finished(hasPlayed: Bool) -> [Action] {
    guard case .playing = state else { return [] }
    run.finished(hasPlayed: hasPlayed)
    return playNext()
  }

  private mutating func begin(_ role: Participant.Role) -> [Action] {
    self.role = role
    state = .playing
    return playNext()
  }

  private mutating func playNext() -> [Action] {
    if let media = run.next() { return [.play(media)] }
    switch settings.completion {
    case .stay:
      state = .completed
      return []
    case .disconnect:
      state = .over
      return [.disconnect(Disconnect(.normal, text: "Playback completed"), saying: [])]
    case .transfer(let alias, let role):
      state = .over
      return [.transfer(ConferenceTransfer(alias: alias, role: role))]
    }
  }

  private mutating func finish(_ text: String, _ prompt: Prompt) -> Action {
    state = .over
    return .disconnect(Disconnect(.normal, text: text), saying: [.prompt(prompt)])
  }

  public mutating func left() { state = .over }

  public var nextDeadline: MonotonicInstant? {
    if case .entering(let entry) = state { return entry.startedAt + settings.pinEntryTimeout }
    return nil
  }

  public mutating func advance(to now: MonotonicInstant) -> [Action] {
    guard let deadline = nextDeadline, deadline <= now else { return [] }
    return [finish("PIN entry timed out", .noPINEntered)]
  }
}
