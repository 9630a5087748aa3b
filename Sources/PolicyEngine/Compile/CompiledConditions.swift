import CallModel

/// The conditions of a rule that the reference system does not have, compiled. Out of line: most rules have none.
final class CompiledConditions: Sendable {
  private let caller: Pattern?
  private let networks: [IPNetwork]
  private let trunks: Set<String>
  private let onlyTrusted: Bool
  private let capabilities: Set<CallCapability>
  private let tags: Set<String>
  private let schedules: [CompiledSchedule]
  private let exceptSchedules: [CompiledSchedule]

  init(
    _ conditions: RuleConditions, caller: Pattern?, schedules: [CompiledSchedule],
    exceptSchedules: [CompiledSchedule]
  ) {
    self.caller = caller
    networks = conditions.networks
    trunks = Set(conditions.trunks)
    onlyTrusted = conditions.onlyTrusted
    capabilities = conditions.capabilities
    tags = Set(conditions.tags)
    self.schedules = schedules
    self.exceptSchedules = exceptSchedules
  }

  /// The first condition that fails, in the order in which they are reported; ``RuleConsideration/Outcome/patternError`` when
  /// the calling alias needed too much work.
  func firstFailure(
    _ request: CallRequest, isTrusted: @autoclosure () -> Bool, now: WallClock
  ) -> RuleConsideration.Outcome? {
    // Who calls only counts for incoming calls, as protocol and registration do.
    if request.direction != .dialOut, let failure = callerFailure(request, isTrusted()) { return failure }
    if !schedules.isEmpty, !schedules.contains(where: { $0.isInForce(at: now) }) { return .schedule }
    if exceptSchedules.contains(where: { $0.isInForce(at: now) }) { return .schedule }
    return nil
  }

  private func callerFailure(
    _ request: CallRequest, _ isTrusted: @autoclosure () -> Bool
  ) -> RuleConsideration.Outcome? {
    if let caller {
      let alias = Alias(dialled: request.caller.alias, protocol: request.callProtocol).parsed
      guard let matches = caller.matches(alias) else { return .patternError }
      if !matches { return .caller }
    }
    if !networks.isEmpty {
      guard let source = request.caller.address?.ip.unmapped,
        networks.contains(where: { $0.contains(source) })
      else { return .network }
    }
    if !trunks.isEmpty, request.caller.trunk.map({ !trunks.contains($0) }) ?? true { return .trunk }
    if onlyTrusted, !isTrusted() { return .trust }
    if !capabilities.isEmpty, !capabilities.contains(request.capability) { return .capability }
    if !tags.isEmpty, !tags.contains(request.callTag) { return .tag }
    return nil
  }
}
