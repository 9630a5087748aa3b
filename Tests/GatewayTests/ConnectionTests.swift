import CallModel
import PolicyEngine
import Router
import Testing

@testable import Gateway
@testable import SIP

/// What a connection carries goes with it, and nothing else is looked at.
@Suite struct ConnectionTests {
  let bench: SIPBench
  let bob: SIPPeer
  let carol: SIPPeer

  init() throws {
    var globals = Globals()
    globals.sipUDPEnabled = true
    globals.domain = "example.org"
    let devices = ["bob", "carol"].map {
      Device(alias: "\($0)@example.org", username: $0, password: Secret("secret"), allowsSIP: true)
    }
    bench = try SIPBench(
      Policy(
        globals: globals, devices: devices, rules: [rule("(bob|carol)@example.org", target: .registration)]))
    bob = bench.peer("192.0.2.11:40001", connection: 1)
    carol = bench.peer("192.0.2.12:40002", connection: 2)
    bob.registers("bob", contact: "<sip:bob@192.0.2.11:40001;transport=tcp>")
    carol.registers("carol", contact: "<sip:carol@192.0.2.12:40002;transport=tcp>")
  }

  private var agent: UserAgent { bench.endpoint.agent }

  /// A call from a UDP phone; our INVITE to the callee.
  private func call(_ callee: SIPPeer, _ name: String, from caller: SIPPeer) throws -> SIPRequest {
    caller.sends(
      .invite, "sip:\(name)@example.org", from: "sip:x@y.example", body: sdp("\(caller.address.ip)"))
    let invite = try #require(callee.request(.invite))
    callee.answers(invite, 200, body: sdp("\(callee.address.ip)", port: 30000))
    let answer = try #require(caller.takeResponses().last)
    caller.sends(
      .ack, "sip:192.0.2.1", from: answer.headers[.from]!, to: answer.headers[.to]!,
      callID: answer.headers.callID)
    return invite
  }

  @Test func onlyTheSessionsOfAConnectionLookForAnotherWay() throws {
    let (one, two) = (bench.peer("192.0.2.66:5060"), bench.peer("192.0.2.67:5060"))
    _ = try call(bob, "bob", from: one)
    _ = try call(carol, "carol", from: two)
    #expect(agent.sessionsByConnection.mapValues(\.count) == [ConnectionID(1): 1, ConnectionID(2): 1])
    bench.endpoint.connectionClosed(ConnectionID(1))
    #expect(agent.sessionsByConnection.keys.map(\.number) == [2])
    #expect(bench.router.registrations.connectionCount == 1 && bench.router.registrations.count == 1)
    let connections = agent.sessions.values.flatMap(\.dialogs).compactMap(\.flow.connection)
    #expect(connections == [ConnectionID(2)])
    bench.ledger.endAll(Disconnect(.shutdown))
    bench.settle()
    // The BYE to Bob opens a new connection; the one to Carol goes over hers.
    let byes = bench.sent.filter { item in
      guard case .request(let request) = item.message else { return false }
      return request.method == .bye && item.hop.transport == .tcp
    }
    #expect(Set(byes.map { $0.hop.connection?.number ?? 0 }) == [0, 2])
    for peer in [bob, carol, one, two] {
      if let bye = peer.request(.bye) { peer.answers(bye, 200) }
    }
    bench.pass(.seconds(70))
    #expect(agent.sessions.isEmpty && agent.sessionsByConnection.isEmpty)
  }

  @Test func aPeerThatMovesToAnotherConnectionIsFoundThere() throws {
    let caller = bench.peer("192.0.2.66:5060")
    let invite = try call(bob, "bob", from: caller)
    let moved = bench.peer("192.0.2.11:40009", connection: 7)
    moved.sends(
      .info, "sip:192.0.2.1", from: "\(invite.headers[.to]!);tag=p40001", to: invite.headers[.from]!,
      callID: invite.headers.callID)
    #expect(moved.takeResponses().last?.status == 200)
    #expect(Set(agent.sessionsByConnection.keys.map(\.number)) == [1, 7])
    bench.endpoint.connectionClosed(ConnectionID(1))
    let dialogs = agent.sessions.values.flatMap(\.dialogs)
    #expect(dialogs.contains { $0.flow.connection == ConnectionID(7) })
    bench.endpoint.connectionClosed(ConnectionID(7))
    #expect(!dialogs.contains { $0.flow.connection != nil } && agent.sessionsByConnection.isEmpty)
  }
}
