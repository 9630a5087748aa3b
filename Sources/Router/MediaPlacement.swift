import CallModel
import PolicyEngine
import PolicyHooks

/// Which addresses of ours carry the media of a call's parties, most wanted first; empty: any that the party can reach.
public struct MediaPlacement: Hashable, Sendable {
  public var caller: [IPAddress] = []
  public var called: [IPAddress] = []

  public init() {}

  /// The caller's media goes to the location that a policy server chose, else to the call's own; the called party's to the one
  /// its rule (or the server) sends the call out from, else to the caller's.
  public init(_ request: CallRequest, _ routed: RoutedCall, chosen: MediaLocation?) {
    let own = request.location.map { [$0] } ?? []
    caller = routed.policy.mediaAddresses(in: chosen.map { [$0.location] + $0.overflowLocations } ?? own)
    called = caller
    if case .gateway(let gateway) = routed.decision, let outgoing = gateway.outgoingLocation {
      called = routed.policy.mediaAddresses(in: [outgoing])
    }
  }
}

extension ServiceFacts {
  /// A service as it is named to policy servers once a call was decided; nil for a call that leads nowhere. A gateway call has a
  /// name of its own: rules' names get the call's id (routing reference §10), servers give one.
  init?(_ decision: Decision, isExternal: Bool, _ id: CallID) {
    switch decision {
    case .service(let service): self.init(name: service.name, tag: service.tag)
    case .gateway(let gateway):
      self.init(
        name: gateway.name, tag: gateway.tag, uniqueName: isExternal ? gateway.name : "\(gateway.name) \(id)")
    case .reject, .redirect: return nil
    }
  }
}
