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

  func consult(
    _ request: CallRequest, _ policy: PolicySnapshot, then: @escaping (ExternalDecision) -> Void
  ) -> (any PolicyConsultation)? {
    guard let profile = policy.policyProfile(location: request.location),
      let server = servers.server(profile.name, for: .serviceConfiguration)
    else { return nil }
    let checks = checks(for: policy)
    let (context, defaults) = (checks.context, checks.defaults)
    let node = NodeFacts(
      location: request.location ?? "", address: nodeAddress, versionID: PolicyServers.versionID,
      pseudoVersionID: PolicyServers.pseudoVersionID)
    let asked = ExternalPolicyRequest.serviceConfiguration(CallFacts(request), node)
    let question = Question(then: then)
    let bound = NIOLoopBound(question, eventLoop: eventLoop)
    let driver = NIOLoopBound(driver, eventLoop: eventLoop)
    let (eventLoop, log, call) = (eventLoop, log, request.id)
    question.task = Task {
      let answer = await server.ask(asked, context)
      answer.record.write(to: log, call: call)
      let external = ExternalDecision(
        answer.conclusion.verdict.decision(defaults), answers: [answer.record])
      eventLoop.execute { driver.value.turn { bound.value.finish(external) } }
    }
    return question
  }

  private func checks(
    for policy: PolicySnapshot
  ) -> (policy: PolicySnapshot, context: AnswerContext, defaults: ServiceDefaults) {
    if let checks, checks.policy === policy { return checks }
    let made = (policy, AnswerContext(policy.policy), ServiceDefaults(policy.policy.globals))
    checks = made
    return made
  }

  private final class Question: PolicyConsultation {
    private var then: ((ExternalDecision) -> Void)?
    var task: Task<Void, Never>?

    init(then: @escaping (ExternalDecision) -> Void) { self.then = then }

    func finish(_ decision: ExternalDecision) {
      then?(decision)
      then = nil
    }

    func withdraw() {
      then = nil
      task?.cancel()
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
  /// Nothing that goes well is worth a line; what does not is said with the fields that were wrong.
  fileprivate func write(to log: Logger, call: CallID) {
    var metadata: Logger.Metadata = [
      "call": "\(call)", "profile": "\(profile)", "question": "\(request)", "request_id": "\(requestID)",
      "outcome": "\(outcome)", "latency_ms": "\(latency.milliseconds)",
    ]
    if let status { metadata["status"] = "\(status)" }
    if let failure { metadata["failure"] = "\(failure)" }
    let wrong = findings.filter(\.isError).prefix(8).map { "\($0.field): \($0.problem)" }
    if !wrong.isEmpty { metadata["wrong"] = .string(wrong.joined(separator: "; ")) }
    switch outcome {
    case "invalid": log.warning("policy server's answer is void", metadata: metadata)
    case "timeout", "error": log.warning("policy server gave no answer", metadata: metadata)
    case "overloaded", "unaskable": log.warning("policy server was not asked", metadata: metadata)
    default: log.debug("policy server asked", metadata: metadata)
    }
  }
}
