import CallModel
import PolicyEngine

/// What a policy does with an explained call.
public struct ExplainedOutcome: Sendable {
  public var call: ExplainedCall
  /// As a live call would leave it, if every device of the policy were registered and no limit reached.
  public var record: DecisionRecord
  /// What was decided before destination limits were asked: a call that they refuse still has ways out that can be shown.
  public var gateway: GatewayConfiguration?
  public var request: CallRequest
  /// Trunks assumed to be down.
  public var withoutTrunks: Set<String> { call.withoutTrunks }
  /// What scripts wrote to their log, a line each.
  public var log: [String]
}

/// The ways out of a decided call in the order of attempt, and what each counts against.
struct CallWays {
  struct Way {
    /// From 1; neighbours with weights share one.
    var place: Int
    var departure: Departure
    /// Its trunk is assumed to be down.
    var isDown: Bool
    /// Of its trunk and its number.
    var limits: [AppliedLimit]

    /// A call is tried here, with a chance.
    var isOpen: Bool { !isDown && !departure.isRefused }
  }

  /// Those that are down come last.
  let ways: [Way]
  /// What the call counts against before any attempt: the service, its caller, the rule.
  let limits: [AppliedLimit]

  init(
    _ gateway: GatewayConfiguration, _ request: CallRequest, _ policy: PolicySnapshot, without: Set<String>
  ) {
    limits =
      policy.admissionLimits(on: request) + policy.ruleLimits(on: request, .gateway(gateway))
    guard gateway.target.isServed, gateway.outgoingProtocol.isServedOutgoing else {
      ways = []
      return
    }
    var places: [Way] = []
    var place = 0
    var isSharing = false
    for departure in policy.departures(of: gateway, caller: Alias(sip: request.caller.alias).parsed) {
      if departure.weight == nil || !isSharing { place += 1 }
      isSharing = departure.weight != nil
      places.append(
        Way(
          place: place, departure: departure,
          isDown: departure.trunk.map { without.contains($0.name) } ?? false,
          limits: departure.limits(on: request.caller)))
    }
    places = places.filter { !$0.isDown } + places.filter(\.isDown)
    // Numbered as they are tried.
    var last: (place: Int, isDown: Bool)?
    place = 0
    for i in places.indices {
      let own = (places[i].place, places[i].isDown)
      if last.map({ $0 != own }) ?? true { place += 1 }
      last = own
      places[i].place = place
    }
    ways = places
  }

  /// The first way that is tried; of a call that is tried nowhere, the first there is.
  var first: Way? { ways.first(where: \.isOpen) ?? ways.first }
}

extension ExplainedOutcome {
  func ways(_ policy: PolicySnapshot) -> CallWays? {
    gateway.map { CallWays($0, request, policy, without: withoutTrunks) }
  }
}
