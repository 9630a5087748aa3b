import CallModel
import PolicyEngine

/// Caps in words and as JSON, with the place where they are written.
struct LimitSentence {
  let limit: AppliedLimit
  let policy: PolicySnapshot
  /// nil: nobody knows where things stand.
  let places: PolicyPlaces?

  /// Those caps that count.
  private var caps: CallCaps {
    var caps = limit.caps
    if !limit.occupies {
      caps.concurrentCalls = nil
      caps.callMinutes = nil
      caps.maximumDuration = nil
    }
    return caps
  }

  /// `destination “abroad” for bob@example.org (policies/25-limits.yaml:20): 30 calls per 1h, …`
  var line: String {
    var text = limit.scope.rawValue
    if !limit.name.isEmpty { text += " “\(limit.name)”" }
    if let caller = limit.caller { text += " for \(caller)" }
    if let position { text += " (\(position.file):\(position.line))" }
    return text + ": " + caps.words.map(\.text).joined(separator: ", ")
  }

  var json: JSONText {
    .object([
      ("scope", .string(limit.scope.rawValue)), ("name", .string(limit.name)),
      ("caller", JSONText(limit.caller)), ("file", JSONText(position?.file)),
      ("line", position.map { .integer($0.line) } ?? .null),
      ("caps", .object(caps.words.map { ($0.cap.rawValue, $0.json) })),
    ])
  }

  private var position: (file: String, line: Int)? {
    guard let places, let path else { return nil }
    let place = limit.caller == nil ? path : path.appending("per_caller")
    // A default is written nowhere.
    return caps.words.lazy.compactMap { places.position(of: place.appending($0.cap.rawValue)) }.first
  }

  private var path: PolicyPath? {
    switch limit.scope {
    case .service: return PolicyPath(keys: "globals", "limits")
    case .rule:
      return policy.policy.rules.firstIndex { $0.gateway.name == limit.name }.flatMap {
        places?.rule($0).appending("limits")
      }
    case .trunk: return policy.trunkIndex(limit.name).map { PolicyPath("trunks", $0, "limits") }
    case .destination:
      return policy.policy.destinationLimits.firstIndex { $0.name == limit.name }.map {
        PolicyPath("destination_limits", $0, "limits")
      }
    }
  }
}

extension CallCaps {
  /// Each cap that is set, as people and as programs read it.
  var words: [(cap: LimitReached.Cap, text: String, json: JSONText)] {
    var words: [(LimitReached.Cap, String, JSONText)] = []
    func quota(_ cap: LimitReached.Cap, _ quota: Quota?, _ noun: String) {
      guard let quota else { return }
      words.append((cap, "\(quota.count) \(noun) per \(quota.window.words)", .string(quota.words)))
    }
    if let most = concurrentCalls {
      words.append((.concurrentCalls, "\(most) call\(most == 1 ? "" : "s") at once", .integer(most)))
    }
    if let rate = callsPerSecond {
      let text = rate == rate.rounded() ? "\(Int(rate))" : "\(rate)"
      words.append((.callsPerSecond, "\(text) calls a second", .number(rate)))
    }
    quota(.calls, calls, "calls")
    quota(.callMinutes, callMinutes, "minutes")
    quota(.distinctDestinations, distinctDestinations, "destinations")
    if let most = maximumDuration {
      words.append((.maximumDuration, "\(most.words) each", .string(most.words)))
    }
    return words
  }
}

extension Quota {
  /// As in a policy: `20 per 1h`.
  var words: String { "\(count) per \(window.words)" }
}

extension TimeSpan {
  /// In the largest unit that divides it: `90s`, `2h`.
  var words: String {
    let seconds = milliseconds / 1000
    for (unit, length) in [("d", 86_400), ("h", 3_600), ("m", 60)] as [(String, Int64)]
    where seconds >= length && seconds % length == 0 {
      return "\(seconds / length)\(unit)"
    }
    return "\(seconds)s"
  }
}
