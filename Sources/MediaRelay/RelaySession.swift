import CMediaIO
import CallModel
import Synchronization

/// The streams of one call, all served by one relay thread.
public final class RelaySession: Sendable {
  private struct State {
    var ports: [RelayPort] = []
    var streams: [RelayStream] = []
    var isClosed = false
  }

  let relay: MediaRelay
  let worker: RelayWorker
  let sink: EventSink
  private let state = Mutex(State())

  init(relay: MediaRelay, worker: RelayWorker, sink: EventSink) {
    self.relay = relay
    self.worker = worker
    self.sink = sink
  }

  deinit { close() }

  /// Reserves a local port pair for one side of a stream.
  ///
  /// - Parameters:
  ///   - interface: index into ``MediaRelayConfiguration/interfaces``.
  ///   - kind: chooses the DSCP mark.
  ///   - withRTCP: opens the RTCP socket at once. False is right when rtcp-mux is offered: the socket is
  ///   opened
  ///     later if the answer refuses it.
  /// - Returns: nil when the interface has no free port (counted in ``MediaRelayCounters/portExhaustions``),
  ///   or the session is closed.
  public func reserve(
    interface: Int = 0, kind: MediaStream.Kind = .audio, withRTCP: Bool = false
  ) -> RelayPort? {
    let dscp = kind == .video ? relay.configuration.videoDSCP : relay.configuration.audioDSCP
    guard !state.withLock({ $0.isClosed }),
      let lease = relay.pool.reserve(
        interface: interface, worker: worker.index, withRTCP: withRTCP, dscp: dscp, now: mio_now())
    else { return nil }
    let port = RelayPort(slot: lease.slot, rtp: lease.rtp, rtcp: lease.rtcp, interface: interface)
    if let former = lease.formerWorker {
      relay.workers[former].mailbox.post(.handOver(slot: lease.slot))
    }
    // Read by the thread with the stream that follows: not worth a wake. A warm pair may have been without
    // RTCP so far; `open` is idempotent.
    if lease.isNew || withRTCP {
      worker.mailbox.post(.open(slot: lease.slot, rtpFD: lease.rtpFD, rtcpFD: lease.rtcpFD))
    }
    let isLate = state.withLock { state in
      if state.isClosed { return true }
      state.ports.append(port)
      return false
    }
    if isLate {
      release(port)
      return nil
    }
    return port
  }

  /// Joins two reserved ports, or loops one, or ends one with a tap. Nil when the session is closed or a key does not fit
  /// its suite.
  ///
  /// - Parameters:
  ///   - tap: attached to side A before its first packet.
  ///   - tapB: the same on side B.
  public func makeStream(
    _ configuration: RelayStreamConfiguration, tap: (any MediaTap)? = nil, tapB: (any MediaTap)? = nil
  ) -> RelayStream? {
    guard configuration.b != nil || configuration.mode != .relay,
      let stream = RelayStream(session: self, configuration: configuration, taps: (tap, tapB))
    else { return nil }
    let isClosed = state.withLock { state in
      if !state.isClosed {
        state.streams.removeAll { $0.isClosed }
        state.streams.append(stream)
      }
      return state.isClosed
    }
    if isClosed {
      stream.close()
      return nil
    }
    return stream
  }

  /// Runs work on the session's thread, within some milliseconds, in the order in which it was asked for. Not at all when the
  /// relay is shut down before.
  ///
  /// - Parameter work: gets the time.
  public func perform(_ work: @escaping @Sendable (MonotonicInstant) -> Void) {
    worker.mailbox.post(.perform(work))
  }

  /// Makes a timer of the session's thread, on which `action` is called. It lives until ``cancel(_:)``.
  public func makeTimer(_ action: @escaping @Sendable (MonotonicInstant) -> MonotonicInstant?) -> RelayTimer {
    let timer = RelayTimer(action)
    worker.mailbox.post(.addTimer(timer))
    return timer
  }

  public func cancel(_ timer: RelayTimer) { worker.mailbox.post(.cancelTimer(timer)) }

  /// Gives one port back before the session ends (a stream was refused). Its stream must be closed.
  public func release(port: RelayPort) {
    let owned = state.withLock { state in
      guard let i = state.ports.firstIndex(of: port) else { return false }
      state.ports.remove(at: i)
      return true
    }
    if owned { release(port) }
  }

  /// Ends all streams and gives all ports back. Idempotent.
  public func close() {
    let (streams, ports, first) = state.withLock { state in
      defer { state = State(isClosed: true) }
      return (state.streams, state.ports, !state.isClosed)
    }
    guard first else { return }
    for stream in streams { stream.close() }
    for port in ports { release(port) }
    relay.sessionCount.wrappingSubtract(1, ordering: .relaxed)
    worker.sessions.wrappingSubtract(1, ordering: .relaxed)
  }

  private func release(_ port: RelayPort) {
    if relay.pool.release(port, now: mio_now()) { worker.mailbox.post(.close(slot: port.slot)) }
  }
}
