import CallModel

/// Calls that differ in nothing that a rule's conditions ask for, patterns apart. Whoever adds a condition to rules adds
/// it here, or analysis will call rules unreachable that are not.
package struct CallCell: Hashable, Sendable {
  package var isOutgoing: Bool
  /// The class of protocol (``CallProtocol/ruleClass``); means nothing for outgoing calls.
  package var callProtocol: CallProtocol
  package var isRegistered: Bool
  package var location: String?
  /// The conditions beyond the above that hold. Whether others hold is not known.
  package var conditions: RuleConditions

  package init(
    isOutgoing: Bool = false, callProtocol: CallProtocol = .sip, isRegistered: Bool = false,
    location: String? = nil, conditions: RuleConditions = RuleConditions()
  ) {
    self.isOutgoing = isOutgoing
    self.callProtocol = callProtocol
    self.isRegistered = isRegistered
    self.location = location
    self.conditions = conditions
  }
}

extension CallRoutingRule {
  /// True when every call that meets `other`'s conditions, patterns apart, meets this rule's too.
  package func covers(_ other: CallRoutingRule) -> Bool {
    let outgoing = !other.matchesOutgoing || matchesOutgoing
    let incoming =
      !other.matchesIncoming || other.hasNoProtocols
      || matchesIncoming && coversProtocols(of: other)
        && (!onlyRegistered || other.onlyRegistered)
    return outgoing && incoming && (sourceLocation == nil || sourceLocation == other.sourceLocation)
      && (!hasConditions || conditions == other.conditions)
  }

  /// False when conditions other than the pattern keep the rules apart.
  package func sharesCalls(with other: CallRoutingRule) -> Bool {
    let locations =
      sourceLocation == nil || other.sourceLocation == nil || sourceLocation == other.sourceLocation
    let incoming = matchesIncoming && other.matchesIncoming && sharesProtocols(with: other)
    return locations && !(hasConditions && other.hasConditions && conditions.exclude(other.conditions))
      && (incoming || matchesOutgoing && other.matchesOutgoing)
  }

  /// Whether the rule is sure to look at a call, patterns apart.
  package func looks(at cell: CallCell) -> Bool {
    guard isEnabled, sourceLocation == nil || sourceLocation == cell.location,
      !hasConditions || conditions == cell.conditions
    else { return false }
    guard !cell.isOutgoing else { return matchesOutgoing }
    return matchesIncoming && covers(cell.callProtocol) && (!onlyRegistered || cell.isRegistered)
  }
}

extension RuleConditions {
  /// True when no call can meet both, as far as lists tell.
  package func exclude(_ other: RuleConditions) -> Bool {
    if !trunks.isEmpty, !other.trunks.isEmpty, Set(trunks).isDisjoint(with: other.trunks) { return true }
    if !capabilities.isEmpty, !other.capabilities.isEmpty, capabilities.isDisjoint(with: other.capabilities) {
      return true
    }
    func never(_ a: RuleConditions, _ b: RuleConditions) -> Bool {
      !a.schedules.isEmpty && Set(a.schedules).isSubset(of: b.exceptSchedules)
    }
    return never(self, other) || never(other, self)
  }
}
