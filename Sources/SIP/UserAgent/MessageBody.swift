/// A message body with the type it declares. The user agent never looks inside a session description.
public struct MessageBody: Hashable, Sendable {
  /// The Content-Type value, e.g. `application/sdp` or `multipart/mixed;boundary=x`.
  public var contentType: String
  /// The Content-Disposition value when it was sent; `session` is the default for SDP (RFC 3261 §20.11).
  public var disposition: String?
  public var content: [UInt8]

  public init(contentType: String, disposition: String? = nil, content: [UInt8]) {
    self.contentType = contentType
    self.disposition = disposition
    self.content = content
  }

  /// A session description in SDP.
  public static func sdp(_ content: [UInt8]) -> MessageBody {
    MessageBody(contentType: "application/sdp", content: content)
  }
}

/// A session description from the peer, and the part it plays in the offer/answer exchange (RFC 3264, RFC 6337).
public enum RemoteDescription: Hashable, Sendable {
  /// Answer it with ``UserAgent/answer(_:with:now:)`` or turn it down with ``UserAgent/refuseOffer(_:status:headers:now:)``.
  case offer(MessageBody)
  /// Completes the exchange we began.
  case answer(MessageBody)
  /// An answer shown early in an unreliable provisional response: use it for early media. The binding answer follows in the
  /// 2xx and may come from another fork (RFC 6337 §3.1.1).
  case preview(MessageBody)

  public var body: MessageBody {
    switch self {
    case .offer(let body), .answer(let body), .preview(let body): body
    }
  }
}

/// Which message brings, or brought, an offer. Tells how an answer will travel.
public enum OfferCarrier: Hashable, Sendable {
  case invite
  case reInvite
  /// A reliable provisional response: the answer goes in PRACK (RFC 3262 §5).
  case reliableProvisional
  /// A 2xx to an INVITE without offer: the answer goes in ACK.
  case success
  case prack
  case update
}
