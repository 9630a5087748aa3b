import CallModel
import PolicyEngine
import PolicyTools

/// What stands against making a candidate the policy in force: mistakes, failing tests, and recorded or live calls that it would
/// decide differently, more of them than was allowed.
public struct ActivationGate: Sendable {
  /// What came of loading the candidate. What a check would prove about it is not asked for: it takes long, and stops nothing.
  public var outcome: PolicyLoader.Outcome
  /// nil: there are no tests.
  public var tests: PolicyTestRun?
  /// Mistakes in the tests themselves.
  public var testErrors: [PolicyDiagnostic]
  /// nil: no calls are recorded, or they could not be read.
  public var replay: PolicyReplay?
  /// Why there is no replay.
  public var replayProblem: String?
  /// nil: the candidate was not in shadow mode.
  public var shadow: ShadowTally?
  /// Per cent of the calls that may be decided differently.
  public var maximumShare: Double

  public init(
    outcome: PolicyLoader.Outcome, tests: PolicyTestRun?, testErrors: [PolicyDiagnostic],
    replay: PolicyReplay?,
    replayProblem: String?, shadow: ShadowTally?, maximumShare: Double
  ) {
    self.outcome = outcome
    self.tests = tests
    self.testErrors = testErrors
    self.replay = replay
    self.replayProblem = replayProblem
    self.shadow = shadow
    self.maximumShare = maximumShare
  }

  /// What no confirmation overrules.
  public var isUsable: Bool { outcome.snapshot != nil && outcome.errors.isEmpty }

  /// What must be confirmed; empty: nothing stands against it.
  public var objections: [String] {
    var objections: [String] = []
    if !testErrors.isEmpty {
      objections.append("\(testErrors.count) mistakes in its tests: \(testErrors[0].description)")
    }
    if let tests, tests.failedCount > 0 {
      let names = tests.results.filter { !$0.passed }.prefix(3).map { "“\($0.test.name)”" }
      objections.append(
        "\(tests.failedCount) of \(tests.results.count) tests fail: \(names.joined(separator: ", "))")
    }
    if let replay, replay.changedShare > maximumShare {
      objections.append(
        "\(ActivationGate.percent(replay.changedShare)) of \(replay.compared) recorded calls differ (at most \(ActivationGate.percent(maximumShare)) may)"
      )
    }
    if let shadow, shadow.share > maximumShare {
      objections.append(
        "\(ActivationGate.percent(shadow.share)) of \(shadow.compared) calls in shadow mode differ (at most \(ActivationGate.percent(maximumShare)) may)"
      )
    }
    return objections
  }

  /// What was looked at, with examples of what differs.
  public var lines: [String] {
    guard isUsable else {
      return outcome.errors.map(\.description) + ["the policy has errors"]
    }
    var lines = ["check   no errors, \(outcome.warnings.count) warnings"]
    if let tests {
      lines.append("tests   \(tests.results.count - tests.failedCount) of \(tests.results.count) pass")
    } else {
      lines.append("tests   none")
    }
    if let replay {
      lines.append(
        "replay  \(replay.compared) recorded calls, \(replay.differences.count(where: \.change.changesCall)) differ (\(ActivationGate.percent(replay.changedShare)))"
      )
      for difference in replay.differences.filter(\.change.changesCall).prefix(3) {
        lines.append("          \(difference.change.rawValue): \(difference.caller) → \(difference.alias)")
        lines.append("            was    \(difference.before)")
        lines.append("            would  \(difference.after)")
      }
    } else {
      lines.append("replay  \(replayProblem ?? "no calls are recorded")")
    }
    if let shadow {
      lines.append(
        "shadow  \(shadow.compared) live calls, \(shadow.differing) differ (\(ActivationGate.percent(shadow.share)))"
      )
    } else {
      lines.append("shadow  not in shadow mode")
    }
    return lines
  }

  static func percent(_ share: Double) -> String {
    let tenths = (share * 10).rounded() / 10
    // What is not nothing must not look like it.
    if share > 0, tenths == 0 { return "less than 0.1 %" }
    return tenths == tenths.rounded() ? "\(Int(tenths)) %" : "\(tenths) %"
  }
}
