import CallModel
import PolicyEngine

/// Leaves a server in peace that has failed several times in a row, and tries it again with one question.
struct CircuitBreaker {
  enum State: Hashable {
    /// Asked; so many failures in a row.
    case closed(failures: Int)
    /// Not asked until then.
    case open(until: MonotonicInstant)
    /// The cool-down is over, and one question is on its way.
    case trial
  }

  enum Admission: Hashable { case yes, trial, no }

  private let settings: PolicyHook.CircuitBreaker
  private(set) var state = State.closed(failures: 0)

  init(_ settings: PolicyHook.CircuitBreaker) { self.settings = settings }

  var isOpen: Bool { if case .closed = state { false } else { true } }

  /// Whether a question may be asked. After ``Admission/trial`` one of the three ends must follow.
  mutating func admit(now: MonotonicInstant) -> Admission {
    switch state {
    case .closed: return .yes
    case .open(let until) where until <= now:
      state = .trial
      return .trial
    case .open, .trial: return .no
    }
  }

  mutating func succeeded(isTrial: Bool) {
    switch state {
    case .closed: state = .closed(failures: 0)
    // What was asked before the server went down and comes late proves nothing about now.
    case .trial where isTrial: state = .closed(failures: 0)
    case .trial, .open: break
    }
  }

  mutating func failed(isTrial: Bool, now: MonotonicInstant) {
    switch state {
    case .closed(let failures) where failures + 1 < settings.failures: state = .closed(failures: failures + 1)
    case .closed: state = .open(until: now + settings.coolDown)
    case .trial where isTrial: state = .open(until: now + settings.coolDown)
    case .trial, .open: break
    }
  }

  /// The trial ended without telling anything; the next question is the trial.
  mutating func withdrawn(isTrial: Bool, now: MonotonicInstant) {
    if case .trial = state, isTrial { state = .open(until: now) }
  }
}
