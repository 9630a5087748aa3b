import CallModel

/// What the application can tell a session. Every command may come at any time: one that no longer fits changes nothing and
/// says so in its result. Outputs are to be drained after each.
extension UserAgent {
  // MARK: Placing a call

  /// Starts a call. Its events carry the returned id. Nil when the configured number of sessions is reached.
  public func invite(_ invite: OutgoingInvite, now: MonotonicInstant) -> SessionID? {
    self.now = now
    defer { pump() }
    guard let session = makeSession(role: .uac) else { return nil }
    session.start(invite)
    return session.id
  }

  /// Gives up an outgoing call that has no final response: CANCEL, as soon as RFC 3261 §9.1 allows it. Ends with
  /// ``SessionEnd/Manner/local``; a 2xx that crosses the CANCEL is acknowledged and ended with BYE.
  @discardableResult
  public func cancel(
    _ id: SessionID, reasons: [ReasonValue] = [], headers: [SIPHeaders.Field] = [], now: MonotonicInstant
  ) -> CommandResult {
    perform(id, now) { $0.cancel(reasons: reasons, headers: headers) }
  }

  // MARK: Answering a call

  /// Sends 101-199. A body is our answer, or our offer if the INVITE had none and the response is reliable; in an
  /// unreliable one it shows the coming answer early and is repeated in the 2xx by itself. A reliable response waits in a
  /// queue until the one before it is acknowledged. Repeated every minute where it is unreliable (RFC 3261 §13.3.1.1).
  @discardableResult
  public func provisional(
    _ id: SessionID, status: Int, reason: String? = nil, body: MessageBody? = nil,
    reliability: Reliability = .automatic, headers: [SIPHeaders.Field] = [], now: MonotonicInstant
  ) -> CommandResult {
    perform(id, now) {
      $0.provisional(status: status, reason: reason, body: body, reliability: reliability, headers: headers)
    }
  }

  /// Sends 200. The body is the answer (nil if it was given in a provisional response), or the offer if the INVITE had
  /// none. Waits for the PRACK of a provisional response that carried a description (RFC 3262 §3).
  @discardableResult
  public func accept(
    _ id: SessionID, body: MessageBody? = nil, contactUser: String? = nil,
    contactParameters: [SIPURI.Parameter] = [], headers: [SIPHeaders.Field] = [], now: MonotonicInstant
  ) -> CommandResult {
    perform(id, now) {
      $0.accept(
        body: body, contact: ContactTemplate(user: contactUser, parameters: contactParameters),
        headers: headers)
    }
  }

  /// Refuses an incoming call with 300-699. Contacts of a 3xx, Retry-After, Warning, Reason and challenges are among
  /// `headers`. Ends the session with ``SessionEnd/Manner/local``.
  @discardableResult
  public func reject(
    _ id: SessionID, status: Int, reason: String? = nil, headers: [SIPHeaders.Field] = [],
    now: MonotonicInstant
  ) -> CommandResult {
    perform(id, now) { $0.reject(status: status, reason: reason, headers: headers) }
  }

  // MARK: Offers and answers

  /// Answers the peer's offer, in the message that its carrier asks for: PRACK, ACK or a 2xx. For the offer of an
  /// incoming INVITE give the answer to `accept` or `provisional` instead.
  /// - Parameter dialog: for an offer in a provisional response, the early dialog it came in.
  @discardableResult
  public func answer(
    _ id: SessionID, with body: MessageBody, dialog: EarlyDialogID? = nil, now: MonotonicInstant
  ) -> CommandResult {
    perform(id, now) { $0.answer(body, dialog: dialog) }
  }

  /// Refuses the peer's offer: 488 or the given status to a re-INVITE, UPDATE or PRACK. An offer that came in a response
  /// cannot be refused alone: in a 2xx the session is acknowledged and ended, in a provisional response cancelled.
  @discardableResult
  public func refuseOffer(
    _ id: SessionID, status: Int = 488, headers: [SIPHeaders.Field] = [], now: MonotonicInstant
  ) -> CommandResult {
    perform(id, now) { $0.refuseOffer(status: status, headers: headers) }
  }

  /// Offers a change of the session: by UPDATE in an early dialog, else by re-INVITE, or by UPDATE where `preferUpdate` says so
  /// and the peer allows it. Waits its turn, and is repeated after glare, by itself; a newer one takes its place. Followed by
  /// ``SessionEvent/answer(_:)`` or ``SessionEvent/offerRefused(status:_:)``.
  @discardableResult
  public func reoffer(
    _ id: SessionID, _ body: MessageBody, preferUpdate: Bool = false, headers: [SIPHeaders.Field] = [],
    now: MonotonicInstant
  ) -> CommandResult {
    perform(id, now) { $0.reoffer(body, preferUpdate: preferUpdate, headers: headers) }
  }

  /// Asks the peer for an offer by a re-INVITE without one. Followed by ``SessionEvent/offer(_:_:)``, to be answered, or by
  /// ``SessionEvent/offerRefused(status:_:)``.
  @discardableResult
  public func requestOffer(
    _ id: SessionID, headers: [SIPHeaders.Field] = [], now: MonotonicInstant
  ) -> CommandResult {
    perform(id, now) { $0.reoffer(nil, preferUpdate: false, headers: headers) }
  }

  /// Our offer after ``SessionEvent/offerRequested``. The answer comes in ``SessionEvent/acknowledged(answer:)``.
  @discardableResult
  public func offer(_ id: SessionID, _ body: MessageBody, now: MonotonicInstant) -> CommandResult {
    perform(id, now) { $0.offer(body) }
  }

  // MARK: Ending

  /// Ends a session in whatever state it is: BYE, CANCEL, or 480 to an INVITE not answered yet. BYE waits for the ACK
  /// of our 2xx (RFC 3261 §15).
  @discardableResult
  public func bye(
    _ id: SessionID, reasons: [ReasonValue] = [], headers: [SIPHeaders.Field] = [], now: MonotonicInstant
  ) -> CommandResult {
    perform(id, now) { $0.bye(reasons: reasons, headers: headers) }
  }

  // MARK: Other requests within a session

  /// Sends INFO, MESSAGE, NOTIFY or an extension within the dialog, early ones included. The outcome comes as
  /// ``UserAgentOutput/response(_:_:)`` or ``UserAgentOutput/failed(_:_:)``. Nil if the session cannot send it or too
  /// many requests are pending.
  public func request(
    _ id: SessionID, method: SIPMethod, body: MessageBody? = nil, headers: [SIPHeaders.Field] = [],
    now: MonotonicInstant
  ) -> OutgoingRequestID? {
    self.now = now
    defer { pump() }
    return sessions[id]?.sendRequest(method: method, body: body, headers: headers)
  }

  /// INFO with a body, such as media control or DTMF relay.
  public func info(
    _ id: SessionID, body: MessageBody, headers: [SIPHeaders.Field] = [], now: MonotonicInstant
  ) -> OutgoingRequestID? {
    request(id, method: .info, body: body, headers: headers, now: now)
  }

  public func message(
    _ id: SessionID, body: MessageBody, headers: [SIPHeaders.Field] = [], now: MonotonicInstant
  ) -> OutgoingRequestID? {
    request(id, method: .message, body: body, headers: headers, now: now)
  }

  /// Answers a request given to the application. 100-199 may be followed by a final status; each id takes one final status.
  @discardableResult
  public func respond(
    to id: IncomingRequestID, status: Int, reason: String? = nil, headers: [SIPHeaders.Field] = [],
    body: MessageBody? = nil, now: MonotonicInstant
  ) -> CommandResult {
    self.now = now
    defer { pump() }
    return respondToRequest(id, status: status, reason: reason, headers: headers, body: body)
  }

  // MARK: Transfer

  /// Asks the peer to call `target` (REFER). With `replacing`, to take over that session of ours: an attended transfer;
  /// its Replaces is added to the target.
  /// - Parameter subscribe: false asks for no NOTIFYs (RFC 4488).
  public func refer(
    _ id: SessionID, to target: NameAddress, replacing: SessionID? = nil, referredBy: NameAddress? = nil,
    subscribe: Bool = true, headers: [SIPHeaders.Field] = [], now: MonotonicInstant
  ) -> TransferID? {
    self.now = now
    defer { pump() }
    return sessions[id]?.refer(
      to: target, replacing: replacing, referredBy: referredBy, subscribe: subscribe, headers: headers)
  }

  /// Takes on a transfer that the peer asked for: 202 and, unless it wants none, NOTIFY with 100 Trying.
  @discardableResult
  public func acceptTransfer(_ transfer: TransferID, now: MonotonicInstant) -> CommandResult {
    performTransfer(transfer, now) { $0.acceptTransfer(transfer) }
  }

  /// 300-699 to the REFER.
  @discardableResult
  public func rejectTransfer(
    _ transfer: TransferID, status: Int = 603, reason: String? = nil, now: MonotonicInstant
  ) -> CommandResult {
    performTransfer(transfer, now) { $0.rejectTransfer(transfer, status: status, reason: reason) }
  }

  /// Tells the peer how the call it asked for goes on (NOTIFY with `message/sipfrag`, RFC 3420). 200 and above closes the
  /// subscription. Can outlive the session.
  @discardableResult
  public func notifyTransferProgress(
    _ transfer: TransferID, status: Int, reason: String? = nil, now: MonotonicInstant
  ) -> CommandResult {
    performTransfer(transfer, now) { $0.notifyTransfer(transfer, status: status, reason: reason) }
  }

  // MARK: Requests outside a dialog, and resolution

  /// Sends a request outside any dialog, answering digest challenges and trying the hops in turn. Nil when too many are
  /// pending. INVITE has its own way, see ``invite(_:now:)``; ACK and CANCEL are none.
  public func send(_ request: OutgoingRequest, now: MonotonicInstant) -> OutgoingRequestID? {
    self.now = now
    defer { pump() }
    return sendOutOfDialog(request)
  }

  /// The answer to ``UserAgentOutput/resolve(_:_:)``: the hops in the order to try them.
  public func resolved(_ token: ResolutionToken, _ hops: [Hop], now: MonotonicInstant) {
    self.now = now
    defer { pump() }
    finishResolution(token, hops)
  }

  public func resolutionFailed(_ token: ResolutionToken, now: MonotonicInstant) {
    self.now = now
    defer { pump() }
    finishResolution(token, [])
  }

  // MARK: Facts about a session

  /// The peer's Contact, or the address we called while there is none.
  public func remoteTarget(of id: SessionID) -> SIPURI? { sessions[id]?.remoteTarget }

  /// The Replaces value that names this session's dialog to its own peer's side; nil before it is established.
  public func replaces(for id: SessionID) -> Replaces? { sessions[id]?.replacesForPeer }

  /// Whether ``reoffer(_:_:preferUpdate:headers:now:)`` would send an offer, now or in its turn.
  public func mayReoffer(_ id: SessionID) -> Bool { sessions[id]?.mayReoffer() ?? false }

  /// Whether the peer listed this method in Allow.
  public func peerAllows(_ id: SessionID, _ method: SIPMethod) -> Bool {
    sessions[id]?.peerAllows(method) ?? false
  }
}
