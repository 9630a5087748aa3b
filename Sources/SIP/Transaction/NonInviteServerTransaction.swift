import CallModel

/// The non-INVITE server transaction: RFC 3261 §17.2.2 figure 8, with the 100 of RFC 4320 §4.1.
struct NonInviteServerTransaction: Hashable, Sendable {
  enum State: UInt8, Sendable { case trying, proceeding, completed, terminated }

  enum Event: Hashable, Sendable {
    /// The same request again.
    case request
    /// The transaction user's response, with its status.
    case response(status: Int)
    /// The latest response could not be delivered, to the fallback address neither.
    case transportFailure
    /// ``nextDeadline`` has come.
    case deadline
  }

  private(set) var state = State.trying
  private let isReliable: Bool
  /// When 100 is due in Trying, timer J in Completed.
  private(set) var nextDeadline: MonotonicInstant

  /// Begins in Trying; the caller hands the request up.
  init(isReliable: Bool, timers: TransactionTimers, now: MonotonicInstant) {
    self.isReliable = isReliable
    // Over a reliable transport nothing is repeated, so there is nothing to quench.
    nextDeadline = isReliable ? .distantFuture : now + timers.nonInviteTryingDelay
  }

  mutating func handle(
    _ event: Event, timers: TransactionTimers, now: MonotonicInstant
  ) -> TransactionActions {
    switch (state, event) {
    case (.trying, .request): return []
    case (.proceeding, .request), (.completed, .request): return .send
    case (.trying, .response(let status)), (.proceeding, .response(let status)):
      guard status >= 200 else {
        state = .proceeding
        nextDeadline = .distantFuture
        return .send
      }
      guard !isReliable else { return terminate(.send) }
      state = .completed
      nextDeadline = now + timers.transactionTimeout  // timer J
      return .send
    case (.completed, .response): return []
    case (.trying, .deadline):
      guard now >= nextDeadline else { return [] }
      state = .proceeding
      nextDeadline = .distantFuture
      return .sendTrying
    case (.completed, .deadline): return now >= nextDeadline ? terminate([]) : []
    case (.proceeding, .deadline): return []
    case (.trying, .transportFailure), (.proceeding, .transportFailure), (.completed, .transportFailure):
      return terminate(.reportUnacknowledged)
    case (.terminated, _): return []
    }
  }

  private mutating func terminate(_ actions: TransactionActions) -> TransactionActions {
    state = .terminated
    nextDeadline = .distantFuture
    return actions.union(.terminate)
  }
}
