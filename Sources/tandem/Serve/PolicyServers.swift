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
    let chain = chain(for: policy).placing(from: request.placedFrom)
    let subject = Subject(
      call: request.id, isLookUp: request.direction == .nonDial,
      isRecorded: request.direction != .nonDial && request.trigger != .unspecified)
    func ask(_ then: @escaping (PolicyAnswer) -> Void) -> (any PolicyConsultation)? {
      put(
        subject, location: request.location, policy, chain.context,
        { PolicyChain.question(about: request, from: $0) }, then: then)
    }
    guard policy.script(.service, of: profile) != nil else {
      return ask { answer in
        then(ExternalDecision(answer, chain.defaults))
      }
    }
    let node = NodeFacts(location: request.location, address: nodeAddress)
    return script(subject, request.id, server: ask, then: then) { answer, mayRun in
      let environment = ScriptEnvironment.live
      let outcome = chain.decide(
        request, from: node, answer: answer, now: environment.wallClock(), runsScript: mayRun,
        environment: environment)
      return (ExternalDecision(outcome.record, answer: answer), outcome.record.scripts.first, outcome.log)
    }
  }

  /// Has a script look at what was decided, when the server has answered or is not asked.
  ///
  /// - Parameter server: asks the server.
  /// - Parameter decide: on a thread for scripts: the result, what the record says of the script, and what it wrote to its log.
  private func script<Result: Sendable>(
    _ subject: Subject, _ call: CallID,
    server ask: (@escaping (PolicyAnswer) -> Void) -> (any PolicyConsultation)?,
    then: @escaping (Result) -> Void,
    decide: @escaping @Sendable (PolicyAnswer?, _ mayRun: Bool) -> (Result, PolicyScriptRecord?, [String])
  ) -> any PolicyConsultation {
    let question = ScriptedQuestion(then)
    let bound = NIOLoopBound(question, eventLoop: eventLoop)
    let driver = NIOLoopBound(driver, eventLoop: eventLoop)
    let (eventLoop, log, scripts) = (eventLoop, log, scripts)
    func run() {
      let answer = question.answer
      question.task = Task {
        let (result, record, lines) = await scripts.run(isLookUp: subject.isLookUp) { decide(answer, $0) }
        record?.write(lines, to: log, call: call)
        eventLoop.execute { driver.value.turn { bound.value.finish(result) } }
      }
    }
    question.server = ask { answer in
      question.answer = answer
      run()
    }
    if question.server == nil { run() }
    return question
  }

  /// No more scripts are run.
  func shutDown() { scripts.shutDown() }

  func ask(
    _ question: PolicyQuestion, _ policy: PolicySnapshot, then: @escaping (PolicyReply) -> Void
  ) -> (any PolicyConsultation)? {
    let subject: Subject
    switch question {
    case .participant(let joining, _), .mediaLocation(let joining):
      subject = Subject(call: joining.request.id)
      if let scripted = script(question, joining, subject, policy, then: then) { return scripted }
    case .registration(let registration, _):
      subject = Subject(alias: registration.alias, isLookUp: true, isRecorded: false)
    case .avatar(let avatar, _): subject = Subject(alias: avatar.alias, isLookUp: true, isRecorded: false)
    case .directory(let search, _):
      subject = Subject(alias: search.registrationAlias, isLookUp: true, isRecorded: false)
    }
    return put(subject, location: question.location, policy, nil, question.request(from:)) { answer in
      then(PolicyReply(answer.conclusion.verdict, answers: [answer.record]))
    }
  }

  /// A question about a participant where a script has the last word; nil where there is none.
  private func script(
    _ question: PolicyQuestion, _ joining: PolicyChain.Joining, _ subject: Subject, _ policy: PolicySnapshot,
    then: @escaping (PolicyReply) -> Void
  ) -> (any PolicyConsultation)? {
    let kind: ScriptKind = question.kind == .mediaLocation ? .location : .participant
    guard let profile = policy.policyProfile(location: question.location),
      policy.script(kind, of: profile) != nil
    else { return nil }
    let chain = chain(for: policy)
    let node = NodeFacts(location: question.location, address: nodeAddress)
    func ask(_ then: @escaping (PolicyAnswer) -> Void) -> (any PolicyConsultation)? {
      put(subject, location: question.location, policy, nil, question.request(from:), then: then)
    }
    return script(subject, joining.request.id, server: ask, then: then) { answer, mayRun in
      let (verdict, record, log) = chain.answer(
        question, joining, from: node, answer: answer?.conclusion, runsScript: mayRun, environment: .live)
      let reply = PolicyReply(
        verdict, answers: answer.map { [$0.record] } ?? [], scripts: record.map { [$0] } ?? [])
      return (reply, record, log)
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
    _ subject: Subject, location: String?, _ policy: PolicySnapshot, _ context: AnswerContext? = nil,
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
    let context = context ?? chain(for: policy).context
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
  private final class ScriptedQuestion<Result>: PolicyConsultation {
    private var then: ((Result) -> Void)?
    /// The question to the server; nil: it is not asked.
    var server: (any PolicyConsultation)?
    var answer: PolicyAnswer?
    var task: Task<Void, Never>?

    init(_ then: @escaping (Result) -> Void) { self.then = then }

    func finish(_ result: Result) {
      then?(result)
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

extension PolicyChain {
  /// What becomes of a question about a participant, the script included.
  fileprivate func answer(
    _ question: PolicyQuestion, _ joining: Joining, from node: NodeFacts, answer: PolicyConclusion?,
    runsScript: Bool, environment: ScriptEnvironment
  ) -> (PolicyVerdict, PolicyScriptRecord?, log: [String]) {
    if case .participant(_, let participant) = question {
      let verdict = self.participant(
        participant, joining: joining, from: node, answer: answer, runsScript: runsScript,
        environment: environment)
      return (.participant(verdict.value), verdict.script, verdict.log)
    }
    let standard = MediaLocation(location: joining.request.location ?? "")
    let verdict = mediaLocation(
      joining: joining, from: node, standard: standard, answer: answer, runsScript: runsScript,
      environment: environment)
    return (.mediaLocation(verdict.value == standard ? nil : verdict.value), verdict.script, verdict.log)
  }
}

extension PolicyScriptRecord {
  /// What a script wrote to its log, and what became of it: of what goes well the record tells.
  fileprivate func write(_ lines: [String], to log: Logger, call: CallID) {
    for line in lines {
      log.info("script log", metadata: ["call": "\(call)", "script": "\(script)", "detail": "\(line)"])
    }
    var metadata: Logger.Metadata = [
      "call": "\(call)", "profile": "\(profile)", "script": "\(script)",
      "outcome": "\(outcome.rawValue)", "time_ms": "\(time.milliseconds)",
    ]
    if isFallback { metadata["fallback"] = "yes" }
    if let failure { metadata["failure"] = "\(failure)" }
    if line > 0 { metadata["place"] = "\(line):\(column)" }
    let wrong = findings.filter(\.isError).prefix(8).map { "\($0.field): \($0.problem)" }
    if !wrong.isEmpty { metadata["wrong"] = .string(wrong.joined(separator: "; ")) }
    switch outcome {
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
