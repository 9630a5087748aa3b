import CallModel
import Testing

@testable import SIP

/// Requests other than INVITE, in and out of dialogs.
@Suite struct RequestTests {
  let network = SimulatedNetwork()

  @Test func infoWithinTheDialog() throws {
    var pair = CallPair()
    pair.establish()
    let (a, b) = (pair.aliceSession, pair.bobSession)
    let body = MessageBody(contentType: "application/dtmf-relay", content: Array("Signal=5\r\n".utf8))
    let id = pair.alice.ask { $0.info(a, body: body, now: $1) }
    #expect(id != nil)
    pair.network.run()
    #expect(pair.bob.newEvents() == ["request INFO"])
    guard case .request(let request) = pair.bob.events.last?.event else { return }
    #expect(request.session == b)
    #expect(request.request.body == body.content)
    #expect(pair.bob.tell { $0.respond(to: request.id, status: 200, now: $1) } == .done)
    #expect(pair.bob.tell { $0.respond(to: request.id, status: 200, now: $1) } == .noSuchTarget)
    pair.network.run()
    #expect(pair.alice.outcomes == ["200"])
    pair.alice.tell { $0.bye(a, now: $1) }
    #expect(pair.isClean())
  }

  @Test func unansweredRequestGets500() {
    var pair = CallPair()
    pair.establish()
    let a = pair.aliceSession
    pair.alice.ask { $0.message(a, body: .text("hello"), now: $1) }
    pair.network.run(for: .seconds(29))
    #expect(pair.alice.outcomes.filter { $0 != "100" } == [])
    pair.network.run(for: .seconds(2))
    #expect(pair.alice.outcomes.last == "500")
    #expect(pair.alice.agent.sessionCount == 1)
    pair.alice.tell { $0.bye(a, now: $1) }
    #expect(pair.isClean())
  }

  @Test func pendingRequestsAreBounded() {
    var pair = CallPair()
    pair.establish()
    let a = pair.aliceSession
    let ids = (0..<17).map { _ in pair.alice.ask { $0.message(a, body: .text("hello"), now: $1) } }
    #expect(ids.filter { $0 != nil }.count == 16)
    #expect(ids.last! == nil)
    pair.alice.tell { $0.bye(a, now: $1) }
    #expect(pair.isClean())
  }

  @Test func infoForALostDialogEndsTheSession() {
    let alice = Phone("alice", "192.0.2.1:5060", on: network)
    let peer = ScriptedPeer("192.0.2.9:5060", on: network)
    peer.onMessage = { peer, message in
      guard case .request(let request) = message else { return }
      switch request.method {
      case .invite: peer.respond(to: request, 200, body: "answer")
      case .info: peer.respond(to: request, 481)
      case .bye: peer.respond(to: request, 481)
      default: break
      }
    }
    let call = alice.call(peer.uri)
    network.run()
    alice.ask { $0.info(call, body: .text("x"), now: $1) }
    network.run()
    #expect(alice.newEvents() == ["answered answer(answer)", "ended dialogLost 481"])
    #expect(alice.outcomes == ["481"])
    network.run(for: .seconds(100))
    #expect(alice.agent.isEmpty)
  }

  @Test func optionsWithinTheDialogIsAnsweredByItself() {
    let bob = Phone("bob", "192.0.2.2:5060", on: network)
    let (peer, _, tag) = scriptedCall(to: bob, on: network)
    peer.request(
      .options, to: bob.address, uri: bob.uri, callID: "c", fromTag: "f", toTag: tag, sequence: 2)
    network.run()
    #expect(peer.responses.last?.status == 200)
    #expect(peer.responses.last?.headers.hasToken(.allow, "UPDATE") == true)
    #expect(bob.requests.isEmpty)
  }

  @Test(arguments: [
    (SIPMethod.bye, 481), (.info, 481), (.update, 481), (.prack, 481), (.invite, 481), (.notify, 481),
  ])
  func requestForAnUnknownDialog(method: SIPMethod, status: Int) {
    let bob = Phone("bob", "192.0.2.2:5060", on: network)
    let peer = ScriptedPeer("192.0.2.9:5060", on: network)
    peer.request(
      method, to: bob.address, uri: bob.uri, callID: "c", fromTag: "f", toTag: "none", sequence: 2)
    network.run()
    #expect(peer.responses.map(\.status) == [status])
    #expect(bob.incoming.isEmpty)
    network.run(for: .seconds(100))
    #expect(bob.agent.isEmpty)
  }

  @Test func dialogIsFoundByAllThreeParts() {
    let bob = Phone("bob", "192.0.2.2:5060", on: network)
    let (peer, _, tag) = scriptedCall(to: bob, on: network)
    for (callID, from, to) in [("x", "f", tag), ("c", "x", tag), ("c", "f", "x")] {
      peer.request(.bye, to: bob.address, uri: bob.uri, callID: callID, fromTag: from, toTag: to, sequence: 2)
      network.run()
      #expect(peer.responses.last?.status == 481)
    }
    #expect(bob.agent.sessionCount == 1)
    peer.request(.bye, to: bob.address, uri: bob.uri, callID: "c", fromTag: "f", toTag: tag, sequence: 2)
    network.run()
    #expect(peer.responses.last?.status == 200)
    #expect(bob.agent.sessionCount == 0)
  }

  @Test func refusedWithoutAskingAnybody() {
    let bob = Phone("bob", "192.0.2.2:5060", on: network) {
      $0.allow.removeAll { $0 == .subscribe }
      $0.maximumBodySize = 100
    }
    let peer = ScriptedPeer("192.0.2.9:5060", on: network)
    func status(
      _ method: SIPMethod, _ callID: String, body: String? = nil, headers: [(SIPHeaderName, String)] = []
    ) -> SIPResponse? {
      peer.request(
        method, to: bob.address, uri: bob.uri, callID: callID, fromTag: "f", sequence: 1, body: body,
        headers: headers)
      network.run()
      return peer.responses.last { $0.headers.callID == callID }
    }
    let notAllowed = status(.subscribe, "1")
    #expect(notAllowed?.status == 405)
    #expect(notAllowed?.headers.hasToken(.allow, "INVITE") == true)
    #expect(status(SIPMethod(rawValue: "DANCE"), "2")?.status == 405)
    let bad = status(.invite, "3", body: "offer", headers: [(.require, "100rel, foo, bar")])
    #expect(bad?.status == 420)
    #expect(bad?.headers.tokens(.unsupported) == ["foo", "bar"])
    #expect(status(.invite, "4", body: String(repeating: "x", count: 101))?.status == 413)
    #expect(status(.invite, "5", body: String(repeating: "x", count: 100))?.status == nil)
    #expect(status(.invite, "6", body: "x", headers: [(.contentEncoding, "gzip")])?.status == 415)
    #expect(bob.incoming.count == 1)
  }

  @Test func requestsOutsideDialogs() {
    let alice = Phone("alice", "192.0.2.1:5060", on: network)
    let bob = Phone("bob", "192.0.2.2:5060", on: network)
    let request = OutgoingRequest(
      method: .options, requestURI: bob.uri, from: NameAddress(uri: alice.uri), to: NameAddress(uri: bob.uri))
    let id = alice.ask { $0.send(request, now: $1) }
    #expect(id != nil)
    network.run()
    #expect(bob.requests.map(\.request.method) == [.options])
    bob.tell { [id = bob.requests[0].id] in $0.respond(to: id, status: 200, now: $1) }
    network.run()
    #expect(alice.outcomes == ["200"])
    #expect(
      alice.ask {
        $0.send(
          OutgoingRequest(
            method: .invite, requestURI: bob.uri, from: request.from, to: request.to), now: $1)
      } == nil)
    network.run(for: .seconds(100))
    #expect(alice.agent.isEmpty)
    #expect(bob.agent.isEmpty)
  }

  @Test func outOfDialogRequestTimesOut() {
    let alice = Phone("alice", "192.0.2.1:5060", on: network)
    let nobody = SIPURI(host: .ip(IPAddress("192.0.2.77")!))
    alice.ask {
      $0.send(
        OutgoingRequest(
          method: .options, requestURI: nobody, from: NameAddress(uri: nobody), to: NameAddress(uri: nobody)),
        now: $1)
    }
    network.run(for: .seconds(33))
    #expect(alice.outcomes == ["timedOut"])
    #expect(alice.agent.isEmpty)
  }

  @Test func nothingButOurOwnAddressesAppearInWhatWeSend() {
    var pair = CallPair()
    pair.establish()
    pair.alice.tell { [id = pair.aliceSession] in $0.bye(id, now: $1) }
    pair.network.run()
    for message in pair.network.sent {
      if case .request(let request) = message {
        #expect(request.headers.vias.count == 1)
        #expect(!request.headers.contains(.recordRoute))
      }
    }
  }
}

/// Where a description is looked for, and what is refused (RFC 5621).
@Suite struct SessionPartTests {
  func part(_ type: String?, _ body: String, disposition: String? = nil, encoding: String? = nil)
    -> SessionPart
  {
    var headers = SIPHeaders()
    if let type { headers.append(.contentType, type) }
    if let disposition { headers.append(.contentDisposition, disposition) }
    if let encoding { headers.append(.contentEncoding, encoding) }
    return SessionPart(headers: headers, body: Array(body.utf8), limit: 1000)
  }

  @Test func wholeBodies() {
    #expect(part("application/sdp", "") == .none)
    #expect(part("application/sdp", "v=0") == .description(.text("v=0")))
    #expect(part("Application/SDP; charset=utf-8", "v=0") != .none)
    #expect(part(nil, "v=0") == .unsupported)
    #expect(part("text/plain", "hi") == .unsupported)
    #expect(part("text/plain", "hi", disposition: "render;handling=optional") == .none)
    #expect(part("application/sdp", "v=0", disposition: "early-session") == .none)
    #expect(part("application/sdp", "v=0", encoding: "gzip") == .unsupported)
    #expect(part("application/sdp", "v=0", encoding: "identity") == .description(.text("v=0")))
    #expect(part("application/sdp", String(repeating: "v", count: 1000)) != .tooLarge)
    #expect(part("application/sdp", String(repeating: "v", count: 1001)) == .tooLarge)
  }

  @Test func multiparts() {
    let isup =
      "--b\r\nContent-Type: application/isup\r\nContent-Disposition: signal;handling=optional\r\n\r\nX\r\n"
    let sdp = "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"
    let picture = "--b\r\nContent-Type: image/png\r\n\r\nX\r\n"
    #expect(part("multipart/mixed;boundary=b", isup + sdp + "--b--\r\n") == .description(.text("v=0")))
    #expect(part("multipart/mixed;boundary=b", sdp + isup + "--b--\r\n") == .description(.text("v=0")))
    #expect(part("multipart/mixed;boundary=b", isup + "--b--\r\n") == .none)
    #expect(part("multipart/mixed;boundary=b", picture + "--b--\r\n") == .unsupported)
    #expect(
      part("multipart/alternative;boundary=b", picture + sdp + "--b--\r\n") == .description(.text("v=0")))
    #expect(part("multipart/mixed", sdp) == .unsupported)
    #expect(part("multipart/mixed;boundary=b", sdp) == .unsupported)
  }
}
