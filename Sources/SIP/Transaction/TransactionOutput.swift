import CallModel

/// Names one of our client transactions (RFC 3261 §17.1).
public struct ClientTransactionID: Hashable, Sendable {
  public var number: UInt64
  public init(_ number: UInt64) { self.number = number }
}

/// Names one of our server transactions (RFC 3261 §17.2).
public struct ServerTransactionID: Hashable, Sendable {
  public var number: UInt64
  public init(_ number: UInt64) { self.number = number }
}

/// What the transaction layer orders or reports. `send` goes to the transport, the rest to the transaction user.
public enum TransactionOutput: Sendable {
  /// Bytes to put on the wire. Retransmissions are the same bytes again.
  case send([UInt8], Hop)
  /// A new request outside any known transaction; answer it with `respond`. Never ACK or CANCEL.
  case request(SIPRequest, ServerTransactionID, Hop)
  /// An ACK that matched no transaction: the ACK for a 2xx (RFC 3261 §13.3.1.4, RFC 6026).
  case acknowledgement(SIPRequest, Hop)
  /// A CANCEL for a live INVITE server transaction. The layer has already answered the CANCEL itself with 200.
  case cancelled(ServerTransactionID, cancel: SIPRequest)
  /// A response to one of our requests. For INVITE every 2xx is passed up, retransmitted ones too (RFC 6026 §8.4).
  case response(SIPResponse, ClientTransactionID, Hop)
  /// Timer B or F fired.
  case timedOut(ClientTransactionID)
  /// The transport could not send the request.
  case transportFailed(ClientTransactionID)
  /// The final response of an INVITE server transaction was never acknowledged (timer H), or a transport failed under it.
  case unacknowledged(ServerTransactionID)
  /// The transaction is gone; its id will not be seen again.
  case clientTerminated(ClientTransactionID)
  case serverTerminated(ServerTransactionID)
}
