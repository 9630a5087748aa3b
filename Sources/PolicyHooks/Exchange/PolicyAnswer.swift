import CallModel
import PolicyEngine

/// What came of one question: what follows for the call, and what the record says.
public struct PolicyAnswer: Hashable, Sendable {
  public var conclusion: PolicyConclusion
  public var record: PolicyAnswerRecord

  public init(conclusion: PolicyConclusion, record: PolicyAnswerRecord) {
    self.conclusion = conclusion
    self.record = record
  }
}

extension PolicyAnswer {
  /// The answer of a double, as that of the server of `profile` would have been read; without a double the hook's fallback
  /// decides, as ``PolicyOutcome/unasked``.
  public init(
    _ double: PolicyDouble?, to question: ExternalPolicyRequest, of profile: PolicyProfile,
    _ context: AnswerContext
  ) {
    let kind = question.kind
    let id = RequestID(high: 0, low: 0)
    let fallback = profile.hooks[kind]?.fallback ?? .continue
    var conclusion: PolicyConclusion
    switch double {
    case .answer(let status, let body)?:
      let reading = AnswerReading(HTTPAnswer(status: status, body: Array(body.utf8)), to: question, context)
      conclusion = PolicyConclusion(
        verdict: reading.verdict, outcome: reading.outcome, disposition: reading.disposition,
        isFallback: false, status: status, latency: .zero, attempts: 1, findings: reading.findings)
    case .failure(.invalid)?:
      let reading = AnswerReading(HTTPAnswer(status: 200, body: []), to: question, context)
      conclusion = PolicyConclusion(
        verdict: reading.verdict, outcome: reading.outcome, isFallback: false, status: 200, latency: .zero,
        attempts: 1, findings: reading.findings)
    case .failure(.timeout)?:
      conclusion = .unasked(kind, .timeout, fallback: fallback)
      conclusion.latency = profile.hooks[kind]?.deadline ?? .zero
      conclusion.attempts = 1
    case .failure(.refused)?:
      conclusion = .unasked(kind, .error, fallback: fallback)
      conclusion.failure = .connection("refused")
      conclusion.attempts = 1
    case nil: conclusion = .unasked(kind, .unasked, fallback: fallback)
    }
    if conclusion.outcome.needsFallback {
      conclusion.verdict = .fallback(fallback, for: kind)
      conclusion.isFallback = true
    }
    let request = profile.url.flatMap {
      try? PolicyHTTPRequest(question, id: id, server: $0, credential: nil)
    }
    self.init(
      conclusion: conclusion,
      record: PolicyAnswerRecord(
        profile: profile.name, kind: kind, id: id, url: request?.loggedURL ?? "", conclusion))
  }
}
