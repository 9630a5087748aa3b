import CallModel
import SIP

/// The stream connections of a layer: by id, by where we opened them to, and counted by source.
struct ConnectionTable {
  /// What makes two outbound messages share a connection. The server name is part of it: a certificate was checked
  /// against that name and no other.
  struct Destination: Hashable {
    var transport: SIPTransportProtocol
    var remote: TransportAddress
    var listener: ListenerID
    var serverName: String?

    init(_ hop: Hop) {
      transport = hop.transport
      remote = hop.remote
      listener = hop.listener
      serverName = hop.transport.isSecure ? hop.serverName : nil
    }
  }

  private var byID: [ConnectionID: StreamConnection] = [:]
  private var opened: [Destination: StreamConnection] = [:]
  private var bySource: [IPAddress: Int] = [:]
  private var lastNumber: UInt64 = 0

  var count: Int { byID.count }
  var all: [StreamConnection] { Array(byID.values) }

  subscript(id: ConnectionID) -> StreamConnection? { byID[id] }

  mutating func makeID() -> ConnectionID {
    lastNumber += 1
    return ConnectionID(lastNumber)
  }

  /// A connection of ours to the place this hop names.
  func connection(to hop: Hop) -> StreamConnection? { opened[Destination(hop)] }

  func inboundCount(from ip: IPAddress) -> Int { bySource[ConnectionTable.source(ip)] ?? 0 }

  mutating func insert(_ connection: StreamConnection) {
    byID[connection.id] = connection
    if connection.isInbound {
      bySource[ConnectionTable.source(connection.hop.remote.ip), default: 0] += 1
    } else {
      opened[Destination(connection.hop)] = connection
    }
  }

  mutating func remove(_ connection: StreamConnection) {
    guard byID.removeValue(forKey: connection.id) != nil else { return }
    if connection.isInbound {
      let source = ConnectionTable.source(connection.hop.remote.ip)
      let left = (bySource[source] ?? 1) - 1
      bySource[source] = left > 0 ? left : nil
    } else {
      let destination = Destination(connection.hop)
      if opened[destination] === connection { opened[destination] = nil }
    }
  }

  /// A draining connection takes no new messages: the next one opens another.
  mutating func retire(_ connection: StreamConnection) {
    let destination = Destination(connection.hop)
    if opened[destination] === connection { opened[destination] = nil }
  }

  /// One subscriber of IPv6 commands a whole /64.
  private static func source(_ ip: IPAddress) -> IPAddress {
    switch ip {
    case .v4: ip
    case .v6(let high, let low): high == 0 ? .v6(high, low) : .v6(high, 0)
    }
  }
}
