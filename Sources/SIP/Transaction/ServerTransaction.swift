import CallModel

/// One server transaction as the layer holds it: the state machine, and what it needs to act.
struct ServerTransaction: Sendable {
  enum Machine: Sendable {
    case invite(InviteServerTransaction)
    case nonInvite(NonInviteServerTransaction)
  }

  /// The request until its final response; out of line, because lingering transactions do without.
  final class Pending: Sendable {
    let request: SIPRequest
    init(request: SIPRequest) { self.request = request }
  }

  var machine: Machine
  let key: TransactionKey
  /// Set while the same request by another path is to be refused (RFC 3261 §8.2.2.2).
  var mergeKey: TransactionKey?
  /// Where responses go (RFC 3261 §18.2.2, RFC 3581 §4).
  var hop: Hop
  /// The port in sent-by, for a response whose connection has gone.
  let sentByPort: UInt16
  /// The latest response, for repetition.
  var bytes: [UInt8] = []
  var pending: Pending?
  /// Our tag, once a response has carried one: a CANCEL is answered with it too (RFC 3261 §9.2).
  var toTag: String?
  var isCancelled = false
  var hasFallenBack = false
  /// The CANCEL's own transaction, which the user never sees.
  let isInternal: Bool
  /// The deadline of the newest entry in the heap.
  var scheduledAt = MonotonicInstant.distantFuture

  init(
    machine: Machine, key: TransactionKey, mergeKey: TransactionKey?, hop: Hop, sentByPort: UInt16,
    pending: Pending?, isInternal: Bool
  ) {
    self.machine = machine
    self.key = key
    self.mergeKey = mergeKey
    self.hop = hop
    self.sentByPort = sentByPort
    self.pending = pending
    self.isInternal = isInternal
  }

  var nextDeadline: MonotonicInstant {
    switch machine {
    case .invite(let machine): machine.nextDeadline
    case .nonInvite(let machine): machine.nextDeadline
    }
  }

  /// An INVITE without a final response: what a CANCEL can still reach.
  var isPendingInvite: Bool {
    if case .invite(let machine) = machine { machine.state == .proceeding } else { false }
  }

  /// Whether a transport failure still matters: a response is to come, or the latest may not have arrived.
  var isExposedToTransport: Bool {
    switch machine {
    case .invite(let machine): machine.state == .proceeding || machine.state == .completed
    case .nonInvite(let machine): machine.state == .trying || machine.state == .proceeding
    }
  }

  mutating func repeated(timers: TransactionTimers, now: MonotonicInstant) -> TransactionActions {
    handle(.request, .request, timers: timers, now: now)
  }

  mutating func respond(
    status: Int, timers: TransactionTimers, now: MonotonicInstant
  ) -> TransactionActions {
    handle(.response(status: status), .response(status: status), timers: timers, now: now)
  }

  mutating func transportFailed(timers: TransactionTimers, now: MonotonicInstant) -> TransactionActions {
    handle(.transportFailure, .transportFailure, timers: timers, now: now)
  }

  mutating func deadlinePassed(timers: TransactionTimers, now: MonotonicInstant) -> TransactionActions {
    handle(.deadline, .deadline, timers: timers, now: now)
  }

  mutating func acknowledged(timers: TransactionTimers, now: MonotonicInstant) -> TransactionActions {
    handle(.acknowledgement, nil, timers: timers, now: now)
  }

  private mutating func handle(
    _ inviteEvent: InviteServerTransaction.Event, _ nonInviteEvent: NonInviteServerTransaction.Event?,
    timers: TransactionTimers, now: MonotonicInstant
  ) -> TransactionActions {
    switch machine {
    case .invite(var invite):
      let actions = invite.handle(inviteEvent, timers: timers, now: now)
      machine = .invite(invite)
      return actions
    case .nonInvite(var nonInvite):
      guard let nonInviteEvent else { return [] }
      let actions = nonInvite.handle(nonInviteEvent, timers: timers, now: now)
      machine = .nonInvite(nonInvite)
      return actions
    }
  }
}
