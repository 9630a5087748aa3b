import CallModel

/// A re-INVITE of the peer without final response.
///
/// A class, so that a session without one pays a word for it; so is ``HeldRequest``.
final class ServerInvite {
  let request: SIPRequest
  let transaction: ServerTransactionID
  let hop: Hop
  let sequence: UInt32

  init(request: SIPRequest, transaction: ServerTransactionID, hop: Hop, sequence: UInt32) {
    self.request = request
    self.transaction = transaction
    self.hop = hop
    self.sequence = sequence
  }
}

/// An UPDATE or PRACK whose offer waits for the application.
final class HeldRequest {
  let request: SIPRequest
  let transaction: ServerTransactionID

  init(request: SIPRequest, transaction: ServerTransactionID) {
    self.request = request
    self.transaction = transaction
  }
}

/// The peer's offers within the dialog (RFC 3261 §14.2, RFC 3311 §5.2, RFC 6337).
extension InviteSession {
  func receiveReInvite(_ request: SIPRequest, in dialog: Dialog, _ id: ServerTransactionID, _ hop: Hop) {
    guard let sequence = request.headers.cSeq?.number else { return }
    // RFC 3261 §14.2: an INVITE of the peer that is still open comes first; one of ours makes it glare.
    guard incoming == nil, serverInvite == nil, heldRequest == nil else {
      return refuseOverlap(request, id)
    }
    guard state == .confirmed else { return agent.respond(request, id, status: 491, tag: localTag) }
    guard clientInvite == nil, !dialog.negotiation.hasLocalOffer, sentOffer == nil else {
      return agent.respond(request, id, status: 491, tag: localTag)
    }
    guard !dialog.negotiation.hasRemoteOffer else { return refuseOverlap(request, id) }
    guard waitingBye == nil else { return agent.respond(request, id, status: 487, tag: localTag) }
    let part = sessionPart(of: request)
    guard acceptsBody(part, request, id), acceptsInterval(request, in: dialog, id) else { return }
    if success != nil {
      // Only who has our 2xx can send this: its ACK was lost or is late (RFC 5407 §3.1.5).
      success = nil
      timers[.successRetransmission] = nil
      timers[.acknowledgement] = nil
      emit(.acknowledged(answer: nil))
    }
    serverInvite = ServerInvite(request: request, transaction: id, hop: hop, sequence: sequence)
    agent.servers[id] = self
    guard case .description(let body) = part else {
      emit(.offerRequested)
      return
    }
    let isRefresh = dialog.negotiation.isUnchanged(body)
    dialog.negotiation.receiveOffer(body, in: .reInvite)
    if isRefresh, agent.configuration.answersUnchangedOffers, dialog.negotiation.isLocalAnswer,
      let local = dialog.negotiation.local
    {
      _ = answer(local, dialog: nil)
    } else {
      emit(.offer(body, .reInvite))
    }
  }

  func receiveUpdate(_ request: SIPRequest, in dialog: Dialog, _ id: ServerTransactionID) {
    let part = sessionPart(of: request)
    guard acceptsBody(part, request, id) else { return }
    guard case .description(let body) = part else {
      guard acceptsInterval(request, in: dialog, id) else { return }
      return answerUpdate(request, id, in: dialog, body: nil)
    }
    // RFC 3311 §5.2: our open offer makes it glare; the peer's own, or an answer due to it, makes it overlap.
    guard !dialog.negotiation.hasLocalOffer else {
      return agent.respond(request, id, status: 491, tag: localTag)
    }
    guard !dialog.negotiation.hasRemoteOffer, heldRequest == nil, dialog.negotiation.phase == .stable,
      serverInvite == nil
    else { return refuseOverlap(request, id) }
    if clientInvite != nil, sentOffer?.body == nil {
      // We asked for an offer, and one is coming already.
      return agent.respond(request, id, status: 491, tag: localTag)
    }
    guard acceptsInterval(request, in: dialog, id) else { return }
    let isRefresh = dialog.negotiation.isUnchanged(body)
    dialog.negotiation.receiveOffer(body, in: .update)
    hold(request, id, .update, in: dialog)
    if isRefresh, agent.configuration.answersUnchangedOffers, dialog.negotiation.isLocalAnswer,
      let local = dialog.negotiation.local
    {
      _ = answer(local, dialog: nil)
    } else {
      emit(.offer(body, .update))
    }
  }

  /// RFC 3261 §14.2, RFC 3311 §5.2: 500 with a Retry-After of 0 to 10 s.
  private func refuseOverlap(_ request: SIPRequest, _ id: ServerTransactionID) {
    let delay = UInt8.random(in: 0...10, using: &agent.random)
    agent.respond(
      request, id, status: 500, tag: localTag, extra: [SIPHeaders.Field(.retryAfter, String(delay))])
  }

  private func acceptsBody(_ part: SessionPart, _ request: SIPRequest, _ id: ServerTransactionID) -> Bool {
    switch part {
    case .none, .description: return true
    case .tooLarge: agent.respond(request, id, status: 413, tag: localTag)
    case .unsupported:
      agent.respond(
        request, id, status: 415, tag: localTag,
        extra: [
          SIPHeaders.Field(.accept, agent.acceptValue), SIPHeaders.Field(.acceptEncoding, "identity"),
        ])
    }
    return false
  }

  func hold(_ request: SIPRequest, _ id: ServerTransactionID, _ carrier: OfferCarrier, in dialog: Dialog) {
    heldRequest = HeldRequest(request: request, transaction: id)
    setTimer(.heldRequest, in: agent.configuration.applicationPatience)
  }

  func heldRequestOverdue() {
    guard heldRequest != nil else { return }
    _ = refuseOffer(status: 500, headers: [])
    emit(.offerWithdrawn)
  }

  func closeServerInvite() {
    if let invite = serverInvite { agent.servers[invite.transaction] = nil }
    serverInvite = nil
    if let dialog, dialog.negotiation.phase == .received(.reInvite) { dialog.negotiation.rollBack() }
  }

  private func answerUpdate(
    _ request: SIPRequest, _ id: ServerTransactionID, in dialog: Dialog, body: MessageBody?
  ) {
    var response = makeResponse(request, dialog.flow, status: 200, reason: nil, headers: [])
    addInterval(to: &response, for: request, in: dialog)
    response.attach(body)
    agent.transactions.respond(response, to: id, now: agent.now, into: &agent.queue)
  }

  // MARK: Commands

  func answer(_ body: MessageBody, dialog id: EarlyDialogID?) -> CommandResult {
    let candidate =
      id.map { id in dialogs.first { $0.id == id } } ?? dialogs.last { $0.negotiation.hasRemoteOffer }
    guard let dialog = candidate, case .received(let carrier) = dialog.negotiation.phase else {
      return .notPossible(.noOffer)
    }
    switch carrier {
    case .invite:
      // It belongs to a response to the INVITE: `accept` or `provisional`.
      return .notPossible(.noPlaceForBody)
    case .reInvite:
      guard let invite = serverInvite else { return .notPossible(.noOffer) }
      dialog.negotiation.answer(body)
      succeed(invite, in: dialog, body: body)
    case .update:
      guard let held = heldRequest else { return .notPossible(.noOffer) }
      heldRequest = nil
      timers[.heldRequest] = nil
      dialog.negotiation.answer(body)
      answerUpdate(held.request, held.transaction, in: dialog, body: body)
      continueSetUp()
    case .prack:
      guard let held = heldRequest else { return .notPossible(.noOffer) }
      heldRequest = nil
      timers[.heldRequest] = nil
      dialog.negotiation.answer(body)
      agent.respond(held.request, held.transaction, status: 200, tag: localTag, body: body)
      continueSetUp()
    case .reliableProvisional:
      dialog.negotiation.answer(body)
      sendPrack(in: dialog, sequence: lateAnswerSequence ?? outgoing?.sequence ?? 1, body: body)
    case .success:
      dialog.negotiation.answer(body)
      sendAcknowledgement(
        in: dialog, sequence: lateAnswerSequence ?? outgoing?.sequence ?? 1, body: body)
      lateAnswerSequence = nil
    }
    sendQueuedOffer()
    return .done
  }

  func offer(_ body: MessageBody) -> CommandResult {
    guard let invite = serverInvite, let dialog, dialog.negotiation.isIdle else {
      return .notPossible(.noOffer)
    }
    dialog.negotiation.offer(body, in: .success)
    succeed(invite, in: dialog, body: body)
    return .done
  }

  private func succeed(_ invite: ServerInvite, in dialog: Dialog, body: MessageBody) {
    agent.servers[invite.transaction] = nil
    serverInvite = nil
    var response = makeResponse(invite.request, invite.hop, status: 200, reason: nil, headers: [])
    addInterval(to: &response, for: invite.request, in: dialog)
    response.attach(body)
    sendSuccess(response, invite.transaction, sequence: invite.sequence)
  }

  func refuseOffer(status: Int, headers: [SIPHeaders.Field]) -> CommandResult {
    guard (300..<700).contains(status) else { return .notPossible(.badStatus) }
    if let invite = serverInvite {
      agent.respond(invite.request, invite.transaction, status: status, tag: localTag, extra: headers)
      closeServerInvite()
      sendQueuedOffer()
      return .done
    }
    guard let dialog = dialogs.last(where: { $0.negotiation.hasRemoteOffer }),
      case .received(let carrier) = dialog.negotiation.phase
    else { return .notPossible(.noOffer) }
    switch carrier {
    case .invite: return .notPossible(.noPlaceForBody)
    case .reInvite, .update, .prack:
      guard let held = heldRequest else { return .notPossible(.noOffer) }
      heldRequest = nil
      timers[.heldRequest] = nil
      dialog.negotiation.rollBack()
      agent.respond(held.request, held.transaction, status: status, tag: localTag, extra: headers)
      continueSetUp()
      sendQueuedOffer()
    case .reliableProvisional:
      dialog.negotiation.rollBack()
      sendPrack(in: dialog, sequence: lateAnswerSequence ?? outgoing?.sequence ?? 1, body: nil)
      if state == .setUp { _ = cancel(reasons: [], headers: []) }
    case .success:
      // There is no way to refuse in ACK (RFC 3261 §13.2.2.4): the session ends.
      dialog.negotiation.rollBack()
      sendAcknowledgement(in: dialog, sequence: lateAnswerSequence ?? outgoing?.sequence ?? 1, body: nil)
      lateAnswerSequence = nil
      return bye(reasons: [ReasonValue(protocol: "SIP", cause: status)], headers: headers)
    }
    return .done
  }
}
