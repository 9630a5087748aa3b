import CallModel

/// What RFC 3263 resolves: the TARGET of §4 with the transport and port its URI fixed.
public struct ServerLocationTarget: Hashable, Sendable {
  public var host: SIPURI.Host
  public var port: UInt16?
  /// A transport that was asked for; nil lets the DNS and our preferences choose.
  public var transport: SIPTransportProtocol?
  /// A `sips:` URI: nothing but TLS may be used.
  public var isSecure: Bool
  /// The name a TLS certificate must carry, when it is not ``host`` (a trunk configured by address).
  public var serverName: String?

  /// A trunk or outbound proxy as configured. A name without a port is looked up by SRV.
  public init(
    host: SIPURI.Host, port: UInt16? = nil, transport: SIPTransportProtocol? = nil, isSecure: Bool = false,
    serverName: String? = nil
  ) {
    self.host = host
    self.port = port
    self.transport = transport
    self.isSecure = isSecure
    self.serverName = serverName
  }

  /// The next hop named by a Request-URI or a Route (RFC 3263 §4): `maddr` replaces the host, `transport` fixes the
  /// transport.
  public init(uri: SIPURI) throws(ServerLocationError) {
    let isSecure: Bool
    switch uri.scheme {
    case .sip: isSecure = false
    case .sips: isSecure = true
    case .tel: throw .unsupportedScheme("tel")
    case .other(let scheme): throw .unsupportedScheme(scheme)
    }
    var host = uri.host
    var transport: SIPTransportProtocol?
    for parameter in uri.parameters {
      guard let value = parameter.value, !value.isEmpty else { continue }
      switch parameter.name.lowercased() {
      case "maddr":
        host = IPAddress(value).map { .ip($0) } ?? .name(value)
      case "transport":
        guard let named = SIPTransportProtocol(rawValue: value.uppercased()) else {
          throw .unsupportedTransport(value)
        }
        transport = named
      default:
        break
      }
    }
    if isSecure, let named = transport {
      // RFC 3261 §26.2.2: with sips, transport=tcp means TLS over TCP; UDP cannot carry it.
      switch named {
      case .tcp, .tls: transport = .tls
      case .ws, .wss: transport = .wss
      case .udp: throw .unsupportedTransport("udp with sips")
      }
    }
    self.init(host: host, port: uri.port, transport: transport, isSecure: isSecure)
  }
}

/// Why no server can be named for a target.
public enum ServerLocationError: Error, Hashable, Sendable, CustomStringConvertible {
  /// `tel:` and other schemes name no host: they must be mapped to a SIP URI before (RFC 3261 §16.5).
  case unsupportedScheme(String)
  /// The target asks for a transport we do not have, or that its scheme forbids.
  case unsupportedTransport(String)
  /// The target is an address of a family we do not use.
  case unsupportedAddressFamily
  /// The name is not one the DNS can hold.
  case invalidName(String)
  /// The DNS answered, and nothing usable is there.
  case noServer(String)
  /// The DNS did not answer: trying later may help.
  case dnsFailure(String, DNSFailure)

  /// Whether the same look-up may succeed later.
  public var isTemporary: Bool {
    if case .dnsFailure(_, let failure) = self { failure != .invalidName } else { false }
  }

  public var description: String {
    switch self {
    case .unsupportedScheme(let scheme): "URI scheme \(scheme) names no host"
    case .unsupportedTransport(let name): "transport \(name) is not available"
    case .unsupportedAddressFamily: "address family is not in use"
    case .invalidName(let name): "\(name) is not a host name"
    case .noServer(let name): "no SIP server found for \(name)"
    case .dnsFailure(let name, let failure): "DNS look-up for \(name) failed: \(failure.rawValue)"
    }
  }
}

/// What we can use and in which order. The same for every look-up of a location.
public struct ServerLocationPreferences: Hashable, Sendable {
  public enum AddressFamilies: Hashable, Sendable {
    case ipv4Only, ipv6Only
    /// Both; the named one first for each host.
    case preferIPv4, preferIPv6
  }

  /// How a name without any SRV record is tried.
  public enum AddressFallback: Hashable, Sendable {
    /// RFC 3263 §4.1: UDP for `sip:`, TLS for `sips:`; without UDP, the first of ``transports``.
    case standard
    /// Every transport in order of preference, each at its default port.
    case everyTransport
  }

  /// The transports we can send on, most preferred first.
  public var transports: [SIPTransportProtocol]
  public var families: AddressFamilies
  /// Ask for NAPTR first (RFC 3263 §4.1). Without it, SRV of every transport is asked in order of preference.
  public var usesNAPTR: Bool
  public var addressFallback: AddressFallback
  /// Most candidates given out, 1-64.
  public var maximumCandidates: Int
  /// Most SRV records looked at over all transports, 1-64; those of the best priority are kept.
  public var maximumServices: Int

  public init(
    transports: [SIPTransportProtocol] = [.tls, .tcp, .udp], families: AddressFamilies = .preferIPv6,
    usesNAPTR: Bool = true, addressFallback: AddressFallback = .standard, maximumCandidates: Int = 16,
    maximumServices: Int = 16
  ) {
    self.transports = transports
    self.families = families
    self.usesNAPTR = usesNAPTR
    self.addressFallback = addressFallback
    self.maximumCandidates = min(max(maximumCandidates, 1), 64)
    self.maximumServices = min(max(maximumServices, 1), 64)
  }
}

/// One server to try.
public struct ServerCandidate: Hashable, Sendable, CustomStringConvertible {
  public var transport: SIPTransportProtocol
  public var address: TransportAddress
  /// The name the target had before the DNS was asked: what a TLS certificate must carry (RFC 5922 §4).
  public var serverName: String?

  public init(transport: SIPTransportProtocol, address: TransportAddress, serverName: String? = nil) {
    self.transport = transport
    self.address = address
    self.serverName = serverName
  }

  /// The hop to this server from one of our listeners, which must be of the same transport and address family.
  public func hop(listener: ListenerID) -> Hop {
    Hop(transport: transport, remote: address, listener: listener, serverName: serverName)
  }

  public var description: String { "\(transport.rawValue.lowercased()):\(address)" }
}

extension SIPTransportProtocol {
  /// The port when none is given (RFC 3261 §19.1.2, RFC 7118 §5).
  public var defaultPort: UInt16 {
    switch self {
    case .udp, .tcp: 5060
    case .tls: 5061
    case .ws: 80
    case .wss: 443
    }
  }
}
