import CallModel
import Testing

@testable import SIP

/// Where requests within a dialog go (RFC 3261 §12.2, RFC 5626, RFC 7118).
@Suite struct NextHopTests {
  func agent(repairs: Bool = true) -> UserAgent {
    var configuration = UserAgentConfiguration()
    configuration.repairsContacts = repairs
    return UserAgent(
      configuration: configuration,
      identities: [
        LocalIdentity(listener: ListenerID(0), transport: .udp, address: TransportAddress("192.0.2.1:5060")!),
        LocalIdentity(listener: ListenerID(1), transport: .tcp, address: TransportAddress("192.0.2.1:5060")!),
        LocalIdentity(listener: ListenerID(2), transport: .tls, address: TransportAddress("192.0.2.1:5061")!),
        LocalIdentity(listener: ListenerID(3), transport: .ws, address: TransportAddress("192.0.2.1:80")!),
      ], seed: 1)
  }

  func dialog(_ contact: String, _ flow: Hop, routes: [String] = [], adjacent: Bool = true) -> Dialog {
    let dialog = Dialog(
      id: EarlyDialogID(1), remoteTag: "r", remoteParty: "<sip:x@y>;tag=r", localSequence: 1,
      remoteTarget: SIPURI(contact)!, flow: flow, isAdjacent: adjacent)
    dialog.setRoutes(routes.map { NameAddress($0)! })
    return dialog
  }

  func flow(
    _ transport: SIPTransportProtocol, _ remote: String, listener: Int, connection: UInt64? = nil
  ) -> Hop {
    Hop(
      transport: transport, remote: TransportAddress(remote)!, listener: ListenerID(listener),
      connection: connection.map { ConnectionID($0) })
  }

  func hop(_ agent: UserAgent, _ dialog: Dialog, overFlow: Bool = true) -> String {
    switch agent.nextHop(dialog, maySendOverFlow: overFlow) {
    case .hop(let hop): "\(hop)" + (hop.connection.map { " #\($0.number)" } ?? "")
    case .name(let uri): "resolve \(uri)"
    case .unreachable: "unreachable"
    }
  }

  @Test func numericTargets() {
    let agent = agent()
    let udp = flow(.udp, "198.51.100.1:5060", listener: 0)
    #expect(hop(agent, dialog("sip:a@198.51.100.1", udp)) == "udp:198.51.100.1:5060")
    #expect(hop(agent, dialog("sip:a@198.51.100.1:5080", udp)) == "udp:198.51.100.1:5080")
    #expect(hop(agent, dialog("sip:a@198.51.100.1;transport=tcp", udp)) == "tcp:198.51.100.1:5060")
    #expect(hop(agent, dialog("sips:a@198.51.100.1", udp)) == "tls:198.51.100.1:5061")
    #expect(hop(agent, dialog("sip:a@example.com", udp)) == "resolve sip:a@example.com")
    #expect(
      hop(agent, dialog("sip:a@x.com", udp, routes: ["<sip:198.51.100.7;lr>"])) == "udp:198.51.100.7:5060")
    #expect(hop(agent, dialog("tel:+123", udp), overFlow: false) == "unreachable")
    #expect(hop(agent, dialog("sip:a@[2001:db8::1]", udp, adjacent: false), overFlow: false) == "unreachable")
  }

  @Test func peersBehindANAT() {
    let udp = flow(.udp, "198.51.100.1:40000", listener: 0)
    #expect(hop(agent(), dialog("sip:a@10.0.0.5", udp)) == "udp:198.51.100.1:40000")
    #expect(hop(agent(), dialog("sip:a@10.0.0.5", udp, adjacent: false)) == "udp:198.51.100.1:40000")
    #expect(hop(agent(), dialog("sip:a@203.0.113.5", udp, adjacent: false)) == "udp:203.0.113.5:5060")
    #expect(hop(agent(repairs: false), dialog("sip:a@10.0.0.5", udp)) == "udp:10.0.0.5:5060")
    #expect(hop(agent(), dialog("sip:a@10.0.0.5", udp), overFlow: false) == "udp:10.0.0.5:5060")
    // A proxy that recorded a route knows the way.
    #expect(
      hop(agent(), dialog("sip:a@10.0.0.5", udp, routes: ["<sip:198.51.100.1;lr>"]))
        == "udp:198.51.100.1:5060")
  }

  @Test func openConnectionsAreUsedAgain() {
    let tcp = flow(.tcp, "198.51.100.1:40000", listener: 1, connection: 7)
    #expect(hop(agent(), dialog("sip:a@198.51.100.1:5060;transport=tcp", tcp)) == "tcp:198.51.100.1:40000 #7")
    #expect(hop(agent(), dialog("sip:a@10.0.0.5;transport=tcp;ob", tcp)) == "tcp:198.51.100.1:40000 #7")
    let ws = flow(.ws, "198.51.100.1:40000", listener: 3, connection: 9)
    #expect(hop(agent(), dialog("sip:a@df7jal23ls0d.invalid;transport=ws", ws)) == "ws:198.51.100.1:40000 #9")
  }

  @Test func closedConnectionIsNotUsedAgain() {
    let network = SimulatedNetwork()
    let bob = Phone("bob", "192.0.2.2:5060", on: network)
    let (_, id, _) = scriptedCall(to: bob, on: network)
    let dialog = bob.agent.sessions[id]!.dialog!
    dialog.flow.connection = ConnectionID(4)
    dialog.hop = dialog.flow
    bob.agent.sessions[id]!.uses(dialog.flow)
    bob.agent.connectionClosed(ConnectionID(4), now: network.now)
    #expect(dialog.flow.connection == nil)
    #expect(dialog.hop == nil)
  }

  @Test(arguments: [
    ("10.1.2.3", true), ("172.16.0.1", true), ("172.32.0.1", false), ("192.168.9.9", true),
    ("192.169.0.1", false), ("100.64.0.1", true), ("100.128.0.1", false), ("169.254.1.1", true),
    ("127.0.0.1", true), ("8.8.8.8", false), ("fd00::1", true), ("fe80::1", true), ("2001:db8::1", false),
    ("::1", true),
  ])
  func privateAddresses(address: String, isPrivate: Bool) {
    #expect(IPAddress(address)!.isPrivate == isPrivate)
  }

  @Test func targetRefreshMovesTheRemoteTarget() {
    let network = SimulatedNetwork()
    let bob = Phone("bob", "192.0.2.2:5060", on: network)
    let (peer, id, tag) = scriptedCall(to: bob, on: network)
    let moved = ScriptedPeer("192.0.2.44:5060", on: network)
    moved.request(
      .update, to: bob.address, uri: bob.uri, callID: "c", fromTag: "f", toTag: tag, sequence: 2)
    network.run()
    #expect(bob.newEvents() == ["ack", "target \(moved.uri)"])
    bob.tell { $0.bye(id, now: $1) }
    network.run()
    #expect(moved.requests(.bye).count == 1)
    #expect(peer.requests(.bye).isEmpty)
  }
}

/// A connection that turns out to be gone only when something is sent over it.
@Suite struct LostConnectionTests {
  @Test func requestGoesByAnotherWay() {
    let network = SimulatedNetwork()
    let bob = Phone("bob", "192.0.2.2:5060", on: network)
    let (peer, id, _) = scriptedCall(to: bob, on: network)
    let dialog = bob.agent.sessions[id]!.dialog!
    var gone = dialog.flow
    gone.connection = ConnectionID(4)
    gone.remote.port = 40000
    dialog.flow = gone
    dialog.hop = gone
    bob.tell { $0.bye(id, now: $1) }
    network.run()
    #expect(peer.requests(.bye).isEmpty)
    bob.ask { $0.transportFailed(over: gone, now: $1) }
    network.run()
    #expect(peer.requests(.bye).count == 1)
    peer.respond(to: peer.requests(.bye)[0], 200)
    network.run(for: .seconds(100))
    #expect(bob.newEvents() == ["ack", "ended local"])
    #expect(bob.agent.isEmpty)
  }
}
