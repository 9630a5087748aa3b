import CallModel
import Router

/// A call that a conference places (reference §5.1).
public struct DialOut: Hashable, Sendable {
  public enum Routing: String, Hashable, Sendable, CaseIterable {
    /// With the protocol given, by the location's defaults.
    case manual
    /// By a rule for outgoing calls from a conference.
    case automatic = "routing_rule"
  }

  /// Whom to call.
  public var destination: String
  public var callProtocol: CallProtocol
  public var routing: Routing
  /// Where the call is placed from.
  public var location: String?
  /// As whom the conference calls: one of its aliases.
  public var localAlias: String
  /// nil: the conference's `local_display_name`, else its name.
  public var localDisplayName: String?
  public var capability = CallCapability.video
  public var role: Participant.Role
  /// nil: the destination.
  public var remoteDisplayName: String?
  public var overlayText: String?
  public var dtmfSequence: DTMFSequence?
  public var keepAlive: Participant.KeepAlive
  public var isStreaming = false
  public var presentationURL: String?
  /// Comes in though the conference is locked. Hosts do in any case.
  public var bypassesLock = false
  /// An extension of this platform is called (PBX).
  public var isExtension = false
  /// Set when it is to take the place of a participant who asked for that.
  public var standIn: StandIn?
  /// Set when a participant invited by telephone key (PBX).
  public var invitedBy: ParticipantID?

  public init(
    destination: String, callProtocol: CallProtocol = .sip, routing: Routing = .manual, localAlias: String,
    role: Participant.Role = .guest, keepAlive: Participant.KeepAlive = .yes
  ) {
    self.destination = destination
    self.callProtocol = callProtocol
    self.routing = routing
    self.localAlias = localAlias
    self.role = role
    self.keepAlive = keepAlive
  }

  /// In whose place somebody is called.
  public struct StandIn: Hashable, Sendable {
    public var participant: ParticipantID
    /// As it was asked for: who is called has the rights of the one that asked, not of the conference.
    public var alias: Alias
    /// A call of theirs, and none of ours, that this one takes the place of (RFC 3891), unread.
    public var replaces: String?

    public init(of participant: ParticipantID, alias: Alias, replaces: String? = nil) {
      self.participant = participant
      self.alias = alias
      self.replaces = replaces
    }
  }

  /// Bytes of a destination.
  public static let maximumDestinationLength = 1_024

  /// The question to the Router. Bandwidth and media are the conference's, a rule's are not used (reference §5.1).
  ///
  /// As the roster has it: without a PIN for the room that is called.
  var shownDestination: String {
    Alias(dialled: destination, protocol: callProtocol).takingPIN?.full ?? destination
  }

  /// Manually routed calls ask too, as a look-up: an alias that leads back to a conference must be recognised, and a device
  /// registered here is called over its registration.
  public func request(
    id: CallID, from settings: ConferenceSettings, loopTokens: [String] = []
  ) -> CallRequest {
    CallRequest(
      id: id, direction: routing == .manual ? .nonDial : .dialOut, trigger: .unspecified,
      callProtocol: callProtocol, alias: Alias(dialled: destination, protocol: callProtocol),
      caller: Caller(
        alias: localAlias,
        displayName: localDisplayName ?? settings.localDisplayName ?? settings.name),
      location: location, capability: capability.limited(to: settings.callCapability),
      bandwidth: settings.maximumBandwidthOut, previousServiceName: settings.name, loopTokens: loopTokens)
  }

  public enum Verdict: Hashable, Sendable {
    /// A rule's own.
    case dial(GatewayConfiguration)
    /// No rule is needed: by protocol and location.
    case dialManually
    /// The conference would call itself.
    case loop
    /// Another service of ours: reached without leaving, if ``ConferenceLinks`` has nothing against it.
    case service(ServiceConfiguration)
    case refuse(Rejection)
  }

  /// What the Router's decision means for a call from the conference of this name.
  public func verdict(on decision: Decision, from name: String) -> Verdict {
    switch decision {
    case .service(let service): service.name == name ? .loop : .service(service)
    case .gateway(let gateway): routing == .manual ? .dialManually : .dial(gateway)
    case .redirect: .refuse(.notFound)
    case .reject(.notFound) where routing == .manual: .dialManually
    case .reject(let rejection): .refuse(rejection)
    }
  }
}

extension CallCapability {
  /// The lower of the two.
  func limited(to limit: CallCapability) -> CallCapability {
    let order: [CallCapability] = [.audio, .videoOnly, .video]
    guard let a = order.firstIndex(of: self), let b = order.firstIndex(of: limit) else {
      return self == .auto ? limit : self
    }
    return order[min(a, b)]
  }
}
