import CallModel
import PolicyEngine

/// What one policy limits a decided call by, for comparison with what another one does.
struct LimitsInForce: Equatable {
  /// A limit without what makes no difference to a call: whose account it is, and what its rule is called.
  struct Key: Hashable {
    var scope: LimitReached.Scope
    var name: String
    var isCallers: Bool
    var caps: CallCaps
  }

  private(set) var keys: Set<Key> = []
  /// Ways out that a destination limit closes while others are open.
  private(set) var refusedWays: [String] = []

  /// - Parameter isDevice: the call ends at a device registered here: no way out counts.
  init(_ decision: Decision, _ request: CallRequest, _ policy: PolicySnapshot, isDevice: Bool = false) {
    var applied: [AppliedLimit] = []
    switch decision {
    case .service: applied = policy.admissionLimits(on: request)
    case .gateway(let gateway):
      guard !isDevice else {
        applied = policy.admissionLimits(on: request) + policy.ruleLimits(on: request, decision)
        break
      }
      let ways = CallWays(gateway, request, policy, without: [])
      applied = ways.limits + ways.ways.filter { !$0.departure.isRefused }.flatMap(\.limits)
      refusedWays = ways.ways.filter(\.departure.isRefused).map(\.departure.via)
    case .reject, .redirect: return
    }
    keys = Set(
      applied.map {
        Key(
          scope: $0.scope, name: $0.scope == .destination || $0.scope == .trunk ? $0.name : "",
          isCallers: $0.caller != nil, caps: $0.caps)
      })
  }

  /// The limits that `other` does not have, in words: `destination “abroad”: 10 calls at once`.
  func words(beyond other: LimitsInForce, _ scopes: [LimitReached.Scope] = LimitReached.Scope.allCases)
    -> String
  {
    let texts = keys.subtracting(other.keys).filter { scopes.contains($0.scope) }.map { key in
      key.scope.rawValue + (key.name.isEmpty ? "" : " “\(key.name)”")
        + (key.isCallers ? " for each caller: " : ": ") + key.caps.words.map(\.text).joined(separator: ", ")
    }
    let ways = refusedWays == other.refusedWays ? [] : refusedWays.map { "not over \($0)" }
    let all = texts.sorted() + ways
    return all.isEmpty ? "" : "; " + all.joined(separator: "; ")
  }
}

extension DecisionChange {
  /// What becomes of a call, with the limits in which two policies differ about it.
  public static func sentence(
    _ record: DecisionRecord, _ policy: PolicySnapshot, _ request: CallRequest,
    beside other: DecisionRecord, _ otherPolicy: PolicySnapshot, _ otherRequest: CallRequest,
    scopes: [LimitReached.Scope] = LimitReached.Scope.allCases, isDevice: Bool = false
  ) -> String {
    let own = LimitsInForce(record.decision, request, policy, isDevice: isDevice)
    let its = LimitsInForce(other.decision, otherRequest, otherPolicy, isDevice: isDevice)
    // Of a call that is refused by one of them no limit needs to be told.
    guard record.decision.isTaken, other.decision.isTaken else { return record.outcomeSentence }
    return record.outcomeSentence + own.words(beyond: its, scopes)
  }
}

extension Decision {
  fileprivate var isTaken: Bool {
    switch self {
    case .service, .gateway: true
    case .reject, .redirect: false
    }
  }
}
