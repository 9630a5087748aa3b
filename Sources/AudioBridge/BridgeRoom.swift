import AudioMixing
import CallModel
import Glibc
import MediaRelay
import Synchronization

/// The audio of one conference, mixed where its sockets are: all on one media thread.
///
/// ```swift
/// guard let room = BridgeRoom(relay: relay, onEvent: { event in loop.post { host.bridgeDid(event) } }) else { /* full */ }
/// let party = room.openParty()
/// ```
///
/// May be used from any thread; calls return at once and are carried out in order.
public final class BridgeRoom: Sendable {
  private struct State {
    var parties = 0
    var isClosed = false
  }

  private static let nextParty = Atomic<UInt64>(1)

  private let session: RelaySession
  private let core: BridgeCore
  private let timer: RelayTimer
  private let configuration: BridgeRoomConfiguration
  private let state = Mutex(State())

  /// Opens a room on the media thread with the least to do. Nil: all of them have as much to do as they can.
  ///
  /// - Parameter onEvent: called on that thread; must not block.
  public init?(
    relay: MediaRelay, configuration: BridgeRoomConfiguration = BridgeRoomConfiguration(),
    onEvent: @escaping @Sendable (BridgeEvent) -> Void
  ) {
    let core = BridgeCore(configuration, onEvent: onEvent)
    guard let session = relay.openMixingSession(onEvent: { core.relayDid($0) }) else { return nil }
    self.session = session
    self.core = core
    self.configuration = configuration
    let timer = session.makeTimer { now in core.tick(now) }
    self.timer = timer
    session.perform { _ in core.timer = timer }
  }

  deinit { close() }

  /// Makes room for a party. Nil when there are ``BridgeRoomConfiguration/maximumParties``, or the room is closed.
  public func openParty() -> BridgeParty? {
    let hasPlace = state.withLock { state in
      guard !state.isClosed, state.parties < configuration.maximumParties else { return false }
      state.parties += 1
      return true
    }
    guard hasPlace else { return nil }
    let number = BridgeRoom.nextParty.wrappingAdd(1, ordering: .relaxed).oldValue
    let party = BridgeParty(
      id: BridgeParty.ID(rawValue: number), session: session, core: core, timeout: configuration.mediaTimeout,
      onClose: { [weak self] in self?.state.withLock { $0.parties -= 1 } })
    return party
  }

  /// Plays to an audience, in place of what was being played to it. Its end is reported as
  /// ``BridgeEvent/played(_:)``; with `repeats` there is none. What is played to a party that cannot hear it (on hold) takes
  /// its time all the same; for a party that is not connected yet it begins when that is.
  public func play(
    _ audio: PromptAudio, to audience: BridgeAudience, as playback: BridgePlayback, repeats: Bool = false
  ) {
    session.perform { [core] now in
      core.play(audio, to: audience, as: playback, repeats: repeats, now)
    }
  }

  public func stopPlaying(to audience: BridgeAudience) {
    session.perform { [core] _ in core.stopPlaying(to: audience) }
  }

  /// Records what those in the mix hear who do not speak, as Ogg Opus; a recording under way ends before.
  public func record(_ file: RecordingFile, title: String = "") {
    session.perform { [core] now in core.record(file, title: title, now) }
  }

  public func stopRecording() { session.perform { [core] _ in core.endRecording() } }

  /// Ends the room: all parties close.
  public func close() {
    let isFirst = state.withLock { state in
      defer { state.isClosed = true }
      return !state.isClosed
    }
    guard isFirst else { return }
    session.perform { [core] _ in core.close() }
    session.close()
    session.cancel(timer)
  }
}

/// Why a file for a recording could not be made, or takes no more.
public struct BridgeRecordingError: Error, Sendable, Hashable, CustomStringConvertible {
  public var path: String
  public var errno: Int32

  public init(path: String, errno: Int32) {
    self.path = path
    self.errno = errno
  }

  public var description: String {
    "\(path): \(strerror(errno).map { String(cString: $0) } ?? "error \(errno)")"
  }
}
