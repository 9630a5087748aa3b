import CallModel

/// Responses to the INVITE that sets a session up (RFC 3261 §13.2.2).
extension InviteSession {
  func receiveSetUpResponse(
    _ response: SIPResponse, _ client: PendingClient, _ id: ClientTransactionID, _ hop: Hop
  ) {
    if response.isSuccess { return receiveSuccess(response, client, hop) }
    guard let setUp = outgoing, setUp.transaction == id else { return }
    setUp.hasResponse = true
    timers[.hopPatience] = nil
    guard state == .setUp else { return }
    if response.isProvisional {
      receiveProvisional(response, setUp, hop)
    } else {
      receiveRefusal(response, setUp, hop)
    }
  }

  // MARK: Provisional responses

  private func receiveProvisional(_ response: SIPResponse, _ setUp: OutgoingSetUp, _ hop: Hop) {
    guard response.status > 100 else {
      emit(.trying)
      return
    }
    setUp.hasProvisional = true
    guard response.headers.toTag != nil, let dialog = earlyDialog(response, hop) else {
      // No tag, or more forks than we follow: it rings somewhere, and that is all that can be said.
      if response.headers.toTag == nil {
        emit(
          .progress(
            SessionProgress(
              status: response.status, dialog: nil, description: nil, isReliable: false, response: response)))
      }
      return
    }
    dialog.peer.note(response.headers)
    if response.status == 199 {
      dialogs.removeAll { $0 === dialog }
      emit(.earlyDialogEnded(dialog.id))
      return
    }
    let isReliable = response.headers.contains(.rSeq) && response.headers.hasToken(.require, "100rel")
    if isReliable {
      guard let sequence = response.headers.rSeq, sequence > 0 else { return }
      // RFC 3262 §4: repetitions and those that overtook their predecessor are not acknowledged.
      if let last = dialog.reliableSequence, sequence != last &+ 1 { return }
      dialog.reliableSequence = sequence
    }
    let description = describe(response, in: dialog, isReliable: isReliable)
    emit(
      .progress(
        SessionProgress(
          status: response.status, dialog: dialog.id, description: description, isReliable: isReliable,
          response: response)))
    guard isReliable else { return }
    if case .offer? = description { return }  // PRACK goes with the answer.
    sendPrack(in: dialog, sequence: setUp.sequence, body: nil)
  }

  /// What the body of a provisional or 2xx response means at this point of the exchange (RFC 6337 §2).
  func describe(_ response: SIPResponse, in dialog: Dialog, isReliable: Bool) -> RemoteDescription? {
    let part = SessionPart(
      headers: response.headers, body: response.body, limit: agent.configuration.maximumBodySize)
    guard case .description(let body) = part else { return nil }
    switch dialog.negotiation.phase {
    case .offered(.invite), .offered(.reInvite):
      if isReliable || response.isSuccess {
        dialog.negotiation.receiveAnswer(body)
        return .answer(body)
      }
      dialog.negotiation.receivePreview(body)
      return .preview(body)
    case .initial, .stable:
      // An offer, if the INVITE had none and the response is reliable; otherwise a repetition of the answer, which
      // changes nothing.
      let mayOffer =
        state == .setUp ? dialog.negotiation.phase == .initial : sentOffer?.body == nil && clientInvite != nil
      guard mayOffer, isReliable || response.isSuccess else { return nil }
      dialog.negotiation.receiveOffer(body, in: response.isSuccess ? .success : .reliableProvisional)
      return .offer(body)
    default: return nil
    }
  }

  func sendPrack(in dialog: Dialog, sequence: UInt32, body: MessageBody?) {
    guard let reliable = dialog.reliableSequence else { return }
    let rAck = RAck(rSeq: reliable, cSeq: CSeq(number: sequence, method: .invite))
    let request = makeRequest(
      .prack, in: dialog, extra: [SIPHeaders.Field(.rAck, rAck.description)], body: body)
    send(request, in: dialog, .prack)
  }

  func receivePrackResponse(_ response: SIPResponse, _ client: PendingClient) {
    guard !response.isProvisional, !response.isSuccess else { return }
    _ = retryWithCredentials(response, client)
  }

  /// The early dialog of a response; made if it is a new fork. Nil when there are too many.
  private func earlyDialog(_ response: SIPResponse, _ hop: Hop) -> Dialog? {
    let tag = response.headers.toTag ?? ""
    if let known = dialog(remoteTag: tag) {
      if let uri = response.headers.contacts.first?.uri { known.remoteTarget = uri }
      return known
    }
    guard dialogs.count < agent.configuration.maximumEarlyDialogs, let dialog = makeDialog(response, hop)
    else {
      return nil
    }
    dialogs.append(dialog)
    return dialog
  }

  /// A dialog as the caller sees it (RFC 3261 §12.1.2).
  func makeDialog(_ response: SIPResponse, _ hop: Hop) -> Dialog? {
    guard let setUp = outgoing, let to = response.headers[.to] else { return nil }
    let target = response.headers.contacts.first?.uri ?? setUp.invite.requestURI
    let dialog = Dialog(
      id: makeDialogID(), remoteTag: response.headers.toTag ?? "", remoteParty: to,
      localSequence: setUp.sequence, remoteTarget: target, flow: hop, isAdjacent: false)
    dialog.setRoutes(response.headers.recordRoutes.reversed())
    dialog.peer.note(response.headers)
    if let offer = setUp.invite.offer { dialog.negotiation.offer(offer, in: .invite) }
    uses(hop)
    return dialog
  }

  // MARK: 2xx

  private func receiveSuccess(_ response: SIPResponse, _ client: PendingClient, _ hop: Hop) {
    let sequence = client.request.headers.cSeq?.number ?? 1
    let tag = response.headers.toTag ?? ""
    guard state == .setUp, let setUp = outgoing, dialog(remoteTag: tag)?.isAnswered != true else {
      return receiveStraySuccess(response, sequence: sequence, hop)
    }
    confirm(response, setUp, sequence: sequence, tag: tag, hop)
  }

  /// A 2xx that does not set the session up: a repetition, another fork's answer, or one that crossed our CANCEL.
  func receiveStraySuccess(_ response: SIPResponse, sequence: UInt32, _ hop: Hop) {
    let tag = response.headers.toTag ?? ""
    if let dialog = dialog(remoteTag: tag) {
      // A repetition gets the same ACK again (RFC 3261 §13.2.2.4).
      return dialog.isAnswered
        ? repeatAcknowledgement(of: dialog, sequence: sequence)
        : acknowledgeAndEnd(dialog, sequence: sequence)
    }
    guard dialogs.count < 2 * agent.configuration.maximumEarlyDialogs, let dialog = makeDialog(response, hop)
    else { return }
    dialogs.insert(dialog, at: 0)
    acknowledgeAndEnd(dialog, sequence: sequence)
  }

  func repeatAcknowledgement(of dialog: Dialog, sequence: UInt32) {
    guard let acknowledgement = dialog.acknowledgement, acknowledgement.sequence == sequence else { return }
    agent.emit(.send(acknowledgement.bytes, acknowledgement.hop))
  }

  private func confirm(
    _ response: SIPResponse, _ setUp: OutgoingSetUp, sequence: UInt32, tag: String, _ hop: Hop
  ) {
    timers[.hopPatience] = nil
    guard let dialog = dialog(remoteTag: tag) ?? makeDialog(response, hop) else { return }
    // The 2xx decides route set and target, whatever the provisional responses said (RFC 3261 §13.2.2.4).
    dialog.setRoutes(response.headers.recordRoutes.reversed())
    if let uri = response.headers.contacts.first?.uri { dialog.remoteTarget = uri }
    dialog.flow = hop
    uses(hop)
    dialog.peer.note(response.headers)
    let others = dialogs.filter { $0 !== dialog && !$0.isAnswered }
    dialogs = dialogs.filter(\.isAnswered) + [dialog]
    var description = describe(response, in: dialog, isReliable: true)
    if description == nil, case .offered(.invite) = dialog.negotiation.phase {
      if let preview = dialog.negotiation.preview {
        // The peer holds its early answer for the final one and does not repeat it.
        dialog.negotiation.receiveAnswer(preview)
        description = .answer(preview)
      } else {
        dialog.negotiation.rollBack()
      }
    }
    dialog.isAnswered = true
    state = .confirmed
    setUp.transaction = nil
    agreeInterval(response.headers, asked: setUp.askedInterval)
    for other in others { emit(.earlyDialogEnded(other.id)) }
    emit(.answered(SessionAnswered(dialog: dialog.id, description: description, response: response)))
    guard state == .confirmed else { return }
    if case .offer? = description {
      // ACK goes with the answer.
      lateAnswerSequence = sequence
      return
    }
    sendAcknowledgement(in: dialog, sequence: sequence, body: nil)
    sendQueuedOffer()
  }

  /// ACK for a 2xx, with the credentials of its INVITE (RFC 3261 §13.2.2.4, §22.1).
  func sendAcknowledgement(in dialog: Dialog, sequence: UInt32, body: MessageBody?) {
    var extra: [SIPHeaders.Field] = []
    if let request = outgoing?.request, request.headers.cSeq?.number == sequence {
      extra = request.headers.fields.filter { $0.name == .authorization || $0.name == .proxyAuthorization }
    }
    let ack = makeRequest(.ack, in: dialog, sequence: sequence, extra: extra, body: body)
    send(ack, in: dialog, nil)
  }

  /// RFC 3261 §13.2.2.4: a dialog nobody wants is acknowledged and ended.
  func acknowledgeAndEnd(_ dialog: Dialog, sequence: UInt32) {
    dialog.isAnswered = true
    sendAcknowledgement(in: dialog, sequence: sequence, body: nil)
    send(makeRequest(.bye, in: dialog), in: dialog, .bye)
  }

  // MARK: Refusals

  private func receiveRefusal(_ response: SIPResponse, _ setUp: OutgoingSetUp, _ hop: Hop) {
    setUp.transaction = nil
    if retrySetUp(response, setUp) { return }
    let isRedirection = (300..<400).contains(response.status)
    end(
      SessionEnd(
        isRedirection ? .redirected : .rejected, status: response.status, reasons: response.headers.reasons,
        retryAfter: response.headers.retryAfter.map { Int($0) },
        contacts: isRedirection ? Self.ordered(response.headers.contacts) : [], response: response))
  }

  /// Whether the refusal says what to do better, or another hop may do.
  private func retrySetUp(_ response: SIPResponse, _ setUp: OutgoingSetUp) -> Bool {
    switch response.status {
    case 401, 407:
      guard setUp.authentications < 4, let request = setUp.request,
        let authorised = authorised(request, refusedWith: response)
      else { return false }
      setUp.authentications += 1
      let names: Set<SIPHeaderName> = [.authorization, .proxyAuthorization]
      setUp.invite.headers.removeAll { names.contains($0.name) }
      setUp.invite.headers += authorised.headers.fields.filter { names.contains($0.name) }
    case 422:
      guard setUp.intervalRetries < 2, let minimum = response.headers.minSE, setUp.askedInterval != nil,
        Int(minimum) > setUp.minimumInterval ?? 0, minimum <= 7 * 86_400
      else { return false }
      setUp.intervalRetries += 1
      setUp.minimumInterval = Int(minimum)
    case 420:
      let unsupported = response.headers.tokens(.unsupported)
      let kept = setUp.invite.required.filter { tag in
        !unsupported.contains { equalIgnoringASCIICase($0, tag) }
      }
      guard setUp.extensionRetries < 2, kept.count < setUp.invite.required.count else { return false }
      setUp.extensionRetries += 1
      setUp.invite.required = kept
    case 503:
      return !setUp.hasProvisional && tryNextHop()
    default: return false
    }
    endEarlyDialogs()
    setUp.sequence += 1
    sendInvite()
    return true
  }

  private func endEarlyDialogs() {
    for dialog in dialogs where !dialog.isAnswered { emit(.earlyDialogEnded(dialog.id)) }
    dialogs.removeAll { !$0.isAnswered }
  }

  /// Contacts of a redirection by falling q (RFC 3261 §8.1.3.4), then as listed; without doubles.
  private static func ordered(_ contacts: [NameAddress]) -> [NameAddress] {
    var seen: [SIPURI] = []
    let unique = contacts.prefix(32).filter { contact in
      guard !seen.contains(contact.uri) else { return false }
      seen.append(contact.uri)
      return true
    }
    return unique.enumerated().sorted { a, b in
      let (x, y) = (a.element["q"].flatMap(Double.init) ?? 1, b.element["q"].flatMap(Double.init) ?? 1)
      return x == y ? a.offset < b.offset : x > y
    }.map(\.element)
  }
}
