import CallModel
import PolicyEngine

/// Which caps a call counts against, and what happens at them.
extension Router {
  /// Takes the call's share of the limits that are asked before any attempt: those of the service, of its caller, of the trunk it
  /// came over and of its rule. What a trunk and a number allow is asked at each attempt.
  func admit(
    _ request: CallRequest, _ routed: inout RoutedCall, replacing replaced: CallLimiter.ShareID?,
    now: MonotonicInstant
  ) {
    let base = baseCharges(request, routed)
    let own = ruleCharges(request, routed)
    guard !base.isEmpty || !own.isEmpty else { return }
    if let reached = limiter.refusal(of: base + own, replacing: replaced, now: now) {
      routed.decision = .reject(.limitReached)
      routed.record.limit = reached
      limitReached(reached, now: now)
    } else {
      routed.admission = limiter.take(base, now: now)
      if request.resolutions > 0 {
        // It is one more in windows; the call's place is the one it has.
        limiter.release(routed.admission)
        routed.admission = nil
      }
      routed.share = limiter.take(own, now: now)
    }
  }

  /// The service's and its caller's. A call that is resolved anew has its place among them: of its caller it is one more call in
  /// windows, and one more destination.
  private func baseCharges(_ request: CallRequest, _ routed: RoutedCall) -> [CallLimiter.Charge] {
    let isNew = request.resolutions == 0
    let limits = routed.policy.policy.globals.limits
    var charges: [CallLimiter.Charge] = []
    if isNew, !limits.total.isEmpty {
      charges.append(.init(.init(.service), limits.total, destination: destination(limits.total, routed)))
    }
    if let name = request.caller.trunk {
      if isNew, let most = routed.policy.trunk(named: name)?.limits.total.concurrentCalls {
        // The other caps limit what we send to a trunk; the number of calls counts both ways.
        charges.append(.init(.init(.trunk, name), CallCaps(concurrentCalls: most)))
      }
    } else if !limits.perCaller.isEmpty, let caller = request.caller.account {
      charges.append(
        .init(
          .init(.service, caller: caller), limits.perCaller,
          destination: destination(limits.perCaller, routed), occupies: isNew))
    }
    return charges
  }

  private func ruleCharges(_ request: CallRequest, _ routed: RoutedCall) -> [CallLimiter.Charge] {
    guard case .gateway(let gateway) = routed.decision, let limits = gateway.limits else { return [] }
    return charges(limits, .rule, gateway.name, request) { destination($0, routed) }
  }

  /// What an attempt costs the trunk, and the limit on the number.
  func charges(
    of departure: Departure, _ request: CallRequest, _ policy: PolicySnapshot
  ) -> [CallLimiter.Charge] {
    var result: [CallLimiter.Charge] = []
    let number = { (caps: CallCaps) in
      caps.distinctDestinations == nil
        ? nil : Router.fingerprint(policy.canonicalNumber(departure.called, over: departure.trunk))
    }
    if let trunk = departure.trunk, !trunk.limits.isEmpty {
      result += charges(trunk.limits, .trunk, trunk.name, request, number)
    }
    if let limit = departure.destination, !limit.limits.isEmpty {
      result += charges(limit.limits, .destination, limit.name, request, number)
    }
    return result
  }

  private func charges(
    _ limits: CallLimits, _ kind: LimitReached.Scope, _ name: String, _ request: CallRequest,
    _ destination: (CallCaps) -> UInt64?
  ) -> [CallLimiter.Charge] {
    var result: [CallLimiter.Charge] = []
    if !limits.total.isEmpty {
      result.append(.init(.init(kind, name), limits.total, destination: destination(limits.total)))
    }
    if !limits.perCaller.isEmpty,
      let caller = request.caller.account ?? request.caller.trunk.map({ "trunk \($0)" })
    {
      result.append(
        .init(
          .init(kind, name, caller: caller), limits.perCaller, destination: destination(limits.perCaller)))
    }
    return result
  }

  /// Where the call goes, as far as that is known before an attempt.
  private func destination(_ caps: CallCaps, _ routed: RoutedCall) -> UInt64? {
    guard caps.distinctDestinations != nil else { return nil }
    let alias =
      if case .gateway(let gateway) = routed.decision { gateway.remoteAlias } else {
        routed.record.alias.parsed
      }
    // Aliases of people keep their domain; numbers are one number in every form.
    let canonical = routed.policy.canonicalNumber(alias)
    let isNumber = canonical.utf8.first.map { $0 == UInt8(ascii: "+") || (0x30...0x39).contains($0) } ?? false
    return Router.fingerprint(isNumber ? canonical : alias.caseFolded)
  }

  /// Keyed anew in each process: nobody can choose two destinations that look alike.
  private static func fingerprint(_ text: String) -> UInt64 { UInt64(bitPattern: Int64(text.hashValue)) }

  // MARK: Attempts

  /// Counts one attempt against the limits of its trunk and its number.
  /// - Returns: the target with what it has taken; ``endAttempt(_:failure:)`` gives it back.
  /// - Throws: the limit that stands against it: the next target may do.
  public func beginAttempt(
    _ target: RouteTarget, now: MonotonicInstant
  ) throws(LimitReached) -> RouteTarget {
    guard !target.charges.isEmpty else { return target }
    if let reached = limiter.refusal(of: target.charges, now: now) {
      limitReached(reached, now: now)
      throw reached
    }
    var target = target
    target.share = limiter.take(target.charges, now: now)
    return target
  }

  /// The attempt, or the call that came of it, has ended.
  /// - Parameter failure: why an attempt failed. One that never got through, and one that is made again at once with other
  ///   media, is not counted in windows.
  public func endAttempt(_ target: RouteTarget, failure: Cause? = nil) {
    let isTakenBack = failure.map { TrunkHealth.isTrunkFailure($0) || $0 == .notAcceptable } ?? false
    limiter.release(target.share, isTakenBack: isTakenBack)
  }

  /// How many attempts and calls occupy a trunk that has a limit.
  public func concurrentCalls(onTrunk name: String) -> Int { limiter.concurrentCalls(.init(.trunk, name)) }

  /// The call, or the party, is gone: its share of the limits is free again.
  public func release(_ share: CallLimiter.ShareID?) { limiter.release(share) }

  /// A routed call comes to nothing.
  public func release(_ routed: RoutedCall) {
    limiter.release(routed.admission)
    limiter.release(routed.share)
  }

  /// Shares of limits that calls hold.
  public var openShares: Int { limiter.openShares }

  // MARK: Reports

  func limitReached(_ limit: LimitReached, now: MonotonicInstant) {
    if let suppressed = limitReports.report(limit, now: now) { onLimitReached?(limit, suppressed) }
  }

  /// How often limits refused or ended calls.
  public var limitCounts: [LimitReached.Scope: UInt64] { limitReports.counts }
}

extension Caller {
  /// Whose account a call counts against: the registered alias, or else the source address; of IPv6 the network, since its
  /// holder has every address in it. nil for calls that come over trunks, which bring many callers together.
  var account: String? {
    if let registeredAlias { return registeredAlias.caseFolded }
    guard trunk == nil else { return nil }
    guard let ip = address?.ip.unmapped else { return alias.isEmpty ? nil : alias.caseFolded }
    return ip.isIPv6 ? IPNetwork(ip, prefixLength: 64)?.description ?? ip.description : ip.description
  }
}
