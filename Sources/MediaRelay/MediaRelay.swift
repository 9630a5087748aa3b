import CMediaIO
import CallModel
import Synchronization

/// The RTP plane: threads of its own that carry packets between pairs of UDP ports.
///
/// ```swift
/// let relay = try MediaRelay(configuration: .init(interfaces: [.init(address: .loopbackIPv4)]))
/// try relay.start()
/// let session = relay.openSession { event in /* hop to the call's event loop */ }
/// guard let toCaller = session.reserve(), let toCallee = session.reserve() else { /* 503 */ }
/// // ... write toCaller.rtp and toCallee.rtp into the SDP of each leg, negotiate ...
/// let stream = session.makeStream(.init(
///   a: RelaySide(port: toCaller, remoteRTP: callerAddress),
///   b: RelaySide(port: toCallee, remoteRTP: calleeAddress)))
/// // re-INVITE: stream.update(a: changed)
/// session.close()
/// ```
///
/// **Threads.** A session belongs to one relay thread for its life; its sockets, tables and keys are touched
/// there only. The calls below are for the signalling side: they take a lock for some tens of nanoseconds,
/// post a command and return; they may be used from any thread. Answers come back as ``RelayEvent``s.
public final class MediaRelay: Sendable {
  let configuration: MediaRelayConfiguration
  let pool: PortPool
  let workers: [RelayWorker]
  private let relaying: ArraySlice<RelayWorker>
  private let mixers: ArraySlice<RelayWorker>
  private let nextStream = Atomic<UInt64>(1)
  let sessionCount = Atomic<Int>(0)
  let streamCount = Atomic<Int>(0)
  private enum Phase { case prepared, running, stopped }
  private let phase = Mutex(Phase.prepared)

  /// Checks the configuration and prepares the tables. No socket is opened and no thread started before
  /// ``start()``.
  public init(configuration: MediaRelayConfiguration) throws(MediaRelayError) {
    let threads = configuration.threads ?? min(2, max(1, Int(mio_cores())))
    guard (1...64).contains(threads) else { throw .invalidValue("media threads must be 1 to 64") }
    let mixing = configuration.mixingThreads ?? min(2, max(1, Int(mio_cores())))
    guard (0...64).contains(mixing) else { throw .invalidValue("mixing threads must be 0 to 64") }
    guard configuration.audioDSCP < 64, configuration.videoDSCP < 64 else {
      throw .invalidValue("a DSCP must be 0 to 63")
    }
    guard (512...8192).contains(configuration.maximumPacketSize) else {
      throw .invalidValue("the largest media packet must be 512 to 8192 bytes")
    }
    guard configuration.coalescing >= .zero, configuration.coalescing <= .milliseconds(2) else {
      throw .invalidValue("media coalescing must be 0 to 2 ms")
    }
    guard configuration.sessionsPerThread > 0 else {
      throw .invalidValue("sessions per media thread must be 1 or more")
    }
    guard configuration.portQuarantine >= .zero, configuration.warmPortLimit >= 0 else {
      throw .invalidValue("port quarantine and warm port limit must not be negative")
    }
    for interface in configuration.interfaces where interface.address.isUnspecified {
      guard interface.advertised != nil else {
        throw .invalidValue(
          "media interface '\(interface.name)' is bound to \(interface.address) and needs an advertised address"
        )
      }
    }
    self.configuration = configuration
    pool = try PortPool(configuration, workers: threads + mixing)
    let pool = pool
    workers = (0..<threads + mixing).map {
      RelayWorker(index: $0, mixes: $0 >= threads, configuration: configuration, pool: pool)
    }
    relaying = workers.prefix(threads)
    mixers = workers.suffix(mixing)
  }

  /// Starts the threads after trying each interface's address with an ephemeral port.
  public func start() throws(MediaRelayError) {
    for interface in configuration.interfaces {
      let address = TransportAddress(interface.address, 0)
      var raw = mio_address(address)
      let fd = mio_udp_socket(&raw, 0, 0)
      if fd < 0 { throw .cannotBind(address, errno: mio_errno()) }
      mio_close(fd)
    }
    let before = phase.withLock { phase in
      defer { if phase == .prepared { phase = .running } }
      return phase
    }
    // Mailboxes may hold commands about streams that are gone: a stopped relay stays stopped.
    if before == .stopped { throw .invalidValue("the media relay was shut down") }
    if before == .running { return }
    for worker in workers { try worker.start() }
  }

  /// Ends every stream, joins the threads and closes all sockets. Open sessions get their `closed` events
  /// before.
  public func shutdown() {
    let wasStopped = phase.withLock { phase in
      defer { phase = .stopped }
      return phase == .stopped
    }
    guard !wasStopped else { return }
    // Ports can be reserved before the threads run.
    for worker in workers { worker.stop() }
    pool.closeAll()
  }

  deinit { shutdown() }

  /// Lets this process have as many file descriptors as the system allows it (`LimitNOFILE`, the hard limit): a call needs two to
  /// eight. Before ``init(configuration:)``, which takes all but a reserve for its sockets.
  public static func raiseDescriptorLimit() { mio_raise_descriptor_limit() }

  /// Opens a session: the streams of one call. `onEvent` is called on a relay thread and must not block.
  public func openSession(onEvent: @escaping @Sendable (RelayEvent) -> Void) -> RelaySession {
    openSession(on: chooseWorker(), onEvent)
  }

  /// Opens a session on a thread that mixes, the one with the least to do: for streams of ``RelayMode/endpoint`` that belong
  /// together. Nil when all have as much to do as they should, or there is none.
  public func openMixingSession(onEvent: @escaping @Sendable (RelayEvent) -> Void) -> RelaySession? {
    var best: RelayWorker?
    var least = Int.max
    for worker in mixers {
      let load = worker.published.load.load(ordering: .relaxed)
      // What was opened lately does not show in the load yet.
      let sum = load + 5 * worker.sessions.load(ordering: .relaxed)
      if load < MediaRelay.fullLoad, sum < least {
        least = sum
        best = worker
      }
    }
    return best.map { openSession(on: $0, onEvent) }
  }

  /// Sessions on each thread that mixes.
  public var mixingSessions: [Int] { mixers.map { $0.sessions.load(ordering: .relaxed) } }

  /// Whether the system lets the threads that mix go before other programs (`CAP_SYS_NICE`, or a real-time limit of 1): then
  /// ticks are on time whatever else runs. Nil before ``start()``, and where no thread mixes.
  public var isMixingPrompt: Bool? {
    guard !mixers.isEmpty, phase.withLock({ $0 == .running }) else { return nil }
    return mixers.allSatisfy { $0.isPrompt.load(ordering: .relaxed) }
  }

  /// Thousandths of its time that a thread which mixes may be at work for a room to be added.
  private static let fullLoad = 800

  private func openSession(
    on worker: RelayWorker, _ onEvent: @escaping @Sendable (RelayEvent) -> Void
  ) -> RelaySession {
    sessionCount.wrappingAdd(1, ordering: .relaxed)
    worker.sessions.wrappingAdd(1, ordering: .relaxed)
    return RelaySession(relay: self, worker: worker, sink: EventSink(onEvent))
  }

  /// The first thread that is not full; else the least busy. Two sessions opened at the same time may see the
  /// same numbers: a thread then has one more, which does no harm.
  private func chooseWorker() -> RelayWorker {
    var best = workers[0]
    var fewest = Int.max
    for worker in relaying {
      let sessions = worker.sessions.load(ordering: .relaxed)
      if sessions < configuration.sessionsPerThread { return worker }
      if sessions < fewest {
        fewest = sessions
        best = worker
      }
    }
    return best
  }

  /// The local addresses, in the order `interface` parameters count them.
  public var interfaces: [MediaRelayConfiguration.Interface] { configuration.interfaces }

  func makeStreamID() -> RelayStream.ID {
    RelayStream.ID(rawValue: nextStream.wrappingAdd(1, ordering: .relaxed).oldValue)
  }

  /// Figures of the whole plane. Cheap; never waits for a thread.
  public var counters: MediaRelayCounters {
    var result = MediaRelayCounters()
    let usage = pool.usage
    result.sessions = sessionCount.load(ordering: .relaxed)
    result.streams = streamCount.load(ordering: .relaxed)
    result.portsInUse = usage.inUse
    result.portsWarm = usage.warm
    result.portExhaustions = usage.exhaustions
    for worker in workers { worker.published.add(to: &result) }
    return result
  }
}

/// The receiver of one session's events, held by the thread without counting references per packet.
final class EventSink: Sendable {
  private let handler: @Sendable (RelayEvent) -> Void
  init(_ handler: @escaping @Sendable (RelayEvent) -> Void) { self.handler = handler }
  func emit(_ event: RelayEvent) { handler(event) }
}
