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
    guard hasDestinationLimits, !isDevice, gateway.target.isServed, gateway.outgoingProtocol.isServedOutgoing
    else { return nil }
    return departures(of: gateway, caller: "").refusal
  }

  /// A decision as it stands once destination limits have been asked: with the same result as on a live call, but for what only the
  /// moment knows (registrations, counts).
  ///
  /// - Parameter isDevice: whether the call ends at a registered device; nil: it does if the policy has such a device.
  public func settled(_ record: DecisionRecord, isDevice: Bool? = nil) -> DecisionRecord {
    guard hasDestinationLimits, case .gateway(let gateway) = record.decision,
      let refusal = refusal(of: gateway, isDevice: isDevice ?? mayEndAtDevice(gateway))
    else { return record }
    var record = record
    record.decision = .reject(.destinationRefused)
    record.limit = refusal
    return record
  }

  /// Whether a device of this policy has the alias that a call leads to.
  public func mayEndAtDevice(_ gateway: GatewayConfiguration) -> Bool {
    device(alias: gateway.deviceAlias) != nil
  }
}

extension [Departure] {
  /// The limit by which nothing is left of the ways out; nil while one is open, or when there was none from the start.
  public var refusal: LimitReached? {
    guard let first, allSatisfy(\.isRefused) else { return nil }
    return LimitReached(.destination, name: first.destination?.name ?? "", cap: .refused)
  }

  /// Those that are down come last: they are better than nothing.
  public func withUnusableLast(_ isUsable: (Departure) -> Bool) -> [Departure] {
    filter(isUsable) + filter { !isUsable($0) }
  }
}

extension GatewayConfiguration {
  /// What a device is registered as that the call's alias leads to: a rule may make one with a scheme and a port, devices are known
  /// without. A host that is an address stays: that is where the call goes.
  public var deviceAlias: String {
    let parsed = Alias(sip: remoteAlias).parsed
    return parsed.contains("@") || !remoteAlias.contains("@") ? parsed : remoteAlias
  }
}
