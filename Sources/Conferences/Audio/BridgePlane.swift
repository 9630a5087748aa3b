import AudioBridge
import AudioMixing
import CallModel
import Codecs
import MediaRelay

/// The media plane's mixing workers as conferences use them.
public final class BridgePlane: AudioPlane {
  private let relay: MediaRelay
  private let configuration: BridgeRoomConfiguration
  /// Runs a closure on the signalling loop; called on media threads.
  private let post: @Sendable (@escaping @Sendable () -> Void) -> Void
  public let codecs: [Codec]

  public init(
    relay: MediaRelay, configuration: BridgeRoomConfiguration,
    post: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void
  ) {
    self.relay = relay
    self.configuration = configuration
    self.post = post
    codecs = BridgeCodecs.offered()
  }

  public func openRoom(
    cleaning: NoiseReduction.Settings, onEvent: @escaping (AudioRoomEvent) -> Void
  ) -> (any AudioRoom)? {
    var configuration = configuration
    configuration.noiseReduction = cleaning
    let handler = LoopConfined(onEvent)
    let post = post
    let room = BridgeRoom(relay: relay, configuration: configuration) { event in
      guard let event = AudioRoomEvent(event) else { return }
      post { handler.value(event) }
    }
    return room.map { BridgedRoom($0) }
  }
}

/// Only carried by media threads, and used on the loop.
private struct LoopConfined: @unchecked Sendable {
  let value: (AudioRoomEvent) -> Void
  init(_ value: @escaping (AudioRoomEvent) -> Void) { self.value = value }
}

private final class BridgedRoom: AudioRoom {
  private let room: BridgeRoom
  private var parties: [AudioPartyID: BridgeParty.ID] = [:]

  init(_ room: BridgeRoom) { self.room = room }

  func openParty() -> (any AudioParty)? {
    guard let party = room.openParty() else { return nil }
    let bridged = BridgedParty(party) { [weak self] in self?.parties[$0] = nil }
    parties[bridged.id] = party.id
    return bridged
  }

  private func bridge(_ audience: AudioAudience) -> BridgeAudience? {
    switch audience {
    case .everybody: .everybody
    case .party(let id): parties[id].map { .party($0) }
    }
  }

  func play(_ audio: PromptAudio, to audience: AudioAudience, as playback: AudioPlayback, repeats: Bool) {
    guard let audience = bridge(audience) else { return }
    room.play(audio, to: audience, as: BridgePlayback(playback.number), repeats: repeats)
  }

  func stopPlaying(to audience: AudioAudience) {
    if let audience = bridge(audience) { room.stopPlaying(to: audience) }
  }

  func record(_ file: RecordingFile, title: String) { room.record(file, title: title) }

  func stopRecording() { room.stopRecording() }

  func close() { room.close() }
}

private final class BridgedParty: AudioParty {
  private let party: BridgeParty
  private let onClose: (AudioPartyID) -> Void
  let id: AudioPartyID

  init(_ party: BridgeParty, onClose: @escaping (AudioPartyID) -> Void) {
    self.party = party
    self.onClose = onClose
    id = AudioPartyID(party.id)
  }

  func reserve(interface: Int, kind: MediaStream.Kind) -> RelayPort? {
    party.reserve(interface: interface, kind: kind)
  }

  func connect(_ side: RelaySide, remote: MediaStream, local: MediaStream) -> Bool {
    party.connect(side, remote: remote, local: local)
  }

  func disconnect() { party.disconnect() }

  func place(_ placement: AudioPlacement) {
    switch placement {
    case .alone: party.place(.alone)
    case .mix(let isHeard, let hears): party.place(.mix(isHeard: isHeard, hears: hears))
    }
  }

  func send(_ digit: DTMFDigit, for duration: TimeSpan) { party.send(digit, for: duration) }

  func close() {
    party.close()
    onClose(id)
  }
}

extension AudioPartyID {
  fileprivate init(_ id: BridgeParty.ID) { self.init(id.rawValue) }
}

extension AudioRoomEvent {
  /// nil: nothing a conference acts on.
  fileprivate init?(_ event: BridgeEvent) {
    switch event {
    case .digit(let id, let digit, _): self = .digit(AudioPartyID(id), digit)
    case .mediaStarted(let id): self = .mediaStarted(AudioPartyID(id))
    case .mediaLost(let id): self = .mediaLost(AudioPartyID(id))
    case .mediaReturned(let id): self = .mediaReturned(AudioPartyID(id))
    case .speakers(let ids): self = .speakers(ids.map { AudioPartyID($0) })
    case .played(let playback): self = .played(AudioPlayback(playback.rawValue))
    case .closed(let id, let figures): self = .closed(AudioPartyID(id), figures.a)
    case .recordingFailed(let error): self = .recordingFailed(error)
    case .digitsSent: return nil
    }
  }
}
