import CallModel
import Testing

@testable import SIP

/// Challenges answered without the application's help (RFC 3261 §22).
@Suite struct UserAgentDigestTests {
  let network = SimulatedNetwork()
  let challenge = "Digest realm=\"trunk\", nonce=\"n1\", algorithm=MD5, qop=\"auth\""

  @Test func challengedInviteIsRepeatedWithCredentials() {
    let alice = Phone("alice", "192.0.2.1:5060", on: network)
    let peer = ScriptedPeer("192.0.2.9:5060", on: network)
    let challenge = challenge
    peer.onMessage = { peer, message in
      guard case .request(let request) = message, request.method != .ack else { return }
      if request.headers.contains(.proxyAuthorization) {
        peer.respond(to: request, 200, body: request.method == .invite ? "answer" : nil)
      } else {
        peer.respond(to: request, 407, headers: [(.proxyAuthenticate, challenge)])
      }
    }
    let call = alice.call(peer.uri) {
      $0.credentials = [RealmAccount(realm: "trunk", username: "u", password: Secret("p"))]
    }
    network.run()
    #expect(alice.newEvents() == ["answered answer(answer)"])
    let invites = peer.requests(.invite)
    #expect(invites.map { $0.headers.cSeq?.number } == [1, 2])
    #expect(Set(invites.map(\.headers.callID)).count == 1)
    #expect(Set(invites.map(\.headers.fromTag)).count == 1)
    #expect(invites[1].headers[.proxyAuthorization]?.contains("username=\"u\"") == true)
    // RFC 3261 §22.1: the ACK for the 2xx has the credentials of the INVITE.
    #expect(peer.requests(.ack).last?.headers[.proxyAuthorization] == invites[1].headers[.proxyAuthorization])
    alice.tell { $0.bye(call, now: $1) }
    network.run()
    // The nonce is known: no second round for the BYE.
    #expect(peer.requests(.bye).count == 1)
    network.run(for: .seconds(100))
    #expect(alice.agent.isEmpty)
  }

  @Test func wrongPasswordIsReportedAfterOneTry() {
    let alice = Phone("alice", "192.0.2.1:5060", on: network)
    let peer = ScriptedPeer("192.0.2.9:5060", on: network)
    let challenge = challenge
    peer.onMessage = { peer, message in
      guard case .request(let request) = message, request.method != .ack else { return }
      peer.respond(to: request, 401, headers: [(.wwwAuthenticate, challenge)])
    }
    _ = alice.call(peer.uri) {
      $0.credentials = [RealmAccount(username: "u", password: Secret("wrong"))]
    }
    network.run()
    #expect(alice.newEvents() == ["ended rejected 401"])
    #expect(peer.requests(.invite).count == 2)
  }

  @Test func withoutAccountTheChallengeIsReported() {
    let alice = Phone("alice", "192.0.2.1:5060", on: network)
    let peer = ScriptedPeer("192.0.2.9:5060", on: network)
    let challenge = challenge
    peer.onMessage = { peer, message in
      guard case .request(let request) = message, request.method != .ack else { return }
      peer.respond(to: request, 401, headers: [(.wwwAuthenticate, challenge)])
    }
    _ = alice.call(peer.uri) {
      $0.credentials = [RealmAccount(realm: "elsewhere", username: "u", password: Secret("p"))]
    }
    network.run()
    #expect(alice.newEvents() == ["ended rejected 401"])
    #expect(peer.requests(.invite).count == 1)
  }

  @Test func unsupportedExtensionIsLeftOut() {
    let alice = Phone("alice", "192.0.2.1:5060", on: network)
    let bob = Phone("bob", "192.0.2.2:5060", on: network)
    _ = alice.call(bob.uri) { $0.required = ["strange", "100rel"] }
    network.run()
    #expect(network.sentResponses(420, to: .invite).first?.headers.tokens(.unsupported) == ["strange"])
    #expect(bob.incoming.first?.invite.required == ["100rel"])
  }
}
