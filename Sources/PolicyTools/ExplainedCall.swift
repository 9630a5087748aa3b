import CallModel
import PolicyEngine

/// A call that does not take place: asked of a policy to see what it would do.
public struct ExplainedCall: Sendable {
  public var alias: String
  public var callProtocol: CallProtocol
  public var direction: CallDirection
  public var from: String
  /// The alias the caller is registered as; nil with ``isRegistered`` true: some alias.
  public var registeredAlias: String?
  public var isRegistered: Bool
  /// nil: that of the source network, else that of the listeners.
  public var location: String?
  public var source: IPAddress?
  /// nil: the trunk that ``source`` belongs to.
  public var trunk: String?
  /// What the caller offers.
  public var capability: CallCapability
  /// The call's tag.
  public var tag: String
  public var at: WallClock

  public init(
    alias: String, callProtocol: CallProtocol = .sip, direction: CallDirection = .dialIn,
    from: String = "sip:anonymous@anonymous.invalid", registeredAlias: String? = nil,
    isRegistered: Bool = false,
    location: String? = nil, source: IPAddress? = nil, trunk: String? = nil,
    capability: CallCapability = .auto, tag: String = "", at: WallClock
  ) {
    self.alias = alias
    self.callProtocol = callProtocol
    self.direction = direction
    self.from = from
    self.registeredAlias = registeredAlias
    self.isRegistered = isRegistered || registeredAlias != nil
    self.location = location
    self.source = source
    self.trunk = trunk
    self.capability = capability
    self.tag = tag
    self.at = at
  }

  /// The request as a live call would put it.
  public func request(to policy: PolicySnapshot) -> CallRequest {
    let dialled = Alias(dialled: alias, protocol: callProtocol)
    return CallRequest(
      id: CallID(high: 0, low: 0), direction: direction,
      trigger: direction == .nonDial ? .options : callProtocol == .h323 ? .setup : .invite,
      callProtocol: callProtocol, alias: dialled,
      caller: Caller(
        alias: from, address: source.map { TransportAddress($0, 0) }, isRegistered: isRegistered,
        registeredAlias: registeredAlias,
        trunk: trunk ?? source.flatMap { policy.trunk(forSource: $0)?.name }),
      location: location ?? source.flatMap { policy.location(for: $0, listenerDefault: nil) }
        ?? listenerLocation(policy), capability: capability, callTag: tag)
  }

  /// Where the call would arrive, when all listeners agree about it.
  private func listenerLocation(_ policy: PolicySnapshot) -> String? {
    let locations = Set(policy.policy.globals.sip.listeners.map(\.location))
    return locations.count == 1 ? locations.first ?? nil : nil
  }

  /// Decides with every consideration kept.
  public func decide(by policy: PolicySnapshot) -> DecisionRecord {
    policy.decide(request(to: policy), now: at, keepingAllConsiderations: true).record
  }
}
