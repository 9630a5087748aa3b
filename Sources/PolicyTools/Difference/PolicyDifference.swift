import CallModel
import PolicyEngine

/// Which calls two policies decide differently: not which lines changed, but what that does.
///
/// Exact where patterns are regular: a difference between two rules is reported if and only if there is a call that shows it, and
/// every call reported was decided by both policies. Where exactness ends (look-around, back-references, local scripts, bounds of
/// work) ``notes`` say so. Policy servers are not asked: what they would say, nobody knows.
public struct PolicyDifference: Sendable {
  /// Who decides a call.
  public enum Taker: Hashable, Sendable {
    /// By its number in the order of evaluation.
    case rule(Int)
    case service(String)
    case nobody
  }

  /// A call, and what the two policies do with it.
  public struct Witness: Sendable {
    public var call: ExplainedCall
    public var before: String
    public var after: String
  }

  /// Calls that go from one taker to another, or a setting that changes what becomes of calls.
  public struct Finding: Sendable {
    public var change: DecisionChange
    /// What the finding is about, such as `rules`, `service`, `trunk`, `device`, `protocol`.
    public var subject: Subject
    /// One sentence.
    public var summary: String
    public var before: Taker
    public var after: Taker
    /// nil for a setting that no call was found for.
    public var witness: Witness?
  }

  public enum Subject: String, Sendable, CaseIterable {
    case rules
    case callProtocol = "protocol"
    case defaults, trunk, device
    case destinationLimit = "destination_limit"
    case limits
    case policyServer = "policy_server"
    case script
  }

  /// What the result does not cover, or only by trying calls.
  public struct Note: Hashable, Sendable {
    public var code: String
    public var message: String
  }

  public internal(set) var findings: [Finding] = []
  public internal(set) var notes: [Note] = []
  /// Rules that are the same on both sides.
  public internal(set) var commonRules = 0
  /// Calls that both policies were asked about.
  public internal(set) var calls = 0

  public var differs: Bool { !findings.isEmpty }
  /// True when nothing was left to samples.
  public var isProved: Bool {
    !notes.contains { ["pattern-opaque", "analysis-limited", "sampled", "script-decides"].contains($0.code) }
  }

  /// How much is looked at before a question stays open.
  public struct Work: Sendable {
    /// Searches for an alias, of a few microseconds to milliseconds each.
    public var searches = 100_000
    /// Kinds of call told apart for one rule.
    public var cells = 1_024
    /// Aliases tried for one question.
    public var turns = 48
    /// Random aliases tried for one rule and kind of call.
    public var samples = 12
    /// Random aliases tried for a rule that is closed to analysis.
    public var probes = 160
    /// Aliases of services tried one by one.
    public var aliases = 20_000
    /// Runs of the scripts of one policy.
    public var scriptRuns = 20_000
    /// Calls tried for scripts that differ, for each place where they do.
    public var scriptCalls = 3_000
    public init() {}
  }

  /// - Parameter at: the time from which calls are looked at, for schedules; they are followed for 400 days.
  public init(
    from old: PolicySnapshot, to new: PolicySnapshot, at start: WallClock, work: Work = Work()
  ) {
    guard old.policy != new.policy else {
      commonRules = old.policy.rules.count
      return
    }
    let search = DifferenceSearch(old, new, start, work)
    search.run()
    findings = search.sortedFindings
    notes = search.notes
    commonRules = search.alignment.newOf.count { $0 != nil }
    calls = search.calls
  }
}
