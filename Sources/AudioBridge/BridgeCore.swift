import AudioMixing
import CallModel
import Codecs
import Glibc
import MediaRelay

/// A room on its media thread: the mix, and who is in it.
final class BridgeCore: @unchecked Sendable {
  // Sendable: made by the signalling, and touched on the room's thread only from then on.
  private let configuration: BridgeRoomConfiguration
  private let onEvent: @Sendable (BridgeEvent) -> Void
  var timer: RelayTimer?

  /// Made for the first party: many rooms are only known, and empty.
  var room: MixRoom?
  var parties: [BridgeParty.ID: PartyAudio] = [:]
  private var streams: [RelayStream.ID: PartyAudio] = [:]
  /// By ``MixParticipantID/index``.
  private var endpoints: [RelayEndpoint?] = []
  private var nextTick: MonotonicInstant?
  private(set) var now = MonotonicInstant.zero
  private var isClosed = false

  // What is looked at after a tick.
  private var lastChanges: UInt64 = 0
  private var speakersMayDiffer = false
  private var speakers: [BridgeParty.ID] = []
  private var toEverybody: BridgePlayback?
  private var toWaiting: BridgePlayback?
  /// Those to whom something is played, with tones under way, and whose audio may hold keys.
  private var playing: [PartyAudio] = []
  private var sendingTones: [PartyAudio] = []
  private var keyListeners: [PartyAudio] = []
  private var ticksToLossCheck = BridgeCore.lossCheckInterval
  var recording: BridgeRecording?

  static let tick = TimeSpan.milliseconds(20)
  /// Ticks between two looks at what parties report to have lost: the reports come every five seconds.
  private static let lossCheckInterval = 250
  /// Keys that may wait to be sent as tones.
  private static let maximumTones = 64

  init(_ configuration: BridgeRoomConfiguration, onEvent: @escaping @Sendable (BridgeEvent) -> Void) {
    self.configuration = configuration
    self.onEvent = onEvent
  }

  func emit(_ event: BridgeEvent) { onEvent(event) }

  // MARK: Packets

  func receive(
    from id: MixParticipantID, _ header: RTPHeader, level: AudioLevelExtension?,
    payload: UnsafeRawBufferPointer, arrival: MonotonicInstant, now: MonotonicInstant
  ) {
    self.now = now
    _ = room?.receive(
      from: id, payloadType: header.payloadType, sequenceNumber: header.sequenceNumber,
      timestamp: header.timestamp, ssrc: header.ssrc, isMarked: header.marker, level: level, payload: payload,
      now: arrival)
    wake()
  }

  /// Sees to it that the next tick comes when the room wants it.
  func wake() {
    if let nextTick, nextTick - now <= BridgeCore.tick { return }
    guard let wanted = room?.nextTick, let timer else { return }
    let time = wanted == .zero ? firstTick(timer.phase) : wanted
    nextTick = time
    timer.schedule(at: time)
  }

  /// The first time on the grid of this room.
  private func firstTick(_ phase: TimeSpan) -> MonotonicInstant {
    let length = BridgeCore.tick.nanoseconds
    let passed = (now.nanoseconds - phase.nanoseconds) % length
    return now + .nanoseconds(length - passed)
  }

  /// The next 20 ms. Returns when it wants to be called again.
  func tick(_ now: MonotonicInstant) -> MonotonicInstant? {
    self.now = now
    nextTick = nil
    guard !isClosed, room != nil else { return nil }
    room?.tick(now: now) { packet in
      let header = RTPHeader(
        payloadType: packet.payloadType, sequenceNumber: packet.sequenceNumber, timestamp: packet.timestamp,
        ssrc: packet.ssrc, marker: packet.isMarked)
      let index = packet.participant.index
      if index < endpoints.count, let endpoint = endpoints[index] {
        endpoint.sendRTP(header, payload: packet.payload)
      } else if recording?.participant == packet.participant {
        recording?.append(packet.payload, timestamp: packet.timestamp)
      }
    }
    lookAround()
    nextTick = room?.nextTick
    return nextTick
  }

  private func lookAround() {
    if speakersMayDiffer || room?.speakerChanges != lastChanges { findSpeakers() }
    if let playback = toEverybody, room?.isPlaying == false {
      toEverybody = nil
      emit(.played(playback))
    }
    if let playback = toWaiting, room?.isPlayingToWaiting == false {
      toWaiting = nil
      emit(.played(playback))
    }
    if !playing.isEmpty { finishPrompts() }
    if !sendingTones.isEmpty { sendTones() }
    for party in keyListeners {
      guard let mix = party.mix else { continue }
      while let key = room?.nextKey(of: mix) { press(key, nil, party) }
    }
    if let failure = recording?.failure {
      endRecording()
      emit(.recordingFailed(failure))
    }
    ticksToLossCheck -= 1
    if ticksToLossCheck <= 0 {
      ticksToLossCheck = BridgeCore.lossCheckInterval
      checkLoss()
    }
  }

  private func findSpeakers() {
    lastChanges = room?.speakerChanges ?? 0
    speakersMayDiffer = false
    var now: Set<BridgeParty.ID> = []
    for party in parties.values {
      if let mix = party.mix, room?.isSpeaking(mix) == true { now.insert(party.id) }
    }
    let before = speakers
    // Of several who come in at once, the one who joined first is named first.
    speakers.removeAll { !now.contains($0) }
    let new = now.subtracting(speakers).sorted { $0.rawValue < $1.rawValue }
    speakers = new + speakers
    if speakers != before { emit(.speakers(speakers)) }
  }

  /// Those who lose much of what they are sent get each packet twice.
  private func checkLoss() {
    for party in parties.values {
      guard let mix = party.mix, let configuration = party.configuration, let endpoint = party.endpoint,
        configuration.sends?.encoding == .opus
      else { continue }
      let lost = endpoint.reportedFractionLost
      let isRedundant = configuration.opus.usesRedundancy
      // Above five percent, until below two.
      guard isRedundant ? lost < 5 : lost > 12 else { continue }
      var changed = configuration
      changed.opus = isRedundant ? configuration.opus.plain : configuration.opus.redundant
      if room?.replace(changed, for: mix) == true { party.configuration = changed }
    }
  }

  // MARK: Coming and going

  private func makeRoom() {
    guard room == nil, !isClosed else { return }
    var mixing = MixRoom.Configuration()
    mixing.speakers = configuration.speakers
    mixing.usesAutomaticGain = configuration.usesAutomaticGain
    mixing.noiseReduction = configuration.noiseReduction
    // And the recording.
    mixing.maximumParticipants = configuration.maximumParties + 1
    room = .some(MixRoom(mixing))
  }

  func open(_ party: PartyAudio) {
    if isClosed { return emit(.closed(party.id, RelayStreamStatistics())) }
    parties[party.id] = party
  }

  func attached(_ party: PartyAudio, _ endpoint: RelayEndpoint) {
    streams[endpoint.stream] = party
    showEndpoint(party)
  }

  func detached(_ party: PartyAudio) { showEndpoint(party) }

  private func showEndpoint(_ party: PartyAudio) {
    guard let index = party.mix?.index else { return }
    while endpoints.count <= index { endpoints.append(nil) }
    endpoints[index] = party.endpoint
  }

  /// What was agreed with a party is in place: it comes into the room, or goes on in it.
  func connect(_ party: PartyAudio, _ now: MonotonicInstant) {
    guard !party.isGone, let agreed = party.configuration else { return }
    self.now = now
    makeRoom()
    if let mix = party.mix {
      _ = room?.replace(agreed, for: mix)
    } else {
      party.mix = room?.join(agreed, hearing: party.placement.hearing)
      showEndpoint(party)
      place(party, party.placement, now)
      startPrompt(party)
    }
    keyListeners.removeAll { $0 === party }
    if agreed.hearsKeys { keyListeners.append(party) }
    sendTones()
    wake()
  }

  /// Nothing is sent and nothing taken.
  func disconnect(_ party: PartyAudio) {
    guard let mix = party.mix, var silent = party.configuration else { return }
    silent.sends = nil
    silent.receives = []
    party.configuration = silent
    _ = room?.replace(silent, for: mix)
    keyListeners.removeAll { $0 === party }
    speakersMayDiffer = true
  }

  func place(_ party: PartyAudio, _ placement: BridgePlacement, _ now: MonotonicInstant) {
    self.now = now
    party.placement = placement
    guard let mix = party.mix else { return }
    room?.setHearing(placement.hearing, mix)
    room?.setMuted(!placement.isHeard, mix)
    speakersMayDiffer = true
    wake()
  }

  func remove(_ party: PartyAudio, _ now: MonotonicInstant? = nil) {
    guard !party.isGone else { return }
    self.now = now ?? self.now
    party.isGone = true
    if let mix = party.mix {
      room?.leave(mix)
      if mix.index < endpoints.count { endpoints[mix.index] = nil }
    }
    party.mix = nil
    party.prompt = nil
    playing.removeAll { $0 === party }
    sendingTones.removeAll { $0 === party }
    keyListeners.removeAll { $0 === party }
    speakersMayDiffer = true
    parties[party.id] = nil
    // Otherwise the end of its stream brings the figures.
    if !party.hadStream { emit(.closed(party.id, RelayStreamStatistics())) }
    // Nobody may be left to whom a tick would matter, except for saying who speaks now.
    if speakers.contains(party.id) { findSpeakers() }
    wake()
  }

  func close() {
    guard !isClosed else { return }
    isClosed = true
    endRecording()
    for party in parties.values { remove(party) }
    room = nil
    nextTick = nil
    timer = nil
  }

  // MARK: Playing

  func play(
    _ audio: PromptAudio, to audience: BridgeAudience, as playback: BridgePlayback, repeats: Bool,
    _ now: MonotonicInstant
  ) {
    self.now = now
    switch audience {
    case .everybody:
      makeRoom()
      toEverybody = repeats ? nil : playback
      room?.play(audio, repeats: repeats)
    case .waiting:
      makeRoom()
      toWaiting = repeats ? nil : playback
      room?.playToWaiting(audio, repeats: repeats)
    case .party(let id):
      guard let party = parties[id] else { return }
      party.prompt = (audio, playback, repeats)
      startPrompt(party)
    }
    wake()
  }

  func stopPlaying(to audience: BridgeAudience) {
    switch audience {
    case .everybody:
      toEverybody = nil
      room?.play(nil)
    case .waiting:
      toWaiting = nil
      room?.playToWaiting(nil)
    case .party(let id):
      guard let party = parties[id] else { return }
      party.prompt = nil
      playing.removeAll { $0 === party }
      if let mix = party.mix { room?.play(nil, to: mix) }
    }
  }

  private func startPrompt(_ party: PartyAudio) {
    guard let mix = party.mix, let prompt = party.prompt else { return }
    room?.play(prompt.audio, repeats: prompt.repeats, to: mix)
    if !playing.contains(where: { $0 === party }) { playing.append(party) }
  }

  private func finishPrompts() {
    playing.removeAll { party in
      guard let mix = party.mix, room?.isPlaying(to: mix) == true else {
        if let prompt = party.prompt { emit(.played(prompt.playback)) }
        party.prompt = nil
        return true
      }
      return false
    }
  }

  // MARK: Keys

  /// - Parameter tone: the key as it sounds; nil if it has no tone, or was not expected to be needed.
  func send(
    _ digit: DTMFDigit, _ duration: TimeSpan, tone: PromptAudio?, to party: PartyAudio,
    _ now: MonotonicInstant
  ) {
    guard !party.isGone else { return }
    self.now = now
    if party.sendsEvents, let stream = party.stream, party.configuration?.sends != nil {
      return stream.send([TelephoneEvent(code: digit.event, duration: duration)], to: .a)
    }
    guard party.tones.count < BridgeCore.maximumTones, let tone = tone ?? PromptAudio(digit, duration)
    else { return }
    party.tones.append(tone)
    if !sendingTones.contains(where: { $0 === party }) { sendingTones.append(party) }
    sendTones()
    wake()
  }

  private func sendTones() {
    sendingTones.removeAll { party in
      guard let mix = party.mix, room?.isPlayingTone(to: mix) == false else { return false }
      guard !party.tones.isEmpty else {
        emit(.digitsSent(party.id))
        return true
      }
      room?.playTone(party.tones.removeFirst(), to: mix)
      return false
    }
  }

  private func press(_ digit: DTMFDigit, _ duration: TimeSpan?, _ party: PartyAudio) {
    guard !party.isGone, party.mayPress(now) else { return }
    emit(.digit(party.id, digit, duration))
  }

  // MARK: Recording

  func record(_ file: RecordingFile, title: String, _ now: MonotonicInstant) {
    self.now = now
    endRecording()
    makeRoom()
    guard !isClosed else { return file.finish([]) }
    let listener = MixParticipantConfiguration(
      receives: [], sends: .init(111, .opus), ssrc: 1, firstSequenceNumber: 0, firstTimestamp: 0)
    guard let participant = room?.join(listener) else {
      file.finish([])
      return emit(.recordingFailed(BridgeRecordingError(path: file.path, errno: EUSERS)))
    }
    recording = BridgeRecording(file, participant, title: title)
    if participant.index < endpoints.count { endpoints[participant.index] = nil }
    wake()
  }

  func endRecording() {
    guard let ending = recording else { return }
    recording = nil
    room?.leave(ending.participant)
    ending.finish()
  }

  // MARK: What the relay tells

  func relayDid(_ event: RelayEvent) {
    switch event {
    case .firstPacket(let stream, _, _):
      if let party = streams[stream] { emit(.mediaStarted(party.id)) }
    case .mediaTimeout(let stream, .a?, _):
      guard let party = streams[stream], !party.isGone else { return }
      party.isLost = true
      emit(.mediaLost(party.id))
    case .telephoneEvent(let stream, _, let code, let duration):
      guard let party = streams[stream], let digit = DTMFDigit(event: code) else { return }
      press(digit, duration, party)
    case .telephoneEventsSent(let stream, _):
      if let party = streams[stream], !party.isGone { emit(.digitsSent(party.id)) }
    case .closed(let stream, let statistics):
      guard let party = streams.removeValue(forKey: stream) else { return }
      // The relay itself may have been shut down.
      remove(party)
      emit(.closed(party.id, statistics))
    case .latched, .mediaTimeout, .otherFormat: break
    }
  }
}

extension BridgePlacement {
  var hearing: MixHearing {
    switch self {
    case .alone: .waiting
    case .mix(_, let hears): hears ? .mix : .nothing
    }
  }

  var isHeard: Bool {
    switch self {
    case .alone: false
    case .mix(let isHeard, _): isHeard
    }
  }
}

extension PromptAudio {
  /// The tones of a key and the pause after it; nil for one that has none (flash).
  convenience init?(_ digit: DTMFDigit, _ duration: TimeSpan) {
    guard let tone = TouchTone(rawValue: digit.event) else { return nil }
    let milliseconds = Int(max(40, min(duration.milliseconds, 6_000)))
    self.init(SignalTone.digits([tone], milliseconds: milliseconds, pause: 80))
  }
}

extension OpusSettings {
  /// Without what ``redundant`` added.
  var plain: OpusSettings {
    var result = self
    result.usesRedundancy = false
    result.expectedLoss = 0
    return result
  }
}
