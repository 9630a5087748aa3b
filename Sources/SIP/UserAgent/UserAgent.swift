import CallModel

/// A SIP user agent for one signalling loop: call legs, their dialogs and offer/answer exchanges, transfers, and requests outside
/// dialogs (RFC 3261, 3262, 3264, 3311, 3515, 3891, 4028, 6337).
///
/// Sans-IO: what comes in is messages, commands and time; what goes out is ``drain()``ed in order. It is not thread-safe, and not
/// meant to be: everything of a call happens on one loop.
///
/// Budget: 10 µs of CPU a message beside parsing and serialising, 2 kB a confirmed session.
public final class UserAgent {
  public private(set) var configuration: UserAgentConfiguration
  /// Session timers of incoming sessions from the next one on (``UserAgentConfiguration/sessionTimer``).
  public var sessionTimer: SessionTimerPreferences {
    get { configuration.sessionTimer }
    set { configuration.sessionTimer = newValue }
  }
  /// The listeners that requests can leave from. May change while calls are up.
  public var identities: [LocalIdentity] { didSet { contactTexts.removeAll() } }

  /// The time of the call being carried out.
  var now = MonotonicInstant.zero
  var transactions: TransactionLayer
  var random: RandomSource
  /// What the transaction layer said and nobody has looked at yet.
  var queue: [TransactionOutput] = []
  private var isPumping = false
  private var outputs: [UserAgentOutput] = []

  var sessions: [SessionID: InviteSession] = [:]
  /// Our tag is random and belongs to one session: it finds the session of a request in a dialog.
  var sessionsByTag: [String: InviteSession] = [:]
  /// Sessions with a dialog that talks over a connection. What closes costs what belongs to it.
  private(set) var sessionsByConnection: [ConnectionID: Set<SessionID>] = [:]
  var liveSessions = 0
  var clients: [ClientTransactionID: PendingClient] = [:]
  /// INVITEs of the peer that have no final response yet.
  var servers: [ServerTransactionID: InviteSession] = [:]
  /// Requests the application has to answer.
  var incomingRequests: [IncomingRequestID: PendingIncomingRequest] = [:]
  /// Requests of the application outside dialogs.
  var exchanges: [OutgoingRequestID: Exchange] = [:]
  var resolutions: [ResolutionToken: Resolution] = [:]
  var transfers: [TransferID: InviteSession] = [:]
  var deadlines = DeadlineHeap<DeadlineKey>()
  private var lastNumber: UInt64 = 0
  private var contactTexts: [ListenerID: String] = [:]
  /// Value of Allow, and of Supported, in what we send.
  public let allowValue: String
  public let supportedValue: String
  let acceptValue: String

  enum DeadlineKey: Hashable, Sendable {
    case session(SessionID)
    case request(IncomingRequestID)
    case exchange(OutgoingRequestID)
  }

  /// - Parameter seed: makes tags, branches and random delays repeatable; nil takes them from the system's generator.
  public init(
    configuration: UserAgentConfiguration = UserAgentConfiguration(), identities: [LocalIdentity],
    seed: UInt64? = nil
  ) {
    self.configuration = configuration
    self.identities = identities
    random = RandomSource(seed: seed)
    transactions = TransactionLayer(timers: configuration.timers, seed: random.next())
    allowValue = configuration.allow.map(\.rawValue).joined(separator: ", ")
    supportedValue = configuration.supported.joined(separator: ", ")
    acceptValue = configuration.accept.joined(separator: ", ")
  }

  // MARK: Events

  /// A message from the wire. It was parsed; its body is complete.
  public func receive(_ message: SIPMessage, over hop: Hop, now: MonotonicInstant) {
    self.now = now
    transactions.receive(message, over: hop, now: now, into: &queue)
    pump()
  }

  /// Nothing can be sent to this hop: the connection could not be opened, or sending failed.
  public func transportFailed(over hop: Hop, now: MonotonicInstant) {
    self.now = now
    transactions.transportFailed(over: hop, now: now, into: &queue)
    pump()
  }

  /// A connection is gone. Dialogs that used it look for another way when they next send.
  public func connectionClosed(_ connection: ConnectionID, now: MonotonicInstant) {
    self.now = now
    for id in sessionsByConnection.removeValue(forKey: connection) ?? [] {
      sessions[id]?.connectionClosed(connection)
    }
    pump()
  }

  /// Fires the timers that are due.
  public func advance(to now: MonotonicInstant) {
    self.now = now
    transactions.advance(to: now, into: &queue)
    pump()
    while let (key, _) = deadlines.popDue(at: now) {
      switch key {
      case .session(let id): sessions[id]?.deadlinePassed()
      case .request(let id): requestDeadlinePassed(id)
      case .exchange(let id): exchangeDeadlinePassed(id)
      }
      pump()
    }
  }

  /// When ``advance(to:)`` is to be called at the latest; nil when nothing waits.
  public var nextDeadline: MonotonicInstant? {
    switch (transactions.nextDeadline, deadlines.nextDeadline) {
    case (let a?, let b?): min(a, b)
    case (let a, let b): a ?? b
    }
  }

  /// What is to be carried out, in order. Call it after each of the others.
  public func drain() -> [UserAgentOutput] {
    defer { outputs.removeAll(keepingCapacity: true) }
    return outputs
  }

  // MARK: Counters

  /// Sessions that have not ended.
  public var sessionCount: Int { liveSessions }
  /// Sessions kept after their end for the messages that still belong to them.
  public var lingeringSessionCount: Int { sessions.count - liveSessions }
  /// Requests outside dialogs and resolutions that wait.
  public var pendingRequestCount: Int { exchanges.count + incomingRequests.count + resolutions.count }
  public var transactionStatistics: TransactionStatistics { transactions.statistics }

  // MARK: For the sessions

  func emit(_ output: UserAgentOutput) { outputs.append(output) }

  func makeNumber() -> UInt64 {
    lastNumber += 1
    return lastNumber
  }

  func schedule(_ key: DeadlineKey, at deadline: MonotonicInstant) { deadlines.schedule(key, at: deadline) }

  func makeSession(role: InviteSession.Role) -> InviteSession? {
    guard liveSessions < configuration.maximumSessions else { return nil }
    let session = InviteSession(
      agent: self, id: SessionID(makeNumber()), role: role, localTag: random.token())
    sessions[session.id] = session
    sessionsByTag[session.localTag] = session
    liveSessions += 1
    return session
  }

  func remove(_ session: InviteSession) {
    sessions[session.id] = nil
    sessionsByTag[session.localTag] = nil
    for connection in session.connections { note(session.id, leaves: connection) }
  }

  func note(_ session: SessionID, uses connection: ConnectionID) {
    sessionsByConnection[connection, default: []].insert(session)
  }

  func note(_ session: SessionID, leaves connection: ConnectionID) {
    guard var users = sessionsByConnection.removeValue(forKey: connection) else { return }
    users.remove(session)
    if !users.isEmpty { sessionsByConnection[connection] = users }
  }

  func perform(
    _ id: SessionID, _ now: MonotonicInstant, _ command: (InviteSession) -> CommandResult
  ) -> CommandResult {
    self.now = now
    defer { pump() }
    guard let session = sessions[id], session.state != .ended else { return .noSuchTarget }
    return command(session)
  }

  func performTransfer(
    _ id: TransferID, _ now: MonotonicInstant, _ command: (InviteSession) -> CommandResult
  ) -> CommandResult {
    self.now = now
    defer { pump() }
    guard let session = transfers[id] else { return .noSuchTarget }
    return command(session)
  }

  /// The session whose dialog these values name, seen from the side that wrote them (RFC 3891 §3): its `to-tag` is ours. One
  /// that has ended is found while it lingers. A tag of `0` also stands for none (RFC 2543 peers).
  func session(named replaces: Replaces) -> InviteSession? {
    guard let session = sessionsByTag[replaces.toTag], session.callID == replaces.callID,
      session.dialog(remoteTag: replaces.fromTag) != nil
        || replaces.fromTag == "0" && session.dialog(remoteTag: "") != nil
    else { return nil }
    return session
  }

  /// Our Contact value for requests and responses over a listener.
  func contactValue(_ listener: ListenerID, _ template: ContactTemplate) -> String? {
    if template.user == nil, template.uriParameters.isEmpty, template.parameters.isEmpty,
      let text = contactTexts[listener]
    {
      return text
    }
    guard let identity = identities.first(where: { $0.listener == listener }) else { return nil }
    var uri = identity.contact
    if let user = template.user { uri.user = user }
    uri.parameters += template.uriParameters
    let text = NameAddress(uri: uri, parameters: template.parameters).serialised()
    if template.user == nil, template.uriParameters.isEmpty, template.parameters.isEmpty {
      contactTexts[listener] = text
    }
    return text
  }

  func sentBy(_ listener: ListenerID) -> SentBy? {
    identities.first { $0.listener == listener }?.sentBy
  }

  // MARK: From the transaction layer

  /// Carries out everything the transaction layer has said, and what that leads to.
  func pump() {
    guard !isPumping else { return }
    isPumping = true
    var index = 0
    while index < queue.count {
      let output = queue[index]
      index += 1
      handle(output)
    }
    queue.removeAll(keepingCapacity: true)
    isPumping = false
  }

  private func handle(_ output: TransactionOutput) {
    switch output {
    case .send(let bytes, let hop): emit(.send(bytes, hop))
    case .request(let request, let id, let hop): receive(request, id, hop)
    case .acknowledgement(let ack, let hop): receiveAcknowledgement(ack, hop)
    case .cancelled(let id, let cancel): servers[id]?.inviteCancelled(id, cancel)
    case .response(let response, let id, let hop): receive(response, id, hop)
    case .timedOut(let id): clientFailed(id, .timedOut)
    case .transportFailed(let id): clientFailed(id, .transportFailed)
    case .unacknowledged(let id): servers.removeValue(forKey: id)?.inviteServerLost(id)
    case .clientTerminated(let id):
      if let client = clients.removeValue(forKey: id) { client.session?.clientTerminated(client) }
    case .serverTerminated(let id): servers.removeValue(forKey: id)?.inviteServerLost(id)
    }
  }

  private func receive(_ response: SIPResponse, _ id: ClientTransactionID, _ hop: Hop) {
    guard let client = clients[id] else { return }
    if !response.isProvisional, !(client.isInvite && response.isSuccess) { clients[id] = nil }
    if let exchange = client.exchange {
      receive(response, in: exchange, client, hop)
    } else {
      client.session?.receive(response, client, id, hop)
    }
  }

  private func clientFailed(_ id: ClientTransactionID, _ failure: RequestFailure) {
    guard let client = clients.removeValue(forKey: id) else { return }
    if let exchange = client.exchange {
      exchangeFailed(exchange, failure)
    } else {
      client.session?.clientFailed(client, id, failure)
    }
  }
}

/// One of our client transactions, and what it is for.
struct PendingClient {
  enum Purpose: Hashable {
    /// The INVITE that sets the session up.
    case invite
    /// The same, given up in favour of the next hop.
    case abandonedInvite
    case reInvite
    case update
    case prack
    case bye
    case refer(TransferID)
    case notify(TransferID)
    case application(OutgoingRequestID)
    case exchange
  }

  var session: InviteSession?
  var dialog: Dialog?
  var exchange: Exchange?
  var purpose: Purpose
  /// As it was given to the transaction layer, to be sent again with credentials.
  var request: SIPRequest
  var hop: Hop
  /// How often it was sent again with credentials.
  var authentications = 0

  var isInvite: Bool { request.method == .invite }
}
