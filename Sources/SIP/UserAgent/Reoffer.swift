import CallModel

/// An offer of ours within the dialog, or our wish for one.
struct Reoffer {
  /// Nil asks the peer for its offer.
  var body: MessageBody?
  var preferUpdate: Bool
  var headers: [SIPHeaders.Field]
  /// A refresh of the session timer: nobody waits for its outcome.
  var isRefresh = false
  /// Tries that met 491.
  var glares = 0
  var intervalRetries = 0
  /// How many exchanges were complete when it was made: it is void once the peer has changed the session since.
  var epoch: Int
}

/// Our offers within the dialog: re-INVITE and UPDATE (RFC 3261 §14.1, RFC 3311, RFC 6337).
extension InviteSession {
  func reoffer(_ body: MessageBody?, preferUpdate: Bool, headers: [SIPHeaders.Field]) -> CommandResult {
    guard let dialog, dialog.negotiation.phase != .initial || state == .confirmed else {
      return .notPossible(.notConfirmed)
    }
    if state == .setUp, incoming?.waitingAccept == nil {
      // RFC 3311 §5.1: before the 2xx only by UPDATE, and only once the first exchange is complete.
      guard body != nil, dialog.peer.allowsUpdate, dialog.negotiation.phase == .stable else {
        return .notPossible(.notConfirmed)
      }
    }
    guard waitingBye == nil else { return .notPossible(.alreadyAnswered) }
    if queuedOffer.map({ !$0.isRefresh }) ?? false { emit(.offerRefused(status: 491, nil)) }
    queuedOffer = Reoffer(
      body: body, preferUpdate: preferUpdate, headers: headers, epoch: dialog.negotiation.epoch)
    sendQueuedOffer()
    return queuedOffer == nil ? .done : .queued
  }

  /// Whether an offer of ours would be sent, now or in its turn.
  func mayReoffer() -> Bool {
    guard let dialog, waitingBye == nil else { return false }
    switch state {
    case .ended: return false
    case .confirmed: return true
    case .setUp: return dialog.peer.allowsUpdate && dialog.negotiation.isEstablished
    }
  }

  /// Whether nothing is open in either direction (RFC 3261 §14.1, RFC 3311 §5.1).
  private func maySendOffer(_ dialog: Dialog, byUpdate: Bool) -> Bool {
    guard sentOffer == nil, dialog.negotiation.isIdle, heldRequest == nil, serverInvite == nil,
      timers[.offerRetry] == nil
    else { return false }
    if byUpdate { return true }
    return state == .confirmed && clientInvite == nil && success == nil
  }

  /// Sends the waiting offer, if its turn has come.
  func sendQueuedOffer() {
    guard let offer = queuedOffer, state != .ended, let dialog else { return }
    // A 2xx that waits for a PRACK comes first; and before that PRACK the first exchange is not complete (RFC 3311 §5.1).
    if state == .setUp, let incoming,
      incoming.waitingAccept != nil || incoming.unacknowledged?.hasBody ?? false
    {
      return
    }
    if offer.body != nil, !offer.isRefresh, offer.epoch != dialog.negotiation.epoch,
      timers[.offerRetry] == nil, sentOffer == nil
    {
      // The session has changed since the offer was made: only its maker can say what it should be now.
      queuedOffer = nil
      emit(.offerRefused(status: 491, nil))
      return
    }
    let byUpdate =
      state == .setUp
      || ((offer.preferUpdate || offer.isRefresh) && dialog.peer.allowsUpdate
        && (offer.body != nil || offer.isRefresh))
    guard maySendOffer(dialog, byUpdate: byUpdate) else { return }
    queuedOffer = nil
    sentOffer = offer
    // A refresh by UPDATE carries no description (RFC 4028 §7.4).
    let body = byUpdate && offer.isRefresh ? nil : offer.body
    if let body { dialog.negotiation.offer(body, in: byUpdate ? .update : .reInvite) }
    var extra = offer.headers
    extra.append(SIPHeaders.Field(.allow, agent.allowValue))
    if !agent.supportedValue.isEmpty { extra.append(SIPHeaders.Field(.supported, agent.supportedValue)) }
    addInterval(to: &extra)
    dialog.reliableSequence = nil
    let request = makeRequest(byUpdate ? .update : .invite, in: dialog, extra: extra, body: body)
    send(request, in: dialog, byUpdate ? .update : .reInvite)
  }

  // MARK: Responses

  func receiveReInviteResponse(
    _ response: SIPResponse, _ client: PendingClient, _ id: ClientTransactionID, _ hop: Hop
  ) {
    guard let dialog = client.dialog else { return }
    let sequence = client.request.headers.cSeq?.number ?? 0
    if response.isProvisional {
      receiveReInviteProvisional(response, dialog, sequence: sequence)
      return
    }
    guard clientInvite == id else {
      // A repeated 2xx of a re-INVITE that is over: the ACK was lost.
      if response.isSuccess { repeatAcknowledgement(of: dialog, sequence: sequence) }
      return
    }
    guard response.isSuccess else {
      clientInvite = nil
      return offerRefused(response, client, dialog)
    }
    guard state != .ended else {
      clientInvite = nil
      return sendAcknowledgement(in: dialog, sequence: sequence, body: nil)
    }
    noteTarget(response.headers, of: dialog)
    dialog.peer.note(response.headers)
    agreeInterval(response.headers, asked: timerPreferences.interval)
    let wasWish = sentOffer?.body == nil
    let isRefresh = sentOffer?.isRefresh ?? false
    let hadAnswer = dialog.negotiation.phase == .stable && !wasWish
    let wasUnchanged = unchangedAnswer(response, dialog)
    let description = describe(response, in: dialog, isReliable: true)
    clientInvite = nil
    sentOffer = nil
    if case .offer(let body)? = description {
      // The answer goes in ACK, which is numbered like the INVITE.
      lateAnswerSequence = sequence
      emit(.offer(body, .success))
      return
    }
    sendAcknowledgement(in: dialog, sequence: sequence, body: nil)
    if case .answer(let body)? = description {
      if !(isRefresh && wasUnchanged) { emit(.answer(body)) }
    } else if !hadAnswer {
      dialog.negotiation.rollBack()
      if !isRefresh { emit(.offerRefused(status: 408, response)) }
    }
    sendQueuedOffer()
  }

  private func unchangedAnswer(_ response: SIPResponse, _ dialog: Dialog) -> Bool {
    let part = SessionPart(
      headers: response.headers, body: response.body, limit: agent.configuration.maximumBodySize)
    guard case .description(let body) = part else { return false }
    return dialog.negotiation.isUnchanged(body)
  }

  /// A re-INVITE may have reliable provisional responses too, with the answer or an offer (RFC 3262).
  private func receiveReInviteProvisional(_ response: SIPResponse, _ dialog: Dialog, sequence: UInt32) {
    guard state != .ended, response.headers.hasToken(.require, "100rel"), let number = response.headers.rSeq,
      number > 0
    else { return }
    if let last = dialog.reliableSequence, number != last &+ 1 { return }
    dialog.reliableSequence = number
    switch describe(response, in: dialog, isReliable: true) {
    case .answer(let body):
      emit(.answer(body))
      sendPrack(in: dialog, sequence: sequence, body: nil)
    case .offer(let body):
      lateAnswerSequence = sequence
      emit(.offer(body, .reliableProvisional))
    case .preview, nil: sendPrack(in: dialog, sequence: sequence, body: nil)
    }
  }

  func receiveUpdateResponse(_ response: SIPResponse, _ client: PendingClient, _ hop: Hop) {
    guard !response.isProvisional, let dialog = client.dialog, state != .ended else { return }
    guard response.isSuccess else { return offerRefused(response, client, dialog) }
    noteTarget(response.headers, of: dialog)
    dialog.peer.note(response.headers)
    agreeInterval(response.headers, asked: timerPreferences.interval)
    let offered = sentOffer
    sentOffer = nil
    if dialog.negotiation.phase == .offered(.update) {
      if case .description(let body) = SessionPart(
        headers: response.headers, body: response.body, limit: agent.configuration.maximumBodySize)
      {
        dialog.negotiation.receiveAnswer(body)
        emit(.answer(body))
      } else {
        dialog.negotiation.rollBack()
        if offered?.isRefresh != true { emit(.offerRefused(status: 408, response)) }
      }
    }
    sendQueuedOffer()
  }

  /// A final response other than 2xx (RFC 3261 §14.1, RFC 5057 §5.1).
  private func offerRefused(_ response: SIPResponse, _ client: PendingClient, _ dialog: Dialog) {
    guard state != .ended else { return }
    if retryWithCredentials(response, client) { return }
    let offer = sentOffer
    sentOffer = nil
    if dialog.negotiation.hasLocalOffer { dialog.negotiation.rollBack() }
    if dialogLost(status: response.status, response: response) { return }
    guard var offer else { return }
    switch response.status {
    case 491 where offer.glares < 5:
      offer.glares += 1
      retry(offer, after: glareDelay())
      return
    case 422:
      if let minimum = response.headers.minSE, offer.intervalRetries < 2, minimum <= 7 * 86_400 {
        offer.intervalRetries += 1
        timerPreferences.minimum = max(timerPreferences.minimum, Int(minimum))
        if let seconds = interval?.seconds { interval?.seconds = max(seconds, Int(minimum)) }
        retry(offer, after: .zero)
        return
      }
    case 500, 503:
      // RFC 3261 §14.1: another request of ours was still open at the peer, and it says when to come back.
      if let delay = response.headers.retryAfter, delay <= 10, offer.glares < 5 {
        offer.glares += 1
        retry(offer, after: .seconds(Int64(max(1, delay))))
        return
      }
    case 405, 501:
      if client.request.method == .update, state == .confirmed {
        dialog.peer.updateRefused()
        retry(offer, after: .zero)
        return
      }
    default: break
    }
    if offer.isRefresh {
      // Once more before the interval is over.
      setTimer(.refresh, in: .seconds(Int64(10)))
    } else {
      emit(.offerRefused(status: response.status, response))
    }
    sendQueuedOffer()
  }

  private func retry(_ offer: Reoffer, after delay: TimeSpan) {
    // A newer one has come meanwhile.
    if queuedOffer == nil || queuedOffer?.isRefresh == true { queuedOffer = offer }
    if delay > .zero { setTimer(.offerRetry, in: delay) } else { sendQueuedOffer() }
  }

  /// RFC 3261 §14.1: the side that made the Call-ID waits 2.1 to 4 s, the other up to 2 s, in steps of 10 ms.
  private func glareDelay() -> TimeSpan {
    let step: Int64 =
      role == .uac
      ? .random(in: 210...400, using: &agent.random) : .random(in: 1...200, using: &agent.random)
    return .milliseconds(step * 10)
  }

  /// No response at all to an offer: the dialog is taken for dead (RFC 3261 §12.2.1.2).
  func offerFailed(_ client: PendingClient, _ id: ClientTransactionID) {
    if client.purpose == .reInvite {
      guard clientInvite == id || id.number == .max else { return }
      clientInvite = nil
    }
    sentOffer = nil
    if let dialog = client.dialog, dialog.negotiation.hasLocalOffer { dialog.negotiation.rollBack() }
    dialogLost(status: 408, response: nil)
  }
}
