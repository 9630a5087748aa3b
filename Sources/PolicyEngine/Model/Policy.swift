import CallModel

/// What an admin wrote, resolved and defaulted: every name in it refers to something that exists.
///
/// A value without behaviour; ``PolicySnapshot`` is the compiled form that decides.
public struct Policy: Hashable, Sendable {
  public var globals: Globals
  public var locations: [Location]
  public var trunks: [Trunk]
  public var devices: [Device]
  public var services: [Service]
  /// In the order of evaluation: ascending priority, then as written.
  public var rules: [CallRoutingRule]
  /// Caps on numbers, whichever rule leads to them.
  public var destinationLimits: [DestinationLimit] = []
  /// Times of day and of the year that rules name.
  public var schedules: [Schedule] = []
  public var h323Gatekeepers: [H323Gatekeeper] = []
  public var mssipProxies: [MSSIPProxy] = []
  public var stunServers: [STUNServer] = []
  public var turnServers: [TURNServer] = []
  public var teamsProxies: [TeamsProxy] = []
  public var gmsAccessTokens: [GMSAccessToken] = []
  public var telehealthProfiles: [TelehealthProfile] = []
  public var themes: [Theme] = []
  public var playlists: [Playlist] = []
  public var policyProfiles: [PolicyProfile] = []

  public init(
    globals: Globals = Globals(), locations: [Location] = [], trunks: [Trunk] = [], devices: [Device] = [],
    services: [Service] = [], rules: [CallRoutingRule] = []
  ) {
    self.globals = globals
    self.locations = locations
    self.trunks = trunks
    self.devices = devices
    self.services = services
    self.rules = rules
  }
}

extension Policy {
  /// Whether it matters for media which location a call is placed in.
  public var choosesMediaAddresses: Bool { locations.contains { !$0.mediaAddresses.isEmpty } }
}

/// A system location: a group of nodes (here: of listeners) that share a place in the network.
public struct Location: Hashable, Sendable {
  public var name: String
  public var description: String
  /// Sources that belong to this location; the longest prefix wins.
  public var networks: [IPNetwork]
  /// Domain put into the calling identity when it has none of its own.
  public var domain: String?
  /// Trunks used by manual dial-out from here.
  public var trunk: String?
  /// Overrides of ``BreakInProtection``; nil: the global setting.
  public var scanQuarantine: Bool?
  /// What calls placed from here use when their rule names none.
  public var h323Gatekeeper: String?
  public var mssipProxy: String?
  public var stunServer: String?
  public var turnServer: String?
  public var teamsProxy: String?
  /// The policy servers asked about calls whose signalling arrives here.
  public var policyProfile: String?
  /// No policy server is asked about them, whatever the globals say.
  public var asksNoPolicyServer = false
  /// Addresses of ``MediaSettings/addresses`` that media of calls in this location uses, in order; empty: any of them.
  public var mediaAddresses: [IPAddress] = []

  public init(
    name: String, description: String = "", networks: [IPNetwork] = [], domain: String? = nil,
    trunk: String? = nil,
    scanQuarantine: Bool? = nil
  ) {
    self.name = name
    self.description = description
    self.networks = networks
    self.domain = domain
    self.trunk = trunk
    self.scanQuarantine = scanQuarantine
  }
}

/// A SIP proxy, carrier or other call server that calls go to and come from (`sip_proxy`).
public struct Trunk: Hashable, Sendable {
  public enum Transport: String, Hashable, Sendable, CaseIterable { case udp, tcp, tls }

  public var name: String
  public var description: String
  /// Host name or address.
  public var host: String
  /// nil: found by DNS SRV (RFC 3263).
  public var port: UInt16?
  public var transport: Transport
  /// Domain of the request URI and To; nil: the alias' own domain, or the host when it has none.
  public var domain: String?
  public var credentials: [Credential]
  /// Register ourselves at the trunk and keep the registration.
  public var registration: TrunkRegistration?
  /// Requests from these sources are this trunk's; the resolved host always is.
  public var sources: [IPNetwork]
  /// Assert and accept P-Asserted-Identity (RFC 3325): the peer is inside our trust domain.
  public var isTrusted: Bool
  /// Challenge this trunk's requests with these credentials; nil: its source address is enough.
  public var inboundCredential: Credential?
  public var mediaEncryption: MediaEncryption?
  /// Health by OPTIONS; nil: by the results of calls only.
  public var probeInterval: TimeSpan?
  /// On the calls sent; calls at once count both ways.
  public var limits: CallLimits
  /// How numbers are written on this trunk; nil: as in the rest of the service.
  public var numbering: Numbering?
  /// Verify the TLS certificate. Off only for laboratories.
  public var verifiesCertificate: Bool
  /// PEM file of the authorities to trust instead of the system's.
  public var certificateAuthorityFile: String?

  public init(
    name: String, description: String = "", host: String, port: UInt16? = nil, transport: Transport = .tls,
    domain: String? = nil, credentials: [Credential] = [], registration: TrunkRegistration? = nil,
    sources: [IPNetwork] = [], isTrusted: Bool = false, inboundCredential: Credential? = nil,
    mediaEncryption: MediaEncryption? = nil, probeInterval: TimeSpan? = .seconds(30),
    limits: CallLimits = CallLimits(), verifiesCertificate: Bool = true,
    certificateAuthorityFile: String? = nil
  ) {
    self.name = name
    self.description = description
    self.host = host
    self.port = port
    self.transport = transport
    self.domain = domain
    self.credentials = credentials
    self.registration = registration
    self.sources = sources
    self.isTrusted = isTrusted
    self.inboundCredential = inboundCredential
    self.mediaEncryption = mediaEncryption
    self.probeInterval = probeInterval
    self.limits = limits
    self.verifiesCertificate = verifiesCertificate
    self.certificateAuthorityFile = certificateAuthorityFile
  }
}

/// A user name and password for one realm; a nil realm fits any.
public struct Credential: Hashable, Sendable {
  public var realm: String?
  public var username: String
  public var password: Secret

  public init(realm: String? = nil, username: String, password: Secret) {
    self.realm = realm
    self.username = username
    self.password = password
  }
}

/// Where and as whom Tandem registers itself at a trunk.
public struct TrunkRegistration: Hashable, Sendable {
  /// The address of record, e.g. `sip:company@carrier.example`.
  public var addressOfRecord: String
  public var interval: TimeSpan

  public init(addressOfRecord: String, interval: TimeSpan = .seconds(600)) {
    self.addressOfRecord = addressOfRecord
    self.interval = interval
  }
}

/// An alias that may register here (`device`).
public struct Device: Hashable, Sendable {
  public var alias: String
  public var description: String
  public var tag: String
  public var username: String
  /// Empty user name and password: no authentication.
  public var password: Secret
  public var allowsSIP: Bool
  public var allowsH323: Bool
  public var allowsWebRTC: Bool
  /// The conference it may open; nil: none.
  public var localConference: LocalConference?

  public init(
    alias: String, description: String = "", tag: String = "", username: String = "",
    password: Secret = Secret(""),
    allowsSIP: Bool = false, allowsH323: Bool = false, allowsWebRTC: Bool = false
  ) {
    self.alias = alias
    self.description = description
    self.tag = tag
    self.username = username
    self.password = password
    self.allowsSIP = allowsSIP
    self.allowsH323 = allowsH323
    self.allowsWebRTC = allowsWebRTC
  }
}

/// A service that hosts calls, and the aliases that reach it.
public struct Service: Hashable, Sendable {
  public var aliases: [String]
  public var configuration: ServiceConfiguration

  public init(aliases: [String], configuration: ServiceConfiguration) {
    self.aliases = aliases
    self.configuration = configuration
  }
}
