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

  /// The service's and its caller's, and those of the trunk it came over.
  private func baseCharges(_ request: CallRequest, _ routed: RoutedCall) -> [CallLimiter.Charge] {
    routed.policy.admissionLimits(on: request).map { .init($0, destination: destination($0.caps, routed)) }
  }

  private func ruleCharges(_ request: CallRequest, _ routed: RoutedCall) -> [CallLimiter.Charge] {
    routed.policy.ruleLimits(on: request, routed.decision).map {
      .init($0, destination: destination($0.caps, routed))
    }
  }

  /// What an attempt costs the trunk, and the limit on the number.
  func charges(
    of departure: Departure, _ request: CallRequest, _ policy: PolicySnapshot
  ) -> [CallLimiter.Charge] {
    departure.limits(on: request.caller).map { limit in
      let number =
        limit.caps.distinctDestinations == nil
        ? nil : Router.fingerprint(policy.canonicalNumber(departure.called, over: departure.trunk))
      return .init(limit, destination: number)
    }
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
