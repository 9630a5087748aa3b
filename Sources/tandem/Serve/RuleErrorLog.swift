import CallModel
import Logging

/// Tells the administrator about rules that fail on calls: once a minute for each rule, with how often it was.
final class RuleErrorLog {
  private struct Failures {
    var since: MonotonicInstant
    var untold = 0
  }

  private static let interval = TimeSpan.seconds(60)
  private var rules: [String: Failures] = [:]
  private let log: Logger

  init(_ log: Logger) { self.log = log }

  func note(_ rule: String, _ request: CallRequest, now: MonotonicInstant) {
    if var failures = rules[rule], now - failures.since < RuleErrorLog.interval {
      failures.untold += 1
      rules[rule] = failures
      return
    }
    let untold = rules[rule]?.untold ?? 0
    rules[rule] = Failures(since: now)
    log.warning(
      "rule failed: its calls are refused",
      metadata: [
        "rule": "\(rule)", "alias": "\(request.alias.parsed)", "call": "\(request.id)",
        "more": "\(untold)",
      ])
  }
}
