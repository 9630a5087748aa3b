import CallModel
import Conferences
import DNSResolver
import Gateway
import Glibc
import Logging
import MediaRelay
import NIOCore
import PolicyActivation
import PolicyEngine
import PolicyTransport
import Router
import SIP
import SIPTransport

/// Everything that lives on the signalling event loop, wired together.
///
/// Made, called and released on its loop only.
final class SignallingServer {
  private let eventLoop: any EventLoop
  private let driver: LoopDriver
  let router: Router
  let ledger: CallLedger
  private let exchange: Exchange
  private let gateway: GatewayHost
  let services: HostedServices
  private let transport: SIPTransportLayer
  private let locator: SIPLocator
  private let policyServers: PolicyServers
  private var endpoint: SIPEndpoint?
  /// The sockets close: what transactions still repeat goes nowhere, and would fail once for each time.
  private var isClosed = false
  private let log: Logger
  /// What is bound of the configuration; listeners change only with a restart.
  private let boundSettings: SIPSettings
  private let boundMedia: MediaSettings
  private let boundCertificates: Set<[String]>

  init(
    eventLoop: any EventLoop, policy: PolicySnapshot, relay: MediaRelay, recorder: any CallRecorder,
    resolver: DNSResolver, policyServers: ExternalPolicy, prompts: String?, recordings: String,
    logger: Logger
  ) {
    self.eventLoop = eventLoop
    log = logger
    driver = LoopDriver(eventLoop: eventLoop)
    router = Router(policy: policy)
    ledger = CallLedger(loop: driver.loop, recorder: recorder, router: router)
    exchange = Exchange(loop: driver.loop, router: router, ledger: ledger, random: BufferedRandom())
    let driver = driver
    let confined = NIOLoopBound(driver, eventLoop: eventLoop)
    let media = MediaAccess(
      relay: relay, post: { work in eventLoop.execute { confined.value.turn(work) } })
    gateway = GatewayHost(exchange: exchange, media: media)
    exchange.gateway = gateway
    services = HostedServices(
      exchange: exchange, gateway: gateway, media: media, relay: relay, policy: policy.policy,
      prompts: prompts, recordings: recordings, eventLoop: eventLoop, driver: driver, log: logger)
    boundSettings = policy.policy.globals.sip
    boundMedia = policy.policy.globals.media
    boundCertificates = certificates(policy)
    var configuration = SIPTransportConfiguration()
    configuration.maximumConnectionsPerSource = 2_000
    transport = SIPTransportLayer(eventLoop: eventLoop, configuration: configuration, logger: logger)
    let transports = Set(policy.policy.globals.openListeners.map(\.transport))
    var preferences = ServerLocationPreferences()
    preferences.transports = [SIPTransportProtocol.tls, .tcp, .udp].filter {
      transports.contains($0.trunkTransport)
    }
    // The reference system's order where the DNS has nothing but addresses: TLS, TCP, UDP.
    preferences.addressFallback = .everyTransport
    if !boundSettings.listeners.contains(where: { $0.address.ip.isIPv6 }) { preferences.families = .ipv4Only }
    locator = SIPLocator(
      ServerLocator(resolver: resolver, eventLoop: eventLoop, preferences: preferences), transport: transport,
      driver: driver)
    self.policyServers = PolicyServers(
      servers: policyServers, eventLoop: eventLoop, driver: driver, log: logger)
    router.consultant = self.policyServers
    logEvents()
  }

  // MARK: Start

  /// Opens the listeners and begins to take calls.
  func start() -> EventLoopFuture<[BoundListener]> {
    let globals = router.policy.policy.globals
    let listeners = globals.openListeners
    for listener in globals.sip.listeners where !listeners.contains(listener) {
      let reason = listener.transport == .udp ? "SIP over UDP is off" : "its certificate is not there"
      log.notice(
        "listener left out: \(reason)",
        metadata: ["address": "\(listener.address)", "file": "\(listener.certificateFile ?? "")"])
    }
    let openings = listeners.map { transport.listen(configuration($0)) }
    return EventLoopFuture.whenAllSucceed(openings, on: eventLoop).assumeIsolated().map { bound in
      self.opened(bound, listeners)
      return bound
    }.nonisolated()
  }

  private func opened(_ bound: [BoundListener], _ settings: [SIPSettings.Listener]) {
    let identities = bound.map { listener in
      LocalIdentity(
        listener: listener.id, transport: listener.transport, address: listener.local,
        host: listener.advertisedName.map { .name($0) } ?? .ip(listener.advertised.ip),
        port: listener.advertised.port)
    }
    let endpoint = SIPEndpoint(
      exchange: exchange, gateway: gateway, wire: self, locator: locator, identities: identities,
      product: "Tandem/\(Tandem.version)")
    for (listener, setting) in zip(bound, settings) {
      endpoint.listenerLocations[listener.id] = setting.location
    }
    endpoint.onNotice = { [log] in $0.write(to: log) }
    self.endpoint = endpoint
    policyServers.nodeAddress = bound.first?.advertised.ip
    transport.delegate = self
    driver.turn { endpoint.trunks.start() }
    sweepRegistrations()
  }

  private func configuration(_ listener: SIPSettings.Listener) -> SIPListenerConfiguration {
    let tls = listener.certificateFile.flatMap { certificate in
      listener.keyFile.map { key in
        var tls = SIPTLSConfiguration(certificateChainFile: certificate, privateKeyFile: key)
        tls.serverVerificationByName = verifications
        let authorities = Set(router.policy.policy.trunks.compactMap(\.certificateAuthorityFile)).sorted()
        if !authorities.isEmpty { tls.trust = .files(authorities) }
        return tls
      }
    }
    return SIPListenerConfiguration(
      transport: listener.transport.sip, bind: listener.address, advertised: listener.advertised, tls: tls)
  }

  /// Trunks, and by their address devices, whose certificates are not checked.
  private var verifications: [String: SIPTLSConfiguration.ServerVerification] {
    Dictionary(
      router.policy.policy.trunks.filter { !$0.verifiesCertificate }.map { ($0.host, .none) },
      uniquingKeysWith: { first, _ in first })
  }

  private func sweepRegistrations() {
    driver.loop.schedule(after: .seconds(5)) { [weak self] in
      guard let self else { return }
      self.router.registrations.expire(now: self.driver.loop.now)
      self.sweepRegistrations()
    }
  }

  // MARK: Changes

  /// Makes a policy the one in force. Calls in progress keep theirs.
  func activate(_ policy: PolicySnapshot) {
    driver.turn {
      if policy.policy.globals.sip.listeners != boundSettings.listeners {
        log.warning("listeners have changed: the change takes effect at the next start")
      }
      if policy.policy.globals.media != boundMedia {
        log.warning("media settings have changed: all but the time-out take effect at the next start")
      }
      if certificates(policy) != boundCertificates {
        log.warning("how trunks' certificates are checked has changed: it takes effect at the next start")
      }
      router.activate(policy)
      endpoint?.policyChanged()
      services.policyChanged(policy.policy)
    }
  }

  /// Lets a candidate policy look on; nil: none.
  func watch(by shadow: ShadowEvaluation?) {
    guard let shadow else {
      router.onRouted = nil
      return
    }
    router.onRouted = { [policyServers] request, external, routed, at in
      shadow.offer(
        ShadowTally.Observation(
          request: request, answer: external.answer, record: routed.record, at: at, policy: routed.policy,
          node: policyServers.nodeAddress, endsAtDevice: routed.hunt.beginsAtDevice))
    }
  }

  /// Answers what an admin asks about conferences.
  func answer(_ request: ConferenceRequest, isJSON: Bool) -> EventLoopFuture<ControlReply> {
    let reply = eventLoop.makePromise(of: ControlReply.self)
    driver.turn {
      services.conferences.answer(request, isJSON: isJSON) { exitCode, output in
        reply.succeed(ControlReply(exitCode: exitCode, output: output))
      }
    }
    return reply.futureResult
  }

  /// One turn of the loop, for what is asked from outside.
  func turn<Result>(_ work: (HostedServices) -> Result) -> Result? {
    var result: Result?
    driver.turn { result = work(services) }
    return result
  }

  /// Takes no new calls from now on.
  func drain() { driver.turn { router.isDraining = true } }

  /// Ends every call and closes the sockets, once what was ordered has been sent.
  func shutDown() -> EventLoopFuture<Void> {
    driver.turn {
      router.isDraining = true
      endpoint?.trunks.stop()
      exchange.refuseUndecided(Disconnect(.shutdown, text: "Service is stopping"))
      endpoint?.refuseWaiting()
      ledger.endAll(Disconnect(.shutdown, text: "Service is stopping"))
    }
    // BYEs, the withdrawal of registrations and the last media figures take a moment; a peer that does not answer is not waited for.
    let closed = eventLoop.makePromise(of: Void.self)
    waitForCalls(until: driver.loop.now + .seconds(2), closed)
    policyServers.shutDown()
    return closed.futureResult.flatMap { [transport = NIOLoopBound(transport, eventLoop: eventLoop)] in
      transport.value.close()
    }
  }

  private func waitForCalls(until deadline: MonotonicInstant, _ promise: EventLoopPromise<Void>) {
    driver.turn {
      let isDone = ledger.openRecords == 0 && (endpoint?.agent.sessionCount ?? 0) == 0
      if isDone || driver.loop.now >= deadline {
        isClosed = true
        policyServers.writeCounters()
        promise.succeed()
      } else {
        driver.loop.schedule(after: .milliseconds(20)) { [weak self] in
          self?.waitForCalls(until: deadline, promise)
        }
      }
    }
  }

  var callCount: Int { ledger.calls.count }

  private func logEvents() {
    ledger.onBegan = { [log] call in
      log.info(
        "call began",
        metadata: [
          "call": "\(call.id)", "from": "\(call.record.caller.alias)", "to": "\(call.record.calledAlias)",
          "service": "\(call.record.serviceName)",
          "address": "\(call.record.caller.address?.description ?? "")",
          "sip": "\(call.record.caller.protocolCallID)", "policy": "\(call.record.decision.policyVersion)",
        ])
    }
    ledger.onConnected = { [log] call in log.info("call connected", metadata: ["call": "\(call.id)"]) }
    ledger.onFinished = { [log] call in
      log.info(
        "call ended",
        metadata: [
          "call": "\(call.id)", "cause": "\(call.record.disconnect?.cause.rawValue ?? "")",
          "by": "\(call.record.endedBy?.rawValue ?? "")", "attempts": "\(call.record.attempts.count)",
          "seconds": "\(call.record.connectedSeconds)",
        ])
    }
    router.onTrunkChange = { [log] trunk, isUp, cause in
      if isUp {
        log.notice("trunk is up", metadata: ["trunk": "\(trunk)"])
      } else {
        log.warning("trunk is down", metadata: ["trunk": "\(trunk)", "cause": "\(cause?.rawValue ?? "")"])
      }
    }
    router.onRuleError = { [log] rule, request, untold in
      log.warning(
        "rule failed: its calls are refused",
        metadata: [
          "rule": "\(rule)", "alias": "\(request.alias.parsed)", "call": "\(request.id)", "more": "\(untold)",
        ])
    }
    router.onLimitReached = { [log] limit, suppressed in
      log.warning(
        "limit reached",
        metadata: [
          "limit": "\(limit)", "scope": "\(limit.scope.rawValue)", "name": "\(limit.name)",
          "cap": "\(limit.cap.rawValue)", "caller": "\(limit.caller ?? "")", "suppressed": "\(suppressed)",
        ])
    }
    router.registrations.onAdded = { [log] binding in
      log.info(
        "registration added",
        metadata: [
          "alias": "\(binding.alias)", "protocol": "\(binding.callProtocol.rawValue)", "id": "\(binding.id)",
          "address": "\(binding.remote)", "natted": "\(binding.isNatted)",
        ])
    }
    router.registrations.onRemoved = { [log] binding, reason in
      log.info(
        "registration deleted",
        metadata: ["alias": "\(binding.alias)", "id": "\(binding.id)", "reason": "\(reason.rawValue)"])
    }
  }
}

// MARK: The wire

extension SignallingServer: SIPWire {
  func send(_ bytes: [UInt8], over hop: Hop) {
    if !isClosed { transport.send(bytes, over: hop) }
  }
}

extension SignallingServer: SIPTransportDelegate {
  func received(_ message: SIPMessage, hop: Hop) { driver.turn { endpoint?.receive(message, over: hop) } }

  func transportFailed(_ hop: Hop, _ failure: SIPTransportFailure) {
    if !isClosed { driver.turn { endpoint?.transportFailed(over: hop) } }
  }

  func connectionClosed(_ connection: ConnectionID, hop: Hop, reason: ConnectionCloseReason) {
    driver.turn { endpoint?.connectionClosed(connection) }
  }

  func malformed(_ error: SIPSyntaxError, hop: Hop, isAnswered: Bool) {
    log.debug("malformed message", metadata: ["address": "\(hop)", "error": "\(error)"])
  }
}

extension Globals {
  /// The listeners that are opened: UDP only where SIP over UDP is on, an optional TLS one only with its files.
  var openListeners: [SIPSettings.Listener] {
    sip.listeners.filter { listener in
      switch listener.transport {
      case .udp: sipUDPEnabled
      case .tcp: true
      case .tls: !listener.isOptional || listener.hasCertificate
      }
    }
  }
}

/// What TLS connections to trunks are checked by, as far as it is fixed when the listeners open.
private func certificates(_ policy: PolicySnapshot) -> Set<[String]> {
  Set(
    policy.policy.trunks.filter { $0.transport == .tls }
      .map { [$0.host, $0.certificateAuthorityFile ?? "", $0.verifiesCertificate ? "yes" : "no"] })
}

extension SIPSettings.Listener {
  fileprivate var hasCertificate: Bool {
    [certificateFile, keyFile].allSatisfy { $0.map { access($0, R_OK) == 0 } ?? false }
  }
}

extension Trunk.Transport {
  var sip: SIPTransportProtocol {
    switch self {
    case .udp: .udp
    case .tcp: .tcp
    case .tls: .tls
    }
  }
}

extension SIPTransportProtocol {
  fileprivate var trunkTransport: Trunk.Transport {
    switch self {
    case .udp: .udp
    case .tcp, .ws: .tcp
    case .tls, .wss: .tls
    }
  }
}

extension CallRecord {
  fileprivate var connectedSeconds: Int64 {
    guard let connected, let ended else { return 0 }
    return max(0, ended.milliseconds - connected.milliseconds) / 1000
  }
}
