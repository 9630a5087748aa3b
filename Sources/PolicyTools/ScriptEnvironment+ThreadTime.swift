import CallModel
import Glibc
import PolicyScript

extension ScriptEnvironment {
  /// The processor time of the calling thread, for ``clock``: what a script takes is its own doing, and not that of a machine with
  /// much else to do. A rendering begins and ends on one thread.
  public static let threadTime: @Sendable () -> MonotonicInstant = {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return MonotonicInstant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }
}
