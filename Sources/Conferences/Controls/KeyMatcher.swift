import CallModel

/// Finds controls in the keys one participant presses.
///
/// Keys that begin no control are passed over, each tried as a beginning of its own. What was begun is forgotten after
/// ``interKeyTime``; where one control begins with another, the shorter one waits ``extensionTime`` for the key that would
/// make it the longer one. A number ends with `#` or a pause.
struct KeyMatcher: Sendable {
  struct Match: Hashable, Sendable {
    var action: ControlAction
    /// The number that followed, for an action that takes one.
    var number = ""
  }

  static let interKeyTime = TimeSpan.seconds(3)
  static let extensionTime = TimeSpan.seconds(2)
  static let maximumNumberLength = 32

  private enum State: Sendable {
    case idle
    case keys([DTMFDigit], since: MonotonicInstant)
    /// Complete, unless one more key follows.
    case complete([DTMFDigit], ControlAction, since: MonotonicInstant)
    case number(ControlAction, String, since: MonotonicInstant)
  }

  private var state = State.idle

  var nextDeadline: MonotonicInstant? {
    switch state {
    case .idle: nil
    case .keys(_, let since), .number(_, _, let since): since + KeyMatcher.interKeyTime
    case .complete(_, _, let since): since + KeyMatcher.extensionTime
    }
  }

  /// The pause has ended what was begun.
  mutating func advance(to now: MonotonicInstant) -> Match? {
    guard let deadline = nextDeadline, deadline <= now else { return nil }
    defer { state = .idle }
    switch state {
    case .idle, .keys: return nil
    case .complete(_, let action, _): return Match(action: action)
    case .number(let action, let number, _):
      return number.isEmpty ? nil : Match(action: action, number: number)
    }
  }

  /// Usually one match; two when a key ends one control and another control's only waited for it.
  mutating func press(
    _ key: DTMFDigit, controls: [ControlProfile.Control], now: MonotonicInstant
  ) -> [Match] {
    var matches = advance(to: now).map { [$0] } ?? []
    switch state {
    case .number(let action, let number, _):
      if key.event <= 9 {
        let longer = number.count < KeyMatcher.maximumNumberLength ? number + key.description : number
        state = .number(action, longer, since: now)
        return matches
      }
      state = .idle
      if !number.isEmpty { matches.append(Match(action: action, number: number)) }
      // Only `#` belongs to the number; anything else begins something new.
      if key.event == 11, !number.isEmpty { return matches }
      return matches + begin([key], controls, now)
    case .complete(let keys, let action, _):
      state = .idle
      if controls.contains(where: { $0.keys.starts(with: keys + [key]) }) {
        return matches + begin(keys + [key], controls, now)
      }
      return matches + [Match(action: action)] + begin([key], controls, now)
    case .keys(let keys, _):
      return matches + begin(keys + [key], controls, now)
    case .idle:
      return matches + begin([key], controls, now)
    }
  }

  /// Takes `keys` as far as they are the beginning of a control, else as far as what is left of them is.
  private mutating func begin(
    _ keys: [DTMFDigit], _ controls: [ControlProfile.Control], _ now: MonotonicInstant
  ) -> [Match] {
    state = .idle
    var keys = keys[...]
    while !keys.isEmpty {
      let candidates = controls.filter { $0.keys.starts(with: keys) }
      if candidates.isEmpty {
        keys.removeFirst()
        continue
      }
      guard let exact = candidates.first(where: { $0.keys.count == keys.count }) else {
        state = .keys(Array(keys), since: now)
        return []
      }
      if exact.action.takesNumber {
        state = .number(exact.action, "", since: now)
        return []
      }
      if candidates.count > 1 {
        state = .complete(Array(keys), exact.action, since: now)
        return []
      }
      return [Match(action: exact.action)]
    }
    return []
  }
}
