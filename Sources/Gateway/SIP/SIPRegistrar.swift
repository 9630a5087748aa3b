import CallModel
import PolicyEngine
import PolicyHooks
import Router
import SIP

/// The registrar (RFC 3261 §10.3, with RFC 3327 and RFC 5626).
extension SIPEndpoint {
  func register(_ incoming: IncomingRequest) {
    guard router.policy.policy.globals.isEnabled(.sip) else { return answer(incoming, 403) }
    guard router.policy.policy.globals.registrar.isEnabled else { return answer(incoming, 405) }
    guard !router.isDraining else { return answer(incoming, 503, [.init(.retryAfter, "30")]) }
    guard let to = incoming.request.headers.to else { return answer(incoming, 400) }
    let alias = Alias(sip: to.uri.description).parsed
    // A source in quarantine is told what everybody is told who gives a wrong password, and no server is asked for it.
    guard !router.isQuarantined(incoming.hop.remote.ip, location: location(of: incoming.hop), now: loop.now)
    else {
      return authenticate(incoming, as: nil)
    }
    consult(incoming, registering: alias) { [unowned self] verdict, answer in
      admit(incoming, alias, verdict, answer)
    }
  }

  /// What the policy server said, before the credentials are looked at: they may be ones that it gave (routing reference §17).
  private func admit(
    _ incoming: IncomingRequest, _ alias: String, _ verdict: RegistrationVerdict,
    _ answered: PolicyAnswerRecord?
  ) {
    let own = router.policy.device(alias: alias).flatMap { $0.allowsSIP ? $0 : nil }
    switch verdict {
    case .refuse:
      // Without a valid answer it is a matter of time, and the phone is to try again.
      let isFailure = answered?.isFallback ?? false
      return refuse(incoming, alias, isFailure ? 503 : 403, isFailure ? [.init(.retryAfter, "30")] : [])
    case .open:
      bind(incoming, Device(alias: own?.alias ?? alias, allowsSIP: true), grantor: answered?.profile)
    case .authenticate(let username, let password):
      authenticate(
        incoming,
        as: Device(alias: own?.alias ?? alias, username: username, password: password, allowsSIP: true),
        grantor: answered?.profile)
    case .ownDevices:
      // Who the server would have known is not told that its password is wrong, nor does it count as a guess.
      if own == nil, answered?.isFallback ?? false {
        return refuse(incoming, alias, 503, [.init(.retryAfter, "30")])
      }
      if let own, own.username.isEmpty, own.password.isEmpty { return bind(incoming, own) }
      authenticate(incoming, as: own)
    }
  }

  private func refuse(
    _ incoming: IncomingRequest, _ alias: String, _ status: Int, _ headers: [SIPHeaders.Field]
  ) {
    onNotice?(.registrationRefused(alias: alias, source: incoming.hop.remote, status: status))
    answer(incoming, status, headers)
  }

  /// Binds a device that proves who it is; nil: nobody can.
  private func authenticate(_ incoming: IncomingRequest, as device: Device?, grantor: String? = nil) {
    let request = incoming.request
    let verdict = registrarAuthentication.verify(request, now: loop.now) { username in
      guard let device, username == device.username else { return nil }
      return .password(device.password)
    }
    switch verdict {
    case .authenticated:
      guard let device else { return answer(incoming, 403) }
      bind(incoming, device, grantor: grantor)
    case .challenge(let isStale, let reason):
      if reason == .wrongCredentials {
        countFailedAuthentication(request, .authorization, incoming.hop, reason.rawValue)
      }
      counters.challenges += 1
      answer(incoming, 401, registrarAuthentication.challenges(isStale: isStale, now: loop.now))
    }
  }

  /// - Parameter grantor: the policy profile whose server let it register.
  private func bind(_ incoming: IncomingRequest, _ device: Device, grantor: String? = nil) {
    let request = incoming.request
    let settings = router.policy.policy.globals.registrar
    let registrations = router.registrations
    func answer(_ status: Int, _ headers: [SIPHeaders.Field] = []) {
      if status >= 300 {
        onNotice?(.registrationRefused(alias: device.alias, source: incoming.hop.remote, status: status))
      }
      agent.respond(to: incoming.id, status: status, headers: headers, now: loop.now)
    }
    guard let callID = request.headers.callID, let sequence = request.headers.cSeq?.number else {
      return answer(400)
    }
    let current = registrations.bindings(of: device.alias, now: loop.now).filter { $0.callProtocol == .sip }
    // An old request that comes late must not undo a newer one (§10.3 step 7).
    if current.contains(where: { $0.callID == callID && $0.cSeq > sequence }) { return answer(500) }

    if request.headers.isWildcardContact {
      guard request.headers.expires == 0, request.headers.all(.contact).count == 1 else { return answer(400) }
      registrations.remove(device.alias, .unregistered) { $0.callProtocol == .sip }
      return answer(200)
    }
    let contacts = request.headers.contacts
    let usesFlows = usesFlows(request)
    if !usesFlows, request.headers.tokens(.supported).contains("outbound"),
      contacts.contains(where: { $0["reg-id"] != nil && $0["+sip.instance"] != nil })
    {
      return answer(439)
    }
    guard contacts.count <= settings.maximumBindings else { return answer(403) }
    var changes: [(binding: Registrations.Binding, seconds: Int64)] = []
    for contact in contacts {
      guard var change = change(contact, incoming, device, settings, callID, sequence) else {
        return answer(400)
      }
      if !usesFlows { change.binding.forgetFlow() }
      change.binding.grantor = grantor
      if grantor != nil, !device.username.isEmpty {
        change.binding.credential = Credential(username: device.username, password: device.password)
      }
      if change.seconds > 0, change.seconds < settings.limits(isNatted: change.binding.isNatted).minimum {
        let minimum = settings.limits(isNatted: change.binding.isNatted).minimum
        return answer(423, [.init(.minExpires, String(minimum))])
      }
      changes.append(change)
    }
    let kept = current.filter { old in !changes.contains { $0.binding.isSame(as: old) } }.count
    guard kept + changes.filter({ $0.seconds > 0 }).count <= settings.maximumBindings else {
      return answer(403)
    }
    for (binding, seconds) in changes {
      if seconds == 0 {
        registrations.remove(device.alias, .unregistered) { binding.isSame(as: $0) }
      } else {
        counters.registrations += 1
        registrations.add(binding) { binding.isSame(as: $0) }
      }
    }
    answer(200, confirmation(request, device))
  }

  /// Whether a contact may be one flow of several (RFC 5626 §6): the device is connected to us, or to an edge proxy that keeps
  /// its flows and says so with `ob` in its Path.
  private func usesFlows(_ request: SIPRequest) -> Bool {
    request.headers.vias.count <= 1 || request.headers.path.contains { $0.uri["ob"] != nil }
  }

  /// What one contact asks for; nil when it makes no sense.
  private func change(
    _ contact: NameAddress, _ incoming: IncomingRequest, _ device: Device, _ settings: RegistrarSettings,
    _ callID: String, _ sequence: UInt32
  ) -> (binding: Registrations.Binding, seconds: Int64)? {
    let request = incoming.request
    switch contact.uri.scheme {
    case .sip, .sips: break
    case .tel, .other: return nil
    }
    let path = request.headers.path
    let isNatted = path.isEmpty && isNatted(contact.uri, incoming.hop)
    let asked = contact["expires"].map { UInt32($0) ?? 3600 } ?? request.headers.expires ?? 3600
    let limits = settings.limits(isNatted: isNatted)
    let seconds = asked == 0 ? 0 : min(Int64(asked), limits.maximum)
    let route = SIPBindingRoute(
      contact: contact.uri, hop: incoming.hop, path: path, instance: contact["+sip.instance"],
      registrationID: contact["reg-id"].flatMap { Int($0) })
    let q = contact["q"].flatMap { Double($0) } ?? 1
    let binding = Registrations.Binding(
      alias: device.alias, callProtocol: .sip, contact: contact.uri.description, username: device.username,
      vendor: request.headers[.userAgent] ?? "", remote: incoming.hop.remote, isNatted: isNatted,
      since: loop.wallClock, expires: loop.now + .seconds(seconds), q: min(1, max(0, q)),
      instance: route.registrationID == nil ? nil : route.instance, route: route,
      // What an edge proxy has registered is reached by its Path, over any connection.
      connection: path.isEmpty ? incoming.hop.connection?.number : nil, callID: callID, cSeq: sequence)
    return (binding, seconds)
  }

  /// A contact that names another address than the one its request came from stands behind NAT.
  private func isNatted(_ contact: SIPURI, _ hop: Hop) -> Bool {
    guard let address = contact.numericAddress else { return false }
    return hop.transport == .udp ? address != hop.remote : address.ip != hop.remote.ip
  }

  /// The header fields of a 200: every live binding with the time it has left (§10.3 step 8).
  private func confirmation(_ request: SIPRequest, _ device: Device) -> [SIPHeaders.Field] {
    var headers: [SIPHeaders.Field] = []
    var usesOutbound = false
    for binding in router.registrations.bindings(of: device.alias, now: loop.now)
    where binding.callProtocol == .sip {
      guard let route = binding.route as? SIPBindingRoute else { continue }
      var contact = NameAddress(uri: route.contact)
      let left = max(1, (binding.expires - loop.now).nanoseconds / 1_000_000_000)
      contact.parameters.append(.init("expires", String(left)))
      if let instance = route.instance {
        contact.parameters.append(.init("+sip.instance", instance))
      }
      if let id = route.registrationID, route.instance != nil {
        contact.parameters.append(.init("reg-id", String(id)))
        usesOutbound = true
      }
      headers.append(.init(.contact, contact.description))
    }
    for path in request.headers.all(.path) { headers.append(.init(.path, path)) }
    if usesOutbound, request.headers.tokens(.supported).contains("outbound") {
      headers.append(.init(.require, "outbound"))
    }
    return headers
  }
}

extension Registrations.Binding {
  /// The same contact of the same device: by instance and registration id if it has them, else by URI (RFC 5626 §6).
  fileprivate func isSame(as other: Registrations.Binding) -> Bool {
    guard let mine = route as? SIPBindingRoute, let theirs = other.route as? SIPBindingRoute else {
      return false
    }
    if let instance = mine.instance, let id = mine.registrationID {
      return theirs.instance == instance && theirs.registrationID == id
    }
    return mine.contact.isEquivalent(to: theirs.contact)
  }
}

extension Registrations.Binding {
  /// A `reg-id` that means nothing here is ignored (RFC 5626 §6).
  fileprivate mutating func forgetFlow() {
    guard var route = route as? SIPBindingRoute else { return }
    route.registrationID = nil
    self.route = route
    instance = nil
  }
}

extension RegistrarSettings {
  /// The least and the most seconds a binding may be asked for and given.
  fileprivate func limits(isNatted: Bool) -> (minimum: Int64, maximum: Int64) {
    let minimum = isNatted ? nattedMinimumExpires : minimumExpires
    let maximum = isNatted ? nattedMaximumExpires : maximumExpires
    return (minimum.nanoseconds / 1_000_000_000, maximum.nanoseconds / 1_000_000_000)
  }
}
