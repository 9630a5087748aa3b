import CallModel

/// Conditions of a rule that the reference system does not have. Each that is given must hold; in one, any of its values.
public struct RuleConditions: Hashable, Sendable {
  /// Must match all of the calling alias, without its scheme and parameters; nil: any caller.
  public var caller: String?
  /// The source address lies in one of these; empty: anywhere.
  public var networks: [IPNetwork]
  /// The call came over one of these trunks; empty: over any or none.
  public var trunks: [String]
  /// The caller is registered here, or came over a trunk that is trusted.
  public var onlyTrusted: Bool
  /// What the caller offers; empty: anything. A call without an offer counts as ``CallCapability/auto``.
  public var capabilities: Set<CallCapability>
  /// Tags of the call; empty: any or none.
  public var tags: [String]
  /// Schedules of which one must be in force; empty: always.
  public var schedules: [String]
  /// Schedules of which none may be in force.
  public var exceptSchedules: [String]

  public init(
    caller: String? = nil, networks: [IPNetwork] = [], trunks: [String] = [], onlyTrusted: Bool = false,
    capabilities: Set<CallCapability> = [], tags: [String] = [], schedules: [String] = [],
    exceptSchedules: [String] = []
  ) {
    self.caller = caller
    self.networks = networks
    self.trunks = trunks
    self.onlyTrusted = onlyTrusted
    self.capabilities = capabilities
    self.tags = tags
    self.schedules = schedules
    self.exceptSchedules = exceptSchedules
  }

  public var isEmpty: Bool { self == RuleConditions() }
}
