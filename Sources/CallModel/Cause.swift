/// Why a call, an attempt or a leg ended, in protocol-neutral terms.
///
/// Each protocol maps to and from this set; the SIP status and Q.850 cause beside each case are the canonical pair
/// (RFC 3398 §7.2.4 and §8.2.6.1, and the gateway reference's mapping for H.323).
public enum Cause: String, Hashable, Sendable, CaseIterable, Codable {
  case normal  // 200, Q.850 16
  case cancelled  // 487
  case answeredElsewhere  // 487 with Reason "Call completed elsewhere"
  case busy  // 486, Q.850 17
  case busyEverywhere  // 600
  case noAnswer  // 408/480, Q.850 19
  case noResponse  // 408 after timer B, Q.850 18
  case declined  // 603, Q.850 21
  case forbidden  // 403, Q.850 21
  case notFound  // 404, Q.850 1
  case gone  // 410, Q.850 22
  case doesNotExistAnywhere  // 604
  case invalidNumber  // 484, Q.850 28
  case temporarilyUnavailable  // 480, Q.850 18
  case notAcceptable  // 488, Q.850 88
  case encryptionRequired  // 488: media encryption is required and the other side cannot
  case unauthorised  // 401/407 that could not be answered
  case networkFailure  // 503, Q.850 41: no route, refused connection, TLS failure
  case serverFailure  // 500, Q.850 41
  case congestion  // 503 with Retry-After, Q.850 42
  case limitReached  // 503: a limit of the whole service (calls per second, concurrent calls)
  case quotaReached  // 480, Q.850 21: a limit on the caller, the rule or the number
  case durationReached  // 480, Q.850 31: the call has used up the time it may take
  case loop  // 482
  case tooManyHops  // 483
  case mediaTimeout  // no packets within the configured time
  case sessionExpired  // RFC 4028
  case protocolError  // the peer broke the protocol
  case transferred  // left by a transfer
  case interrupted  // the process ended under the call
  case shutdown  // the service is being stopped
  case moved  // 3xx
  case blocked  // caller is quarantined
}

/// A cause together with what the far end said, for records and for mapping back without loss.
public struct Disconnect: Hashable, Sendable {
  public var cause: Cause
  /// The status as the protocol gave it, when it came from the wire (SIP status code).
  public var protocolCode: Int?
  /// Free text from the wire or from us; never contains secrets.
  public var text: String?
  /// The Q.850 cause when one was carried (RFC 3326).
  public var q850: Int?
  /// With ``Cause/moved``: where the far end says the call should go instead, best first.
  public var redirectTargets: [String] = []
  /// Seconds after which the far end may be tried again, if it said so.
  public var retryAfter: Int?

  public init(_ cause: Cause, protocolCode: Int? = nil, text: String? = nil, q850: Int? = nil) {
    self.cause = cause
    self.protocolCode = protocolCode
    self.text = text
    self.q850 = q850
  }
}
