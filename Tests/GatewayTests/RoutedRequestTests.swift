import CallModel
import PolicyEngine
import PolicyTestSupport
import Router
import Testing

@testable import Gateway
@testable import SIP

/// What policy says of a call, as it is seen on the wire.
@Suite struct RoutedRequestTests {
  private func bench(
    _ rules: [CallRoutingRule], trunks: [Trunk] = [], locations: [Location] = [],
    globals: (inout Globals) -> Void = { _ in }
  ) throws -> SIPBench {
    var policy = Policy(
      locations: locations, trunks: trunks,
      devices: ["ann", "bob"].map {
        Device(alias: "\($0)@example.org", username: $0, password: Secret("secret"), allowsSIP: true)
      }, rules: rules)
    policy.globals.sipUDPEnabled = true
    policy.globals.domain = "example.org"
    globals(&policy.globals)
    return try SIPBench(policy)
  }

  private func calls(_ peer: SIPPeer, _ alias: String, headers: [(SIPHeaderName, String)] = []) {
    peer.sends(
      .invite, "sip:\(alias)", from: "sip:x@y.example", headers: headers, body: sdp("\(peer.address.ip)"))
  }

  // MARK: Where a call goes

  @Test func aPortInTheCalledAliasIsCalled() throws {
    let bench = try bench([
      rule("4(.*)@.*", replace: #"\1@192.0.2.77:5062"#), rule("n(.*)@.*", replace: #"\1@host.example:5064"#),
      rule("6(.*)@.*", replace: #"\1@[2001:db8::7]:5062"#),
    ])
    bench.endpoint.agent.identities.append(
      LocalIdentity(
        listener: ListenerID(6), transport: .udp, address: TransportAddress("[2001:db8::1]:5060")!))
    let stranger = bench.peer("192.0.2.66:5060")
    for (alias, address, uri) in [
      ("41@z.example", "192.0.2.77:5062", "sip:1@192.0.2.77:5062"),
      ("n1@z.example", "192.0.2.78:5064", "sip:1@host.example:5064"),
      ("61@z.example", "[2001:db8::7]:5062", "sip:1@[2001:db8::7]:5062"),
    ] {
      let callee = bench.peer(address)
      for host in ["host.example", "192.0.2.77", "2001:db8::7"] { bench.names[host] = [callee.hop] }
      calls(stranger, alias)
      #expect(callee.request(.invite)?.uri == SIPURI(uri), "\(alias)")
    }
  }

  @Test func aTrunkIsKnownByTheNarrowestOfTheSources() throws {
    let wide = trunk("wide") {
      $0.host = "wide.example"
      $0.sources = [IPNetwork("203.0.113.0/24")!]
    }
    let narrow = trunk("narrow") {
      $0.host = "narrow.example"
      $0.sources = [IPNetwork("203.0.113.64/26")!]
    }
    var fromNarrow = rule(".*@example.org", target: .registration)
    fromNarrow.conditions.trunks = ["narrow"]
    let bench = try bench([fromNarrow], trunks: [wide, narrow])
    bench.endpoint.trunks.start()
    let bob = bench.peer("192.0.2.11:5060")
    bob.registers("bob")
    let (other, its) = (bench.peer("203.0.113.5:5060"), bench.peer("203.0.113.70:5060"))
    calls(other, "bob@example.org")
    #expect(other.takeResponses().last?.status == 404 && bob.request(.invite) == nil)
    calls(its, "bob@example.org")
    #expect(bob.request(.invite) != nil)
    // As whoever asks what would happen is told.
    #expect(bench.router.policy.trunk(forSource: its.address.ip)?.name == "narrow")
    #expect(bench.router.policy.trunk(forSource: other.address.ip)?.name == "wide")
  }

  @Test func challengesOfServersFoundByDNSAreAnsweredByRealm() throws {
    let bench = try bench([rule(".*@pbx.example")]) {
      $0.sip.credentials = [
        Credential(realm: "other", username: "o", password: Secret("o")),
        Credential(realm: "pbx", username: "tandem", password: Secret("s3cret")),
      ]
    }
    let (stranger, pbx) = (bench.peer("192.0.2.66:5060"), bench.peer("203.0.113.9:5060"))
    bench.names["pbx.example"] = [pbx.hop]
    calls(stranger, "1@pbx.example")
    let first = try #require(pbx.request(.invite))
    pbx.answers(first, 407, headers: [(.proxyAuthenticate, #"Digest realm="pbx", nonce="n1""#)])
    let again = try #require(pbx.request(.invite))
    let answer = again.headers.authenticationParameters(.proxyAuthorization).first
    #expect(answer?["username"] == "tandem" && answer?["realm"] == "pbx")

    calls(stranger, "2@pbx.example")
    let second = try #require(pbx.request(.invite))
    pbx.answers(second, 401, headers: [(.wwwAuthenticate, #"Digest realm="unknown", nonce="n2""#)])
    #expect(pbx.request(.invite)?.headers.cSeq?.number == second.headers.cSeq?.number)
  }

  /// A way that leads to ourselves and to the rule it began with is none; another rule, or another alias, is a spiral.
  @Test func aCallIsNotSentToOurselvesInACircle() throws {
    let bench = try bench(
      [
        rule("round@.*"), rule("9(.*)@.*", replace: #"\1@loop.example"#),
        rule("there@.*", trunks: ["ourselves"]),
      ], trunks: [trunk("ourselves") { $0.host = "loop.example" }])
    let ours = bench.peer("\(SIPBench.ours)")
    bench.names["loop.example"] = [ours.hop]
    let stranger = bench.peer("192.0.2.66:5060")
    for alias in ["round@loop.example", "there@loop.example"] {
      calls(stranger, alias)
      #expect(stranger.takeResponses().last?.status == 482, "\(alias)")
      #expect(ours.request(.invite) == nil)
      stranger.sends(.message, "sip:\(alias)", from: "sip:x@y.example", body: nil)
      #expect(stranger.takeResponses().last?.status == 482 && ours.request(.message) == nil)
    }
    calls(stranger, "91@loop.example")
    #expect(ours.request(.invite)?.uri == SIPURI("sip:1@loop.example"))
    // With another server to try there is a way out.
    let other = bench.peer("203.0.113.9:5060")
    bench.names["loop.example"] = [ours.hop, other.hop]
    bench.pass(.seconds(61))
    calls(stranger, "round@loop.example")
    #expect(ours.request(.invite)?.uri == SIPURI("sip:round@loop.example"))
  }

  // MARK: Who is calling

  @Test func identitiesWithoutADomainGetThatOfTheLocation() throws {
    var out = rule("out@.*", replace: "1@pbx.example") { $0.localAlias = "desk" }
    var in1 = rule("in@.*", replace: "2@pbx.example") { $0.localAlias = "desk" }
    out.gateway.outgoingLocation = "edge"
    in1.name = "in"
    let bench = try bench(
      [out, in1],
      locations: [
        Location(name: "edge", domain: "edge.example"),
        Location(name: "office", networks: [IPNetwork("192.0.2.0/24")!], domain: "office.example"),
      ])
    let pbx = bench.peer("203.0.113.9:5060")
    bench.names["pbx.example"] = [pbx.hop]
    let near = bench.peer("192.0.2.66:5060")
    calls(near, "out@z.example")
    #expect(pbx.request(.invite)?.headers.from?.uri == SIPURI("sip:desk@edge.example"))
    calls(near, "in@z.example")
    #expect(pbx.request(.invite)?.headers.from?.uri == SIPURI("sip:desk@office.example"))
    calls(bench.peer("198.51.100.1:5060"), "in@z.example")
    #expect(pbx.request(.invite)?.headers.from?.uri == SIPURI("sip:desk@example.org"))
  }

  @Test func aCallGoesOutFromAListenerOfItsLocation() throws {
    let bench = try bench(
      [
        rule(".*@pbx.example") {
          $0.outgoingLocation = "edge"
          // Without keys the INVITE fits a datagram.
          $0.mediaEncryption = .off
        }
      ], locations: [Location(name: "edge")])
    let other = ListenerID(7)
    bench.endpoint.agent.identities.append(
      LocalIdentity(listener: other, transport: .udp, address: TransportAddress("192.0.2.2:5060")!))
    let (stranger, pbx) = (bench.peer("192.0.2.66:5060"), bench.peer("203.0.113.9:5060"))
    bench.names["pbx.example"] = [pbx.hop]
    calls(stranger, "1@pbx.example")
    let before = bench.sent.last { $0.hop.remote == pbx.address }
    #expect(before?.hop.listener == pbx.hop.listener)
    bench.endpoint.listenerLocations[other] = "edge"
    calls(stranger, "2@pbx.example")
    let after = bench.sent.last { $0.hop.remote == pbx.address }
    #expect(after?.hop.listener == other)
  }

  @Test func policyChoosesTheFamilyThatIsTriedFirst() throws {
    let (four, six) = (TransportAddress("203.0.113.9:5060")!, TransportAddress("[2001:db8::9]:5060")!)
    for (choice, first) in [(true, six), (false, four), (nil, four)] as [(Bool?, TransportAddress)] {
      let bench = try bench([rule(".*@pbx.example") { $0.prefersIPv6 = choice }])
      bench.names["pbx.example"] = [four, six].map {
        Hop(transport: .udp, remote: $0, listener: ListenerID(0))
      }
      calls(bench.peer("192.0.2.66:5060"), "1@pbx.example")
      let invites = bench.sent.filter { [four, six].contains($0.hop.remote) }
      #expect(invites.first?.hop.remote == first)
    }
  }

  @Test(arguments: [true, false]) func whoIsVouchedForIsAssertedToTheTarget(_ isVouchedFor: Bool) throws {
    let bench = try bench([rule(".*@pbx.example") { $0.isTreatedAsTrusted = isVouchedFor }])
    let (ann, pbx) = (bench.peer("192.0.2.10:5060"), bench.peer("203.0.113.9:5060"))
    bench.names["pbx.example"] = [pbx.hop]
    ann.registers("ann")
    ann.sends(.invite, "sip:1@pbx.example", from: "sip:ann@example.org", body: sdp("192.0.2.10"))
    let asserted = pbx.request(.invite)?.headers.all(.pAssertedIdentity)
    #expect(asserted == (isVouchedFor ? ["<sip:ann@example.org>"] : []))
    // Who wants to remain unknown does, and what nobody has proved is not asserted.
    ann.sends(
      .invite, "sip:2@pbx.example", from: "sip:ann@example.org", headers: [(.privacy, "id")],
      body: sdp("192.0.2.10"))
    #expect(pbx.request(.invite)?.headers[.pAssertedIdentity] == nil)
    calls(bench.peer("192.0.2.66:5060"), "3@pbx.example")
    #expect(pbx.request(.invite)?.uri.user == "3" && pbx.request(.invite)?.headers[.pAssertedIdentity] == nil)
  }

  @Test func policyServersSeeWhatIsClaimedAndNobodyElseDoes() throws {
    let bench = try bench(
      [rule(".*", trunks: ["carrier"])],
      trunks: [
        trunk("carrier") {
          $0.host = "203.0.113.5"
          $0.isTrusted = true
        }
      ])
    let consultant = ScriptedConsultant()
    bench.router.consultant = consultant
    let carrier = bench.peer("203.0.113.5:5060")
    bench.names["203.0.113.5"] = [carrier.hop]
    calls(
      bench.peer("198.51.100.9:5060"), "desk@example.com",
      headers: [
        (.pAssertedIdentity, "\"Boss\" <sip:boss@example.org>"), (SIPHeaderName("ms-subnet"), "172.23.0.0"),
      ])
    let question = try #require(consultant.questions.first)
    #expect(question.request.caller.claimedIdentities == ["\"Boss\" <sip:boss@example.org>"])
    #expect(
      question.request.caller.assertedIdentities.isEmpty && question.request.caller.subnets == ["172.23.0.0"])
    question.answer(nil)
    bench.settle()
    let invite = try #require(carrier.request(.invite))
    #expect(invite.headers[.pAssertedIdentity] == nil && invite.headers[SIPHeaderName("ms-subnet")] == nil)
  }

  // MARK: Other requests

  @Test func withSIPOffNothingIsServed() throws {
    let bench = try bench([rule(".*", target: .registration)]) { $0.sipEnabled = false }
    let phone = bench.peer("192.0.2.10:5060")
    for (method, uri) in [
      (SIPMethod.register, "sip:example.org"), (.options, "sip:example.org"),
      (.options, "sip:bob@example.org"),
      (.invite, "sip:bob@example.org"), (.message, "sip:bob@example.org"),
      (.subscribe, "sip:bob@example.org"),
    ] {
      phone.sends(
        method, uri, from: "sip:x@y.example", headers: [(.contact, "<sip:x@192.0.2.10>")],
        body: method == .invite ? sdp("192.0.2.10") : nil)
      #expect(phone.takeResponses().last?.status == 403, "\(method) \(uri)")
    }
  }

  @Test func aSubscriptionIsLookedUpAsAnOPTIONSIs() throws {
    let bench = try bench([rule("bob@example.org", target: .registration)]) {
      $0.breakIn.maximumScanAttempts = 5
    }
    let consultant = ScriptedConsultant()
    bench.router.consultant = consultant
    let stranger = bench.peer("192.0.2.66:5060")
    func subscribes(_ alias: String) {
      stranger.sends(
        .subscribe, "sip:\(alias)", from: "sip:x@y.example",
        headers: [(.contact, "<sip:x@192.0.2.66>"), (SIPHeaderName("Event"), "presence")])
    }
    subscribes("bob@example.org")
    let question = try #require(consultant.questions.first)
    #expect(question.request.trigger == .subscribe && question.request.direction == .nonDial)
    question.answer(nil)
    #expect(stranger.takeResponses().map(\.status) == [489])
    subscribes("desk@example.org")
    consultant.questions[1].answer(.redirect("sip:desk2@example.org"))
    #expect(stranger.takeResponses().map(\.status) == [302])
    consultant.isAsked = false
    // An event of the server itself, such as its load.
    subscribes("example.org")
    #expect(stranger.takeResponses().map(\.status) == [489])
    for number in 0..<6 { subscribes("guess\(number)@example.org") }
    #expect(Set(stranger.takeResponses().map(\.status)) == [404])
    #expect(bench.router.isQuarantined(stranger.address.ip, now: bench.loop.now))
  }
}
