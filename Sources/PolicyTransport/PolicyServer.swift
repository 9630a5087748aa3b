import CallModel
import NIOCore
import PolicyEngine
import PolicyHooks

/// Puts questions to one policy server: ``PolicyExchanges`` with a clock and a network.
///
/// An actor of its own, off the signalling loop: a call asks, goes on with others, and hears the answer by one hop.
public actor PolicyServer {
  /// For the log: the server is left in peace, or asked again.
  public typealias BreakerObserver =
    @Sendable (_ profile: String, _ kind: PolicyRequestKind, _ isOpen: Bool) -> Void

  private struct Question {
    var request: PolicyHTTPRequest
    var question: ExternalPolicyRequest
    var context: AnswerContext
    var waiter: CheckedContinuation<PolicyConclusion, Never>?
    var exchange: Task<Void, Never>?
  }

  public nonisolated let profile: PolicyProfile
  private nonisolated let client: PolicyServerClient
  private let onBreakerChange: BreakerObserver
  private var exchanges: PolicyExchanges
  private var questions: [PolicyExchanges.ID: Question] = [:]
  private var timer: (deadline: MonotonicInstant, task: Task<Void, Never>)?
  private var isShutDown = false
  private var isRetired = false
  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant

  public init(
    profile: PolicyProfile, group: any EventLoopGroup,
    onBreakerChange: @escaping BreakerObserver = { _, _, _ in }
  ) {
    self.profile = profile
    self.onBreakerChange = onBreakerChange
    client = PolicyServerClient(profile, group: group)
    exchanges = PolicyExchanges(profile: profile)
    start = clock.now
  }

  /// Asks, and waits for the conclusion, which comes within the hook's deadline. When the calling task is cancelled the
  /// question is withdrawn. The profile must have a hook for the question.
  ///
  /// - Parameter id: names it in both logs; by default a random one.
  public func ask(
    _ question: ExternalPolicyRequest, _ context: AnswerContext, id: RequestID = .random()
  ) async -> PolicyAnswer {
    let kind = question.kind
    let request: PolicyHTTPRequest
    guard let url = profile.url else {
      return answer(
        .unasked(kind, .unaskable, fallback: profile.hooks[kind]?.fallback ?? .continue), kind, id, url: "")
    }
    do throws(PolicyHTTPRequest.Refusal) {
      request = try PolicyHTTPRequest(question, id: id, server: url, credential: profile.credential)
    } catch {
      return answer(
        .unasked(
          kind, .unaskable, fallback: profile.hooks[kind]?.fallback ?? .continue,
          finding: AnswerFinding("", .conflict(error.description))), kind, id, url: "")
    }
    guard !isShutDown else {
      return answer(
        .unasked(kind, .withdrawn, fallback: profile.hooks[kind]?.fallback ?? .continue), kind, id,
        url: request.loggedURL)
    }
    var actions: [PolicyExchanges.Action] = []
    let exchange = exchanges.ask(kind, now: now, into: &actions)
    let conclusion = await withTaskCancellationHandler {
      await withCheckedContinuation { waiter in
        questions[exchange] = Question(
          request: request, question: question, context: context, waiter: waiter)
        perform(actions)
      }
    } onCancel: {
      Task { await self.withdraw(exchange) }
    }
    await closeIfIdle()
    return answer(conclusion, kind, id, url: request.loggedURL)
  }

  /// Closes the connections. Questions still open are withdrawn.
  public func shutdown() async {
    guard !isShutDown else { return }
    isShutDown = true
    for id in questions.keys { withdraw(id) }
    timer?.task.cancel()
    timer = nil
    await client.shutdown()
  }

  /// No more questions will come: closes the connections when the last one has its conclusion.
  func retire() async {
    isRetired = true
    await closeIfIdle()
  }

  private func closeIfIdle() async {
    if isRetired, questions.isEmpty { await shutdown() }
  }

  private func answer(
    _ conclusion: PolicyConclusion, _ kind: PolicyRequestKind, _ id: RequestID, url: String
  ) -> PolicyAnswer {
    PolicyAnswer(
      conclusion: conclusion,
      record: PolicyAnswerRecord(profile: profile.name, kind: kind, id: id, url: url, conclusion))
  }

  // MARK: Events

  private func ended(_ id: PolicyExchanges.ID, _ end: PolicyExchangeEnd) {
    var actions: [PolicyExchanges.Action] = []
    exchanges.ended(id, end, now: now, into: &actions)
    perform(actions)
  }

  private func withdraw(_ id: PolicyExchanges.ID) {
    var actions: [PolicyExchanges.Action] = []
    exchanges.withdraw(id, now: now, into: &actions)
    perform(actions)
  }

  private func deadlinePassed(_ deadline: MonotonicInstant) {
    if timer?.deadline == deadline { timer = nil }
    var actions: [PolicyExchanges.Action] = []
    exchanges.advance(to: now, into: &actions)
    perform(actions)
  }

  // MARK: Actions

  private func perform(_ actions: [PolicyExchanges.Action]) {
    for action in actions {
      switch action {
      case .send(let id, _): send(id)
      case .cancel(let id): questions[id]?.exchange?.cancel()
      case .conclude(let id, let conclusion):
        questions.removeValue(forKey: id)?.waiter?.resume(returning: conclusion)
      case .breakerChanged(let kind, let isOpen): onBreakerChange(profile.name, kind, isOpen)
      }
    }
    arm()
  }

  private func send(_ id: PolicyExchanges.ID) {
    guard let question = questions[id] else { return }
    let client = client
    // Reading a large answer takes time; it is done there, not here where others wait.
    questions[id]?.exchange = Task.detached {
      let end = await client.perform(question.request, question.question, question.context)
      await self.ended(id, end)
    }
  }

  // MARK: Time

  private var now: MonotonicInstant {
    let (seconds, attoseconds) = (clock.now - start).components
    return MonotonicInstant.zero + .seconds(seconds) + .nanoseconds(attoseconds / 1_000_000_000)
  }

  /// One timer, for the earliest deadline; one that turns out too early arms the next.
  private func arm() {
    guard !isShutDown, let deadline = exchanges.nextDeadline else { return }
    if let timer, timer.deadline <= deadline { return }
    timer?.task.cancel()
    let wakeUp = start + .nanoseconds(deadline.nanoseconds)
    timer = (
      deadline,
      Task { [clock] in
        guard (try? await Task.sleep(until: wakeUp, tolerance: .milliseconds(5), clock: clock)) != nil else {
          return
        }
        self.deadlinePassed(deadline)
      }
    )
  }
}
