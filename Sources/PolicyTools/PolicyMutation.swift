import CallModel
import PolicyEngine

/// What of a policy could be changed without a test failing: each rule, each destination limit and each cap is changed in one way after
/// the other, and the tests are run.
public struct PolicyMutation: Sendable {
  /// What a change is made to.
  public enum Subject: String, Sendable, CaseIterable {
    case rule, trunk
    case destinationLimit = "destination_limit"
    case service
  }

  /// A change that no test noticed.
  public struct Survivor: Sendable {
    public var subject: Subject
    /// Of the rule, the trunk or the destination limit; empty for the service as a whole.
    public var name: String
    /// What was changed, as in "from.registered is dropped".
    public var change: String

    /// `destination limit “abroad”`
    public var place: String {
      let words = subject.rawValue.replacing("_", with: " ")
      return name.isEmpty ? words : "\(words) “\(name)”"
    }
  }

  /// One change, and the policy that it makes.
  struct Mutant {
    var subject: Subject
    var name: String
    var change: String
    var edit: (inout Policy) -> Void
  }

  public let tried: Int
  public let survivors: [Survivor]

  /// Changes of one policy that are tried at most; what is beyond is not looked at, and ``isComplete`` is false.
  public static let maximumChanges = 20_000
  public let isComplete: Bool

  /// The tests must pass as the policy stands.
  public init(_ tests: [PolicyTest], of policy: PolicySnapshot) {
    var tried = 0
    var survivors: [Survivor] = []
    let mutants = PolicyMutation.mutants(of: policy.policy)
    for mutant in mutants.prefix(PolicyMutation.maximumChanges) {
      var changed = policy.policy
      mutant.edit(&changed)
      // A change that makes no policy is no change.
      guard let snapshot = try? PolicySnapshot(compiling: changed) else { continue }
      tried += 1
      if PolicyTestRun.passes(tests, snapshot) {
        survivors.append(Survivor(subject: mutant.subject, name: mutant.name, change: mutant.change))
      }
    }
    self.tried = tried
    self.survivors = survivors
    isComplete = mutants.count <= PolicyMutation.maximumChanges
  }

  /// All changes, up to one more than are tried.
  static func mutants(of policy: Policy) -> [Mutant] {
    var mutants: [Mutant] = []
    for (index, rule) in policy.rules.enumerated() where rule.isEnabled {
      guard mutants.count <= maximumChanges else { return mutants }
      for (change, mutant) in changes(of: rule) {
        mutants.append(
          Mutant(subject: .rule, name: rule.name, change: change) { policy in
            if let mutant { policy.rules[index] = mutant } else { policy.rules.remove(at: index) }
          })
      }
      for (change, limits) in changes(of: rule.gateway.limits ?? CallLimits()) {
        mutants.append(
          Mutant(subject: .rule, name: rule.name, change: change) {
            $0.rules[index].gateway.limits = limits.isEmpty ? nil : limits
          })
      }
    }
    return mutants + limitMutants(of: policy)
  }

  /// Each condition dropped, each outcome changed; nil for the rule taken out.
  static func changes(of rule: CallRoutingRule) -> [(String, CallRoutingRule?)] {
    var changes: [(String, CallRoutingRule?)] = [("the rule is taken out", nil)]
    func change(_ what: String, if applies: Bool = true, _ edit: (inout CallRoutingRule) -> Void) {
      guard applies else { return }
      var mutant = rule
      edit(&mutant)
      changes.append((what, mutant))
    }
    change("match also takes anything after it", if: rule.form == nil) {
      $0.pattern = "(?:\(rule.pattern)).+"
    }
    if let form = rule.form {
      // What leaves nothing of the form is no policy, and no mutant.
      let count = [form.prefixes.isEmpty, form.suffixes.isEmpty, form.domains.isEmpty].count { !$0 }
      let hasRest = form.digits != nil || !form.ranges.isEmpty
      change("match.digits or match.range is dropped", if: hasRest && count > 0) {
        $0.form?.digits = nil
        $0.form?.ranges = []
      }
      change("match.prefix is dropped", if: !form.prefixes.isEmpty && (hasRest || count > 1)) {
        $0.form?.prefixes = []
      }
      change("match.suffix is dropped", if: !form.suffixes.isEmpty && (hasRest || count > 1)) {
        $0.form?.suffixes = []
      }
      change("match.domain_required is turned round", if: !form.domains.isEmpty) {
        $0.form?.isDomainRequired.toggle()
      }
      change("one alias of the list is dropped", if: form.texts.count > 1) { $0.form?.texts.removeLast() }
    }
    change("replace is dropped", if: !rule.replacement.isEmpty) { $0.replacement = "" }
    change("from.registered is dropped", if: rule.onlyRegistered) { $0.onlyRegistered = false }
    change("from.location is dropped", if: rule.sourceLocation != nil) { $0.sourceLocation = nil }
    change("match_full is turned round") { $0.matchesFullAlias.toggle() }
    let conditions = rule.conditions
    change("from.caller is dropped", if: conditions.caller != nil) { $0.conditions.caller = nil }
    change("from.networks is dropped", if: !conditions.networks.isEmpty) { $0.conditions.networks = [] }
    change("from.trunks is dropped", if: !conditions.trunks.isEmpty) { $0.conditions.trunks = [] }
    change("from.trusted is dropped", if: conditions.onlyTrusted) { $0.conditions.onlyTrusted = false }
    change("from.capability is dropped", if: !conditions.capabilities.isEmpty) {
      $0.conditions.capabilities = []
    }
    change("from.tags is dropped", if: !conditions.tags.isEmpty) { $0.conditions.tags = [] }
    change("when is dropped", if: !conditions.schedules.isEmpty) { $0.conditions.schedules = [] }
    change("unless is dropped", if: !conditions.exceptSchedules.isEmpty) {
      $0.conditions.exceptSchedules = []
    }
    change("to.target may be external", if: rule.gateway.target == .registration) {
      $0.gateway.target = .external
    }
    change("to.trunks loses its first", if: !rule.gateway.trunks.isEmpty) { $0.gateway.trunks.removeFirst() }
    for (i, choice) in rule.gateway.trunks.enumerated() {
      change("to.trunks[\(i)].called is dropped", if: choice.calledTransform != nil) {
        $0.gateway.trunks[i].calledTransform = nil
      }
      change("to.trunks[\(i)].calling is dropped", if: choice.callingTransform != nil) {
        $0.gateway.trunks[i].callingTransform = nil
      }
    }
    change("call.capability becomes video", if: rule.gateway.callCapability != .video) {
      $0.gateway.callCapability = .video
    }
    return changes
  }
}
