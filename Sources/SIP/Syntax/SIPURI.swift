import CallModel

/// A URI as SIP uses it: `sip:`, `sips:` and `tel:` in their parts, any other scheme whole (RFC 3261 §19.1, RFC 3966).
public struct SIPURI: Hashable, Sendable {
  public enum Scheme: Hashable, Sendable {
    case sip, sips, tel
    /// Any other scheme, lower-cased. The rest of the URI is in ``SIPURI/user`` unread.
    case other(String)
  }

  public enum Host: Hashable, Sendable {
    case name(String)
    case ip(IPAddress)
  }

  public struct Parameter: Hashable, Sendable {
    public var name: String
    public var value: String?
    public init(_ name: String, _ value: String? = nil) {
      self.name = name
      self.value = value
    }
  }

  public var scheme: Scheme
  /// The user part, percent-decoded where that is unambiguous; for `tel:` the number; for other schemes all after the colon.
  public var user: String?
  public var password: Secret?
  public var host: Host
  public var port: UInt16?
  public var parameters: [Parameter]
  /// The part after `?`, as written.
  public var headers: String?

  public init(
    scheme: Scheme = .sip, user: String? = nil, password: Secret? = nil, host: Host, port: UInt16? = nil,
    parameters: [Parameter] = [], headers: String? = nil
  ) {
    self.scheme = scheme
    self.user = user
    self.password = password
    self.host = host
    self.port = port
    self.parameters = parameters
    self.headers = headers
  }
}

/// `"Display" <uri>;param=value`: From, To, Contact, Route, Record-Route, Refer-To, P-Asserted-Identity and the like.
public struct NameAddress: Hashable, Sendable {
  public var displayName: String?
  public var uri: SIPURI
  public var parameters: [SIPURI.Parameter]

  public init(displayName: String? = nil, uri: SIPURI, parameters: [SIPURI.Parameter] = []) {
    self.displayName = displayName
    self.uri = uri
    self.parameters = parameters
  }
}

/// One Via value (RFC 3261 §20.42, RFC 3581).
public struct Via: Hashable, Sendable {
  public var transport: SIPTransportProtocol
  public var host: SIPURI.Host
  public var port: UInt16?
  public var parameters: [SIPURI.Parameter]

  public init(
    transport: SIPTransportProtocol, host: SIPURI.Host, port: UInt16? = nil,
    parameters: [SIPURI.Parameter] = []
  ) {
    self.transport = transport
    self.host = host
    self.port = port
    self.parameters = parameters
  }
}

public enum SIPTransportProtocol: String, Hashable, Sendable, CaseIterable {
  case udp = "UDP"
  case tcp = "TCP"
  case tls = "TLS"
  case ws = "WS"
  case wss = "WSS"

  public var isReliable: Bool { self != .udp }
  public var isSecure: Bool { self == .tls || self == .wss }
}
