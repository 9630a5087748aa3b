import CallModel
import Router

/// What is said in one room: to each audience one thing after the other, and music to whoever waits.
final class Announcer {
  /// One thing to be played.
  enum Sound: Hashable {
    case prompt(Prompt)
    /// A recording of a playlist.
    case file(String)
  }

  private struct Item {
    var sound: Sound
    /// Told whether it was played to its end, unless it was stopped.
    var then: ((Bool) -> Void)?
  }

  private struct Channel {
    var queue: ArraySlice<Item> = []
    /// Plays when nothing is said.
    var background: Prompt?
    /// What plays, or is being read.
    var current: (playback: AudioPlayback, item: Item?)?
    var timer: SignallingLoop.TimerID?
  }

  private let room: any AudioRoom
  private let library: PromptLibrary
  private let themes: ThemeLookup
  private let loop: SignallingLoop
  private var channels: [AudioAudience: Channel] = [:]
  private var lastPlayback: UInt64 = 0

  /// What waits to be said to one audience: more would be heard long after its occasion.
  static let maximumQueue = 64

  init(room: any AudioRoom, library: PromptLibrary, themes: ThemeLookup, loop: SignallingLoop) {
    self.room = room
    self.library = library
    self.themes = themes
    self.loop = loop
  }

  /// Says this after whatever is being said to the same audience.
  ///
  /// - Parameter then: called when the last of it is over, or could not be played; not when it is stopped.
  func say(_ parts: [PromptPart], to audience: AudioAudience, then: (() -> Void)? = nil) {
    let sounds = parts.flatMap(\.prompts).map { Sound.prompt($0) }
    guard !sounds.isEmpty else {
      then?()
      return
    }
    var items = sounds.map { Item(sound: $0) }
    if let then { items[items.count - 1].then = { _ in then() } }
    add(items, to: audience)
  }

  /// Plays one recording after whatever plays.
  func play(file: String, to audience: AudioAudience, then: @escaping (_ hasPlayed: Bool) -> Void) {
    add([Item(sound: .file(file), then: then)], to: audience)
  }

  private func add(_ items: [Item], to audience: AudioAudience) {
    let isIdle = channels[audience]?.current?.item == nil
    channels[audience, default: Channel()].queue.append(contentsOf: items)
    while channels[audience].map({ $0.queue.count > Announcer.maximumQueue }) ?? false {
      let dropped = channels[audience]?.queue.popFirst()
      dropped?.then?(false)
    }
    if isIdle { playNext(to: audience) }
  }

  /// Does something when nothing is said to the audience any more; not when it is stopped.
  func afterSaying(to audience: AudioAudience, _ work: @escaping () -> Void) {
    guard var channel = channels[audience], channel.current?.item != nil else { return work() }
    if channel.queue.isEmpty {
      let then = channel.current?.item?.then
      channel.current?.item?.then = { hasPlayed in
        then?(hasPlayed)
        work()
      }
    } else {
      let last = channel.queue.index(before: channel.queue.endIndex)
      let then = channel.queue[last].then
      channel.queue[last].then = { hasPlayed in
        then?(hasPlayed)
        work()
      }
    }
    channels[audience] = channel
  }

  /// Music for when nothing is said; nil: none.
  func setBackground(_ prompt: Prompt?, for audience: AudioAudience) {
    guard channels[audience]?.background != prompt else { return }
    channels[audience, default: Channel()].background = prompt
    if channels[audience]?.current?.item == nil { playNext(to: audience) }
  }

  /// Silences what is being said; music goes on.
  func stop(_ audience: AudioAudience) {
    guard let channel = channels[audience], channel.current?.item != nil || !channel.queue.isEmpty else {
      return
    }
    channels[audience]?.queue = []
    playNext(to: audience)
  }

  /// The audience is gone.
  func forget(_ audience: AudioAudience) {
    guard let channel = channels.removeValue(forKey: audience) else { return }
    loop.cancel(channel.timer)
  }

  func played(_ playback: AudioPlayback) {
    guard let (audience, channel) = channels.first(where: { $0.value.current?.playback == playback }) else {
      return
    }
    let item = channel.current?.item
    playNext(to: audience)
    item?.then?(true)
  }

  /// In the place of what plays.
  private func playNext(to audience: AudioAudience) {
    guard var channel = channels[audience] else { return }
    loop.cancel(channel.timer)
    channel.timer = nil
    lastPlayback += 1
    let playback = AudioPlayback(lastPlayback)
    let wasPlaying = channel.current != nil
    guard let item = channel.queue.popFirst() else {
      channel.current = channel.background == nil ? nil : (playback, nil)
      channels[audience] = channel
      if wasPlaying { room.stopPlaying(to: audience) }
      if let music = channel.background {
        library.recording(music, in: themes) { [weak self] in
          self?.begin($0, playback, isMusic: true, to: audience)
        }
      }
      return
    }
    channel.current = (playback, item)
    channels[audience] = channel
    if wasPlaying { room.stopPlaying(to: audience) }
    let begin = { [weak self] (recording: Recording?) -> Void in
      self?.begin(recording, playback, isMusic: false, to: audience)
    }
    switch item.sound {
    case .prompt(let prompt): library.recording(prompt, in: themes, then: begin)
    case .file(let path): library.recording(at: path, then: begin)
    }
  }

  private func begin(
    _ recording: Recording?, _ playback: AudioPlayback, isMusic: Bool, to audience: AudioAudience
  ) {
    // Something else plays by now.
    guard channels[audience]?.current?.playback == playback else { return }
    guard let recording else {
      guard !isMusic else { return }
      // There may be a row of prompts that are missing: one a turn.
      channels[audience]?.timer = loop.schedule(after: .zero) { [weak self] in
        guard let self, let current = self.channels[audience]?.current, current.playback == playback else {
          return
        }
        self.playNext(to: audience)
        current.item?.then?(false)
      }
      return
    }
    room.play(recording.audio, to: audience, as: playback, repeats: isMusic)
    guard !isMusic else { return }
    // Nobody may wait for ever for what cannot be heard: a party that is not connected, a room that has closed.
    channels[audience]?.timer = loop.schedule(after: recording.duration + .seconds(5)) { [weak self] in
      self?.played(playback)
    }
  }
}
