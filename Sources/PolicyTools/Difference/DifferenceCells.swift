import CallModel
import PolicyEngine

/// The kinds of call that conditions of some rules tell apart, each by a call that stands for it; its alias is still to be chosen.
struct DifferenceCells {
  private(set) var calls: [ExplainedCall] = []
  /// False when there are more kinds than were asked for.
  private(set) var isComplete = true

  /// What the dimensions are made of.
  struct Facts {
    var protocols: [CallProtocol]
    var moments: ScheduleCombinations?
    var networks: [IPAddress?]
    /// Addresses for which the two policies find another location or trunk.
    var origins: [IPAddress]
    var callers: [String]
  }

  private struct Who {
    var isRegistered: Bool
    var trunk: String?
    var source: IPAddress?
  }

  /// - Parameters:
  ///   - rule: the calls wanted are those it looks at.
  ///   - relevant: rules whose conditions count.
  init(
    of rule: CallRoutingRule, relevant: [CallRoutingRule], _ facts: Facts, start: WallClock,
    trusted: (registered: Bool, trunks: [String]), maximum: Int
  ) {
    let conditions = relevant.map(\.conditions)
    func values<Value: Hashable>(_ own: [Value], _ all: [Value], _ none: Value) -> [Value] {
      if !own.isEmpty { return own }
      var seen: Set<Value> = [none]
      return [none] + all.filter { seen.insert($0).inserted }
    }
    // Who calls, and from where.
    var people: [Who] = []
    let needsTrust = conditions.contains { $0.onlyTrusted }
    let usesRegistration = trusted.registered || needsTrust || relevant.contains { $0.onlyRegistered }
    let trunks = Set(conditions.flatMap(\.trunks) + (needsTrust ? trusted.trunks : [])).sorted()
    for source in facts.networks + facts.origins.map({ $0 }) {
      if !rule.onlyRegistered { people.append(Who(isRegistered: false, source: source)) }
      if usesRegistration { people.append(Who(isRegistered: true, source: source)) }
    }
    if !rule.onlyRegistered {
      for trunk in trunks {
        for source in facts.networks { people.append(Who(isRegistered: false, trunk: trunk, source: source)) }
      }
    }
    let locations: [String?] =
      rule.sourceLocation.map { [$0] }
      ?? [nil] + Set(relevant.compactMap(\.sourceLocation)).sorted().map { $0 }
    let capabilities = values(
      CallCapability.allCases.filter(rule.conditions.capabilities.contains),
      conditions.contains { !$0.capabilities.isEmpty } ? CallCapability.allCases : [], .video)
    let tags = values(rule.conditions.tags, conditions.flatMap(\.tags), "")
    let moments = facts.moments?.moments.map(\.at) ?? [start]
    var template = ExplainedCall(alias: "", capability: .video, at: start)
    func add(_ call: ExplainedCall) -> Bool {
      guard calls.count < maximum else {
        isComplete = false
        return false
      }
      calls.append(call)
      return true
    }
    for at in moments {
      template.at = at
      for location in locations {
        template.location = location
        if rule.matchesIncoming {
          template.direction = .dialIn
          for callProtocol in facts.protocols where rule.protocols.contains(callProtocol.ruleClass) {
            template.callProtocol = callProtocol
            for who in people {
              template.isRegistered = who.isRegistered
              template.trunk = who.trunk
              template.source = who.source
              for capability in capabilities {
                template.capability = capability
                for tag in tags {
                  template.tag = tag
                  for caller in facts.callers {
                    template.from = caller
                    guard add(template) else { return }
                  }
                }
              }
            }
          }
        }
        if rule.matchesOutgoing {
          var outgoing = ExplainedCall(
            alias: "", callProtocol: facts.protocols.first ?? .sip, direction: .dialOut, capability: .video,
            at: at)
          outgoing.location = location
          guard add(outgoing) else { return }
        }
      }
    }
  }
}
