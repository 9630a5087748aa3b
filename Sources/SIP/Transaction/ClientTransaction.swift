import CallModel

/// One client transaction as the layer holds it: the state machine, and what it needs to act.
struct ClientTransaction: Sendable {
  enum Machine: Sendable {
    case invite(InviteClientTransaction)
    case nonInvite(NonInviteClientTransaction)
  }

  /// What belongs to an INVITE, out of line because most transactions, and all lingering ones, do without.
  final class Invitation: Sendable {
    let skeleton: RequestSkeleton
    init(skeleton: RequestSkeleton) { self.skeleton = skeleton }
  }

  var machine: Machine
  let method: SIPMethod
  let hop: Hop
  /// The request while it may be repeated; later the ACK of a refused INVITE.
  var bytes: [UInt8]
  /// Until the final response.
  var invitation: Invitation?
  /// Fields for a CANCEL that waits for a provisional response.
  var cancelHeaders: [SIPHeaders.Field] = []
  /// The CANCEL of this INVITE, or the INVITE of this CANCEL; 0 when there is none.
  var relative: UInt64 = 0
  /// The deadline of the newest entry in the heap.
  var scheduledAt = MonotonicInstant.distantFuture

  /// A CANCEL is the layer's own business: its user hears nothing of it.
  var isInternal: Bool { method == .cancel }

  var nextDeadline: MonotonicInstant {
    switch machine {
    case .invite(let machine): machine.nextDeadline
    case .nonInvite(let machine): machine.nextDeadline
    }
  }

  var isAwaitingFinalResponse: Bool {
    switch machine {
    case .invite(let machine): machine.state == .calling || machine.state == .proceeding
    case .nonInvite(let machine): machine.state == .trying || machine.state == .proceeding
    }
  }

  mutating func received(
    status: Int, timers: TransactionTimers, now: MonotonicInstant
  ) -> TransactionActions {
    switch machine {
    case .invite(var invite):
      let actions = invite.handle(.response(status: status), timers: timers, now: now)
      machine = .invite(invite)
      return actions
    case .nonInvite(var nonInvite):
      let actions = nonInvite.handle(.response(status: status), timers: timers, now: now)
      machine = .nonInvite(nonInvite)
      return actions
    }
  }

  mutating func cancel(timers: TransactionTimers, now: MonotonicInstant) -> TransactionActions {
    guard case .invite(var invite) = machine else { return [] }
    let actions = invite.handle(.cancel, timers: timers, now: now)
    machine = .invite(invite)
    return actions
  }

  mutating func transportFailed(timers: TransactionTimers, now: MonotonicInstant) -> TransactionActions {
    switch machine {
    case .invite(var invite):
      let actions = invite.handle(.transportFailure, timers: timers, now: now)
      machine = .invite(invite)
      return actions
    case .nonInvite(var nonInvite):
      let actions = nonInvite.handle(.transportFailure, timers: timers, now: now)
      machine = .nonInvite(nonInvite)
      return actions
    }
  }

  mutating func deadlinePassed(timers: TransactionTimers, now: MonotonicInstant) -> TransactionActions {
    switch machine {
    case .invite(var invite):
      let actions = invite.handle(.deadline, timers: timers, now: now)
      machine = .invite(invite)
      return actions
    case .nonInvite(var nonInvite):
      let actions = nonInvite.handle(.deadline, timers: timers, now: now)
      machine = .nonInvite(nonInvite)
      return actions
    }
  }
}
