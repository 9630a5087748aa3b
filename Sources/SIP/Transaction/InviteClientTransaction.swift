import CallModel

/// The INVITE client transaction: RFC 3261 §17.1.1 figure 5, with the Accepted state of RFC 6026 §8.4, timer C and the
/// bound on waiting after a CANCEL (RFC 3261 §9.1).
struct InviteClientTransaction: Hashable, Sendable {
  enum State: UInt8, Sendable { case calling, proceeding, completed, accepted, terminated }

  enum Event: Hashable, Sendable {
    case response(status: Int)
    /// The transaction user wants the INVITE cancelled.
    case cancel
    case transportFailure
    /// ``nextDeadline`` has come.
    case deadline
  }

  private(set) var state = State.calling
  private let isReliable: Bool
  /// A CANCEL is wanted, but no provisional response has come yet that permits it.
  private(set) var wantsCancel = false
  private(set) var isCancelled = false
  private var retransmissionInterval: TimeSpan
  /// Timer A.
  private var retransmitAt: MonotonicInstant
  /// Timer B in Calling, C (or the wait after CANCEL) in Proceeding, D in Completed, M in Accepted.
  private var expiresAt: MonotonicInstant

  /// Begins in Calling; the caller sends the request.
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
    switch event {
    case .response(let status): return received(status, timers: timers, now: now)
    case .cancel: return cancel(timers: timers, now: now)
    case .transportFailure: return transportFailed()
    case .deadline: return deadlinePassed(timers: timers, now: now)
    }
  }

  private mutating func received(
    _ status: Int, timers: TransactionTimers, now: MonotonicInstant
  ) -> TransactionActions {
    switch (state, status) {
    case (.calling, ..<200), (.proceeding, ..<200):
      let isFirst = state == .calling
      state = .proceeding
      retransmitAt = .distantFuture
      if wantsCancel {
        wantsCancel = false
        markCancelled(timers: timers, now: now)
        return [.passUp, .cancel]
      }
      // Timer C restarts with 101-199 (RFC 3261 §16.7 step 2); a 100 only starts it.
      if !isCancelled, isFirst || status > 100 {
        expiresAt = timers.timerC.map { now + $0 } ?? .distantFuture
      }
      return .passUp
    case (.calling, 200..<300), (.proceeding, 200..<300):
      state = .accepted
      retransmitAt = .distantFuture
      expiresAt = now + timers.transactionTimeout  // timer M
      return .passUp
    case (.calling, _), (.proceeding, _):
      retransmitAt = .distantFuture
      guard !isReliable else { return terminate([.acknowledge, .passUp]) }
      state = .completed
      expiresAt = now + max(timers.timerD, timers.transactionTimeout)
      return [.acknowledge, .passUp]
    case (.completed, 300...): return .acknowledge
    case (.accepted, 200..<300): return .passUp
    // A late provisional response, or a 2xx of another branch after the final one: the call is over for us already.
    case (.completed, _), (.accepted, _), (.terminated, _): return []
    }
  }

  private mutating func cancel(timers: TransactionTimers, now: MonotonicInstant) -> TransactionActions {
    switch state {
    case .calling:
      // RFC 3261 §9.1: no CANCEL before a provisional response.
      wantsCancel = true
      return []
    case .proceeding where !isCancelled:
      markCancelled(timers: timers, now: now)
      return .cancel
    case .proceeding, .completed, .accepted, .terminated:
      return []
    }
  }

  private mutating func markCancelled(timers: TransactionTimers, now: MonotonicInstant) {
    isCancelled = true
    expiresAt = now + timers.transactionTimeout
  }

  private mutating func transportFailed() -> TransactionActions {
    switch state {
    case .calling, .proceeding: return terminate(.reportTransportFailure)
    // The final response is up already; only the acknowledgement is lost, and nobody can do anything about that.
    case .completed: return terminate([])
    case .accepted, .terminated: return []
    }
  }

  private mutating func deadlinePassed(
    timers: TransactionTimers, now: MonotonicInstant
  ) -> TransactionActions {
    if now >= expiresAt {
      switch state {
      case .calling: return terminate(.reportTimeout)
      case .proceeding where isCancelled: return terminate(.reportTimeout)
      case .proceeding:
        markCancelled(timers: timers, now: now)  // timer C
        return .cancel
      case .completed, .accepted: return terminate([])
      case .terminated: return []
      }
    }
    if now >= retransmitAt {
      retransmissionInterval = retransmissionInterval * 2
      retransmitAt = now + retransmissionInterval
      return .send
    }
    return []
  }

  private mutating func terminate(_ actions: TransactionActions) -> TransactionActions {
    state = .terminated
    retransmitAt = .distantFuture
    expiresAt = .distantFuture
    return actions.union(.terminate)
  }
}
