import SIP

/// What the layer did and what it dropped, since it was made. A copy taken on the event loop.
public struct SIPTransportCounters: Hashable, Sendable {
  public struct Traffic: Hashable, Sendable {
    public var messagesReceived: UInt64 = 0
    public var messagesSent: UInt64 = 0
    public var bytesReceived: UInt64 = 0
    public var bytesSent: UInt64 = 0
  }

  public var udp = Traffic()
  public var tcp = Traffic()
  public var tls = Traffic()

  /// Not SIP, or SIP that broke a rule. Those over a limit are counted in ``oversized`` too.
  public var malformed: UInt64 = 0
  public var oversized: UInt64 = 0
  /// Malformed requests we answered.
  public var malformedAnswered: UInt64 = 0
  /// Pings and empty datagrams received, and STUN requests answered.
  public var keepAlivesReceived: UInt64 = 0
  public var stunAnswered: UInt64 = 0
  public var pingsSent: UInt64 = 0
  public var pongsReceived: UInt64 = 0

  /// Messages given to `send` that were reported as failed.
  public var sendFailures: UInt64 = 0
  /// Datagrams dropped since the socket was full, and messages dropped with their connection since its queue was.
  public var queueOverflows: UInt64 = 0

  public var connectionsAccepted: UInt64 = 0
  public var connectionsOpened: UInt64 = 0
  public var connectFailures: UInt64 = 0
  /// Refused at the bound of all connections, and at the bound of one source.
  public var refusedTotalLimit: UInt64 = 0
  public var refusedSourceLimit: UInt64 = 0
  /// Times that the process had no descriptor left for a connection.
  public var acceptFailures: UInt64 = 0
  public var tlsFailures: UInt64 = 0
  /// Closed connections by reason.
  public var closed: [ConnectionCloseReason: UInt64] = [:]
  /// A gauge: connections open or opening now.
  public var connections: Int = 0
  /// Listeners that failed and were opened again.
  public var listenerRestarts: UInt64 = 0

  public init() {}

  /// Bytes of a stream; its messages are counted when they are whole.
  mutating func received(_ transport: SIPTransportProtocol, bytes: Int) {
    self[transport].bytesReceived &+= UInt64(bytes)
  }

  mutating func receivedMessage(_ transport: SIPTransportProtocol) {
    self[transport].messagesReceived &+= 1
  }

  mutating func sent(_ transport: SIPTransportProtocol, bytes: Int) {
    self[transport].messagesSent &+= 1
    self[transport].bytesSent &+= UInt64(bytes)
  }

  /// The traffic of one transport; WebSocket counts as the stream under it.
  public internal(set) subscript(transport: SIPTransportProtocol) -> Traffic {
    get {
      switch transport {
      case .udp: udp
      case .tcp, .ws: tcp
      case .tls, .wss: tls
      }
    }
    _modify {
      switch transport {
      case .udp: yield &udp
      case .tcp, .ws: yield &tcp
      case .tls, .wss: yield &tls
      }
    }
  }
}
