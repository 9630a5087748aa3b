import CallModel

@testable import SIP

/// Nodes on a virtual network with virtual time: every message crosses it as bytes, is parsed at the other end, and takes 10 ms.
final class SimulatedNetwork {
  private(set) var now = MonotonicInstant(nanoseconds: 1_000_000_000)
  private var nodes: [TransportAddress: any NetworkNode] = [:]
  private var inFlight: [(at: MonotonicInstant, bytes: [UInt8], from: TransportAddress, to: Hop)] = []
  /// Whether a message is lost.
  var drops: (_ message: SIPMessage, _ to: TransportAddress) -> Bool = { _, _ in false }
  /// Everything that was sent, lost or not.
  private(set) var sent: [SIPMessage] = []

  func add(_ node: any NetworkNode) { nodes[node.address] = node }

  func transmit(_ bytes: [UInt8], from: TransportAddress, to hop: Hop) {
    guard let message = try? SIPParser.parse(bytes) else { return }
    sent.append(message)
    guard !drops(message, hop.remote) else { return }
    inFlight.append((now + .milliseconds(10), bytes, from, hop))
  }

  /// Lets time pass, delivering messages and firing timers in order.
  func run(for span: TimeSpan = .milliseconds(100)) {
    let end = now + span
    var steps = 0
    while steps < 100_000 {
      steps += 1
      let delivery = inFlight.map(\.at).min() ?? .distantFuture
      let deadline = nodes.values.compactMap(\.nextDeadline).min() ?? .distantFuture
      let next = min(delivery, deadline)
      guard next <= end else { break }
      now = max(now, next)
      let due = inFlight.filter { $0.at <= now }
      inFlight.removeAll { $0.at <= now }
      for item in due {
        guard let node = nodes[item.to.remote], let message = try? SIPParser.parse(item.bytes) else {
          continue
        }
        var hop = item.to
        hop.remote = item.from
        hop.listener = ListenerID(0)
        node.receive(message, over: hop, now: now)
      }
      for node in nodes.values.sorted(by: { "\($0.address)" < "\($1.address)" }) {
        if let deadline = node.nextDeadline, deadline <= now { node.advance(to: now) }
      }
    }
    now = end
    for node in nodes.values { node.advance(to: now) }
  }

  func sentRequests(_ method: SIPMethod) -> [SIPRequest] {
    sent.compactMap { if case .request(let request) = $0, request.method == method { request } else { nil } }
  }

  func sentResponses(_ status: Int, to method: SIPMethod) -> [SIPResponse] {
    sent.compactMap {
      if case .response(let response) = $0, response.status == status, response.headers.cSeq?.method == method
      {
        response
      } else {
        nil
      }
    }
  }
}

protocol NetworkNode: AnyObject {
  var address: TransportAddress { get }
  var nextDeadline: MonotonicInstant? { get }
  func receive(_ message: SIPMessage, over hop: Hop, now: MonotonicInstant)
  func advance(to now: MonotonicInstant)
}

/// A user agent on the network. Its events are kept, and shown as short lines that tests compare.
final class Phone: NetworkNode {
  let name: String
  let address: TransportAddress
  let agent: UserAgent
  unowned let network: SimulatedNetwork
  private(set) var incoming: [(id: SessionID, invite: IncomingInvite)] = []
  private(set) var events: [(id: SessionID, event: SessionEvent)] = []
  private(set) var requests: [IncomingRequest] = []
  private(set) var outcomes: [String] = []
  private(set) var resolutions: [(SIPURI, ResolutionToken)] = []
  private(set) var transfers: [IncomingTransfer] = []
  private var shown = 0
  /// What the application does at once.
  var onEvent: (Phone, SessionID, SessionEvent) -> Void = { _, _, _ in }
  var onIncoming: (Phone, SessionID, IncomingInvite) -> Void = { _, _, _ in }

  init(
    _ name: String, _ address: String, on network: SimulatedNetwork,
    configure: (inout UserAgentConfiguration) -> Void = { _ in }
  ) {
    self.name = name
    self.address = TransportAddress(address)!
    self.network = network
    var configuration = UserAgentConfiguration()
    configuration.sessionTimer = .none
    configure(&configuration)
    agent = UserAgent(
      configuration: configuration,
      identities: [
        LocalIdentity(listener: ListenerID(0), transport: .udp, address: self.address)
      ], seed: UInt64(name.utf8.reduce(0) { $0 * 31 + UInt64($1) }))
    network.add(self)
  }

  var now: MonotonicInstant { network.now }
  var uri: SIPURI { SIPURI(user: name, host: .ip(address.ip), port: address.port) }
  var nextDeadline: MonotonicInstant? { agent.nextDeadline }

  func receive(_ message: SIPMessage, over hop: Hop, now: MonotonicInstant) {
    agent.receive(message, over: hop, now: now)
    flush()
  }

  func advance(to now: MonotonicInstant) {
    agent.advance(to: now)
    flush()
  }

  /// Runs a command and carries out what it leads to.
  @discardableResult
  func tell(_ command: (UserAgent, MonotonicInstant) -> CommandResult) -> CommandResult {
    ask(command)
  }

  /// Runs what has another result than whether it took effect.
  @discardableResult
  func ask<T>(_ command: (UserAgent, MonotonicInstant) -> T) -> T {
    let result = command(agent, now)
    flush()
    return result
  }

  private func flush() {
    for output in agent.drain() {
      switch output {
      case .send(let bytes, let hop): network.transmit(bytes, from: address, to: hop)
      case .incoming(let id, let invite):
        incoming.append((id, invite))
        onIncoming(self, id, invite)
      case .session(let id, let event):
        events.append((id, event))
        if case .transferRequested(let transfer) = event { transfers.append(transfer) }
        onEvent(self, id, event)
      case .request(let request): requests.append(request)
      case .response(_, let response): outcomes.append("\(response.status)")
      case .failed(_, let failure): outcomes.append("\(failure)")
      case .resolve(let uri, let token): resolutions.append((uri, token))
      }
    }
  }

  /// Events since the last look, of all sessions.
  func newEvents() -> [String] {
    defer { shown = events.count }
    return events[shown...].map { Phone.line($0.event) }
  }

  func call(
    _ other: SIPURI, offer: String? = "offer", configure: (inout OutgoingInvite) -> Void = { _ in }
  ) -> SessionID {
    var invite = OutgoingInvite(
      requestURI: other, from: NameAddress(uri: uri), to: NameAddress(uri: other),
      offer: offer.map { .text($0) }, sessionTimer: .none)
    configure(&invite)
    return ask { $0.invite(invite, now: $1)! }
  }

  static func line(_ event: SessionEvent) -> String {
    func text(_ description: RemoteDescription?) -> String {
      switch description {
      case .offer(let body): " offer(\(body.text))"
      case .answer(let body): " answer(\(body.text))"
      case .preview(let body): " preview(\(body.text))"
      case nil: ""
      }
    }
    switch event {
    case .trying: return "trying"
    case .progress(let progress):
      return
        "progress \(progress.status)\(progress.isReliable ? " reliable" : "")\(text(progress.description))"
    case .answered(let answered): return "answered\(text(answered.description))"
    case .earlyDialogEnded(let id): return "fork \(id.number) ended"
    case .provisionalAcknowledged(let description): return "prack\(text(description))"
    case .acknowledged(let answer): return "ack" + (answer.map { " answer(\($0.text))" } ?? "")
    case .offer(let body, let carrier): return "\(carrier) offer(\(body.text))"
    case .offerRequested: return "offer requested"
    case .offerWithdrawn: return "offer withdrawn"
    case .answer(let body): return "answer(\(body.text))"
    case .offerRefused(let status, _): return "offer refused \(status)"
    case .targetRefreshed(let uri): return "target \(uri)"
    case .request(let request): return "request \(request.request.method)"
    case .transferRequested(let transfer): return "refer to \(transfer.referTo.uri)"
    case .transfer(_, let report): return "transfer \(report)"
    case .ended(let end): return "ended \(end.manner)" + (end.status.map { " \($0)" } ?? "")
    }
  }
}

/// A peer whose every message is written by the test.
final class ScriptedPeer: NetworkNode {
  let address: TransportAddress
  unowned let network: SimulatedNetwork
  private(set) var inbox: [SIPMessage] = []
  /// What it does at once with a message.
  var onMessage: (ScriptedPeer, SIPMessage) -> Void = { _, _ in }
  var nextDeadline: MonotonicInstant? { nil }
  private var lastBranch = 0

  init(_ address: String, on network: SimulatedNetwork) {
    self.address = TransportAddress(address)!
    self.network = network
    network.add(self)
  }

  var uri: SIPURI { SIPURI(user: "peer", host: .ip(address.ip), port: address.port) }

  func receive(_ message: SIPMessage, over hop: Hop, now: MonotonicInstant) {
    inbox.append(message)
    onMessage(self, message)
  }

  func advance(to now: MonotonicInstant) {}

  func requests(_ method: SIPMethod) -> [SIPRequest] {
    inbox.compactMap { if case .request(let request) = $0, request.method == method { request } else { nil } }
  }

  var responses: [SIPResponse] {
    inbox.compactMap { if case .response(let response) = $0 { response } else { nil } }
  }

  func respond(
    to request: SIPRequest, _ status: Int, tag: String? = "peer-tag", body: String? = nil,
    headers: [(SIPHeaderName, String)] = [], contact: SIPURI? = nil
  ) {
    var response = SIPResponse(to: request, status: status, toTag: tag)
    if status > 100, status < 300 {
      response.headers.append(.contact, NameAddress(uri: contact ?? uri).serialised())
    }
    for (name, value) in headers { response.headers.append(name, value) }
    if let body { response.attach(.text(body)) }
    let via = request.headers.topVia!
    guard case .ip(let ip) = via.host else { return }
    let hop = Hop(
      transport: .udp, remote: TransportAddress(ip, via.port ?? 5060), listener: ListenerID(0))
    network.transmit(response.serialised(), from: address, to: hop)
  }

  /// Sends a request of its own; `branch` repeats an earlier transaction.
  @discardableResult
  func request(
    _ method: SIPMethod, to target: TransportAddress, uri: SIPURI, callID: String, fromTag: String,
    toTag: String? = nil, sequence: UInt32, body: String? = nil, headers: [(SIPHeaderName, String)] = [],
    branch: String? = nil
  ) -> SIPRequest {
    lastBranch += 1
    let branch = branch ?? "z9hG4bKtest\(address.port)x\(lastBranch)"
    var fields: [SIPHeaders.Field] = [
      .init(.via, "SIP/2.0/UDP \(address);branch=\(branch)"), .init(.maxForwards, "70"),
      .init(.from, "<\(self.uri)>;tag=\(fromTag)"),
      .init(.to, "<\(uri)>" + (toTag.map { ";tag=\($0)" } ?? "")), .init(.callID, callID),
      .init(.cSeq, "\(sequence) \(method)"),
    ]
    if method.refreshesTarget { fields.append(.init(.contact, "<\(self.uri)>")) }
    for (name, value) in headers { fields.append(.init(name, value)) }
    var request = SIPRequest(method: method, uri: uri, headers: SIPHeaders(fields))
    request.attach(body.map { .text($0) })
    network.transmit(
      request.serialised(), from: address,
      to: Hop(transport: .udp, remote: target, listener: ListenerID(0)))
    return request
  }
}

extension SIPRequest {
  var bodyText: String { String(decoding: body, as: UTF8.self) }
}

extension SIPResponse {
  var bodyText: String { String(decoding: body, as: UTF8.self) }
}

extension MessageBody {
  static func text(_ text: String) -> MessageBody { .sdp(Array(text.utf8)) }
  var text: String { String(decoding: content, as: UTF8.self) }
}

/// Two phones, and a call between them that is up.
struct CallPair {
  let network = SimulatedNetwork()
  let alice: Phone
  let bob: Phone
  var aliceSession = SessionID(0)
  var bobSession = SessionID(0)

  init(
    configureAlice: (inout UserAgentConfiguration) -> Void = { _ in },
    configureBob: (inout UserAgentConfiguration) -> Void = { _ in }
  ) {
    alice = Phone("alice", "192.0.2.1:5060", on: network, configure: configureAlice)
    bob = Phone("bob", "192.0.2.2:5060", on: network, configure: configureBob)
  }

  /// Sets the call up, with an offer in the INVITE, and forgets its events.
  mutating func establish(configure: (inout OutgoingInvite) -> Void = { _ in }) {
    aliceSession = alice.call(bob.uri, configure: configure)
    network.run()
    bobSession = bob.incoming.last!.id
    let session = bobSession
    bob.tell { $0.accept(session, body: .text("answer"), now: $1) }
    network.run()
    _ = alice.newEvents()
    _ = bob.newEvents()
  }

  /// Nothing may be left of anything, once enough time has passed for every timer.
  func isClean() -> Bool {
    network.run(for: .seconds(400))
    return [alice, bob].allSatisfy { $0.agent.isEmpty }
  }
}

extension UserAgent {
  var isEmpty: Bool {
    sessions.isEmpty && sessionsByTag.isEmpty && liveSessions == 0 && clients.isEmpty && servers.isEmpty
      && incomingRequests.isEmpty && exchanges.isEmpty && resolutions.isEmpty && transfers.isEmpty
      && transactions.clientTransactionCount == 0 && transactions.serverTransactionCount == 0
  }
}
