import CallModel
import Testing

@testable import SIP

/// The registration of a trunk over its life (RFC 3261 §10.2, RFC 5626, RFC 3608).
@Suite struct ClientRegistrationTests {
  static func registration(_ configure: (inout RegistrationSettings) -> Void = { _ in }) -> ClientRegistration
  {
    var settings = RegistrationSettings(
      registrar: SIPURI("sip:example.com")!, addressOfRecord: NameAddress("<sip:trunk@example.com>")!,
      contact: ContactTemplate(user: "trunk"), expires: 3600)
    configure(&settings)
    return ClientRegistration(settings: settings, seed: 1)
  }

  let start = MonotonicInstant.zero

  func request(_ actions: [ClientRegistration.Action]) -> OutgoingRequest? {
    for case .send(let request) in actions { return request }
    return nil
  }

  func response(_ status: Int, _ headers: [(SIPHeaderName, String)] = []) -> SIPResponse {
    SIPResponse(status: status, headers: SIPHeaders(headers.map { .init($0.0, $0.1) }))
  }

  @Test func registersAndRefreshesBeforeItExpires() throws {
    var registration = Self.registration()
    let first = try #require(request(registration.register(now: start)))
    #expect(first.method == .register)
    #expect(first.contact?.parameters.first == SIPURI.Parameter("expires", "3600"))
    #expect(registration.state == .registering)
    _ = registration.received(
      response(
        200,
        [(.contact, "<sip:trunk@192.0.2.1>;expires=600"), (.serviceRoute, "<sip:edge.example.com;lr>")]),
      now: start)
    #expect(registration.state == .registered(until: start + .seconds(600)))
    #expect(registration.serviceRoute.map(\.description) == ["<sip:edge.example.com;lr>"])
    #expect(registration.nextDeadline == start + .seconds(540))
    #expect(registration.isRegistered(at: start + .seconds(599)))
    #expect(!registration.isRegistered(at: start + .seconds(600)))
    #expect(registration.advance(to: start + .seconds(539)).isEmpty)
    let second = try #require(request(registration.advance(to: start + .seconds(540))))
    #expect(second.callID == first.callID)
    #expect(second.fromTag == first.fromTag)
    #expect(second.sequence == 2)
    #expect(registration.isRegistered(at: start + .seconds(541)), "the old binding still serves")
  }

  @Test func failuresWaitLongerEachTime() {
    var registration = Self.registration {
      $0.retryBase = .seconds(10)
      $0.retryMaximum = .seconds(60)
    }
    var now = start
    _ = registration.register(now: now)
    for longest: Int64 in [10, 20, 40, 60, 60, 60] {
      _ = registration.failed(.timedOut, now: now)
      #expect(registration.state == .failed(status: nil))
      let wait = registration.nextDeadline! - now
      #expect(wait >= .seconds(longest / 2) && wait <= .seconds(longest))
      now = registration.nextDeadline!
      #expect(request(registration.advance(to: now)) != nil)
    }
    _ = registration.received(response(503, [(.retryAfter, "500")]), now: now)
    #expect(registration.nextDeadline == now + .seconds(500))
  }

  @Test func tooBriefAnIntervalIsAskedAgain() throws {
    var registration = Self.registration { $0.expires = 60 }
    _ = registration.register(now: start)
    let again = try #require(
      request(registration.received(response(423, [(.minExpires, "300")]), now: start)))
    #expect(again.headers.contains(.init(.expires, "300")))
    // A 423 that asks for less than we gave is no reason to go on.
    #expect(request(registration.received(response(423, [(.minExpires, "300")]), now: start)) == nil)
    #expect(registration.state == .failed(status: 423))
  }

  @Test func unregisters() throws {
    var registration = Self.registration()
    _ = registration.register(now: start)
    // While the request is under way, the removal waits for it.
    #expect(registration.unregister(now: start).isEmpty)
    let removal = try #require(
      request(registration.received(response(200, [(.expires, "100")]), now: start)))
    #expect(removal.headers.contains(.init(.expires, "0")))
    #expect(registration.state == .unregistering)
    _ = registration.received(response(200), now: start)
    #expect(registration.state == .idle)
    #expect(registration.nextDeadline == nil)
    #expect(registration.unregister(now: start).count == 1)
  }

  @Test func outboundParameters() throws {
    var registration = Self.registration { $0.outbound = ("<urn:uuid:1>", 1) }
    let sent = try #require(request(registration.register(now: start)))
    #expect(sent.headers.contains(.init(.supported, "path, outbound")))
    let contact = try #require(sent.contact)
    #expect(contact.uriParameters == [SIPURI.Parameter("ob")])
    let value = NameAddress(uri: SIPURI(host: .name("x")), parameters: contact.parameters).serialised()
    #expect(value == "<sip:x>;expires=3600;reg-id=1;+sip.instance=\"<urn:uuid:1>\"")
  }

  @Test func registersThroughTheUserAgentWithDigest() throws {
    let network = SimulatedNetwork()
    let alice = Phone("alice", "192.0.2.1:5060", on: network)
    let registrar = ScriptedPeer("192.0.2.9:5060", on: network)
    registrar.onMessage = { peer, message in
      guard case .request(let request) = message else { return }
      if request.headers.contains(.authorization) {
        peer.respond(to: request, 200, headers: [(.expires, "120")])
      } else {
        peer.respond(
          to: request, 401, headers: [(.wwwAuthenticate, "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"")])
      }
    }
    var registration = Self.registration {
      $0.registrar = registrar.uri
      $0.credentials = [RealmAccount(username: "trunk", password: Secret("p"))]
    }
    let sent = try #require(request(registration.register(now: network.now)))
    alice.ask { $0.send(sent, now: $1) }
    network.run()
    #expect(alice.outcomes == ["200"])
    #expect(registrar.requests(.register).map { $0.headers.cSeq?.number } == [1, 2])
    #expect(registrar.requests(.register)[0].headers.contacts.first?.uri.user == "trunk")
    var answer = response(200, [(.expires, "120"), (.cSeq, "2 REGISTER")])
    answer.headers.append(.contact, "<sip:trunk@192.0.2.1>;expires=120")
    _ = registration.received(answer, now: network.now)
    let next = try #require(request(registration.advance(to: registration.nextDeadline!)))
    #expect(next.sequence == 3, "above what the digest retry used")
  }
}
