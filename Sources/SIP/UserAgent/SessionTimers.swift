import CallModel

/// The deadlines of one session, one of each kind. A fixed block of words: a session has one, and thousands of sessions wait.
struct SessionTimers {
  enum Kind: Int, CaseIterable {
    /// Repeat our 2xx.
    case successRetransmission
    /// Give up waiting for the ACK.
    case acknowledgement
    /// Repeat a reliable provisional response.
    case provisionalRetransmission
    /// Give up waiting for its PRACK.
    case provisionalGiveUp
    /// Repeat an unreliable provisional response, once a minute.
    case provisionalReminder
    /// Refresh the session (RFC 4028).
    case refresh
    /// The session interval is over.
    case expiry
    /// Try again after 491 or another temporary refusal.
    case offerRetry
    /// No response from this hop.
    case hopPatience
    /// The application has not answered an UPDATE or PRACK.
    case heldRequest
    /// Transfers under way after the end of the session.
    case transfers
  }

  private var slots: [MonotonicInstant]? = nil

  subscript(kind: Kind) -> MonotonicInstant? {
    get {
      guard let instant = slots?[kind.rawValue], instant != .distantFuture else { return nil }
      return instant
    }
    set {
      if slots == nil {
        guard newValue != nil else { return }
        slots = Array(repeating: .distantFuture, count: Kind.allCases.count)
      }
      slots?[kind.rawValue] = newValue ?? .distantFuture
    }
  }

  var next: MonotonicInstant? {
    guard let earliest = slots?.min(), earliest != .distantFuture else { return nil }
    return earliest
  }

  /// Takes out one kind that is due.
  mutating func takeDue(at now: MonotonicInstant) -> Kind? {
    guard let slots else { return nil }
    for kind in Kind.allCases where slots[kind.rawValue] <= now {
      self[kind] = nil
      return kind
    }
    return nil
  }

  mutating func removeAll() { slots = nil }
}
