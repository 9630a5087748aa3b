import CallModel

/// The transaction layer of SIP (RFC 3261 §17 and §8.2.6, RFC 6026, RFC 3581, RFC 4320) for one event loop.
///
/// It reads no clock and owns no socket: messages and `now` go in, ``TransactionOutput``s come out, appended to the array the
/// caller hands in, and ``nextDeadline`` says when ``advance(to:into:)`` is due. A value that is copied costs its whole
/// content on the next change: keep one, in one place.
///
/// Budget: 3 µs of CPU a message beside parsing and serialising; less than 1 kB a lingering transaction, of which most is
/// the response kept for repetition.
public struct TransactionLayer: Sendable {
  public let timers: TransactionTimers
  public let limits: TransactionLimits
  /// Whether the same request by a second path is refused with 482 (RFC 3261 §8.2.2.2).
  public let refusesMergedRequests: Bool
  public internal(set) var statistics = TransactionStatistics()

  let branches: TransactionBranch
  let secret: UInt64
  /// Tags of ours on responses sent without a transaction start with this, so that their ACKs are known and absorbed.
  let statelessTagPrefix: String

  var clients = TransactionTable<ClientTransaction>(mark: false)
  var servers = TransactionTable<ServerTransaction>(mark: true)
  var serversByKey: [TransactionKey: UInt64] = [:]
  var serversByMergeKey: [TransactionKey: UInt64] = [:]
  var deadlines = DeadlineHeap<UInt64>()
  /// Numbers branches of requests without a transaction (ACK for 2xx). Its top bits never occur in a table's number.
  var acknowledgementNumber: UInt64 = 0xffff_ffff_0000_0000

  /// - Parameter seed: Makes branches and tags unguessable. The default takes it from the system; within one process the same
  ///   seed gives the same branches.
  public init(
    timers: TransactionTimers = TransactionTimers(), limits: TransactionLimits = TransactionLimits(),
    refusesMergedRequests: Bool = true, seed: UInt64 = .random(in: .min ... .max)
  ) {
    self.timers = timers
    self.limits = limits
    self.refusesMergedRequests = refusesMergedRequests
    secret = seed
    branches = TransactionBranch(secret: seed)
    var prefix = Fingerprint(secret: seed)
    prefix.combine("stateless tag")
    statelessTagPrefix = "s\(String(prefix.finish().low, radix: 36))."
  }

  /// The number of live client transactions, lingering ones and CANCELs included.
  public var clientTransactionCount: Int { clients.count }
  /// The number of live server transactions, lingering ones and CANCELs included.
  public var serverTransactionCount: Int { servers.count }

  /// A message from the wire. Requests go up with `received` and `rport` noted in their top Via.
  public mutating func receive(
    _ message: SIPMessage, over hop: Hop, now: MonotonicInstant, into outputs: inout [TransactionOutput]
  ) {
    switch message {
    case .request(let request): receive(request, over: hop, now: now, into: &outputs)
    case .response(let response): receive(response, over: hop, now: now, into: &outputs)
    }
  }

  /// The earliest instant at which ``advance(to:into:)`` may have something to do; nil when nothing is pending.
  public var nextDeadline: MonotonicInstant? { deadlines.nextDeadline }

  /// Fires what is due at `now`.
  public mutating func advance(to now: MonotonicInstant, into outputs: inout [TransactionOutput]) {
    while let (number, deadline) = deadlines.popDue(at: now) {
      if number >> 63 == 0 {
        clientDeadline(number, entry: deadline, now: now, into: &outputs)
      } else {
        serverDeadline(number, entry: deadline, now: now, into: &outputs)
      }
    }
    dropStaleDeadlines()
  }

  /// Sending over `hop` failed: no route, connection refused or broken, TLS not accepted, ICMP error.
  ///
  /// Client transactions sent on exactly this hop fail. Responses due on a connection that has gone are sent to the address in
  /// Via instead, once (RFC 3261 §18.2.2); when that fails too, or there is no such address, the server transaction ends. A
  /// *client* request sent with a hop that names no connection does not fail because some connection closed: its
  /// response may come on another.
  public mutating func transportFailed(
    over hop: Hop, now: MonotonicInstant, into outputs: inout [TransactionOutput]
  ) {
    for number in clients.numbers(where: { $0.hop == hop }) {
      guard let slot = clients.slot(of: number) else { continue }
      let actions = clients[slot].transportFailed(timers: timers, now: now)
      perform(actions, client: number, slot: slot, now: now, into: &outputs)
    }
    for number in servers.numbers(where: { Self.isSame($0.hop, hop) && $0.isExposedToTransport }) {
      serverTransportFailed(number, now: now, into: &outputs)
    }
  }

  /// One connection is one hop, whatever else is said about it.
  static func isSame(_ a: Hop, _ b: Hop) -> Bool {
    a.connection == b.connection
      && (a.connection != nil || (a.transport == b.transport && a.remote == b.remote))
  }

  // MARK: Deadlines

  mutating func schedule(client number: UInt64, slot: Int) {
    let deadline = clients[slot].nextDeadline
    guard deadline < clients[slot].scheduledAt else { return }
    clients[slot].scheduledAt = deadline
    deadlines.schedule(number, at: deadline)
  }

  mutating func schedule(server number: UInt64, slot: Int) {
    let deadline = servers[slot].nextDeadline
    guard deadline < servers[slot].scheduledAt else { return }
    servers[slot].scheduledAt = deadline
    deadlines.schedule(number, at: deadline)
  }

  /// After the last transaction whatever the heap holds is stale.
  mutating func dropDeadlinesOfNobody() {
    if clients.count == 0, servers.count == 0 { deadlines.removeAll() }
  }

  /// Keeps the heap in proportion to the transactions, and its top live.
  private mutating func dropStaleDeadlines() {
    var heap = deadlines
    deadlines = DeadlineHeap()
    heap.dropFirst { isStale($0, $1) }
    if heap.count > 64 + 3 * (clients.count + servers.count) {
      heap.removeAll { isStale($0, $1) }
    }
    deadlines = heap
  }

  private func isStale(_ number: UInt64, _ deadline: MonotonicInstant) -> Bool {
    if number >> 63 == 0 {
      guard let slot = clients.slot(of: number) else { return true }
      return clients[slot].scheduledAt != deadline
    }
    guard let slot = servers.slot(of: number) else { return true }
    return servers[slot].scheduledAt != deadline
  }
}
