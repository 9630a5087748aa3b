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
    router.release(routed.admission)
    var hunt = routed.hunt
    guard case .gateway = routed.decision, let targets = hunt.first() else {
      if case .reject(let rejection) = routed.decision { return answer(incoming, rejection.cause.sipStatus) }
      return answer(incoming, 404)
    }
    let body = MessageBody(contentType: request.headers[.contentType] ?? "text/plain", content: request.body)
    var waiting = targets.count
    var best = 480
    for target in targets {
      let outgoing = OutgoingCall(
        id: call.id, target: target, callerAlias: caller.registeredAlias ?? caller.alias,
        callerDisplayName: caller.displayName, isCallerRegistered: caller.isRegistered,
        hopsLeft: max(0, (call.hopsLeft ?? 70) - 1), loopTokens: call.loopTokens, offer: nil)
      address(outgoing) { [weak self] addressing in
        guard let self else { return }
        let finish = { (status: Int) in
          waiting -= 1
          if status < 300 || best >= 300 { best = min(best, status) == status ? status : best }
          if waiting == 0 { self.answer(incoming, best < 200 ? 480 : best) }
        }
        guard let addressing else { return finish(480) }
        self.send(
          OutgoingRequest(
            method: .message, requestURI: addressing.requestURI, routeSet: addressing.routeSet,
            hops: addressing.hops,
            from: addressing.from, to: addressing.to, headers: addressing.headers, body: body,
            maxForwards: outgoing.hopsLeft, credentials: addressing.credentials)
        ) { result in
          if case .success(let response) = result { finish(response.status) } else { finish(480) }
        }
      }
    }
  }
}
