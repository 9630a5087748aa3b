import CallModel
import PolicyEngine

/// How two decisions about one call differ: in replay, in shadow mode, and between two policies.
public enum DecisionChange: String, Sendable, CaseIterable {
  /// Taken before, refused after.
  case refused
  /// Refused before, taken after.
  case admitted
  /// Taken both times, but to another service, alias, kind of target, or over other trunks.
  case elsewhere
  /// Taken both times, but ended by a limit before its end.
  case shortened
  /// To the same place, with other media, encryption, bandwidth or identity.
  case otherwise
  /// The same, counted against other limits.
  case limited
  /// The same in everything, by a rule of another name.
  case renamed

  /// nil: the same. Two refusals are the same, whatever their reason: to the caller, hardly anything is different.
  public init?(from before: Decision, to after: Decision) {
    switch (before, after) {
    case (.reject, .reject): return nil
    case (.reject, _): self = .admitted
    case (_, .reject): self = .refused
    case (.service(let a), .service(let b)):
      if a.isSame(as: b) { return nil }
      self = a.name == b.name ? .otherwise : .elsewhere
    case (.redirect(let a), .redirect(let b)):
      if a == b { return nil }
      self = .elsewhere
    case (.gateway(let a), .gateway(let b)):
      if a == b { return nil }
      guard a.remoteAlias == b.remoteAlias, a.target == b.target, a.trunks == b.trunks,
        a.outgoingProtocol == b.outgoingProtocol, a.outgoingLocation == b.outgoingLocation,
        a.h323Gatekeeper == b.h323Gatekeeper, a.mssipProxy == b.mssipProxy, a.teamsProxy == b.teamsProxy
      else {
        self = .elsewhere
        return
      }
      var renamed = a
      renamed.name = b.name
      renamed.tag = b.tag
      if renamed == b {
        self = .renamed
      } else {
        renamed.limits = b.limits
        self = renamed == b ? .limited : .otherwise
      }
    case (.service, _), (.gateway, _), (.redirect, _): self = .elsewhere
    }
  }

  /// False for a new name alone.
  public var isSubstantial: Bool { self != .renamed }

  /// Whether it changes what becomes of the call by itself. Another limit does so only to calls that reach it.
  public var changesCall: Bool { isSubstantial && self != .limited }

  /// How two policies differ about one call, their limits included.
  ///
  /// - Parameters:
  ///   - before: as a live call, or ``PolicySnapshot/settled(_:isDevice:)``, has it.
  ///   - requests: as each of the policies would have it.
  ///   - isDevice: the call ends at a device registered here.
  public init?(
    from before: DecisionRecord, _ old: PolicySnapshot, to after: DecisionRecord, _ new: PolicySnapshot,
    requests: (CallRequest, CallRequest), isDevice: Bool = false
  ) {
    let plain = DecisionChange(from: before.decision, to: after.decision)
    if let plain, plain.changesCall {
      self = plain
      return
    }
    let (a, b) = (
      LimitsInForce(before.decision, requests.0, old, isDevice: isDevice),
      LimitsInForce(after.decision, requests.1, new, isDevice: isDevice)
    )
    if a.refusedWays != b.refusedWays {
      self = .elsewhere
    } else if a != b {
      self = .limited
    } else if let plain {
      self = plain
    } else {
      return nil
    }
  }
}

extension Secret {
  /// False for what the loader puts in place of a secret that this machine does not hold.
  var isKnown: Bool { self != .unavailable }
}

extension DecisionRecord {
  /// What becomes of the call, in one line.
  public var outcomeSentence: String {
    switch decision {
    case .gateway(let gateway):
      let trunks =
        gateway.trunks.isEmpty ? "" : " over \(gateway.trunks.map(\.trunk).joined(separator: ", "))"
      return "rule “\(gateway.name)” to “\(gateway.remoteAlias)”\(trunks)"
    case .service(let service): return "service “\(service.name)”"
    case .redirect(let alias): return "redirected to “\(alias)”"
    case .reject(let rejection):
      return "refused: \(rejection.word)" + (limit.map { " (\($0))" } ?? "")
    }
  }

  /// False for what the moment decided, and not the policy: limits, loops, quarantine.
  public var isPolicysChoice: Bool {
    switch decision {
    case .reject(.limitReached), .reject(.blocked), .reject(.loop), .reject(.tooManyHops), .reject(.shutdown),
      .reject(.withdrawn), .reject(.notServed):
      false
    case .reject, .gateway, .service, .redirect: true
    }
  }
}
