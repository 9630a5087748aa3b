/// Names one call leg: an INVITE session of this user agent. Never reused.
public struct SessionID: Hashable, Sendable, CustomStringConvertible {
  public var number: UInt64
  public init(_ number: UInt64) { self.number = number }
  public var description: String { "session \(number)" }
}

/// Names one dialog among those that downstream forking made of one outgoing INVITE (RFC 3261 §12.1.2); unique within its
/// session. Incoming sessions have a single dialog and never show one of these.
public struct EarlyDialogID: Hashable, Sendable {
  public var number: UInt32
  public init(_ number: UInt32) { self.number = number }
}

/// Names a request that came in and waits for an answer of the application.
public struct IncomingRequestID: Hashable, Sendable {
  public var number: UInt64
  public init(_ number: UInt64) { self.number = number }
}

/// Names a request the application sent, in or out of a session.
public struct OutgoingRequestID: Hashable, Sendable {
  public var number: UInt64
  public init(_ number: UInt64) { self.number = number }
}

/// Names a transfer: one REFER and its implicit subscription, in either direction (RFC 3515 §2.4).
public struct TransferID: Hashable, Sendable {
  public var number: UInt64
  public init(_ number: UInt64) { self.number = number }
}

/// Ties a ``UserAgentOutput/resolve(_:_:)`` to its answer.
public struct ResolutionToken: Hashable, Sendable {
  public var number: UInt64
  public init(_ number: UInt64) { self.number = number }
}
