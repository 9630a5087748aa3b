import CallModel

/// A caller at the PIN prompt (reference §3.2): collects digits, three attempts, bounded time.
struct PINEntry: Sendable {
  enum Outcome: Hashable, Sendable {
    /// More digits are awaited.
    case none
    case welcome(Participant.Role)
    case wrong(attemptsLeft: Int)
    /// The last attempt was wrong too.
    case failed
  }

  static let attempts = 3

  let rules: EntryRules
  /// When the caller is given up.
  let startedAt: MonotonicInstant
  private(set) var attemptsLeft: Int
  private var digits = Secret("")
  /// More digits came than any PIN has: wrong, once it ends.
  private var isOverlong = false

  init(rules: EntryRules, failures: Int = 0, now: MonotonicInstant) {
    self.rules = rules
    startedAt = now
    attemptsLeft = max(0, PINEntry.attempts - failures)
  }

  private var length: Int { digits.reveal().utf8.count }

  /// `*` clears what was entered. `#` ends it; with nothing entered it means "as a guest" where guests need no PIN.
  mutating func press(_ key: DTMFDigit) -> Outcome {
    switch key.event {
    case 0...9:
      if length < PINRules.lengths.upperBound {
        digits = Secret(digits.reveal() + key.description)
      } else {
        isOverlong = true
      }
      guard !rules.endsWithHash else { return .none }
      if rules.lengths.contains(length), let role = rules.role(for: digits) { return accept(role) }
      return length >= (rules.lengths.max() ?? 0) ? finish() : .none
    case 10:
      clear()
      return .none
    case 11:
      if digits.isEmpty { return rules.admitsGuestsWithoutPIN ? accept(.guest) : .none }
      return finish()
    default:
      return .none
    }
  }

  private mutating func finish() -> Outcome {
    let role = isOverlong ? nil : rules.role(for: digits)
    if let role { return accept(role) }
    clear()
    attemptsLeft -= 1
    return attemptsLeft > 0 ? .wrong(attemptsLeft: attemptsLeft) : .failed
  }

  private mutating func accept(_ role: Participant.Role) -> Outcome {
    clear()
    return .welcome(role)
  }

  private mutating func clear() {
    digits = Secret("")
    isOverlong = false
  }
}
