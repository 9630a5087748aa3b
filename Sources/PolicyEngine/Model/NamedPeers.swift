import CallModel

/// An H.323 gatekeeper that calls are placed through (`h323_gatekeeper`).
public struct H323Gatekeeper: Hashable, Sendable {
  public var name: String
  public var description: String
  public var host: String
  public var port: UInt16

  public init(name: String, description: String = "", host: String, port: UInt16 = 1719) {
    self.name = name
    self.description = description
    self.host = host
    self.port = port
  }
}

/// A Skype for Business Front End or Director server (`mssip_proxy`).
public struct MSSIPProxy: Hashable, Sendable {
  public var name: String
  public var description: String
  public var host: String
  public var port: UInt16
  /// TLS or TCP.
  public var transport: Trunk.Transport

  public init(
    name: String, description: String = "", host: String, port: UInt16 = 5061,
    transport: Trunk.Transport = .tls
  ) {
    self.name = name
    self.description = description
    self.host = host
    self.port = port
    self.transport = transport
  }
}

/// A STUN server that legs with ICE ask for their public address (`stun_server`).
public struct STUNServer: Hashable, Sendable {
  public var name: String
  public var description: String
  public var host: String
  public var port: UInt16

  public init(name: String, description: String = "", host: String, port: UInt16 = 3478) {
    self.name = name
    self.description = description
    self.host = host
    self.port = port
  }
}

/// A TURN server that relays media for legs with ICE (`turn_server`).
public struct TURNServer: Hashable, Sendable {
  public var name: String
  public var description: String
  public var host: String
  public var port: UInt16
  public var transport: Trunk.Transport
  public var credential: Credential?
  /// Time-limited credentials are made from this instead of a fixed user name and password.
  public var sharedSecret: Secret?

  public init(
    name: String, description: String = "", host: String, port: UInt16 = 3478,
    transport: Trunk.Transport = .udp, credential: Credential? = nil, sharedSecret: Secret? = nil
  ) {
    self.name = name
    self.description = description
    self.host = host
    self.port = port
    self.transport = transport
    self.credential = credential
    self.sharedSecret = sharedSecret
  }
}

/// A connector to Microsoft Teams (`teams_proxy`).
public struct TeamsProxy: Hashable, Sendable {
  public var name: String
  public var description: String
  public var host: String
  public var port: UInt16

  public init(name: String, description: String = "", host: String, port: UInt16 = 443) {
    self.name = name
    self.description = description
    self.host = host
    self.port = port
  }
}

/// An access token with which Google Meet codes are resolved (`gms_access_token`).
public struct GMSAccessToken: Hashable, Sendable {
  public var name: String
  public var description: String
  public var token: Secret

  public init(name: String, description: String = "", token: Secret) {
    self.name = name
    self.description = description
    self.token = token
  }
}

/// A telehealth integration that calls are handed to (`telehealth_profile`).
public struct TelehealthProfile: Hashable, Sendable {
  public var name: String
  public var description: String
  public var url: String
  public var token: Secret?

  public init(name: String, description: String = "", url: String, token: Secret? = nil) {
    self.name = name
    self.description = description
    self.url = url
    self.token = token
  }
}

/// A set of prompts and pictures a caller meets (`ivr_theme`).
public struct Theme: Hashable, Sendable {
  public var name: String
  public var description: String
  /// Directory with the theme's files.
  public var directory: String
  /// Of the prompts of services that name the theme and no language themselves.
  public var language: LanguageTag?

  public init(name: String, description: String = "", directory: String, language: LanguageTag? = nil) {
    self.name = name
    self.description = description
    self.directory = directory
    self.language = language
  }
}
