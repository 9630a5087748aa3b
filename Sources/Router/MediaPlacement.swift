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

extension PolicyChain.Joining {
  /// Nil for a call that leads nowhere.
  init?(_ request: CallRequest, _ routed: RoutedCall, isExternal: Bool) {
    self.init(request, routed.decision, isExternal: isExternal)
  }
}
