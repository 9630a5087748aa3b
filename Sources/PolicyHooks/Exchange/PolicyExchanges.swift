import CallModel
import PolicyEngine

/// All exchanges with one policy server: deadlines, the bound on those at once, circuit breakers, the one retry, and what is
/// decided without an answer. Every question is put by itself: nothing is remembered from one to the next, and two that
/// are alike are two (routing reference §9: no caching).
///
/// Takes events and the time, gives actions. Whoever carries them out sends what ``Action/send(_:attempt:)`` says and reports
/// each end once; ends that come after the conclusion are ignored.
public struct PolicyExchanges {
  public struct ID: Hashable, Sendable {
    public let number: UInt64
  }

  public enum Action: Hashable, Sendable {
    case send(ID, attempt: Int)
    /// Stop the exchange on the wire; its end need not be reported.
    case cancel(ID)
    case conclude(ID, PolicyConclusion)
    /// For the log and an alarm: the server is left in peace, or asked again.
    case breakerChanged(PolicyRequestKind, isOpen: Bool)
  }

  private struct Exchange {
    var kind: PolicyRequestKind
    var begin: MonotonicInstant
    var deadline: MonotonicInstant
    /// 0 while it waits.
    var attempts = 0
    var isTrial = false
  }

  public let profile: PolicyProfile
  private var exchanges: [ID: Exchange] = [:]
  private var waiting: [ID] = []
  private var waitingHead = 0
  private var deadlines = DeadlineHeap<ID>()
  private var breakers: [PolicyRequestKind: CircuitBreaker] = [:]
  private var nextNumber: UInt64 = 1
  /// On the wire now.
  public private(set) var inFlight = 0

  public init(profile: PolicyProfile) {
    self.profile = profile
    for (kind, hook) in profile.hooks {
      if let settings = hook.circuitBreaker { breakers[kind] = CircuitBreaker(settings) }
    }
  }

  /// Questions without a conclusion.
  public var count: Int { exchanges.count }

  public func isOpen(_ kind: PolicyRequestKind) -> Bool { breakers[kind]?.isOpen ?? false }

  // MARK: Events

  /// A question that the profile has a hook for. Its conclusion follows, at once or later, exactly once.
  public mutating func ask(
    _ kind: PolicyRequestKind, now: MonotonicInstant, into actions: inout [Action]
  ) -> ID {
    let id = ID(number: nextNumber)
    nextNumber += 1
    guard let hook = profile.hooks[kind] else { preconditionFailure("the profile has no hook for \(kind)") }
    let waits = inFlight >= profile.maximumConcurrent
    if waits, exchanges.count - inFlight >= profile.maximumWaiting {
      actions.append(.conclude(id, .unasked(kind, .overloaded, fallback: hook.fallback)))
      return id
    }
    var exchange = Exchange(kind: kind, begin: now, deadline: now + hook.deadline)
    switch breakers[kind]?.admit(now: now) {
    case nil, .yes: break
    case .trial: exchange.isTrial = true
    case .no:
      actions.append(.conclude(id, .unasked(kind, .skipped, fallback: hook.fallback)))
      return id
    }
    deadlines.insert(exchange.deadline, id)
    exchanges[id] = exchange
    guard waits else {
      send(id, &actions)
      return id
    }
    // Those that left the queue early keep their place in it; there are never many.
    if waiting.count - waitingHead > 2 * profile.maximumWaiting {
      waiting = waiting[waitingHead...].filter { exchanges[$0] != nil }
      waitingHead = 0
    }
    waiting.append(id)
    return id
  }

  /// The exchange on the wire has ended.
  public mutating func ended(
    _ id: ID, _ end: PolicyExchangeEnd, now: MonotonicInstant, into actions: inout [Action]
  ) {
    guard let exchange = exchanges[id], exchange.attempts > 0 else { return }
    guard now < exchange.deadline else { return timedOut(id, exchange, now: now, &actions) }
    // §9: a pooled connection that was closed under the request says nothing about the server. GET may be repeated.
    if case .failed(.closedBeforeResponse(wasReused: true)) = end, exchange.attempts == 1 {
      exchanges[id]?.attempts = 2
      actions.append(.send(id, attempt: 2))
      return
    }
    updateBreaker(exchange.kind, &actions) {
      if end.isServerFailure {
        $0.failed(isTrial: exchange.isTrial, now: now)
      } else {
        $0.succeeded(isTrial: exchange.isTrial)
      }
    }
    var conclusion: PolicyConclusion
    switch end {
    case .answered(let status, let reading):
      conclusion = PolicyConclusion(
        verdict: reading.verdict, outcome: reading.outcome, disposition: reading.disposition,
        isFallback: false, status: status, latency: now - exchange.begin, attempts: exchange.attempts,
        findings: reading.findings)
    case .failed(let failure):
      conclusion = PolicyConclusion(
        verdict: .standard(for: exchange.kind), outcome: .error, isFallback: false, failure: failure,
        latency: now - exchange.begin, attempts: exchange.attempts, findings: [])
    }
    if conclusion.outcome.needsFallback {
      conclusion.verdict = .fallback(fallback(exchange.kind), for: exchange.kind)
      conclusion.isFallback = true
    }
    finish(id, conclusion, &actions)
    startWaiting(now: now, &actions)
  }

  /// Nobody waits for the answer any more: the call has ended.
  public mutating func withdraw(_ id: ID, now: MonotonicInstant, into actions: inout [Action]) {
    guard let exchange = exchanges[id] else { return }
    updateBreaker(exchange.kind, &actions) { $0.withdrawn(isTrial: exchange.isTrial, now: now) }
    if exchange.attempts > 0 { actions.append(.cancel(id)) }
    finish(
      id, .withdrawn(exchange.kind, after: now - exchange.begin, attempts: exchange.attempts), &actions)
    startWaiting(now: now, &actions)
  }

  /// The time of ``nextDeadline`` has come.
  public mutating func advance(to now: MonotonicInstant, into actions: inout [Action]) {
    while let first = deadlines.first, first.deadline <= now {
      deadlines.removeFirst()
      if let exchange = exchanges[first.id] { timedOut(first.id, exchange, now: now, &actions) }
    }
  }

  /// When ``advance(to:into:)`` has something to do.
  public var nextDeadline: MonotonicInstant? {
    mutating get {
      while let first = deadlines.first, exchanges[first.id] == nil { deadlines.removeFirst() }
      return deadlines.first?.deadline
    }
  }

  // MARK: Transitions

  private func fallback(_ kind: PolicyRequestKind) -> PolicyHook.Fallback {
    profile.hooks[kind]?.fallback ?? .continue
  }

  private mutating func send(_ id: ID, _ actions: inout [Action]) {
    inFlight += 1
    exchanges[id]?.attempts = 1
    actions.append(.send(id, attempt: 1))
  }

  private mutating func timedOut(
    _ id: ID, _ exchange: Exchange, now: MonotonicInstant, _ actions: inout [Action]
  ) {
    let wasAsked = exchange.attempts > 0
    if wasAsked {
      actions.append(.cancel(id))
      updateBreaker(exchange.kind, &actions) { $0.failed(isTrial: exchange.isTrial, now: now) }
    } else {
      // It waited behind others; they tell the breaker how the server is.
      updateBreaker(exchange.kind, &actions) { $0.withdrawn(isTrial: exchange.isTrial, now: now) }
    }
    finish(
      id,
      PolicyConclusion(
        verdict: .fallback(fallback(exchange.kind), for: exchange.kind),
        outcome: wasAsked ? .timeout : .overloaded, isFallback: true, latency: now - exchange.begin,
        attempts: exchange.attempts, findings: []), &actions)
    startWaiting(now: now, &actions)
  }

  private mutating func finish(_ id: ID, _ conclusion: PolicyConclusion, _ actions: inout [Action]) {
    guard let exchange = exchanges.removeValue(forKey: id) else { return }
    if exchange.attempts > 0 { inFlight -= 1 }
    actions.append(.conclude(id, conclusion))
  }

  private mutating func startWaiting(now: MonotonicInstant, _ actions: inout [Action]) {
    while inFlight < profile.maximumConcurrent, waitingHead < waiting.count {
      let id = waiting[waitingHead]
      waitingHead += 1
      // Withdrawn or timed out meanwhile; or about to, and then its turn is not wasted on it.
      guard let exchange = exchanges[id], exchange.attempts == 0, now < exchange.deadline else { continue }
      send(id, &actions)
    }
    if waitingHead == waiting.count {
      waiting.removeAll(keepingCapacity: true)
      waitingHead = 0
    } else if waitingHead > profile.maximumWaiting {
      waiting.removeFirst(waitingHead)
      waitingHead = 0
    }
  }

  private mutating func updateBreaker(
    _ kind: PolicyRequestKind, _ actions: inout [Action], _ change: (inout CircuitBreaker) -> Void
  ) {
    guard var breaker = breakers[kind] else { return }
    let wasOpen = breaker.isOpen
    change(&breaker)
    breakers[kind] = breaker
    if breaker.isOpen != wasOpen { actions.append(.breakerChanged(kind, isOpen: breaker.isOpen)) }
  }
}
