/// A two-party call to a target, as a rule or a policy server describes it (`service_type: gateway`).
///
/// What a rule says is shared by reference until it is changed: a configuration goes through every step of a call, and a
/// policy of many rules has few different ones.
public struct GatewayConfiguration: Sendable {
  /// The rule's name; the record and the policy API make it unique per call.
  public var name: String
  /// The called alias after the rule's replacement.
  public var remoteAlias: String
  /// What it shares with others.
  public private(set) var settings: GatewaySettings

  public var tag: String {
    get { settings.values.tag }
    set { own().values.tag = newValue }
  }
  /// Who the called party is told is calling; nil: the caller as received.
  public var localAlias: String? {
    get { settings.values.localAlias }
    set { own().values.localAlias = newValue }
  }
  public var localDisplayName: String? {
    get { settings.values.localDisplayName }
    set { own().values.localDisplayName = newValue }
  }
  public var target: CallTarget {
    get { settings.values.target }
    set { own().values.target = newValue }
  }
  /// Ignored when the target turns out to be a registered device: its own protocol is used.
  public var outgoingProtocol: CallProtocol {
    get { settings.values.outgoingProtocol }
    set { own().values.outgoingProtocol = newValue }
  }
  public var outgoingLocation: String? {
    get { settings.values.outgoingLocation }
    set { own().values.outgoingLocation = newValue }
  }
  /// Trunks in order of attempt; empty: the alias' own domain by DNS.
  public var trunks: [TrunkChoice] {
    get { settings.values.trunks }
    set { own().values.trunks = newValue }
  }
  /// The named H.323 gatekeeper, Skype for Business server, STUN and TURN server, Teams proxy, Meet token, theme.
  public var h323Gatekeeper: String? {
    get { settings.values.h323Gatekeeper }
    set { own().values.h323Gatekeeper = newValue }
  }
  public var mssipProxy: String? {
    get { settings.values.mssipProxy }
    set { own().values.mssipProxy = newValue }
  }
  public var stunServer: String? {
    get { settings.values.stunServer }
    set { own().values.stunServer = newValue }
  }
  public var turnServer: String? {
    get { settings.values.turnServer }
    set { own().values.turnServer = newValue }
  }
  public var teamsProxy: String? {
    get { settings.values.teamsProxy }
    set { own().values.teamsProxy = newValue }
  }
  public var gmsAccessToken: String? {
    get { settings.values.gmsAccessToken }
    set { own().values.gmsAccessToken = newValue }
  }
  public var telehealthProfile: String? {
    get { settings.values.telehealthProfile }
    set { own().values.telehealthProfile = newValue }
  }
  public var theme: String? {
    get { settings.values.theme }
    set { own().values.theme = newValue }
  }
  public var callCapability: CallCapability {
    get { settings.values.callCapability }
    set { own().values.callCapability = newValue }
  }
  public var mediaEncryption: MediaEncryption {
    get { settings.values.mediaEncryption }
    set { own().values.mediaEncryption = newValue }
  }
  public var maximumBandwidthIn: Bandwidth? {
    get { settings.values.maximumBandwidthIn }
    set { own().values.maximumBandwidthIn = newValue }
  }
  public var maximumBandwidthOut: Bandwidth? {
    get { settings.values.maximumBandwidthOut }
    set { own().values.maximumBandwidthOut = newValue }
  }
  /// `sd`, `hd`, `fullhd`; nil: the global value.
  public var maximumPixels: String? {
    get { settings.values.maximumPixels }
    set { own().values.maximumPixels = newValue }
  }
  /// Codec names never offered, compared without case.
  public var disabledCodecs: [String] {
    get { settings.values.disabledCodecs }
    set { own().values.disabledCodecs = newValue }
  }
  public var isTreatedAsTrusted: Bool {
    get { settings.values.isTreatedAsTrusted }
    set { own().values.isTreatedAsTrusted = newValue }
  }
  public var denoiseAudio: Bool {
    get { settings.values.denoiseAudio }
    set { own().values.denoiseAudio = newValue }
  }
  public var liveCaptions: String {
    get { settings.values.liveCaptions }
    set { own().values.liveCaptions = newValue }
  }
  public var externalAvatarLookup: String {
    get { settings.values.externalAvatarLookup }
    set { own().values.externalAvatarLookup = newValue }
  }
  /// How long one attempt may ring.
  public var ringTimeout: TimeSpan {
    get { settings.values.ringTimeout }
    set { own().values.ringTimeout = newValue }
  }
  /// Causes after which the next trunk is tried. Never busy or declined unless a rule asks for it.
  public var continueOn: Set<Cause> {
    get { settings.values.continueOn }
    set { own().values.continueOn = newValue }
  }
  /// Digits sent to the called party once it has answered: `0-9`, `*`, `#`, and `,` for a pause (routing reference §7).
  public var dtmfSequence: String {
    get { settings.values.dtmfSequence }
    set { own().values.dtmfSequence = newValue }
  }
  /// Which family of addresses is tried first (`prefer_ipv6`); nil: as the DNS and the listeners have it.
  public var prefersIPv6: Bool? {
    get { settings.values.prefersIPv6 }
    set { own().values.prefersIPv6 = newValue }
  }
  /// What few calls need; takes no memory while it is the usual.
  public var details: GatewayDetails {
    get { settings.values.details.value }
    set { own().values.details.value = newValue }
  }

  /// Caps on the calls of the rule; nil: none.
  public var limits: CallLimits? {
    get {
      let limits = settings.values.limits.value
      return limits.isEmpty ? nil : limits
    }
    set { own().values.limits.value = newValue ?? CallLimits() }
  }

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
    self.remoteAlias = remoteAlias
    settings = GatewaySettings(
      GatewaySettings.Values(
        tag: tag, localAlias: localAlias, localDisplayName: localDisplayName, target: target,
        outgoingProtocol: outgoingProtocol, outgoingLocation: outgoingLocation, trunks: trunks,
        callCapability: callCapability, mediaEncryption: mediaEncryption,
        maximumBandwidthIn: maximumBandwidthIn,
        maximumBandwidthOut: maximumBandwidthOut, maximumPixels: maximumPixels,
        disabledCodecs: disabledCodecs,
        isTreatedAsTrusted: isTreatedAsTrusted, denoiseAudio: denoiseAudio, liveCaptions: liveCaptions,
        externalAvatarLookup: externalAvatarLookup, ringTimeout: ringTimeout, continueOn: continueOn))
  }

  /// A call with the settings of another.
  public init(name: String, remoteAlias: String, sharing settings: GatewaySettings) {
    self.name = name
    self.remoteAlias = remoteAlias
    self.settings = settings
  }

  private mutating func own() -> GatewaySettings {
    if !isKnownUniquelyReferenced(&settings) { settings = GatewaySettings(settings.values) }
    return settings
  }

  /// No route, no response, refused connection, congestion: the far end never saw the call, or said "not now, elsewhere".
  public static let defaultContinueCauses: Set<Cause> = [
    .networkFailure, .noResponse, .serverFailure, .congestion,
  ]
}

extension GatewayConfiguration: Hashable {
  public static func == (a: Self, b: Self) -> Bool {
    a.remoteAlias == b.remoteAlias && a.name == b.name && a.settings == b.settings
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(name)
    hasher.combine(remoteAlias)
    hasher.combine(settings)
  }
}
