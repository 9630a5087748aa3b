import CallModel

extension TransactionLayer {
  /// Sends a response in a server transaction. It must carry Via, From, To, Call-ID and CSeq of the request: make it with
  /// ``SIPResponse/init(to:status:reason:toTag:)``. Without effect when the transaction has gone, or has its final response
  /// already; only a 2xx to INVITE may be given again.
  public mutating func respond(
    _ response: SIPResponse, to id: ServerTransactionID, now: MonotonicInstant,
    into outputs: inout [TransactionOutput]
  ) {
    guard let slot = servers.slot(of: id.number) else { return }
    let actions = servers[slot].respond(status: response.status, timers: timers, now: now)
    guard actions.contains(.send) else { return }
    servers[slot].bytes = response.serialised()
    if servers[slot].toTag == nil, response.status > 100, servers[slot].isPendingInvite,
      let to = response.headers[.to]
    {
      servers[slot].toTag = withBytes(of: to) { bytes in bytes.tagRange().map(bytes.text) }
    }
    if response.status >= 200 {
      servers[slot].pending = nil
      servers[slot].toTag = nil
      // Refused: the same request by another path, or after a failover, gets a judgement of its own.
      if response.status >= 300, let mergeKey = servers[slot].mergeKey {
        serversByMergeKey[mergeKey] = nil
        servers[slot].mergeKey = nil
      }
    }
    statistics.responsesSent += 1
    perform(actions, server: id.number, slot: slot, now: now, into: &outputs)
  }

  /// Answers 100 (Trying) now, rather than after the delay of ``TransactionTimers/inviteTryingDelay``.
  public mutating func sendTrying(
    to id: ServerTransactionID, now: MonotonicInstant, into outputs: inout [TransactionOutput]
  ) {
    guard let request = request(of: id) else { return }
    respond(SIPResponse(to: request, status: 100, toTag: nil), to: id, now: now, into: &outputs)
  }

  /// Sends the latest response again, byte for byte: for the repetition of a 2xx to INVITE, which is its user's duty (RFC 3261
  /// §13.3.1.4). Possible until timer L ends the transaction.
  public mutating func repeatResponse(
    of id: ServerTransactionID, into outputs: inout [TransactionOutput]
  ) {
    guard let slot = servers.slot(of: id.number), !servers[slot].bytes.isEmpty else { return }
    statistics.retransmissionsSent += 1
    outputs.append(.send(servers[slot].bytes, servers[slot].hop))
  }

  /// The request of a server transaction, as it was handed up, until its final response; then nil.
  public func request(of id: ServerTransactionID) -> SIPRequest? {
    servers.slot(of: id.number).flatMap { servers[$0].pending?.request }
  }

  // MARK: Requests

  mutating func receive(
    _ request: SIPRequest, over hop: Hop, now: MonotonicInstant, into outputs: inout [TransactionOutput]
  ) {
    guard let identity = RequestIdentity(request, secret: secret) else {
      statistics.unusableMessages += 1
      return
    }
    if request.method == .ack {
      return receiveAcknowledgement(request, identity, over: hop, now: now, into: &outputs)
    }
    statistics.requestsReceived += 1
    if let number = serversByKey[identity.key], let slot = servers.slot(of: number) {
      statistics.requestRetransmissionsReceived += 1
      let actions = servers[slot].repeated(timers: timers, now: now)
      return perform(actions, server: number, slot: slot, isRepetition: true, now: now, into: &outputs)
    }
    var request = request
    let noted = withBytes(of: request.headers.fields[identity.viaIndex].value) { bytes in
      identity.via.noting(hop.remote, in: bytes)
    }
    if let noted { request.headers.fields[identity.viaIndex].value = noted }

    if request.method == .cancel {
      return receiveCancel(request, identity, over: hop, now: now, into: &outputs)
    }
    let limit = limits.serverTransactions
    guard servers.count < (identity.isInDialog ? limit + limit / 4 : limit) else {
      statistics.refusedAtLimit += 1
      var refusal = statelessResponse(to: request, status: 503, identity)
      refusal.headers.append(.retryAfter, String(limits.retryAfterSeconds))
      return sendStateless(refusal, identity.replyHop(hop), into: &outputs)
    }
    if refusesMergedRequests, let mergeKey = identity.mergeKey, serversByMergeKey[mergeKey] != nil {
      statistics.mergedRequests += 1
      let refusal = statelessResponse(to: request, status: 482, identity)
      return sendStateless(refusal, identity.replyHop(hop), into: &outputs)
    }
    let isReliable = hop.transport.isReliable
    let machine: ServerTransaction.Machine =
      request.method == .invite
      ? .invite(InviteServerTransaction(isReliable: isReliable, timers: timers, now: now))
      : .nonInvite(NonInviteServerTransaction(isReliable: isReliable, timers: timers, now: now))
    let number = insert(
      ServerTransaction(
        machine: machine, key: identity.key,
        mergeKey: refusesMergedRequests ? identity.mergeKey : nil, hop: identity.replyHop(hop),
        sentByPort: identity.sentByPort(hop.transport), pending: ServerTransaction.Pending(request: request),
        isInternal: false))
    outputs.append(.request(request, ServerTransactionID(number), hop))
  }

  private mutating func insert(_ transaction: ServerTransaction) -> UInt64 {
    let number = servers.insert(transaction)
    serversByKey[transaction.key] = number
    if let mergeKey = transaction.mergeKey { serversByMergeKey[mergeKey] = number }
    if let slot = servers.slot(of: number) { schedule(server: number, slot: slot) }
    return number
  }

  private mutating func receiveAcknowledgement(
    _ ack: SIPRequest, _ identity: RequestIdentity, over hop: Hop, now: MonotonicInstant,
    into outputs: inout [TransactionOutput]
  ) {
    guard let number = serversByKey[identity.key], let slot = servers.slot(of: number) else {
      let to = ack.headers[.to] ?? ""
      let prefix = statelessTagPrefix
      let isForStateless = withBytes(of: to) { bytes in
        bytes.tagRange().map { bytes[$0].starts(with: prefix.utf8) } ?? false
      }
      if isForStateless {
        statistics.absorbedAcknowledgements += 1
      } else {
        outputs.append(.acknowledgement(ack, hop))
      }
      return
    }
    let actions = servers[slot].acknowledged(timers: timers, now: now)
    if actions.contains(.passUp) {
      outputs.append(.acknowledgement(ack, hop))
    } else {
      statistics.absorbedAcknowledgements += 1
    }
    perform(actions, server: number, slot: slot, now: now, into: &outputs)
  }

  /// RFC 3261 §9.2: 481 when there is no such INVITE; else 200, and the user is told if it can still do something about it.
  private mutating func receiveCancel(
    _ cancel: SIPRequest, _ identity: RequestIdentity, over hop: Hop, now: MonotonicInstant,
    into outputs: inout [TransactionOutput]
  ) {
    guard let inviteKey = identity.inviteKey, let invite = serversByKey[inviteKey],
      let slot = servers.slot(of: invite)
    else {
      statistics.unmatchedCancels += 1
      return sendStateless(
        statelessResponse(to: cancel, status: 481, identity), identity.replyHop(hop), into: &outputs)
    }
    let tag = servers[slot].toTag ?? statelessTag(inviteKey)
    let isNew = servers[slot].isPendingInvite && !servers[slot].isCancelled
    servers[slot].isCancelled = true
    let response = SIPResponse(to: cancel, status: 200, toTag: tag)
    let reply = identity.replyHop(hop)
    let isReliable = hop.transport.isReliable
    // At the limit the CANCEL is still answered, only not remembered; repeated, it is answered the same way again.
    if !isReliable, servers.count < limits.serverTransactions + limits.serverTransactions / 4 {
      var machine = NonInviteServerTransaction(isReliable: isReliable, timers: timers, now: now)
      _ = machine.handle(.response(status: 200), timers: timers, now: now)
      var transaction = ServerTransaction(
        machine: .nonInvite(machine), key: identity.key, mergeKey: nil, hop: reply,
        sentByPort: identity.sentByPort(hop.transport), pending: nil, isInternal: true)
      transaction.bytes = response.serialised()
      statistics.responsesSent += 1
      outputs.append(.send(transaction.bytes, reply))
      _ = insert(transaction)
    } else {
      sendStateless(response, reply, into: &outputs)
    }
    if isNew { outputs.append(.cancelled(ServerTransactionID(invite), cancel: cancel)) }
  }

  // MARK: Responses without a transaction (RFC 3261 §8.2.7)

  /// A tag that is the same for every repetition of the request, and known as ours when the ACK comes.
  private func statelessTag(_ key: TransactionKey) -> String {
    statelessTagPrefix + String(key.low, radix: 36)
  }

  private func statelessResponse(
    to request: SIPRequest, status: Int, _ identity: RequestIdentity
  ) -> SIPResponse {
    SIPResponse(to: request, status: status, toTag: statelessTag(identity.key))
  }

  private mutating func sendStateless(
    _ response: SIPResponse, _ hop: Hop, into outputs: inout [TransactionOutput]
  ) {
    statistics.responsesSent += 1
    outputs.append(.send(response.serialised(), hop))
  }

  // MARK: Actions

  mutating func serverDeadline(
    _ number: UInt64, entry: MonotonicInstant, now: MonotonicInstant,
    into outputs: inout [TransactionOutput]
  ) {
    guard let slot = servers.slot(of: number), servers[slot].scheduledAt == entry else { return }
    servers[slot].scheduledAt = .distantFuture
    let actions = servers[slot].deadlinePassed(timers: timers, now: now)
    perform(actions, server: number, slot: slot, isRepetition: true, now: now, into: &outputs)
  }

  /// The first failure of a connection sends responses to the address in Via; a WebSocket client has none (RFC 7118 §5.4).
  mutating func serverTransportFailed(
    _ number: UInt64, now: MonotonicInstant, into outputs: inout [TransactionOutput]
  ) {
    guard let slot = servers.slot(of: number) else { return }
    let hop = servers[slot].hop
    if hop.connection != nil, hop.transport == .tcp || hop.transport == .tls, !servers[slot].hasFallenBack {
      servers[slot].hasFallenBack = true
      servers[slot].hop.connection = nil
      servers[slot].hop.remote.port = servers[slot].sentByPort
      if !servers[slot].bytes.isEmpty {
        statistics.retransmissionsSent += 1
        outputs.append(.send(servers[slot].bytes, servers[slot].hop))
      }
      return
    }
    let actions = servers[slot].transportFailed(timers: timers, now: now)
    perform(actions, server: number, slot: slot, now: now, into: &outputs)
  }

  /// Carries out the orders of a state machine, in their declared order, and enters its next deadline.
  private mutating func perform(
    _ actions: TransactionActions, server number: UInt64, slot: Int, isRepetition: Bool = false,
    now: MonotonicInstant, into outputs: inout [TransactionOutput]
  ) {
    let id = ServerTransactionID(number)
    if actions.contains(.send) {
      if isRepetition { statistics.retransmissionsSent += 1 }
      outputs.append(.send(servers[slot].bytes, servers[slot].hop))
    }
    if actions.contains(.sendTrying), let request = servers[slot].pending?.request {
      servers[slot].bytes = SIPResponse(to: request, status: 100, toTag: nil).serialised()
      statistics.responsesSent += 1
      outputs.append(.send(servers[slot].bytes, servers[slot].hop))
    }
    if actions.contains(.reportUnacknowledged), !servers[slot].isInternal {
      outputs.append(.unacknowledged(id))
    }
    guard actions.contains(.terminate) else { return schedule(server: number, slot: slot) }
    guard let transaction = servers.remove(number) else { return }
    serversByKey[transaction.key] = nil
    if let mergeKey = transaction.mergeKey { serversByMergeKey[mergeKey] = nil }
    dropDeadlinesOfNobody()
    if !transaction.isInternal { outputs.append(.serverTerminated(id)) }
  }
}
