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

  func answer(_ incoming: IncomingRequest, _ status: Int, _ headers: [SIPHeaders.Field] = []) {
    agent.respond(to: incoming.id, status: status, headers: headers, now: loop.now)
  }

  // MARK: OPTIONS

  /// Answered as an INVITE for the same alias would be (RFC 3261 §11.2); without a user part it is a ping of ours.
  private func options(_ incoming: IncomingRequest) {
    if router.isDraining { return answer(incoming, 503, [.init(.retryAfter, "30")]) }
    let capabilities: [SIPHeaders.Field] = [
      .init(.allow, agent.allowValue),
      .init(.supported, agent.supportedValue),
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
    consult(incoming, request) { [unowned self] external, policy in
      let routed = router.route(
        request, external: external, policy: policy, now: loop.now, wallClock: loop.wallClock)
      switch routed.decision {
      case .service, .gateway: answer(incoming, 200, capabilities)
      case .redirect(let alias):
        let uri = SIPURI.of(alias: alias, defaultHost: domainHost)
        answer(incoming, 302, uri.map { [.init(.contact, NameAddress(uri: $0).serialised())] } ?? [])
      case .reject(let rejection): answer(incoming, rejection.cause.sipStatus)
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
