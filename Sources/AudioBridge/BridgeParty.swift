import AudioMixing
import CallModel
import Codecs
import MediaRelay
import Synchronization

/// One party of a ``BridgeRoom``: its socket, what it has negotiated, and its place in the mix.
///
/// ```swift
/// guard let party = room.openParty(), let port = party.reserve(interface: 0) else { /* no port: 480 */ }
/// // ... port.rtp goes into the answer; then, and after each further exchange of offer and answer:
/// party.connect(side, remote: theirStream, local: ourStream)
/// party.place(.mix())
/// ```
///
/// It begins ``BridgePlacement/alone``. May be used from any thread; calls return at once and are carried out in order.
public final class BridgeParty: Sendable {
  /// Unique within the process.
  public struct ID: Sendable, Hashable, CustomStringConvertible {
    public let rawValue: UInt64
    public var description: String { String(rawValue) }
  }

  private struct State {
    var stream: RelayStream?
    var side: RelaySide?
    var ports: [RelayPort] = []
    var isClosed = false
    /// Of what the party is sent. One clock an SSRC (RFC 7160 §4).
    var ssrc: UInt32 = 0
    var clockRate = 0
    var sendsEvents = false
  }

  public let id: ID
  private let session: RelaySession
  private let core: BridgeCore
  private let audio: PartyAudio
  private let timeout: MediaTimeout
  private let onClose: @Sendable () -> Void
  private let state = Mutex(State())

  init(
    id: ID, session: RelaySession, core: BridgeCore, timeout: TimeSpan?,
    onClose: @escaping @Sendable () -> Void
  ) {
    self.id = id
    self.session = session
    self.core = core
    self.timeout = MediaTimeout(oneSide: timeout)
    self.onClose = onClose
    audio = PartyAudio(id: id, core: core)
    session.perform { [core, audio] _ in core.open(audio) }
  }

  deinit { close() }

  /// Reserves a local port pair on an interface (index into ``MediaRelay/interfaces``). Nil: none is free, or the party is
  /// closed. The ports of a party are given back when it closes.
  public func reserve(interface: Int = 0, kind: MediaStream.Kind = .audio) -> RelayPort? {
    state.withLock { state in
      guard !state.isClosed, let port = session.reserve(interface: interface, kind: kind) else { return nil }
      state.ports.append(port)
      return port
    }
  }

  /// Puts what was negotiated in place: after each exchange of offer and answer, the first like the later ones. What stays
  /// the same goes on without a seam, prompts and digits under way included.
  ///
  /// - Parameters:
  ///   - side: port, addresses, keys and direction, as for a relayed stream. Payload types, clock rates and telephone events
  ///     are taken from the descriptions and need not be set. The port stays that of the first call.
  ///   - remote: the stream as the party described it.
  ///   - local: the stream as we described it to the party.
  /// - Returns: false when there is nothing in common that can be mixed, a key does not fit its suite, or the party is
  ///   closed: then nothing changes.
  @discardableResult
  public func connect(_ side: RelaySide, remote: MediaStream, local: MediaStream) -> Bool {
    guard let formats = BridgeFormats(remote: remote, local: local) else { return false }
    let complete = formats.completing(side)
    return state.withLock { state in
      guard !state.isClosed else { return false }
      let configuration = RelayStreamConfiguration(a: complete, mode: .endpoint, timeout: timeout)
      guard let stream = state.stream ?? session.makeStream(configuration, tap: audio),
        state.stream == nil || stream.update(a: complete)
      else { return false }
      state.stream = stream
      state.side = complete
      if state.clockRate != formats.sends.encoding.clockRate {
        state.clockRate = formats.sends.encoding.clockRate
        state.ssrc = .random(in: 1 ... .max)
      }
      let agreed = formats.configuration(complete.direction, ssrc: state.ssrc)
      state.sendsEvents = formats.eventsToParty != nil
      let (level, sendsEvents) = (formats.level, state.sendsEvents)
      session.perform { [core, audio] now in
        audio.agree(agreed, level, sendsEvents: sendsEvents, stream: stream)
        core.connect(audio, now)
      }
      return true
    }
  }

  /// The stream was switched off (port 0): nothing is sent or taken until it is connected again.
  public func disconnect() {
    state.withLock { state in
      guard let stream = state.stream, var side = state.side else { return }
      side.direction = .inactive
      side.remoteRTP = nil
      stream.update(a: side)
      state.side = side
      session.perform { [core, audio] _ in core.disconnect(audio) }
    }
  }

  /// Puts the party into the mix, or takes it out.
  public func place(_ placement: BridgePlacement) {
    session.perform { [core, audio] now in core.place(audio, placement, now) }
  }

  /// Sends a key: as telephone event where that was negotiated (RFC 4733), else as tones in the audio, during which the party
  /// hears nothing else. Keys wait for those before them; more than 64 are dropped.
  ///
  /// - Parameter duration: 40 ms to 6 s; clamped.
  public func send(_ digit: DTMFDigit, for duration: TimeSpan = .milliseconds(160)) {
    // Made here, since it takes longer than a media thread should be kept.
    let tone = state.withLock { $0.sendsEvents } ? nil : PromptAudio(digit, duration)
    session.perform { [core, audio] now in core.send(digit, duration, tone: tone, to: audio, now) }
  }

  /// Takes the party out of the room and gives its ports back. Ends in ``BridgeEvent/closed(_:_:)``. Idempotent.
  public func close() {
    let old: State? = state.withLock { state in
      guard !state.isClosed else { return nil }
      defer { state = State(isClosed: true) }
      return state
    }
    guard let old else { return }
    session.perform { [core, audio] now in core.remove(audio, now) }
    old.stream?.close()
    for port in old.ports { session.release(port: port) }
    onClose()
  }
}
