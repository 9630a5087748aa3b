import CallModel

/// A request of the application outside any dialog, over all its tries.
final class Exchange {
  let id: OutgoingRequestID
  let request: OutgoingRequest
  let callID: String
  let fromTag: String
  var sequence: UInt32
  var hops: [Hop] = []
  var hopIndex = -1
  var transaction: ClientTransactionID?
  var digest: DigestClient?
  var authentications = 0
  var hasResponse = false
  /// When the present hop has had its time.
  var patienceEnds: MonotonicInstant?

  init(id: OutgoingRequestID, request: OutgoingRequest, callID: String, fromTag: String) {
    self.id = id
    self.request = request
    self.callID = callID
    self.fromTag = fromTag
    sequence = request.sequence ?? 1
  }
}

extension UserAgent {
  func sendOutOfDialog(_ request: OutgoingRequest) -> OutgoingRequestID? {
    guard exchanges.count < configuration.maximumOutgoingRequests, request.method != .invite,
      request.method != .ack, request.method != .cancel
    else { return nil }
    let exchange = Exchange(
      id: OutgoingRequestID(makeNumber()), request: request,
      callID: request.callID ?? random.token() + random.token(), fromTag: request.fromTag ?? random.token())
    exchanges[exchange.id] = exchange
    let hops = Array(request.hops.prefix(configuration.maximumHops))
    if !hops.isEmpty {
      exchangeResolved(exchange, hops)
    } else {
      let uri = request.routeSet.first?.uri ?? request.requestURI
      switch directHop(uri, near: nil) {
      case .hop(let hop): exchangeResolved(exchange, [hop])
      case .name: resolve(uri, for: .exchange(exchange))
      case .unreachable: exchangeResolved(exchange, [])
      }
    }
    return exchange.id
  }

  func exchangeResolved(_ exchange: Exchange, _ hops: [Hop]) {
    exchange.hops = hops
    guard tryNextHop(exchange) else { return finish(exchange, .unresolved) }
  }

  private func tryNextHop(_ exchange: Exchange) -> Bool {
    while exchange.hopIndex + 1 < exchange.hops.count {
      exchange.hopIndex += 1
      exchange.hasResponse = false
      if transmit(exchange, makeRequest(exchange, exchange.hops[exchange.hopIndex])) { return true }
    }
    return false
  }

  private func transmit(_ exchange: Exchange, _ request: SIPRequest) -> Bool {
    let hop = exchange.hops[exchange.hopIndex]
    guard let sentBy = sentBy(hop.listener) else { return false }
    let transaction = transactions.send(request, to: hop, sentBy: sentBy, now: now, into: &queue)
    exchange.transaction = transaction
    clients[transaction] = PendingClient(
      session: nil, dialog: nil, exchange: exchange, purpose: .exchange, request: request, hop: hop)
    exchange.patienceEnds = nil
    if let patience = exchange.request.hopPatience, exchange.hopIndex + 1 < exchange.hops.count {
      let end = now + patience
      exchange.patienceEnds = end
      schedule(.exchange(exchange.id), at: end)
    }
    return true
  }

  private func makeRequest(_ exchange: Exchange, _ hop: Hop) -> SIPRequest {
    let outgoing = exchange.request
    var fields: [SIPHeaders.Field] = []
    fields.reserveCapacity(10 + outgoing.headers.count + outgoing.routeSet.count)
    fields.append(SIPHeaders.Field(.maxForwards, String(max(0, min(255, outgoing.maxForwards)))))
    var uri = outgoing.requestURI
    var routes = outgoing.routeSet
    if let first = routes.first, first.uri["lr"] == nil {
      uri = first.uri
      routes = Array(routes.dropFirst()) + [NameAddress(uri: outgoing.requestURI)]
    }
    for route in routes { fields.append(SIPHeaders.Field(.route, route.serialised())) }
    var from = outgoing.from
    from.tag = exchange.fromTag
    fields.append(SIPHeaders.Field(.from, from.serialised()))
    fields.append(SIPHeaders.Field(.to, outgoing.to.serialised()))
    fields.append(SIPHeaders.Field(.callID, exchange.callID))
    fields.append(SIPHeaders.Field(.cSeq, "\(exchange.sequence) \(outgoing.method.rawValue)"))
    if let template = outgoing.contact, let contact = contactValue(hop.listener, template) {
      fields.append(SIPHeaders.Field(.contact, contact))
    }
    if let product = configuration.product { fields.append(SIPHeaders.Field(.userAgent, product)) }
    fields += outgoing.headers
    var request = SIPRequest(method: outgoing.method, uri: uri, headers: SIPHeaders(fields))
    request.attach(outgoing.body)
    exchange.digest?.authorise(&request)
    return request
  }

  func receive(_ response: SIPResponse, in exchange: Exchange, _ client: PendingClient, _ hop: Hop) {
    guard exchanges[exchange.id] != nil, client.hop == exchange.hops[exchange.hopIndex] else { return }
    exchange.hasResponse = true
    exchange.patienceEnds = nil
    guard !response.isProvisional else { return emit(.response(exchange.id, response)) }
    if response.status == 401 || response.status == 407, retry(exchange, client.request, response) { return }
    if response.status == 503, tryNextHop(exchange) { return }
    exchanges[exchange.id] = nil
    emit(.response(exchange.id, response))
  }

  private func retry(_ exchange: Exchange, _ request: SIPRequest, _ response: SIPResponse) -> Bool {
    guard !exchange.request.credentials.isEmpty, exchange.authentications < 4 else { return false }
    var digest = exchange.digest ?? DigestClient()
    let accounts = exchange.request.credentials
    defer { exchange.digest = digest }
    guard case .retry(var authorised) = digest.answer(response, to: request, account: accounts.account(for:))
    else { return false }
    exchange.authentications += 1
    exchange.sequence += 1
    authorised.headers.set(.cSeq, "\(exchange.sequence) \(authorised.method.rawValue)")
    return transmit(exchange, authorised)
  }

  func exchangeFailed(_ exchange: Exchange, _ failure: RequestFailure) {
    guard exchanges[exchange.id] != nil, !tryNextHop(exchange) else { return }
    finish(exchange, failure)
  }

  func exchangeDeadlinePassed(_ id: OutgoingRequestID) {
    guard let exchange = exchanges[id], let end = exchange.patienceEnds, end <= now, !exchange.hasResponse,
      let transaction = exchange.transaction
    else { return }
    // A late response is no use any more: the next hop has the request.
    clients[transaction] = nil
    _ = tryNextHop(exchange)
  }

  private func finish(_ exchange: Exchange, _ failure: RequestFailure) {
    exchanges[exchange.id] = nil
    emit(.failed(exchange.id, failure))
  }
}
