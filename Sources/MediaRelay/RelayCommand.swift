import CMediaIO
import CallModel
import Synchronization

/// What the signalling asks of a relay thread.
///
/// Sendable although it carries pointers: what they point to is made by the sender, is owned by the thread
/// from the moment it takes the command, and is not looked at by the sender afterwards. (A stream's pointer
/// stays a mere name in later commands, and none is posted after `detach`.)
enum RelayCommand: @unchecked Sendable {
  /// Watch these sockets. `rtcpFD` -1: none yet.
  case open(slot: Int32, rtpFD: Int32, rtcpFD: Int32)
  case openRTCP(slot: Int32, fd: Int32)
  /// Stop watching; the sockets go to another thread.
  case handOver(slot: Int32)
  /// Close the sockets and say so to the pool.
  case close(slot: Int32)
  case attach(UnsafeMutablePointer<StreamState>)
  case update(UnsafeMutablePointer<StreamState>, RelaySideName, UnsafeMutablePointer<SideUpdate>)
  case detach(UnsafeMutablePointer<StreamState>)
  case setTimeout(UnsafeMutablePointer<StreamState>, MediaTimeout)
  case setMode(UnsafeMutablePointer<StreamState>, RelayMode)
  case playEvents(UnsafeMutablePointer<StreamState>, RelaySideName, [TelephoneEvent])
  case sendRaw(UnsafeMutablePointer<StreamState>, RelaySideName, [UInt8], mio_address)
  case setTap(UnsafeMutablePointer<StreamState>, RelaySideName, (any MediaTap)?)
  case snapshot(UnsafeMutablePointer<StreamState>, @Sendable (RelayStreamStatistics) -> Void)
  /// Run the sweep as if the clock stood here (tests).
  case sweep(at: Int64, done: @Sendable () -> Void)
  /// Make every latch look older by this much, as if time had passed with packets (tests).
  case ageLatches(TimeSpan)
  case stop
}

/// Commands on their way to one thread. Any thread posts, one takes.
final class RelayMailbox: Sendable {
  private struct State {
    var commands: [RelayCommand] = []
    var isSignalled = false
  }

  private let state = Mutex(State())
  let eventFD: Int32

  init() { eventFD = mio_eventfd() }

  /// Adds a command. With `wake` false the thread takes it when it next wakes for another reason: for what
  /// has no effect until a later command.
  func post(_ command: RelayCommand, wake: Bool = true) {
    let mustSignal = state.withLock { state in
      state.commands.append(command)
      let must = wake && !state.isSignalled
      if wake { state.isSignalled = true }
      return must
    }
    if mustSignal { mio_eventfd_signal(eventFD) }
  }

  /// Exchanges the waiting commands for the empty array given, so that neither side ever allocates in steady
  /// state.
  func take(into commands: inout [RelayCommand]) {
    let empty = commands
    commands = state.withLock { state in
      defer {
        state.commands = empty
        state.isSignalled = false
      }
      return state.commands
    }
  }
}
