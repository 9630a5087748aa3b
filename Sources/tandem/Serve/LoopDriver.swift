import CallModel
import Glibc
import NIOCore
import Router

/// Runs a ``SignallingLoop`` on a NIO event loop: keeps its clock, wakes it for its next deadline.
///
/// One wake-up is armed at a time, for the earliest deadline known; one that turns out too early arms the next. Wake-ups
/// fall on multiples of ``grain``, so that the timers of many calls share one.
final class LoopDriver {
  let loop: SignallingLoop
  private let eventLoop: any EventLoop
  private var armed: (deadline: MonotonicInstant, wakeUp: Scheduled<Void>)?
  private var isInTurn = false
  /// How late a timer may be. SIP's shortest is T1, half a second (RFC 3261 §17.1.1.1).
  private static let grain: Int64 = 10_000_000

  init(eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
    loop = SignallingLoop(now: LoopDriver.now, wallClock: { LoopDriver.wallClock })
    loop.onEarlierDeadline = { [unowned self] in if !isInTurn { arm() } }
  }

  static var now: MonotonicInstant {
    MonotonicInstant(nanoseconds: Int64(NIODeadline.now().uptimeNanoseconds))
  }

  static var wallClock: WallClock {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return WallClock(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
  }

  /// One event: the clock is brought up to date before it, due timers run after it.
  func turn(_ event: () -> Void) {
    let isOutermost = !isInTurn
    isInTurn = true
    loop.tick(to: LoopDriver.now)
    event()
    guard isOutermost else { return }
    loop.advance(to: loop.now)
    isInTurn = false
    arm()
  }

  private func arm() {
    guard let exact = loop.nextDeadline else { return }
    if let armed, armed.deadline <= exact { return }
    let grains = max(0, exact.nanoseconds).addingReportingOverflow(LoopDriver.grain - 1)
    guard !grains.overflow else { return }
    let deadline = MonotonicInstant(nanoseconds: grains.partialValue / LoopDriver.grain * LoopDriver.grain)
    if let armed, armed.deadline <= deadline { return }
    armed?.wakeUp.cancel()
    let wakeUp = eventLoop.assumeIsolated().scheduleTask(
      deadline: .uptimeNanoseconds(UInt64(max(0, deadline.nanoseconds)))
    ) { [weak self] in
      guard let self else { return }
      self.armed = nil
      self.turn {}
    }
    armed = (deadline, wakeUp)
  }
}
