import CallModel
import PolicyEngine
import Router
import Testing

@testable import Gateway
@testable import SIP

/// The SIP endpoint as its peers see it: raw messages in and out, on virtual time.
@Suite struct SIPEndpointTests {
  private func policy(
    trunks: [Trunk] = [],
    rules: [CallRoutingRule] = [rule("(ann|bob|carol)@example.org", target: .registration)],
    globals: (inout Globals) -> Void = { _ in }
  ) -> Policy {
    var settings = Globals()
    settings.sipUDPEnabled = true
    settings.domain = "example.org"
    globals(&settings)
    let devices = ["ann", "bob", "carol"].map {
      Device(alias: "\($0)@example.org", username: $0, password: Secret("secret"), allowsSIP: true)
    }
    return Policy(globals: settings, trunks: trunks, devices: devices, rules: rules)
  }

  // MARK: Registrar

  @Test func aDeviceRegistersWithItsPasswordOnly() throws {
    let bench = try SIPBench(policy())
    let phone = bench.peer("192.0.2.10:5060")
    #expect(phone.registers("ann", password: "wrong")?.status == 401)
    #expect(!bench.router.registrations.isRegistered("ann@example.org", now: bench.loop.now))
    let answer = try #require(phone.registers("ann"))
    #expect(answer.status == 200 && answer.headers.contacts.first?["expires"] == "300")
    #expect(bench.router.registrations.isRegistered("ann@example.org", now: bench.loop.now))
  }

  @Test func knownAndUnknownUsersGetTheSameAnswer() throws {
    let bench = try SIPBench(policy())
    let known = try #require(bench.peer("192.0.2.10:5060").registers("ann", password: "wrong"))
    let unknown = try #require(bench.peer("192.0.2.11:5060").registers("nobody", password: "wrong"))
    let shape = { (response: SIPResponse) in
      [String(response.status), response.reason] + response.headers.fields.map { "\($0.name)" }
    }
    #expect(shape(known) == shape(unknown))
  }

  @Test func aBindingThatIsTooShortIsRefusedWithTheLeastThatIsTaken() throws {
    let bench = try SIPBench(policy())
    let answer = try #require(bench.peer("192.0.2.10:5060").registers("ann", expires: 5))
    #expect(answer.status == 423 && answer.headers[.minExpires] == "60")
    #expect(!bench.router.registrations.isRegistered("ann@example.org", now: bench.loop.now))
  }

  @Test func severalContactsAreKeptAndTheWildcardRemovesThemAll() throws {
    let bench = try SIPBench(policy())
    let (one, two) = (bench.peer("192.0.2.10:5060"), bench.peer("192.0.2.11:5060"))
    one.registers("ann")
    #expect(two.registers("ann")?.headers.contacts.count == 2)
    #expect(two.registers("ann", contact: "*", expires: 300)?.status == 400)
    #expect(bench.router.registrations.count == 2)
    #expect(two.registers("ann", contact: "*", expires: 0)?.status == 200)
    #expect(bench.router.registrations.count == 0)
  }

  @Test func aDeviceWithTwoFlowsRingsOnceAndIsReachedOverTheOtherIfOneFails() throws {
    let bench = try SIPBench(policy())
    let (one, two) = (
      bench.peer("192.0.2.10:40001", connection: 1), bench.peer("192.0.2.10:40002", connection: 2)
    )
    let contact = { (id: Int) in
      "<sip:bob@192.0.2.10;transport=tcp>;reg-id=\(id);+sip.instance=\"<urn:uuid:1>\""
    }
    one.registers("bob", contact: contact(1), headers: [(.supported, "outbound")])
    let answer = try #require(two.registers("bob", contact: contact(2), headers: [(.supported, "outbound")]))
    #expect(answer.headers[.require] == "outbound" && answer.headers.contacts.count == 2)
    bench.peer("192.0.2.99:5060").sends(
      .invite, "sip:bob@example.org", from: "sip:x@elsewhere.example", body: sdp("192.0.2.99"))
    #expect(two.request(.invite) != nil && one.request(.invite) == nil)
    two.answers(try #require(two.request(.invite)), 503)
    #expect(one.request(.invite) != nil)
  }

  @Test func bindingsOfALostConnectionAreGone() throws {
    let bench = try SIPBench(policy())
    bench.peer("192.0.2.10:40001", connection: 1).registers("bob")
    #expect(bench.router.registrations.count == 1)
    bench.endpoint.connectionClosed(ConnectionID(1))
    #expect(bench.router.registrations.count == 0)
  }

  @Test func aDeviceBehindNATIsCalledWhereItsRegistrationCameFrom() throws {
    let bench = try SIPBench(policy())
    let phone = bench.peer("198.51.100.7:61000")
    phone.registers("bob", contact: "<sip:bob@10.0.0.5:5060>")
    bench.peer("192.0.2.99:5060").sends(
      .invite, "sip:bob@example.org", from: "sip:x@elsewhere.example", body: sdp("192.0.2.99"))
    #expect(phone.request(.invite)?.uri == SIPURI("sip:bob@10.0.0.5:5060"))
  }

  @Test func aChangedDomainIsTheRealmOfTheNextChallenge() throws {
    let bench = try SIPBench(policy())
    try bench.activate(policy { $0.domain = "new.example" })
    let phone = bench.peer("192.0.2.10:5060")
    phone.sends(.register, "sip:new.example", from: "sip:ann@new.example", headers: [(.contact, "<sip:a@b>")])
    let challenge = phone.takeResponses().last?.headers.authenticationParameters(.wwwAuthenticate).first
    #expect(challenge?["realm"] == "new.example")
    #expect(phone.registers("ann")?.status == 200)
  }

  // MARK: Who calls

  @Test func aCallerOfOursIsKnownByItsFlowAndChallengedElsewhere() throws {
    let bench = try SIPBench(policy())
    let (ann, bob) = (bench.peer("192.0.2.10:5060"), bench.peer("192.0.2.11:5060"))
    ann.registers("ann")
    bob.registers("bob")
    let elsewhere = bench.peer("192.0.2.66:5060")
    let invite = elsewhere.sends(
      .invite, "sip:bob@example.org", from: "sip:ann@example.org", body: sdp("192.0.2.66"))
    let challenge = try #require(elsewhere.takeResponses().last)
    #expect(challenge.status == 407 && bob.request(.invite) == nil)
    // Whether there is such a device or not.
    elsewhere.sends(.invite, "sip:bob@example.org", from: "sip:ghost@example.org", body: sdp("192.0.2.66"))
    #expect(elsewhere.takeResponses().last?.status == 407)
    elsewhere.repeats(invite, after: challenge, as: "ann", "secret")
    #expect(bob.request(.invite) != nil)

    let known = try SIPBench(policy())
    let (ann2, bob2) = (known.peer("192.0.2.10:5060"), known.peer("192.0.2.11:5060"))
    ann2.registers("ann")
    bob2.registers("bob")
    ann2.sends(.invite, "sip:bob@example.org", from: "sip:ann@example.org", body: sdp("192.0.2.10"))
    #expect(bob2.request(.invite)?.headers.from?.uri == SIPURI("sip:ann@example.org"))
  }

  @Test func noMessageOfOneLegShowsAnAddressOfTheOther() throws {
    let bench = try SIPBench(policy())
    let (ann, bob) = (bench.peer("192.0.2.10:5060"), bench.peer("192.0.2.11:5060"))
    ann.registers("ann")
    bob.registers("bob")
    ann.sends(
      .invite, "sip:bob@example.org", from: "sip:ann@example.org",
      headers: [(.userAgent, "Phone at 192.0.2.10"), (.subject, "from 192.0.2.10")], body: sdp("192.0.2.10"))
    let invite = try #require(bob.request(.invite))
    bob.answers(invite, 180, headers: [(.server, "Phone at 192.0.2.11")])
    bob.answers(invite, 200, body: sdp("192.0.2.11", port: 30000))
    let answer = try #require(ann.takeResponses().last)
    #expect(answer.status == 200)
    ann.sends(
      .ack, "sip:192.0.2.1", from: answer.headers[.from]!, to: answer.headers[.to]!,
      callID: answer.headers.callID)
    bob.sends(
      .bye, "sip:192.0.2.1", from: invite.headers[.to]! + ";tag=p5060", to: invite.headers[.from]!,
      callID: invite.headers.callID, sequence: 2)
    for (message, hop) in bench.sent {
      let foreign = hop.remote == ann.address ? "192.0.2.11" : "192.0.2.10"
      let text = String(decoding: message.serialised(), as: UTF8.self)
      #expect(!text.contains(foreign), "\(text)")
    }
    #expect(ann.request(.bye) != nil && bench.host.callCount == 0)
  }

  @Test func aCallerWhoWantsToRemainUnknownDoes() throws {
    let bench = try SIPBench(policy())
    let (ann, bob) = (bench.peer("192.0.2.10:5060"), bench.peer("192.0.2.11:5060"))
    ann.registers("ann")
    bob.registers("bob")
    ann.sends(
      .invite, "sip:bob@example.org", from: "sip:ann@example.org", headers: [(.privacy, "id")],
      body: sdp("192.0.2.10"))
    let invite = try #require(bob.request(.invite))
    #expect(!String(decoding: invite.serialised(), as: UTF8.self).contains("ann"))
  }

  // MARK: Trunks

  private func carrier(_ configure: (inout Trunk) -> Void = { _ in }) -> Trunk {
    var trunk = Trunk(name: "carrier", host: "carrier.example", port: 5060, transport: .udp)
    configure(&trunk)
    return trunk
  }

  private func withTrunk(_ trunk: Trunk) throws -> (SIPBench, SIPPeer) {
    let rules = [
      rule("(ann|bob|carol)@example.org", target: .registration),
      rule(#"9(\d+)@.*"#, replace: #"\1"#, trunks: ["carrier"]),
    ]
    let bench = try SIPBench(policy(trunks: [trunk], rules: rules))
    let peer = bench.peer("203.0.113.5:5060")
    bench.names["carrier.example"] = [peer.hop]
    bench.endpoint.trunks.start()
    bench.pass(.milliseconds(10))
    return (bench, peer)
  }

  @Test func aTrunkIsRecognisedByItsAddressAlsoRightAfterAReload() throws {
    let (bench, carrier) = try withTrunk(carrier())
    let bob = bench.peer("192.0.2.11:5060")
    bob.registers("bob")
    try bench.activate(bench.router.policy.policy)
    carrier.sends(.invite, "sip:bob@example.org", from: "sip:+1555@example.org", body: sdp("203.0.113.5"))
    #expect(carrier.takeResponses().last?.status != 407)
    #expect(bob.request(.invite)?.headers.from?.uri.user == "+1555")
  }

  @Test func aTrunkThatNeedsCredentialsIsChallenged() throws {
    let (bench, carrier) = try withTrunk(
      carrier { $0.inboundCredential = Credential(username: "c", password: Secret("p")) })
    let bob = bench.peer("192.0.2.11:5060")
    bob.registers("bob")
    let invite = carrier.sends(
      .invite, "sip:bob@example.org", from: "sip:1@x.example", body: sdp("203.0.113.5"))
    let challenge = try #require(carrier.takeResponses().last)
    #expect(challenge.status == 407 && bob.request(.invite) == nil)
    carrier.repeats(invite, after: challenge, as: "c", "p")
    #expect(bob.request(.invite) != nil)
  }

  @Test(arguments: [true, false])
  func identitiesAreAssertedToTrustedTrunksOnly(_ isTrusted: Bool) throws {
    let (bench, carrier) = try withTrunk(carrier { $0.isTrusted = isTrusted })
    let ann = bench.peer("192.0.2.10:5060")
    ann.registers("ann")
    ann.sends(
      .invite, "sip:9123@example.org", from: "sip:ann@example.org",
      headers: [
        (.privacy, "id"), (.pAssertedIdentity, "<sip:forged@example.org>"),
        (.diversion, "<sip:d@example.org>"),
        (.historyInfo, "<sip:h@example.org>;index=1"),
      ], body: sdp("192.0.2.10"))
    let invite = try #require(carrier.request(.invite))
    #expect(invite.headers[.privacy] == "id")
    if isTrusted {
      #expect(invite.headers.all(.pAssertedIdentity) == ["<sip:ann@example.org>"])
      #expect(invite.headers[.diversion] != nil && invite.headers[.historyInfo] != nil)
    } else {
      #expect(invite.headers[.pAssertedIdentity] == nil)
      #expect(invite.headers.from?.uri.user == "anonymous")
      #expect(!String(decoding: invite.serialised(), as: UTF8.self).contains("ann@"))
    }
  }

  @Test func aStrangersIdentityIsNotAsserted() throws {
    let (bench, carrier) = try withTrunk(carrier { $0.isTrusted = true })
    bench.peer("192.0.2.66:5060").sends(
      .invite, "sip:9123@example.org", from: "sip:boss@192.0.2.66", body: sdp("192.0.2.66"))
    #expect(carrier.request(.invite)?.headers[.pAssertedIdentity] == nil)
  }

  @Test func aCallThatComesBackToItsRuleIsALoop() throws {
    let (bench, carrier) = try withTrunk(carrier())
    let ann = bench.peer("192.0.2.10:5060")
    ann.registers("ann")
    ann.sends(.invite, "sip:9123@example.org", from: "sip:ann@example.org", body: sdp("192.0.2.10"))
    let token = try #require(carrier.request(.invite)?.headers[SIPEndpoint.loopHeader])
    carrier.sends(
      .invite, "sip:9123@example.org", from: "sip:ann@x.example",
      headers: [(SIPEndpoint.loopHeader, token)], body: sdp("203.0.113.5"))
    #expect(carrier.takeResponses().last?.status == 482)
  }

  @Test func noHopsLeftIs483() throws {
    let bench = try SIPBench(policy())
    bench.peer("192.0.2.11:5060").registers("bob")
    let stranger = bench.peer("192.0.2.66:5060")
    stranger.sends(
      .invite, "sip:bob@example.org", from: "sip:x@y.example", headers: [(.maxForwards, "0")],
      body: sdp("192.0.2.66"))
    #expect(stranger.takeResponses().last?.status == 483)
  }

  // MARK: Ends

  @Test func aCallerWhoGivesUpWhileNamesAreResolvedLeavesNothing() throws {
    let (bench, carrier) = try withTrunk(carrier())
    bench.pass(.seconds(61))
    bench.holdsAnswers = true
    let ann = bench.peer("192.0.2.10:5060")
    ann.registers("ann")
    bench.pass(.seconds(61))
    let invite = ann.sends(
      .invite, "sip:9123@example.org", from: "sip:ann@example.org", body: sdp("192.0.2.10"))
    var cancel = invite
    cancel.method = .cancel
    cancel.headers.set(.cSeq, "1 CANCEL")
    cancel.body = []
    ann.deliver(.request(cancel))
    bench.holdsAnswers = false
    bench.resolve()
    #expect(carrier.request(.invite) == nil)
    #expect(ann.takeResponses().map(\.status).sorted().suffix(2) == [200, 487])
    #expect(bench.host.callCount == 0 && bench.ledger.calls.isEmpty)
    bench.pass(.seconds(60))
    #expect(bench.endpoint.agent.sessionCount == 0)
  }

  @Test func anUnansweredPhoneIsCancelledAndTheCallerToldSo() throws {
    let bench = try SIPBench(
      policy(rules: [rule("bob@example.org", target: .registration) { $0.ringTimeout = .seconds(10) }]))
    let (one, two) = (bench.peer("192.0.2.11:5060"), bench.peer("192.0.2.12:5060"))
    one.registers("bob")
    two.registers("bob")
    let stranger = bench.peer("192.0.2.66:5060")
    stranger.sends(.invite, "sip:bob@example.org", from: "sip:x@y.example", body: sdp("192.0.2.66"))
    for phone in [one, two] { phone.answers(try #require(phone.request(.invite)), 180) }
    _ = stranger.take()
    bench.pass(.seconds(11))
    #expect(one.request(.cancel) != nil && two.request(.cancel) != nil)
    #expect(stranger.takeResponses().map(\.status) == [480])
    #expect(bench.host.callCount == 0 && bench.ledger.calls.isEmpty)
  }

  @Test func anAnswerThatCrossesTheCancelIsAcknowledgedAndEnded() throws {
    let bench = try SIPBench(policy())
    let bob = bench.peer("192.0.2.11:5060")
    bob.registers("bob")
    let stranger = bench.peer("192.0.2.66:5060")
    let invite = stranger.sends(
      .invite, "sip:bob@example.org", from: "sip:x@y.example", body: sdp("192.0.2.66"))
    let outgoing = try #require(bob.request(.invite))
    bob.answers(outgoing, 180)
    var cancel = invite
    cancel.method = .cancel
    cancel.headers.set(.cSeq, "1 CANCEL")
    cancel.body = []
    stranger.deliver(.request(cancel))
    #expect(stranger.takeResponses().contains { $0.status == 487 })
    bob.answers(outgoing, 200, body: sdp("192.0.2.11"))
    #expect(bob.request(.ack) != nil && bob.request(.bye) != nil)
    #expect(bench.host.callCount == 0)
  }

  @Test func aLateOfferAllowsNoEarlyOneBack() throws {
    let bench = try SIPBench(policy())
    let bob = bench.peer("192.0.2.11:5060")
    bob.registers("bob")
    let stranger = bench.peer("192.0.2.66:5060")
    stranger.sends(.invite, "sip:bob@example.org", from: "sip:x@y.example")
    let invite = try #require(bob.request(.invite))
    #expect(!invite.headers.supportsOption("100rel") && invite.headers.supportsOption("timer"))
    bob.answers(invite, 200, body: sdp("192.0.2.11"))
    let offer = try #require(stranger.takeResponses().last)
    #expect(offer.status == 200 && !offer.body.isEmpty && bob.request(.ack) == nil)
    stranger.sends(
      .ack, "sip:192.0.2.1", from: offer.headers[.from]!, to: offer.headers[.to]!,
      callID: offer.headers.callID, body: sdp("192.0.2.66"))
    #expect(bob.request(.ack)?.body.isEmpty == false)
  }

  // MARK: Transfer

  /// A call between two phones, as Ann's and Bob's dialogs with us.
  private func connected(_ bench: SIPBench, _ ann: SIPPeer, _ bob: SIPPeer) throws -> (
    ann: SIPResponse, bob: SIPRequest
  ) {
    ann.registers("ann")
    bob.registers("bob")
    ann.sends(.invite, "sip:bob@example.org", from: "sip:ann@example.org", body: sdp("192.0.2.10"))
    let invite = try #require(bob.request(.invite))
    bob.answers(invite, 200, body: sdp("192.0.2.11", port: 30000))
    let answer = try #require(ann.takeResponses().last)
    ann.sends(
      .ack, "sip:192.0.2.1", from: answer.headers[.from]!, to: answer.headers[.to]!,
      callID: answer.headers.callID)
    return (answer, invite)
  }

  private func inDialog(
    _ bob: SIPPeer, _ method: SIPMethod, _ invite: SIPRequest, _ sequence: UInt32,
    headers: [(SIPHeaderName, String)] = []
  ) {
    bob.sends(
      method, "sip:192.0.2.1", from: "\(invite.headers[.to]!);tag=p5060", to: invite.headers[.from]!,
      callID: invite.headers.callID, sequence: sequence,
      headers: headers + [(.contact, "<sip:\(bob.address)>")])
  }

  @Test func aPhoneMayHangUpRightAfterItsBlindTransferWasAccepted() throws {
    let bench = try SIPBench(policy())
    let (ann, bob, carol) = (
      bench.peer("192.0.2.10:5060"), bench.peer("192.0.2.11:5060"), bench.peer("192.0.2.12:5060")
    )
    carol.registers("carol")
    let call = try connected(bench, ann, bob)
    let target: [(SIPHeaderName, String)] = [(.referTo, "<sip:carol@example.org>")]
    inDialog(bob, .refer, call.bob, 1, headers: target)
    #expect(bob.takeResponses().last?.status == 202)
    // A second wish meanwhile is refused and does not disturb the first.
    inDialog(bob, .refer, call.bob, 2, headers: target)
    #expect(bob.takeResponses().last?.status == 491)
    inDialog(bob, .bye, call.bob, 3)
    #expect(bob.takeResponses().last?.status == 200)
    carol.answers(try #require(carol.request(.invite)), 200, body: sdp("192.0.2.12", port: 32000))
    let reInvite = try #require(ann.request(.invite))
    ann.answers(reInvite, 200, body: sdp("192.0.2.10"))
    #expect(ann.request(.ack) != nil && ann.request(.bye) == nil)
    #expect(bench.ledger.calls.count == 1)
    bench.ledger.endAll(Disconnect(.shutdown))
    bench.settle()
    #expect(ann.request(.bye) != nil && carol.request(.bye) != nil && bench.host.callCount == 0)
  }

  @Test func onlyWhoIsKnownMayTakeACallOver() throws {
    let bench = try SIPBench(policy())
    let (ann, bob, carol) = (
      bench.peer("192.0.2.10:5060"), bench.peer("192.0.2.11:5060"), bench.peer("192.0.2.12:5060")
    )
    carol.registers("carol")
    let call = try connected(bench, ann, bob)
    let replaces: [(SIPHeaderName, String)] = [
      (
        .replaces,
        "\(call.bob.headers.callID!);to-tag=\(call.bob.headers.fromTag!);from-tag=p5060"
      )
    ]
    let stranger = bench.peer("192.0.2.66:5060")
    stranger.sends(
      .invite, "sip:bob@192.0.2.1", from: "sip:x@y.example", headers: replaces, body: sdp("192.0.2.66"))
    #expect(stranger.takeResponses().last?.status == 403)
    carol.sends(
      .invite, "sip:bob@192.0.2.1", from: "sip:carol@example.org", headers: replaces, body: sdp("192.0.2.12"))
    ann.answers(try #require(ann.request(.invite)), 200, body: sdp("192.0.2.10"))
    #expect(carol.takeResponses().last?.status == 200 && bob.request(.bye) != nil)
  }

  // MARK: Other requests

  @Test func optionsAreAnsweredByWhatACallWouldMeetAndGuessingIsCounted() throws {
    let bench = try SIPBench(policy { $0.breakIn.maximumScanAttempts = 5 })
    bench.peer("192.0.2.11:5060").registers("bob")
    let stranger = bench.peer("192.0.2.66:5060")
    let status = { (alias: String) in
      stranger.sends(.options, "sip:\(alias)@example.org", from: "sip:x@y.example")
      return stranger.takeResponses().last?.status
    }
    #expect(status("bob") == 200)
    for number in 0..<6 { #expect(status("guess\(number)") == 404) }
    #expect(status("bob") == 404)
    #expect(bench.router.isQuarantined(stranger.address.ip, now: bench.loop.now))
  }

  @Test func requestsThatMakeNoSenseAreRefused() throws {
    let bench = try SIPBench(policy())
    let stranger = bench.peer("192.0.2.66:5060")
    for (method, status) in [
      (SIPMethod.subscribe, 489), (.refer, 403), (.notify, 481), (.info, 481), (.bye, 481),
      (SIPMethod(rawValue: "NONSENSE"), 405),
    ] {
      stranger.sends(
        method, "sip:bob@example.org", from: "sip:x@y.example", headers: [(.contact, "<sip:x@192.0.2.66>")])
      #expect(stranger.takeResponses().last?.status == status, "\(method)")
    }
  }
}
