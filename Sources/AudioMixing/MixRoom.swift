import CallModel
import Codecs

/// The audio of one conference: everybody hears those who speak, but not himself.
///
/// Packets go in as they arrive
/// (``receive(from:payloadType:sequenceNumber:timestamp:ssrc:isMarked:level:payload:now:)``); every 20 ms
/// ``tick(now:_:)`` hands out one for each listener. All work at 48 kHz, in frames of 20 ms. One thread owns
/// a room; ``nextTick`` says when it wants to be called, and a room in which nobody is heard asks for no more
/// than signs of life.
///
/// What a tick costs: a decoding for each speaker, an encoding for each speaker (who must not hear himself)
/// and one for all other listeners of the same encoding together, and a quarter of a microsecond for each
/// party that is silent. It takes no memory, and no reference is counted for a party or a packet; memory is
/// taken when somebody comes, and when a party begins to hear something of its own for the first time.
public struct MixRoom: ~Copyable {
  public struct Configuration: Sendable {
    /// How many are heard at once.
    public var speakers = 3
    public var maximumParticipants = 1_000
    public var usesAutomaticGain = true
    /// What is done to each voice in the mix.
    public var noiseReduction = NoiseReduction.Settings()
    public init() {}
  }

  /// Of work done, since the room was made.
  public struct Counters: Sendable, Hashable {
    public var ticks: UInt64 = 0
    public var encodedFrames: UInt64 = 0
    public var sentPackets: UInt64 = 0
  }

  let configuration: Configuration
  /// By index; nil where nobody is.
  var participants: [UnsafeMutablePointer<MixParticipant>?] = []
  public internal(set) var count = 0
  private var generation: UInt32 = 0

  /// What those who do not speak are sent, in each encoding.
  var groups: [UnsafeMutablePointer<EncodedMix>] = []
  /// Encodings of parties that went back to the shared one.
  var spare: [UnsafeMutablePointer<EncodedMix>] = []

  var selection: SpeakerSelection
  /// The voices and what is played to all.
  var main = MixBus()
  /// What those hear who wait.
  var waiting = MixBus()
  /// One frame for each speaker, and for each that just stopped.
  let frames: UnsafeMutablePointer<Float>
  let scratch: UnsafeMutablePointer<Float>
  let input: UnsafeMutablePointer<Int16>
  let ownMix: UnsafeMutablePointer<Int16>
  let silence: UnsafeMutablePointer<Int16>
  let noise: UnsafeMutableRawBufferPointer

  var origin: MonotonicInstant?
  var tickIndex: Int64 = -1
  /// Voices in the mix.
  var voices = 0
  public internal(set) var counters = Counters()

  /// Encodings that differ, at most; each costs as much as a speaker.
  public static let maximumGroups = 64
  static let tickLength: Int64 = 20_000_000
  /// Ticks for which somebody who spoke keeps an encoding of his own: he may go on.
  static let separation = 10

  public init(_ configuration: Configuration = Configuration()) {
    self.configuration = configuration
    selection = SpeakerSelection(places: configuration.speakers)
    func floats(_ frames: Int) -> UnsafeMutablePointer<Float> {
      let pointer = UnsafeMutablePointer<Float>.allocate(capacity: frames * InboundAudio.mixFrame)
      pointer.initialize(repeating: 0, count: frames * InboundAudio.mixFrame)
      return pointer
    }
    func samples() -> UnsafeMutablePointer<Int16> {
      let pointer = UnsafeMutablePointer<Int16>.allocate(capacity: InboundAudio.mixFrame)
      pointer.initialize(repeating: 0, count: InboundAudio.mixFrame)
      return pointer
    }
    frames = floats(2 * selection.places)
    scratch = floats(1)
    input = samples()
    ownMix = samples()
    silence = samples()
    let noise = ComfortNoiseDescription(level: AudioLevel(75)).payload
    self.noise = .allocate(byteCount: noise.count, alignment: 1)
    self.noise.copyBytes(from: noise)
  }

  deinit {
    for case let party? in participants {
      party.deinitialize(count: 1)
      party.deallocate()
    }
    for mix in groups + spare {
      mix.deinitialize(count: 1)
      mix.deallocate()
    }
    for pointer in [frames, scratch] { pointer.deallocate() }
    for pointer in [input, ownMix, silence] { pointer.deallocate() }
    main.deallocate()
    waiting.deallocate()
    noise.deallocate()
  }

  // MARK: Coming and going

  /// Adds a party. Nil when the room is full, its encodings are too many, or there is no memory.
  public mutating func join(
    _ configuration: MixParticipantConfiguration, hearing: MixHearing = .mix
  ) -> MixParticipantID? {
    guard count < self.configuration.maximumParticipants else { return nil }
    generation &+= 1
    guard var party = MixParticipant(configuration, generation: generation, hearing: hearing) else {
      return nil
    }
    if let key = party.key {
      guard let group = group(for: key, hearing) else { return nil }
      party.group = group
      listen(to: group)
    }
    let pointer = UnsafeMutablePointer<MixParticipant>.allocate(capacity: 1)
    pointer.initialize(to: party)
    let index = participants.firstIndex { $0 == nil } ?? participants.count
    if index == participants.count { participants.append(nil) }
    participants[index] = pointer
    count += 1
    return MixParticipantID(index: index, generation: generation)
  }

  /// Counts a listener whose decoder has heard nothing yet.
  private func listen(to group: Int) {
    groups[group].pointee.listeners += 1
    if !groups[group].pointee.isQuiet { groups[group].pointee.setIndependent(true) }
  }

  /// Goes on with what a party has agreed to now (a renegotiation): it keeps its place among the speakers, what is played to
  /// it, and where encodings stay, all that is on its way. False: there is no room for another encoding, or no memory; then
  /// nothing changes.
  public mutating func replace(_ configuration: MixParticipantConfiguration, for id: MixParticipantID) -> Bool
  {
    guard let party = party(id) else { return false }
    let key = configuration.sends.map { EncodingKey($0.encoding, configuration.opus) }
    let hearing = party.pointee.hearing
    var group = -1
    if let key {
      guard let found = self.group(for: key, hearing) else { return false }
      group = found
    }
    let oldKey = party.pointee.key
    guard party.pointee.update(configuration) else { return false }
    guard key != oldKey else { return true }
    if party.pointee.group >= 0, party.pointee.own == nil {
      groups[party.pointee.group].pointee.listeners -= 1
    }
    if let own = party.pointee.own {
      own.deinitialize(count: 1)
      own.deallocate()
      party.pointee.own = nil
    }
    party.pointee.group = group
    if group >= 0 { listen(to: group) }
    return true
  }

  /// What a party hears from the next tick on.
  public mutating func setHearing(_ hearing: MixHearing, _ id: MixParticipantID) {
    party(id)?.pointee.wantedHearing = hearing
  }

  /// Removes a party. Whatever else is asked of it later does nothing.
  public mutating func leave(_ id: MixParticipantID) {
    guard let party = party(id) else { return }
    if party.pointee.group >= 0, party.pointee.own == nil {
      groups[party.pointee.group].pointee.listeners -= 1
    }
    participants[id.index] = nil
    party.deinitialize(count: 1)
    party.deallocate()
    count -= 1
    while let last = participants.last, last == nil { participants.removeLast() }
  }

  public func isHere(_ id: MixParticipantID) -> Bool { party(id) != nil }

  @inline(__always)
  func party(_ id: MixParticipantID) -> UnsafeMutablePointer<MixParticipant>? {
    guard id.index < participants.count, let party = participants[id.index],
      party.pointee.generation == id.generation
    else { return nil }
    return party
  }

  mutating func group(for key: EncodingKey, _ hearing: MixHearing) -> Int? {
    var key = key
    key.isForWaiting = hearing == .waiting
    if let index = groups.firstIndex(where: { $0.pointee.key == key }) { return index }
    guard let mix = EncodedMix(key) else { return nil }
    let pointer = UnsafeMutablePointer<EncodedMix>.allocate(capacity: 1)
    pointer.initialize(to: mix)
    if groups.count < MixRoom.maximumGroups {
      groups.append(pointer)
      return groups.count - 1
    }
    // An encoding that nobody uses any more makes room.
    if let free = groups.indices.first(where: { !isUsed($0) }) {
      groups[free].deinitialize(count: 1)
      groups[free].deallocate()
      groups[free] = pointer
      return free
    }
    pointer.deinitialize(count: 1)
    pointer.deallocate()
    return nil
  }

  private func isUsed(_ group: Int) -> Bool {
    participants.contains { $0?.pointee.group == group }
  }

  // MARK: What comes in

  /// Takes a packet of a party. `payload` is copied.
  public mutating func receive(
    from id: MixParticipantID, payloadType: UInt8, sequenceNumber: UInt16, timestamp: UInt32, ssrc: UInt32,
    isMarked: Bool = false, level: AudioLevelExtension? = nil, payload: UnsafeRawBufferPointer,
    now: MonotonicInstant
  ) -> MixReception {
    guard let party = party(id) else { return .notInRoom }
    return party.pointee.receive(
      payloadType: payloadType, sequenceNumber: sequenceNumber, timestamp: timestamp, ssrc: ssrc,
      isMarked: isMarked, level: level, payload: payload, now: now)
  }

  /// The next key that was heard in a party's audio (``MixParticipantConfiguration/hearsKeys``).
  public mutating func nextKey(of id: MixParticipantID) -> DTMFDigit? {
    party(id)?.pointee.inbound?.nextKey()
  }

  /// A muted party is not heard; it hears.
  public mutating func setMuted(_ isMuted: Bool, _ id: MixParticipantID) {
    party(id)?.pointee.isMuted = isMuted
  }

  // MARK: Prompts

  /// Plays to all, into the mix; what was played before stops. Nil stops.
  public mutating func play(_ audio: PromptAudio?, repeats: Bool = false) {
    main.prompt = audio.map { PromptPlayer($0, repeats: repeats) }
  }

  /// Plays to those who hear ``MixHearing/waiting``; what was played before stops. Nil stops.
  public mutating func playToWaiting(_ audio: PromptAudio?, repeats: Bool = false) {
    waiting.prompt = audio.map { PromptPlayer($0, repeats: repeats) }
  }

  public var isPlaying: Bool { main.prompt != nil }
  public var isPlayingToWaiting: Bool { waiting.prompt != nil }
  public func isPlaying(to id: MixParticipantID) -> Bool { party(id)?.pointee.prompt != nil }

  /// Plays keys to one party, which hears nothing else meanwhile; what else is played to it waits.
  public mutating func playTone(_ audio: PromptAudio?, to id: MixParticipantID) {
    party(id)?.pointee.tone = audio.map { PromptPlayer($0, repeats: false) }
  }

  public func isPlayingTone(to id: MixParticipantID) -> Bool { party(id)?.pointee.tone != nil }

  /// Plays to one party, on top of what it hears.
  public mutating func play(_ audio: PromptAudio?, repeats: Bool = false, to id: MixParticipantID) {
    party(id)?.pointee.prompt = audio.map { PromptPlayer($0, repeats: repeats) }
  }

  // MARK: What is known

  /// Whether the party's voice is in the mix.
  public func isSpeaking(_ id: MixParticipantID) -> Bool {
    party(id)?.pointee.speaker.isSelected == true
  }

  /// Counts changes of who is in the mix: look at ``isSpeaking(_:)`` when it has changed.
  public var speakerChanges: UInt64 { selection.changes }

  public func jitterStatistics(of id: MixParticipantID) -> JitterStatistics? {
    party(id)?.pointee.inbound?.jitter.statistics
  }

  /// Packets of the party that were decoded: fewer than it sent, when it was silent.
  public func decodedPackets(of id: MixParticipantID) -> UInt64 {
    party(id)?.pointee.inbound?.decodedPackets ?? 0
  }

  /// Reads what those who do not speak heard in the last tick, ``InboundAudio/mixFrame`` samples; nil when it
  /// was silence.
  public func withMix<Result>(_ body: (UnsafeBufferPointer<Int16>) -> Result) -> Result? {
    guard main.isSounding else { return nil }
    return body(UnsafeBufferPointer(start: main.mix, count: InboundAudio.mixFrame))
  }
}
