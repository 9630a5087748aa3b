import CallModel

/// Something that a session's thread does at times of its own: the ticks of a mix.
///
/// Made by ``RelaySession/makeTimer(_:)``. It sleeps until ``schedule(at:)``; what it does says when it is to be done again.
public final class RelayTimer: @unchecked Sendable {
  // Sendable: everything that changes is touched on the session's thread only.
  private let action: (MonotonicInstant) -> MonotonicInstant?
  /// Nanoseconds; `.max` while it sleeps.
  private(set) var due = Int64.max
  fileprivate var isListed = false
  /// How far into every 20 ms this timer should begin, so that a thread's timers do not all begin together.
  public private(set) var phase = TimeSpan.zero
  private var table: UnsafeMutablePointer<TimerTable>?

  init(_ action: @escaping (MonotonicInstant) -> MonotonicInstant?) { self.action = action }

  /// Asks to be done at this time, or earlier if that was asked for before. On the session's thread only; once the timer is
  /// cancelled it does nothing.
  public func schedule(at time: MonotonicInstant) {
    guard let table, time.nanoseconds < due else { return }
    if !isListed {
      isListed = true
      table.pointee.active.append(Unmanaged.passUnretained(self))
    }
    due = time.nanoseconds
    table.pointee.next = min(table.pointee.next, due)
  }

  func attach(to table: UnsafeMutablePointer<TimerTable>) {
    guard self.table == nil else { return }
    // Multiples of the golden section, taken modulo one, fill an interval evenly at any number.
    let part = (Double(table.pointee.made) * 0.618_033_988_749_895).truncatingRemainder(dividingBy: 1)
    phase = .nanoseconds(Int64(part * Double(TimerTable.tick)))
    table.pointee.made += 1
    table.pointee.timers.append(self)
    self.table = table
  }

  func cancel() {
    guard let table else { return }
    self.table = nil
    due = .max
    isListed = false
    table.pointee.active.removeAll { $0.toOpaque() == Unmanaged.passUnretained(self).toOpaque() }
    table.pointee.timers.removeAll { $0 === self }
  }

  fileprivate func fire(_ now: Int64) {
    due = .max
    guard let again = action(MonotonicInstant(nanoseconds: now)), table != nil else { return }
    due = min(due, again.nanoseconds)
  }
}

/// The timers of one thread.
struct TimerTable {
  /// Keeps them alive.
  var timers: [RelayTimer] = []
  /// Those that wait for a time: few are, of many.
  var active: [Unmanaged<RelayTimer>] = []
  /// The earliest time one of them waits for; `.max` without one.
  var next = Int64.max
  var made = 0
  var fired: UInt64 = 0
  var late: UInt64 = 0

  /// From one tick of a mix to the next. What is later than this is late: the next tick is due.
  static let tick: Int64 = 20_000_000

  /// Does what is due.
  static func run(_ table: UnsafeMutablePointer<TimerTable>, at now: Int64) {
    var i = 0
    var next = Int64.max
    while i < table.pointee.active.count {
      let timer = table.pointee.active[i].takeUnretainedValue()
      let due = timer.due
      if due <= now {
        table.pointee.fired &+= 1
        if now - due >= tick { table.pointee.late &+= 1 }
        timer.fire(now)
      }
      // It may have been cancelled by what it did.
      guard timer.isListed else { continue }
      if timer.due == .max {
        timer.isListed = false
        table.pointee.active.remove(at: i)
      } else {
        next = min(next, timer.due)
        i += 1
      }
    }
    table.pointee.next = next
  }
}
