import CallModel
import Logging
import NIOCore
import PolicyEngine
import PolicyHooks
import PolicyTransport
import Router

/// Asks the policy servers on behalf of the signalling loop: a question leaves by a task, its answer comes back in a turn.
///
/// Confined to the signalling loop.
final class PolicyServers: PolicyConsultant {
  private let servers: ExternalPolicy
  private let eventLoop: any EventLoop
  private let driver: LoopDriver
  private let log: Logger
  /// What is sent as `node_ip`.
  var nodeAddress: IPAddress?
  /// What answers are checked against, made once for a policy.
  private var checks: (policy: PolicySnapshot, context: AnswerContext, defaults: ServiceDefaults)?

  /// The release and build of the reference system whose interface we speak: servers look at them.
  private static let versionID = "35"
  private static let pseudoVersionID = "77683.0.0"

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
    let defaults = checks(for: policy).defaults
    let subject = Subject(
      call: request.id, isLookUp: request.direction == .nonDial,
      isRecorded: request.direction != .nonDial && request.trigger != .unspecified)
    return put(subject, location: request.location, policy) { node in
      .serviceConfiguration(CallFacts(request), node)
    } then: { verdict, record in
      then(ExternalDecision(verdict.decision(defaults), answers: [record]))
    }
  }

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
    return put(subject, location: question.location, policy, question.request(from:), then: then)
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
    then: @escaping (PolicyVerdict, PolicyAnswerRecord) -> Void
  ) -> (any PolicyConsultation)? {
    let node = NodeFacts(
      location: location ?? "", address: nodeAddress, versionID: PolicyServers.versionID,
      pseudoVersionID: PolicyServers.pseudoVersionID)
    guard let profile = policy.policyProfile(location: location) else { return nil }
    let request = request(node)
    guard let server = servers.server(profile.name, for: request.kind) else { return nil }
    let id = RequestID.random()
    let question = Question(
      request, id, server.profile, began: driver.loop.now, now: { [driver] in driver.loop.now }
    ) { [weak self] verdict, record in
      self?.concluded(subject, request.kind, record)
      if let verdict { then(verdict, record) }
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
        driver.value.turn { bound.value.finish(conclusion.verdict, conclusion) }
      }
      return question
    }
    if subject.isLookUp {
      lookUps[profile.name, default: 0] += 1
      question.onOver = { [weak self] in self?.lookUps[profile.name, default: 1] -= 1 }
    }
    let context = checks(for: policy).context
    question.task = Task {
      let answer = await server.ask(request, context, id: id)
      eventLoop.execute { driver.value.turn { bound.value.finish(answer.conclusion.verdict, answer.record) } }
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

  private func checks(
    for policy: PolicySnapshot
  ) -> (policy: PolicySnapshot, context: AnswerContext, defaults: ServiceDefaults) {
    if let checks, checks.policy === policy { return checks }
    let made = (policy, AnswerContext(policy.policy), ServiceDefaults(policy.policy.globals))
    checks = made
    return made
  }

  /// A question under way. Its answer and its withdrawal exclude each other; whichever is first counts.
  private final class Question: PolicyConsultation {
    private let request: ExternalPolicyRequest
    private let id: RequestID
    private let profile: PolicyProfile
    private let began: MonotonicInstant
    private let now: () -> MonotonicInstant
    /// Nil verdict: withdrawn.
    private var onConcluded: ((PolicyVerdict?, PolicyAnswerRecord) -> Void)?
    var onOver: (() -> Void)?
    var task: Task<Void, Never>?

    init(
      _ request: ExternalPolicyRequest, _ id: RequestID, _ profile: PolicyProfile, began: MonotonicInstant,
      now: @escaping () -> MonotonicInstant,
      onConcluded: @escaping (PolicyVerdict?, PolicyAnswerRecord) -> Void
    ) {
      self.request = request
      self.id = id
      self.profile = profile
      self.began = began
      self.now = now
      self.onConcluded = onConcluded
    }

    func finish(_ verdict: PolicyVerdict, _ record: PolicyAnswerRecord) { conclude(verdict, record) }

    func finish(_ verdict: PolicyVerdict, _ conclusion: PolicyConclusion) {
      conclude(verdict, record(conclusion))
    }

    func withdraw() -> [PolicyAnswerRecord] {
      guard onConcluded != nil else { return [] }
      let record = record(.withdrawn(request.kind, after: now() - began))
      conclude(nil, record)
      task?.cancel()
      return [record]
    }

    private func conclude(_ verdict: PolicyVerdict?, _ record: PolicyAnswerRecord) {
      guard let onConcluded else { return }
      self.onConcluded = nil
      onOver?()
      onOver = nil
      onConcluded(verdict, record)
    }

    private func record(_ conclusion: PolicyConclusion) -> PolicyAnswerRecord {
      let sent = try? PolicyHTTPRequest(request, id: id, server: profile.url, credential: nil)
      return PolicyAnswerRecord(
        profile: profile.name, kind: request.kind, id: id, url: sent?.loggedURL ?? "", conclusion)
    }
  }
}

extension PolicyVerdict {
  /// Nil: our own services and rules decide.
  fileprivate func decision(_ defaults: ServiceDefaults) -> Decision? {
    guard case .service(let verdict) = self else { return nil }
    switch verdict {
    case .use(let fields): return fields.decision(defaults)
    case .reject: return .reject(.policy)
    case .redirect(let alias): return .redirect(alias)
    case .adjust, .ownRules: return nil
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
