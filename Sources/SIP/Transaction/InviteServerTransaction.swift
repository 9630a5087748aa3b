import CallModel

/// The INVITE server transaction: RFC 3261 §17.2.1 figure 7, with the Accepted state and timer L of RFC 6026 §7.1.
struct InviteServerTransaction: Hashable, Sendable {
  enum State: UInt8, Sendable { case proceeding, completed, confirmed, accepted, terminated }

  enum Event: Hashable, Sendable {
    /// The INVITE again.
    case request
    case acknowledgement
    /// The transaction user's response, with its status.
    case response(status: Int)
    /// The latest response could not be delivered, to the fallback address neither.
    case transportFailure
    /// ``nextDeadline`` has come.
    case deadline
  }

  private(set) var state = State.proceeding
  private let isReliable: Bool
  private(set) var hasResponse = false
  private var retransmissionInterval: TimeSpan
  /// The delay of 100 (Trying) in Proceeding, timer G in Completed.
  private var retransmitAt: MonotonicInstant
  /// Timer H in Completed, I in Confirmed, L in Accepted. Proceeding has none: its user must answer.
  private var expiresAt = MonotonicInstant.distantFuture

  /// Begins in Proceeding; the caller hands the request up.
  init(isReliable: Bool, timers: TransactionTimers, now: MonotonicInstant) {
    self.isReliable = isReliable
    retransmissionInterval = timers.t1
    retransmitAt = now + timers.inviteTryingDelay
  }

  var nextDeadline: MonotonicInstant { min(retransmitAt, expiresAt) }

  mutating func handle(
    _ event: Event, timers: TransactionTimers, now: MonotonicInstant
  ) -> TransactionActions {
    switch (state, event) {
    case (.proceeding, .request): return hasResponse ? .send : []
    case (.proceeding, .response(let status)): return respond(status, timers: timers, now: now)
    case (.proceeding, .transportFailure): return terminate(.reportUnacknowledged)
    case (.proceeding, .deadline):
      guard now >= retransmitAt else { return [] }
      retransmitAt = .distantFuture
      hasResponse = true
      return .sendTrying
    case (.proceeding, .acknowledgement): return []

    // A repeated INVITE is absorbed: repeating the 2xx is the user's business (RFC 6026 §7.1).
    case (.accepted, .request): return []
    case (.accepted, .response(let status)): return (200..<300).contains(status) ? .send : []
    case (.accepted, .acknowledgement): return .passUp
    case (.accepted, .transportFailure): return .reportUnacknowledged
    case (.accepted, .deadline): return now >= expiresAt ? terminate([]) : []

    case (.completed, .request): return .send
    case (.completed, .acknowledgement):
      guard !isReliable else { return terminate([]) }
      state = .confirmed
      retransmitAt = .distantFuture
      expiresAt = now + timers.timerI
      return []
    case (.completed, .transportFailure): return terminate(.reportUnacknowledged)
    case (.completed, .deadline):
      if now >= expiresAt { return terminate(.reportUnacknowledged) }
      guard now >= retransmitAt else { return [] }
      retransmissionInterval = min(retransmissionInterval * 2, timers.t2)
      retransmitAt = now + retransmissionInterval
      return .send
    case (.completed, .response): return []

    case (.confirmed, .deadline): return now >= expiresAt ? terminate([]) : []
    case (.confirmed, _), (.terminated, _): return []
    }
  }

  private mutating func respond(
    _ status: Int, timers: TransactionTimers, now: MonotonicInstant
  ) -> TransactionActions {
    hasResponse = true
    switch status {
    case ..<200:
      retransmitAt = .distantFuture
    case 200..<300:
      state = .accepted
      retransmitAt = .distantFuture
      expiresAt = now + timers.transactionTimeout
    default:
      state = .completed
      retransmitAt = isReliable ? .distantFuture : now + timers.t1
      expiresAt = now + timers.transactionTimeout
    }
    return .send
  }

  private mutating func terminate(_ actions: TransactionActions) -> TransactionActions {
    state = .terminated
    retransmitAt = .distantFuture
    expiresAt = .distantFuture
    return actions.union(.terminate)
  }
}
