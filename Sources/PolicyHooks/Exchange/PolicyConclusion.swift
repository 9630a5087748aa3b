import CallModel
import PolicyEngine

/// Why there is no HTTP response.
public enum PolicyTransportFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// Refused, unreachable, or no answer to the connection attempt.
  case connection(String)
  case nameResolution(String)
  /// The handshake failed, or the certificate is not trusted or not for this host.
  case tls(String)
  /// The proxy refused to connect us.
  case proxy(String)
  /// The connection was closed before the first byte of a response. `wasReused`: it had served a request before, so that the
  /// server may have closed it before it saw this one.
  case closedBeforeResponse(wasReused: Bool)
  case closedInResponse
  case answerTooLong(limit: Int)
  /// What came is no HTTP.
  case malformed(String)

  public var description: String {
    switch self {
    case .connection(let reason): "no connection: \(reason)"
    case .nameResolution(let reason): "the server's name is not known: \(reason)"
    case .tls(let reason): "TLS failed: \(reason)"
    case .proxy(let reason): "the proxy refused: \(reason)"
    case .closedBeforeResponse: "the connection was closed before the response"
    case .closedInResponse: "the connection was closed within the response"
    case .answerTooLong(let limit): "the response has more than \(limit) bytes"
    case .malformed(let reason): "not HTTP: \(reason)"
    }
  }
}

/// How an exchange on the wire ended.
public enum PolicyExchangeEnd: Hashable, Sendable {
  case answered(status: Int, AnswerReading)
  case failed(PolicyTransportFailure)

  /// Counts towards the circuit breaker: what shows that the server is down or out of breath. A prompt answer does not,
  /// however wrong it is.
  var isServerFailure: Bool {
    switch self {
    case .answered(let status, _): status >= 500 || status == 429
    case .failed: true
    }
  }
}

/// What came of one question: the decision that follows, and everything the record says about it.
public struct PolicyConclusion: Hashable, Sendable {
  public var verdict: PolicyVerdict
  public var outcome: PolicyOutcome
  /// What local scripts are told; nil unless there was a valid answer with a valid action.
  public var disposition: PolicyDisposition?
  /// True when the hook's fallback decided, for want of a valid answer.
  public var isFallback: Bool
  /// The HTTP status, when there was a response.
  public var status: Int?
  public var failure: PolicyTransportFailure?
  /// From the question to the conclusion.
  public var latency: TimeSpan
  /// Requests sent: 0 when the server was not asked, 2 after the one retry.
  public var attempts: Int
  public var findings: [AnswerFinding]

  /// A question that was never put.
  public static func unasked(
    _ kind: PolicyRequestKind, _ outcome: PolicyOutcome, fallback: PolicyHook.Fallback,
    finding: AnswerFinding? = nil
  ) -> PolicyConclusion {
    PolicyConclusion(
      verdict: .fallback(fallback, for: kind), outcome: outcome, isFallback: true, latency: .zero,
      attempts: 0,
      findings: finding.map { [$0] } ?? [])
  }
}

extension PolicyConclusion {
  /// A question that nobody wanted to know the answer of any more.
  public static func withdrawn(
    _ kind: PolicyRequestKind, after latency: TimeSpan, attempts: Int = 1
  ) -> PolicyConclusion {
    PolicyConclusion(
      verdict: .standard(for: kind), outcome: .withdrawn, isFallback: false, latency: latency,
      attempts: attempts, findings: [])
  }
}

extension PolicyVerdict {
  /// What `fallback` means for a question.
  public static func fallback(_ fallback: PolicyHook.Fallback, for kind: PolicyRequestKind) -> PolicyVerdict {
    guard fallback == .reject else { return .standard(for: kind) }
    return switch kind {
    case .serviceConfiguration: .service(.reject)
    case .participantProperties: .participant(.reject(reason: nil))
    case .registration: .registration(.refuse)
    case .mediaLocation, .avatar, .directory: .standard(for: kind)
    }
  }
}

extension PolicyOutcome {
  /// The server did not say anything valid: the fallback decides.
  var needsFallback: Bool {
    switch self {
    case .invalid, .timeout, .error, .skipped, .overloaded, .unaskable, .unasked: true
    case .used, .continue, .reject, .redirect, .notMine, .withdrawn: false
    }
  }
}
