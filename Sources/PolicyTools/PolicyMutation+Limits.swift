import CallModel
import PolicyEngine

extension PolicyMutation {
  /// Changes of caps and of destination limits.
  static func limitMutants(of policy: Policy) -> [Mutant] {
    var mutants: [Mutant] = []
    // What the policy leaves to its default is nothing that it says.
    for (change, limits) in changes(of: policy.globals.limits, beyond: Globals().limits) {
      mutants.append(
        Mutant(subject: .service, name: "", change: change) { $0.globals.limits = limits })
    }
    for (index, trunk) in policy.trunks.enumerated() {
      for (change, limits) in changes(of: trunk.limits) {
        mutants.append(
          Mutant(subject: .trunk, name: trunk.name, change: change) { $0.trunks[index].limits = limits })
      }
    }
    for (index, limit) in policy.destinationLimits.enumerated() {
      for (change, mutant) in changes(of: limit) {
        mutants.append(
          Mutant(subject: .destinationLimit, name: limit.name, change: change) { policy in
            if let mutant {
              policy.destinationLimits[index] = mutant
            } else {
              policy.destinationLimits.remove(at: index)
            }
          })
      }
    }
    return mutants
  }

  /// nil for the entry taken out.
  private static func changes(of limit: DestinationLimit) -> [(String, DestinationLimit?)] {
    var changes: [(String, DestinationLimit?)] = [("the entry is taken out", nil)]
    func change(_ what: String, _ edit: (inout DestinationLimit) -> Void) {
      var mutant = limit
      edit(&mutant)
      changes.append((what, mutant))
    }
    if limit.prefixes.count > 1 {
      for (i, prefix) in limit.prefixes.enumerated() {
        change("prefix \(prefix) is dropped") { $0.prefixes.remove(at: i) }
      }
    }
    change("refuse is turned round") { $0.isRefused.toggle() }
    // Numbers that are refused use up no limits.
    guard !limit.isRefused else { return changes }
    for (what, limits) in self.changes(of: limit.limits) { change(what) { $0.limits = limits } }
    return changes
  }

  /// Each cap that differs from `standard`, taken away and doubled.
  static func changes(of limits: CallLimits, beyond standard: CallLimits = CallLimits()) -> [(
    String, CallLimits
  )] {
    var result: [(String, CallLimits)] = []
    for (path, key) in [("limits", \CallLimits.total), ("limits.per_caller", \CallLimits.perCaller)] {
      for (what, caps) in changes(of: limits[keyPath: key], beyond: standard[keyPath: key]) {
        var mutant = limits
        mutant[keyPath: key] = caps
        result.append(("\(path).\(what)", mutant))
      }
    }
    return result
  }

  private static func changes(of caps: CallCaps, beyond standard: CallCaps) -> [(String, CallCaps)] {
    var result: [(String, CallCaps)] = []
    func change<Value: Equatable>(
      _ cap: LimitReached.Cap, _ key: WritableKeyPath<CallCaps, Value?>, _ double: (Value) -> Value
    ) {
      guard let value = caps[keyPath: key], value != standard[keyPath: key] else { return }
      var mutant = caps
      mutant[keyPath: key] = nil
      result.append(("\(cap.rawValue) is dropped", mutant))
      mutant[keyPath: key] = double(value)
      result.append(("\(cap.rawValue) is doubled", mutant))
    }
    func double(_ quota: Quota) -> Quota { Quota(quota.count * 2, per: quota.window) }
    change(.concurrentCalls, \.concurrentCalls) { $0 * 2 }
    change(.callsPerSecond, \.callsPerSecond) { $0 * 2 }
    change(.calls, \.calls, double)
    change(.callMinutes, \.callMinutes, double)
    change(.distinctDestinations, \.distinctDestinations, double)
    change(.maximumDuration, \.maximumDuration) { $0 * 2 }
    return result
  }
}
