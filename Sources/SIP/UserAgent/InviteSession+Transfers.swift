import CallModel

/// One REFER and its implicit subscription (RFC 3515 §2.4, RFC 4488).
struct Transfer {
  enum Role { case transferor, transferee }

  let id: TransferID
  let role: Role
  let dialog: Dialog
  /// CSeq number of the REFER: the `id` of the Event header field (RFC 3515 §2.4.6).
  var sequence: UInt32
  /// The peer's REFER, until the application has answered it.
  var pending: (request: SIPRequest, transaction: ServerTransactionID)?
  /// Whether progress is told by NOTIFY.
  var isSubscribed: Bool
  /// Transferee: the last status is told. Transferor: a final report was given.
  var isFinished = false
  var finalStatus: Int?
  /// NOTIFYs without response.
  var openNotifications = 0
  var deadline: MonotonicInstant
}

extension InviteSession {
  // MARK: As the side that asks

  func refer(
    to target: NameAddress, replacing: SessionID?, referredBy: NameAddress?, subscribe: Bool,
    headers: [SIPHeaders.Field]
  ) -> TransferID? {
    guard state == .confirmed, let dialog, transfers.count < agent.configuration.maximumPendingRequests else {
      return nil
    }
    var target = target
    if let replacing {
      guard let replaces = agent.sessions[replacing]?.replacesForPeer else { return nil }
      var escaped: [UInt8] = []
      escaped.append(escaping: replaces.description, except: .user)
      let field = "Replaces=\(String(decoding: escaped.flatMap(Self.escapingSeparators), as: UTF8.self))"
      target.uri.headers = target.uri.headers.map { "\($0)&\(field)" } ?? field
    }
    var extra = [SIPHeaders.Field(.referTo, target.serialised())]
    if let referredBy { extra.append(SIPHeaders.Field(.referredBy, referredBy.serialised())) }
    if !subscribe {
      extra.append(SIPHeaders.Field(.referSub, "false"))
      extra.append(SIPHeaders.Field(.supported, "norefersub"))
    }
    extra += headers
    let request = makeRequest(.refer, in: dialog, extra: extra)
    let id = TransferID(agent.makeNumber())
    transfers.append(
      Transfer(
        id: id, role: .transferor, dialog: dialog, sequence: request.headers.cSeq?.number ?? 0, pending: nil,
        isSubscribed: subscribe, deadline: agent.now + agent.configuration.transferLifetime))
    agent.transfers[id] = self
    scheduleTransfers()
    send(request, in: dialog, .refer(id))
    return id
  }

  /// `;`, `=`, `&`, `?` and `@` stand for themselves in a user part, but not in the header part of a URI.
  private static func escapingSeparators(_ byte: UInt8) -> [UInt8] {
    switch byte {
    case .semicolon: Array("%3B".utf8)
    case .equals: Array("%3D".utf8)
    case UInt8(ascii: "&"): Array("%26".utf8)
    case .comma: Array("%2C".utf8)
    default: [byte]
    }
  }

  func receiveReferResponse(_ response: SIPResponse, _ client: PendingClient, _ id: TransferID) {
    guard !response.isProvisional, let index = transfers.firstIndex(where: { $0.id == id }) else { return }
    if response.isSuccess {
      if response.headers[.referSub]?.lowercased() == "false" { transfers[index].isSubscribed = false }
      let subscribed = transfers[index].isSubscribed
      emit(.transfer(id, .accepted(subscribed: subscribed)))
      if !subscribed || transfers[index].isFinished { forgetTransfer(id) }
      return
    }
    if let retried = client.dialog, retryWithCredentials(response, client) {
      transfers[index].sequence = retried.localSequence
      return
    }
    transferEnded(id, .rejected(status: response.status))
    dialogLost(status: response.status == 481 ? 481 : 0, response: response)
  }

  /// A NOTIFY of the subscription our REFER made.
  func isNotifyOfTransfer(_ request: SIPRequest) -> Bool {
    guard let event = request.headers.event else { return false }
    return equalIgnoringASCIICase(event.value, "refer")
  }

  func receiveTransferNotify(_ request: SIPRequest, _ id: ServerTransactionID) {
    let number = request.headers.event?["id"].flatMap { UInt32($0) }
    let own = transfers.filter { $0.role == .transferor }
    // The first REFER of a dialog may leave its number out.
    guard let transfer = own.first(where: { $0.sequence == number }) ?? (number == nil ? own.last : nil)
    else {
      return agent.respond(request, id, status: 481, tag: localTag)
    }
    agent.respond(request, id, status: 200, tag: localTag)
    let status = Self.fragmentStatus(request)
    if let (code, reason) = status { emit(.transfer(transfer.id, .notified(status: code, reason: reason))) }
    let state = request.headers.subscriptionState?.value.lowercased()
    let isFinal = (status?.0 ?? 0) >= 200
    guard state == "terminated" || isFinal else { return }
    emit(.transfer(transfer.id, .finished(status: isFinal ? status?.0 : nil)))
    guard state == "terminated" else {
      // The subscription stays until the peer closes it; there is nothing more to report.
      if let index = transfers.firstIndex(where: { $0.id == transfer.id }) {
        transfers[index].isFinished = true
      }
      return forgetTransfer(transfer.id)
    }
    forgetTransfer(transfer.id)
  }

  /// The status line of a `message/sipfrag` body (RFC 3420).
  private static func fragmentStatus(_ request: SIPRequest) -> (Int, String)? {
    guard let type = request.headers.contentType, type.type == "message", type.subtype == "sipfrag" else {
      return nil
    }
    let line = request.body.prefix(256).prefix { $0 != .carriageReturn && $0 != .lineFeed }
    let text = String(decoding: line, as: UTF8.self)
    let parts = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: true)
    guard parts.count >= 2, parts[0].hasPrefix("SIP/2.0"), let code = Int(parts[1]),
      (100..<700).contains(code)
    else { return nil }
    return (code, parts.count > 2 ? String(parts[2]) : "")
  }

  // MARK: As the side that is asked

  func receiveRefer(
    _ request: SIPRequest, sequence: UInt32, in dialog: Dialog, _ id: ServerTransactionID
  ) {
    // RFC 3515 §2.4.2: exactly one Refer-To.
    guard request.headers.all(.referTo).count == 1, let referTo = request.headers.referTo else {
      return agent.respond(request, id, status: 400, tag: localTag)
    }
    guard state == .confirmed else { return agent.respond(request, id, status: 481, tag: localTag) }
    guard transfers.count < agent.configuration.maximumPendingRequests else {
      return agent.respond(
        request, id, status: 503, tag: localTag, extra: [SIPHeaders.Field(.retryAfter, "5")])
    }
    let wants = request.headers[.referSub].map { !equalIgnoringASCIICase($0, "false") } ?? true
    let named = referTo.uri.headerFields.filter { $0.name == .replaces }
    let replaces = named.first.flatMap { Replaces($0.value) }
    // One that cannot be read must not become a call to somebody who has one already.
    guard named.isEmpty || named.count == 1 && replaces != nil else {
      return agent.respond(request, id, status: 400, tag: localTag)
    }
    let transfer = TransferID(agent.makeNumber())
    transfers.append(
      Transfer(
        id: transfer, role: .transferee, dialog: dialog, sequence: sequence, pending: (request, id),
        isSubscribed: wants, deadline: agent.now + agent.configuration.applicationPatience))
    agent.transfers[transfer] = self
    scheduleTransfers()
    // The tags are as the party we are sent to sees them (RFC 3891 §3, RFC 5589 §7.3). When that party is ourselves, a
    // B2BUA that the peer takes for the far end, they are as this side sees them: `to-tag` is ours.
    let replacing = replaces.flatMap { agent.session(named: $0) }.flatMap { $0.state == .ended ? nil : $0 }
    emit(
      .transferRequested(
        IncomingTransfer(
          id: transfer, referTo: referTo, replaces: replaces, replacing: replacing?.id,
          referredBy: request.headers[.referredBy], wantsNotifications: wants, request: request)))
  }

  func acceptTransfer(_ id: TransferID) -> CommandResult {
    guard let index = transfers.firstIndex(where: { $0.id == id }), let pending = transfers[index].pending
    else {
      return .notPossible(.alreadyAnswered)
    }
    transfers[index].pending = nil
    transfers[index].deadline = agent.now + agent.configuration.transferLifetime
    let isSubscribed = transfers[index].isSubscribed
    var extra = isSubscribed ? [] : [SIPHeaders.Field(.referSub, "false")]
    if let contact = agent.contactValue(transfers[index].dialog.flow.listener, contact) {
      extra.append(SIPHeaders.Field(.contact, contact))
    }
    agent.respond(pending.request, pending.transaction, status: 202, tag: localTag, extra: extra)
    if isSubscribed { notify(index, status: 100, reason: "Trying") }
    return .done
  }

  func rejectTransfer(_ id: TransferID, status: Int, reason: String?) -> CommandResult {
    guard (300..<700).contains(status) else { return .notPossible(.badStatus) }
    guard let index = transfers.firstIndex(where: { $0.id == id }), let pending = transfers[index].pending
    else {
      return .notPossible(.alreadyAnswered)
    }
    agent.respond(pending.request, pending.transaction, status: status, reason: reason, tag: localTag)
    forgetTransfer(id)
    return .done
  }

  func notifyTransfer(_ id: TransferID, status: Int, reason: String?) -> CommandResult {
    guard (100..<700).contains(status) else { return .notPossible(.badStatus) }
    guard let index = transfers.firstIndex(where: { $0.id == id }), transfers[index].role == .transferee,
      !transfers[index].isFinished
    else { return .noSuchTarget }
    if transfers[index].pending != nil { _ = acceptTransfer(id) }
    guard transfers[index].isSubscribed else {
      if status >= 200 { forgetTransfer(id) }
      return .done
    }
    guard transfers[index].openNotifications < 8 || status >= 200 else { return .notPossible(.limit) }
    notify(index, status: status, reason: reason ?? SIPStatus.defaultReason(status))
    return .done
  }

  private func notify(_ index: Int, status: Int, reason: String) {
    let isFinal = status >= 200
    transfers[index].openNotifications += 1
    if isFinal { transfers[index].isFinished = true }
    let transfer = transfers[index]
    let left = max(1, Int((transfer.deadline - agent.now).seconds))
    let body = MessageBody(
      contentType: "message/sipfrag;version=2.0", content: Array("SIP/2.0 \(status) \(reason)\r\n".utf8))
    let request = makeRequest(
      .notify, in: transfer.dialog,
      extra: [
        SIPHeaders.Field(.event, "refer;id=\(transfer.sequence)"),
        SIPHeaders.Field(
          .subscriptionState, isFinal ? "terminated;reason=noresource" : "active;expires=\(left)"),
      ], body: body)
    send(request, in: transfer.dialog, .notify(transfer.id))
  }

  func receiveNotifyResponse(_ response: SIPResponse, _ client: PendingClient, _ id: TransferID) {
    guard !response.isProvisional else { return }
    if !response.isSuccess, retryWithCredentials(response, client) { return }
    guard let index = transfers.firstIndex(where: { $0.id == id }) else { return }
    transfers[index].openNotifications -= 1
    // RFC 6665 §4.2.2: any refusal but a temporary one ends the subscription; that of the call goes on.
    if !response.isSuccess || (transfers[index].isFinished && transfers[index].openNotifications <= 0) {
      forgetTransfer(id)
    }
  }

  // MARK: Their end

  func transferEnded(_ id: TransferID, _ report: TransferReport) {
    guard transfers.contains(where: { $0.id == id }) else { return }
    emit(.transfer(id, report))
    forgetTransfer(id)
  }

  func forgetTransfer(_ id: TransferID) {
    transfers.removeAll { $0.id == id }
    agent.transfers[id] = nil
  }

  private func scheduleTransfers() {
    guard let earliest = transfers.map(\.deadline).min() else { return }
    setTimer(.transfers, in: earliest - agent.now)
  }

  func transfersOverdue() {
    for transfer in transfers where transfer.deadline <= agent.now { expire(transfer) }
    scheduleTransfers()
    removeIfDone()
  }

  private func expire(_ transfer: Transfer) {
    switch transfer.role {
    case .transferor: transferEnded(transfer.id, .finished(status: nil))
    case .transferee:
      if transfer.pending != nil {
        _ = rejectTransfer(transfer.id, status: 500, reason: nil)
      } else {
        forgetTransfer(transfer.id)
      }
    }
  }

  /// A REFER that is not answered yet ends with the session; subscriptions outlive it (RFC 5057 §4.1).
  func endTransfersWithSession() {
    for transfer in transfers where transfer.pending != nil {
      _ = rejectTransfer(transfer.id, status: 487, reason: nil)
    }
  }

  // MARK: Requests of the application

  func sendRequest(
    method: SIPMethod, body: MessageBody?, headers: [SIPHeaders.Field]
  ) -> OutgoingRequestID? {
    let own: Set<SIPMethod> = [.invite, .ack, .cancel, .bye, .prack, .update, .refer]
    guard state != .ended, let dialog, !own.contains(method),
      state == .confirmed || role == .uas || dialogs.count == 1,
      requestsOfApplication < agent.configuration.maximumPendingRequests
    else { return nil }
    requestsOfApplication += 1
    let id = OutgoingRequestID(agent.makeNumber())
    send(makeRequest(method, in: dialog, extra: headers, body: body), in: dialog, .application(id))
    return id
  }

  func receiveApplicationResponse(
    _ response: SIPResponse, _ client: PendingClient, _ id: OutgoingRequestID
  ) {
    if !response.isProvisional {
      if retryWithCredentials(response, client) { return }
      requestsOfApplication -= 1
    }
    agent.emit(.response(id, response))
    // RFC 6086 §4.2.1, RFC 5057 §5.1: the peer does not know the dialog any more.
    if response.status == 481 || response.status == 408 {
      dialogLost(status: response.status, response: response)
    }
  }
}
