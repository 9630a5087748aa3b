import CallModel
import PolicyEngine
import Router
import SIP

/// The trunks as SIP peers: where they are, whether they answer, and our registrations with them.
///
/// Survives policy reloads: ``policyChanged()`` starts and stops what the new policy asks for.
public final class SIPTrunks {
  private struct Located {
    var hops: [Hop]
    var expires: MonotonicInstant
  }

  weak var endpoint: SIPEndpoint?
  private var located: [ServerLocationTarget: Located] = [:]
  /// Datagrams come from a trunk's own port; connections from any.
  private var byAddress: [TransportAddress: String] = [:]
  private var byIP: [IPAddress: String] = [:]
  private var probes: [String: SignallingLoop.TimerID] = [:]
  private var registrations: [String: TrunkRegistrar] = [:]
  private var isStarted = false

  /// How long a resolved trunk is used before it is looked up again.
  private static let locationLifetime = TimeSpan.seconds(60)

  private var policy: PolicySnapshot? { endpoint?.router.policy }

  /// Begins probing and registering.
  public func start() {
    isStarted = true
    policyChanged()
  }

  public func stop() {
    isStarted = false
    for timer in probes.values { endpoint?.loop.cancel(timer) }
    probes = [:]
    for registrar in registrations.values { registrar.stop() }
    registrations = [:]
  }

  /// Brings probes and registrations in line with the policy in force.
  public func policyChanged() {
    guard isStarted, let endpoint, let policy else { return }
    let trunks = policy.policy.trunks
    // Where they are is known from before: a call that comes in this moment has to be recognised.
    byAddress = [:]
    byIP = [:]
    for trunk in trunks {
      if let known = located[SIPTrunks.target(trunk)] {
        note(known.hops, of: trunk.name)
      } else if IPAddress(trunk.host) != nil {
        // Needs no look-up that would have to wait its turn.
        locate(trunk) { _ in }
      }
    }
    for timer in probes.values { endpoint.loop.cancel(timer) }
    probes = [:]
    for (index, trunk) in trunks.enumerated() {
      // Spread out, so that a hundred trunks are not probed in one moment.
      let delay = TimeSpan.milliseconds(Int64(index % 100) * 20)
      probes[trunk.name] = endpoint.loop.schedule(after: delay) { [weak self] in self?.refresh(trunk.name) }
    }
    let wanted = Dictionary(
      trunks.compactMap { trunk in trunk.registration.map { (trunk.name, (trunk, $0)) } },
      uniquingKeysWith: { $1 })
    for (name, registrar) in registrations where wanted[name].map({ registrar.differs(from: $0.0) }) ?? true {
      // One that is replaced leaves its binding to its successor: a withdrawal could overtake the new registration.
      registrar.stop(withdraws: wanted[name].map { !registrar.isSameBinding(as: $0.0, $0.1) } ?? true)
      registrations[name] = nil
    }
    for (name, (trunk, registration)) in wanted where registrations[name] == nil {
      let registrar = TrunkRegistrar(
        trunk: trunk, registration: registration, trunks: self, endpoint: endpoint)
      registrations[name] = registrar
      registrar.start()
    }
  }

  // MARK: Where they are

  /// Which trunk a request came from: by its configured sources, else by the addresses its host resolves to.
  func trunk(for hop: Hop) -> Trunk? {
    guard let policy else { return nil }
    return policy.trunk(forSource: hop.remote.ip) {
      hop.transport == .udp ? self.byAddress[hop.remote] : self.byIP[hop.remote.ip]
    }
  }

  /// The trunk's servers in order of preference.
  func locate(_ trunk: Trunk, completion: @escaping ([Hop]) -> Void) {
    guard let endpoint else { return completion([]) }
    let target = SIPTrunks.target(trunk)
    let name = trunk.name
    if let known = located[target], known.expires > endpoint.loop.now {
      note(known.hops, of: name)
      return completion(known.hops)
    }
    endpoint.locator.locate(target) { [weak self] hops in
      guard let self, let endpoint = self.endpoint else { return completion([]) }
      if hops.isEmpty {
        // What was found before is better than nothing while the DNS is away.
        return completion(self.located[target]?.hops ?? [])
      }
      self.located[target] = Located(hops: hops, expires: endpoint.loop.now + SIPTrunks.locationLifetime)
      // An address that is no longer the trunk's is not recognised any more.
      self.byAddress = self.byAddress.filter { $0.value != name }
      self.byIP = self.byIP.filter { $0.value != name }
      self.note(hops, of: name)
      completion(hops)
    }
  }

  private static func target(_ trunk: Trunk) -> ServerLocationTarget {
    ServerLocationTarget(
      host: SIPURI.host(trunk.host), port: trunk.port, transport: trunk.sipTransport,
      isSecure: trunk.transport == .tls)
  }

  /// Addresses by which calls from this trunk are recognised.
  private func note(_ hops: [Hop], of name: String) {
    guard policy?.trunk(named: name) != nil else { return }
    for hop in hops where byAddress[hop.remote] == nil {
      byAddress[hop.remote] = name
      if byIP[hop.remote.ip] == nil { byIP[hop.remote.ip] = name }
    }
  }

  func serviceRoute(of trunk: String) -> [NameAddress] { registrations[trunk]?.serviceRoute ?? [] }

  // MARK: Whether they answer

  /// Looks the trunk up again, probes it with OPTIONS if it wants that, and comes back.
  private func refresh(_ name: String) {
    guard isStarted, let endpoint, let trunk = policy?.trunk(named: name) else { return }
    let interval = trunk.probeInterval ?? SIPTrunks.locationLifetime
    probes[name] = endpoint.loop.schedule(after: interval) { [weak self] in self?.refresh(name) }
    locate(trunk) { [weak self] hops in
      guard trunk.probeInterval != nil else { return }
      guard !hops.isEmpty else {
        endpoint.router.report(trunk: name, failure: .networkFailure, now: endpoint.loop.now)
        return
      }
      self?.probe(trunk, hops)
    }
  }

  private func probe(_ trunk: Trunk, _ hops: [Hop]) {
    guard let endpoint, let uri = trunk.requestURI(for: "") ?? trunk.ownURI else { return }
    let from = NameAddress(uri: SIPURI(user: "tandem", host: SIPURI.host(endpoint.domainHost)))
    let started = endpoint.loop.now
    let name = trunk.name
    endpoint.send(
      OutgoingRequest(
        method: .options, requestURI: uri, hops: hops, from: from, to: NameAddress(uri: uri),
        credentials: trunk.accounts, hopPatience: .seconds(4))
    ) { [weak endpoint] result in
      guard let endpoint else { return }
      let now = endpoint.loop.now
      switch result {
      // Any answer shows that the trunk is there (RFC 3261 §11); 503 says that it wants no calls, 408 comes from in between.
      case .success(let response)
      where response.status == 503 || response.status == 408 || response.status == 502:
        endpoint.router.report(trunk: name, failure: .congestion, now: now)
      case .success:
        endpoint.router.report(trunk: name, failure: nil, roundTrip: now - started, now: now)
      case .failure(let failure):
        endpoint.router.report(
          trunk: name, failure: failure == .timedOut ? .noResponse : .networkFailure, now: now)
      }
    }
  }
}

extension Trunk {
  /// The trunk itself, without a user.
  var ownURI: SIPURI? {
    var uri = SIPURI(host: SIPURI.host(domain ?? host))
    if domain == nil { uri.port = port }
    return uri
  }

  var accounts: [RealmAccount] { credentials.map(RealmAccount.init) }
}

extension RealmAccount {
  init(_ credential: Credential) {
    self.init(realm: credential.realm, username: credential.username, password: credential.password)
  }
}
