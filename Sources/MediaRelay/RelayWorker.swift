import CMediaIO
import CallModel
import Synchronization

/// One relay thread: its mailbox, what it publishes, and its life.
final class RelayWorker: Sendable {
  let index: Int
  /// Serves sessions that mix, and no others.
  let mixes: Bool
  let mailbox = RelayMailbox()
  let published = PublishedCounters()
  /// Sessions that were given to this thread and are open.
  let sessions = Atomic<Int>(0)
  /// The system lets this thread go before other programs; see ``TickPriority``.
  let isPrompt = Atomic<Bool>(false)
  private let configuration: MediaRelayConfiguration
  private let pool: PortPool
  private let thread = Mutex<UInt64?>(nil)

  init(index: Int, mixes: Bool, configuration: MediaRelayConfiguration, pool: PortPool) {
    self.index = index
    self.mixes = mixes
    self.configuration = configuration
    self.pool = pool
  }

  func start() throws(MediaRelayError) {
    let launch = Launch(worker: self)
    var id: UInt64 = 0
    let error = mio_thread_start(
      "\(mixes ? "mix" : "relay")-\(index)", { Launch.run($0) }, Unmanaged.passRetained(launch).toOpaque(),
      &id)
    guard error == 0 else {
      Unmanaged.passUnretained(launch).release()
      throw .system(call: "pthread_create", errno: error)
    }
    thread.withLock { $0 = id }
    if mixes { isPrompt.store(mio_thread_raise(id, true) == 0, ordering: .relaxed) }
  }

  /// Ends the thread after the commands posted before.
  func stop() {
    guard let id = thread.withLock({ $0.take() }) else { return }
    mailbox.post(.stop)
    mio_thread_join(id)
  }

  /// What the new thread is given.
  private final class Launch {
    let worker: RelayWorker
    init(worker: RelayWorker) { self.worker = worker }

    static func run(_ context: UnsafeMutableRawPointer?) {
      guard let context else { return }
      let launch = Unmanaged<Launch>.fromOpaque(context).takeRetainedValue()
      let worker = launch.worker
      let loop = UnsafeMutablePointer<RelayLoop>.allocate(capacity: 1)
      loop.initialize(
        to: RelayLoop(
          configuration: worker.configuration, pool: worker.pool, mailbox: worker.mailbox,
          published: worker.published, mixes: worker.mixes, address: loop))
      loop.pointee.run(isPrompt: { worker.isPrompt.load(ordering: .relaxed) })
      loop.pointee.shutDown()
      loop.deinitialize(count: 1)
      loop.deallocate()
    }
  }
}

/// Figures a thread publishes once a round, for readers on other threads.
final class PublishedCounters: Sendable {
  let packets = Atomic<UInt64>(0)
  let bytes = Atomic<UInt64>(0)
  let wakes = Atomic<UInt64>(0)
  let strays = Atomic<UInt64>(0)
  let timers = Atomic<UInt64>(0)
  let lateTimers = Atomic<UInt64>(0)
  /// Thousandths of the last second that a mixing thread was at work.
  let load = Atomic<Int>(0)
  private let drops = Mutex(InlineCounts())

  /// Drops are rare: under a lock, and only when there were any.
  func set(drops counts: InlineCounts) { drops.withLock { $0 = counts } }

  func add(to counters: inout MediaRelayCounters) {
    counters.packetsRelayed += packets.load(ordering: .relaxed)
    counters.bytesRelayed += bytes.load(ordering: .relaxed)
    counters.wakes += wakes.load(ordering: .relaxed)
    counters.ticks += timers.load(ordering: .relaxed)
    counters.lateTicks += lateTimers.load(ordering: .relaxed)
    counters.strayPackets += strays.load(ordering: .relaxed)
    let mine = drops.withLock { $0 }
    for reason in DropReason.allCases { counters.drops.counts[reason.rawValue] += mine[reason.rawValue] }
  }
}
