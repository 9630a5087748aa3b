import CallModel
import Testing

@testable import SIP

@Suite struct ServerLayerTests {
  typealias Party = TransactionParty

  @Test func requestGoesUpWithItsSourceNoted() throws {
    var party = Party()
    try party.receive(Party.incoming("OPTIONS"))
    guard case .request(let request, let id, let hop) = party.outputs.first else {
      Issue.record("no request")
      return
    }
    #expect(hop == party.hop)
    #expect(
      request.headers[.via]
        == "SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bKpeer1;rport=40000;received=203.0.113.9")
    #expect(party.layer.request(of: id) == request)
    _ = party.events()
    party.respond(200, to: id)
    #expect(party.sentHops == [party.hop])
    let response = try #require(party.sent.first?.asResponse)
    #expect(response.headers[.via] == request.headers[.via])
    #expect(response.headers[.to] == "<sip:us@example.org>;tag=us")
    #expect(party.layer.request(of: id) == nil)
    #expect(party.events() == ["send 200"])
  }

  /// Via as received; as handed up; where the response goes. The source is 203.0.113.9:40000.
  @Test(arguments: [
    ("SIP/2.0/UDP 203.0.113.9:5070;branch=z9hG4bKa", "SIP/2.0/UDP 203.0.113.9:5070;branch=z9hG4bKa", 5_070),
    ("SIP/2.0/UDP 203.0.113.9;branch=z9hG4bKa", "SIP/2.0/UDP 203.0.113.9;branch=z9hG4bKa", 5_060),
    (
      "SIP/2.0/UDP pc.example.net;branch=z9hG4bKa",
      "SIP/2.0/UDP pc.example.net;branch=z9hG4bKa;received=203.0.113.9",
      5_060
    ),
    (
      "SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bKa",
      "SIP/2.0/UDP 10.0.0.1:5060;rport=40000;branch=z9hG4bKa;received=203.0.113.9", 40_000
    ),
    (
      "SIP/2.0/UDP 203.0.113.9;branch=z9hG4bKa;rport",
      "SIP/2.0/UDP 203.0.113.9;branch=z9hG4bKa;rport=40000;received=203.0.113.9", 40_000
    ),
    // What a sender may not claim is put right.
    (
      "SIP/2.0/UDP 10.0.0.1;received=192.0.2.66;rport=9;branch=z9hG4bKa",
      "SIP/2.0/UDP 10.0.0.1;rport=40000;branch=z9hG4bKa;received=203.0.113.9", 40_000
    ),
    (
      "SIP/2.0/UDP 203.0.113.9;branch=z9hG4bKa;received=192.0.2.66",
      "SIP/2.0/UDP 203.0.113.9;branch=z9hG4bKa", 5_060
    ),
    // Spaces wherever the grammar has them, another value behind the comma, quoted extension.
    (
      "SIP / 2.0 / UDP h.example : 5999 ; x=\"a;b,c\" ;branch=z9hG4bKa , SIP/2.0/UDP z;branch=z9hG4bKz",
      "SIP / 2.0 / UDP h.example : 5999 ; x=\"a;b,c\" ;branch=z9hG4bKa;received=203.0.113.9 , "
        + "SIP/2.0/UDP z;branch=z9hG4bKz", 5_999
    ),
    (
      "SIP/2.0/UDP [2001:db8::1]:5080;branch=z9hG4bKa",
      "SIP/2.0/UDP [2001:db8::1]:5080;branch=z9hG4bKa;received=203.0.113.9", 5_080
    ),
  ]) func noting(via: String, noted: String, port: Int) throws {
    var party = Party()
    try party.receive(Party.incoming("OPTIONS", via: via))
    let id = try #require(party.lastServerTransaction)
    #expect(party.layer.request(of: id)?.headers[.via] == noted)
    party.respond(200, to: id)
    #expect(party.sentHops.first?.remote == TransportAddress(.v4(0xcb00_7109), UInt16(port)))
  }

  @Test func repetitionIsAnsweredWithTheSameBytesWhoeverAsks() throws {
    var party = Party()
    try party.receive(Party.incoming("OPTIONS"))
    let id = try #require(party.lastServerTransaction)
    try party.receive(Party.incoming("OPTIONS"))
    #expect(party.events() == ["request OPTIONS"])
    party.respond(404, to: id)
    guard case .send(let first, _)? = party.outputs.first else {
      Issue.record("nothing sent")
      return
    }
    _ = party.events()
    party.advance(.seconds(31))
    try party.receive(Party.incoming("OPTIONS"))
    guard case .send(let second, _)? = party.outputs.first else {
      Issue.record("nothing sent")
      return
    }
    #expect(first == second)
    #expect(party.events() == ["send 404"])
    party.advance(.seconds(1))
    #expect(party.events() == ["server terminated"])
    #expect(party.layer.serverTransactionCount == 0)
    #expect(party.layer.nextDeadline == nil)
  }

  @Test func slowUserIsCoveredByATrying() throws {
    var party = Party()
    try party.receive(Party.incoming("INVITE"))
    let id = try #require(party.lastServerTransaction)
    party.advance(.milliseconds(199))
    #expect(party.events() == ["request INVITE"])
    party.advance(.milliseconds(1))
    let trying = try #require(party.sent.first?.asResponse)
    #expect(trying.headers[.to] == "<sip:us@example.org>")
    #expect(!trying.headers.contains(.recordRoute))
    #expect(party.events() == ["send 100"])
    try party.receive(Party.incoming("INVITE"))
    #expect(party.events() == ["send 100"])
    party.respond(180, to: id)
    #expect(party.sent.first?.asResponse?.headers.contains(.recordRoute) == true)
    try party.receive(Party.incoming("INVITE"))
    #expect(party.events() == ["send 180", "send 180"])
  }

  @Test func tryingAtOnceOnRequest() throws {
    var party = Party()
    try party.receive(Party.incoming("INVITE"))
    let id = try #require(party.lastServerTransaction)
    party.layer.sendTrying(to: id, now: party.now, into: &party.outputs)
    #expect(party.events() == ["request INVITE", "send 100"])
    party.advance(.seconds(10))
    #expect(party.events() == [])
  }

  @Test func refusalIsRepeatedUntilAcknowledged() throws {
    var party = Party()
    try party.receive(Party.incoming("INVITE"))
    let id = try #require(party.lastServerTransaction)
    party.respond(486, to: id)
    party.advance(.seconds(4))
    #expect(party.events() == ["request INVITE", "send 486", "send 486", "send 486", "send 486"])
    try party.receive(Party.incoming("ACK", toTag: "us"))
    try party.receive(Party.incoming("ACK", toTag: "us"))
    #expect(party.events() == [])
    #expect(party.layer.statistics.absorbedAcknowledgements == 2)
    party.advance(.seconds(5))
    #expect(party.events() == ["server terminated"])
  }

  @Test func refusalNeverAcknowledgedIsReported() throws {
    var party = Party(.tcp)
    try party.receive(Party.incoming("INVITE"))
    party.respond(603, to: try #require(party.lastServerTransaction))
    _ = party.events()
    party.advance(.seconds(32))
    #expect(party.events() == ["unacknowledged", "server terminated"])
  }

  @Test func acknowledgementOfA2xxGoesUpByItsOwnOrTheSameBranch() throws {
    var party = Party()
    try party.receive(Party.incoming("INVITE"))
    let id = try #require(party.lastServerTransaction)
    party.respond(200, to: id)
    _ = party.events()
    // The INVITE again is absorbed; the user repeats the 2xx.
    try party.receive(Party.incoming("INVITE"))
    #expect(party.events() == [])
    party.layer.repeatResponse(of: id, into: &party.outputs)
    #expect(party.events() == ["send 200"])
    try party.receive(Party.incoming("ACK", branch: "z9hG4bKother", toTag: "us"))
    try party.receive(Party.incoming("ACK", toTag: "us"))
    #expect(party.events() == ["acknowledgement", "acknowledgement"])
    party.advance(.seconds(32))
    #expect(party.events() == ["server terminated"])
    try party.receive(Party.incoming("ACK", toTag: "us"))
    #expect(party.events() == ["acknowledgement"])
  }

  @Test func cancelIsAnsweredAndReportedOnce() throws {
    var party = Party()
    try party.receive(Party.incoming("INVITE"))
    let id = try #require(party.lastServerTransaction)
    party.respond(180, to: id, toTag: "dialog")
    _ = party.events()
    try party.receive(Party.incoming("CANCEL"))
    let answer = try #require(party.sent.first?.asResponse)
    #expect(answer.headers[.to] == "<sip:us@example.org>;tag=dialog")
    #expect(answer.headers[.cSeq] == "1 CANCEL")
    #expect(party.events() == ["send 200", "cancelled"])
    try party.receive(Party.incoming("CANCEL"))
    #expect(party.events() == ["send 200"])
    party.respond(487, to: id, toTag: "dialog")
    #expect(party.events() == ["send 487"])
    try party.receive(Party.incoming("ACK", toTag: "dialog"))
    party.advance(.seconds(40))
    // The CANCEL's own transaction is nobody's business.
    #expect(party.events() == ["server terminated"])
    #expect(party.layer.serverTransactionCount == 0)
  }

  @Test func cancelAfterTheFinalResponseHasNoEffect() throws {
    var party = Party()
    try party.receive(Party.incoming("INVITE"))
    party.respond(200, to: try #require(party.lastServerTransaction))
    _ = party.events()
    try party.receive(Party.incoming("CANCEL"))
    #expect(party.events() == ["send 200"])
  }

  @Test func cancelOfNothingIs481() throws {
    var party = Party()
    try party.receive(Party.incoming("CANCEL"))
    try party.receive(Party.incoming("INVITE"))
    try party.receive(Party.incoming("CANCEL", branch: "z9hG4bKelse"))
    try party.receive(Party.incoming("CANCEL", via: "SIP/2.0/UDP 198.51.100.8:5070;branch=z9hG4bKpeer1"))
    #expect(party.events() == ["send 481", "request INVITE", "send 481", "send 481"])
  }

  @Test func matchingIgnoresTheCaseOfTheHostAndOnlyThat() throws {
    var party = Party()
    let via = { (host: String, branch: String) in "SIP/2.0/UDP \(host);branch=\(branch)" }
    try party.receive(Party.incoming("INFO", via: via("Host.Example.net:5070", "z9hG4bKx"), toTag: "us"))
    try party.receive(Party.incoming("INFO", via: via("host.example.NET:5070", "z9hG4bKx"), toTag: "us"))
    #expect(party.events() == ["request INFO"])
    for other in [via("host.example.net", "z9hG4bKx"), via("host.example.net:5070", "z9hG4bKX")] {
      try party.receive(Party.incoming("INFO", via: other, toTag: "us"))
      #expect(party.events() == ["request INFO"])
    }
    try party.receive(Party.incoming("UPDATE", via: via("host.example.net:5070", "z9hG4bKx"), toTag: "us"))
    #expect(party.events() == ["request UPDATE"])
  }

  @Test func oldBranchesAreMatchedByTheWholeRequest() throws {
    var party = Party()
    let via = "SIP/2.0/UDP 198.51.100.7:5070;branch=1"
    try party.receive(Party.incoming("INVITE", via: via))
    let id = try #require(party.lastServerTransaction)
    try party.receive(Party.incoming("INVITE", via: via))
    #expect(party.events() == ["request INVITE"])
    // The same useless branch, another call.
    try party.receive(Party.incoming("INVITE", via: via, callID: "another"))
    try party.receive(Party.incoming("INVITE", via: via, from: "another"))
    try party.receive(Party.incoming("INVITE", via: "SIP/2.0/UDP 198.51.100.7:5070", cSeq: 2))
    #expect(party.events() == ["request INVITE", "request INVITE", "request INVITE"])
    try party.receive(Party.incoming("CANCEL", via: via))
    #expect(party.events() == ["send 200", "cancelled"])
    party.respond(487, to: id)
    _ = party.events()
    try party.receive(Party.incoming("ACK", via: via, toTag: "us"))
    party.advance(.seconds(3))
    #expect(!party.events().contains("send 487"))
  }

  @Test func requestByASecondPathIsMerged() throws {
    var party = Party()
    try party.receive(Party.incoming("INVITE", branch: "z9hG4bKone"))
    let id = try #require(party.lastServerTransaction)
    _ = party.events()
    try party.receive(Party.incoming("INVITE", branch: "z9hG4bKtwo"))
    let refusal = try #require(party.sent.first?.asResponse)
    #expect(party.events() == ["send 482"])
    // Its ACK is absorbed although no transaction was made for it.
    let tag = try #require(refusal.headers.toTag)
    try party.receive(Party.incoming("ACK", branch: "z9hG4bKtwo", toTag: tag))
    #expect(party.events() == [])
    // In a dialog, or with another CSeq, it is no merge.
    try party.receive(Party.incoming("INVITE", branch: "z9hG4bKthree", cSeq: 2))
    try party.receive(Party.incoming("INVITE", branch: "z9hG4bKfour", toTag: "us"))
    #expect(party.events() == ["request INVITE", "request INVITE"])
    // Once the first was refused, the next path gets a judgement of its own: its sender may have failed over.
    party.respond(503, to: id)
    _ = party.events()
    try party.receive(Party.incoming("INVITE", branch: "z9hG4bKfive"))
    #expect(party.events() == ["request INVITE"])
  }

  @Test func mergingCanBeAllowed() throws {
    var party = Party(refusesMergedRequests: false)
    try party.receive(Party.incoming("INVITE", branch: "z9hG4bKone"))
    try party.receive(Party.incoming("INVITE", branch: "z9hG4bKtwo"))
    #expect(party.events() == ["request INVITE", "request INVITE"])
  }

  @Test func atTheLimitNewCallsAreRefusedAndDialogsHaveAReserve() throws {
    var party = Party(limits: TransactionLimits(serverTransactions: 4, retryAfterSeconds: 9))
    for index in 1...4 {
      try party.receive(Party.incoming("INVITE", branch: "z9hG4bK\(index)", callID: "c\(index)"))
    }
    #expect(party.events() == [String](repeating: "request INVITE", count: 4))
    try party.receive(Party.incoming("INVITE", branch: "z9hG4bK5", callID: "c5"))
    let refusal = try #require(party.sent.first?.asResponse)
    #expect(refusal.status == 503)
    #expect(refusal.headers[.retryAfter] == "9")
    let tag = try #require(refusal.headers.toTag)
    _ = party.events()
    // Repeated, it is refused with the same tag; acknowledged, nothing happens.
    try party.receive(Party.incoming("INVITE", branch: "z9hG4bK5", callID: "c5"))
    #expect(party.sent.first?.asResponse?.headers.toTag == tag)
    #expect(party.events() == ["send 503"])
    try party.receive(Party.incoming("ACK", branch: "z9hG4bK5", toTag: tag, callID: "c5"))
    #expect(party.events() == [])
    try party.receive(Party.incoming("BYE", branch: "z9hG4bK6", toTag: "t", callID: "c6"))
    try party.receive(Party.incoming("BYE", branch: "z9hG4bK7", toTag: "t", callID: "c7"))
    #expect(party.events() == ["request BYE", "send 503"])
    #expect(party.layer.serverTransactionCount == 5)
    #expect(party.layer.statistics.refusedAtLimit == 3)
    // A CANCEL for what was accepted still gets through.
    try party.receive(Party.incoming("CANCEL", branch: "z9hG4bK1", callID: "c1"))
    #expect(party.events() == ["send 200", "cancelled"])
  }

  @Test func brokenConnectionMovesTheResponseToTheAddressInVia() throws {
    var party = Party(.tcp)
    let via = "SIP/2.0/TCP 203.0.113.9:5090;branch=z9hG4bKa"
    try party.receive(Party.incoming("INVITE", via: via))
    let id = try #require(party.lastServerTransaction)
    _ = party.events()
    party.layer.transportFailed(over: party.hop, now: party.now, into: &party.outputs)
    #expect(party.events() == [])
    party.respond(486, to: id)
    let fallback = try #require(party.sentHops.first)
    #expect(fallback.connection == nil)
    #expect(fallback.remote == TransportAddress(.v4(0xcb00_7109), 5_090))
    _ = party.events()
    party.layer.transportFailed(over: fallback, now: party.now, into: &party.outputs)
    #expect(party.events() == ["unacknowledged", "server terminated"])
  }

  @Test func brokenWebSocketEndsWhatItCarried() throws {
    var party = Party(.wss)
    try party.receive(Party.incoming("INVITE", via: "SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bKa"))
    _ = party.events()
    party.layer.transportFailed(over: party.hop, now: party.now, into: &party.outputs)
    #expect(party.events() == ["unacknowledged", "server terminated"])
  }

  @Test func lateAndUnknownResponsesAreIgnored() throws {
    var party = Party(.tcp)
    try party.receive(Party.incoming("OPTIONS"))
    let id = try #require(party.lastServerTransaction)
    let request = try #require(party.layer.request(of: id))
    party.respond(200, to: id)
    #expect(party.events() == ["request OPTIONS", "send 200", "server terminated"])
    party.layer.respond(
      SIPResponse(to: request, status: 500, toTag: "x"), to: id, now: party.now, into: &party.outputs)
    party.layer.respond(
      SIPResponse(to: request, status: 500, toTag: "x"), to: ServerTransactionID(.max), now: party.now,
      into: &party.outputs)
    #expect(party.events() == [])
  }
}
