import CallModel

/// What happens to a session. Exactly one ``ended(_:)`` closes it; after that only transfer reports may follow.
public enum SessionEvent: Sendable {
  // Outgoing INVITE

  /// 100 Trying from the next hop.
  case trying
  /// 101-199. A reliable one is acknowledged with PRACK by the user agent, except that an offer in it waits for
  /// ``UserAgent/answer(_:with:now:)``.
  case progress(SessionProgress)
  /// 2xx: the dialog is confirmed. ACK has been sent unless `description` is an offer: then it goes with the answer.
  case answered(SessionAnswered)
  /// An early dialog is gone: 199, or another fork won (RFC 6228, RFC 3261 §13.2.2.4).
  case earlyDialogEnded(EarlyDialogID)

  // Incoming INVITE

  /// PRACK for a reliable provisional response (RFC 3262). An offer in it is to be answered.
  case provisionalAcknowledged(RemoteDescription?)
  /// ACK for our 2xx, with the answer if the offer was ours. Also for a re-INVITE that brought no offer.
  case acknowledged(answer: MessageBody?)

  // Both, inside the dialog

  /// An offer of the peer in re-INVITE or UPDATE, or in the 2xx to ``UserAgent/requestOffer(_:now:)``.
  case offer(MessageBody, OfferCarrier)
  /// A re-INVITE without offer: give ours with ``UserAgent/offer(_:_:now:)``, or refuse it.
  case offerRequested
  /// The answer to our offer of ``UserAgent/reoffer(_:_:now:)`` or ``UserAgent/offer(_:_:now:)``.
  case answer(MessageBody)
  /// Our offer, or our wish for one, was turned down with this status; the session goes on as it was. 491: an offer of
  /// the peer crossed it, make a new one on the present state. 408: no answer came in the exchange.
  case offerRefused(status: Int, SIPResponse?)
  /// The peer withdrew the offer it had made, or its wish for one (CANCEL of a re-INVITE).
  case offerWithdrawn
  /// The peer's Contact changed (RFC 3261 §12.2).
  case targetRefreshed(SIPURI)
  /// INFO, MESSAGE, SUBSCRIBE, NOTIFY or an extension within the dialog.
  case request(IncomingRequest)

  // Transfer (RFC 3515)

  /// The peer asks us to call somebody: answer with ``UserAgent/acceptTransfer(_:now:)`` or
  /// ``UserAgent/rejectTransfer(_:status:reason:now:)``.
  case transferRequested(IncomingTransfer)
  /// How a transfer that we asked for goes on.
  case transfer(TransferID, TransferReport)

  case ended(SessionEnd)
}

/// A provisional response to our INVITE.
public struct SessionProgress: Sendable {
  /// 101-199.
  public var status: Int
  /// The dialog of the fork that sent it; nil for a response without To tag.
  public var dialog: EarlyDialogID?
  public var description: RemoteDescription?
  public var isReliable: Bool
  public var response: SIPResponse
}

/// The 2xx to our INVITE.
public struct SessionAnswered: Sendable {
  public var dialog: EarlyDialogID
  /// The answer, or an offer to be answered. Nil when the exchange was completed in a provisional response, or when the peer
  /// forgot it.
  public var description: RemoteDescription?
  public var response: SIPResponse
}

/// How a session came to its end.
public struct SessionEnd: Sendable {
  public enum Manner: Hashable, Sendable {
    /// By our own command.
    case local
    /// BYE of the peer.
    case bye
    /// CANCEL of the peer.
    case cancelled
    /// A 4xx, 5xx or 6xx to our INVITE.
    case rejected
    /// A 3xx to our INVITE: see ``SessionEnd/contacts``.
    case redirected
    /// No final response to our INVITE, on the last hop.
    case timedOut
    /// The last hop could not be reached.
    case transportFailed
    /// The next hop's name could not be resolved.
    case unresolved
    /// Our 2xx was never acknowledged, or our reliable provisional response (64*T1).
    case unacknowledged
    /// The session timer ran out (RFC 4028 §10).
    case expired
    /// A request inside the dialog met a response that ends it (RFC 5057).
    case dialogLost
    /// The peer broke the protocol beyond repair.
    case protocolError
  }

  public var manner: Manner
  /// The status that ended it, when one did.
  public var status: Int?
  /// Reason header fields of the BYE, the CANCEL or the final response (RFC 3326, RFC 6432).
  public var reasons: [ReasonValue]
  /// Retry-After of the final response, in seconds.
  public var retryAfter: Int?
  /// Contacts of a redirection, best first (q values, then order).
  public var contacts: [NameAddress]
  /// The final response, when one ended it.
  public var response: SIPResponse?
  /// The BYE or CANCEL, when one ended it.
  public var request: SIPRequest?

  public init(
    _ manner: Manner, status: Int? = nil, reasons: [ReasonValue] = [], retryAfter: Int? = nil,
    contacts: [NameAddress] = [], response: SIPResponse? = nil, request: SIPRequest? = nil
  ) {
    self.manner = manner
    self.status = status
    self.reasons = reasons
    self.retryAfter = retryAfter
    self.contacts = contacts
    self.response = response
    self.request = request
  }
}
