import CallModel
import PolicyEngine

/// The place of a party in a service, for another party to take (attended transfer, RFC 5589 §7; Replaces, RFC 3891).
public struct ServicePlace: Sendable {
  /// The leg of whoever has it now.
  public var leg: LegID
  public var service: ServiceConfiguration
  /// By which alias it was reached.
  public var alias: String

  public init(leg: LegID, service: ServiceConfiguration, alias: String) {
    self.leg = leg
    self.service = service
    self.alias = alias
  }
}

extension CallHost {
  public func place(of leg: LegID) -> ServicePlace? { nil }

  public func move(partyFacing leg: LegID, to place: ServicePlace) -> Disconnect? {
    Disconnect(.notFound, protocolCode: 481)
  }

  public func abandonRinging(by leg: LegID) -> Alias? { nil }
}

extension Exchange {
  /// The place of a party in a service of ours.
  public func place(of leg: LegID) -> ServicePlace? {
    for host in serviceHosts {
      if let place = host.place(of: leg) { return place }
    }
    return nil
  }

  /// The party that talks with `leg` in a two-party call goes to a place in a service, and that call is over.
  ///
  /// - Returns: why not; everything is as it was then.
  public func move(partyFacing leg: LegID, to place: ServicePlace) -> Disconnect? {
    guard let gateway else { return Disconnect(.notFound, protocolCode: 481) }
    return gateway.move(partyFacing: leg, to: place)
  }
}

extension RoutedCall {
  /// The same call, which takes a place in a service instead of going where it went.
  public func taking(_ place: ServicePlace) -> RoutedCall {
    var routed = self
    routed.decision = .service(place.service)
    routed.hunt = RouteHunt(steps: [], continueOn: [])
    routed.share = nil
    return routed
  }
}

extension Caller {
  /// Who a party is that we have called: it is known only as the target that was reached.
  public init(reached party: LegParty, by target: RouteTarget?) {
    let device = target.flatMap { $0.isDevice ? $0.calledAlias : nil }
    let hasScheme = ["sip:", "sips:", "tel:"].contains { party.alias.lowercased().hasPrefix($0) }
    self.init(
      alias: party.callProtocol == .sip && !hasScheme ? "sip:\(party.alias)" : party.alias,
      displayName: party.displayName, address: party.address, vendor: party.vendor,
      isRegistered: device != nil, registeredAlias: device, trunk: target?.trunk?.name)
  }
}

extension RouteTarget {
  /// A device that is registered with us.
  public var isDevice: Bool { if case .device = destination { true } else { false } }
}
