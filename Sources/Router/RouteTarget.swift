import CallModel
import PolicyEngine

/// One place a gateway call can be sent to, with everything that is particular to an attempt there.
public struct RouteTarget: Sendable {
  public enum Destination: Sendable {
    /// A device registered here.
    case device(Registrations.Binding)
    case trunk(Trunk)
    /// The alias' own domain, by DNS.
    case domain(String)
  }

  public var destination: Destination
  public var callProtocol: CallProtocol
  /// The called alias on this attempt: the rule's replacement, then the trunk's.
  public var calledAlias: String
  /// The calling alias on this attempt; nil: as received.
  public var callingAlias: String?
  public var callingDisplayName: String?
  public var ringTimeout: TimeSpan
  /// What an attempt costs the trunk and the number; empty for most.
  public var charges: [CallLimiter.Charge] = []
  /// What this attempt, or the call that came of it, has taken of that.
  public internal(set) var share: CallLimiter.ShareID?
  /// Put on the request, so that the call is recognised if it comes back (reference §6).
  public var loopToken: String
  /// Domain of a calling alias that has none of its own: the location's the call goes out from; nil: the deployment's.
  public var callingDomain: String?
  /// The location the call goes out from, when its rule names one.
  public var location: String?
  /// The target may take the caller for one of its own, and is told who it is (`treat_as_trusted`).
  public var vouchesForCaller = false
  /// Which family of addresses is tried first; nil: as the DNS and the listeners have it.
  public var prefersIPv6: Bool?

  /// For records and explanations: the trunk's name, `registration` or `dns`.
  public var via: String {
    switch destination {
    case .device: "registration"
    case .trunk(let trunk): trunk.name
    case .domain: "dns"
    }
  }

  public var trunk: Trunk? { if case .trunk(let trunk) = destination { trunk } else { nil } }
}

/// The attempts of one call, in order: each step is one target, or several that ring together.
public struct RouteHunt: Sendable {
  private var steps: ArraySlice<[RouteTarget]>
  private let continueOn: Set<Cause>
  public let stepCount: Int

  public init(steps: [[RouteTarget]], continueOn: Set<Cause>) {
    self.steps = steps[...]
    self.continueOn = continueOn
    stepCount = steps.count
  }

  /// Whether it begins at a device registered here.
  public var beginsAtDevice: Bool {
    if case .device? = steps.first?.first?.destination { true } else { false }
  }

  /// The first step.
  public mutating func first() -> [RouteTarget]? { steps.popFirst() }

  /// The step after one that failed for `cause`, if that cause lets the call continue.
  public mutating func next(after cause: Cause) -> [RouteTarget]? {
    guard continueOn.contains(cause) else { return nil }
    return steps.popFirst()
  }
}
