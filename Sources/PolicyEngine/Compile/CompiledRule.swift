import CallModel

/// The conditions of a rule in the form that decides: masks and numbers. Its pattern is in ``RulePatterns``, what it leads to in the
/// policy itself.
struct CompiledRule: Sendable {
  var isEnabled: Bool
  var matchesIncoming: Bool
  var matchesOutgoing: Bool
  var onlyRegistered: Bool
  var matchesFullAlias: Bool
  /// One bit for each ``ProtocolClass``.
  var protocols: UInt8
  /// Number of the location; ``CompiledRule/anyLocation`` when the rule names none.
  var location: Int32
  /// nil: none beyond the above.
  var conditions: CompiledConditions?

  static let anyLocation: Int32 = -1
  /// The location of a request that the policy does not name: no rule with a location matches.
  static let unknownLocation: Int32 = -2

  /// The first condition other than the pattern that fails for a call, in the order in which they are reported.
  @inline(__always)
  func firstFailure(isOutgoing: Bool, protocolBit: UInt8, isRegistered: Bool, location: Int32)
    -> RuleConsideration.Outcome?
  {
    guard isEnabled else { return .disabled }
    guard isOutgoing ? matchesOutgoing : matchesIncoming else { return .direction }
    if !isOutgoing {
      guard protocols & protocolBit != 0 else { return .callProtocol }
      guard !onlyRegistered || isRegistered else { return .registered }
    }
    guard self.location == CompiledRule.anyLocation || self.location == location else { return .location }
    return nil
  }
}

extension CallProtocol {
  /// The protocol box of a rule that covers this protocol: apps come as `api`, `webrtc` and `rtmp` (reference §3.2).
  public var ruleClass: CallProtocol {
    switch self {
    case .api, .webrtc, .rtmp: .webrtc
    case .sip, .mssip, .h323, .teams, .gms: self
    }
  }

  var ruleBit: UInt8 {
    switch ruleClass {
    case .webrtc, .api, .rtmp: 1
    case .sip: 2
    case .mssip: 4
    case .h323: 8
    case .teams: 16
    case .gms: 32
    }
  }
}
