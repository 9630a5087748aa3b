import CallModel

/// When an administrator is to hear of rules that fail on calls: of each once a minute, with how often it was meanwhile. A pattern
/// that takes too much work does so at every call, perhaps because somebody wants it to.
struct RuleFailures {
  private struct Failures {
    var told: MonotonicInstant
    var untold = 0
  }

  static let interval = TimeSpan.seconds(60)
  private var rules: [String: Failures] = [:]

  /// How many failures of the rule nobody was told of before this one; nil: nor is anybody of this one.
  mutating func note(_ rule: String, now: MonotonicInstant) -> Int? {
    guard var failures = rules[rule] else {
      rules[rule] = Failures(told: now)
      return 0
    }
    if now - failures.told < RuleFailures.interval {
      failures.untold += 1
      rules[rule] = failures
      return nil
    }
    rules[rule] = Failures(told: now)
    return failures.untold
  }

  /// Another policy has other rules.
  mutating func forget() { rules = [:] }
}
