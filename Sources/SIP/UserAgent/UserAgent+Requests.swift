import CallModel

/// A request that waits for the application, or for the time it has for that.
struct PendingIncomingRequest {
  var transaction: ServerTransactionID
  var request: SIPRequest
  var hop: Hop
  var session: InviteSession?
  var deadline: MonotonicInstant
}

/// Requests of peers: to which session they belong, and what is answered without asking anybody.
extension UserAgent {
  func receive(_ request: SIPRequest, _ id: ServerTransactionID, _ hop: Hop) {
    if let toTag = request.headers.toTag {
      return receiveInDialog(request, toTag: toTag, id, hop)
    }
    guard checkMethodAndExtensions(request, id) else { return }
    switch request.method {
    case .invite: receiveInvite(request, id, hop)
    case .bye, .prack, .update, .info:
      // They live in dialogs only (RFC 3261 §15.1.2, RFC 3262 §3, RFC 3311 §5.2, RFC 6086 §4.2.2).
      respond(request, id, status: 481)
    default: handUp(request, id, hop, session: nil)
    }
  }

  private func receiveInDialog(
    _ request: SIPRequest, toTag: String, _ id: ServerTransactionID, _ hop: Hop
  ) {
    guard let callID = request.headers.callID, let session = sessionsByTag[toTag], session.callID == callID,
      let dialog = session.dialog(remoteTag: request.headers.fromTag ?? "")
    else {
      respond(request, id, status: 481)
      return
    }
    guard let sequence = request.headers.cSeq?.number else {
      respond(request, id, status: 400)
      return
    }
    // RFC 3261 §12.2.2: an older number than one seen means that the order is lost.
    if let last = dialog.remoteSequence, sequence <= last {
      respond(request, id, status: 500, extra: [SIPHeaders.Field(.retryAfter, "0")])
      return
    }
    guard checkMethodAndExtensions(request, id) else {
      dialog.remoteSequence = sequence
      return
    }
    dialog.remoteSequence = sequence
    session.receive(request, sequence: sequence, in: dialog, id, hop)
  }

  func receiveAcknowledgement(_ ack: SIPRequest, _ hop: Hop) {
    guard let toTag = ack.headers.toTag, let session = sessionsByTag[toTag],
      session.callID == ack.headers.callID,
      let dialog = session.dialog(remoteTag: ack.headers.fromTag ?? ""), let cSeq = ack.headers.cSeq
    else { return }
    session.acknowledged(ack, sequence: cSeq.number, in: dialog, hop)
  }

  /// 405 and 420 (RFC 3261 §8.2.1, §8.2.2.3). True if the request may go on.
  private func checkMethodAndExtensions(_ request: SIPRequest, _ id: ServerTransactionID) -> Bool {
    guard configuration.allow.contains(request.method) else {
      respond(request, id, status: 405, extra: [SIPHeaders.Field(.allow, allowValue)])
      return false
    }
    guard request.headers.contains(.require) else { return true }
    let unknown = request.headers.tokens(.require).filter { tag in
      !configuration.supported.contains { equalIgnoringASCIICase($0, tag) }
    }
    guard !unknown.isEmpty else { return true }
    respond(
      request, id, status: 420,
      extra: [SIPHeaders.Field(.unsupported, unknown.prefix(32).joined(separator: ", "))])
    return false
  }

  // MARK: New sessions

  private func receiveInvite(_ request: SIPRequest, _ id: ServerTransactionID, _ hop: Hop) {
    guard let from = request.headers.from, let to = request.headers.to, let callID = request.headers.callID,
      let sequence = request.headers.cSeq?.number, let contact = request.headers.contacts.first
    else {
      respond(request, id, status: 400)
      return
    }
    let offer: MessageBody?
    switch SessionPart(headers: request.headers, body: request.body, limit: configuration.maximumBodySize) {
    case .none: offer = nil
    case .description(let body): offer = body
    case .tooLarge:
      respond(request, id, status: 413)
      return
    case .unsupported:
      respond(
        request, id, status: 415,
        extra: [SIPHeaders.Field(.accept, acceptValue), SIPHeaders.Field(.acceptEncoding, "identity")])
      return
    }
    let replaces: Replaces?
    var replacing: InviteSession?
    switch replacement(request) {
    case .none: replaces = nil
    case .refused(let status):
      respond(request, id, status: status)
      return
    case .session(let session, let value):
      replaces = value
      replacing = session
    }
    let verdict = configuration.sessionTimer.judge(
      request.headers, peerSupportsTimer: request.headers.supportsOption("timer"), current: nil)
    if case .tooSmall(let minimum) = verdict {
      respond(request, id, status: 422, extra: [SIPHeaders.Field(.minSE, String(minimum))])
      return
    }
    guard let session = makeSession(role: .uas) else {
      respond(request, id, status: 503, extra: [SIPHeaders.Field(.retryAfter, "5")])
      return
    }
    servers[id] = session
    session.begin(
      request, transaction: id, hop: hop, callID: callID, sequence: sequence, from: from, contact: contact,
      offer: offer)
    let invite = IncomingInvite(
      request: request, hop: hop, from: from, to: to, contact: contact, callID: callID, offer: offer,
      maxForwards: request.headers.maxForwards ?? 70,
      supported: request.headers.tokens(.supported).map { $0.lowercased() },
      required: request.headers.tokens(.require).map { $0.lowercased() }, replaces: replaces,
      replacing: replacing?.id)
    emit(.incoming(session.id, invite))
  }

  private enum Replacement {
    case none
    case session(InviteSession, Replaces)
    case refused(Int)
  }

  /// RFC 3891 §3: which session an INVITE wants to take the place of, or why it cannot.
  private func replacement(_ request: SIPRequest) -> Replacement {
    let values = request.headers.all(.replaces)
    guard let value = values.first else { return .none }
    guard values.count == 1, let replaces = Replaces(value), !request.headers.contains(.join) else {
      return .refused(400)
    }
    guard let session = session(named: replaces) else { return .refused(481) }
    switch session.state {
    case .confirmed: return replaces.isEarlyOnly ? .refused(486) : .session(session, replaces)
    // An early dialog can be replaced only on the side that started it.
    case .setUp: return session.role == .uac ? .session(session, replaces) : .refused(481)
    case .ended: return .refused(603)
    }
  }

  // MARK: Requests for the application

  func handUp(_ request: SIPRequest, _ id: ServerTransactionID, _ hop: Hop, session: InviteSession?) {
    guard request.body.count <= configuration.maximumBodySize else {
      respond(request, id, status: 413)
      return
    }
    if let session {
      guard session.requestsForApplication < configuration.maximumPendingRequests else {
        respond(request, id, status: 503, extra: [SIPHeaders.Field(.retryAfter, "1")])
        return
      }
      session.requestsForApplication += 1
    }
    let requestID = IncomingRequestID(makeNumber())
    let deadline = now + configuration.applicationPatience
    incomingRequests[requestID] = PendingIncomingRequest(
      transaction: id, request: request, hop: hop, session: session, deadline: deadline)
    schedule(.request(requestID), at: deadline)
    let incoming = IncomingRequest(id: requestID, session: session?.id, request: request, hop: hop)
    if let session { emit(.session(session.id, .request(incoming))) } else { emit(.request(incoming)) }
  }

  func respondToRequest(
    _ id: IncomingRequestID, status: Int, reason: String?, headers: [SIPHeaders.Field], body: MessageBody?
  ) -> CommandResult {
    guard let pending = incomingRequests[id] else { return .noSuchTarget }
    guard (100..<700).contains(status) else { return .notPossible(.badStatus) }
    if status >= 200 {
      incomingRequests[id] = nil
      pending.session?.requestsForApplication -= 1
    }
    respond(
      pending.request, pending.transaction, status: status, reason: reason,
      tag: pending.session?.localTag ?? random.token(), extra: headers, body: body)
    return .done
  }

  func requestDeadlinePassed(_ id: IncomingRequestID) {
    guard incomingRequests[id] != nil else { return }
    _ = respondToRequest(id, status: 500, reason: nil, headers: [], body: nil)
  }

  /// Answers a request that needs no session for it.
  func respond(
    _ request: SIPRequest, _ id: ServerTransactionID, status: Int, reason: String? = nil, tag: String? = nil,
    extra: [SIPHeaders.Field] = [], body: MessageBody? = nil
  ) {
    var response = SIPResponse(
      to: request, status: status, reason: reason, toTag: status > 100 ? tag ?? random.token() : nil)
    if let product = configuration.product { response.headers.append(.server, product) }
    for field in extra { response.headers.fields.append(field) }
    response.attach(body)
    transactions.respond(response, to: id, now: now, into: &queue)
  }
}

extension SIPHeaders {
  /// Whether Supported or Require lists this option tag.
  func supportsOption(_ tag: String) -> Bool {
    (contains(.supported) && hasToken(.supported, tag)) || (contains(.require) && hasToken(.require, tag))
  }
}

extension SIPResponse {
  mutating func attach(_ body: MessageBody?) {
    guard let body else { return }
    headers.append(.contentType, body.contentType)
    if let disposition = body.disposition { headers.append(.contentDisposition, disposition) }
    self.body = body.content
  }
}

extension SIPRequest {
  mutating func attach(_ body: MessageBody?) {
    guard let body else { return }
    headers.append(.contentType, body.contentType)
    if let disposition = body.disposition { headers.append(.contentDisposition, disposition) }
    self.body = body.content
  }
}
