import CallModel
import DNSResolver
import Logging
import NIOCore
import SIP
import SIPTransport

/// A test phone's state, all on one event loop: its sockets, its user agent, its registration, its calls.
final class PhoneCore: SIPTransportDelegate {
  let configuration: TestPhoneConfiguration
  let eventLoop: any EventLoop
  let agent: UserAgent
  private let transport: SIPTransportLayer
  private var resolver: DNSResolver?
  private var probe: ServerProbe?
  private(set) var hops: [Hop] = []
  private(set) var listeners: [BoundListener] = []
  private var calls: [SessionID: PhoneCall] = [:]
  private var wakeUp: (deadline: MonotonicInstant, timer: Scheduled<Void>)?
  private var isFlushing = false
  private var isClosed = false
  /// The last reason why something could not be sent: says more than "timed out".
  private(set) var lastFailure: SIPTransportFailure?
  private var isServerRefusing = false

  private var registration: ClientRegistration?
  private var registering: OutgoingRequestID?
  private var registered: EventLoopPromise<Void>?

  private var arrivals: [TestCall] = []
  private var arrivalPromise: EventLoopPromise<TestCall?>?

  init(_ configuration: TestPhoneConfiguration, eventLoop: any EventLoop) {
    self.configuration = configuration
    self.eventLoop = eventLoop
    var agentConfiguration = UserAgentConfiguration()
    agentConfiguration.product = configuration.product
    agentConfiguration.timers = configuration.timers
    agent = UserAgent(configuration: agentConfiguration, identities: [])
    var logger = Logger(label: "test-caller", factory: { _ in SwiftLogNoOpLogHandler() })
    logger.logLevel = .critical
    transport = SIPTransportLayer(eventLoop: eventLoop, logger: logger)
    transport.delegate = self
  }

  // MARK: Starting

  /// Finds the server, then listens where it can be reached from.
  func open() -> EventLoopFuture<Void> {
    locateServer().flatMap { candidates in
      self.localAddress(toward: candidates.first?.address).flatMap { address in
        self.listen(address, candidates).nonisolated()
      }.nonisolated()
    }.nonisolated()
  }

  private func locateServer() -> EventLoopFuture<[ServerCandidate]>.Isolated {
    guard var target = configuration.server else { return eventLoop.makeSucceededFuture([]).assumeIsolated() }
    let preferred = target.isSecure ? .tls : configuration.transport
    if case .ip(let ip) = target.host {
      let transport = target.transport ?? preferred
      let address = TransportAddress(ip, target.port ?? transport.defaultPort)
      let candidate = ServerCandidate(transport: transport, address: address, serverName: target.serverName)
      return eventLoop.makeSucceededFuture([candidate]).assumeIsolated()
    }
    // A port with no transport says that the DNS was not meant to choose.
    if target.transport == nil, target.port != nil { target.transport = preferred }
    do {
      let resolver = try self.resolver ?? DNSResolver()
      self.resolver = resolver
      let transports: [SIPTransportProtocol] = configuration.tls == nil ? [.udp, .tcp] : [.udp, .tcp, .tls]
      let locator = ServerLocator(
        resolver: resolver, eventLoop: eventLoop,
        preferences: ServerLocationPreferences(transports: transports, families: .preferIPv4))
      return locator.locate(target).assumeIsolated().flatMapErrorThrowing { error in
        // Keeps the locator until its answer is there.
        withExtendedLifetime(locator) {}
        throw TestPhoneError("\(error)")
      }
    } catch {
      return eventLoop.makeFailedFuture(error).assumeIsolated()
    }
  }

  private func localAddress(toward remote: TransportAddress?) -> EventLoopFuture<IPAddress>.Isolated {
    if let address = configuration.localAddress {
      return eventLoop.makeSucceededFuture(address).assumeIsolated()
    }
    guard let remote else { return eventLoop.makeSucceededFuture(.loopbackIPv4).assumeIsolated() }
    return LocalRoute.address(toward: remote, on: eventLoop)
  }

  private func listen(
    _ address: IPAddress, _ candidates: [ServerCandidate]
  ) -> EventLoopFuture<Void>.Isolated {
    var transports: [SIPTransportProtocol] = []
    let wanted = candidates.isEmpty ? [configuration.transport] : candidates.map(\.transport)
    for transport in wanted where !transports.contains(transport) { transports.append(transport) }
    let opening = transports.map { kind in
      transport.listen(
        SIPListenerConfiguration(
          transport: kind, bind: TransportAddress(address, 0), tls: configuration.tls))
    }
    return EventLoopFuture.whenAllSucceed(opening, on: eventLoop).assumeIsolated().map { bound in
      self.listeners = bound
      self.agent.identities = bound.map {
        LocalIdentity(listener: $0.id, transport: $0.transport, address: $0.local)
      }
      self.hops = candidates.compactMap { candidate in
        self.transport.listener(for: candidate.transport, reaching: candidate.address.ip).map {
          candidate.hop(listener: $0.id)
        }
      }
      self.watchServer()
    }
  }

  /// A server that is not there is reported at once, not after timer B.
  private func watchServer() {
    guard let hop = hops.first, hops.count == 1, hop.transport == .udp else { return }
    let probe = ServerProbe { [weak self] in self?.serverRefused() }
    self.probe = probe
    probe.start(toward: hop.remote, on: eventLoop)
  }

  /// Fails what waits for the server, and what is yet to be sent to it.
  private func serverRefused() {
    isServerRefusing = true
    guard let hop = hops.first else { return }
    transportFailed(hop, .refused)
  }

  func close() -> EventLoopFuture<Void> {
    isClosed = true
    wakeUp?.timer.cancel()
    for call in calls.values { call.abandon() }
    arrivalPromise?.succeed(nil)
    arrivalPromise = nil
    registered?.fail(TestPhoneError("the phone was closed"))
    registered = nil
    resolver?.shutdown()
    probe?.close()
    return transport.close()
  }

  var localAddress: IPAddress { listeners.first?.local.ip ?? .loopbackIPv4 }

  // MARK: Calls

  func place(_ target: SIPURI, _ settings: TestCallSettings) -> EventLoopFuture<TestCall>.Isolated {
    CallAudio.open(localAddress, sound: settings.sound, on: eventLoop).map { audio in
      let call = PhoneCall(core: self, audio: audio.value, isIncoming: false, peer: target.description)
      let invite = OutgoingInvite(
        requestURI: target, hops: self.hops, from: self.configuration.identity, to: NameAddress(uri: target),
        contactUser: self.configuration.identity.uri.user, offer: call.makeOffer(), headers: settings.headers,
        credentials: self.configuration.account.map { [$0] } ?? [])
      guard let session = self.agent.invite(invite, now: .now) else {
        call.abandon()
        return TestCall(call, self)
      }
      call.session = session
      self.calls[session] = call
      self.flush()
      return TestCall(call, self)
    }
  }

  /// The next call that came in; nil when none does in time.
  func nextCall(within limit: TimeSpan) -> EventLoopFuture<TestCall?> {
    let promise = eventLoop.makePromise(of: TestCall?.self)
    if !arrivals.isEmpty {
      promise.succeed(arrivals.removeFirst())
      return promise.futureResult
    }
    arrivalPromise?.succeed(nil)
    arrivalPromise = promise
    eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(limit.nanoseconds)) {
      guard self.arrivalPromise?.futureResult === promise.futureResult else { return }
      self.arrivalPromise = nil
      promise.succeed(nil)
    }
    return promise.futureResult
  }

  private func incoming(_ session: SessionID, _ invite: IncomingInvite) {
    if case .refuse(let status) = configuration.answering {
      agent.reject(session, status: status, now: .now)
      return
    }
    agent.provisional(session, status: 180, now: .now)
    var sound = TestSound.silence
    if case .answer(let chosen, _) = configuration.answering { sound = chosen }
    // The call is known before its socket is, for a CANCEL that comes at once.
    let call = PhoneCall(core: self, audio: nil, isIncoming: true, peer: invite.from.uri.description)
    call.session = session
    call.rang()
    calls[session] = call
    arrived(call)
    CallAudio.open(localAddress, sound: sound, on: eventLoop).whenComplete { result in
      guard case .success(let audio) = result else {
        self.agent.reject(session, status: 500, now: .now)
        return self.flush()
      }
      call.adopt(audio.value)
      guard case .answer(_, let delay) = self.configuration.answering else { return }
      self.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(delay.nanoseconds)) {
        call.accept(invite.offer)
        self.flush()
      }
    }
  }

  private func arrived(_ call: PhoneCall) {
    guard let promise = arrivalPromise else { return arrivals.append(TestCall(call, self)) }
    arrivalPromise = nil
    promise.succeed(TestCall(call, self))
  }

  // MARK: Registration

  func register(expires: Int) -> EventLoopFuture<Void> {
    let identity = configuration.identity
    var settings = RegistrationSettings(
      registrar: SIPURI(host: identity.uri.host), addressOfRecord: identity, hops: hops,
      credentials: configuration.account.map { [$0] } ?? [],
      contact: ContactTemplate(user: identity.uri.user), expires: expires)
    settings.supportsPath = false
    var registration = ClientRegistration(settings: settings)
    let promise = eventLoop.makePromise(of: Void.self)
    registered?.fail(TestPhoneError("a newer registration took its place"))
    registered = promise
    let actions = registration.register(now: .now)
    self.registration = registration
    carryOut(actions)
    flush()
    return promise.futureResult
  }

  /// Removes the binding; done also when the server does not answer.
  func unregister() -> EventLoopFuture<Void> {
    let promise = eventLoop.makePromise(of: Void.self)
    registered?.fail(TestPhoneError("the registration was removed"))
    registered = promise
    let actions = registration?.unregister(now: .now) ?? []
    if actions.isEmpty {
      promise.succeed(())
      registered = nil
    }
    carryOut(actions)
    flush()
    return promise.futureResult
  }

  private func carryOut(_ actions: [ClientRegistration.Action]) {
    for action in actions {
      switch action {
      case .send(let request): registering = agent.send(request, now: .now)
      case .stateChanged(let state): registrationChanged(state)
      }
    }
  }

  private func registrationChanged(_ state: ClientRegistration.State) {
    switch state {
    case .registering, .unregistering: break
    case .registered, .idle:
      registered?.succeed(())
      registered = nil
    case .failed(let status):
      registered?.fail(TestPhoneError(FailureAdvice.registration(status, self), status: status))
      registered = nil
    }
  }

  // MARK: The user agent's orders

  func flush() {
    guard !isFlushing, !isClosed else { return }
    isFlushing = true
    while true {
      let outputs = agent.drain()
      if outputs.isEmpty { break }
      for output in outputs { carryOut(output) }
    }
    isFlushing = false
    arm()
  }

  private func carryOut(_ output: UserAgentOutput) {
    switch output {
    case .send(let bytes, let hop):
      guard isServerRefusing, hop.remote == hops.first?.remote else {
        return transport.send(bytes, over: hop)
      }
      eventLoop.assumeIsolated().execute { self.transportFailed(hop, .refused) }
    case .incoming(let session, let invite): incoming(session, invite)
    case .session(let session, let event):
      calls[session]?.handle(event)
      if case .ended = event { calls[session] = nil }
    case .request(let request):
      let status = request.request.method == .options ? 200 : 405
      agent.respond(to: request.id, status: status, now: .now)
    case .response(let id, let response):
      guard id == registering, let actions = registration?.received(response, now: .now) else { return }
      carryOut(actions)
    case .failed(let id, let failure):
      guard id == registering, let actions = registration?.failed(failure, now: .now) else { return }
      carryOut(actions)
    case .resolve(let uri, let token): resolve(uri, token)
    }
  }

  /// Names in the peer's Contact or Record-Route lead to the server we were told of, or nowhere.
  private func resolve(_ uri: SIPURI, _ token: ResolutionToken) {
    if hops.isEmpty {
      agent.resolutionFailed(token, now: .now)
    } else {
      agent.resolved(token, hops, now: .now)
    }
  }

  /// Wakes up for the next deadline of the user agent or of the registration.
  private func arm() {
    let deadlines = [agent.nextDeadline, registration?.nextDeadline].compactMap { $0 }
    guard let deadline = deadlines.min(), !isClosed else { return }
    if let wakeUp, wakeUp.deadline <= deadline { return }
    wakeUp?.timer.cancel()
    let timer = eventLoop.assumeIsolated().scheduleTask(
      deadline: .uptimeNanoseconds(UInt64(max(0, deadline.nanoseconds)))
    ) { [weak self] in
      guard let self else { return }
      self.wakeUp = nil
      self.agent.advance(to: .now)
      if let actions = self.registration?.advance(to: .now) { self.carryOut(actions) }
      self.flush()
    }
    wakeUp = (deadline, timer)
  }

  // MARK: From the wire

  func received(_ message: SIPMessage, hop: Hop) {
    agent.receive(message, over: hop, now: .now)
    flush()
  }

  func transportFailed(_ hop: Hop, _ failure: SIPTransportFailure) {
    lastFailure = failure
    agent.transportFailed(over: hop, now: .now)
    flush()
  }

  func connectionClosed(_ connection: ConnectionID, hop: Hop, reason: ConnectionCloseReason) {
    agent.connectionClosed(connection, now: .now)
    flush()
  }
}
