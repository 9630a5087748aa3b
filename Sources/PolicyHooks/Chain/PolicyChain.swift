import CallModel
import JSONText
import PolicyEngine
import PolicyScript

/// The way of a decision: the policy server if it is asked, else our own services and rules; then the local script, which has the last
/// word (routing reference §1, §18).
///
/// Pure: server, `explain` and tests run the same. Registrations, limits and the health of trunks come after it.
public struct PolicyChain: Sendable {
  public let policy: PolicySnapshot
  /// What answers and results are checked against.
  public private(set) var context: AnswerContext
  public let defaults: ServiceDefaults

  /// Worth keeping for as long as the policy: it gathers all names.
  ///
  /// - Parameter runningService: the service that outgoing calls are placed from.
  public init(_ policy: PolicySnapshot, runningService: AnswerContext.RunningService? = nil) {
    self.policy = policy
    context = AnswerContext(policy.policy, runningService: runningService)
    defaults = ServiceDefaults(policy.policy.globals)
  }

  /// The same for calls that a running service places; nil: for all others.
  public func placing(from service: ServiceIdentity?) -> PolicyChain {
    guard let service else { return self }
    var chain = self
    chain.context.runningService = AnswerContext.RunningService(
      name: service.name, type: ServiceType(service.kind))
    return chain
  }

  public struct Outcome: Sendable {
    public var record: DecisionRecord
    /// What the script wrote to its log, a line each.
    public var log: [String] = []
  }

  /// What is sent to a policy server about `request`, and what scripts see of it.
  public static func question(about request: CallRequest, from node: NodeFacts) -> ExternalPolicyRequest {
    .serviceConfiguration(
      CallFacts(request), node,
      service: request.placedFrom.map { ServiceFacts(name: $0.name, tag: $0.tag) })
  }

  /// Decides one request.
  ///
  /// - Parameter answer: what the policy server said; nil: it is not asked.
  /// - Parameter runsScript: false when too many are waiting: its fallback decides then.
  /// - Parameter environment: for the script; what it logs is in the outcome.
  public func decide(
    _ request: CallRequest, from node: NodeFacts, answer: PolicyAnswer? = nil, now: WallClock,
    keepingAllConsiderations: Bool = false, runsScript: Bool = true, environment: ScriptEnvironment
  ) -> Outcome {
    var record: DecisionRecord
    if let decision = answer?.conclusion.verdict.decision(defaults) {
      record = policy.decide(request, external: decision, now: now).record
    } else {
      record = policy.decide(request, now: now, keepingAllConsiderations: keepingAllConsiderations).record
      if case .service(.adjust(let adjustment))? = answer?.conclusion.verdict {
        record.decision = record.decision.adjusted(by: adjustment)
      }
    }
    record.policyAnswers = answer.map { [$0.record] } ?? []
    guard record.decision.isOpenToScripts, let (script, profile) = script(.service, for: request) else {
      return Outcome(record: record)
    }
    guard runsScript else {
      finish(.overloaded(script, .service, of: profile), profile, &record)
      return Outcome(record: record)
    }
    let log = run(
      script, profile, request, node, answer?.conclusion.disposition, environment, into: &record)
    return Outcome(record: record, log: log)
  }

  private func run(
    _ script: PolicyScript, _ profile: PolicyProfile, _ request: CallRequest, _ node: NodeFacts,
    _ disposition: PolicyDisposition?, _ environment: ScriptEnvironment, into record: inout DecisionRecord
  ) -> [String] {
    let facts = CallFacts(request)
    let before = ServiceFields(
      record.decision, caller: .init(alias: request.caller.alias, displayName: request.caller.displayName))
    var redaction = Redaction((before?.secrets ?? []) + [facts.thirdPartyPasscode].compactMap { $0 })
    let info = CallInfo(call: facts, node: node, service: nil, disposition: disposition)
    var context = ScriptContext()
    context.set("call_info", to: .object(info.object(for: .service)), isReadOnly: true)
    context.set("service_config", to: before.map { .object($0.scriptObject) } ?? .null)
    var run = ScriptRun(
      script, .service, of: profile, context, redaction: redaction, environment: environment)
    redaction.add(run.secrets)
    if let answer = run.answer {
      var reader = FieldReader(names: self.context.names, patternFault: self.context.patternFault)
      switch answer.action {
      case .reject:
        // Here the action decides, whatever the result.
        run.record.outcome = .reject
        record.decision = .reject(.policy)
      case .redirect:
        if let alias = reader.newAlias(run.result) {
          run.record.outcome = .redirect
          record.decision = .redirect(alias)
        } else {
          run.record.outcome = .invalid
        }
      case .continue:
        if let result = run.result {
          var validation = ServiceValidation(reader: reader)
          let fields = validation.fields(result)
          reader = validation.reader
          apply(fields, over: before, request, redaction, &run.record, &record)
        }
      }
      run.record.note(reader.findings, redaction)
    }
    finish(run.record, profile, &record)
    return run.log.map(redaction.redacted)
  }

  /// Puts the result of a script over what was decided before.
  private func apply(
    _ fields: ServiceFields?, over before: ServiceFields?, _ request: CallRequest, _ redaction: Redaction,
    _ script: inout PolicyScriptRecord, _ record: inout DecisionRecord
  ) {
    guard let fields else {
      script.outcome = .invalid
      return
    }
    if request.direction == .dialOut, let running = context.runningService {
      // Of a call placed from a service little can be changed (routing reference §11.5).
      guard fields.name == running.name, fields.type == running.type else {
        script.outcome = .otherService
        return
      }
      script.outcome = .used
      record.decision = record.decision.adjusted(by: DialOutAdjustment(fields))
      return
    }
    script.changes = fields.changes(from: before).map {
      PolicyScriptRecord.Change(
        field: $0.field, before: $0.before.map(redaction.redacted), after: $0.after.map(redaction.redacted))
    }
    guard !script.changes.isEmpty else { return }
    script.outcome = .used
    record.decision = fields.decision(defaults, over: before.map { (record.decision, $0) })
    if case .gateway = record.decision, !policy.policy.globals.dialOutEnabled {
      record.decision = .reject(.protocolDisabled)
    }
  }

  private func finish(
    _ script: PolicyScriptRecord, _ profile: PolicyProfile, _ record: inout DecisionRecord
  ) {
    var script = script
    if script.needsFallback, profile.scripts[.service]?.fallback == .reject {
      script.isFallback = true
      record.decision = .reject(.policy)
    }
    record.scripts.append(script)
  }
}

extension PolicyVerdict {
  /// Nil: our own services and rules decide.
  public func decision(_ defaults: ServiceDefaults) -> Decision? {
    guard case .service(let verdict) = self else { return nil }
    switch verdict {
    case .use(let fields): return fields.decision(defaults)
    case .reject: return .reject(.policy)
    case .redirect(let alias): return .redirect(alias)
    case .adjust, .ownRules: return nil
    }
  }
}

extension DialOutAdjustment {
  init(_ fields: ServiceFields) {
    self.init()
    if case .text(let prefer)? = fields[.preferIPv6] { preferIPv6 = prefer }
    mediaEncryption = fields.text(.cryptoMode).flatMap(MediaEncryption.init(rawValue:))
  }
}

extension Decision {
  /// What is switched off, and a rule that failed, no script switches on again.
  fileprivate var isOpenToScripts: Bool {
    switch self {
    case .service, .gateway, .redirect, .reject(.notFound), .reject(.policy): true
    case .reject: false
    }
  }

  fileprivate func adjusted(by adjustment: DialOutAdjustment) -> Decision {
    switch self {
    case .gateway(var gateway):
      if let encryption = adjustment.mediaEncryption { gateway.mediaEncryption = encryption }
      if let preference = adjustment.preferIPv6 {
        gateway.prefersIPv6 = ["yes": true, "no": false][preference]
      }
      return .gateway(gateway)
    case .service(var service):
      if let encryption = adjustment.mediaEncryption { service.mediaEncryption = encryption }
      if let preference = adjustment.preferIPv6.flatMap(Preference.init(rawValue:)) {
        service.room.preferIPv6 = preference
      }
      return .service(service)
    case .reject, .redirect: return self
    }
  }
}

extension ServiceFields {
  /// These fields as a decision, made of an earlier one: what the interface has no field for, and what was left as it was, stays as it is.
  func decision(
    _ defaults: ServiceDefaults, over previous: (decision: Decision, fields: ServiceFields)?
  ) -> Decision {
    let decision = decision(defaults)
    guard let previous else { return decision }
    func isSame(_ field: ServiceField) -> Bool {
      valueOrStandard(field) == previous.fields.valueOrStandard(field)
    }
    switch (decision, previous.decision) {
    case (.gateway(var new), .gateway(let old)):
      if isSame(.remoteAlias) { new.remoteAlias = old.remoteAlias }
      if isSame(.localAlias) { new.localAlias = old.localAlias }
      if isSame(.localDisplayName) { new.localDisplayName = old.localDisplayName }
      if isSame(.sipProxyName) { new.trunks = old.trunks }
      if isSame(.description) { new.details.description = old.details.description }
      if isSame(.maxCallrateIn) { new.maximumBandwidthIn = old.maximumBandwidthIn }
      if isSame(.maxCallrateOut) { new.maximumBandwidthOut = old.maximumBandwidthOut }
      new.disabledCodecs = old.disabledCodecs
      new.telehealthProfile = old.telehealthProfile
      new.ringTimeout = old.ringTimeout
      new.continueOn = old.continueOn
      return .gateway(new)
    case (.service(var new), .service(let old)):
      if isSame(.description) { new.description = old.description }
      if isSame(.localDisplayName) { new.localDisplayName = old.localDisplayName }
      if isSame(.maxCallrateIn) { new.maximumBandwidthIn = old.maximumBandwidthIn }
      if isSame(.maxCallrateOut) { new.maximumBandwidthOut = old.maximumBandwidthOut }
      if new.name == old.name, new.kind == old.kind {
        new.language = old.language
        new.room.isRecorded = old.room.isRecorded
        new.room.telephone = old.room.telephone
      }
      return .service(new)
    default: return decision
    }
  }
}
