/// What policy says about one request.
public enum Decision: Hashable, Sendable {
  /// A service of ours hosts the call.
  case service(ServiceConfiguration)
  /// The call goes on to somebody else.
  case gateway(GatewayConfiguration)
  case reject(Rejection)
  /// The caller is asked to call another alias (SIP 302).
  case redirect(String)
}

/// Why a request got no service and no gateway call.
public enum Rejection: String, Hashable, Sendable, Codable, CaseIterable {
  /// No service and no rule knows the alias.
  case notFound
  /// Policy says no. The caller is told the same as for ``notFound``.
  case policy
  case loop
  case tooManyHops
  case limitReached
  /// The number is one that is never called (`destination_limits` with `refuse`).
  case destinationRefused
  /// The source is quarantined by break-in protection.
  case blocked
  /// A pattern exceeded its bounded work: the rule is in error, and the call is refused rather than routed by a later rule.
  case ruleError
  case protocolDisabled
  /// The service takes only those who come by an identity provider, and a device cannot (`non_idp_participants`).
  case signOnRequired
  /// Policy sends the call where this version cannot: a target, a protocol or a service it does not serve.
  case notServed
  /// The service is draining.
  case shutdown
  /// The caller gave up while policy servers were asked: nothing was decided.
  case withdrawn
}

/// Where a gateway call goes (`called_device_type`).
public enum CallTarget: String, Hashable, Sendable, CaseIterable {
  /// A device registered under the alias if there is one, else an external system.
  case external
  /// Only a device registered under the alias.
  case registration
  case mssipConferenceID = "mssip_conference_id"
  case mssipServer = "mssip_server"
  case gmsConference = "gms_conference"
  case teamsConference = "teams_conference"
  case teamsUser = "teams_user"
  case telehealthProfile = "telehealth_profile"
}

/// One trunk in a rule's list, with what is particular to it there.
public struct TrunkChoice: Hashable, Sendable {
  public var trunk: String
  /// Neighbours in the list with a weight share one place in the order and are drawn by weight; nil: a place of its own.
  public var weight: Int?
  /// Applied to the called alias on an attempt over this trunk, after the rule's own replacement.
  public var calledTransform: AliasTransform?
  /// Applied to the calling alias on an attempt over this trunk.
  public var callingTransform: AliasTransform?
  public var ringTimeout: TimeSpan?

  public init(
    trunk: String, weight: Int? = nil, calledTransform: AliasTransform? = nil,
    callingTransform: AliasTransform? = nil, ringTimeout: TimeSpan? = nil
  ) {
    self.trunk = trunk
    self.weight = weight
    self.calledTransform = calledTransform
    self.callingTransform = callingTransform
    self.ringTimeout = ringTimeout
  }
}

/// A pattern and its replacement, in the syntax of rules (full match, without case, Python-style references).
public struct AliasTransform: Hashable, Sendable {
  public var pattern: String
  public var replacement: String
  public init(pattern: String, replacement: String) {
    self.pattern = pattern
    self.replacement = replacement
  }
}
