import CallModel

/// What an outgoing session needs until it is confirmed.
final class OutgoingSetUp {
  var invite: OutgoingInvite
  var hops: [Hop] = []
  var hopIndex = -1
  var transaction: ClientTransactionID?
  var sequence: UInt32 = 1
  /// As sent last, without Via.
  var request: SIPRequest?
  var authentications = 0
  var hasResponse = false
  var hasProvisional = false
  /// Min-SE learnt from 422 (RFC 4028 §7.3).
  var minimumInterval: Int?
  var intervalRetries = 0
  var extensionRetries = 0
  /// Session-Expires of the latest INVITE.
  var askedInterval: Int?

  init(_ invite: OutgoingInvite) { self.invite = invite }
}

/// Setting a session up as caller (RFC 3261 §13.2).
extension InviteSession {
  func start(_ invite: OutgoingInvite) {
    let setUp = OutgoingSetUp(invite)
    outgoing = setUp
    callID = invite.callID ?? agent.random.token() + agent.random.token()
    var from = invite.from
    from.tag = localTag
    localParty = from.serialised()
    contact = ContactTemplate(user: invite.contactUser, parameters: invite.contactParameters)
    maySendOverFlow = invite.maySendOverFlow
    accounts = invite.credentials
    timerPreferences = invite.sessionTimer
    let hops = Array(invite.hops.prefix(agent.configuration.maximumHops))
    guard hops.isEmpty else { return setUpResolved(hops) }
    let uri = invite.routeSet.first?.uri ?? invite.requestURI
    switch agent.directHop(uri, near: nil) {
    case .hop(let hop): setUpResolved([hop])
    case .name: agent.resolve(uri, for: .setUp(self))
    case .unreachable: end(SessionEnd(.unresolved))
    }
    removeIfDone()
  }

  func setUpResolved(_ hops: [Hop]) {
    guard let setUp = outgoing, state == .setUp else { return }
    guard !hops.isEmpty else {
      end(SessionEnd(.unresolved))
      return removeIfDone()
    }
    setUp.hops = hops
    tryNextHop()
    removeIfDone()
  }

  /// RFC 3263 §4.3. False when no hop is left.
  @discardableResult
  func tryNextHop() -> Bool {
    guard let setUp = outgoing, setUp.hopIndex + 1 < setUp.hops.count else { return false }
    setUp.hopIndex += 1
    setUp.hasResponse = false
    sendInvite()
    return true
  }

  /// Sends the INVITE to the present hop, in a new transaction.
  func sendInvite() {
    guard let setUp = outgoing, setUp.hops.indices.contains(setUp.hopIndex) else { return }
    let hop = setUp.hops[setUp.hopIndex]
    let request = makeInvite(setUp, hop)
    setUp.request = request
    guard let sentBy = agent.sentBy(hop.listener) else {
      if !tryNextHop() { end(SessionEnd(.transportFailed)) }
      return
    }
    let transaction = agent.transactions.send(
      request, to: hop, sentBy: sentBy, now: agent.now, into: &agent.queue)
    setUp.transaction = transaction
    openTransactions += 1
    agent.clients[transaction] = PendingClient(
      session: self, dialog: nil, exchange: nil, purpose: .invite, request: request, hop: hop)
    if let patience = setUp.invite.hopPatience, setUp.hopIndex + 1 < setUp.hops.count {
      setTimer(.hopPatience, in: patience)
    } else {
      timers[.hopPatience] = nil
    }
  }

  private func makeInvite(_ setUp: OutgoingSetUp, _ hop: Hop) -> SIPRequest {
    let invite = setUp.invite
    var fields: [SIPHeaders.Field] = []
    fields.reserveCapacity(18 + invite.headers.count + invite.routeSet.count)
    fields.append(SIPHeaders.Field(.maxForwards, String(max(0, min(255, invite.maxForwards)))))
    var uri = invite.requestURI
    var routes = invite.routeSet
    if let first = routes.first, first.uri["lr"] == nil {
      uri = first.uri
      routes = Array(routes.dropFirst()) + [NameAddress(uri: invite.requestURI)]
    }
    for route in routes { fields.append(SIPHeaders.Field(.route, route.serialised())) }
    fields.append(SIPHeaders.Field(.from, localParty))
    fields.append(SIPHeaders.Field(.to, invite.to.serialised()))
    fields.append(SIPHeaders.Field(.callID, callID))
    fields.append(SIPHeaders.Field(.cSeq, "\(setUp.sequence) INVITE"))
    if let contact = agent.contactValue(hop.listener, contact) {
      fields.append(SIPHeaders.Field(.contact, contact))
    }
    if let product = agent.configuration.product { fields.append(SIPHeaders.Field(.userAgent, product)) }
    fields.append(SIPHeaders.Field(.allow, agent.allowValue))
    let own = invite.supported.filter { tag in
      !agent.configuration.supported.contains { equalIgnoringASCIICase($0, tag) }
    }
    let common =
      invite.withheld.isEmpty
      ? agent.supportedValue
      : agent.configuration.supported.filter { tag in
        !invite.withheld.contains { equalIgnoringASCIICase($0, tag) }
      }.joined(separator: ", ")
    let supported = ([common] + own).filter { !$0.isEmpty }.joined(separator: ", ")
    if !supported.isEmpty { fields.append(SIPHeaders.Field(.supported, supported)) }
    if !invite.required.isEmpty {
      fields.append(SIPHeaders.Field(.require, invite.required.joined(separator: ", ")))
    }
    setUp.askedInterval = nil
    if let wanted = timerPreferences.interval {
      let minimum = max(timerPreferences.minimum, setUp.minimumInterval ?? 0)
      let interval = max(wanted, minimum)
      setUp.askedInterval = interval
      let refresher: SessionExpires.Refresher? =
        switch timerPreferences.refresher {
        case .local?: .uac
        case .remote?: .uas
        case nil: nil
        }
      let value = SessionExpires(interval: UInt32(clamping: interval), refresher: refresher)
      fields.append(SIPHeaders.Field(.sessionExpires, value.description))
      if minimum > 90 { fields.append(SIPHeaders.Field(.minSE, String(minimum))) }
    }
    fields += invite.headers
    var request = SIPRequest(method: .invite, uri: uri, headers: SIPHeaders(fields))
    request.attach(invite.offer)
    return request
  }

  // MARK: Giving up

  func cancel(reasons: [ReasonValue], headers: [SIPHeaders.Field]) -> CommandResult {
    guard role == .uac else { return .notPossible(.wrongRole) }
    guard state == .setUp, let setUp = outgoing else { return .notPossible(.alreadyAnswered) }
    if let transaction = setUp.transaction {
      let fields = reasons.map { SIPHeaders.Field(.reason, $0.description) } + headers
      agent.transactions.cancel(transaction, headers: fields, now: agent.now, into: &agent.queue)
    }
    end(SessionEnd(.local))
    removeIfDone()
    return .done
  }

  /// No response from this hop in the time allowed for it: the next is tried, and this one cancelled.
  func hopPatienceOver() {
    guard let setUp = outgoing, state == .setUp, !setUp.hasResponse, let transaction = setUp.transaction,
      setUp.hopIndex + 1 < setUp.hops.count
    else { return }
    agent.clients[transaction]?.purpose = .abandonedInvite
    agent.transactions.cancel(transaction, headers: [], now: agent.now, into: &agent.queue)
    tryNextHop()
  }

  /// A response to an INVITE given up: a 2xx makes a dialog all the same, and is ended at once.
  func receiveAbandoned(_ response: SIPResponse, _ client: PendingClient, _ hop: Hop) {
    guard response.isSuccess else { return }
    receiveStraySuccess(response, sequence: client.request.headers.cSeq?.number ?? 1, hop)
  }

  func setUpFailed(_ id: ClientTransactionID, _ failure: RequestFailure) {
    guard let setUp = outgoing, setUp.transaction == id else { return }
    guard state == .setUp else { return }
    if !setUp.hasProvisional, tryNextHop() { return }
    let manner: SessionEnd.Manner =
      switch failure {
      case .timedOut, .sessionEnded: .timedOut
      case .transportFailed: .transportFailed
      case .unresolved: .unresolved
      }
    end(SessionEnd(manner))
  }
}
