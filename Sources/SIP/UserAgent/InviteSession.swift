import CallModel

/// One call leg: the INVITE usage of a dialog, from its set-up to its end (RFC 3261 §13, §14, §15).
///
/// The files beside this one hold its parts: setting up as caller and as callee, offers and answers within the dialog, the end,
/// session timers, transfers.
final class InviteSession {
  enum Role { case uac, uas }
  enum State { case setUp, confirmed, ended }

  unowned let agent: UserAgent
  let id: SessionID
  let role: Role
  var state = State.setUp
  let localTag: String
  var callID = ""
  /// Our From or To value, with our tag.
  var localParty = ""
  var contact = ContactTemplate()
  var maySendOverFlow = true
  var accounts: [RealmAccount] = []
  /// Made with the first challenge; then it sends credentials along unasked.
  var digest: DigestClient?
  var timerPreferences: SessionTimerPreferences
  var interval: SessionInterval?

  /// Setting up only.
  var outgoing: OutgoingSetUp?
  var incoming: IncomingSetUp?
  /// While setting up as caller, one for each fork; once confirmed, exactly one. As callee, one from the start.
  var dialogs: [Dialog] = []
  /// The connections its dialogs talk over, until they close.
  private(set) var connections: [ConnectionID] = []
  /// Our 2xx that waits for its ACK.
  var success: UnacknowledgedSuccess?
  /// A re-INVITE of the peer without final response.
  var serverInvite: ServerInvite?
  /// An UPDATE or PRACK that waits for the application's answer.
  var heldRequest: HeldRequest?
  /// Our re-INVITE or UPDATE with an offer, under way.
  var sentOffer: Reoffer?
  /// The transaction of our re-INVITE.
  var clientInvite: ClientTransactionID?
  /// The number of our INVITE whose offerless form made the peer offer: our answer goes in its ACK or PRACK.
  var lateAnswerSequence: UInt32?
  /// The next offer, when its turn comes.
  var queuedOffer: Reoffer?
  /// A BYE that waits for the ACK of our 2xx.
  var waitingBye: [SIPHeaders.Field]?
  var transfers: [Transfer] = []

  var timers = SessionTimers()
  private var scheduledAt = MonotonicInstant.distantFuture
  /// Client transactions that still mean something to this session.
  var openTransactions = 0
  /// Requests of the peer that the application holds.
  var requestsForApplication = 0
  /// Requests of the application that wait for a response.
  var requestsOfApplication = 0
  private var lastDialogNumber: UInt32 = 0

  init(agent: UserAgent, id: SessionID, role: Role, localTag: String) {
    self.agent = agent
    self.id = id
    self.role = role
    self.localTag = localTag
    timerPreferences = agent.configuration.sessionTimer
  }

  func emit(_ event: SessionEvent) { agent.emit(.session(id, event)) }

  // MARK: Dialogs

  /// The dialog that commands are about: the confirmed one, or the latest early one.
  var dialog: Dialog? { dialogs.last }

  func dialog(remoteTag: String) -> Dialog? { dialogs.first { $0.remoteTag == remoteTag } }

  func makeDialogID() -> EarlyDialogID {
    lastDialogNumber += 1
    return EarlyDialogID(lastDialogNumber)
  }

  var remoteTarget: SIPURI? { dialog?.remoteTarget ?? outgoing?.invite.requestURI }

  /// The peer would write its own tag as `from-tag` if it were us: RFC 3891 §3 names the tags as the *receiver* of the
  /// Replaces sees them, and that is the peer of this session.
  var replacesForPeer: Replaces? {
    guard let dialog, !dialog.remoteTag.isEmpty else { return nil }
    return Replaces(callID: callID, toTag: dialog.remoteTag, fromTag: localTag)
  }

  func peerAllows(_ method: SIPMethod) -> Bool { dialog?.peer.allows(method) ?? false }

  /// A dialog of this session sends or receives over this hop.
  func uses(_ hop: Hop) {
    guard let connection = hop.connection, !connections.contains(connection) else { return }
    connections.append(connection)
    agent.note(id, uses: connection)
  }

  func connectionClosed(_ connection: ConnectionID) {
    connections.removeAll { $0 == connection }
    agent.note(id, leaves: connection)
    for dialog in dialogs {
      if dialog.hop?.connection == connection { dialog.hop = nil }
      if dialog.flow.connection == connection { dialog.flow.connection = nil }
    }
  }

  // MARK: Timers

  func setTimer(_ kind: SessionTimers.Kind, in delay: TimeSpan) {
    let deadline = agent.now + delay
    timers[kind] = deadline
    scheduleNext()
  }

  private func scheduleNext() {
    guard let next = timers.next, next < scheduledAt else { return }
    scheduledAt = next
    agent.schedule(.session(id), at: next)
  }

  func deadlinePassed() {
    // The entry of an earlier deadline that was moved may come up first: nothing is due then, and it is entered anew.
    if scheduledAt <= agent.now { scheduledAt = .distantFuture }
    while let kind = timers.takeDue(at: agent.now) { timerFired(kind) }
    scheduleNext()
  }

  private func timerFired(_ kind: SessionTimers.Kind) {
    switch kind {
    case .successRetransmission: repeatSuccess()
    case .acknowledgement: successLost()
    case .provisionalRetransmission: repeatReliableProvisional()
    case .provisionalGiveUp: reliableProvisionalLost()
    case .provisionalReminder: remindProvisional()
    case .refresh: refreshSession()
    case .expiry: sessionExpired()
    case .offerRetry: sendQueuedOffer()
    case .hopPatience: hopPatienceOver()
    case .heldRequest: heldRequestOverdue()
    case .transfers: transfersOverdue()
    }
  }

  // MARK: Messages from the transaction layer

  func receive(_ response: SIPResponse, _ client: PendingClient, _ id: ClientTransactionID, _ hop: Hop) {
    if !response.isProvisional, !(client.isInvite && response.isSuccess) { openTransactions -= 1 }
    switch client.purpose {
    case .invite: receiveSetUpResponse(response, client, id, hop)
    case .abandonedInvite: receiveAbandoned(response, client, hop)
    case .reInvite: receiveReInviteResponse(response, client, id, hop)
    case .update:
      receiveUpdateResponse(response, client, hop)
      continueSetUp()
    case .prack: receivePrackResponse(response, client)
    case .bye: receiveByeResponse(response, client)
    case .refer(let transfer): receiveReferResponse(response, client, transfer)
    case .notify(let transfer): receiveNotifyResponse(response, client, transfer)
    case .application(let request): receiveApplicationResponse(response, client, request)
    case .exchange: break
    }
    removeIfDone()
  }

  func clientFailed(_ client: PendingClient, _ id: ClientTransactionID, _ failure: RequestFailure) {
    openTransactions -= 1
    if failure == .transportFailed, let dialog = client.dialog {
      dialog.hop = nil
      if client.hop.connection != nil { return sendAgain(client, in: dialog) }
    }
    switch client.purpose {
    case .invite: setUpFailed(id, failure)
    case .abandonedInvite, .prack, .exchange: break
    case .reInvite, .update: offerFailed(client, id)
    case .bye: break
    case .refer(let transfer): transferEnded(transfer, .rejected(status: 408))
    case .notify(let transfer): forgetTransfer(transfer)
    case .application(let request):
      requestsOfApplication -= 1
      agent.emit(.failed(request, failure))
      // RFC 5057 §5.1: no answer within a dialog is the same as 408.
      dialogLost(status: 408, response: nil)
    }
    removeIfDone()
  }

  /// The connection was gone before the request reached anybody: it goes by another way, which may be a new connection.
  private func sendAgain(_ client: PendingClient, in dialog: Dialog) {
    if let connection = client.hop.connection { connectionClosed(connection) }
    dialog.hop = nil
    var request = client.request
    request.headers.removeAll(.contact)
    send(request, in: dialog, client.purpose, authentications: client.authentications)
    removeIfDone()
  }

  /// A transaction went without a final response that would have been counted: an INVITE after its 2xx.
  func clientTerminated(_ client: PendingClient) {
    openTransactions -= 1
    if client.purpose == .invite, state != .setUp { outgoing = nil }
    if client.isInvite {
      // Timer M: the 2xx will not come again.
      let sequence = client.request.headers.cSeq?.number
      for dialog in dialogs where dialog.acknowledgement?.sequence == sequence {
        dialog.acknowledgement = nil
      }
    }
    removeIfDone()
  }

  // MARK: Requests within a dialog

  func receive(
    _ request: SIPRequest, sequence: UInt32, in dialog: Dialog, _ id: ServerTransactionID, _ hop: Hop
  ) {
    if dialog.flow != hop {
      // The peer moved to another connection or address: what we send over the flow follows.
      dialog.flow = hop
      uses(hop)
      if dialog.firstRoute == nil { dialog.hop = nil }
    }
    if state == .ended { return receiveAfterEnd(request, in: dialog, id, hop) }
    dialog.peer.note(request.headers)
    switch request.method {
    case .invite:
      refreshTarget(request.headers, of: dialog)
      receiveReInvite(request, in: dialog, id, hop)
    case .update:
      refreshTarget(request.headers, of: dialog)
      receiveUpdate(request, in: dialog, id)
    case .prack: receivePrack(request, in: dialog, id)
    case .bye: receiveBye(request, id)
    case .refer: receiveRefer(request, sequence: sequence, in: dialog, id)
    case .notify where isNotifyOfTransfer(request): receiveTransferNotify(request, id)
    case .options:
      agent.respond(
        request, id, status: 200, tag: localTag,
        extra: [
          SIPHeaders.Field(.allow, agent.allowValue), SIPHeaders.Field(.supported, agent.supportedValue),
          SIPHeaders.Field(.accept, agent.acceptValue),
        ])
    default: agent.handUp(request, id, hop, session: self)
    }
    sendQueuedOffer()
    removeIfDone()
  }

  /// What still reaches a session that has ended: its BYE crossing ours, and NOTIFYs of transfers.
  private func receiveAfterEnd(
    _ request: SIPRequest, in dialog: Dialog, _ id: ServerTransactionID, _ hop: Hop
  ) {
    switch request.method {
    case .bye: agent.respond(request, id, status: 200, tag: localTag)
    case .notify where isNotifyOfTransfer(request): receiveTransferNotify(request, id)
    default: agent.respond(request, id, status: 481, tag: localTag)
    }
    removeIfDone()
  }

  private func refreshTarget(_ headers: SIPHeaders, of dialog: Dialog) {
    guard let uri = headers.contacts.first?.uri, uri != dialog.remoteTarget else { return }
    dialog.remoteTarget = uri
    emit(.targetRefreshed(uri))
  }

  func noteTarget(_ headers: SIPHeaders, of dialog: Dialog) { refreshTarget(headers, of: dialog) }

  // MARK: Sending within a dialog

  /// A request with the header fields every request in a dialog has (RFC 3261 §12.2.1.1). The Contact is added with the
  /// hop.
  func makeRequest(
    _ method: SIPMethod, in dialog: Dialog, sequence: UInt32? = nil, extra: [SIPHeaders.Field] = [],
    body: MessageBody? = nil
  ) -> SIPRequest {
    let target = dialog.target
    var fields: [SIPHeaders.Field] = []
    fields.reserveCapacity(14 + target.routes.count + extra.count)
    fields.append(SIPHeaders.Field(.maxForwards, "70"))
    for route in target.routes { fields.append(SIPHeaders.Field(.route, route)) }
    fields.append(SIPHeaders.Field(.from, localParty))
    fields.append(SIPHeaders.Field(.to, dialog.remoteParty))
    fields.append(SIPHeaders.Field(.callID, callID))
    let number = sequence ?? dialog.nextSequence()
    fields.append(SIPHeaders.Field(.cSeq, "\(number) \(method.rawValue)"))
    if let product = agent.configuration.product { fields.append(SIPHeaders.Field(.userAgent, product)) }
    fields += extra
    var request = SIPRequest(method: method, uri: target.uri, headers: SIPHeaders(fields))
    request.attach(body)
    return request
  }

  /// Sends a request in a dialog as soon as its hop is known. A nil purpose is the ACK of a 2xx.
  func send(
    _ request: SIPRequest, in dialog: Dialog, _ purpose: PendingClient.Purpose?, authentications: Int = 0
  ) {
    let pending = PendingSend(request: request, purpose: purpose)
    if purpose != nil { openTransactions += 1 }
    switch agent.nextHop(dialog, maySendOverFlow: maySendOverFlow) {
    case .hop(let hop):
      dialog.hop = hop
      uses(hop)
      transmit(pending, in: dialog, hop, authentications: authentications)
    case .name(let uri): agent.resolve(uri, for: .inDialog(self, dialog, pending))
    case .unreachable: unreachable(pending, in: dialog)
    }
  }

  func resolved(_ pending: PendingSend, in dialog: Dialog, _ hop: Hop?) {
    if let hop {
      dialog.hop = hop
      uses(hop)
      transmit(pending, in: dialog, hop, authentications: 0)
    } else {
      unreachable(pending, in: dialog)
    }
    removeIfDone()
  }

  private func unreachable(_ pending: PendingSend, in dialog: Dialog) {
    guard let purpose = pending.purpose else { return }
    let client = PendingClient(
      session: self, dialog: dialog, purpose: purpose, request: pending.request, hop: dialog.flow)
    clientFailed(client, ClientTransactionID(.max), .unresolved)
  }

  private func transmit(_ pending: PendingSend, in dialog: Dialog, _ hop: Hop, authentications: Int) {
    guard let sentBy = agent.sentBy(hop.listener) else { return unreachable(pending, in: dialog) }
    var request = pending.request
    if request.method.refreshesTarget, !request.headers.contains(.contact),
      let contact = agent.contactValue(hop.listener, contact)
    {
      request.headers.append(.contact, contact)
    }
    if request.method != .ack, authentications == 0 { digest?.authorise(&request) }
    guard let purpose = pending.purpose else {
      let bytes = agent.transactions.sendAcknowledgement(
        request, to: hop, sentBy: sentBy, now: agent.now, into: &agent.queue)
      dialog.acknowledgement = (request.headers.cSeq?.number ?? 0, bytes, hop)
      return
    }
    let transaction = agent.transactions.send(
      request, to: hop, sentBy: sentBy, now: agent.now, into: &agent.queue)
    agent.clients[transaction] = PendingClient(
      session: self, dialog: dialog, exchange: nil, purpose: purpose, request: request, hop: hop,
      authentications: authentications)
    if purpose == .reInvite { clientInvite = transaction }
  }

  /// Sends a refused request again with credentials (RFC 3261 §22.2, §22.3). False when there are none that help.
  func retryWithCredentials(_ response: SIPResponse, _ client: PendingClient) -> Bool {
    guard let dialog = client.dialog, client.authentications < 4,
      var request = authorised(client.request, refusedWith: response)
    else { return false }
    request.headers.set(.cSeq, "\(dialog.nextSequence()) \(request.method.rawValue)")
    send(request, in: dialog, client.purpose, authentications: client.authentications + 1)
    return true
  }

  func authorised(_ request: SIPRequest, refusedWith response: SIPResponse) -> SIPRequest? {
    guard response.status == 401 || response.status == 407, !accounts.isEmpty else { return nil }
    var client = digest ?? DigestClient()
    let accounts = accounts
    defer { digest = client }
    guard case .retry(let request) = client.answer(response, to: request, account: accounts.account(for:))
    else {
      return nil
    }
    return request
  }

  // MARK: Being forgotten

  /// Forgets the session when it has ended and nothing of it is under way.
  func removeIfDone() {
    guard state == .ended, openTransactions <= 0, success == nil, transfers.isEmpty else { return }
    timers.removeAll()
    agent.remove(self)
  }
}

extension SIPMethod {
  /// Methods whose Contact sets the remote target (RFC 3261 §12.2, RFC 3311 §5.1, RFC 6665 §4.1.2.2, RFC 3515 §2.4.1).
  var refreshesTarget: Bool {
    self == .invite || self == .update || self == .subscribe || self == .notify || self == .refer
  }
}
