import CallModel
import JSONText
import PolicyEngine
import PolicyScript

extension PolicyChain {
  /// The participant who joins a service, as scripts are told about it.
  public struct Joining: Hashable, Sendable {
    public var request: CallRequest
    public var service: ServiceFacts
    /// The service's configuration.
    public var decision: Decision

    public init(request: CallRequest, service: ServiceFacts, decision: Decision) {
      self.request = request
      self.service = service
      self.decision = decision
    }

    /// Nil for a call that leads nowhere.
    ///
    /// - Parameter isExternal: a policy server has named the service.
    public init?(_ request: CallRequest, _ decision: Decision, isExternal: Bool) {
      guard let service = ServiceFacts(decision, isExternal: isExternal, request.id) else { return nil }
      self.init(request: request, service: service, decision: decision)
    }
  }

  /// What came of a question beside the one what an alias is.
  public struct Verdict<Value: Sendable>: Sendable {
    public var value: Value
    /// Nil: no script looked at it.
    public var script: PolicyScriptRecord?
    public var log: [String] = []
  }

  /// What a participant may do: what the policy server says, then the local script (routing reference §13, §18).
  ///
  /// - Parameter answer: of the policy server; nil: it is not asked.
  /// - Parameter runsScript: false when too many are waiting: its fallback decides then.
  public func participant(
    _ participant: ParticipantFacts, joining: Joining, from node: NodeFacts, answer: PolicyConclusion? = nil,
    runsScript: Bool = true, environment: ScriptEnvironment
  ) -> Verdict<ParticipantVerdict> {
    var verdict = ParticipantVerdict.unchanged
    if case .participant(let said)? = answer?.verdict { verdict = said }
    guard let (script, profile) = script(.participant, for: joining.request) else {
      return Verdict(value: verdict)
    }
    let refuses = profile.scripts[.participant]?.fallback == .reject
    guard runsScript else {
      var record = PolicyScriptRecord.overloaded(script, .participant, of: profile)
      record.isFallback = refuses
      return Verdict(value: refuses ? .reject(reason: nil) : verdict, script: record)
    }
    var context = ScriptContext()
    let object = participant.scriptObject(joining.request, verdict.properties)
    context.set("participant", to: .object(object))
    let (scriptRun, redaction) = run(
      script, .participant, of: profile, joining, node, answer?.disposition, context, environment)
    var run = scriptRun
    if let answer = run.answer {
      var reader = FieldReader(names: self.context.names, patternFault: self.context.patternFault)
      if answer.action == .reject {
        run.record.outcome = .reject
        // It goes into the record, too.
        verdict = .reject(reason: reader.rejectReason(run.result).map(redaction.redacted))
      } else if let result = run.result {
        if let properties = reader.participantProperties(result) {
          run.record.outcome = properties.isEmpty ? .unchanged : .used
          if !properties.isEmpty { verdict = .apply(properties.over(verdict.properties)) }
        } else {
          run.record.outcome = .invalid
        }
      }
      run.record.note(reader.findings, redaction)
    }
    if run.record.needsFallback, refuses {
      run.record.isFallback = true
      verdict = .reject(reason: nil)
    }
    return Verdict(value: verdict, script: run.record, log: run.log)
  }

  /// Where a participant's media goes: what the policy server says, else the standard placement; then the local script, which
  /// cannot change a list of overflow locations that the server gave (routing reference §14, §18).
  ///
  /// - Parameter standard: where it would go had nobody been asked; its location is empty where the call has none.
  /// - Parameter runsScript: false when too many are waiting: what was decided before stays then.
  public func mediaLocation(
    joining: Joining, from node: NodeFacts, standard: MediaLocation, answer: PolicyConclusion? = nil,
    runsScript: Bool = true, environment: ScriptEnvironment
  ) -> Verdict<MediaLocation> {
    var placement = standard
    var fixed: [String]?
    if case .mediaLocation(let said?)? = answer?.verdict {
      placement = said
      if !said.overflowLocations.isEmpty { fixed = said.overflowLocations }
    }
    guard let (script, profile) = script(.location, for: joining.request) else {
      return Verdict(value: placement)
    }
    guard runsScript else {
      return Verdict(value: placement, script: .overloaded(script, .location, of: profile))
    }
    var context = ScriptContext()
    func overflow(_ i: Int) -> ScriptValue {
      i < placement.overflowLocations.count ? .string(placement.overflowLocations[i]) : .null
    }
    context.set(
      "suggested_media_overflow_locations",
      to: [
        "location": .string(placement.location), "primary_overflow_location": overflow(0),
        "secondary_overflow_location": overflow(1),
      ])
    let (scriptRun, redaction) = run(
      script, .location, of: profile, joining, node, answer?.disposition, context, environment)
    var run = scriptRun
    if run.answer != nil, !(placement.location.isEmpty && run.passesOnNoLocation) {
      var reader = FieldReader(names: self.context.names, patternFault: self.context.patternFault)
      if var chosen = reader.mediaLocation(run.result) {
        if let fixed { chosen.overflowLocations = fixed }
        run.record.outcome = chosen == placement ? .unchanged : .used
        placement = chosen
      } else {
        run.record.outcome = .invalid
      }
      run.record.note(reader.findings, redaction)
    }
    return Verdict(value: placement, script: run.record, log: run.log)
  }

  /// The script that looks at such questions about `request`; nil when there is none.
  public func script(_ kind: ScriptKind, for request: CallRequest) -> (
    script: PolicyScript, profile: PolicyProfile
  )? {
    guard let profile = policy.policyProfile(location: request.location),
      let script = policy.script(kind, of: profile)
    else { return nil }
    return (script, profile)
  }

  private func run(
    _ script: PolicyScript, _ kind: ScriptKind, of profile: PolicyProfile, _ joining: Joining,
    _ node: NodeFacts, _ disposition: PolicyDisposition?, _ context: ScriptContext,
    _ environment: ScriptEnvironment
  ) -> (run: ScriptRun, redaction: Redaction) {
    let caller = joining.request.caller
    let service = ServiceFields(
      joining.decision, caller: .init(alias: caller.alias, displayName: caller.displayName))
    let redaction = Redaction(service?.secrets ?? [])
    let info = CallInfo(
      call: CallFacts(joining.request), node: node, service: joining.service, disposition: disposition)
    var context = context
    context.set("call_info", to: .object(info.object(for: kind)), isReadOnly: true)
    context.set("service_config", to: service.map { .object($0.scriptObject) } ?? .null)
    let run = ScriptRun(
      script, kind, of: profile, context, redaction: redaction, environment: environment)
    return (run, redaction)
  }
}

extension ScriptRun {
  /// The suggestion as it was: the call came in at no location.
  fileprivate var passesOnNoLocation: Bool { answer?.result?["location"]?.value == .string("") }
}

extension ParticipantVerdict {
  fileprivate var properties: ParticipantProperties {
    if case .apply(let properties) = self { properties } else { ParticipantProperties() }
  }
}

extension ParticipantProperties {
  /// These, and where they say nothing, those of `earlier`.
  fileprivate func over(_ earlier: ParticipantProperties) -> ParticipantProperties {
    var result = earlier
    result.preauthenticatedRole = preauthenticatedRole ?? earlier.preauthenticatedRole
    result.remoteAlias = remoteAlias ?? earlier.remoteAlias
    result.remoteDisplayName = remoteDisplayName ?? earlier.remoteDisplayName
    result.bypassesLock = bypassesLock ?? earlier.bypassesLock
    result.callTag = callTag ?? earlier.callTag
    result.canReceivePersonalMix = canReceivePersonalMix ?? earlier.canReceivePersonalMix
    result.disablesOverlayText = disablesOverlayText ?? earlier.disablesOverlayText
    result.displayCount = displayCount ?? earlier.displayCount
    result.prefersMultiscreenMix = prefersMultiscreenMix ?? earlier.prefersMultiscreenMix
    result.layoutGroup = layoutGroup ?? earlier.layoutGroup
    result.spotlight = spotlight ?? earlier.spotlight
    result.presentationPolicy = presentationPolicy ?? earlier.presentationPolicy
    result.wantsPresentationInMix = wantsPresentationInMix ?? earlier.wantsPresentationInMix
    result.receiveFromAudioMix = receiveFromAudioMix ?? earlier.receiveFromAudioMix
    result.sendToAudioMixes = sendToAudioMixes ?? earlier.sendToAudioMixes
    return result
  }
}

extension ParticipantFacts {
  /// `participant`, with what the policy server has changed. The originals are in `call_info`.
  fileprivate func scriptObject(_ request: CallRequest, _ changed: ParticipantProperties) -> ScriptObject {
    let call = CallFacts(request)
    let role: ParticipantRole? =
      switch changed.preauthenticatedRole {
      case .role(let role)?: role
      case .askForPIN?: nil
      case nil: preauthenticatedRole
      }
    var attributes = ScriptObject()
    for attribute in idpAttributes {
      attributes[attribute.name] =
        attribute.values.count == 1
        ? .string(attribute.values[0]) : .list(attribute.values.map { .string($0) })
    }
    return [
      "auth_type": .string(call.idpUUID.isEmpty ? "credentials" : "sso"), "call_uuid": .string(callUUID),
      "display_count": (changed.displayCount ?? call.displayCount).map { .integer($0) } ?? .null,
      "idp_attributes": .object(attributes), "participant_type": .string(stage.rawValue),
      "participant_uuid": .string(participantUUID),
      "preauthenticated_role": role.map { .string($0.rawValue) } ?? .null,
      "receive_from_audio_mix": .string(changed.receiveFromAudioMix ?? receiveFromAudioMix),
      "remote_alias": .string(changed.remoteAlias ?? call.remoteAlias),
      "remote_display_name": .string(changed.remoteDisplayName ?? call.remoteDisplayName),
      "send_to_audio_mixes": .list(
        (changed.sendToAudioMixes ?? [audioMix]).map {
          .object(["mix_name": .string($0.name), "prominent": .boolean($0.isProminent)])
        }),
    ]
  }
}

extension ServiceFacts {
  /// A service as it is named to policy servers once a call was decided; nil for a call that leads nowhere. A gateway call has a
  /// name of its own: rules' names get the call's id (routing reference §10), servers give one.
  fileprivate init?(_ decision: Decision, isExternal: Bool, _ id: CallID) {
    switch decision {
    case .service(let service): self.init(name: service.name, tag: service.tag)
    case .gateway(let gateway):
      self.init(
        name: gateway.name, tag: gateway.tag, uniqueName: isExternal ? gateway.name : "\(gateway.name) \(id)")
    case .reject, .redirect: return nil
    }
  }
}
