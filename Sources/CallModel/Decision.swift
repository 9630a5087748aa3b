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
public enum Rejection: String, Hashable, Sendable, Codable {
  /// No service and no rule knows the alias.
  case notFound
  /// Policy says no. The caller is told the same as for ``notFound``.
  case policy
  case loop
  case tooManyHops
  case limitReached
  /// The source is quarantined by break-in protection.
  case blocked
  /// A pattern exceeded its bounded work: the rule is in error, and the call is refused rather than routed by a later rule.
  case ruleError
  case protocolDisabled
  /// The service is draining.
  case shutdown
}

/// A service that hosts calls, as policy describes it (`service_configuration`, gateway calls excepted).
public struct ServiceConfiguration: Hashable, Sendable {
  /// `service_type` of the reference system.
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    case conference
    case lecture
    case twoStageDialing = "two_stage_dialing"
    case mediaPlayback = "media_playback"
    case testCall = "test_call"
  }

  public var kind: Kind
  /// Decides identity: two aliases answered with the same name meet in the same place.
  public var name: String
  public var tag: String
  public var description: String
  public var callCapability: CallCapability
  public var mediaEncryption: MediaEncryption
  public var maximumBandwidthIn: Bandwidth?
  public var maximumBandwidthOut: Bandwidth?
  public var pin: Secret?
  public var guestPIN: Secret?
  public var allowsGuests: Bool

  public init(
    kind: Kind, name: String, tag: String = "", description: String = "",
    callCapability: CallCapability = .video,
    mediaEncryption: MediaEncryption = .bestEffort, maximumBandwidthIn: Bandwidth? = nil,
    maximumBandwidthOut: Bandwidth? = nil, pin: Secret? = nil, guestPIN: Secret? = nil,
    allowsGuests: Bool = false
  ) {
    self.kind = kind
    self.name = name
    self.tag = tag
    self.description = description
    self.callCapability = callCapability
    self.mediaEncryption = mediaEncryption
    self.maximumBandwidthIn = maximumBandwidthIn
    self.maximumBandwidthOut = maximumBandwidthOut
    self.pin = pin
    self.guestPIN = guestPIN
    self.allowsGuests = allowsGuests
  }
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

/// A two-party call to a target, as a rule or a policy server describes it (`service_type: gateway`).
public struct GatewayConfiguration: Hashable, Sendable {
  /// The rule's name; the record and the policy API make it unique per call.
  public var name: String
  public var tag: String
  /// The called alias after the rule's replacement.
  public var remoteAlias: String
  /// Who the called party is told is calling; nil: the caller as received.
  public var localAlias: String?
  public var localDisplayName: String?
  public var target: CallTarget
  /// Ignored when the target turns out to be a registered device: its own protocol is used.
  public var outgoingProtocol: CallProtocol
  public var outgoingLocation: String?
  /// Trunks in order of attempt; empty: the alias' own domain by DNS.
  public var trunks: [TrunkChoice]
  /// The named H.323 gatekeeper, Skype for Business server, STUN and TURN server, Teams proxy, Meet token, theme.
  public var h323Gatekeeper: String?
  public var mssipProxy: String?
  public var stunServer: String?
  public var turnServer: String?
  public var teamsProxy: String?
  public var gmsAccessToken: String?
  public var telehealthProfile: String?
  public var theme: String?
  public var callCapability: CallCapability
  public var mediaEncryption: MediaEncryption
  public var maximumBandwidthIn: Bandwidth?
  public var maximumBandwidthOut: Bandwidth?
  /// `sd`, `hd`, `fullhd`; nil: the global value.
  public var maximumPixels: String?
  /// Codec names never offered, compared without case.
  public var disabledCodecs: [String]
  public var isTreatedAsTrusted: Bool
  public var denoiseAudio: Bool
  public var liveCaptions: String
  public var externalAvatarLookup: String
  /// How long one attempt may ring.
  public var ringTimeout: TimeSpan
  /// Causes after which the next trunk is tried. Never busy or declined unless a rule asks for it.
  public var continueOn: Set<Cause>

  public init(
    name: String, tag: String = "", remoteAlias: String, localAlias: String? = nil,
    localDisplayName: String? = nil,
    target: CallTarget = .external, outgoingProtocol: CallProtocol = .sip, outgoingLocation: String? = nil,
    trunks: [TrunkChoice] = [], callCapability: CallCapability = .video,
    mediaEncryption: MediaEncryption = .bestEffort, maximumBandwidthIn: Bandwidth? = nil,
    maximumBandwidthOut: Bandwidth? = nil, maximumPixels: String? = nil, disabledCodecs: [String] = [],
    isTreatedAsTrusted: Bool = false, denoiseAudio: Bool = true, liveCaptions: String = "default",
    externalAvatarLookup: String = "default", ringTimeout: TimeSpan = .seconds(60),
    continueOn: Set<Cause> = GatewayConfiguration.defaultContinueCauses
  ) {
    self.name = name
    self.tag = tag
    self.remoteAlias = remoteAlias
    self.localAlias = localAlias
    self.localDisplayName = localDisplayName
    self.target = target
    self.outgoingProtocol = outgoingProtocol
    self.outgoingLocation = outgoingLocation
    self.trunks = trunks
    self.callCapability = callCapability
    self.mediaEncryption = mediaEncryption
    self.maximumBandwidthIn = maximumBandwidthIn
    self.maximumBandwidthOut = maximumBandwidthOut
    self.maximumPixels = maximumPixels
    self.disabledCodecs = disabledCodecs
    self.isTreatedAsTrusted = isTreatedAsTrusted
    self.denoiseAudio = denoiseAudio
    self.liveCaptions = liveCaptions
    self.externalAvatarLookup = externalAvatarLookup
    self.ringTimeout = ringTimeout
    self.continueOn = continueOn
  }

  /// No route, no response, refused connection, congestion: the far end never saw the call, or said "not now, elsewhere".
  public static let defaultContinueCauses: Set<Cause> = [
    .networkFailure, .noResponse, .serverFailure, .congestion,
  ]
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
