import CallModel

/// What an incoming session needs until its INVITE has a final response.
final class IncomingSetUp {
  let request: SIPRequest
  let transaction: ServerTransactionID
  let hop: Hop
  let sequence: UInt32
  let supportsReliable: Bool
  let requiresReliable: Bool
  /// RSeq of the latest reliable provisional response (RFC 3262 §3).
  var reliableSequence: UInt32 = 0
  /// The reliable provisional response that waits for its PRACK, and those behind it.
  var unacknowledged: ReliableProvisional?
  var queue: [SIPResponse] = []
  /// The 2xx that waits for a PRACK.
  var waitingAccept: (body: MessageBody?, contact: ContactTemplate, headers: [SIPHeaders.Field])?
  /// The latest unreliable provisional response, repeated every minute.
  var reminder: SIPResponse?
  /// Our answer, shown early.
  var preview: MessageBody?

  init(_ request: SIPRequest, transaction: ServerTransactionID, hop: Hop, sequence: UInt32) {
    self.request = request
    self.transaction = transaction
    self.hop = hop
    self.sequence = sequence
    supportsReliable = request.headers.supportsOption("100rel")
    requiresReliable = request.headers.contains(.require) && request.headers.hasToken(.require, "100rel")
  }
}

struct ReliableProvisional {
  var response: SIPResponse
  var sequence: UInt32
  var interval: TimeSpan
  var hasBody: Bool
}

/// Our 2xx to an INVITE or re-INVITE, repeated until the ACK comes (RFC 3261 §13.3.1.4).
struct UnacknowledgedSuccess {
  var transaction: ServerTransactionID
  var sequence: UInt32
  var interval: TimeSpan
}

/// Setting a session up as callee (RFC 3261 §13.3, RFC 3262).
extension InviteSession {
  func begin(
    _ request: SIPRequest, transaction: ServerTransactionID, hop: Hop, callID: String, sequence: UInt32,
    from: NameAddress, contact: NameAddress, offer: MessageBody?
  ) {
    self.callID = callID
    localParty = "\(request.headers[.to] ?? "");tag=\(localTag)"
    let isAdjacent = request.headers.vias.count <= 1 && !request.headers.contains(.recordRoute)
    let dialog = Dialog(
      id: makeDialogID(), remoteTag: from.tag ?? "", remoteParty: request.headers[.from] ?? "",
      localSequence: UInt32(truncatingIfNeeded: agent.random.next() & 0xffff), remoteTarget: contact.uri,
      flow: hop, isAdjacent: isAdjacent)
    dialog.remoteSequence = sequence
    dialog.setRoutes(request.headers.recordRoutes)
    dialog.peer.note(request.headers)
    if let offer { dialog.negotiation.receiveOffer(offer, in: .invite) }
    dialogs = [dialog]
    uses(hop)
    incoming = IncomingSetUp(request, transaction: transaction, hop: hop, sequence: sequence)
  }

  // MARK: Provisional responses

  func provisional(
    status: Int, reason: String?, body: MessageBody?, reliability: Reliability, headers: [SIPHeaders.Field]
  ) -> CommandResult {
    guard role == .uas else { return .notPossible(.wrongRole) }
    guard (101..<200).contains(status) else { return .notPossible(.badStatus) }
    guard let setUp = incoming, let dialog, setUp.waitingAccept == nil else {
      return .notPossible(.alreadyAnswered)
    }
    var isReliable = false
    if setUp.supportsReliable {
      switch reliability {
      case .automatic: isReliable = setUp.requiresReliable || body != nil
      case .preferred: isReliable = true
      case .unreliable: isReliable = setUp.requiresReliable
      }
    }
    if let body {
      switch dialog.negotiation.phase {
      case .received(.invite):
        if isReliable { dialog.negotiation.answer(body) } else { setUp.preview = body }
      case .initial:
        // RFC 6337 §2: an offer needs a response that is sure to arrive.
        guard isReliable else { return .notPossible(.noPlaceForBody) }
        dialog.negotiation.offer(body, in: .reliableProvisional)
      default: return .notPossible(.noPlaceForBody)
      }
    }
    var response = makeResponse(setUp.request, setUp.hop, status: status, reason: reason, headers: headers)
    response.attach(body)
    guard isReliable else {
      agent.transactions.respond(response, to: setUp.transaction, now: agent.now, into: &agent.queue)
      setUp.reminder = response
      setTimer(.provisionalReminder, in: .seconds(60))
      return .done
    }
    timers[.provisionalReminder] = nil
    response.headers.append(.require, "100rel")
    guard setUp.unacknowledged == nil else {
      guard setUp.queue.count < 8 else { return .notPossible(.limit) }
      setUp.queue.append(response)
      return .queued
    }
    sendReliably(response, setUp)
    return .done
  }

  private func sendReliably(_ response: SIPResponse, _ setUp: IncomingSetUp) {
    // RFC 3262 §3: the first number is chosen at random, low enough to leave room.
    setUp.reliableSequence =
      setUp.reliableSequence == 0
      ? UInt32(truncatingIfNeeded: agent.random.next() & 0xffff) + 1 : setUp.reliableSequence + 1
    var response = response
    response.headers.append(.rSeq, String(setUp.reliableSequence))
    let t1 = agent.configuration.timers.t1
    setUp.unacknowledged = ReliableProvisional(
      response: response, sequence: setUp.reliableSequence, interval: t1, hasBody: !response.body.isEmpty)
    agent.transactions.respond(response, to: setUp.transaction, now: agent.now, into: &agent.queue)
    setTimer(.provisionalRetransmission, in: t1)
    setTimer(.provisionalGiveUp, in: agent.configuration.timers.transactionTimeout)
  }

  func repeatReliableProvisional() {
    guard let setUp = incoming, var pending = setUp.unacknowledged else { return }
    pending.interval = pending.interval * 2
    setUp.unacknowledged = pending
    agent.transactions.respond(
      pending.response, to: setUp.transaction, now: agent.now, into: &agent.queue)
    setTimer(.provisionalRetransmission, in: pending.interval)
  }

  /// RFC 3262 §3: without PRACK in 64*T1 the INVITE is refused with a 5xx.
  func reliableProvisionalLost() {
    guard let setUp = incoming, setUp.unacknowledged != nil else { return }
    refuse(setUp, status: 504, reason: nil, headers: [])
    end(SessionEnd(.unacknowledged))
    removeIfDone()
  }

  /// RFC 3261 §13.3.1.1: a proxy gives up after three minutes of silence.
  func remindProvisional() {
    guard let setUp = incoming, let response = setUp.reminder else { return }
    agent.transactions.respond(response, to: setUp.transaction, now: agent.now, into: &agent.queue)
    setTimer(.provisionalReminder, in: .seconds(60))
  }

  // MARK: PRACK

  func receivePrack(_ request: SIPRequest, in dialog: Dialog, _ id: ServerTransactionID) {
    guard let rAck = request.headers.rAck else {
      return agent.respond(request, id, status: 400, tag: localTag)
    }
    guard let setUp = incoming, let pending = setUp.unacknowledged, rAck.rSeq == pending.sequence,
      rAck.cSeq.number == setUp.sequence, rAck.cSeq.method == .invite
    else { return agent.respond(request, id, status: 481, tag: localTag) }
    setUp.unacknowledged = nil
    timers[.provisionalRetransmission] = nil
    timers[.provisionalGiveUp] = nil
    var description: RemoteDescription?
    if case .description(let body) = sessionPart(of: request) {
      switch dialog.negotiation.phase {
      case .offered(.reliableProvisional):
        dialog.negotiation.receiveAnswer(body)
        description = .answer(body)
      case .stable:
        dialog.negotiation.receiveOffer(body, in: .prack)
        description = .offer(body)
      default: break
      }
    } else if case .offered(.reliableProvisional) = dialog.negotiation.phase {
      // The answer is missing; the peer may still give it nowhere else (RFC 3262 §5).
      dialog.negotiation.rollBack()
    }
    if case .offer? = description {
      hold(request, id, .prack, in: dialog)
    } else {
      agent.respond(request, id, status: 200, tag: localTag)
    }
    emit(.provisionalAcknowledged(description))
    continueSetUp()
  }

  /// Sends what waited for a PRACK.
  func continueSetUp() {
    guard let setUp = incoming, setUp.unacknowledged == nil, heldRequest == nil, sentOffer == nil else {
      return
    }
    if !setUp.queue.isEmpty {
      sendReliably(setUp.queue.removeFirst(), setUp)
    } else if let waiting = setUp.waitingAccept {
      setUp.waitingAccept = nil
      _ = sendAccept(setUp, body: waiting.body, contact: waiting.contact, headers: waiting.headers)
    }
  }

  // MARK: Final responses

  func accept(
    body: MessageBody?, contact: ContactTemplate, headers: [SIPHeaders.Field]
  ) -> CommandResult {
    guard role == .uas else { return .notPossible(.wrongRole) }
    guard let setUp = incoming, let dialog, setUp.waitingAccept == nil else {
      return .notPossible(.alreadyAnswered)
    }
    switch dialog.negotiation.phase {
    case .received(.invite), .initial:
      if body == nil, setUp.preview == nil { return .notPossible(.bodyMissing) }
    case .stable, .offered, .received:
      break
    }
    // RFC 3262 §3: not before the PRACK of a response that carried a description.
    let mustWait =
      setUp.unacknowledged?.hasBody ?? false || heldRequest != nil || dialog.negotiation.hasLocalOffer
    if mustWait || !setUp.queue.isEmpty {
      setUp.waitingAccept = (body, contact, headers)
      return .queued
    }
    return sendAccept(setUp, body: body, contact: contact, headers: headers)
  }

  private func sendAccept(
    _ setUp: IncomingSetUp, body: MessageBody?, contact: ContactTemplate, headers: [SIPHeaders.Field]
  ) -> CommandResult {
    guard let dialog else { return .noSuchTarget }
    var sent: MessageBody?
    switch dialog.negotiation.phase {
    case .received(.invite):
      guard let answer = body ?? setUp.preview else { return .notPossible(.bodyMissing) }
      dialog.negotiation.answer(answer)
      sent = answer
    case .initial:
      guard let offer = body else { return .notPossible(.bodyMissing) }
      dialog.negotiation.offer(offer, in: .success)
      sent = offer
    default:
      // Agreed in a provisional response: another description here would not count (RFC 6337 §2).
      sent = nil
    }
    self.contact = contact
    var response = makeResponse(setUp.request, setUp.hop, status: 200, reason: nil, headers: headers)
    addInterval(to: &response, for: setUp.request, in: dialog)
    response.attach(sent)
    let transaction = setUp.transaction
    let sequence = setUp.sequence
    finishSetUp()
    state = .confirmed
    sendSuccess(response, transaction, sequence: sequence)
    return .done
  }

  /// Sends a 2xx to an INVITE and sees to its repetition.
  func sendSuccess(_ response: SIPResponse, _ transaction: ServerTransactionID, sequence: UInt32) {
    agent.transactions.respond(response, to: transaction, now: agent.now, into: &agent.queue)
    let timers = agent.configuration.timers
    success = UnacknowledgedSuccess(transaction: transaction, sequence: sequence, interval: timers.t1)
    setTimer(.successRetransmission, in: timers.t1)
    setTimer(.acknowledgement, in: timers.transactionTimeout)
  }

  func repeatSuccess() {
    guard var pending = success else { return }
    agent.transactions.repeatResponse(of: pending.transaction, into: &agent.queue)
    pending.interval = min(pending.interval * 2, agent.configuration.timers.t2)
    success = pending
    setTimer(.successRetransmission, in: pending.interval)
  }

  func reject(status: Int, reason: String?, headers: [SIPHeaders.Field]) -> CommandResult {
    guard role == .uas else { return .notPossible(.wrongRole) }
    guard (300..<700).contains(status) else { return .notPossible(.badStatus) }
    guard let setUp = incoming else { return .notPossible(.alreadyAnswered) }
    refuse(setUp, status: status, reason: reason, headers: headers)
    end(SessionEnd(.local, status: status))
    removeIfDone()
    return .done
  }

  func refuse(_ setUp: IncomingSetUp, status: Int, reason: String?, headers: [SIPHeaders.Field]) {
    let (request, transaction) = (setUp.request, setUp.transaction)
    finishSetUp()
    agent.respond(request, transaction, status: status, reason: reason, tag: localTag, extra: headers)
  }

  private func finishSetUp() {
    if let setUp = incoming { agent.servers[setUp.transaction] = nil }
    incoming = nil
    timers[.provisionalReminder] = nil
    timers[.provisionalRetransmission] = nil
    timers[.provisionalGiveUp] = nil
  }

  /// A response that forms or keeps the dialog: with Contact, Allow and Supported (RFC 3261 §12.1.1, §13.3.1.4).
  func makeResponse(
    _ request: SIPRequest, _ hop: Hop, status: Int, reason: String?, headers: [SIPHeaders.Field]
  ) -> SIPResponse {
    var response = SIPResponse(to: request, status: status, reason: reason, toTag: localTag)
    response.headers.fields.reserveCapacity(response.headers.fields.count + 8 + headers.count)
    if let contact = agent.contactValue(hop.listener, contact) { response.headers.append(.contact, contact) }
    if let product = agent.configuration.product { response.headers.append(.server, product) }
    response.headers.append(.allow, agent.allowValue)
    if !agent.supportedValue.isEmpty { response.headers.append(.supported, agent.supportedValue) }
    for field in headers { response.headers.fields.append(field) }
    return response
  }

  func sessionPart(of request: SIPRequest) -> SessionPart {
    SessionPart(
      headers: request.headers, body: request.body, limit: agent.configuration.maximumBodySize)
  }

  // MARK: CANCEL, ACK and their absence

  /// RFC 3261 §9.2. The layer has answered the CANCEL.
  func inviteCancelled(_ id: ServerTransactionID, _ cancel: SIPRequest) {
    if let setUp = incoming, setUp.transaction == id {
      refuse(setUp, status: 487, reason: nil, headers: [])
      end(SessionEnd(.cancelled, status: 487, reasons: cancel.headers.reasons, request: cancel))
      removeIfDone()
    } else if let invite = serverInvite, invite.transaction == id {
      agent.respond(invite.request, id, status: 487, tag: localTag)
      closeServerInvite()
      emit(.offerWithdrawn)
      sendQueuedOffer()
    }
  }

  /// The transaction under an INVITE of the peer went before it had its final response: its transport is broken.
  func inviteServerLost(_ id: ServerTransactionID) {
    if incoming?.transaction == id {
      incoming = nil
      end(SessionEnd(.transportFailed))
      removeIfDone()
    } else if serverInvite?.transaction == id {
      closeServerInvite()
    }
  }

  func acknowledged(_ ack: SIPRequest, sequence: UInt32, in dialog: Dialog, _ hop: Hop) {
    guard let pending = success, pending.sequence == sequence else { return }
    success = nil
    timers[.successRetransmission] = nil
    timers[.acknowledgement] = nil
    guard state == .confirmed else { return removeIfDone() }
    var answer: MessageBody?
    if case .offered(.success) = dialog.negotiation.phase {
      if case .description(let body) = sessionPart(of: ack) {
        dialog.negotiation.receiveAnswer(body)
        answer = body
      } else {
        dialog.negotiation.rollBack()
      }
    }
    emit(.acknowledged(answer: answer))
    if let headers = waitingBye {
      waitingBye = nil
      sendBye(headers)
      return removeIfDone()
    }
    sendQueuedOffer()
  }

  /// 64*T1 without ACK: the session is confirmed and then ended (RFC 3261 §13.3.1.4).
  func successLost() {
    guard success != nil else { return }
    success = nil
    timers[.successRetransmission] = nil
    let headers = waitingBye ?? []
    waitingBye = nil
    sendBye(headers, .unacknowledged)
    removeIfDone()
  }
}
