import CallModel

/// One way out of a gateway call, with everything the policy says about it: what registrations and the health of trunks add is
/// not known here.
public struct Departure: Sendable {
  /// nil: the alias' own domain, by DNS.
  public var trunk: Trunk?
  public var called: String
  /// nil: as received.
  public var calling: String?
  public var weight: Int?
  public var ringTimeout: TimeSpan
  /// The limit the number falls under.
  public var destination: DestinationLimit?

  public var isRefused: Bool { destination?.isRefused ?? false }
  /// For records and explanations: the trunk's name, or `dns`.
  public var via: String { trunk?.name ?? "dns" }
}

extension PolicySnapshot {
  /// The ways out, as the rule lists them: its trunks with their transforms, else the alias' own domain. Empty when the call can
  /// only go to a device registered here, or nowhere.
  ///
  /// - Parameter caller: the calling alias as received, without scheme.
  public func departures(of gateway: GatewayConfiguration, caller: @autoclosure () -> String) -> [Departure] {
    guard gateway.target != .registration else { return [] }
    guard !gateway.trunks.isEmpty else {
      guard let at = gateway.remoteAlias.lastIndex(of: "@"),
        gateway.remoteAlias.index(after: at) < gateway.remoteAlias.endIndex
      else { return [] }
      return [
        Departure(
          called: gateway.remoteAlias, calling: gateway.localAlias, ringTimeout: gateway.ringTimeout,
          destination: destinationLimit(of: gateway.remoteAlias))
      ]
    }
    return gateway.trunks.compactMap { choice in
      guard let trunk = trunk(named: choice.trunk) else { return nil }
      var departure = Departure(
        trunk: trunk, called: gateway.remoteAlias, calling: gateway.localAlias, weight: choice.weight,
        ringTimeout: choice.ringTimeout ?? gateway.ringTimeout)
      if let transform = choice.calledTransform, let changed = apply(transform, to: gateway.remoteAlias) {
        departure.called = changed
      }
      if let transform = choice.callingTransform,
        let changed = apply(transform, to: gateway.localAlias ?? caller())
      {
        departure.calling = changed
      }
      departure.destination = destinationLimit(of: departure.called, over: trunk)
      return departure
    }
  }

  /// The destination limit by which a call comes to nothing: it can only leave, and every number it could leave as is refused.
  ///
  /// - Parameter isDevice: whether the call may end at a device registered here.
  public func refusal(of gateway: GatewayConfiguration, isDevice: Bool) -> LimitReached? {
    guard hasDestinationLimits, !isDevice || gateway.target != .external else { return nil }
    let departures = departures(of: gateway, caller: "")
    guard let first = departures.first(where: \.isRefused), departures.allSatisfy(\.isRefused) else {
      return nil
    }
    return LimitReached(.destination, name: first.destination?.name ?? "", cap: .refused)
  }
}
