import CallModel
import MediaRelay
import PolicyEngine
import Router
import SDP
import SIP

/// Puts bytes on the wire. The driver of the transport layer conforms.
public protocol SIPWire: AnyObject {
  func send(_ bytes: [UInt8], over hop: Hop)
}

/// Finds servers by RFC 3263. `completion` is called on the signalling loop, possibly before `locate` returns; an empty
/// list means that there is none.
public protocol SIPServerLocator: AnyObject {
  func locate(_ target: ServerLocationTarget, completion: @escaping ([Hop]) -> Void)
}

/// The SIP side of the gateway: turns what the wire brings into requests to the Router, and outgoing legs into INVITEs.
///
/// Owns the user agent of its loop. Knows no call: legs go to the ``Exchange`` and come from it.
public final class SIPEndpoint: LegDialer {
  public let agent: UserAgent
  public let exchange: Exchange
  unowned let wire: any SIPWire
  let locator: any SIPServerLocator
  /// Hosts gateway calls; told of INVITEs with Replaces.
  let gateway: GatewayHost
  /// Which location a listener belongs to.
  public var listenerLocations: [ListenerID: String] = [:]
  var proxyAuthentication: DigestServer
  var registrarAuthentication: DigestServer
  public let trunks: SIPTrunks
  var legs: [SessionID: SIPLeg] = [:]
  private var sessionsByLeg: [LegID: SessionID] = [:]
  /// Requests of ours outside dialogs, and what to do with their responses.
  private var pending: [OutgoingRequestID: (Result<SIPResponse, RequestFailure>) -> Void] = [:]
  /// Requests of ours outside dialogs that wait for a final response.
  var pendingCount: Int { pending.count }
  /// Requests of peers that wait for policy servers.
  var asking: [IncomingRequestID: Asking] = [:]
  /// How many of them are REGISTERs, by source.
  var registrationsAsked: [IPAddress: Int] = [:]
  private var isFlushing = false
  private var timer: SignallingLoop.TimerID?
  private var timerDeadline: MonotonicInstant?
  private var random = BufferedRandom()
  public internal(set) var counters = SIPEndpointCounters()
  /// For the log: what the registrar did, failed authentications, quarantine.
  public var onNotice: ((SIPNotice) -> Void)?

  public var loop: SignallingLoop { exchange.loop }
  var router: Router { exchange.router }

  public init(
    exchange: Exchange, gateway: GatewayHost, wire: any SIPWire, locator: any SIPServerLocator,
    identities: [LocalIdentity], product: String
  ) {
    self.exchange = exchange
    self.gateway = gateway
    self.wire = wire
    self.locator = locator
    let globals = exchange.router.policy.policy.globals
    var configuration = UserAgentConfiguration()
    configuration.product = product
    configuration.sessionTimer = SIPEndpoint.sessionTimer(globals)
    agent = UserAgent(configuration: configuration, identities: identities)
    let digest = SIPEndpoint.digest(globals)
    proxyAuthentication = DigestServer(digest, role: .proxy)
    registrarAuthentication = DigestServer(digest, role: .userAgent)
    trunks = SIPTrunks()
    trunks.endpoint = self
    exchange.dial(.sip, by: self)
    router.onQuarantine = { [weak self] in self?.onNotice?(.quarantined($0)) }
  }

  /// The host of identities that have none of their own.
  var domainHost: String { router.policy.policy.globals.domain }

  // MARK: From the wire

  public func receive(_ message: SIPMessage, over hop: Hop) {
    agent.receive(message, over: hop, now: loop.now)
    flush()
  }

  public func transportFailed(over hop: Hop) {
    agent.transportFailed(over: hop, now: loop.now)
    flush()
  }

  /// A connection is gone, and with it what was registered over it (RFC 5626 §5.3).
  public func connectionClosed(_ connection: ConnectionID) {
    router.registrations.removeAll(ofConnection: connection.number)
    registrationsFailed(over: connection)
    agent.connectionClosed(connection, now: loop.now)
    flush()
  }

  /// Another policy is in force. What it says of challenges and session timers holds from the next request on.
  public func policyChanged() {
    let globals = router.policy.policy.globals
    agent.sessionTimer = SIPEndpoint.sessionTimer(globals)
    let digest = SIPEndpoint.digest(globals)
    let old = proxyAuthentication.configuration
    if digest.realm != old.realm || digest.algorithms != old.algorithms {
      // Nonces of the old realm are void: clients are challenged once more.
      proxyAuthentication = DigestServer(digest, role: .proxy)
      registrarAuthentication = DigestServer(digest, role: .userAgent)
    }
    trunks.policyChanged()
  }

  private static func sessionTimer(_ globals: Globals) -> SessionTimerPreferences {
    SessionTimerPreferences(
      interval: Int(globals.sip.sessionExpires.seconds),
      minimum: Int(globals.sip.minimumSessionExpires.seconds))
  }

  private static func digest(_ globals: Globals) -> DigestServer.Configuration {
    DigestServer.Configuration(
      realm: globals.domain,
      algorithms: globals.sip.digestAlgorithms.compactMap { DigestAlgorithm(rawValue: $0.uppercased()) })
  }

  // MARK: The user agent's orders

  /// Carries out what the user agent orders, until nothing is left. Handlers may give it new commands meanwhile.
  func flush() {
    guard !isFlushing else { return }
    isFlushing = true
    while true {
      let outputs = agent.drain()
      if outputs.isEmpty { break }
      for output in outputs { carryOut(output) }
    }
    isFlushing = false
    armTimer()
  }

  private func armTimer() {
    guard let deadline = agent.nextDeadline else { return }
    if let timerDeadline, timerDeadline <= deadline, timer != nil { return }
    loop.cancel(timer)
    timerDeadline = deadline
    timer = loop.schedule(after: deadline - loop.now) { [weak self] in
      guard let self else { return }
      self.timer = nil
      self.timerDeadline = nil
      self.agent.advance(to: self.loop.now)
      self.flush()
      self.armTimer()
    }
  }

  private func carryOut(_ output: UserAgentOutput) {
    switch output {
    case .send(let bytes, let hop):
      wire.send(bytes, over: hop)
    case .incoming(let session, let invite):
      incoming(session, invite)
    case .session(let session, let event):
      guard let leg = legs[session] else { return }
      if case .ended = event { forget(leg) }
      leg.handle(event)
    case .request(let request):
      handle(request)
    case .response(let id, let response):
      guard !response.isProvisional, let completion = pending.removeValue(forKey: id) else { return }
      completion(.success(response))
    case .failed(let id, let failure):
      pending.removeValue(forKey: id)?(.failure(failure))
    case .resolve(let uri, let token):
      resolve(uri, token)
    }
  }

  private func resolve(_ uri: SIPURI, _ token: ResolutionToken) {
    guard let target = try? ServerLocationTarget(uri: uri) else {
      return agent.resolutionFailed(token, now: loop.now)
    }
    locator.locate(target) { [weak self] hops in
      guard let self else { return }
      if hops.isEmpty {
        self.agent.resolutionFailed(token, now: self.loop.now)
      } else {
        self.agent.resolved(token, hops, now: self.loop.now)
      }
      self.flush()
    }
  }

  /// Sends a request outside any dialog. `completion` gets the final response or the failure.
  func send(_ request: OutgoingRequest, completion: @escaping (Result<SIPResponse, RequestFailure>) -> Void) {
    guard let id = agent.send(request, now: loop.now) else { return completion(.failure(.transportFailed)) }
    pending[id] = completion
    flush()
  }

  // MARK: Legs

  func leg(of session: SessionID) -> SIPLeg? { legs[session] }
  func session(of leg: LegID) -> SessionID? { sessionsByLeg[leg] }

  /// - Parameter behind: the party this leg speaks for: the called one on an incoming leg, the caller on an outgoing one.
  func makeLeg(
    _ session: SessionID?, _ party: LegParty, toward address: IPAddress?, behind alias: String
  ) -> SIPLeg {
    let leg = SIPLeg(
      id: exchange.makeLegID(), session: session, party: party, endpoint: self,
      address: sdpAddress(toward: address),
      sdpSession: UInt64.random(in: 1...UInt64(Int64.max), using: &random),
      contactUser: contactUser(alias))
    if let session { adopt(leg, session) }
    return leg
  }

  /// Events of the session go to the leg from now on.
  func adopt(_ leg: SIPLeg, _ session: SessionID) {
    legs[session] = leg
    sessionsByLeg[leg.id] = session
  }

  private func forget(_ leg: SIPLeg) {
    if let session = leg.session { legs[session] = nil }
    sessionsByLeg[leg.id] = nil
  }

  /// The address of our `o=` lines: any of ours of the right family, since it only has to be unique.
  private func sdpAddress(toward address: IPAddress?) -> IPAddress {
    let wanted = address?.isIPv6 ?? false
    let interfaces = gateway.media.interfaces
    let match = interfaces.first { ($0.advertised ?? $0.address).isIPv6 == wanted } ?? interfaces.first
    return match.map { $0.advertised ?? $0.address } ?? .loopbackIPv4
  }

  /// A session description in protocol-neutral terms; nil when it cannot be read.
  func media(_ body: MessageBody) -> MediaDescription? {
    guard let session = try? SessionDescription(parsing: body.content) else {
      counters.unreadableDescriptions += 1
      return nil
    }
    // A host name in c= would have to be looked up before the call can go on; no endpoint in use writes one.
    guard let media = try? MediaDescription(session) else {
      counters.unreadableDescriptions += 1
      return nil
    }
    return media
  }

  /// The user part of our Contact: the party's own, so that a call that is transferred or traced shows who it was for.
  func contactUser(_ alias: String) -> String? {
    let user = Alias(sip: alias).parsed.prefix { $0 != "@" }
    return user.isEmpty ? nil : String(user)
  }

}

public struct SIPEndpointCounters: Sendable, Hashable {
  public var calls: UInt64 = 0
  public var refusedCalls: UInt64 = 0
  public var challenges: UInt64 = 0
  public var registrations: UInt64 = 0
  public var unreadableDescriptions: UInt64 = 0
  /// REGISTERs refused because their source had too many of them waiting for policy servers.
  public var registrationsOverload: UInt64 = 0
  public init() {}
}

/// What an administrator wants to read in the log.
public enum SIPNotice: Sendable {
  case authenticationFailed(username: String, source: TransportAddress, reason: String)
  case registrationRefused(alias: String, source: TransportAddress, status: Int)
  case quarantined(IPAddress)
  case trunkRegistered(String)
  case trunkRegistrationFailed(String, String)
}
