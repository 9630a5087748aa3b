import CallModel
import PolicyEngine

/// What recorded calls would have used up of a policy's limits, and which of them would have come to the end of one.
///
/// The same accounts as on live calls, moved on by the times of the records. What records do not tell is left out: attempts
/// of transfers, and minutes of calls from before the first one. So near a limit it may be a call more or less; records are kept in
/// milliseconds, so caps on calls per second are taken a tenth wider.
struct LimitReplay {
  private struct Active {
    var shares: [CallLimiter.ShareID]
    /// Given back as if it had never been: it did not get through.
    var isTakenBack: Bool
    var end: MonotonicInstant
    /// The earliest end that a limit sets.
    var deadline: MonotonicInstant?
  }

  /// What limits do to a call.
  enum Outcome {
    case passes
    case refused(LimitReached)
    case ended(LimitReached)
  }

  private let policy: PolicySnapshot
  private let limiter = CallLimiter()
  private let origin: WallClock
  private var active: [Active] = []
  private var nextEnd = MonotonicInstant.distantFuture

  init(_ policy: PolicySnapshot, from origin: WallClock) {
    self.policy = policy
    self.origin = origin
  }

  private func instant(_ time: WallClock) -> MonotonicInstant {
    .zero + .milliseconds(max(0, time.milliseconds - origin.milliseconds))
  }

  /// The caps under which live calls and records agree about a moment.
  private func charge(_ limit: AppliedLimit, destination: UInt64?) -> CallLimiter.Charge {
    var limit = limit
    limit.caps.callsPerSecond = limit.caps.callsPerSecond.map { $0 * 1.1 }
    return CallLimiter.Charge(limit, destination: destination)
  }

  private func fingerprint(_ alias: String) -> UInt64 {
    let number = policy.canonicalNumber(alias)
    let isNumber = number.utf8.first.map { $0 == UInt8(ascii: "+") || (0x30...0x39).contains($0) } ?? false
    return UInt64(bitPattern: Int64((isNumber ? number : alias.caseFolded).hashValue))
  }

  /// Takes a call's shares at its time. Calls come in the order in which they began.
  ///
  /// - Parameter decision: what the policy decides about it.
  mutating func admit(_ call: CallRecord, _ request: CallRequest, _ decision: Decision) -> Outcome {
    let now = instant(call.started)
    advance(to: now)
    var charges: [CallLimiter.Charge] = []
    for limit in policy.admissionLimits(on: request) + policy.ruleLimits(on: request, decision) {
      let alias = if case .gateway(let gateway) = decision { gateway.remoteAlias } else { call.calledAlias }
      charges.append(charge(limit, destination: fingerprint(alias)))
    }
    if let reached = limiter.refusal(of: charges, now: now) { return .refused(reached) }
    var attempt: [CallLimiter.Charge] = []
    if case .gateway(let gateway) = decision, !endsAtDevice(call, gateway) {
      switch way(gateway, request, call, now) {
      case .success(let found): attempt = found
      case .failure(let reached): return .refused(reached)
      }
    }
    let shares = [limiter.take(charges, now: now), limiter.take(attempt, now: now)].compactMap { $0 }
    guard !shares.isEmpty else { return .passes }
    var end = call.ended.map(instant) ?? now
    var outcome = Outcome.passes
    var deadline: MonotonicInstant?
    if let connected = call.connected {
      shares.forEach { limiter.beginTime($0, now: instant(connected)) }
      let ends = shares.compactMap { limiter.end(of: $0) }
      if let first = ends.min(by: { $0.at < $1.at }), first.at + .seconds(2) < end {
        outcome = .ended(first.limit)
        end = first.at
      }
      deadline = shares.compactMap { limiter.nextDeadline($0) }.min()
    }
    active.append(Active(shares: shares, isTakenBack: call.failedOnTheWay, end: end, deadline: deadline))
    nextEnd = min(nextEnd, end, deadline ?? end)
    return outcome
  }

  private func endsAtDevice(_ call: CallRecord, _ gateway: GatewayConfiguration) -> Bool {
    gateway.target == .registration
      || (call.attempts.isEmpty
        ? policy.mayEndAtDevice(gateway) : call.attempts.contains { $0.via == "registration" })
  }

  /// The first way out whose limits let the call pass: the one that it took comes first.
  private func way(
    _ gateway: GatewayConfiguration, _ request: CallRequest, _ call: CallRecord, _ now: MonotonicInstant
  ) -> Result<[CallLimiter.Charge], LimitReached> {
    let taken = call.attempts.last?.via
    let ways = policy.departures(of: gateway, caller: Alias(sip: request.caller.alias).parsed).filter {
      !$0.isRefused
    }
    var first: LimitReached?
    for departure in ways.filter({ $0.via == taken }) + ways.filter({ $0.via != taken }) {
      let charges = departure.limits(on: request.caller).map {
        charge(
          $0,
          destination: UInt64(
            bitPattern: Int64(policy.canonicalNumber(departure.called, over: departure.trunk).hashValue)))
      }
      guard let reached = limiter.refusal(of: charges, now: now) else { return .success(charges) }
      first = first ?? reached
    }
    return first.map { .failure($0) } ?? .success([])
  }

  /// Gives back what ended before, and counts the minutes that began.
  private mutating func advance(to now: MonotonicInstant) {
    while nextEnd <= now {
      let due = nextEnd
      nextEnd = .distantFuture
      var still: [Active] = []
      for var call in active {
        if let deadline = call.deadline, deadline <= due, call.end > due {
          let isOver = call.shares.contains { limiter.passTime($0, now: due) != nil }
          if isOver { call.end = due }
          call.deadline = call.shares.compactMap { limiter.nextDeadline($0) }.min()
        }
        guard call.end > due else {
          call.shares.forEach { limiter.release($0, isTakenBack: call.isTakenBack) }
          continue
        }
        nextEnd = min(nextEnd, call.end, call.deadline ?? call.end)
        still.append(call)
      }
      active = still
    }
  }
}

extension CallRecord {
  /// The last attempt never got through to anybody: live, such attempts are not counted in windows.
  fileprivate var failedOnTheWay: Bool {
    guard connected == nil, let cause = disconnect?.cause else { return false }
    return [.networkFailure, .noResponse, .serverFailure, .congestion, .notAcceptable].contains(cause)
  }

  /// Refused by a limit, at its door or at each of its attempts.
  var isRefusedByLimit: Bool {
    if decision.decision == .reject(.limitReached) { return true }
    guard connected == nil, let cause = disconnect?.cause else { return false }
    return cause == .quotaReached || cause == .limitReached
  }
}
