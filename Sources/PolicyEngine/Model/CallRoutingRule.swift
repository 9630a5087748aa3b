import CallModel

/// One call routing rule (`gateway_routing_rule`). First match by ascending ``priority`` is final.
///
/// Compact, since a number plan has 100,000 of them: what few rules have, and what many have in common, is kept apart and shared.
public struct CallRoutingRule: Hashable, Sendable {
  public var name: String
  /// The regular expression, or the form as it is kept (``PatternForm/compact``).
  private var match: String
  /// Python-style replacement; empty: the alias stays as it is.
  public var replacement: String
  private var settings: GatewaySettings
  /// nil: nothing of it.
  private var details: RuleDetails?
  private var priorityNumber: Int16
  private var protocolClasses: ProtocolClasses
  private var isForm = false
  public var isEnabled: Bool

  // MARK: Which calls

  public var matchesIncoming: Bool
  public var matchesOutgoing: Bool
  /// Incoming calls only from devices registered here.
  public var onlyRegistered: Bool
  /// Match the alias with scheme and parameters.
  public var matchesFullAlias: Bool

  public init(
    name: String, description: String = "", priority: Int, isEnabled: Bool = true,
    matchesIncoming: Bool = true,
    matchesOutgoing: Bool = false, sourceLocation: String? = nil, onlyRegistered: Bool = false,
    protocols: Set<CallProtocol> = CallRoutingRule.defaultProtocols, matchesFullAlias: Bool = false,
    pattern: String, replacement: String = "", gateway: GatewayConfiguration
  ) {
    self.name = name
    match = pattern
    self.replacement = replacement
    settings = gateway.settings
    priorityNumber = Int16(clamping: priority)
    protocolClasses = ProtocolClasses(protocols)
    self.isEnabled = isEnabled
    self.matchesIncoming = matchesIncoming
    self.matchesOutgoing = matchesOutgoing
    self.onlyRegistered = onlyRegistered
    self.matchesFullAlias = matchesFullAlias
    self.description = description
    self.sourceLocation = sourceLocation
  }

  /// Everything but Teams.
  public static let defaultProtocols: Set<CallProtocol> = [.webrtc, .sip, .mssip, .h323]
}

extension CallRoutingRule {
  /// 1-200, ascending.
  public var priority: Int {
    get { Int(priorityNumber) }
    set { priorityNumber = Int16(clamping: newValue) }
  }

  /// The classes of incoming protocol that match; `.webrtc` covers `api` and `rtmp` too.
  public var protocols: Set<CallProtocol> {
    get { protocolClasses.all }
    set { protocolClasses = ProtocolClasses(newValue) }
  }

  /// True when calls of all the protocols of `other` match as far as their protocol goes.
  func coversProtocols(of other: CallRoutingRule) -> Bool {
    protocolClasses.isSuperset(of: other.protocolClasses)
  }

  func covers(_ callProtocol: CallProtocol) -> Bool {
    protocolClasses.contains(ProtocolClasses(callProtocol))
  }

  var hasNoProtocols: Bool { protocolClasses.isEmpty }

  func sharesProtocols(with other: CallRoutingRule) -> Bool {
    !protocolClasses.isDisjoint(with: other.protocolClasses)
  }

  /// The regular expression, as written; of a form its description.
  public var pattern: String {
    get { form?.description ?? match }
    set { (match, isForm) = (newValue, false) }
  }

  /// Takes the place of the regular expression; ``pattern`` then only describes it.
  public var form: PatternForm? {
    get { isForm ? PatternForm(compact: match) : nil }
    set {
      if let newValue {
        (match, isForm) = (newValue.compact, true)
      } else {
        pattern = pattern
      }
    }
  }

  /// What a matching call gets. ``GatewayConfiguration/remoteAlias`` is filled in from the match.
  public var gateway: GatewayConfiguration {
    get { GatewayConfiguration(name: name, remoteAlias: "", sharing: settings) }
    set { settings = newValue.settings }
  }

  public var description: String {
    get { details?.values.description ?? "" }
    set { change { $0.description = newValue } }
  }

  /// nil: any.
  public var sourceLocation: String? {
    get { details?.values.sourceLocation }
    set { change { $0.sourceLocation = newValue } }
  }

  /// What else must hold of the call, beyond the reference system's conditions.
  public var conditions: RuleConditions {
    get { details?.values.conditions ?? RuleConditions() }
    set { change { $0.conditions = newValue } }
  }

  /// Whether there are ``conditions``, without making a copy of them.
  package var hasConditions: Bool { details.map { !$0.values.conditions.isEmpty } ?? false }

  private mutating func change(_ body: (inout RuleDetails.Values) -> Void) {
    var values = details?.values ?? RuleDetails.Values()
    body(&values)
    details = values == RuleDetails.Values() ? nil : RuleDetails(values)
  }
}

/// What few rules have.
final class RuleDetails: Hashable, Sendable {
  struct Values: Hashable, Sendable {
    var description = ""
    var sourceLocation: String?
    var conditions = RuleConditions()
  }

  let values: Values
  init(_ values: Values) { self.values = values }

  static func == (a: RuleDetails, b: RuleDetails) -> Bool { a === b || a.values == b.values }
  func hash(into hasher: inout Hasher) { hasher.combine(values) }
}

/// Parts that rules have in common.
struct SharedRuleParts {
  private var settings: Set<GatewaySettings> = []
  private var details: Set<RuleDetails> = []

  fileprivate mutating func share(_ own: inout GatewaySettings) {
    own = settings.insert(own).memberAfterInsert
  }

  fileprivate mutating func share(_ own: inout RuleDetails?) {
    own = own.map { details.insert($0).memberAfterInsert }
  }
}

extension CallRoutingRule {
  /// Takes what equals a part of an earlier rule from there.
  mutating func share(_ parts: inout SharedRuleParts) {
    parts.share(&settings)
    parts.share(&details)
  }
}

/// A set of protocols, one bit each.
private struct ProtocolClasses: OptionSet, Hashable, Sendable {
  var rawValue: UInt16

  init(rawValue: UInt16) { self.rawValue = rawValue }

  init(_ protocols: Set<CallProtocol>) {
    self.init(protocols.map(ProtocolClasses.init))
  }

  init(_ callProtocol: CallProtocol) {
    rawValue = CallProtocol.allCases.firstIndex(of: callProtocol).map { 1 << UInt16($0) } ?? 0
  }

  var all: Set<CallProtocol> { Set(CallProtocol.allCases.filter { contains(ProtocolClasses($0)) }) }
}
