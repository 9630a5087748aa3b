import CallModel
import PatternAnalysis

extension PolicySnapshot {
  /// Decides one request: a service that owns the alias, else the first rule that matches, else nothing
  /// (routing reference §1 and §3.2).
  ///
  /// Pure: the same request, policy and time give the same answer, on a live call, in `explain` and in a test. Budget:
  /// 2 µs for ten rules.
  ///
  /// - Parameter now: for conditions on time.
  /// - Parameter keepingAllConsiderations: otherwise at most ``DecisionRecord/considerationLimit`` rules are named in
  ///   the record, and of a policy with more rules than that only those whose pattern was tried.
  public func decide(_ request: CallRequest, now: WallClock, keepingAllConsiderations: Bool = false)
    -> (decision: Decision, record: DecisionRecord)
  {
    var record = DecisionRecord(
      policyVersion: versionText, direction: request.direction, callProtocol: request.callProtocol,
      alias: request.alias, location: request.location, isRegistered: request.caller.isRegistered,
      decision: .reject(.notFound))
    record.decision = refusingDevices(request, resolve(request, now, keepingAllConsiderations, &record))
    return (record.decision, record)
  }

  /// As ``decide(_:now:keepingAllConsiderations:)``, where a policy server may have decided already: then services and rules
  /// are not looked at, and only the switches of the whole deployment stand above it. Nil: it left the decision to us.
  public func decide(_ request: CallRequest, external: Decision?, now: WallClock) -> (
    decision: Decision, record: DecisionRecord
  ) {
    guard var decision = external else { return decide(request, now: now) }
    let globals = policy.globals
    let isOff =
      !globals.isEnabled(request.callProtocol) || request.direction == .dialOut && !globals.dialOutEnabled
    if isOff {
      decision = .reject(.protocolDisabled)
    } else if case .gateway = decision, !globals.dialOutEnabled {
      decision = .reject(.protocolDisabled)
    }
    decision = refusingDevices(request, decision)
    return (
      decision,
      DecisionRecord(
        policyVersion: versionText, direction: request.direction, callProtocol: request.callProtocol,
        alias: request.alias, location: request.location, isRegistered: request.caller.isRegistered,
        decision: decision)
    )
  }

  /// Whether the pattern of rule `index` (in the order of evaluation) matches all of `text`, other conditions apart; nil
  /// when it needed too much work, or there is no such rule.
  public func pattern(ofRule index: Int, matches text: String) -> Bool? {
    rules.indices.contains(index) ? patterns[index]?.pattern.matches(text) : nil
  }

  /// The rules whose pattern may match an alias, in the order of evaluation; no other can.
  package func candidates(for alias: Alias) -> [Int] {
    var found: [Int] = []
    var (parsed, full) = (alias.parsed, alias.full)
    parsed.withUTF8 { parsed in
      full.withUTF8 { full in
        index.visitCandidates(parsed: parsed, full: full) { rule in
          found.append(rule)
          return false
        }
      }
    }
    return found
  }

  /// Whether the conditions of rule `index` hold of a request, the alias' pattern apart; nil when the pattern for the calling
  /// alias needed too much work.
  package func conditions(ofRule index: Int, holdFor request: CallRequest, at now: WallClock) -> Bool? {
    let rule = rules[index]
    if rule.firstFailure(
      isOutgoing: request.direction == .dialOut, protocolBit: request.callProtocol.ruleBit,
      isRegistered: request.caller.isRegistered, location: locationNumber(request.location)) != nil
    {
      return false
    }
    guard let conditions = rule.conditions else { return true }
    let failure = conditions.firstFailure(request, isTrusted: isTrusted(request.caller), now: now)
    return failure == .patternError ? nil : failure == nil
  }

  /// What calls taken by rule `index` get, but for the alias they lead to; globals are filled in.
  package func gateway(ofRule index: Int) -> GatewayConfiguration {
    PolicyCompiler.gateway(of: policy.rules[index], policy.globals)
  }

  /// The replacement of rule `index`, for analysis; nil when it leaves the alias as it is.
  package func replacementParts(ofRule index: Int) -> [ReplacementPart]? {
    rules.indices.contains(index) ? patterns[index]?.replacement?.analysed : nil
  }

  /// What rule `index` turns an alias into, other conditions apart; nil when its pattern does not match.
  package func result(ofRule index: Int, on alias: Alias) -> String? {
    guard rules.indices.contains(index), let transform = patterns[index] else { return nil }
    let matchesFullAlias = rules[index].matchesFullAlias
    var parsed = alias.parsed
    var full = alias.full
    let workspace = MatchWorkspace.current
    return parsed.withUTF8 { parsed in
      full.withUTF8 { full in
        let subject = matchesFullAlias ? full : parsed
        guard transform.pattern.match(subject, workspace) == .matched else { return nil }
        return self.alias(of: index, transform.replacement, after: subject, parsed: parsed, workspace)
      }
    }
  }

  private func resolve(
    _ request: CallRequest, _ now: WallClock, _ keepsAll: Bool, _ record: inout DecisionRecord
  ) -> Decision {
    guard policy.globals.isEnabled(request.callProtocol) else { return .reject(.protocolDisabled) }
    if request.direction == .dialOut, !policy.globals.dialOutEnabled { return .reject(.protocolDisabled) }
    if let service = service(alias: request.alias.parsed) {
      record.service = service.configuration.name
      return .service(service.configuration)
    }
    if let service = localConference(request) {
      record.service = service.name
      return .service(service)
    }
    guard let winner = firstMatch(request, now, keepsAll, &record) else { return .reject(.notFound) }
    var gateway = PolicyCompiler.gateway(of: policy.rules[winner.rule], policy.globals)
    record.rule = gateway.name
    guard let alias = winner.alias, !alias.isEmpty else { return .reject(.ruleError) }
    record.replaced = alias
    guard policy.globals.dialOutEnabled else { return .reject(.protocolDisabled) }
    gateway.remoteAlias = alias
    return .gateway(gateway)
  }

  /// The rule that decides and the alias it leads to; a nil alias when the rule's pattern needed too much work.
  private func firstMatch(
    _ request: CallRequest, _ now: WallClock, _ keepsAll: Bool, _ record: inout DecisionRecord
  ) -> (rule: Int, alias: String?)? {
    var parsed = request.alias.parsed
    var full = request.alias.full
    let isOutgoing = request.direction == .dialOut
    let bit = request.callProtocol.ruleBit
    let isRegistered = request.caller.isRegistered
    let location = locationNumber(request.location)
    let workspace = MatchWorkspace.current
    let usesIndex = !keepsAll && rules.count > DecisionRecord.considerationLimit
    return parsed.withUTF8 { parsed in
      full.withUTF8 { full in
        var considered: [RuleConsideration] = []
        if !usesIndex { considered.reserveCapacity(min(rules.count, 16)) }
        var omitted = 0
        var winner: (rule: Int, alias: String?)?

        /// Tries one rule; true when it ends the search.
        func consider(_ i: Int) -> Bool {
          var outcome: RuleConsideration.Outcome
          let rule = rules[i]
          if let failure = rule.firstFailure(
            isOutgoing: isOutgoing, protocolBit: bit, isRegistered: isRegistered, location: location)
          {
            outcome = failure
          } else if let conditions = rule.conditions,
            let failure = conditions.firstFailure(request, isTrusted: isTrusted(request.caller), now: now)
          {
            outcome = failure
            if failure == .patternError { winner = (i, nil) }
          } else {
            let subject = rule.matchesFullAlias ? full : parsed
            let transform = patterns[i]
            switch transform?.pattern.match(subject, workspace) {
            case .unmatched: outcome = .pattern
            case .failed, nil:
              outcome = .patternError
              winner = (i, nil)
            case .matched:
              outcome = .matched
              winner = (i, alias(of: i, transform?.replacement, after: subject, parsed: parsed, workspace))
            }
          }
          if keepsAll || considered.count < DecisionRecord.considerationLimit || winner != nil {
            considered.append(RuleConsideration(rule: i, outcome: outcome))
          } else {
            omitted += 1
          }
          return winner != nil
        }

        if usesIndex {
          var tried = 0
          index.visitCandidates(parsed: parsed, full: full) { i in
            tried += 1
            return consider(i)
          }
          // The index proved of the rules between that their pattern cannot match.
          let passed = winner.map { $0.rule + 1 } ?? rules.count
          omitted += passed - tried
        } else {
          for i in rules.indices where consider(i) { break }
        }
        record.considered = considered
        record.omittedConsiderations = omitted
        return winner
      }
    }
  }

  /// Registered here, or behind a trunk that is inside our trust domain.
  private func isTrusted(_ caller: Caller) -> Bool {
    caller.isRegistered
      || caller.trunk.flatMap { trunkIndex($0) }.map { policy.trunks[$0].isTrusted } ?? false
  }

  /// Who dials a service that asks for sign-on by a device that has none is turned away there. Whom the service calls itself, or
  /// who only asks, is not.
  private func refusingDevices(_ request: CallRequest, _ decision: Decision) -> Decision {
    guard case .service(let service) = decision, request.direction == .dialIn,
      ![.webrtc, .api, .teams].contains(request.callProtocol),
      !service.signOn.admitsDevice(isTrusted: isTrusted(request.caller))
    else { return decision }
    return .reject(.signOnRequired)
  }

  /// What the called alias becomes once the pattern of a rule has matched `subject`.
  ///
  /// Without a replacement it stays what was dialled, without scheme and parameters; only Skype for Business meetings
  /// behind a reception need all of the original.
  private func alias(
    of rule: Int, _ replacement: Replacement?, after subject: UnsafeBufferPointer<UInt8>,
    parsed: UnsafeBufferPointer<UInt8>, _ workspace: MatchWorkspace
  ) -> String {
    if let replacement { return replacement.expand(subject, workspace.vector) }
    let keepsAll = policy.rules[rule].gateway.target == .mssipServer
    return String(decoding: keepsAll ? subject : parsed, as: UTF8.self)
  }
}

extension Globals {
  /// Whether calls of this protocol are taken at all (reference §23). Skype for Business goes with SIP, apps' `api` stage
  /// with WebRTC; Teams and Meet have no switch of their own.
  public func isEnabled(_ callProtocol: CallProtocol) -> Bool {
    switch callProtocol {
    case .sip, .mssip: sipEnabled
    case .h323: h323Enabled
    case .webrtc, .api: webrtcEnabled
    case .rtmp: rtmpEnabled
    case .teams, .gms: true
    }
  }
}
