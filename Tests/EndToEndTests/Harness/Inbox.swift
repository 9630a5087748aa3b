import Foundation
import Synchronization

/// Things that arrive from elsewhere (lines, events, datagrams), and tests that wait for one of them.
final class Inbox<Element: Sendable>: Sendable {
  private struct Waiter {
    var id: Int
    var matches: @Sendable (Element) -> Bool
    var continuation: CheckedContinuation<Element?, Never>
  }

  private struct State {
    var elements: [Element] = []
    var waiters: [Waiter] = []
    var nextID = 0
    var isClosed = false
  }

  private let state = Mutex(State())

  var all: [Element] { state.withLock { $0.elements } }
  var count: Int { state.withLock { $0.elements.count } }

  func add(_ element: Element) {
    let ready = state.withLock { state in
      state.elements.append(element)
      let ready = state.waiters.filter { $0.matches(element) }
      state.waiters.removeAll { waiter in ready.contains { $0.id == waiter.id } }
      return ready
    }
    for waiter in ready { waiter.continuation.resume(returning: element) }
  }

  /// Nothing more will come: whoever waits gets nil.
  func close() {
    let waiting = state.withLock { state in
      state.isClosed = true
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiting { waiter.continuation.resume(returning: nil) }
  }

  /// The first element, of those there from index `start` on or yet to come, that matches; nil when time is up.
  func first(
    from start: Int = 0, within timeout: Duration = .seconds(10),
    where matches: @escaping @Sendable (Element) -> Bool
  ) async -> Element? {
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    let timer = Task {
      try await Task.sleep(for: timeout)
      let waiter = state.withLock { state in
        state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
      }
      waiter?.continuation.resume(returning: nil)
    }
    defer { timer.cancel() }
    return await withCheckedContinuation { continuation in
      let found: Element?? = state.withLock { state in
        if let element = state.elements.dropFirst(start).first(where: matches) { return element }
        if state.isClosed { return .some(nil) }
        state.waiters.append(Waiter(id: id, matches: matches, continuation: continuation))
        return nil
      }
      if let found { continuation.resume(returning: found) }
    }
  }
}

/// A test could not go on; says what was waited for and what there was instead.
struct HarnessError: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}
