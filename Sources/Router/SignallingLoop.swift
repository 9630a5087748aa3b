import CallModel

/// The clock and the timers of one signalling event loop. Everything of a call happens on its loop; nothing here locks.
///
/// The driver brings ``now`` up to date before it delivers an event, calls ``advance(to:)`` when ``nextDeadline`` has
/// passed, and wakes up for it. Tests advance it by hand.
public final class SignallingLoop {
  public struct TimerID: Hashable, Sendable {
    fileprivate let number: UInt64
  }

  private struct Entry {
    var deadline: MonotonicInstant
    var id: UInt64
  }

  public private(set) var now: MonotonicInstant
  /// Read for records and for policy only: it may jump.
  public var readWallClock: () -> WallClock
  public var wallClock: WallClock { readWallClock() }
  /// Called when the earliest deadline moved forward, so that the driver can wake up sooner.
  public var onEarlierDeadline: (() -> Void)?

  // A binary heap of deadlines with lazy deletion: a cancelled timer leaves its entry to be skipped later.
  private var heap: [Entry] = []
  private var actions: [UInt64: () -> Void] = [:]
  private var nextID: UInt64 = 1

  public init(
    now: MonotonicInstant = .zero, wallClock: @escaping () -> WallClock = { WallClock(milliseconds: 0) }
  ) {
    self.now = now
    readWallClock = wallClock
  }

  /// Brings the clock up to date without firing timers. Never moves it back.
  public func tick(to instant: MonotonicInstant) {
    if instant > now { now = instant }
  }

  @discardableResult
  public func schedule(after delay: TimeSpan, _ action: @escaping () -> Void) -> TimerID {
    let id = nextID
    nextID += 1
    actions[id] = action
    let isEarliest = nextDeadline.map { now + delay < $0 } ?? true
    push(Entry(deadline: now + delay, id: id))
    if isEarliest { onEarlierDeadline?() }
    return TimerID(number: id)
  }

  public func cancel(_ timer: TimerID?) {
    guard let timer else { return }
    actions[timer.number] = nil
  }

  /// The next moment at which ``advance(to:)`` has something to do.
  public var nextDeadline: MonotonicInstant? {
    while let first = heap.first {
      if actions[first.id] != nil { return first.deadline }
      pop()
    }
    return nil
  }

  /// Fires the timers that are due, in the order of their deadlines.
  public func advance(to instant: MonotonicInstant) {
    tick(to: instant)
    while let deadline = nextDeadline, deadline <= now {
      let id = heap[0].id
      pop()
      if let action = actions.removeValue(forKey: id) { action() }
    }
  }

  private func isBefore(_ a: Entry, _ b: Entry) -> Bool {
    a.deadline != b.deadline ? a.deadline < b.deadline : a.id < b.id
  }

  private func push(_ entry: Entry) {
    heap.append(entry)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard isBefore(heap[child], heap[parent]) else { break }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  private func pop() {
    let last = heap.removeLast()
    guard !heap.isEmpty else { return }
    heap[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && isBefore(heap[child], heap[least]) {
        least = child
      }
      guard least != parent else { return }
      heap.swapAt(least, parent)
      parent = least
    }
  }
}
