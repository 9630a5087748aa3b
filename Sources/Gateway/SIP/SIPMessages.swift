import CallModel
import PolicyEngine
import Router
import SIP

/// A page-mode message (RFC 3428) and where it still may go.
private final class PageMessage {
  let incoming: IncomingRequest
  let call: CallRequest
  let forwarding: Forwarding
  var hunt: RouteHunt
  /// The requests of the step under way that have no final response.
  var open = 0
  var failures: [Disconnect] = []
  var isAnswered = false
  var timer: SignallingLoop.TimerID?

  init(incoming: IncomingRequest, call: CallRequest, forwarding: Forwarding, hunt: RouteHunt) {
    self.incoming = incoming
    self.call = call
    self.forwarding = forwarding
    self.hunt = hunt
  }
}

/// MESSAGE goes where a call to the alias would go.
extension SIPEndpoint {
  /// How long a message is tried. Its sender gives up after 32 s (timer F), and an answer later than that would only be in the
  /// way (RFC 4320 §4).
  private static let messagePatience = TimeSpan.seconds(25)

  func message(_ incoming: IncomingRequest) {
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
    let received = loop.now
    consult(incoming, call) { [unowned self] external, policy in
      let routed = router.route(
        call, external: external, policy: policy, now: loop.now, wallClock: loop.wallClock)
      send(incoming, call, routed, received: received)
    }
  }

  private func send(
    _ incoming: IncomingRequest, _ call: CallRequest, _ routed: RoutedCall, received: MonotonicInstant
  ) {
    // A message occupies nothing once it is on its way.
    router.release(routed)
    var hunt = routed.hunt
    guard case .gateway = routed.decision, let targets = hunt.first() else {
      if let cause = routed.refusalCause(toward: call.caller) { return answer(incoming, cause.sipStatus) }
      return answer(incoming, call.caller.isRegistered ? 480 : 404)
    }
    var forwarding = Forwarding()
    forwarding.privacy = incoming.request.headers.privacyValues
    let message = PageMessage(incoming: incoming, call: call, forwarding: forwarding, hunt: hunt)
    message.timer = loop.schedule(after: received + SIPEndpoint.messagePatience - loop.now) { [weak self] in
      self?.refuse(message, Disconnect(.noResponse))
    }
    pass(message, to: targets)
  }

  /// Sends the message to all targets of a step. The first that takes it is enough: the sender hears of it at once, and what
  /// the others say makes no difference any more. If none does, the next step follows where the cause lets it, as for a call.
  private func pass(_ message: PageMessage, to targets: [RouteTarget]) {
    let request = message.incoming.request
    let caller = message.call.caller
    let body = MessageBody(contentType: request.headers[.contentType] ?? "text/plain", content: request.body)
    message.open = targets.count
    message.failures = []
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
        guard let addressing else { return self.failed(message, Disconnect(.networkFailure)) }
        if let refusal = addressing.refusal { return self.failed(message, refusal) }
        // Names may take long to be found.
        guard !message.isAnswered else { return }
        self.send(
          OutgoingRequest(
            method: .message, requestURI: addressing.requestURI, routeSet: addressing.routeSet,
            hops: addressing.hops,
            from: addressing.from, to: addressing.to, headers: addressing.headers, body: body,
            maxForwards: outgoing.hopsLeft, credentials: addressing.credentials)
        ) { [weak self] result in
          switch result {
          case .success(let response) where response.status < 300:
            self?.finish(message, response.status)
          case .success(let response):
            if response.status == 430 { self?.router.flowFailed(target) }
            self?.failed(message, Disconnect(status: response.status, reasons: [], text: nil))
          case .failure(let failure):
            self?.failed(message, Disconnect(failure == .timedOut ? .noResponse : .networkFailure))
          }
        }
      }
    }
  }

  private func failed(_ message: PageMessage, _ failure: Disconnect) {
    guard !message.isAnswered else { return }
    message.open -= 1
    message.failures.append(failure)
    guard message.open <= 0 else { return }
    let best = message.failures.min { $0.cause.forkingRank < $1.cause.forkingRank } ?? failure
    if let next = message.hunt.next(after: best.cause) { return pass(message, to: next) }
    refuse(message, best)
  }

  /// Nobody has taken it: the sender is told the best of the reasons, or `otherwise` while there is none.
  private func refuse(_ message: PageMessage, _ otherwise: Disconnect) {
    let best = message.failures.min { $0.cause.forkingRank < $1.cause.forkingRank } ?? otherwise
    let status = best.sipStatus
    // 408 is not for requests other than INVITE (RFC 4320 §4.2).
    finish(message, status == 408 ? 504 : status)
  }

  private func finish(_ message: PageMessage, _ status: Int) {
    guard !message.isAnswered else { return }
    message.isAnswered = true
    loop.cancel(message.timer)
    message.timer = nil
    answer(message.incoming, status)
    flush()
  }
}
