import CallModel
import PolicyEngine
import Router
import SIP

/// Outgoing legs: from a target to an INVITE.
extension SIPEndpoint {
  /// Everything about a request that depends on where it goes and who is told to be calling.
  struct Addressing {
    var requestURI: SIPURI
    var routeSet: [NameAddress] = []
    var hops: [Hop] = []
    var from: NameAddress
    var to: NameAddress
    var headers: [SIPHeaders.Field]
    var credentials: [RealmAccount]
    var remote: TransportAddress?
    /// Why there is no point in going there.
    var refusal: Disconnect?
  }

  public func dial(_ call: OutgoingCall, observer: any CallLegObserver) -> any CallLeg {
    let party = LegParty(callProtocol: .sip, isIncoming: false, alias: call.target.calledAlias)
    var near: IPAddress?
    if case .device(let binding) = call.target.destination { near = binding.remote.ip }
    // Our Contact names the caller; not one who wants to remain unknown here.
    let isUnknown = call.forwarding.hidesIdentity && !(call.target.trunk?.isTrusted ?? false)
    let leg = makeLeg(nil, party, toward: near, behind: isUnknown ? "anonymous" : call.callerAlias)
    leg.observer = observer
    // From the next turn on: whoever dials has yet to take note of the leg.
    loop.schedule(after: .zero) { [self] in
      address(call) { leg.place(call, $0) }
    }
    return leg
  }

  /// Works out where a call goes; nil when there is no way. `completion` is called now or when names have been resolved.
  func address(_ call: OutgoingCall, completion: @escaping (Addressing?) -> Void) {
    let target = call.target
    switch target.destination {
    case .device(let binding):
      guard let route = binding.route as? SIPBindingRoute else { return completion(nil) }
      var addressing = identities(call, uri: route.contact, isTrusted: true)
      addressing.routeSet = route.path
      // Over the flow it registered on: it is open, and for a device behind NAT the only way (RFC 5626 §5.3).
      let usesFlow = route.path.isEmpty && (binding.isNatted || route.hop.transport != .udp)
      addressing.hops =
        usesFlow || route.contact.numericAddress != nil && route.path.isEmpty ? [route.hop] : []
      addressing.remote = binding.remote
      completion(addressing)
    case .trunk(let trunk):
      guard let uri = trunk.requestURI(for: target.calledAlias) else { return completion(nil) }
      var addressing = identities(call, uri: uri, isTrusted: trunk.isTrusted)
      // One without a realm answers whatever this trunk asks.
      let isComplete = trunk.credentials.contains { $0.realm == nil }
      addressing.credentials = isComplete ? trunk.accounts : trunk.accounts + accounts
      addressing.routeSet = trunks.serviceRoute(of: trunk.name)
      trunks.locate(trunk) { [self] hops in
        guard !hops.isEmpty else { return completion(nil) }
        addressing.hops = self.ordered(hops, for: target)
        addressing.remote = addressing.hops.first?.remote
        if self.comesBack(call, addressing) { addressing.refusal = Disconnect(.loop) }
        completion(addressing)
      }
    case .domain:
      guard let uri = SIPURI.of(alias: target.calledAlias, defaultHost: domainHost) else {
        return completion(nil)
      }
      var addressing = identities(call, uri: uri, isTrusted: false)
      addressing.credentials = accounts
      guard let place = try? ServerLocationTarget(uri: uri) else { return completion(nil) }
      locator.locate(place) { [self] hops in
        guard !hops.isEmpty else { return completion(nil) }
        addressing.hops = ordered(hops, for: target)
        if comesBack(call, addressing) { addressing.refusal = Disconnect(.loop) }
        completion(addressing)
      }
    }
  }

  /// Whether the way leads to ourselves alone, and there to the rule it begins with (routing reference §6). Every other circle
  /// is found by its token when the call comes round.
  private func comesBack(_ call: OutgoingCall, _ addressing: Addressing) -> Bool {
    guard let hop = addressing.hops.first, let listener = listener(at: hop.remote),
      addressing.hops.allSatisfy({ self.listener(at: $0.remote) != nil })
    else { return false }
    let caller = Caller(
      alias: addressing.from.uri.aliasText, displayName: addressing.from.displayName ?? "",
      address: hop.remote, trunk: trunks.trunk(for: hop)?.name)
    let location = router.policy.location(
      for: hop.remote.ip, listenerDefault: listenerLocations[listener.listener])
    return router.returns(
      call.target, as: Alias(sip: addressing.requestURI.description), from: caller, location: location,
      wallClock: loop.wallClock)
  }

  /// Ours at an address, which may be the one that peers are told.
  private func listener(at address: TransportAddress) -> LocalIdentity? {
    agent.identities.first { identity in
      let contact = identity.contact
      return identity.address == address
        || contact.host == .ip(address.ip)
          && (contact.port ?? identity.transport.defaultPort) == address.port
    }
  }

  /// What challenges are answered with, by realm.
  private var accounts: [RealmAccount] { router.policy.policy.globals.sip.credentials.map(RealmAccount.init) }

  /// The way of a target over its servers: from a listener of the location the call goes out from, if there is one that can
  /// reach them, and addresses of the preferred family first.
  private func ordered(_ hops: [Hop], for target: RouteTarget) -> [Hop] {
    var result = hops
    if let location = target.location {
      for index in result.indices where result[index].connection == nil {
        let hop = result[index]
        let listener = agent.identities.first { identity in
          identity.transport == hop.transport && identity.address.ip.isIPv6 == hop.remote.ip.isIPv6
            && listenerLocations[identity.listener] == location
        }
        if let listener { result[index].listener = listener.listener }
      }
    }
    guard let isIPv6Preferred = target.prefersIPv6 else { return result }
    return result.filter { $0.remote.ip.isIPv6 == isIPv6Preferred }
      + result.filter { $0.remote.ip.isIPv6 != isIPv6Preferred }
  }

  /// From, To and the identity header fields, by what the caller allows and the target may know (RFC 3323, RFC 3325).
  private func identities(_ call: OutgoingCall, uri: SIPURI, isTrusted: Bool) -> Addressing {
    let target = call.target
    let isHidden = call.forwarding.hidesIdentity
    let domain = target.callingDomain ?? domainHost
    var fromURI =
      SIPURI.of(alias: call.callerAlias, defaultHost: domain)
      ?? SIPURI(user: "anonymous", host: SIPURI.host(domain))
    fromURI.scheme = .sip
    // A caller's own address says nothing to the called side and shows the inside of a network.
    if fromURI.numericAddress != nil { fromURI.host = SIPURI.host(domain) }
    fromURI.port = nil
    fromURI.parameters = []
    let isAnonymous = isHidden && !isTrusted
    let from =
      isAnonymous || isHidden && target.trunk == nil
      ? NameAddress(
        displayName: "Anonymous", uri: SIPURI(user: "anonymous", host: .name("anonymous.invalid")))
      : NameAddress(displayName: call.callerDisplayName.isEmpty ? nil : call.callerDisplayName, uri: fromURI)
    var toURI = uri
    toURI.parameters = []
    toURI.headers = nil
    if case .device(let binding) = target.destination {
      toURI = SIPURI.of(alias: binding.alias, defaultHost: domainHost) ?? toURI
    }

    var headers: [SIPHeaders.Field] = []
    headers.append(
      .init(SIPEndpoint.loopHeader, (call.loopTokens + [target.loopToken]).joined(separator: ", ")))
    // Beyond the trust domain an identity goes only where its owner insists on being known (RFC 3325 §7).
    let isVouchedFor = target.vouchesForCaller && !isHidden
    if isVouchedFor || target.trunk != nil && (isTrusted || call.forwarding.showsIdentity) {
      // Only what was proved is asserted (RFC 3325 §5): a registration here, a trusted peer's word, or the rule's own.
      let isProved = call.isCallerRegistered || target.callingAlias != nil
      let own = isProved ? [NameAddress(uri: fromURI).description] : []
      for identity in call.assertedIdentities.isEmpty ? own : call.assertedIdentities {
        headers.append(.init(.pAssertedIdentity, identity))
      }
    }
    if !call.forwarding.privacy.isEmpty {
      headers.append(.init(.privacy, call.forwarding.privacy.joined(separator: ";")))
    }
    if !isAnonymous {
      let diversions = SIPHeaders(call.forwarding.diversions.map { .init(.diversion, $0) })
      let history = SIPHeaders(call.forwarding.history.map { .init(.historyInfo, $0) })
      if isTrusted {
        headers += diversions.fields + history.fields
      } else {
        for diversion in diversions.diversions where !diversion.isPrivateDiversion {
          headers.append(.init(.diversion, diversion.serialised()))
        }
        let isHistoryHidden = call.forwarding.privacy.contains { $0.lowercased() == "history" }
        for entry in history.historyInfo where !isHistoryHidden && !entry.isPrivateHistory {
          headers.append(.init(.historyInfo, entry.serialised()))
        }
      }
    }
    return Addressing(
      requestURI: uri, from: from, to: NameAddress(uri: toURI), headers: headers, credentials: [])
  }
}

extension NameAddress {
  /// The diverting party asked not to be named outside (`privacy` other than `off`, RFC 5806 §5).
  fileprivate var isPrivateDiversion: Bool { self["privacy"].map { $0.lowercased() != "off" } ?? false }

  /// An entry of History-Info that is marked as private in its own URI (RFC 7044 §10.1.2).
  fileprivate var isPrivateHistory: Bool {
    (uri.headers ?? "").lowercased().split(separator: "&").contains { $0.hasPrefix("privacy=") }
  }
}

extension SIPEndpoint {
  /// The hops for a request of about this size: where it is too large for a datagram each server is tried by TCP first, and by
  /// UDP after that (RFC 3261 §18.1.1). Devices are left on their flow: there is no other way to them.
  func hops(_ hops: [Hop], forRequestOf bytes: Int) -> [Hop] {
    guard RequestTransport.requiresStream(byteCount: bytes) else { return hops }
    var result: [Hop] = []
    for hop in hops {
      if hop.transport == .udp,
        let listener = agent.identities.first(where: {
          $0.transport == .tcp && $0.address.ip.isIPv6 == hop.remote.ip.isIPv6
        })
      {
        var stream = hop
        stream.transport = .tcp
        stream.listener = listener.listener
        result.append(stream)
      }
      result.append(hop)
    }
    return result
  }
}

extension Trunk {
  /// The request URI of an alias over this trunk.
  func requestURI(for alias: String) -> SIPURI? {
    guard var uri = SIPURI.of(alias: alias, defaultHost: domain ?? host) else { return nil }
    if let domain {
      uri.host = SIPURI.host(domain)
      // The port belongs to the host it was given with.
      uri.port = nil
    }
    guard uri.port == nil else { return uri }
    if case .name(let name) = uri.host, name == host || domain == nil && !alias.contains("@") {
      uri.port = port
    }
    if case .ip = uri.host { uri.port = port }
    return uri
  }

  var sipTransport: SIPTransportProtocol {
    switch transport {
    case .udp: .udp
    case .tcp: .tcp
    case .tls: .tls
    }
  }
}
