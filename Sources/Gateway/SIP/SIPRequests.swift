import CallModel
import PolicyEngine
import Router
import SIP

/// Requests outside dialogs other than INVITE.
extension SIPEndpoint {
  func handle(_ incoming: IncomingRequest) {
    switch incoming.request.method {
    case .register: register(incoming)
    case .options: options(incoming)
    case .message: message(incoming)
    case .subscribe, .publish: answer(incoming, 489)
    case .refer: answer(incoming, 403)
    case .notify, .info: answer(incoming, 481)
    default: answer(incoming, 405)
    }
  }

  private func answer(_ incoming: IncomingRequest, _ status: Int, _ headers: [SIPHeaders.Field] = []) {
    agent.respond(to: incoming.id, status: status, headers: headers, now: loop.now)
  }

  // MARK: OPTIONS

  /// Answered as an INVITE for the same alias would be (RFC 3261 §11.2); without a user part it is a ping of ours.
  private func options(_ incoming: IncomingRequest) {
    if router.isDraining { return answer(incoming, 503, [.init(.retryAfter, "30")]) }
    let capabilities: [SIPHeaders.Field] = [
      .init(.accept, "application/sdp, application/dtmf-relay, message/sipfrag"),
      .init(.acceptEncoding, "identity"),
      .init(.acceptLanguage, "en"),
    ]
    guard incoming.request.uri.user != nil else { return answer(incoming, 200, capabilities) }
    guard let from = incoming.request.headers.from,
      case .caller(let caller) = identify(incoming.request, from: from, over: incoming.hop)
    else {
      // Whom we do not know is told about aliases as a stranger would be.
      let stranger = Caller(alias: "", address: incoming.hop.remote)
      return answerOptions(incoming, stranger, capabilities)
    }
    answerOptions(incoming, caller, capabilities)
  }

  private func answerOptions(
    _ incoming: IncomingRequest, _ caller: Caller, _ capabilities: [SIPHeaders.Field]
  ) {
    let request = callRequest(
      direction: .nonDial, trigger: .options, alias: incoming.request.uri, caller: caller, over: incoming.hop)
    let routed = router.route(request, now: loop.now, wallClock: loop.wallClock)
    switch routed.decision {
    case .service, .gateway: answer(incoming, 200, capabilities)
    case .redirect: answer(incoming, 302)
    case .reject(let rejection): answer(incoming, rejection.cause.sipStatus)
    }
  }

  // MARK: MESSAGE

  /// A page-mode message (RFC 3428) goes where a call to the alias would go.
  private func message(_ incoming: IncomingRequest) {
    let request = incoming.request
    guard let from = request.headers.from else { return answer(incoming, 400) }
    let caller: Caller
    switch identify(request, from: from, over: incoming.hop) {
    case .caller(let known): caller = known
    case .challenge(let headers): return answer(incoming, 407, headers)
    }
    var call = callRequest(
      direction: .dialIn, trigger: .unspecified, alias: request.uri, caller: caller, over: incoming.hop)
    call.hopsLeft = request.headers.maxForwards ?? 70
    call.loopTokens = request.headers.tokens(SIPEndpoint.loopHeader)
    let routed = router.route(call, now: loop.now, wallClock: loop.wallClock)
    // A message occupies nothing once it is on its way.
    router.release(routed.admission)
    var hunt = routed.hunt
    guard case .gateway = routed.decision, let targets = hunt.first() else {
      if case .reject(let rejection) = routed.decision { return answer(incoming, rejection.cause.sipStatus) }
      return answer(incoming, caller.isRegistered ? 480 : 404)
    }
    var forwarding = Forwarding()
    forwarding.privacy = request.headers.privacyValues
    pass(MessageOnItsWay(incoming: incoming, call: call, forwarding: forwarding), to: targets, then: hunt)
  }

  /// A page-mode message and what it was routed by.
  private struct MessageOnItsWay {
    var incoming: IncomingRequest
    var call: CallRequest
    var forwarding: Forwarding
  }

  /// Sends the message to all targets of a step. One that takes it is enough; if none does, the next step follows where the
  /// cause lets it, as for a call.
  private func pass(_ message: MessageOnItsWay, to targets: [RouteTarget], then hunt: RouteHunt) {
    let request = message.incoming.request
    let caller = message.call.caller
    let body = MessageBody(contentType: request.headers[.contentType] ?? "text/plain", content: request.body)
    var waiting = targets.count
    var accepted: Int?
    var failures: [Disconnect] = []
    let finish = { [weak self] (status: Int?, failure: Disconnect?) in
      waiting -= 1
      if let failure { failures.append(failure) } else { accepted = accepted ?? status }
      guard waiting == 0, let self else { return }
      if let accepted { return self.answer(message.incoming, accepted) }
      let best = failures.min { $0.cause.forkingRank < $1.cause.forkingRank } ?? Disconnect(.networkFailure)
      var rest = hunt
      if let next = rest.next(after: best.cause) { return self.pass(message, to: next, then: rest) }
      self.answer(message.incoming, best.sipStatus)
    }
    for target in targets {
      let outgoing = OutgoingCall(
        id: message.call.id, target: target,
        callerAlias: target.callingAlias ?? caller.registeredAlias ?? caller.alias,
        callerDisplayName: target.callingDisplayName ?? caller.displayName,
        isCallerRegistered: caller.isRegistered, assertedIdentities: caller.assertedIdentities,
        forwarding: message.forwarding, hopsLeft: max(0, (message.call.hopsLeft ?? 70) - 1),
        loopTokens: message.call.loopTokens, offer: nil)
      address(outgoing) { [weak self] addressing in
        guard let self else { return }
        guard let addressing else { return finish(nil, Disconnect(.networkFailure)) }
        self.send(
          OutgoingRequest(
            method: .message, requestURI: addressing.requestURI, routeSet: addressing.routeSet,
            hops: addressing.hops,
            from: addressing.from, to: addressing.to, headers: addressing.headers, body: body,
            maxForwards: outgoing.hopsLeft, credentials: addressing.credentials)
        ) { result in
          switch result {
          case .success(let response) where response.status < 300:
            finish(response.status, nil)
          case .success(let response):
            finish(nil, Disconnect(status: response.status, reasons: [], text: nil))
          case .failure(let failure):
            finish(nil, Disconnect(failure == .timedOut ? .noResponse : .networkFailure))
          }
        }
      }
    }
  }
}

extension SIPHeaders {
  /// The values of Privacy (RFC 3323 §4.2).
  var privacyValues: [String] {
    all(.privacy).flatMap { $0.split(separator: ";") }.map { $0.filter { $0 != " " } }
  }
}
