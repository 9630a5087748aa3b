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
    case .subscribe: subscribe(incoming)
    case .publish: answer(incoming, 489)
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
    guard router.policy.policy.globals.isEnabled(.sip) else { return answer(incoming, 403) }
    if router.isDraining { return answer(incoming, 503, [.init(.retryAfter, "30")]) }
    let capabilities: [SIPHeaders.Field] = [
      .init(.allow, agent.allowValue),
      .init(.supported, agent.supportedValue),
      .init(.accept, "application/sdp, application/dtmf-relay, message/sipfrag"),
      .init(.acceptEncoding, "identity"),
      .init(.acceptLanguage, "en"),
    ]
    guard incoming.request.uri.user != nil else { return answer(incoming, 200, capabilities) }
    lookUp(incoming, .options, 200, capabilities)
  }

  /// The look-up of an OPTIONS (routing reference §1); no event package is served of what is found.
  private func subscribe(_ incoming: IncomingRequest) {
    guard incoming.request.uri.user != nil else { return answer(incoming, 489) }
    lookUp(incoming, .subscribe, 489)
  }

  /// Answers a request that asks whether an alias is known, without calling it.
  private func lookUp(
    _ incoming: IncomingRequest, _ trigger: CallTrigger, _ found: Int, _ headers: [SIPHeaders.Field] = []
  ) {
    // Whom we do not know is told about aliases as a stranger would be.
    var caller = Caller(alias: "", address: incoming.hop.remote)
    if let from = incoming.request.headers.from,
      case .caller(let known) = identify(incoming.request, from: from, over: incoming.hop)
    {
      caller = known
    }
    let request = callRequest(
      direction: .nonDial, trigger: trigger, alias: incoming.request.uri, caller: caller, over: incoming.hop)
    consult(incoming, request) { [unowned self] external, policy in
      let routed = router.route(
        request, external: external, policy: policy, now: loop.now, wallClock: loop.wallClock)
      switch routed.decision {
      case .service, .gateway: answer(incoming, found, headers)
      case .redirect(let alias):
        let uri = SIPURI.of(alias: alias, defaultHost: domainHost)
        answer(incoming, 302, uri.map { [.init(.contact, NameAddress(uri: $0).serialised())] } ?? [])
      case .reject(let rejection):
        answer(incoming, (routed.refusalCause(toward: caller) ?? rejection.cause).sipStatus)
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
