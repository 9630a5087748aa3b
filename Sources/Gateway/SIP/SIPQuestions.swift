import CallModel
import PolicyEngine
import PolicyHooks
import Router
import SIP

/// A request outside a dialog that waits for policy servers. Its transaction waits with it: repetitions are absorbed there, and
/// a 100 quenches them (RFC 4320).
struct Asking {
  var request: IncomingRequest
  var consultation: any PolicyConsultation
}

/// Requests that policy servers are asked about before they are answered.
extension SIPEndpoint {
  /// REGISTERs of one source that may wait for policy servers at once: a whole office that starts up, and no more.
  static let registrationsAskedPerSource = 64

  /// Asks what the alias of `call` is, and goes on with `then`: at once where nobody is asked.
  func consult(
    _ incoming: IncomingRequest, _ call: CallRequest,
    then: @escaping (_ external: ExternalDecision, _ policy: PolicySnapshot?) -> Void
  ) {
    let consultation = router.consult(call, now: loop.now) { [weak self] external, policy in
      guard let self, self.takeAsking(incoming.id) != nil else { return }
      then(external, policy)
      self.flush()
    }
    guard let consultation else { return then(.none, nil) }
    asking[incoming.id] = Asking(request: incoming, consultation: consultation)
  }

  /// Asks whether an alias may register, and goes on with `then`: at once where nobody is asked.
  func consult(
    _ incoming: IncomingRequest, registering alias: String,
    then: @escaping (_ verdict: RegistrationVerdict, _ answer: PolicyAnswerRecord?) -> Void
  ) {
    let source = incoming.hop.remote.ip
    let location = location(of: incoming.hop)
    guard router.policy.policyProfile(location: location)?.hooks[.registration] != nil else {
      return then(.ownDevices, nil)
    }
    guard registrationsAsked[source, default: 0] < SIPEndpoint.registrationsAskedPerSource else {
      counters.registrationsOverload += 1
      return answer(incoming, 503, [.init(.retryAfter, "5")])
    }
    let question = PolicyQuestion.registration(
      .init(alias: alias, callProtocol: .sip, remoteAddress: source), location: location)
    let consultation = router.ask(question) { [weak self] reply in
      guard let self, self.takeAsking(incoming.id) != nil else { return }
      if case .registration(let verdict) = reply.verdict {
        then(verdict, reply.answers.first)
      } else {
        then(.ownDevices, reply.answers.first)
      }
      self.flush()
    }
    guard let consultation else { return then(.ownDevices, nil) }
    asking[incoming.id] = Asking(request: incoming, consultation: consultation)
    registrationsAsked[source, default: 0] += 1
  }

  /// A registration whose connection is gone would lead nowhere.
  func registrationsFailed(over connection: ConnectionID) {
    for (id, asking) in asking
    where asking.request.request.method == .register && asking.request.hop.connection == connection {
      giveUp(id)
    }
  }

  /// Refuses what waits for policy servers, for shutdown.
  public func refuseWaiting() {
    for id in Array(asking.keys) { giveUp(id) }
    flush()
  }

  private func takeAsking(_ id: IncomingRequestID) -> Asking? {
    guard let waiting = asking.removeValue(forKey: id) else { return nil }
    if waiting.request.request.method == .register {
      let source = waiting.request.hop.remote.ip
      let left = (registrationsAsked[source] ?? 1) - 1
      registrationsAsked[source] = left > 0 ? left : nil
    }
    return waiting
  }

  private func giveUp(_ id: IncomingRequestID) {
    guard let waiting = takeAsking(id) else { return }
    waiting.consultation.withdraw()
    answer(waiting.request, 503, [.init(.retryAfter, "30")])
  }
}
