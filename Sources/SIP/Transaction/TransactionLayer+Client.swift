import CallModel

extension TransactionLayer {
  /// Sends a request in a new client transaction. Our Via goes on top: sent-by, a fresh branch and `rport`.
  ///
  /// Over the limit nothing is sent; the transaction fails at once, in `outputs`, as if the transport had refused it.
  /// - Parameter request: Any method but ACK and CANCEL, for which there are ``sendAcknowledgement(_:to:sentBy:now:into:)`` and
  ///   ``cancel(_:headers:now:into:)``.
  public mutating func send(
    _ request: SIPRequest, to hop: Hop, sentBy: SentBy, now: MonotonicInstant,
    into outputs: inout [TransactionOutput]
  ) -> ClientTransactionID {
    precondition(
      request.method != .ack && request.method != .cancel, "ACK and CANCEL have no transaction here")
    let number = clients.nextNumber
    let id = ClientTransactionID(number)
    var request = request
    request.headers.prepend(.via, via(number, hop: hop, sentBy: sentBy))
    let isReliable = hop.transport.isReliable
    guard clients.count < limits.clientTransactions else {
      // Takes a number and gives it back, so that no two transactions are ever named alike.
      let machine = NonInviteClientTransaction(isReliable: true, timers: timers, now: now)
      clients.insert(
        ClientTransaction(machine: .nonInvite(machine), method: request.method, hop: hop, bytes: []))
      clients.remove(number)
      outputs.append(.transportFailed(id))
      outputs.append(.clientTerminated(id))
      return id
    }
    let bytes = request.serialised()
    var transaction: ClientTransaction
    if request.method == .invite {
      let machine = InviteClientTransaction(isReliable: isReliable, timers: timers, now: now)
      transaction = ClientTransaction(machine: .invite(machine), method: .invite, hop: hop, bytes: [])
      transaction.invitation = ClientTransaction.Invitation(skeleton: RequestSkeleton(of: request))
    } else {
      let machine = NonInviteClientTransaction(isReliable: isReliable, timers: timers, now: now)
      transaction = ClientTransaction(
        machine: .nonInvite(machine), method: request.method, hop: hop, bytes: [])
    }
    if !isReliable { transaction.bytes = bytes }
    clients.insert(transaction)
    if let slot = clients.slot(of: number) { schedule(client: number, slot: slot) }
    statistics.requestsSent += 1
    outputs.append(.send(bytes, hop))
    return id
  }

  /// Cancels a pending INVITE: at once if a provisional response has come, else after the first one (RFC 3261 §9.1).
  /// The INVITE still ends as any other does, normally with 487; 64*T1 after the CANCEL it ends with a time-out. Without effect
  /// after a final response and on other methods.
  /// - Parameter headers: Fields for the CANCEL, for example Reason (RFC 3326).
  public mutating func cancel(
    _ id: ClientTransactionID, headers: [SIPHeaders.Field] = [], now: MonotonicInstant,
    into outputs: inout [TransactionOutput]
  ) {
    guard let slot = clients.slot(of: id.number), clients[slot].isAwaitingFinalResponse,
      clients[slot].invitation != nil
    else { return }
    let actions = clients[slot].cancel(timers: timers, now: now)
    if !actions.contains(.cancel), clients[slot].relative == 0 { clients[slot].cancelHeaders = headers }
    perform(actions, client: id.number, slot: slot, cancelHeaders: headers, now: now, into: &outputs)
  }

  /// Sends the ACK for a 2xx, which is a transaction of its own without a response (RFC 3261 §13.2.2.4).
  /// - Returns: The bytes, to be sent again unchanged for each repetition of the 2xx.
  public mutating func sendAcknowledgement(
    _ ack: SIPRequest, to hop: Hop, sentBy: SentBy, now: MonotonicInstant,
    into outputs: inout [TransactionOutput]
  ) -> [UInt8] {
    acknowledgementNumber &+= 1
    var ack = ack
    ack.headers.prepend(.via, via(acknowledgementNumber, hop: hop, sentBy: sentBy))
    let bytes = ack.serialised()
    outputs.append(.send(bytes, hop))
    return bytes
  }

  private func via(_ number: UInt64, hop: Hop, sentBy: SentBy) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(128)
    bytes.append("SIP/2.0/")
    bytes.append(hop.transport.rawValue)
    bytes.append(.space)
    bytes.append(sentBy.description)
    bytes.append(";branch=")
    branches.append(number, to: &bytes)
    bytes.append(";rport")
    return String(decoding: bytes, as: UTF8.self)
  }

  // MARK: Responses

  mutating func receive(
    _ response: SIPResponse, over hop: Hop, now: MonotonicInstant, into outputs: inout [TransactionOutput]
  ) {
    statistics.responsesReceived += 1
    guard let number = clientNumber(of: response), let slot = clients.slot(of: number) else {
      statistics.strayResponses += 1
      return
    }
    let invitation = clients[slot].invitation
    let actions = clients[slot].received(status: response.status, timers: timers, now: now)
    guard !actions.isEmpty else {
      statistics.strayResponses += 1
      return
    }
    if response.isProvisional {
      // An INVITE is not repeated after a provisional response; other requests are (RFC 3261 §17.1.2.2).
      if clients[slot].invitation != nil { clients[slot].bytes = [] }
    } else {
      if actions.contains(.acknowledge) {
        if let invitation {
          let bytes = invitation.skeleton.acknowledgement(of: response).serialised()
          clients[slot].bytes = bytes
        }
      } else {
        clients[slot].bytes = []
      }
      clients[slot].invitation = nil
      clients[slot].cancelHeaders = []
    }
    perform(
      actions, client: number, slot: slot, response: response, from: hop,
      cancelHeaders: clients[slot].cancelHeaders, now: now, into: &outputs)
  }

  /// The transaction a response belongs to: by the branch of the top Via, and the method in CSeq, which tells a CANCEL from
  /// its INVITE (RFC 3261 §17.1.3). A response with more than one Via was meant for somebody else (§8.1.3.3).
  private func clientNumber(of response: SIPResponse) -> UInt64? {
    var viaIndex: Int?
    var cSeqIndex: Int?
    for (index, field) in response.headers.fields.enumerated() {
      if field.name == .via {
        guard viaIndex == nil else { return nil }
        viaIndex = index
      } else if field.name == .cSeq, cSeqIndex == nil {
        cSeqIndex = index
      }
    }
    guard let viaIndex, let cSeqIndex else { return nil }
    let branches = branches
    let number = withBytes(of: response.headers.fields[viaIndex].value) { bytes -> UInt64? in
      guard let via = TopVia(bytes), !via.hasMore, let branch = via.branch else { return nil }
      return branches.number(bytes, branch)
    }
    guard let number, let slot = clients.slot(of: number) else { return nil }
    let cancel = clients[slot].relative
    let method = clients[slot].method
    return withBytes(of: response.headers.fields[cSeqIndex].value) { bytes in
      guard let cSeq = CSeqScan(bytes) else { return nil }
      let text = UnsafeRawBufferPointer(rebasing: bytes[cSeq.method])
      if text.elementsEqual(method.rawValue.utf8) { return number }
      return cancel != 0 && text.elementsEqual(SIPMethod.cancel.rawValue.utf8) ? cancel : nil
    }
  }

  // MARK: Actions

  mutating func clientDeadline(
    _ number: UInt64, entry: MonotonicInstant, now: MonotonicInstant,
    into outputs: inout [TransactionOutput]
  ) {
    guard let slot = clients.slot(of: number), clients[slot].scheduledAt == entry else { return }
    clients[slot].scheduledAt = .distantFuture
    let actions = clients[slot].deadlinePassed(timers: timers, now: now)
    perform(
      actions, client: number, slot: slot, cancelHeaders: clients[slot].cancelHeaders, now: now,
      into: &outputs)
  }

  /// Carries out the orders of a state machine, in their declared order, and enters its next deadline.
  mutating func perform(
    _ actions: TransactionActions, client number: UInt64, slot: Int, response: SIPResponse? = nil,
    from source: Hop? = nil, cancelHeaders: [SIPHeaders.Field] = [], now: MonotonicInstant,
    into outputs: inout [TransactionOutput]
  ) {
    let id = ClientTransactionID(number)
    let isInternal = clients[slot].isInternal
    if actions.contains(.send) {
      statistics.retransmissionsSent += 1
      outputs.append(.send(clients[slot].bytes, clients[slot].hop))
    }
    if actions.contains(.acknowledge), !clients[slot].bytes.isEmpty {
      outputs.append(.send(clients[slot].bytes, clients[slot].hop))
    }
    if actions.contains(.passUp), let response, let source, !isInternal {
      outputs.append(.response(response, id, source))
    }
    if actions.contains(.cancel) {
      sendCancel(of: number, slot: slot, headers: cancelHeaders, now: now, into: &outputs)
    }
    if actions.contains(.reportTimeout) {
      statistics.timeouts += 1
      if !isInternal { outputs.append(.timedOut(id)) }
    }
    if actions.contains(.reportTransportFailure), !isInternal { outputs.append(.transportFailed(id)) }
    guard actions.contains(.terminate) else { return schedule(client: number, slot: slot) }
    terminate(client: number, into: &outputs)
  }

  private mutating func sendCancel(
    of invite: UInt64, slot: Int, headers: [SIPHeaders.Field], now: MonotonicInstant,
    into outputs: inout [TransactionOutput]
  ) {
    guard let invitation = clients[slot].invitation, clients[slot].relative == 0 else { return }
    let hop = clients[slot].hop
    let bytes = invitation.skeleton.cancel(adding: headers).serialised()
    let machine = NonInviteClientTransaction(isReliable: hop.transport.isReliable, timers: timers, now: now)
    var cancel = ClientTransaction(machine: .nonInvite(machine), method: .cancel, hop: hop, bytes: bytes)
    cancel.relative = invite
    let number = clients.insert(cancel)
    clients[slot].relative = number
    clients[slot].cancelHeaders = []
    if let slot = clients.slot(of: number) { schedule(client: number, slot: slot) }
    statistics.requestsSent += 1
    outputs.append(.send(bytes, hop))
  }

  private mutating func terminate(client number: UInt64, into outputs: inout [TransactionOutput]) {
    guard let transaction = clients.remove(number) else { return }
    if transaction.isInternal {
      if let slot = clients.slot(of: transaction.relative) { clients[slot].relative = 0 }
      return
    }
    // The CANCEL goes with its INVITE: its answer could not be matched any more, and matters to nobody.
    if transaction.relative != 0 { clients.remove(transaction.relative) }
    dropDeadlinesOfNobody()
    outputs.append(.clientTerminated(ClientTransactionID(number)))
  }
}
