import CallModel

/// Settings of the whole deployment (`global`, `registration` and break-in protection of the reference system).
public struct Globals: Hashable, Sendable {
  public var sipEnabled = true
  /// Off by default, as in the reference system: UDP invites scanners.
  public var sipUDPEnabled = false
  public var h323Enabled = true
  public var webrtcEnabled = true
  public var rtmpEnabled = true
  /// Off disables gateway calls as well as dial-out.
  public var dialOutEnabled = true
  public var mediaEncryption = MediaEncryption.bestEffort
  public var bandwidthIn: Bandwidth?
  public var bandwidthOut: Bandwidth? = Bandwidth(kilobitsPerSecond: 4128)
  /// `sd`, `hd` or `fullhd` (`max_pixels_per_second`).
  public var maximumPixels = "hd"
  /// Realm of our digest challenges, and domain of identities that have none.
  public var domain = "tandem.invalid"
  public var sip = SIPSettings()
  public var media = MediaSettings()
  /// Name servers to ask instead of the system's.
  public var dnsServers: [TransportAddress] = []
  public var registrar = RegistrarSettings()
  public var breakIn = BreakInProtection()
  public var conferences = ConferenceDefaults()
  /// On all calls of the service; on those of one caller: a registered alias, or else a source address.
  public var limits = CallLimits(total: CallCaps(concurrentCalls: 10_000))
  /// How numbers are written, for destination limits.
  public var numbering = Numbering()
  /// The policy profile of calls whose location names none.
  public var policyProfile: String?
  /// nil: off.
  public var management: ManagementSettings?

  public init() {}
}

/// The management interface over HTTP.
public struct ManagementSettings: Hashable, Sendable {
  public struct User: Hashable, Sendable {
    public var name: String
    public var password: Secret

    public init(name: String, password: Secret) {
      self.name = name
      self.password = password
    }
  }

  public var address: TransportAddress
  public var users: [User]

  public init(address: TransportAddress, users: [User]) {
    self.address = address
    self.users = users
  }
}

/// Where SIP is heard, and its timers.
public struct SIPSettings: Hashable, Sendable {
  public struct Listener: Hashable, Sendable {
    public var transport: Trunk.Transport
    public var address: TransportAddress
    /// What peers are told, when it differs (NAT).
    public var advertised: TransportAddress?
    /// PEM files; TLS only.
    public var certificateFile: String?
    public var keyFile: String?
    /// Left out while its certificate files do not exist; TLS only.
    public var isOptional = false
    /// The location of calls that arrive here, unless their source network names another.
    public var location: String?

    public init(
      transport: Trunk.Transport, address: TransportAddress, advertised: TransportAddress? = nil,
      certificateFile: String? = nil, keyFile: String? = nil, location: String? = nil
    ) {
      self.transport = transport
      self.address = address
      self.advertised = advertised
      self.certificateFile = certificateFile
      self.keyFile = keyFile
      self.location = location
    }
  }

  public var listeners: [Listener] = []
  /// Session-Expires we ask for, and the least we accept (RFC 4028).
  public var sessionExpires = TimeSpan.seconds(1800)
  public var minimumSessionExpires = TimeSpan.seconds(90)
  public var maxForwards = 70
  /// What challenges are answered with, by realm, where no trunk has an answer of its own.
  public var credentials: [Credential] = []
  /// Digest algorithms of our challenges in order of preference: `md5`, `sha-256`, `sha-512-256` (RFC 8760).
  public var digestAlgorithms = ["md5"]

  public init() {}
}

/// Where media flows.
public struct MediaSettings: Hashable, Sendable {
  /// Addresses media sockets are bound to, with what peers are told instead (NAT).
  public struct Address: Hashable, Sendable {
    public var bind: IPAddress
    public var advertised: IPAddress?
    public init(bind: IPAddress, advertised: IPAddress? = nil) {
      self.bind = bind
      self.advertised = advertised
    }
  }

  public var addresses: [Address] = []
  /// UDP ports used for media, both ends included.
  public var portRange: ClosedRange<UInt16> = 40000...49999
  /// A call whose media stops for this long is ended; nil: never.
  public var timeout: TimeSpan? = .seconds(60)
  /// DSCP values 0-63 (RFC 4594): EF for audio, AF41 for video.
  public var audioDSCP = 46
  public var videoDSCP = 34
  /// Relay threads; nil: one a core, at most two.
  public var threads: Int?

  public init() {}
}

/// `registration` of the reference system.
public struct RegistrarSettings: Hashable, Sendable {
  public var isEnabled = true
  public var minimumExpires = TimeSpan.seconds(60)
  public var maximumExpires = TimeSpan.seconds(3600)
  /// For devices behind NAT, whose flow must be kept open.
  public var nattedMinimumExpires = TimeSpan.seconds(60)
  public var nattedMaximumExpires = TimeSpan.seconds(90)
  /// Bindings per alias.
  public var maximumBindings = 10

  public init() {}
}

/// Break-in protection (`bdpm_*`).
public struct BreakInProtection: Hashable, Sendable {
  public var scanQuarantineEnabled = true
  /// Unknown aliases and failed authentications from one source within ``window`` before it is quarantined.
  public var maximumScanAttempts = 20
  public var pinChecksEnabled = true
  public var maximumPINFailures = 20
  public var window = TimeSpan.seconds(600)
  /// Sources that are never quarantined: trunks and proxies concentrate many callers on one address.
  public var allowList: [IPNetwork] = []

  public init() {}
}
