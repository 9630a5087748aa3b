import CallModel

/// Where a message came from, or goes to: transport, remote address, the listener it uses and, on a stream
/// transport or a flow of RFC 5626, the connection. A response travels on the hop its request came from.
public struct Hop: Hashable, Sendable, CustomStringConvertible {
  public var transport: SIPTransportProtocol
  public var remote: TransportAddress
  /// Which of our listeners; its address is what goes into Via and Contact.
  public var listener: ListenerID
  /// The open connection. On sending, nil lets the driver open one or reuse one to the same address.
  public var connection: ConnectionID?
  /// The host name to verify a TLS certificate against, and to send as SNI, when the hop was found by name.
  public var serverName: String?

  public init(
    transport: SIPTransportProtocol, remote: TransportAddress, listener: ListenerID,
    connection: ConnectionID? = nil, serverName: String? = nil
  ) {
    self.transport = transport
    self.remote = remote
    self.listener = listener
    self.connection = connection
    self.serverName = serverName
  }

  public var description: String { "\(transport.rawValue.lowercased()):\(remote)" }
}

public struct ListenerID: Hashable, Sendable, Comparable {
  public var index: Int
  public init(_ index: Int) { self.index = index }
  public static func < (a: Self, b: Self) -> Bool { a.index < b.index }
}

public struct ConnectionID: Hashable, Sendable {
  public var number: UInt64
  public init(_ number: UInt64) { self.number = number }
}
