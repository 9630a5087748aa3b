import CMediaIO
import Synchronization

/// Commands on their way to one thread. Any thread posts, one takes.
///
/// Waking a thread costs both sides more than the command itself: a write, a context switch, an `epoll_wait`.
/// So a poster looks at how the thread sleeps, and wakes it only when the command cannot wait for what wakes
/// it next: a packet, the sweep of every second, or the end of ``linger``. A call that is set up costs no
/// wake at all, and calls that end within ``linger`` of each other cost one together.
final class RelayMailbox: Sendable {
  /// How a thread sleeps. The deeper, the less can be left lying in its mailbox.
  enum Sleep: UInt8, AtomicRepresentable {
    /// It looks into the mailbox before it sleeps.
    case awake
    /// Until a packet, or the end of ``linger``.
    case lingering
    /// Until a packet, or at most until the next sweep.
    case timed
    /// Until it is woken.
    case endless
  }

  /// How long a thread that was woken for a command goes on looking by itself, in milliseconds.
  static let linger: Int64 = 10

  private struct State {
    var commands: [RelayCommand] = []
    var bringsSockets = false
  }

  private let state = Mutex(State())
  private let hasMail = Atomic<Bool>(false)
  private let sleep = Atomic<Sleep>(.awake)
  /// Watched edge-triggered by the thread: written, never read.
  let eventFD: Int32

  init() { eventFD = mio_eventfd() }

  deinit { mio_close(eventFD) }

  /// Adds a command, and wakes the thread where ``RelayCommand/urgency`` asks for it.
  func post(_ command: RelayCommand) {
    let bringsSockets = state.withLock { state in
      state.commands.append(command)
      if command.bringsSockets { state.bringsSockets = true }
      // First the mail, then the look at the thread, which does the same the other way round in
      // ``beginSleep(_:)``: one of the two sees the other.
      hasMail.store(true, ordering: .sequentiallyConsistent)
      return state.bringsSockets
    }
    let sleep = sleep.load(ordering: .sequentiallyConsistent)
    let isLate =
      switch command.urgency {
      case .later: false
      case .beforeNextPacket: sleep == .endless || bringsSockets && sleep != .awake
      case .soon: sleep == .timed || sleep == .endless
      case .now: sleep != .awake
      }
    // Of several posters, one wakes it.
    if isLate, self.sleep.exchange(.awake, ordering: .sequentiallyConsistent) != .awake {
      mio_eventfd_signal(eventFD)
    }
  }

  /// Whether there is something to take. The thread asks once a round.
  @inline(__always)
  var isEmpty: Bool { !hasMail.load(ordering: .acquiring) }

  /// The thread is about to sleep. False when mail has come: it must not.
  func beginSleep(_ depth: Sleep) -> Bool {
    sleep.store(depth, ordering: .sequentiallyConsistent)
    return !hasMail.load(ordering: .sequentiallyConsistent)
  }

  func endSleep() { sleep.store(.awake, ordering: .relaxed) }

  /// Exchanges the waiting commands for the empty array given, so that neither side ever allocates in steady
  /// state.
  func take(into commands: inout [RelayCommand]) {
    let empty = commands
    commands = state.withLock { state in
      defer {
        state.commands = empty
        state.bringsSockets = false
        hasMail.store(false, ordering: .relaxed)
      }
      return state.commands
    }
  }
}
