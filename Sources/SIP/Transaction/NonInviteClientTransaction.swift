import CallModel

/// The non-INVITE client transaction: RFC 3261 §17.1.2, figure 6.
struct NonInviteClientTransaction: Hashable, Sendable {
  enum State: UInt8, Sendable { case trying, proceeding, completed, terminated }

  enum Event: Hashable, Sendable {
    case response(status: Int)
    case transportFailure
    /// ``nextDeadline`` has come.
    case deadline
  }

  private(set) var state = State.trying
  private let isReliable: Bool
  private var retransmissionInterval: TimeSpan
  /// Timer E.
  private var retransmitAt: MonotonicInstant
  /// Timer F until the final response, then K.
  private var expiresAt: MonotonicInstant

  /// Begins in Trying; the caller sends the request.
  init(isReliable: Bool, timers: TransactionTimers, now: MonotonicInstant) {
    self.isReliable = isReliable
    retransmissionInterval = timers.t1
    retransmitAt = isReliable ? .distantFuture : now + timers.t1
    expiresAt = now + timers.transactionTimeout
  }

  var nextDeadline: MonotonicInstant { min(retransmitAt, expiresAt) }

  mutating func handle(
    _ event: Event, timers: TransactionTimers, now: MonotonicInstant
  ) -> TransactionActions {
    switch (state, event) {
    case (.trying, .response(let status)) where status < 200,
      (.proceeding, .response(let status)) where status < 200:
      state = .proceeding
      return .passUp
    case (.trying, .response), (.proceeding, .response):
      retransmitAt = .distantFuture
      guard !isReliable else { return terminate(.passUp) }
      state = .completed
      expiresAt = now + timers.timerK
      return .passUp
    case (.trying, .transportFailure), (.proceeding, .transportFailure):
      return terminate(.reportTransportFailure)
    case (.trying, .deadline), (.proceeding, .deadline):
      if now >= expiresAt { return terminate(.reportTimeout) }
      guard now >= retransmitAt else { return [] }
      // In Proceeding the interval is T2 at once (RFC 3261 §17.1.2.2).
      retransmissionInterval =
        state == .proceeding ? timers.t2 : min(retransmissionInterval * 2, timers.t2)
      retransmitAt = now + retransmissionInterval
      return .send
    case (.completed, .deadline):
      return now >= expiresAt ? terminate([]) : []
    case (.completed, .response), (.completed, .transportFailure), (.terminated, _):
      return []
    }
  }

  private mutating func terminate(_ actions: TransactionActions) -> TransactionActions {
    state = .terminated
    retransmitAt = .distantFuture
    expiresAt = .distantFuture
    return actions.union(.terminate)
  }
}
