import CallModel

/// One call routing rule (`gateway_routing_rule`). First match by ascending ``priority`` is final.
public struct CallRoutingRule: Hashable, Sendable {
  public var name: String
  public var description: String
  /// 1-200, ascending.
  public var priority: Int
  public var isEnabled: Bool

  // MARK: Which calls

  public var matchesIncoming: Bool
  public var matchesOutgoing: Bool
  /// nil: any.
  public var sourceLocation: String?
  /// Incoming calls only from devices registered here.
  public var onlyRegistered: Bool
  /// The classes of incoming protocol that match; `.webrtc` covers `api` and `rtmp` too.
  public var protocols: Set<CallProtocol>
  /// What else must hold of the call, beyond the reference system's conditions.
  public var conditions = RuleConditions()
  /// Match the alias with scheme and parameters.
  public var matchesFullAlias: Bool
  /// The regular expression, as written.
  public var pattern: String
  /// Takes the place of the regular expression; ``pattern`` then only describes it.
  public var form: PatternForm? {
    didSet { if let form { pattern = form.description } }
  }
  /// Python-style replacement; empty: the alias stays as it is.
  public var replacement: String

  // MARK: What happens

  /// What a matching call gets. ``GatewayConfiguration/name``, `tag` and `remoteAlias` are filled in from the rule and the match.
  public var gateway: GatewayConfiguration

  public init(
    name: String, description: String = "", priority: Int, isEnabled: Bool = true,
    matchesIncoming: Bool = true,
    matchesOutgoing: Bool = false, sourceLocation: String? = nil, onlyRegistered: Bool = false,
    protocols: Set<CallProtocol> = CallRoutingRule.defaultProtocols, matchesFullAlias: Bool = false,
    pattern: String, replacement: String = "", gateway: GatewayConfiguration
  ) {
    self.name = name
    self.description = description
    self.priority = priority
    self.isEnabled = isEnabled
    self.matchesIncoming = matchesIncoming
    self.matchesOutgoing = matchesOutgoing
    self.sourceLocation = sourceLocation
    self.onlyRegistered = onlyRegistered
    self.protocols = protocols
    self.matchesFullAlias = matchesFullAlias
    self.pattern = pattern
    self.replacement = replacement
    self.gateway = gateway
  }

  /// Everything but Teams.
  public static let defaultProtocols: Set<CallProtocol> = [.webrtc, .sip, .mssip, .h323]
}
