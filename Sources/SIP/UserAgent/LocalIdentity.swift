import CallModel

/// What a listener is called in the messages we send over it: nothing else of ours appears in them.
public struct LocalIdentity: Hashable, Sendable {
  public var listener: ListenerID
  public var transport: SIPTransportProtocol
  /// The bound address: its family decides which destinations the listener can serve.
  public var address: TransportAddress
  /// `sent-by` of our Via values (RFC 3261 §18.1.1).
  public var sentBy: SentBy
  /// Our Contact without a user part, with the transport parameter where it is needed.
  public var contact: SIPURI

  public init(
    listener: ListenerID, transport: SIPTransportProtocol, address: TransportAddress, sentBy: SentBy,
    contact: SIPURI
  ) {
    self.listener = listener
    self.transport = transport
    self.address = address
    self.sentBy = sentBy
    self.contact = contact
  }

  /// An identity that shows `host:port` in Via and Contact; `host` defaults to the bound address.
  public init(
    listener: ListenerID, transport: SIPTransportProtocol, address: TransportAddress,
    host: SIPURI.Host? = nil, port: UInt16? = nil
  ) {
    let host = host ?? .ip(address.ip)
    let port = port ?? address.port
    let parameters: [SIPURI.Parameter] =
      switch transport {
      case .udp: []
      case .tcp: [.init("transport", "tcp")]
      case .tls: [.init("transport", "tls")]
      case .ws, .wss: [.init("transport", "ws")]
      }
    self.init(
      listener: listener, transport: transport, address: address, sentBy: SentBy(host: host, port: port),
      contact: SIPURI(host: host, port: port, parameters: parameters))
  }
}
