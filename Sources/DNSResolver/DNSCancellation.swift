import Synchronization

/// Joins a task's cancellation to a query that may not have begun yet: whichever comes second acts.
final class DNSCancellation: Sendable {
  private enum State {
    case idle
    case armed(DNSQuery)
    case cancelled
  }

  private let state = Mutex(State.idle)

  func arm(_ query: DNSQuery?) {
    guard let query else { return }
    let isLate = state.withLock { state in
      if case .cancelled = state { return true }
      state = .armed(query)
      return false
    }
    if isLate { query.cancel() }
  }

  func cancel() {
    let query: DNSQuery? = state.withLock { state in
      defer { state = .cancelled }
      if case .armed(let query) = state { return query }
      return nil
    }
    query?.cancel()
  }
}
