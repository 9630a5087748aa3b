import CallModel

/// What the user agent orders or reports. Take them with ``UserAgent/drain()`` after every call to it, and carry them out in
/// order.
public enum UserAgentOutput: Sendable {
  /// Bytes to put on the wire.
  case send([UInt8], Hop)
  /// A new call leg, in the UAS role.
  case incoming(SessionID, IncomingInvite)
  case session(SessionID, SessionEvent)
  /// A request outside any dialog.
  case request(IncomingRequest)
  /// A response to ``UserAgent/send(_:now:)`` or to a request the application sent within a session. Provisional ones are
  /// reported too; after a final one the id is gone. Digest challenges that could be answered never show.
  case response(OutgoingRequestID, SIPResponse)
  /// No final response will come; the id is gone.
  case failed(OutgoingRequestID, RequestFailure)
  /// Find the hops for this URI by RFC 3263, starting from the given transport's listener if it fits, and answer with
  /// ``UserAgent/resolved(_:_:now:)`` or ``UserAgent/resolutionFailed(_:now:)``.
  case resolve(SIPURI, ResolutionToken)
}

/// Why a request got no final response.
public enum RequestFailure: Error, Hashable, Sendable {
  /// Timer F, on the last hop.
  case timedOut
  case transportFailed
  /// No address for the next hop.
  case unresolved
  /// The session ended before it was answered.
  case sessionEnded
}

/// Whether a command took effect. A command that comes too late, because of a message that crossed it, is no error of anybody.
public enum CommandResult: Hashable, Sendable {
  case done
  /// Done as soon as the exchange under way allows.
  case queued
  /// The session, request or transfer is gone.
  case noSuchTarget
  /// Not possible now, and nothing was sent.
  case notPossible(Obstacle)

  public enum Obstacle: Hashable, Sendable {
    /// The INVITE already has its final response.
    case alreadyAnswered
    /// The session has no confirmed dialog yet.
    case notConfirmed
    /// No offer is waiting for what was given.
    case noOffer
    /// This body is not allowed in this message now (RFC 6337 §2).
    case noPlaceForBody
    /// An offer or an answer is missing.
    case bodyMissing
    /// A limit of the configuration.
    case limit
    /// The role of this side does not send it.
    case wrongRole
    /// The status is outside the range for this command.
    case badStatus
  }
}
