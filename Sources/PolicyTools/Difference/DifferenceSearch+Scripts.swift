import CallModel
import PatternAnalysis
import PolicyEngine
import PolicyHooks
import PolicyScript

/// What is told apart of calls that only scripts decide otherwise.
struct ScriptDifference: Hashable {
  var kind: ScriptKind
  var change: DecisionChange
  /// The scripts, by what messages call them; nil: none.
  var old: String?
  var new: String?
  var taker: PolicyDifference.Taker
}

/// Local scripts: what a program does with a call is only known by running it. Both policies' scripts are run on calls that rules,
/// services, devices and the texts in the scripts suggest.
extension DifferenceSearch {
  /// Kinds of difference that scripts make are told apart up to this number.
  static let maximumScriptFindings = 200

  func compareScripts() {
    let names = Set((old.policy.policy.locations + new.policy.policy.locations).map(\.name)).sorted()
    var compared: Set<[ScriptKind: [Script?]]> = []
    for location in [nil] + names.map({ $0 }) as [String?] {
      let (before, after) = (scripts(old, location), scripts(new, location))
      guard !before.isEmpty || !after.isEmpty else { continue }
      var both: [ScriptKind: [Script?]] = [:]
      for kind in ScriptKind.allCases where before[kind] != nil || after[kind] != nil {
        both[kind] = [before[kind], after[kind]]
      }
      guard compared.insert(both).inserted else { continue }
      let vocabularies = (Array(before.values) + Array(after.values)).map(\.vocabulary)
      let differing = both.filter { $0.value[0] != $0.value[1] }
      let tried = calls
      if !differing.isEmpty { tryCalls(at: location, vocabularies, differing) }
      noteScripts(location, both, vocabularies, tried: calls - tried)
    }
    if old.scriptRuns == 0 || new.scriptRuns == 0 {
      note(
        "script-decides", "scripts were run \(work.scriptRuns) times: other calls were compared without them")
    }
  }

  /// A script in force at some place.
  private struct Script: Hashable {
    var name: String
    var text: String
    var fallback: PolicyHook.Fallback
    var vocabulary: ScriptVocabulary

    static func == (a: Script, b: Script) -> Bool { a.text == b.text && a.fallback == b.fallback }
    func hash(into hasher: inout Hasher) { hasher.combine(text) }
  }

  private func scripts(_ side: DifferenceSide, _ location: String?) -> [ScriptKind: Script] {
    guard let profile = side.policy.policyProfile(location: location) else { return [:] }
    var result: [ScriptKind: Script] = [:]
    for (kind, local) in profile.scripts {
      guard let script = side.policy.script(kind, of: profile) else { continue }
      // Where there is nothing to choose it is never run.
      if kind == .location, !side.policy.policy.choosesMediaAddresses { continue }
      result[kind] = Script(
        name: script.name, text: local.text, fallback: local.fallback, vocabulary: script.vocabulary)
    }
    return result
  }

  // MARK: What is found

  /// Keeps a call that services and rules decide alike, and scripts do not.
  func recordScript(
    _ change: DecisionChange, _ call: ExplainedCall, _ before: DifferenceSide.Outcome,
    _ after: DifferenceSide.Outcome
  ) {
    let key = ScriptDifference(
      kind: .service, change: change, old: before.record.scripts.first?.script,
      new: after.record.scripts.first?.script, taker: before.taker)
    keep(
      key, .init(call: call, before: before.record.outcomeSentence, after: after.record.outcomeSentence))
  }

  private func keep(_ key: ScriptDifference, _ witness: PolicyDifference.Witness) {
    guard scriptFindings[key] == nil else { return }
    guard scriptFindings.count < DifferenceSearch.maximumScriptFindings else { return leaveOpen() }
    scriptFindings[key] = PolicyDifference.Finding(
      change: key.change, subject: .script, summary: summary(key), before: key.taker, after: key.taker,
      witness: witness)
  }

  private func summary(_ key: ScriptDifference) -> String {
    let kind = key.kind == .service ? "" : "\(key.kind.word.replacing("_", with: " ")) "
    let calls =
      key.taker == .nobody ? "calls that no service or rule takes" : "calls of \(name(key.taker, old))"
    switch (key.old, key.new) {
    case (let old?, let new?) where old == new: return "the \(kind)script “\(old)” treats \(calls) otherwise"
    case (let old?, let new?):
      return "the \(kind)script “\(new)” treats \(calls) otherwise than “\(old)” did"
    case (nil, let new?): return "the \(kind)script “\(new)” looks at \(calls), and no script did"
    case (let old?, nil): return "the \(kind)script “\(old)” no longer looks at \(calls)"
    case (nil, nil): return "scripts treat \(calls) otherwise"
    }
  }

  // MARK: Calls to try

  private func tryCalls(
    at location: String?, _ vocabularies: [ScriptVocabulary], _ differing: [ScriptKind: [Script?]]
  ) {
    let suggestions = CallSuggestions(
      old, new, vocabularies, at: location, start: start, protocols: protocols)
    var tried = 0
    for call in suggestions.calls(limit: work.scriptCalls) {
      tried += 1
      ask(call)
      if differing[.participant] != nil || differing[.location] != nil {
        askAboutParticipant(call, differing)
      }
    }
    // What is not seen may be there all the same.
    for (kind, scripts) in differing.sorted(by: { $0.key.word < $1.key.word })
    where !scriptFindings.keys.contains(where: { key in
      key.kind == kind && key.old == scripts[0]?.name && key.new == scripts[1]?.name
    }) {
      let word = "the \(kind.word.replacing("_", with: " ")) script"
      let what =
        switch (scripts[0]?.name, scripts[1]?.name) {
        case (nil, let new?): "\(word) “\(new)” is new"
        case (let old?, nil): "\(word) “\(old)” is gone"
        case (_, let new): "\(word) “\(new ?? "")” has changed"
        }
      settings.append(
        PolicyDifference.Finding(
          change: .otherwise, subject: .script,
          summary: "\(what)\(place(location)); none of \(tried) calls tried is decided differently",
          before: .nobody, after: .nobody, witness: nil))
    }
  }

  /// The scripts about participants and the place of their media, for a call that is connected both times.
  private func askAboutParticipant(_ call: ExplainedCall, _ differing: [ScriptKind: [Script?]]) {
    func joining(_ side: DifferenceSide) -> (DifferenceSide.Outcome, PolicyChain.Joining)? {
      let outcome = side.decide(call)
      return PolicyChain.Joining(call.request(to: side.policy), outcome.record.decision, isExternal: false)
        .map { (outcome, $0) }
    }
    guard let (before, a) = joining(old), let (_, b) = joining(new) else { return }
    func node(_ joining: PolicyChain.Joining) -> NodeFacts {
      NodeFacts(location: joining.request.location, address: nil)
    }
    func key(_ kind: ScriptKind, _ change: DecisionChange, _ scripts: [Script?]) -> ScriptDifference {
      ScriptDifference(
        kind: kind, change: change, old: scripts[0]?.name, new: scripts[1]?.name, taker: before.taker)
    }
    let environment = ScriptEnvironment.repeatable(at: call.at)
    if let scripts = differing[.participant] {
      let facts = ParticipantFacts(
        participantUUID: RequestID(high: 1, low: 1).description,
        callUUID: RequestID(high: 0, low: 0).description)
      let (was, would) = (
        old.chain.participant(facts, joining: a, from: node(a), environment: environment).value,
        new.chain.participant(facts, joining: b, from: node(b), environment: environment).value
      )
      if let change = DecisionChange(from: was, to: would) {
        keep(
          key(.participant, change, scripts), .init(call: call, before: was.sentence, after: would.sentence))
      }
    }
    if let scripts = differing[.location] {
      let standard = MediaLocation(location: call.location ?? "")
      let (was, would) = (
        old.chain.mediaLocation(joining: a, from: node(a), standard: standard, environment: environment)
          .value,
        new.chain.mediaLocation(joining: b, from: node(b), standard: standard, environment: environment).value
      )
      if was != would {
        keep(
          key(.location, .otherwise, scripts), .init(call: call, before: was.sentence, after: would.sentence))
      }
    }
  }

  // MARK: What is not known

  /// Facts that scripts may look at and the calls tried do not have.
  private static let unknownFacts: Set<String> = [
    "bandwidth", "breakout_uuid", "display_count", "encryption", "has_authenticated_display_name",
    "idp_attributes", "idp_uuid", "ms_subnet", "node_ip", "p_asserted_identity", "previous_service_name",
    "remote_display_name", "remote_port", "supports_direct_media", "teams_tenant_id",
    "telehealth_request_id", "third_party_passcode", "vendor", "external_policy_disposition",
  ]

  private func noteScripts(
    _ location: String?, _ scripts: [ScriptKind: [Script?]], _ vocabularies: [ScriptVocabulary], tried: Int
  ) {
    let isSame = scripts.values.allSatisfy { $0[0] == $0[1] }
    guard !isSame || overruled > 0 else { return }
    let names = Set(scripts.values.flatMap { $0 }.compactMap { $0?.name }).sorted()
    let facts = vocabularies.reduce(into: Set<String>()) { $0.formUnion($1.attributes) }
      .intersection(DifferenceSearch.unknownFacts).sorted()
    let list = names.map { "“\($0)”" }.joined(separator: ", ")
    var message = "calls\(place(location)) pass \(names.count == 1 ? "the script" : "the scripts") \(list):"
    message +=
      isSame
      ? " the same on both sides; where services and rules decide differently it was run on the calls tried only"
      : " compared on \(tried) calls, and not proved for others"
    if !facts.isEmpty { message += "; not known of the calls tried: \(facts.joined(separator: ", "))" }
    if [old, new].contains(where: { side in
      let profile = side.policy.policyProfile(location: location)
      return profile?.url != nil && profile?.hooks[.serviceConfiguration] != nil
    }) {
      message += "; what a policy server says before is not known"
    }
    if vocabularies.contains(where: \.usesChance) {
      message += "; random numbers were the same on both sides"
    }
    note("script-decides", message)
  }

  private func place(_ location: String?) -> String {
    location.map { " in location “\($0)”" } ?? " without a location of their own"
  }
}

extension DecisionChange {
  fileprivate init?(from before: ParticipantVerdict, to after: ParticipantVerdict) {
    switch (before, after) {
    case (.reject, .reject): return nil
    case (.reject, _): self = .admitted
    case (_, .reject): self = .refused
    default:
      guard before != after else { return nil }
      self = .otherwise
    }
  }
}

extension ParticipantVerdict {
  fileprivate var sentence: String {
    switch self {
    case .unchanged: "participant as it is"
    case .reject(let reason): "participant refused" + (reason.map { ": \($0)" } ?? "")
    case .apply(let properties):
      "participant with "
        + [
          properties.preauthenticatedRole.map { role in
            switch role {
            case .askForPIN: "its PIN asked for"
            case .role(let role): "role \(role.rawValue)"
            }
          }, properties.remoteAlias.map { "alias “\($0)”" },
          properties.remoteDisplayName.map { "name “\($0)”" }, properties.callTag.map { "tag “\($0)”" },
          properties.bypassesLock.map { $0 ? "the lock passed by" : "the lock respected" },
        ].compactMap { $0 }.joined(separator: ", ").replacingEmpty(by: "other properties")
    }
  }
}

extension MediaLocation {
  fileprivate var sentence: String {
    let overflow = overflowLocations.isEmpty ? "" : ", then \(overflowLocations.joined(separator: ", "))"
    return location.isEmpty ? "media anywhere\(overflow)" : "media in “\(location)”\(overflow)"
  }
}

extension String {
  fileprivate func replacingEmpty(by other: String) -> String { isEmpty ? other : self }
}
