import CallModel
import Logging
import NIOCore
import PolicyEngine
import PolicyHooks
import PolicyScript
import PolicyTransport
import Router

/// Asks the policy servers and runs the local scripts on behalf of the signalling loop: a question leaves by a task, its answer
/// comes back in a turn.
///
/// Confined to the signalling loop.
final class PolicyServers: PolicyConsultant {
  private let servers: ExternalPolicy
  private let eventLoop: any EventLoop
  private let driver: LoopDriver
  private let log: Logger
  /// What is sent as `node_ip`.
  var nodeAddress: IPAddress?
  private let scripts = ScriptThreads()
  /// The way of a decision, with what answers are checked against: made once for a policy.
  private var chain: PolicyChain?

  init(servers: ExternalPolicy, eventLoop: any EventLoop, driver: LoopDriver, log: Logger) {
    self.servers = servers
    self.eventLoop = eventLoop
    self.driver = driver
    self.log = log
  }

  /// What became of the questions, by kind and by the word for their outcome.
  private(set) var counters: [PolicyRequestKind: [String: UInt64]] = [:]
  /// Questions that are no calls, under way, by profile.
  private var lookUps: [String: Int] = [:]

  // MARK: PolicyConsultant

  func consult(
    _ request: CallRequest, _ policy: PolicySnapshot, then: @escaping (ExternalDecision) -> Void
  ) -> (any PolicyConsultation)? {
    guard let profile = policy.policyProfile(location: request.location) else { return nil }
    let chain = chain(for: policy)
    let subject = Subject(
      call: request.id, isLookUp: request.direction == .nonDial,
      isRecorded: request.direction != .nonDial && request.trigger != .unspecified)
    func ask(_ then: @escaping (PolicyAnswer) -> Void) -> (any PolicyConsultation)? {
      put(
        subject, location: request.location, policy,
        { PolicyChain.question(about: request, from: $0) }, then: then)
    }
    guard policy.script(.service, of: profile) != nil else {
      return ask { answer in
        then(
          ExternalDecision(answer.conclusion.verdict.decision(chain.defaults), answers: [answer.record]))
      }
    }
    let scripted = ScriptedQuestion(then)
    scripted.server = ask { [unowned self] answer in
      scripted.answer = answer
      run(scripted, request, chain, subject)
    }
    if scripted.server == nil { run(scripted, request, chain, subject) }
    return scripted
  }

  /// Has the service script look at what was decided, when the server has answered or is not asked.
  private func run(
    _ question: ScriptedQuestion, _ request: CallRequest, _ chain: PolicyChain, _ subject: Subject
  ) {
    let node = NodeFacts(location: request.location, address: nodeAddress)
    let bound = NIOLoopBound(question, eventLoop: eventLoop)
    let driver = NIOLoopBound(driver, eventLoop: eventLoop)
    let (eventLoop, log, scripts, answer) = (eventLoop, log, scripts, question.answer)
    question.task = Task {
      let outcome = await scripts.run(isLookUp: subject.isLookUp) { mayRun in
        let environment = ScriptEnvironment.live
        return chain.decide(
          request, from: node, answer: answer, now: environment.wallClock(), runsScript: mayRun,
          environment: environment)
      }
      outcome.write(to: log, call: request.id)
      eventLoop.execute { driver.value.turn { bound.value.finish(ExternalDecision(outcome.record)) } }
    }
  }

  /// No more scripts are run.
  func shutDown() { scripts.shutDown() }

  func ask(
    _ question: PolicyQuestion, _ policy: PolicySnapshot,
    then: @escaping (PolicyVerdict, PolicyAnswerRecord) -> Void
  ) -> (any PolicyConsultation)? {
    let subject: Subject
    switch question {
    case .participant(let request, _, _), .mediaLocation(let request, _):
      subject = Subject(call: request.id)
    case .registration(let registration, _):
      subject = Subject(alias: registration.alias, isLookUp: true, isRecorded: false)
    case .avatar(let avatar, _): subject = Subject(alias: avatar.alias, isLookUp: true, isRecorded: false)
    case .directory(let search, _):
      subject = Subject(alias: search.registrationAlias, isLookUp: true, isRecorded: false)
    }
    return put(subject, location: question.location, policy, question.request(from:)) { answer in
      then(answer.conclusion.verdict, answer.record)
    }
  }

  // MARK: One question

  /// Whom a question is about.
  private struct Subject {
    var call: CallID?
    var alias = ""
    /// No call waits for it.
    var isLookUp = false
    /// The answer stands in the record of a call; otherwise the log is where it can be found.
    var isRecorded = true
  }

  private func put(
    _ subject: Subject, location: String?, _ policy: PolicySnapshot,
    _ request: (NodeFacts) -> ExternalPolicyRequest,
    then: @escaping (PolicyAnswer) -> Void
  ) -> (any PolicyConsultation)? {
    let node = NodeFacts(location: location, address: nodeAddress)
    guard let profile = policy.policyProfile(location: location) else { return nil }
    let request = request(node)
    guard let server = servers.server(profile.name, for: request.kind) else { return nil }
    let id = RequestID.random()
    let question = Question(
      request, id, server.profile, began: driver.loop.now, now: { [driver] in driver.loop.now }
    ) { [weak self] answer, isWithdrawn in
      self?.concluded(subject, request.kind, answer.record)
      if !isWithdrawn { then(answer) }
    }
    let bound = NIOLoopBound(question, eventLoop: eventLoop)
    let driver = NIOLoopBound(driver, eventLoop: eventLoop)
    let eventLoop = eventLoop
    // What is no call takes half of the places at most: a flood of OPTIONS or REGISTER must not decide calls by the fallback.
    let places = (profile.maximumConcurrent + profile.maximumWaiting + 1) / 2
    if subject.isLookUp, lookUps[profile.name, default: 0] >= places {
      let fallback = server.profile.hooks[request.kind]?.fallback ?? .continue
      let conclusion = PolicyConclusion.unasked(request.kind, .overloaded, fallback: fallback)
      eventLoop.execute {
        driver.value.turn { bound.value.finish(conclusion) }
      }
      return question
    }
    if subject.isLookUp {
      lookUps[profile.name, default: 0] += 1
      question.onOver = { [weak self] in self?.lookUps[profile.name, default: 1] -= 1 }
    }
    let context = chain(for: policy).context
    question.task = Task {
      let answer = await server.ask(request, context, id: id)
      eventLoop.execute { driver.value.turn { bound.value.finish(answer) } }
    }
    return question
  }

  private func concluded(_ subject: Subject, _ kind: PolicyRequestKind, _ record: PolicyAnswerRecord) {
    counters[kind, default: [:]][record.outcome, default: 0] += 1
    var metadata: Logger.Metadata = [:]
    if let call = subject.call { metadata["call"] = "\(call)" }
    if !subject.alias.isEmpty { metadata["alias"] = "\(subject.alias)" }
    record.write(to: log, metadata, isRecorded: subject.isRecorded)
  }

  /// What was asked and what came of it, for the log.
  func writeCounters() {
    for (kind, outcomes) in counters.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      var metadata: Logger.Metadata = ["question": "\(kind.rawValue)"]
      for (outcome, count) in outcomes { metadata[outcome] = "\(count)" }
      log.notice("policy servers were asked", metadata: metadata)
    }
  }

  private func chain(for policy: PolicySnapshot) -> PolicyChain {
    if let chain, chain.policy === policy { return chain }
    let made = PolicyChain(policy)
    chain = made
    return made
  }

  /// A question under way. Its answer and its withdrawal exclude each other; whichever is first counts.
  private final class Question: PolicyConsultation {
    private let request: ExternalPolicyRequest
    private let id: RequestID
    private let profile: PolicyProfile
    private let began: MonotonicInstant
    private let now: () -> MonotonicInstant
    private var onConcluded: ((PolicyAnswer, _ isWithdrawn: Bool) -> Void)?
    var onOver: (() -> Void)?
    var task: Task<Void, Never>?

    init(
      _ request: ExternalPolicyRequest, _ id: RequestID, _ profile: PolicyProfile, began: MonotonicInstant,
      now: @escaping () -> MonotonicInstant,
      onConcluded: @escaping (PolicyAnswer, _ isWithdrawn: Bool) -> Void
    ) {
      self.request = request
      self.id = id
      self.profile = profile
      self.began = began
      self.now = now
      self.onConcluded = onConcluded
    }

    func finish(_ answer: PolicyAnswer) { conclude(answer) }
    func finish(_ conclusion: PolicyConclusion) { conclude(answer(conclusion)) }

    func withdraw() -> [PolicyAnswerRecord] {
      guard onConcluded != nil else { return [] }
      let answer = answer(.withdrawn(request.kind, after: now() - began))
      conclude(answer, isWithdrawn: true)
      task?.cancel()
      return [answer.record]
    }

    private func conclude(_ answer: PolicyAnswer, isWithdrawn: Bool = false) {
      guard let onConcluded else { return }
      self.onConcluded = nil
      onOver?()
      onOver = nil
      onConcluded(answer, isWithdrawn)
    }

    private func answer(_ conclusion: PolicyConclusion) -> PolicyAnswer {
      let sent = profile.url.flatMap {
        try? PolicyHTTPRequest(request, id: id, server: $0, credential: nil)
      }
      return PolicyAnswer(
        conclusion: conclusion,
        record: PolicyAnswerRecord(
          profile: profile.name, kind: request.kind, id: id, url: sent?.loggedURL ?? "", conclusion))
    }
  }

  /// A question that a script looks at, after the server if one is asked.
  private final class ScriptedQuestion: PolicyConsultation {
    private var then: ((ExternalDecision) -> Void)?
    /// The question to the server; nil: it is not asked.
    var server: (any PolicyConsultation)?
    var answer: PolicyAnswer?
    var task: Task<Void, Never>?

    init(_ then: @escaping (ExternalDecision) -> Void) { self.then = then }

    func finish(_ decision: ExternalDecision) {
      then?(decision)
      then = nil
    }

    func withdraw() -> [PolicyAnswerRecord] {
      guard then != nil else { return [] }
      then = nil
      task?.cancel()
      return answer.map { [$0.record] } ?? server?.withdraw() ?? []
    }
  }
}

extension PolicyChain.Outcome {
  /// What scripts wrote to their log, and what became of them: of what goes well the record tells.
  fileprivate func write(to log: Logger, call: CallID) {
    guard let script = record.scripts.first else { return }
    for line in self.log {
      log.info(
        "script log", metadata: ["call": "\(call)", "script": "\(script.script)", "detail": "\(line)"])
    }
    var metadata: Logger.Metadata = [
      "call": "\(call)", "profile": "\(script.profile)", "script": "\(script.script)",
      "outcome": "\(script.outcome.rawValue)", "time_ms": "\(script.time.milliseconds)",
    ]
    if script.isFallback { metadata["fallback"] = "yes" }
    if let failure = script.failure { metadata["failure"] = "\(failure)" }
    if script.line > 0 { metadata["place"] = "\(script.line):\(script.column)" }
    let wrong = script.findings.filter(\.isError).prefix(8).map { "\($0.field): \($0.problem)" }
    if !wrong.isEmpty { metadata["wrong"] = .string(wrong.joined(separator: "; ")) }
    switch script.outcome {
    case .error, .limit, .badOutput, .invalid, .otherService, .overloaded:
      log.warning("policy script is not applied", metadata: metadata)
    case .used, .unchanged, .reject, .redirect, .notApplied:
      log.debug("policy script run", metadata: metadata)
    }
  }
}

extension PolicyAnswerRecord {
  /// What does not go well is said with the fields that were wrong. What goes well is worth a line where no record has it.
  fileprivate func write(to log: Logger, _ subject: Logger.Metadata, isRecorded: Bool) {
    var metadata = subject
    metadata["profile"] = "\(profile)"
    metadata["question"] = "\(request)"
    metadata["request_id"] = "\(requestID)"
    metadata["outcome"] = "\(outcome)"
    metadata["latency_ms"] = "\(latency.milliseconds)"
    if isFallback { metadata["fallback"] = "yes" }
    if let status { metadata["status"] = "\(status)" }
    if let failure { metadata["failure"] = "\(failure)" }
    let wrong = findings.filter(\.isError).prefix(8).map {
      $0.field.isEmpty ? $0.problem : "\($0.field): \($0.problem)"
    }
    if !wrong.isEmpty { metadata["wrong"] = .string(wrong.joined(separator: "; ")) }
    switch outcome {
    case "invalid": log.warning("policy server's answer is void", metadata: metadata)
    case "timeout", "error": log.warning("policy server gave no answer", metadata: metadata)
    case "overloaded", "unaskable": log.warning("policy server was not asked", metadata: metadata)
    default: log.log(level: isRecorded ? .debug : .info, "policy server asked", metadata: metadata)
    }
  }
}
