import CallModel
import SIP

/// Bounds and times of the transport layer. Every default suits a gateway on a public address.
public struct SIPTransportConfiguration: Sendable {
  /// Limits of a message in a datagram, and on a stream.
  public var datagramLimits: SIPLimits
  public var streamLimits: SIPLimits
  /// Requests that cannot be parsed but show where to answer get 4xx or 5xx at once (RFC 3261 §8.2, §18.3).
  public var answersMalformedRequests: Bool

  /// Kernel buffers of a UDP listener in bytes; the kernel may give less (`net.core.rmem_max`).
  public var datagramReceiveBuffer: Int
  public var datagramSendBuffer: Int
  /// Most bytes that wait for a full UDP socket before datagrams are dropped.
  public var datagramQueueLimit: Int

  public var connectTimeout: TimeSpan
  /// From accept or connect to the end of the TLS handshake.
  public var handshakeTimeout: TimeSpan
  /// A connection on which nothing was received or sent for this long is closed.
  public var idleTimeout: TimeSpan
  /// From the first byte of a message to its last.
  public var partialMessageTimeout: TimeSpan
  /// How long closing waits for queued bytes to be taken.
  public var closeTimeout: TimeSpan
  /// Most bytes queued to one connection; at the bound it is closed, since SIP must not be delivered in part.
  public var connectionQueueLimit: Int
  /// Most stream connections over all listeners, in both directions.
  public var maximumConnections: Int
  /// Most inbound connections from one IPv4 address or one IPv6 /64.
  public var maximumConnectionsPerSource: Int
  /// Pings on connections we opened (RFC 5626 §3.5.1, §4.4.1); nil sends none. It can be set per connection later.
  public var keepAlive: KeepAlive?

  /// CRLF CRLF every so often, and how the absence of an answer is taken.
  public struct KeepAlive: Hashable, Sendable {
    /// The longest time between pings; each is sent after 80-100 % of it (RFC 5626 §4.4.1).
    public var interval: TimeSpan
    /// How long to wait for the pong; nil does not wait, for peers that do not know RFC 5626.
    public var pongTimeout: TimeSpan?

    public init(interval: TimeSpan = .seconds(120), pongTimeout: TimeSpan? = .seconds(10)) {
      self.interval = interval
      self.pongTimeout = pongTimeout
    }
  }

  public init(
    datagramLimits: SIPLimits = .datagram, streamLimits: SIPLimits = .stream,
    answersMalformedRequests: Bool = true, datagramReceiveBuffer: Int = 4 << 20,
    datagramSendBuffer: Int = 4 << 20, datagramQueueLimit: Int = 4 << 20,
    connectTimeout: TimeSpan = .seconds(5), handshakeTimeout: TimeSpan = .seconds(10),
    idleTimeout: TimeSpan = .seconds(900), partialMessageTimeout: TimeSpan = .seconds(15),
    closeTimeout: TimeSpan = .seconds(2), connectionQueueLimit: Int = 1 << 20,
    maximumConnections: Int = 10_000, maximumConnectionsPerSource: Int = 500, keepAlive: KeepAlive? = nil
  ) {
    self.datagramLimits = datagramLimits
    self.streamLimits = streamLimits
    self.answersMalformedRequests = answersMalformedRequests
    self.datagramReceiveBuffer = datagramReceiveBuffer
    self.datagramSendBuffer = datagramSendBuffer
    self.datagramQueueLimit = datagramQueueLimit
    self.connectTimeout = connectTimeout
    self.handshakeTimeout = handshakeTimeout
    self.idleTimeout = idleTimeout
    self.partialMessageTimeout = partialMessageTimeout
    self.closeTimeout = closeTimeout
    self.connectionQueueLimit = connectionQueueLimit
    self.maximumConnections = maximumConnections
    self.maximumConnectionsPerSource = maximumConnectionsPerSource
    self.keepAlive = keepAlive
  }

  /// How often time-outs are looked at: often enough that none is late by more than a quarter.
  var sweepInterval: TimeSpan {
    var shortest = min(connectTimeout, handshakeTimeout, idleTimeout, partialMessageTimeout, closeTimeout)
    if let keepAlive {
      shortest = min(shortest, keepAlive.interval, keepAlive.pongTimeout ?? keepAlive.interval)
    }
    return max(min(TimeSpan(nanoseconds: shortest.nanoseconds / 4), .seconds(1)), .milliseconds(5))
  }
}

/// One address and transport to listen on.
public struct SIPListenerConfiguration: Sendable {
  public var transport: SIPTransportProtocol
  /// Port 0 lets the kernel choose.
  public var bind: TransportAddress
  /// What Via and Contact say instead of the bound address: needed behind a static NAT and for wildcard addresses.
  public var advertised: TransportAddress?
  /// A host name to advertise; it wins over ``advertised`` where a name may stand.
  public var advertisedName: String?
  /// Needed for ``SIPTransportProtocol/tls``.
  public var tls: SIPTLSConfiguration?

  public init(
    transport: SIPTransportProtocol, bind: TransportAddress, advertised: TransportAddress? = nil,
    advertisedName: String? = nil, tls: SIPTLSConfiguration? = nil
  ) {
    self.transport = transport
    self.bind = bind
    self.advertised = advertised
    self.advertisedName = advertisedName
    self.tls = tls
  }
}

/// A listener that is open.
public struct BoundListener: Hashable, Sendable {
  public var id: ListenerID
  public var transport: SIPTransportProtocol
  /// With the real port.
  public var local: TransportAddress
  public var advertised: TransportAddress
  public var advertisedName: String?
}
