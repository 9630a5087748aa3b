/// One run of a local policy script, as it stands in a ``DecisionRecord``: what it changed, or why it was not applied.
/// Holds no secret: PINs are left out wherever they might stand.
public struct PolicyScriptRecord: Hashable, Sendable {
  /// What became of a run (routing reference §18). Whatever is not one of the first five leaves things as they were, or,
  /// where the script has that fallback, refuses.
  public enum Outcome: String, Hashable, Sendable, CaseIterable {
    /// Its result is in force.
    case used
    /// It asked for no change.
    case unchanged
    case reject
    case redirect
    /// Another service than the one the call is placed from: the result is not used.
    case otherService = "other_service"
    /// `pex_require_min_length`: the script asked not to be applied.
    case notApplied = "not_applied"
    /// It stopped with an error.
    case error
    /// It took more than it may.
    case limit
    /// What it wrote is not the JSON object asked for.
    case badOutput = "bad_output"
    /// A field of what it wrote is wrong.
    case invalid
    /// Too many scripts were waiting.
    case overloaded
  }

  /// One field of the configuration before and after, as JSON; nil: not set. Long values are cut.
  public struct Change: Hashable, Sendable {
    public var field: String
    public var before: String?
    public var after: String?
    public init(field: String, before: String?, after: String?) {
      self.field = field
      self.before = before
      self.after = after
    }
  }

  /// Name of the policy profile.
  public var profile: String
  /// `service`, `participant` or `media_location`.
  public var kind: String
  /// The script's file, or its place in the policy.
  public var script: String
  public var outcome: Outcome
  /// True when the script's fallback refused the call.
  public var isFallback: Bool
  /// Why it failed, in words.
  public var failure: String?
  /// Where in the script it failed, or, for ``Outcome/badOutput``, where in its output; from 1, 0: nowhere in particular.
  public var line: Int
  public var column: Int
  /// Operations it took.
  public var steps: Int
  public var time: TimeSpan
  /// Fields of its result that were wrong, or passed over.
  public var findings: [PolicyAnswerRecord.Finding]
  public var changes: [Change]

  public init(
    profile: String, kind: String, script: String, outcome: Outcome, isFallback: Bool = false,
    failure: String? = nil, line: Int = 0, column: Int = 0, steps: Int = 0, time: TimeSpan = .zero,
    findings: [PolicyAnswerRecord.Finding] = [], changes: [Change] = []
  ) {
    self.profile = profile
    self.kind = kind
    self.script = script
    self.outcome = outcome
    self.isFallback = isFallback
    self.failure = failure
    self.line = line
    self.column = column
    self.steps = steps
    self.time = time
    self.findings = findings
    self.changes = changes
  }
}
