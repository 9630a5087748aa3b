import CallModel
import PolicyEngine

extension DecisionRecordRenderer {
  /// The same facts as ``text(_:)``, under stable keys.
  public func json(_ record: DecisionRecord) -> String {
    let policy = policy?.version.description == record.policyVersion ? policy : nil
    let sentence = sentence(record, policy)
    var pairs: [(String, JSONText)] = [
      ("policy_version", .string(record.policyVersion)),
      ("direction", .string(record.direction.rawValue)),
      ("protocol", .string(record.callProtocol.rawValue)),
      ("caller", JSONText(caller)),
      ("registered", .boolean(record.isRegistered)),
      ("location", JSONText(record.location)),
      (
        "alias",
        .object([
          ("full", .string(record.alias.full)), ("parsed", .string(record.alias.parsed)),
          ("local", .string(record.alias.local)), ("has_pin", .boolean(record.alias.pin != nil)),
        ])
      ),
      ("policy_answers", .array(record.policyAnswers.map { PolicyAnswerSentence(answer: $0).json })),
      ("service", JSONText(record.service)),
    ]
    pairs.append(
      (
        "considered",
        .array(
          record.considered.map { consideration in
            .object([
              ("index", .integer(consideration.rule)),
              ("rule", .string(sentence.name(consideration.rule))),
              ("priority", sentence.priority(consideration.rule).map(JSONText.integer) ?? .null),
              ("outcome", .string(consideration.outcome.word)),
              ("reason", .string(sentence.reason(consideration))),
              ("near", JSONText(sentence.nearMiss(consideration))),
              (
                "near_explain",
                sentence.misses?.byRule[consideration.rule].map {
                  .array($0.call.explainArguments(otherThan: explained?.call).map(JSONText.string))
                } ?? .null
              ),
            ])
          })
      ))
    pairs.append(("omitted", .integer(record.omittedConsiderations)))
    pairs.append(("rule", JSONText(record.rule)))
    pairs.append(("replaced", JSONText(record.replaced)))
    pairs.append(("scripts", .array(record.scripts.map { PolicyScriptSentence(script: $0).json })))
    pairs.append(("script_log", .array(scriptLog.map(JSONText.string))))
    pairs.append(("decision", decision(record, policy)))
    return JSONText.object(pairs).text
  }

  private func decision(_ record: DecisionRecord, _ policy: PolicySnapshot?) -> JSONText {
    switch record.decision {
    case .service(let service):
      return .object([
        ("kind", .string("service")), ("name", .string(service.name)),
        ("type", .string(service.kind.rawValue)),
        ("tag", .string(service.tag)), ("limits", .array(serviceLimits(policy).map(\.json))),
      ])
    case .gateway(let gateway):
      let target = target(gateway, record, policy)
      return .object([
        ("kind", .string("gateway")), ("name", .string(gateway.name)), ("tag", .string(gateway.tag)),
        ("target", .string(gateway.target.rawValue)),
        ("protocol", .string(gateway.outgoingProtocol.rawValue)),
        ("remote_alias", .string(gateway.remoteAlias)),
        ("outgoing_location", JSONText(gateway.outgoingLocation)), ("attempts", attempts(target, policy)),
        (
          "continue_on",
          .array(Cause.allCases.filter(gateway.continueOn.contains).map { .string($0.rawValue) })
        ),
        ("capability", .string(gateway.callCapability.rawValue)),
        ("media_encryption", .string(gateway.mediaEncryption.rawValue)),
        ("limits", .array(target.limits.map(\.json))),
        ("explanation", .array(target.lines.map(JSONText.string))),
      ])
    case .reject(let rejection):
      var pairs: [(String, JSONText)] = [
        ("kind", .string("reject")), ("reason", .string(rejection.rawValue)),
        ("limit", JSONText(record.limit?.description)),
      ]
      if rejection == .destinationRefused, let gateway = explained?.gateway {
        let target = target(gateway, record, policy)
        pairs.append(("attempts", attempts(target, policy)))
        pairs.append(("explanation", .array(target.lines.map(JSONText.string))))
      }
      return .object(pairs)
    case .redirect(let alias):
      return .object([("kind", .string("redirect")), ("alias", .string(alias))])
    }
  }

  /// The ways out; one without a trunk is that by DNS.
  private func attempts(_ target: TargetSentence, _ policy: PolicySnapshot?) -> JSONText {
    var attempts = target.attempts
    if attempts.isEmpty, let way = target.ways?.ways.first {
      attempts = [
        TargetSentence.Attempt(
          place: 1, via: way.departure.via, called: way.departure.called,
          calling: way.departure.calling ?? target.caller, ringTimeout: way.departure.ringTimeout, way: way)
      ]
    }
    return .array(
      attempts.map { attempt in
        let destination = policy.flatMap { policy in
          attempt.way.flatMap { DestinationSentence($0.departure, policy, places) }
        }
        let limits = policy.map { policy in
          (attempt.way?.limits ?? []).map { LimitSentence(limit: $0, policy: policy, places: places).json }
        }
        return .object([
          ("place", .integer(attempt.place)), ("trunk", .string(attempt.via)),
          ("called", .string(attempt.called)), ("calling", JSONText(attempt.calling)),
          ("weight", attempt.weight.map(JSONText.integer) ?? .null),
          ("ring_timeout_ms", .integer(Int(attempt.ringTimeout.milliseconds))),
          ("refused", .boolean(attempt.way?.departure.isRefused ?? false)),
          ("assumed_down", .boolean(attempt.way?.isDown ?? false)),
          ("destination", destination?.json ?? .null), ("limits", .array(limits ?? [])),
        ])
      })
  }
}
