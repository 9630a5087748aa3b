import CallModel
import PolicyEngine
import PolicyTestSupport
import Router
import Testing

@testable import Gateway

/// Redirections and transfers, whose new targets policy servers are asked about.
@Suite struct AskedCallTests {
  let bench: GatewayBench
  let consultant = ScriptedConsultant()

  init() throws {
    bench = try GatewayBench(
      rules: [rule("bob|carol|eve", target: .registration)], devices: ["bob", "carol", "eve"],
      ports: 35000...35999)
    bench.router.consultant = consultant
    consultant.isAsked = false
  }

  /// The rule that made the call.
  private let own = "rule bob|carol|eve"

  private func gateway(_ alias: String) -> Decision {
    .gateway(GatewayConfiguration(name: "crm-\(alias)", remoteAlias: alias, target: .registration))
  }

  private func moved(_ targets: String...) -> CallLegEvent {
    var disconnect = Disconnect(.moved, protocolCode: 302)
    disconnect.redirectTargets = targets.map { "sip:\($0)@127.0.0.1" }
    return .ended(disconnect)
  }

  private func transfer(_ alias: String) -> CallLegEvent {
    .transferRequested(CallModel.TransferRequest(alias: Alias(sip: "sip:\(alias)@127.0.0.1")))
  }

  private func connect() throws -> (ann: ScriptedLeg, bob: ScriptedLeg) {
    let ann = bench.call("bob")
    let bob = try #require(bench.dialer.legs.last)
    bob.does(.answered(media: .audio(port: 25000)))
    _ = ann.take()
    _ = bob.take()
    consultant.isAsked = true
    return (ann, bob)
  }

  private var answers: [String] {
    bench.finished.last?.decision.policyAnswers.map(\.outcome) ?? []
  }

  /// Nothing of any call is left.
  private func nothingIsLeft(sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(bench.liveCalls == 0 && bench.host.callCount == 0, sourceLocation: sourceLocation)
  }

  // MARK: Redirection

  @Test func aRedirectionIsDecidedByTheServer() throws {
    let ann = bench.call("bob")
    consultant.isAsked = true
    bench.dialer.legs[0].does(moved("desk"))
    let request = try #require(consultant.questions.first).request
    #expect(request.alias.parsed == "desk" && request.resolutions == 1)
    #expect(request.previousServiceName == own && bench.dialer.legs.count == 1)
    consultant.questions[0].answer(gateway("carol"))
    #expect(bench.dialer.legs.count == 2 && bench.dialer.legs[1].call?.target.calledAlias == "carol")
    bench.dialer.legs[1].does(.answered(media: .audio(port: 25000)))
    #expect(ann.take().last == .accept)
    ann.does(.ended(Disconnect(.normal)))
    #expect(answers == ["used"])
    nothingIsLeft()
  }

  @Test func theNextContactFollowsWhereTheServerRefusesTheFirst() throws {
    let ann = bench.call("bob")
    consultant.isAsked = true
    bench.dialer.legs[0].does(moved("one", "two", "three"))
    consultant.questions[0].answer(.reject(.policy), "reject")
    consultant.questions[1].answer(.redirect("sip:x@example.org"), "redirect")
    #expect(bench.dialer.legs.count == 1)
    // Where the server sends it on to is asked about like any contact.
    consultant.questions[2].answer(.reject(.policy), "reject")
    consultant.questions[3].answer(.reject(.policy), "reject")
    #expect(consultant.questions.map(\.request.alias.parsed) == ["one", "two", "x@example.org", "three"])
    #expect(ann.take() == [.reject(.moved)])
    #expect(answers == ["reject", "redirect", "reject", "reject"])
    nothingIsLeft()
  }

  @Test func aServerThatSendsACallRoundInCirclesIsFollowedFiveTimes() throws {
    let ann = bench.call("bob")
    consultant.isAsked = true
    bench.dialer.legs[0].does(moved("one"))
    for number in 0..<5 { consultant.questions[number].answer(.redirect("sip:one@example.org"), "redirect") }
    #expect(consultant.questions.count == 5 && ann.take() == [.reject(.moved)])
    nothingIsLeft()
  }

  @Test func whoHangsUpWhileARedirectionIsAskedAboutWithdrawsIt() throws {
    let ann = bench.call("bob")
    consultant.isAsked = true
    bench.dialer.legs[0].does(moved("desk"))
    ann.does(.ended(Disconnect(.cancelled)))
    #expect(consultant.questions[0].isWithdrawn && answers == ["withdrawn"])
    consultant.questions[0].answer(gateway("carol"))
    #expect(bench.dialer.legs.count == 1)
    nothingIsLeft()
  }

  // MARK: Transfer

  @Test func aTransferIsDecidedByTheServer() throws {
    let (ann, bob) = try connect()
    bob.does(transfer("desk"))
    // Accepted at once, and with a NOTIFY of 100 by that; it is not refused any more, but fails.
    #expect(bob.take() == [.transferProgress(.accepted)])
    let request = try #require(consultant.questions.first).request
    #expect(request.alias.parsed == "desk" && request.previousServiceName == own && request.resolutions == 1)
    consultant.questions[0].answer(gateway("carol"))
    let carol = try #require(bench.dialer.legs.last)
    #expect(carol.call?.target.calledAlias == "carol")
    carol.does(.answered(media: .audio(port: 27000)))
    ann.does(.answer(.audio(port: 20000)))
    #expect(bob.take().last == .end(.transferred))
    carol.does(.ended(Disconnect(.normal)))
    #expect(ann.take().last == .end(.normal) && answers == ["used"])
    nothingIsLeft()
  }

  @Test func theServerMayRefuseATransfer() throws {
    let (ann, bob) = try connect()
    bob.does(transfer("carol"))
    consultant.questions[0].answer(.reject(.policy), "reject")
    #expect(
      bob.take() == [.transferProgress(.accepted), .transferProgress(.failed(Disconnect(.notFound)))])
    // The call goes on, and may be transferred again.
    bob.does(transfer("carol"))
    consultant.questions[1].answer(nil, "continue")
    #expect(bench.dialer.legs.last?.call?.target.calledAlias == "carol")
    ann.does(.ended(Disconnect(.normal)))
    #expect(answers == ["reject", "continue"])
    nothingIsLeft()
  }

  @Test func aTransferIsFollowedWhereTheServerSendsItOnTo() throws {
    let (ann, bob) = try connect()
    bob.does(transfer("desk"))
    consultant.questions[0].answer(.redirect("sip:carol@127.0.0.1"), "redirect")
    #expect(consultant.questions[1].request.alias.parsed == "carol")
    #expect(
      consultant.questions[1].request.resolutions == 2 && bob.take().first == .transferProgress(.accepted))
    consultant.questions[1].answer(nil, "continue")
    #expect(bench.dialer.legs.last?.call?.target.calledAlias == "carol")
    ann.does(.ended(Disconnect(.normal)))
    #expect(answers == ["redirect", "continue"])
    nothingIsLeft()
  }

  @Test func aServerThatSendsATransferRoundInCirclesIsFollowedTenTimes() throws {
    let (ann, bob) = try connect()
    bob.does(transfer("desk"))
    for number in 0..<Router.maximumResolutions {
      consultant.questions[number].answer(.redirect("sip:desk@127.0.0.1"), "redirect")
    }
    #expect(consultant.questions.count == Router.maximumResolutions)
    #expect(bob.take().last == .transferProgress(.failed(Disconnect(.loop))))
    ann.does(.ended(Disconnect(.normal)))
    nothingIsLeft()
  }

  @Test func whoAskedMayHangUpWhileTheServerThinks() throws {
    let (ann, bob) = try connect()
    bob.does(transfer("desk"))
    bob.does(.ended(Disconnect(.normal)))
    #expect(ann.take().isEmpty && bench.liveCalls == 1)
    consultant.questions[0].answer(gateway("carol"))
    bench.dialer.legs[1].does(.answered(media: .audio(port: 27000)))
    ann.does(.answer(.audio(port: 20000)))
    bench.dialer.legs[1].does(.ended(Disconnect(.normal)))
    #expect(ann.take().last == .end(.normal))
    nothingIsLeft()

    // With nobody to go back to, a refusal ends the call.
    consultant.isAsked = false
    let second = try connect()
    second.bob.does(transfer("desk"))
    second.bob.does(.ended(Disconnect(.normal)))
    consultant.questions[1].answer(.reject(.policy))
    #expect(second.ann.take() == [.end(.notFound)])
    nothingIsLeft()
  }

  @Test func theOtherPartyMayHangUpWhileTheServerThinks() throws {
    let (ann, bob) = try connect()
    bob.does(transfer("desk"))
    ann.does(.ended(Disconnect(.normal)))
    #expect(bob.take().last == .end(.normal) && consultant.questions[0].isWithdrawn)
    consultant.questions[0].answer(gateway("carol"))
    #expect(bench.dialer.legs.count == 1 && answers == ["withdrawn"])
    nothingIsLeft()
  }

  @Test func oneTransferAtATime() throws {
    let (ann, bob) = try connect()
    bob.does(transfer("desk"))
    ann.does(transfer("eve"))
    let busy = Disconnect(.temporarilyUnavailable, protocolCode: 491)
    #expect(ann.take() == [.transferProgress(.failed(busy))] && consultant.questions.count == 1)
    // Nor may anybody take a party's place meanwhile; holding is allowed.
    let call = try #require(bench.host.call(with: bob.id))
    #expect(bench.replace(ann, in: call).take() == [.reject(.notAcceptable)])
    bob.does(.offer(.audio(port: 25000, direction: .sendOnly)))
    ann.does(.answer(.audio(port: 20000, direction: .receiveOnly)))
    #expect(bob.take().last == .answer)
    consultant.questions[0].answer(gateway("carol"))
    let carol = try #require(bench.dialer.legs.last)
    #expect(carol.call?.offer?.streams[0].direction == .sendReceive)
    ann.does(.ended(Disconnect(.normal)))
    #expect(carol.take().last == .end(.normal))
    nothingIsLeft()
  }

  /// A call may be transferred for ever; its record does not grow for ever.
  @Test func theRecordKeepsSoManyAnswers() throws {
    let (ann, bob) = try connect()
    for number in 0..<(DecisionRecord.policyAnswerLimit + 5) {
      bob.does(transfer("carol"))
      consultant.questions[number].answer(.reject(.policy), "reject")
    }
    ann.does(.ended(Disconnect(.normal)))
    #expect(answers.count == DecisionRecord.policyAnswerLimit)
  }
}
