import AudioBridge
import CallModel
import Codecs
import MediaRelay
import Router

/// The audio of one place that hosts calls: a conference, a reception, a playback. Lives until the last figures of its
/// parties are in.
final class HostedAudio {
  private let room: any AudioRoom
  let announcer: Announcer
  private let loop: SignallingLoop
  /// What is the owner's business.
  var onEvent: ((AudioRoomEvent) -> Void)?
  private var open: Set<AudioPartyID> = []
  /// Who waits for the figures of a party.
  private var awaited: [AudioPartyID: (RelaySideStatistics?) -> Void] = [:]
  private var isClosing = false

  /// How long the figures of a party are waited for.
  static let patience = TimeSpan.seconds(2)

  /// nil: the media plane takes no more rooms.
  init?(_ service: ServiceConfiguration, plane: any AudioPlane, library: PromptLibrary, loop: SignallingLoop)
  {
    let box = WeakAudio()
    let cleaning = NoiseReduction.Settings(
      denoises: service.room.denoises, softMutes: service.room.softMutes)
    guard let room = plane.openRoom(cleaning: cleaning, onEvent: { box.audio?.did($0) }) else { return nil }
    self.room = room
    self.loop = loop
    announcer = Announcer(
      room: room, library: library, themes: library.lookup(service), loop: loop)
    box.audio = self
  }

  private final class WeakAudio { weak var audio: HostedAudio? }

  func openParty() -> (any AudioParty)? {
    guard let party = room.openParty() else { return nil }
    open.insert(party.id)
    return party
  }

  func record(_ file: RecordingFile, title: String) { room.record(file, title: title) }
  func stopRecording() { room.stopRecording() }

  var isEmpty: Bool { open.isEmpty }

  /// Hears of the last figures of a party that closes, or that there are none.
  func whenClosed(_ party: AudioPartyID, then: @escaping (RelaySideStatistics?) -> Void) {
    guard open.contains(party) else { return then(nil) }
    awaited[party] = then
    // Holds this object: the media plane tells nobody else.
    loop.schedule(after: HostedAudio.patience) { self.closed(party, nil) }
  }

  /// Ends once the last party has closed.
  func close() {
    guard !isClosing else { return }
    isClosing = true
    if open.isEmpty { return room.close() }
    // Holds this object, as nobody else may any more.
    loop.schedule(after: HostedAudio.patience) {
      if !self.open.isEmpty { self.room.close() }
    }
  }

  private func did(_ event: AudioRoomEvent) {
    switch event {
    case .played(let playback): announcer.played(playback)
    case .closed(let party, let figures): closed(party, figures)
    case .digit, .mediaStarted, .mediaLost, .mediaReturned, .speakers, .recordingFailed: onEvent?(event)
    }
  }

  private func closed(_ party: AudioPartyID, _ figures: RelaySideStatistics?) {
    guard open.remove(party) != nil else { return }
    announcer.forget(.party(party))
    awaited.removeValue(forKey: party)?(figures)
    if isClosing, open.isEmpty { room.close() }
  }
}
