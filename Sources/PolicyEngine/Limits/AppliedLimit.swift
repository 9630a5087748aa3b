import CallModel

/// Caps that a call counts against, and whose account it is.
public struct AppliedLimit: Hashable, Sendable {
  public var scope: LimitReached.Scope
  /// Of the rule, the trunk or the destination limit; empty for the service.
  public var name: String
  /// Whose share; nil: that of all callers together.
  public var caller: String?
  public var caps: CallCaps
  /// False for a call that has its place already: caps on calls at once, and on time, do not count then.
  public var occupies: Bool

  public init(
    _ scope: LimitReached.Scope, name: String = "", caller: String? = nil, _ caps: CallCaps,
    occupies: Bool = true
  ) {
    self.scope = scope
    self.name = name
    self.caller = caller
    self.caps = caps
    self.occupies = occupies
  }
}

// One place says what counts, for live calls and for the tools.
extension PolicySnapshot {
  /// The service's limits, its caller's, and those of the trunk the call came over: asked once a call. A call that is resolved anew
  /// has its place among them: of its caller it is one more call in windows, and one more destination.
  public func admissionLimits(on request: CallRequest) -> [AppliedLimit] {
    let isNew = request.resolutions == 0
    let limits = policy.globals.limits
    var result: [AppliedLimit] = []
    if isNew, !limits.total.isEmpty { result.append(AppliedLimit(.service, limits.total)) }
    if let name = request.caller.trunk {
      if isNew, let most = trunk(named: name)?.limits.total.concurrentCalls {
        // The other caps limit what we send to a trunk; the number of calls counts both ways.
        result.append(AppliedLimit(.trunk, name: name, CallCaps(concurrentCalls: most)))
      }
    } else if !limits.perCaller.isEmpty, let caller = request.caller.account {
      result.append(AppliedLimit(.service, caller: caller, limits.perCaller, occupies: isNew))
    }
    return result
  }

  /// The limits of the rule: asked each time a rule leads somewhere.
  public func ruleLimits(on request: CallRequest, _ decision: Decision) -> [AppliedLimit] {
    guard case .gateway(let gateway) = decision, let limits = gateway.limits else { return [] }
    return AppliedLimit.both(limits, .rule, gateway.name, request.caller)
  }
}

extension Departure {
  /// The limits of its trunk and of the number: asked at each attempt.
  public func limits(on caller: Caller) -> [AppliedLimit] {
    var result: [AppliedLimit] = []
    if let trunk, !trunk.limits.isEmpty {
      result += AppliedLimit.both(trunk.limits, .trunk, trunk.name, caller)
    }
    if let destination, !destination.limits.isEmpty {
      result += AppliedLimit.both(destination.limits, .destination, destination.name, caller)
    }
    return result
  }
}

extension AppliedLimit {
  /// Caps on all callers together, and on this one. Calls over a trunk share the trunk's account.
  fileprivate static func both(
    _ limits: CallLimits, _ scope: LimitReached.Scope, _ name: String, _ caller: Caller
  ) -> [AppliedLimit] {
    var result: [AppliedLimit] = []
    if !limits.total.isEmpty { result.append(AppliedLimit(scope, name: name, limits.total)) }
    if !limits.perCaller.isEmpty, let account = caller.account ?? caller.trunk.map({ "trunk \($0)" }) {
      result.append(AppliedLimit(scope, name: name, caller: account, limits.perCaller))
    }
    return result
  }
}

extension Caller {
  /// Whose account a call counts against: the registered alias, or else the source address; of IPv6 the network, since its
  /// holder has every address in it. nil for calls that come over trunks, which bring many callers together.
  public var account: String? {
    if let registeredAlias { return registeredAlias.caseFolded }
    guard trunk == nil else { return nil }
    guard let ip = address?.ip.unmapped else { return alias.isEmpty ? nil : alias.caseFolded }
    return ip.isIPv6 ? IPNetwork(ip, prefixLength: 64)?.description ?? ip.description : ip.description
  }
}

extension CallLimiter.Charge {
  /// What a call costs the account of a limit.
  public init(_ limit: AppliedLimit, destination: UInt64?) {
    self.init(
      .init(limit.scope, limit.name, caller: limit.caller), limit.caps, destination: destination,
      occupies: limit.occupies)
  }
}
