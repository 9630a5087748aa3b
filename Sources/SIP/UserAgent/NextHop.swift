import CallModel

/// What waits for the hops of a name.
enum Resolution {
  /// A request or ACK in a dialog.
  case inDialog(InviteSession, Dialog, PendingSend)
  /// The INVITE that sets a session up.
  case setUp(InviteSession)
  case exchange(Exchange)
}

/// A request in a dialog that is complete but for the hop.
struct PendingSend {
  var request: SIPRequest
  /// Nil for the ACK of a 2xx.
  var purpose: PendingClient.Purpose?
}

enum NextHop {
  case hop(Hop)
  case name(SIPURI)
  case unreachable
}

extension UserAgent {
  /// Where a URI leads without asking the DNS (RFC 3263 §4.1 and §4.2): a numeric host, from a listener of ours that can reach it.
  func directHop(_ uri: SIPURI, near listener: ListenerID?) -> NextHop {
    guard let target = try? ServerLocationTarget(uri: uri) else { return .unreachable }
    guard case .ip(let ip) = target.host else { return .name(uri) }
    var transport = target.transport ?? (target.isSecure ? .tls : .udp)
    if target.transport == nil, !target.isSecure, self.listener(.udp, ip, near: listener) == nil,
      let near = identities.first(where: { $0.listener == listener }), !near.transport.isSecure
    {
      // No datagrams here: what we talk to the peer over will have to do.
      transport = near.transport
    }
    guard let local = self.listener(transport, ip, near: listener) else { return .unreachable }
    return .hop(
      Hop(
        transport: transport, remote: TransportAddress(ip, target.port ?? transport.defaultPort),
        listener: local, serverName: target.serverName))
  }

  /// A listener for this transport and address family; the given one if it fits.
  private func listener(_ transport: SIPTransportProtocol, _ ip: IPAddress, near: ListenerID?) -> ListenerID?
  {
    let fitting = identities.filter { $0.transport == transport && $0.address.ip.isIPv6 == ip.isIPv6 }
    return (fitting.first { $0.listener == near } ?? fitting.first)?.listener
  }

  /// The hop for the next request in a dialog.
  func nextHop(_ dialog: Dialog, maySendOverFlow: Bool) -> NextHop {
    if let hop = dialog.hop { return .hop(hop) }
    let uri = dialog.nextHop
    if dialog.firstRoute == nil, maySendOverFlow, followsFlow(uri, dialog) { return .hop(dialog.flow) }
    let next = directHop(uri, near: dialog.flow.listener)
    if case .hop(let hop) = next, dialog.flow.connection != nil, hop.transport == dialog.flow.transport,
      hop.remote.ip == dialog.flow.remote.ip
    {
      // The connection the peer opened leads there as well, and perhaps no other does (RFC 5923).
      return .hop(dialog.flow)
    }
    if case .unreachable = next, maySendOverFlow, dialog.firstRoute == nil { return .hop(dialog.flow) }
    return next
  }

  /// Whether the peer can only be reached where its messages come from.
  private func followsFlow(_ target: SIPURI, _ dialog: Dialog) -> Bool {
    let flow = dialog.flow
    // A browser cannot be called; RFC 5626 §4.3 marks the others that ask for it.
    if flow.transport == .ws || flow.transport == .wss { return true }
    if target["ob"] != nil { return true }
    guard configuration.repairsContacts else { return false }
    switch target.host {
    case .name(let name): return flow.connection != nil && name.lowercased().hasSuffix(".invalid")
    case .ip(let ip):
      guard ip != flow.remote.ip else { return false }
      return dialog.isAdjacent || (ip.isPrivate && !flow.remote.ip.isPrivate)
    }
  }

  func resolve(_ uri: SIPURI, for purpose: Resolution) {
    let token = ResolutionToken(makeNumber())
    resolutions[token] = purpose
    emit(.resolve(uri, token))
  }

  func finishResolution(_ token: ResolutionToken, _ hops: [Hop]) {
    guard let purpose = resolutions.removeValue(forKey: token) else { return }
    let hops = Array(hops.prefix(configuration.maximumHops))
    switch purpose {
    case .inDialog(let session, let dialog, let pending): session.resolved(pending, in: dialog, hops.first)
    case .setUp(let session): session.setUpResolved(hops)
    case .exchange(let exchange): exchangeResolved(exchange, hops)
    }
  }
}

extension IPAddress {
  /// An address that means nothing outside its own network (RFC 1918, RFC 6598, RFC 3927, RFC 4193, loopback).
  var isPrivate: Bool {
    switch self {
    case .v4(let a):
      a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || a >> 22 == 0x191
        || a >> 16 == 0xa9fe || a >> 24 == 127
    case .v6(let high, _): high >> 57 == 0x7e || high >> 54 == 0x3fa || isLoopback
    }
  }
}
