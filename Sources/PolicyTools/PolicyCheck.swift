import PolicyEngine

/// What `tandem check` finds, as text for people, JSON for machines, and an exit code for CI.
public struct PolicyCheck: Sendable {
  public var directory: String
  public var outcome: PolicyLoader.Outcome
  /// Warnings count as errors.
  public var isStrict: Bool

  /// Loads and checks a directory. Secrets that this machine does not hold are warnings.
  public init(directory: String, isStrict: Bool = false) {
    self.init(
      directory: directory,
      outcome: PolicyLoader.load(directory: directory, secrets: .system(areRequired: false)),
      isStrict: isStrict)
  }

  public init(directory: String, outcome: PolicyLoader.Outcome, isStrict: Bool = false) {
    self.directory = directory
    self.outcome = outcome
    self.isStrict = isStrict
    guard let snapshot = outcome.snapshot, let places = outcome.places else { return }
    // What was estimated while loading is proved or dropped.
    let kept = outcome.diagnostics.filter { !PolicyAnalysis.replacedCodes.contains($0.code) }
    self.outcome.diagnostics = places.sorted(
      kept + PolicyAnalysis.diagnostics(snapshot, places: places))
  }

  /// Adds what was found outside the policy's own files.
  package mutating func add(_ findings: [PolicyFinding]) {
    guard let places = outcome.places else { return }
    outcome.diagnostics = places.sorted(outcome.diagnostics + findings.compactMap(places.diagnostic))
  }

  /// 0: good; 1: there are errors, or warnings that count as such.
  public var exitCode: Int32 {
    !outcome.errors.isEmpty || outcome.snapshot == nil || isStrict && !outcome.warnings.isEmpty ? 1 : 0
  }

  /// Each finding with the line it is about, and a summary.
  public var text: String {
    var text = outcome.diagnostics.map { $0.excerpt + "\n" }.joined(separator: "\n")
    if !text.isEmpty { text += "\n" }
    return text + summary + "\n"
  }

  private var summary: String {
    func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
    let findings = "\(count(outcome.errors.count, "error")), \(count(outcome.warnings.count, "warning"))"
    guard let snapshot = outcome.snapshot else { return "\(directory): not usable: \(findings)" }
    let policy = snapshot.policy
    let content = [
      count(policy.rules.count, "rule"), count(policy.services.count, "service"),
      count(policy.devices.count, "device"), count(policy.trunks.count, "trunk"),
      count(policy.locations.count, "location"),
    ].joined(separator: ", ")
    return "\(directory): policy \(snapshot.version): \(content); \(findings)"
  }

  public var json: String {
    JSONText.object([
      ("directory", .string(directory)),
      ("policy_version", JSONText(outcome.snapshot?.version.description)),
      ("ok", .boolean(exitCode == 0)),
      ("errors", .integer(outcome.errors.count)),
      ("warnings", .integer(outcome.warnings.count)),
      ("findings", .array(outcome.diagnostics.map(PolicyCheck.json))),
    ]).text
  }

  private static func json(_ finding: PolicyDiagnostic) -> JSONText {
    .object([
      ("severity", .string(finding.severity.rawValue)),
      ("code", .string(finding.code)),
      ("file", .string(finding.file)),
      ("line", .integer(finding.line)),
      ("column", .integer(finding.column)),
      ("message", .string(finding.message)),
      ("found", JSONText(finding.found)),
      ("expected", JSONText(finding.expected)),
      ("suggestion", JSONText(finding.suggestion)),
      ("witness", JSONText(finding.witness)),
      (
        "related",
        .array(
          finding.related.map {
            .object([
              ("file", .string($0.file)), ("line", .integer($0.line)), ("column", .integer($0.column)),
              ("message", .string($0.message)),
            ])
          })
      ),
    ])
  }
}
