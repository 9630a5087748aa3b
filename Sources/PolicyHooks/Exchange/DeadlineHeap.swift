import CallModel

/// Deadlines in order, with lazy deletion: what is over stays until it comes to the top.
struct DeadlineHeap<ID> {
  private var entries: [(deadline: MonotonicInstant, id: ID)] = []

  var first: (deadline: MonotonicInstant, id: ID)? { entries.first }

  mutating func insert(_ deadline: MonotonicInstant, _ id: ID) {
    entries.append((deadline, id))
    var child = entries.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard entries[child].deadline < entries[parent].deadline else { return }
      entries.swapAt(child, parent)
      child = parent
    }
  }

  mutating func removeFirst() {
    guard let last = entries.popLast(), !entries.isEmpty else { return }
    entries[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < entries.count {
        if entries[child].deadline < entries[least].deadline { least = child }
      }
      guard least != parent else { return }
      entries.swapAt(parent, least)
      parent = least
    }
  }
}
