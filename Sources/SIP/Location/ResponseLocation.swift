import CallModel

/// Where a response goes (RFC 3261 §18.2.2, RFC 3581 §4). No DNS is asked: the address a request came from is known, and
/// is what `received` carries.
public enum ResponseLocation {
  /// The first hop to try.
  ///
  /// On a stream it is the connection of the request. On UDP it is `maddr` when it is an address, else the source of the
  /// request, at the source port when the client asked by `rport`, else at the sent-by port.
  ///
  /// - Parameters:
  ///   - requestHop: the hop the request came from, with its true source.
  ///   - topVia: the topmost Via of the request, as received.
  ///   - honoursMaddr: false keeps a request from directing its responses to a third party.
  public static func hop(
    forResponseTo requestHop: Hop, topVia: Via, honoursMaddr: Bool = true
  ) -> Hop {
    guard !requestHop.transport.isReliable else { return requestHop }
    var hop = requestHop
    hop.connection = nil
    let sentByPort = port(topVia.port, transport: requestHop.transport)
    if honoursMaddr, let maddr = parameter("maddr", of: topVia)?.value.flatMap({ IPAddress($0) }),
      maddr.isIPv6 == requestHop.remote.ip.isIPv6
    {
      hop.remote = TransportAddress(maddr, sentByPort)
    } else if parameter("rport", of: topVia) == nil {
      hop.remote.port = sentByPort
    }
    return hop
  }

  /// Where a response goes when the connection of its request is gone: a new connection to the source address at the
  /// sent-by port. Nil where that cannot be: a datagram has no connection, and a WebSocket client takes none.
  public static func hopAfterConnectionLoss(forResponseTo requestHop: Hop, topVia: Via) -> Hop? {
    switch requestHop.transport {
    case .udp, .ws, .wss: return nil
    case .tcp, .tls: break
    }
    var hop = requestHop
    hop.connection = nil
    hop.remote.port = port(topVia.port, transport: requestHop.transport)
    if case .name(let name) = topVia.host { hop.serverName = name } else { hop.serverName = nil }
    return hop
  }

  /// Port 0 cannot be sent to: a sent-by that names it is read as naming none.
  private static func port(_ port: UInt16?, transport: SIPTransportProtocol) -> UInt16 {
    if let port, port != 0 { return port }
    return transport.defaultPort
  }

  private static func parameter(_ name: String, of via: Via) -> SIPURI.Parameter? {
    via.parameters.first { $0.name.lowercased() == name }
  }
}
