import CallModel

/// The host and port we name ourselves by in Via, where responses are to come (RFC 3261 §18.1.1).
public struct SentBy: Hashable, Sendable, CustomStringConvertible {
  public var host: SIPURI.Host
  /// Nil: the default port of the transport.
  public var port: UInt16?

  public init(host: SIPURI.Host, port: UInt16? = nil) {
    self.host = host
    self.port = port
  }

  public init(_ address: TransportAddress) {
    host = .ip(address.ip)
    port = address.port
  }

  public var description: String {
    let name =
      switch host {
      case .name(let name): name
      case .ip(let ip): ip.bracketed
      }
    return port.map { "\(name):\($0)" } ?? name
  }
}
