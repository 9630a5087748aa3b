import CMediaIO
import CallModel

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
  case addTimer(RelayTimer)
  case cancelTimer(RelayTimer)
  case perform(@Sendable (MonotonicInstant) -> Void)
  case snapshot(UnsafeMutablePointer<StreamState>, @Sendable (RelayStreamStatistics) -> Void)
  /// Run the sweep as if the clock stood here (tests).
  case sweep(at: Int64, done: @Sendable () -> Void)
  /// Make every latch look older by this much, as if time had passed with packets (tests).
  case ageLatches(TimeSpan)
  case stop

  /// How soon the thread has to know.
  enum Urgency {
    /// When it next reads its mail: means nothing without a later command.
    case later
    /// Before it handles another packet, which wakes it anyway.
    case beforeNextPacket
    /// Within ``RelayMailbox/linger``.
    case soon
    case now
  }

  var urgency: Urgency {
    switch self {
    case .open, .openRTCP: .later
    case .attach, .update, .setTimeout, .setMode: .beforeNextPacket
    case .addTimer: .later
    case .detach, .close, .setTap, .perform, .cancelTimer: .soon
    case .handOver, .playEvents, .sendRaw, .snapshot, .sweep, .ageLatches, .stop: .now
    }
  }

  /// Sockets the thread does not watch yet: their packets cannot wake it.
  var bringsSockets: Bool {
    switch self {
    case .open, .openRTCP: true
    default: false
    }
  }
}
