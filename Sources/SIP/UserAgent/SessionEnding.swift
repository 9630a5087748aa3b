import CallModel

/// How a session ends (RFC 3261 §15, RFC 5057 §5).
extension InviteSession {
  /// Reports the end. What is still open on the wire goes on until it is done.
  func end(_ end: SessionEnd) {
    guard state != .ended else { return }
    state = .ended
    agent.liveSessions -= 1
    for kind in SessionTimers.Kind.allCases
    where kind != .successRetransmission && kind != .acknowledgement && kind != .transfers {
      timers[kind] = nil
    }
    waitingBye = nil
    queuedOffer = nil
    sentOffer = nil
    for dialog in dialogs where !dialog.negotiation.isIdle { dialog.negotiation.rollBack() }
    // RFC 3261 §15.1.2: requests of the peer that are still open are answered with 487.
    if let setUp = incoming { refuse(setUp, status: 487, reason: nil, headers: []) }
    if let invite = serverInvite {
      agent.respond(invite.request, invite.transaction, status: 487, tag: localTag)
      closeServerInvite()
    }
    if let held = heldRequest {
      heldRequest = nil
      agent.respond(held.request, held.transaction, status: 487, tag: localTag)
    }
    emit(.ended(end))
    endTransfersWithSession()
  }

  func bye(reasons: [ReasonValue], headers: [SIPHeaders.Field]) -> CommandResult {
    let fields = reasons.map { SIPHeaders.Field(.reason, $0.description) } + headers
    switch state {
    case .ended: return .noSuchTarget
    case .setUp where role == .uac: return cancel(reasons: reasons, headers: headers)
    case .setUp: return reject(status: 480, reason: nil, headers: fields)
    case .confirmed: break
    }
    guard waitingBye == nil else { return .queued }
    if success != nil, clientInvite == nil {
      // RFC 3261 §15: the callee does not send BYE before the ACK.
      waitingBye = fields
      return .queued
    }
    sendBye(fields)
    removeIfDone()
    return .done
  }

  func sendBye(_ headers: [SIPHeaders.Field], _ manner: SessionEnd.Manner = .local) {
    guard let dialog else { return }
    if dialog.negotiation.phase == .received(.success) {
      // The 2xx still waits for its ACK.
      sendAcknowledgement(in: dialog, sequence: lateAnswerSequence ?? outgoing?.sequence ?? 1, body: nil)
    }
    send(makeRequest(.bye, in: dialog, extra: headers), in: dialog, .bye)
    end(SessionEnd(manner))
  }

  func receiveByeResponse(_ response: SIPResponse, _ client: PendingClient) {
    guard !response.isProvisional else { return }
    if !response.isSuccess, retryWithCredentials(response, client) { return }
    if let dialog = client.dialog, dialogs.count > 1 { dialogs.removeAll { $0 === dialog } }
  }

  func receiveBye(_ request: SIPRequest, _ id: ServerTransactionID) {
    agent.respond(request, id, status: 200, tag: localTag)
    // RFC 3261 §15: a BYE in an early dialog comes from the caller only, and ends the INVITE with 487. One to our own INVITE
    // ends that fork.
    if state == .setUp, role == .uac {
      let tag = request.headers.fromTag ?? ""
      if let dialog = dialog(remoteTag: tag) {
        dialogs.removeAll { $0 === dialog }
        emit(.earlyDialogEnded(dialog.id))
      }
      return
    }
    success = nil
    timers[.successRetransmission] = nil
    timers[.acknowledgement] = nil
    end(SessionEnd(.bye, reasons: request.headers.reasons, request: request))
  }

  /// Judges the final response to a request of ours within the dialog. True if the session is over (RFC 5057 §5.1).
  @discardableResult
  func dialogLost(status: Int, response: SIPResponse?) -> Bool {
    let endsSession: Bool
    switch status {
    case 408, 481: endsSession = true
    // The dialog, its route or its target is wrong for good.
    case 404, 410, 416, 482, 483, 484, 485, 502, 604: endsSession = true
    default: endsSession = false
    }
    guard endsSession, state == .confirmed, let dialog else { return false }
    success = nil
    timers[.successRetransmission] = nil
    timers[.acknowledgement] = nil
    // RFC 3261 §12.2.1.2: with BYE, for a peer that sees it otherwise.
    send(makeRequest(.bye, in: dialog), in: dialog, .bye)
    end(
      SessionEnd(
        .dialogLost, status: status, reasons: response?.headers.reasons ?? [],
        retryAfter: response?.headers.retryAfter.map { Int($0) }, response: response))
    return true
  }
}
