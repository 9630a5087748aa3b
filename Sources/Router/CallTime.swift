import CallModel
import PolicyEngine

/// What one call holds of the limits of rules, and the time it has.
///
/// Each party that a rule led to holds a share of that rule's limits. Time counts from the answer of the party concerned, and
/// the earliest end of all that is up holds for the call.
final class CallTime {
  private let router: Router
  private let loop: SignallingLoop
  private let admission: CallLimiter.ShareID?
  private var shares: [CallRecord.Side: CallLimiter.ShareID]
  /// Shares whose time counts. Those given back meanwhile are dropped when they are met.
  private var counting: [CallLimiter.ShareID] = []
  /// An end that came with a party from another call.
  private var inherited: (at: MonotonicInstant, limit: LimitReached)?
  private var timer: SignallingLoop.TimerID?
  private var isOver = false
  var onLimit: ((LimitReached) -> Void)?

  init(_ routed: RoutedCall, router: Router, loop: SignallingLoop) {
    self.router = router
    self.loop = loop
    admission = routed.admission
    shares = [:]
    if let share = routed.share { shares[.called] = share }
  }

  func share(of side: CallRecord.Side) -> CallLimiter.ShareID? { shares[side] }

  /// The party of `side` is there by another rule now; what the one before it held is free.
  func occupy(_ side: CallRecord.Side, _ share: CallLimiter.ShareID?) {
    if let old = shares[side], old != share { router.release(old) }
    shares[side] = isOver ? nil : share
    if isOver { router.release(share) }
  }

  /// The party of `side` goes on in another call, and takes its share there.
  func handOver(_ side: CallRecord.Side) -> CallLimiter.ShareID? { shares.removeValue(forKey: side) }

  func connected() {
    for share in [admission, shares[.called]] { count(share) }
  }

  /// The party that holds `share` has answered.
  func count(_ share: CallLimiter.ShareID?) {
    guard let share, !isOver, !counting.contains(share) else { return }
    router.limiter.beginTime(share, now: loop.now)
    guard router.limiter.nextDeadline(share) != nil else { return }
    counting.append(share)
    schedule()
  }

  /// The earliest end of what is up, for the call that a party goes on in.
  var end: (at: MonotonicInstant, limit: LimitReached)? {
    (counting.compactMap { router.limiter.end(of: $0) } + [inherited].compactMap { $0 })
      .min { $0.at < $1.at }
  }

  func inherit(_ end: (at: MonotonicInstant, limit: LimitReached)?) {
    guard let end, !isOver, end.at < inherited?.at ?? .distantFuture else { return }
    inherited = end
    schedule()
  }

  func close() {
    isOver = true
    loop.cancel(timer)
    timer = nil
    router.release(admission)
    for share in shares.values { router.release(share) }
    shares = [:]
  }

  private func schedule() {
    loop.cancel(timer)
    timer = nil
    counting.removeAll { router.limiter.nextDeadline($0) == nil }
    let deadlines =
      counting.compactMap { router.limiter.nextDeadline($0) } + [inherited?.at].compactMap { $0 }
    guard let next = deadlines.min() else { return }
    // Not at once: what has just been answered is still being put together.
    timer = loop.schedule(after: max(.zero, next - loop.now)) { [weak self] in self?.passTime() }
  }

  private func passTime() {
    timer = nil
    guard !isOver else { return }
    let now = loop.now
    if let inherited, inherited.at <= now { return onLimit?(inherited.limit) ?? () }
    for share in counting {
      if let limit = router.limiter.passTime(share, now: now) { return onLimit?(limit) ?? () }
    }
    schedule()
  }
}

extension LiveCall {
  /// What the party of `side` holds of the limits of the rule that led to it.
  public func share(of side: CallRecord.Side) -> CallLimiter.ShareID? { time.share(of: side) }

  /// Another rule has led to the party of `side`.
  public func occupy(_ side: CallRecord.Side, _ share: CallLimiter.ShareID?) { time.occupy(side, share) }

  /// A party has answered: the time of what it holds counts from now.
  public func countTime(of share: CallLimiter.ShareID?) { time.count(share) }

  /// The party of `side` goes on in another call: what it holds goes with it, and that call ends no later than this one would
  /// have.
  public func handOver(_ side: CallRecord.Side, to other: LiveCall) -> CallLimiter.ShareID? {
    other.time.inherit(time.end)
    return time.handOver(side)
  }

  func limitReached(_ limit: LimitReached) {
    ledger.router.limitReached(limit, now: ledger.loop.now)
    note("ended by a limit: \(limit)")
    onEndRequested?(Disconnect(.durationReached, text: limit.cap.endText))
  }
}

extension LimitReached.Cap {
  /// For the parties: which limit it was is in the record only.
  fileprivate var endText: String {
    self == .maximumDuration ? "Maximum call duration reached" : "No call minutes left"
  }
}
