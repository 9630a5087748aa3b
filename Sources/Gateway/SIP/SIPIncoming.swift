import CallModel
import PolicyEngine
import Router
import SDP
import SIP

/// Requests that begin a call.
extension SIPEndpoint {
  func incoming(_ session: SessionID, _ invite: IncomingInvite) {
    counters.calls += 1
    let offer: MediaDescription?
    if let body = invite.offer {
      guard let media = media(body) else {
        agent.reject(session, status: 488, now: loop.now)
        return
      }
      offer = media
    } else {
      offer = nil
    }
    let source = invite.hop
    let caller: Caller
    switch identify(invite.request, from: invite.from, over: source) {
    case .caller(let known): caller = known
    case .challenge(let headers):
      counters.challenges += 1
      agent.reject(session, status: 407, headers: headers, now: loop.now)
      return
    }
    var request = callRequest(
      direction: .dialIn, trigger: .invite, alias: invite.request.uri, caller: caller, over: source)
    request.hopsLeft = invite.maxForwards
    request.loopTokens = invite.request.headers.tokens(SIPEndpoint.loopHeader)
    if let offer {
      request.capability = offer.capability
      request.bandwidth = offer.bandwidth
      request.isEncrypted = offer.streams.contains {
        $0.isEnabled && ($0.profile.isSecure || !$0.cryptos.isEmpty)
      }
    }
    let party = LegParty(
      callProtocol: .sip, isIncoming: true, alias: caller.alias, displayName: caller.displayName,
      address: source.remote, vendor: caller.vendor, protocolCallID: invite.callID)
    let leg = makeLeg(
      session, party, toward: source.remote.ip, behind: request.alias.full)
    var forwarding = Forwarding()
    forwarding.diversions = invite.request.headers.all(.diversion)
    forwarding.history = invite.request.headers.all(.historyInfo)
    forwarding.privacy = invite.request.headers.privacyValues
    if let replacing = invite.replacing {
      takeOver(replacing, by: leg, request, offer: offer, forwarding)
    } else {
      exchange.receive(request, leg: leg, offer: offer, forwarding: forwarding)
    }
  }

  /// INVITE with Replaces (RFC 3891): only from whom we know, since it takes a call from somebody (§9).
  private func takeOver(
    _ replaced: SessionID, by leg: SIPLeg, _ request: CallRequest, offer: MediaDescription?,
    _ forwarding: Forwarding
  ) {
    guard request.caller.isRegistered || request.caller.trunk != nil else {
      return leg.reject(Disconnect(.forbidden))
    }
    let old = self.leg(of: replaced)
    if let old, let place = exchange.place(of: old.id) {
      return takePlace(place, by: leg, request, offer: offer, forwarding)
    }
    guard let old, let call = gateway.call(with: old.id) else {
      // A dialog of ours, but no call that could be taken over, or not any more.
      if let session = leg.session { agent.reject(session, status: 481, now: loop.now) }
      return
    }
    // The call that is taken over has its place already; the alias is a contact of ours and nobody's guess.
    var request = request
    request.resolutions = 1
    var routed = router.route(request, isAdmitted: false, now: loop.now, wallClock: loop.wallClock)
    if case .reject(.blocked) = routed.decision { return leg.reject(Disconnect(.notFound)) }
    // The dialog named in Replaces decides, not the alias in the request URI, which is a contact of ours.
    routed.record.decision = .gateway(call.configuration)
    routed.decision = routed.record.decision
    guard let live = exchange.ledger.begin(request, routed, caller: leg.party) else {
      return leg.reject(Disconnect(.serverFailure))
    }
    let incoming = IncomingCall(
      request: request, routed: routed, leg: leg, offer: offer, call: live, forwarding: forwarding)
    call.takeOver(old.id, by: incoming)
  }

  /// The dialog is somebody's in a service, whose place the caller takes.
  private func takePlace(
    _ place: ServicePlace, by leg: SIPLeg, _ request: CallRequest, offer: MediaDescription?,
    _ forwarding: Forwarding
  ) {
    var request = request
    request.resolutions = 1
    var routed = router.route(request, isAdmitted: false, now: loop.now, wallClock: loop.wallClock)
    if case .reject(.blocked) = routed.decision { return leg.reject(Disconnect(.notFound)) }
    routed = routed.taking(place)
    routed.record.decision = routed.decision
    request.alias = Alias(dialled: place.alias, protocol: request.callProtocol).withoutPIN
    guard let live = exchange.ledger.begin(request, routed, caller: leg.party) else {
      return leg.reject(Disconnect(.serverFailure))
    }
    let incoming = IncomingCall(
      request: request, routed: routed, leg: leg, offer: offer, call: live, forwarding: forwarding,
      replacing: place.leg)
    exchange.pass(incoming, isExternal: false)
  }

  static let loopHeader = SIPHeaderName("Tandem-Loop")
  static let subnetHeader = SIPHeaderName("ms-subnet")

  func callRequest(
    direction: CallDirection, trigger: CallTrigger, alias: SIPURI, caller: Caller, over hop: Hop
  ) -> CallRequest {
    CallRequest(
      id: exchange.makeCallID(), direction: direction, trigger: trigger, callProtocol: .sip,
      alias: Alias(sip: alias.description).withoutPIN, caller: caller, location: location(of: hop))
  }

  // MARK: Who calls

  enum Identification {
    case caller(Caller)
    /// The header fields of a 407.
    case challenge([SIPHeaders.Field])
  }

  /// Who sent this request.
  ///
  /// A registered device is known by the flow it registered over. A claim to be one of ours from anywhere else has to be
  /// proved, and is challenged whether or not there is such a device, so that the answer tells nothing (a trunk's peers excepted).
  func identify(_ request: SIPRequest, from: NameAddress, over hop: Hop) -> Identification {
    let policy = router.policy
    let claimed = Alias(sip: from.uri.description).parsed
    var caller = Caller(
      alias: from.uri.aliasText, displayName: from.displayName ?? "", address: hop.remote,
      vendor: request.headers[.userAgent] ?? request.headers[.server] ?? "")
    // For policy servers; a few, since everybody may write them.
    caller.claimedIdentities = Array(request.headers.all(.pAssertedIdentity).prefix(4))
    caller.subnets = Array(request.headers.all(SIPEndpoint.subnetHeader).prefix(4))
    let isRegisteredFlow = router.registrations.bindings(of: claimed, now: loop.now).contains {
      ($0.route as? SIPBindingRoute)?.isFlow(of: hop) ?? false
    }
    if isRegisteredFlow {
      caller.isRegistered = true
      caller.registeredAlias = policy.device(alias: claimed)?.alias ?? claimed
      return .caller(caller)
    }
    if let trunk = trunks.trunk(for: hop) {
      caller.trunk = trunk.name
      if trunk.isTrusted { caller.assertedIdentities = request.headers.all(.pAssertedIdentity) }
      guard let credential = trunk.inboundCredential else { return .caller(caller) }
      let verdict = proxyAuthentication.verify(request, now: loop.now) { username in
        username == credential.username ? .password(credential.password) : nil
      }
      return conclude(verdict, caller, request, hop)
    }
    guard isOurDomain(from.uri.host) || !request.headers.all(.proxyAuthorization).isEmpty else {
      return .caller(caller)
    }
    let device = policy.device(alias: claimed)
    let granted = router.registrations.bindings(of: claimed, now: loop.now).lazy.compactMap(\.credential)
      .first
    let verdict = proxyAuthentication.verify(request, now: loop.now) { username in
      // What a policy server let in by a password of its own has that one.
      if let granted { return username == granted.username ? .password(granted.password) : nil }
      guard let device, !device.username.isEmpty, username == device.username else { return nil }
      return .password(device.password)
    }
    if case .authenticated = verdict {
      caller.isRegistered = router.registrations.isRegistered(claimed, now: loop.now)
      caller.registeredAlias = caller.isRegistered ? device?.alias ?? claimed : nil
    }
    return conclude(verdict, caller, request, hop)
  }

  private func conclude(
    _ verdict: DigestServer.Verdict, _ caller: Caller, _ request: SIPRequest, _ hop: Hop
  ) -> Identification {
    switch verdict {
    case .authenticated:
      return .caller(caller)
    case .challenge(let isStale, let reason):
      if reason == .wrongCredentials {
        countFailedAuthentication(request, .proxyAuthorization, hop, reason.rawValue)
      }
      return .challenge(proxyAuthentication.challenges(isStale: isStale, now: loop.now))
    }
  }

  func countFailedAuthentication(
    _ request: SIPRequest, _ header: SIPHeaderName, _ hop: Hop, _ reason: String
  ) {
    let username = request.headers.authenticationParameters(header).first?["username"] ?? ""
    onNotice?(.authenticationFailed(username: username, source: hop.remote, reason: reason))
    router.countBadAttempt(from: hop.remote.ip, location: location(of: hop), now: loop.now)
  }

  /// Where a request arrived.
  func location(of hop: Hop) -> String? {
    router.policy.location(for: hop.remote.ip, listenerDefault: listenerLocations[hop.listener])
  }

  /// A domain of ours, which may be configured as an address.
  private func isOurDomain(_ host: SIPURI.Host) -> Bool {
    let policy = router.policy.policy
    let text: String
    switch host {
    case .ip(let ip): text = ip.description
    case .name(let name): text = name.lowercased()
    }
    return text == policy.globals.domain.lowercased()
      || policy.locations.contains { $0.domain?.lowercased() == text }
  }
}
