import CallModel

/// A SIP user agent for one signalling loop: call legs, their dialogs and offer/answer exchanges, transfers, and requests outside
/// dialogs (RFC 3261, 3262, 3264, 3311, 3515, 3891, 4028, 6337).
///
/// Sans-IO: what comes in is messages, commands and time; what goes out is ``drain()``ed in order. It is not thread-safe, and not
/// meant to be: everything of a call happens on one loop.
public final class UserAgent {
  public let configuration: UserAgentConfiguration
  /// The listeners that requests can leave from. May change while calls are up.
  public var identities: [LocalIdentity]

  /// - Parameter seed: makes tags, branches and timers repeatable; nil takes them from the system's generator.
  public init(
    configuration: UserAgentConfiguration = UserAgentConfiguration(), identities: [LocalIdentity], seed: UInt64? = nil
  ) {
    self.configuration = configuration
    self.identities = identities
  }

  /// A message from the wire. It was parsed; its body is complete.
  public func receive(_ message: SIPMessage, over hop: Hop, now: MonotonicInstant) {}

  /// Nothing can be sent to this hop: the connection could not be opened, or sending failed.
  public func transportFailed(over hop: Hop, now: MonotonicInstant) {}

  /// A connection is gone. Dialogs that used it look for another way when they next send.
  public func connectionClosed(_ connection: ConnectionID, now: MonotonicInstant) {}

  /// Fires the timers that are due.
  public func advance(to now: MonotonicInstant) {}

  /// When ``advance(to:)`` is to be called at the latest; nil when nothing waits.
  public var nextDeadline: MonotonicInstant? { nil }

  /// What is to be carried out, in order. Call it after each of the others.
  public func drain() -> [UserAgentOutput] { [] }

  /// Sessions alive, for limits and statistics.
  public var sessionCount: Int { 0 }
}
