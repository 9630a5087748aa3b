import CallModel
import PolicyEngine
import TestSupport
import Testing

@testable import Conferences

/// Media playback (reference §7.2).
struct PlaybackTests {
  private func run(_ playlist: Playlist, _ count: Int = 12, seed: UInt64 = 1) -> [String] {
    var run = PlaylistRun(playlist, random: SplitMix(seed: seed))
    var media: [String] = []
    while media.count < count, let next = run.next() {
      media.append(next)
      run.finished(hasPlayed: true)
    }
    return media
  }

  private let entries = [
    Playlist.Entry(file: "b", position: 2), Playlist.Entry(file: "a", position: 1, playCount: 2),
    Playlist.Entry(file: "c", position: 2),
  ]

  @Test func byPositionAndCount() {
    #expect(run(Playlist(name: "tour", entries: entries)) == ["a", "a", "b", "c"])
    #expect(run(Playlist(name: "tour", entries: entries, loops: true), 6) == ["a", "a", "b", "c", "a", "a"])
    #expect(run(Playlist(name: "tour", entries: [])) == [])
    #expect(run(Playlist(name: "tour", entries: [], loops: true)) == [])
    #expect(run(Playlist(name: "tour", entries: [Playlist.Entry(file: "x", playCount: 0)])) == ["x"])
  }

  /// Each round holds everything once; rounds differ; the same generator gives the same order.
  @Test func shuffled() {
    let five = Playlist(
      name: "tour", entries: (0..<5).map { Playlist.Entry(file: String($0), position: $0) }, loops: true,
      shuffles: true)
    let media = run(five, 50)
    let rounds = (0..<10).map { Array(media[($0 * 5)..<($0 * 5 + 5)]) }
    for round in rounds { #expect(round.sorted() == ["0", "1", "2", "3", "4"]) }
    #expect(Set(rounds).count > 5)
    #expect(run(five, 50) == media && run(five, 50, seed: 2) != media)
  }

  /// A list of recordings none of which can be played must not turn for ever.
  @Test func recordingsThatFail() {
    var run = PlaylistRun(Playlist(name: "tour", entries: entries, loops: true), random: SplitMix(seed: 1))
    var count = 0
    while count < 100, run.next() != nil {
      count += 1
      run.finished(hasPlayed: false)
    }
    #expect(count == 3, "each once, none repeated")
  }

  private func playback(
    _ entry: EntryRules = EntryRules(), _ completion: MediaPlayback.Settings.Completion = .stay
  ) -> MediaPlayback {
    var settings = MediaPlayback.Settings(
      name: "Welcome",
      playlist: Playlist(name: "tour", entries: [Playlist.Entry(file: "one"), Playlist.Entry(file: "two")]))
    settings.entry = entry
    settings.completion = completion
    return MediaPlayback(settings, random: SplitMix(seed: 1), now: .zero)
  }

  @Test func playsAndStays() {
    var playback = playback()
    #expect(playback.start(now: .zero) == [.answer, .play("one")])
    #expect(playback.finished(hasPlayed: true) == [.play("two")])
    #expect(playback.finished(hasPlayed: true) == [])
    #expect(!playback.isOver && playback.nextDeadline == nil)
    #expect(playback.finished(hasPlayed: true) == [])
  }

  @Test func disconnectsOrTransfers() {
    for (completion, action) in [
      (
        MediaPlayback.Settings.Completion.disconnect,
        MediaPlayback.Action.disconnect(Disconnect(.normal, text: "Playback completed"), saying: [])
      ),
      (
        .transfer(alias: "weekly", role: .guest), .transfer(ConferenceTransfer(alias: "weekly", role: .guest))
      ),
    ] {
      var playback = playback(EntryRules(), completion)
      _ = playback.start(now: .zero)
      _ = playback.finished(hasPlayed: true)
      #expect(playback.finished(hasPlayed: true) == [action])
      #expect(playback.isOver)
    }
  }

  @Test func completionsAsText() throws {
    typealias Completion = MediaPlayback.Settings.Completion
    for (text, completion) in [
      ("", Completion.stay), (" {} ", .stay), (#"{"disconnect": false}"#, .stay),
      (#"{"disconnect": true}"#, .disconnect),
      (#"{"transfer": {"conference": "weekly"}}"#, .transfer(alias: "weekly", role: nil)),
      (#"{"transfer": {"conference": "weekly", "role": "auto"}}"#, .transfer(alias: "weekly", role: nil)),
      (#"{"transfer": {"conference": "weekly", "role": "host"}}"#, .transfer(alias: "weekly", role: .chair)),
      (#"{"transfer": {"conference": "weekly", "role": "chair"}}"#, .transfer(alias: "weekly", role: .chair)),
      (#"{"transfer": {"conference": "weekly", "role": "guest"}}"#, .transfer(alias: "weekly", role: .guest)),
    ] {
      #expect(try Completion(json: text) == completion, "\(text)")
    }
    for text in [
      "[]", "{", "true", #"{"disconnect": 1}"#, #"{"transfer": "weekly"}"#, #"{"transfer": {}}"#,
      #"{"transfer": {"conference": ""}}"#, #"{"transfer": {"conference": "w", "role": "king"}}"#,
      #"{"transfer": {"conference": "w", "role": 1}}"#, #"{"hang_up": true}"#,
      #"{"disconnect": true, "transfer": {"conference": "w"}}"#,
    ] {
      #expect(throws: Completion.Invalid.self, "\(text)") { try Completion(json: text) }
    }
  }

  @Test func asksForThePINFirst() throws {
    let rules = EntryRules(pin: Secret("1234"))
    var playback = playback(rules)
    #expect(playback.start(now: .zero) == [.answer, .say([.prompt(.enterPIN)])])
    func press(_ keys: String) -> [MediaPlayback.Action] {
      keys.compactMap { DTMFDigit($0) }.flatMap { playback.pressed($0) }.filter { $0 != .stopPlaying }
    }
    #expect(press("0000") == [.countWrongPIN, .say([.prompt(.wrongPIN), .prompt(.enterPIN)])])
    #expect(press("1234") == [.play("one")])
    #expect(playback.role == .chair)
    #expect(press("1234") == [])
  }

  @Test func thePINInTheAlias() {
    var right = playback(EntryRules(pin: Secret("1234")))
    #expect(right.start(pin: Secret("1234"), now: .zero) == [.answer, .play("one")])
    var wrong = playback(EntryRules(pin: Secret("1234")))
    #expect(wrong.start(pin: Secret("9"), now: .zero).contains(.countWrongPIN))
    for key in "11112222".compactMap({ DTMFDigit($0) }) { _ = wrong.pressed(key) }
    #expect(wrong.isOver)
  }

  @Test func thePINPromptEnds() {
    var playback = playback(EntryRules(pin: Secret("1234")))
    _ = playback.start(now: .zero)
    #expect(playback.nextDeadline == .zero + .seconds(120))
    #expect(playback.advance(to: .zero + .seconds(119)) == [])
    #expect(playback.advance(to: .zero + .seconds(120)).count == 1)
    #expect(playback.isOver)
  }
}
