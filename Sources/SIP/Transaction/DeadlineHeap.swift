import CallModel

/// All pending deadlines of one event loop, earliest first.
///
/// Entries are never removed from the middle: an owner whose deadline has moved or gone simply does not recognise the entry
/// when it comes up (lazy deletion). Owners that move deadlines often keep the instant of their newest entry and push
/// another only when the new deadline is *earlier*; a later one is entered when the old entry comes up.
///
/// Four children a node instead of two: half the depth, and the children compared lie side by side in memory.
public struct DeadlineHeap<Key: Sendable>: Sendable {
  @usableFromInline struct Entry: Sendable {
    @usableFromInline var deadline: MonotonicInstant
    @usableFromInline var key: Key

    @inlinable init(deadline: MonotonicInstant, key: Key) {
      self.deadline = deadline
      self.key = key
    }
  }

  @usableFromInline var entries: [Entry] = []

  public init() {}

  @inlinable public var count: Int { entries.count }
  @inlinable public var isEmpty: Bool { entries.isEmpty }

  /// The earliest deadline entered, stale or not; nil when there is none.
  @inlinable public var nextDeadline: MonotonicInstant? { entries.first?.deadline }

  /// Enters a deadline. The same key may be entered any number of times.
  @inlinable public mutating func schedule(_ key: Key, at deadline: MonotonicInstant) {
    let entry = Entry(deadline: deadline, key: key)
    entries.append(entry)
    var child = entries.count - 1
    while child > 0 {
      let parent = (child - 1) / 4
      guard deadline < entries[parent].deadline else { break }
      entries[child] = entries[parent]
      child = parent
    }
    entries[child] = entry
  }

  /// Takes out the earliest entry, if it is due at `now`.
  @inlinable public mutating func popDue(
    at now: MonotonicInstant
  ) -> (key: Key, deadline: MonotonicInstant)? {
    guard let first = entries.first, first.deadline <= now else { return nil }
    popFirst()
    return (first.key, first.deadline)
  }

  /// Takes out the earliest entry while `isStale` says so, so that ``nextDeadline`` wakes nobody in vain.
  @inlinable public mutating func dropFirst(
    while isStale: (_ key: Key, _ deadline: MonotonicInstant) -> Bool
  ) {
    while let first = entries.first, isStale(first.key, first.deadline) { popFirst() }
  }

  /// Removes every entry `isStale` names. O(n): for owners whose stale entries outnumber the live ones.
  @inlinable public mutating func removeAll(
    where isStale: (_ key: Key, _ deadline: MonotonicInstant) -> Bool
  ) {
    entries.removeAll { isStale($0.key, $0.deadline) }
    guard entries.count > 1 else { return }
    for index in stride(from: (entries.count - 2) / 4, through: 0, by: -1) {
      siftDown(entries[index], from: index)
    }
  }

  public mutating func removeAll() { entries.removeAll(keepingCapacity: entries.count < 4_096) }

  @inlinable mutating func popFirst() {
    let last = entries.removeLast()
    if !entries.isEmpty { siftDown(last, from: 0) }
  }

  @inlinable mutating func siftDown(_ entry: Entry, from start: Int) {
    var parent = start
    let count = entries.count
    while true {
      let first = 4 * parent + 1
      guard first < count else { break }
      var smallest = first
      for child in first + 1..<max(first + 1, min(first + 4, count))
      where entries[child].deadline < entries[smallest].deadline {
        smallest = child
      }
      guard entries[smallest].deadline < entry.deadline else { break }
      entries[parent] = entries[smallest]
      parent = smallest
    }
    entries[parent] = entry
  }
}
