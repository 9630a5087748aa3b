import CallModel
import PolicyEngine

extension PolicyAnswerRecord {
  /// What stands in the record about a question. `url` is that of the request without its secrets.
  public init(
    profile: String, kind: PolicyRequestKind, id: RequestID, url: String, _ conclusion: PolicyConclusion
  ) {
    self.init(
      profile: profile, request: kind.rawValue, requestID: id.description, url: url,
      outcome: conclusion.outcome.rawValue, isFallback: conclusion.isFallback, status: conclusion.status,
      failure: conclusion.failure.map(\.description), latency: conclusion.latency,
      attempts: conclusion.attempts,
      findings: conclusion.findings.map {
        Finding(field: $0.field, problem: $0.problem.description, isError: $0.severity == .error)
      })
  }
}
