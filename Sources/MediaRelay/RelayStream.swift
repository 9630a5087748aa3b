import CallModel
import Synchronization

/// One relayed media stream: handle of the signalling side.
public final class RelayStream: Sendable {
  public struct ID: Sendable, Hashable, CustomStringConvertible {
    public let rawValue: UInt64
    public var description: String { String(rawValue) }
  }

  private struct State {
    var a: RelaySide
    var b: RelaySide?
    var isClosed = false
  }

  /// A pointer the relay thread owns; here it is only a name for commands.
  private struct Handle: @unchecked Sendable { let pointer: UnsafeMutablePointer<StreamState> }

  public let id: ID
  private let handle: Handle
  private let relay: MediaRelay
  private let worker: RelayWorker
  private let state: Mutex<State>

  init?(
    session: RelaySession, configuration: RelayStreamConfiguration,
    taps: (a: (any MediaTap)?, b: (any MediaTap)?) = (nil, nil)
  ) {
    relay = session.relay
    worker = session.worker
    id = session.relay.makeStreamID()
    guard
      let a = SideUpdate.make(configuration.a, previous: nil, relay: session.relay, worker: session.worker)
    else { return nil }
    var b: UnsafeMutablePointer<SideUpdate>?
    if let side = configuration.b {
      guard let update = SideUpdate.make(side, previous: nil, relay: session.relay, worker: session.worker)
      else {
        SideUpdate.destroy(a)
        return nil
      }
      b = update
    }
    let pointer = StreamState.create(
      id: id, mode: configuration.mode, timeout: configuration.timeout, sink: session.sink, taps: taps, a: a,
      b: b)
    handle = Handle(pointer: pointer)
    state = Mutex(State(a: configuration.a, b: configuration.b))
    relay.streamCount.wrappingAdd(1, ordering: .relaxed)
    worker.mailbox.post(.attach(pointer))
  }

  deinit { close() }

  /// Replaces what was negotiated with one or both parties (re-INVITE, answer, hold, resume). No packet is
  /// lost over it; SRTP state is kept where keys stay the same, and the latch where the signalled address
  /// stays. The port of a side cannot change.
  ///
  /// - Returns: false when the stream is closed, or a key does not fit its suite: then nothing changes.
  @discardableResult
  public func update(a: RelaySide? = nil, b: RelaySide? = nil) -> Bool {
    state.withLock { state in
      if state.isClosed { return false }
      var updates: [(RelaySideName, UnsafeMutablePointer<SideUpdate>)] = []
      for (name, side) in [(RelaySideName.a, a), (.b, b)] {
        guard let side else { continue }
        let previous = name == .a ? state.a : state.b
        guard previous == nil || previous?.port == side.port,
          let update = SideUpdate.make(side, previous: previous, relay: relay, worker: worker)
        else {
          for (_, update) in updates { SideUpdate.destroy(update) }
          return false
        }
        updates.append((name, update))
      }
      if let a { state.a = a }
      if let b { state.b = b }
      for (name, update) in updates { worker.mailbox.post(.update(handle.pointer, name, update)) }
      return true
    }
  }

  /// What the sides were last set to.
  public var sides: (a: RelaySide, b: RelaySide?) { state.withLock { ($0.a, $0.b) } }

  public func setTimeout(_ timeout: MediaTimeout) { post(.setTimeout(handle.pointer, timeout)) }

  public func setMode(_ mode: RelayMode) { post(.setMode(handle.pointer, mode)) }

  /// Sends digits to a party as RFC 4733 events, one after the other, in the stream it already receives: same
  /// SSRC, continuous sequence numbers; the other party's audio is left out while a digit lasts. Ignored when
  /// the side has no ``RelaySide/sentTelephoneEvent`` or more than 64 digits wait.
  public func send(_ events: [TelephoneEvent], to side: RelaySideName) {
    post(.playEvents(handle.pointer, side, events))
  }

  /// Sends a datagram as it is from the RTP port of a side (STUN, DTLS).
  public func sendRaw(_ bytes: [UInt8], from side: RelaySideName, to address: TransportAddress) {
    post(.sendRaw(handle.pointer, side, bytes, .init(address)))
  }

  /// Attaches a tap to a side, or removes it.
  public func setTap(_ tap: (any MediaTap)?, on side: RelaySideName) {
    post(.setTap(handle.pointer, side, tap))
  }

  /// The figures of this moment, delivered on the relay thread, which is not held up. Nothing is delivered
  /// once the stream is closed: its last figures come with ``RelayEvent/closed(stream:statistics:)``.
  public func snapshot(_ completion: @escaping @Sendable (RelayStreamStatistics) -> Void) {
    post(.snapshot(handle.pointer, completion))
  }

  /// Ends the stream. Its ports stay reserved until the session gives them back. Idempotent.
  public func close() {
    let first = state.withLock { state in
      defer { state.isClosed = true }
      if !state.isClosed { worker.mailbox.post(.detach(handle.pointer)) }
      return !state.isClosed
    }
    if first { relay.streamCount.wrappingSubtract(1, ordering: .relaxed) }
  }

  var isClosed: Bool { state.withLock { $0.isClosed } }

  private func post(_ command: RelayCommand) {
    state.withLock { state in
      // Under the lock, so that nothing is posted after `detach`, which frees the pointer.
      if !state.isClosed { worker.mailbox.post(command) }
    }
  }
}
