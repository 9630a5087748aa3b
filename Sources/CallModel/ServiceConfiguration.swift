/// A service that hosts calls, as policy describes it (`service_configuration`, gateway calls excepted; routing reference §12).
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
  /// `sd`, `hd`, `fullhd`; nil: the global value.
  public var maximumPixels: String?
  /// The named set of prompts and pictures; nil: the standard one.
  public var theme: String?
  /// Which prompts are in; nil: that of its theme, else of the deployment. Policy servers have no field for it.
  public var language: LanguageTag?
  /// What participants see as the name of whom they have called; empty: the name.
  public var localDisplayName: String
  /// Apps send media straight to the node that mixes, not through the edge node.
  public var bypassesProxy: Bool
  /// Of a conference, lecture or playback: whoever knows it is a host.
  public var pin: Secret?
  public var guestPIN: Secret?
  public var allowsGuests: Bool

  private var rareSignOn = Rare<SignOnSettings>()
  private var rareRoom = Rare<RoomSettings>()
  private var rareReception = Rare<ReceptionSettings>()
  private var rarePlayback = Rare<PlaybackSettings>()

  /// Of a conference, lecture or playback: who comes in by an identity provider.
  public var signOn: SignOnSettings {
    get { rareSignOn.value }
    set { rareSignOn.value = newValue }
  }
  /// Of a conference or lecture.
  public var room: RoomSettings {
    get { rareRoom.value }
    set { rareRoom.value = newValue }
  }
  /// Of a Virtual Reception (`two_stage_dialing`).
  public var reception: ReceptionSettings {
    get { rareReception.value }
    set { rareReception.value = newValue }
  }
  /// Of a playback.
  public var playback: PlaybackSettings {
    get { rarePlayback.value }
    set { rarePlayback.value = newValue }
  }

  public init(
    kind: Kind, name: String, tag: String = "", description: String = "",
    callCapability: CallCapability = .video,
    mediaEncryption: MediaEncryption = .bestEffort, maximumBandwidthIn: Bandwidth? = nil,
    maximumBandwidthOut: Bandwidth? = nil, maximumPixels: String? = nil, theme: String? = nil,
    localDisplayName: String = "", bypassesProxy: Bool = false, pin: Secret? = nil, guestPIN: Secret? = nil,
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
    self.maximumPixels = maximumPixels
    self.theme = theme
    self.localDisplayName = localDisplayName
    self.bypassesProxy = bypassesProxy
    self.pin = pin
    self.guestPIN = guestPIN
    self.allowsGuests = allowsGuests
  }
}

/// Who comes into a service by single sign-on.
public struct SignOnSettings: RareSettings, Hashable, Sendable {
  /// What happens to those who do not come by an identity provider, where one is named.
  public enum OtherParticipants: String, Hashable, Sendable, CaseIterable {
    case disallowAll = "disallow_all"
    case allowIfTrusted = "allow_if_trusted"
  }

  /// The named group of identity providers for hosts; nil: no sign-on.
  public var hostGroup: String?
  public var guestGroup: String?
  public var others = OtherParticipants.disallowAll

  public init() {}

  /// Whether a device, which can show nothing of an identity provider, may come in.
  public func admitsDevice(isTrusted: Bool) -> Bool {
    if hostGroup == nil, guestGroup == nil { return true }
    return others == .allowIfTrusted && isTrusted
  }
}

/// What becomes of the alias that a caller enters at a reception (routing reference §12.6).
public struct ReceptionSettings: RareSettings, Hashable, Sendable {
  /// Where the entered code is looked up.
  public enum DialType: String, Hashable, Sendable, CaseIterable {
    /// Nowhere: it is an alias.
    case regular
    case mssip
    case gms
    case teams
  }

  /// What may be entered; empty: anything.
  public var match = AliasTransform(pattern: "", replacement: "")
  /// Applied to a meeting's code after its look-up.
  public var afterLookUp = AliasTransform(pattern: "", replacement: "")
  public var dialType = DialType.regular
  /// Where look-ups are made from.
  public var location: String?
  public var gmsAccessToken: String?
  public var mssipProxy: String?
  public var teamsProxy: String?

  public init() {}
}

/// What a playback shows, and what follows.
public struct PlaybackSettings: RareSettings, Hashable, Sendable {
  public var playlist = ""
  /// Nil: the caller stays, and hears nothing more.
  public var completion: PlaybackCompletion?

  public init() {}
}

/// What follows when a playlist is at its end (routing reference §12.5).
public enum PlaybackCompletion: Hashable, Sendable {
  case disconnect
  /// A nil role: as for any caller.
  case transfer(alias: String, role: ParticipantRole?)
}
