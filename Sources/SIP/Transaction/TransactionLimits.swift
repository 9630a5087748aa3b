import CallModel

/// How much the transaction layer of one loop may hold.
public struct TransactionLimits: Hashable, Sendable {
  /// Server transactions, lingering ones included. Above it a new request outside a dialog is refused with 503 and
  /// Retry-After, statelessly. Requests inside a dialog (a BYE frees resources) have a quarter more.
  public var serverTransactions: Int
  /// Client transactions. Above it ``TransactionLayer/send(_:to:sentBy:now:into:)`` fails at once, as if the transport had.
  public var clientTransactions: Int
  /// Retry-After of a refusal, in seconds (1...3600 makes sense).
  public var retryAfterSeconds: Int

  public init(
    serverTransactions: Int = 400_000, clientTransactions: Int = 400_000, retryAfterSeconds: Int = 5
  ) {
    self.serverTransactions = serverTransactions
    self.clientTransactions = clientTransactions
    self.retryAfterSeconds = retryAfterSeconds
  }
}

/// What the layer has seen. Every message that goes no further is counted somewhere here.
public struct TransactionStatistics: Hashable, Sendable {
  public var requestsReceived: UInt64 = 0
  public var requestRetransmissionsReceived: UInt64 = 0
  public var requestsSent: UInt64 = 0
  public var responsesReceived: UInt64 = 0
  public var responsesSent: UInt64 = 0
  /// Requests and responses we repeated because a timer fired.
  public var retransmissionsSent: UInt64 = 0
  /// Requests answered 503 at the limit.
  public var refusedAtLimit: UInt64 = 0
  /// Requests answered 482 because they had arrived by another path already.
  public var mergedRequests: UInt64 = 0
  /// CANCELs answered 481.
  public var unmatchedCancels: UInt64 = 0
  /// Responses to nothing we asked, or after its end.
  public var strayResponses: UInt64 = 0
  /// Acknowledgements of refusals, repeated ones included; they end here.
  public var absorbedAcknowledgements: UInt64 = 0
  /// Messages without a usable top Via or CSeq, which cannot even be answered.
  public var unusableMessages: UInt64 = 0
  public var timeouts: UInt64 = 0

  public init() {}
}
