import CallModel
import PolicyEngine
import PolicyHooks
import PolicyTestSupport
import Router
import Synchronization
import Testing

/// Policy servers before our own rules.
@Suite struct ConsultationTests {
  private final class Leg: CallLeg {
    let takesOffers = true
    let id: LegID
    let party = LegParty(callProtocol: .sip, isIncoming: true, alias: "sip:caller@example.org")
    weak var observer: (any CallLegObserver)?
    var rejected: Disconnect?
    var redirected: [String]?
    init(_ id: LegID) { self.id = id }
    func progress(_ progress: CallProgress, media: MediaDescription?) {}
    func accept(media: MediaDescription) {}
    func reject(_ disconnect: Disconnect) { rejected = disconnect }
    func redirect(to aliases: [String]) { redirected = aliases }
    func offer(_ media: MediaDescription) {}
    func requestOffer() {}
    func answer(_ media: MediaDescription) {}
    func refuseOffer(_ disconnect: Disconnect) {}
    func send(_ digit: DTMFDigit, duration: TimeSpan) {}
    func send(_ message: CallMessage) {}
    func transferProgressed(_ progress: TransferProgress) {}
    func transfer(to alias: String, replacing leg: LegID?) {}
    func end(_ disconnect: Disconnect) {}
  }

  private final class Host: CallHost {
    var taken: [IncomingCall] = []
    func take(_ incoming: IncomingCall) { taken.append(incoming) }
  }

  private final class Recorder: CallRecorder {
    private let records = Mutex<(began: [CallRecord], ended: [CallRecord])>(([], []))
    var began: [CallRecord] { records.withLock(\.began) }
    var ended: [CallRecord] { records.withLock(\.ended) }
    func began(_ record: CallRecord) -> Bool {
      records.withLock { $0.began.append(record) }
      return true
    }
    func changed(_ record: CallRecord) {}
    func ended(_ record: CallRecord) { records.withLock { $0.ended.append(record) } }
  }

  private final class Bench {
    let loop = SignallingLoop()
    let router: Router
    let exchange: Exchange
    let recorder = Recorder()
    let consultant = ScriptedConsultant()
    let host = Host()
    private var legs: [Leg] = []

    init(_ policy: PolicySnapshot) {
      router = Router(policy: policy)
      exchange = Exchange(
        loop: loop, router: router, ledger: CallLedger(loop: loop, recorder: recorder, router: router))
      exchange.gateway = host
      router.consultant = consultant
    }

    func receive(_ request: CallRequest) -> Leg {
      let leg = Leg(exchange.makeLegID())
      legs.append(leg)
      exchange.receive(request, leg: leg, offer: nil)
      return leg
    }
  }

  private func bench(_ globals: (inout Globals) -> Void = { _ in }) throws -> Bench {
    Bench(
      try snapshot(
        rules: [rule("own", ".*", trunks: [TrunkChoice(trunk: "carrier")])],
        trunks: [
          Trunk(name: "carrier", host: "192.0.2.50", port: 5060, transport: .udp),
          Trunk(name: "other", host: "192.0.2.51", port: 5060, transport: .udp),
        ], globals: globals))
  }

  private let gateway = GatewayConfiguration(
    name: "desk-0f31", tag: "d", remoteAlias: "agent7@pbx.example.org", trunks: [TrunkChoice(trunk: "other")])

  @Test func theServersDecisionComesBeforeOurRules() throws {
    let bench = try bench()
    let leg = bench.receive(request("bob@example.org"))
    #expect(bench.host.taken.isEmpty && bench.exchange.undecidedCount == 1)
    bench.consultant.questions[0].answer(.gateway(gateway))
    let taken = try #require(bench.host.taken.first)
    #expect(taken.routed.decision == .gateway(gateway))
    #expect(taken.routed.hunt.path(failing: .networkFailure) == [["other"]])
    #expect(taken.routed.record.rule == nil)
    #expect(taken.routed.record.policyAnswers.map(\.outcome) == ["used"])
    #expect(bench.recorder.began.first?.decision.policyAnswers.count == 1)
    #expect(bench.exchange.undecidedCount == 0)
    #expect(leg.rejected == nil)
  }

  @Test func ourRulesDecideWhenItIsLeftToUs() throws {
    let bench = try bench()
    _ = bench.receive(request("bob@example.org"))
    bench.consultant.questions[0].answer(nil)
    let taken = try #require(bench.host.taken.first)
    #expect(taken.routed.record.rule == "own")
    #expect(taken.routed.record.policyAnswers.count == 1)
  }

  @Test func withoutAServerTheDecisionIsMadeAtOnce() throws {
    let bench = try bench()
    bench.consultant.isAsked = false
    _ = bench.receive(request("bob@example.org"))
    #expect(bench.host.taken.first?.routed.record.rule == "own")
    #expect(bench.host.taken.first?.routed.record.policyAnswers.isEmpty == true)
  }

  @Test func theServerMayRejectAndRedirect() throws {
    let bench = try bench()
    let rejected = bench.receive(request("bob@example.org"))
    bench.consultant.questions[0].answer(.reject(.policy))
    // The caller is told the same as for a wrong number.
    #expect(rejected.rejected?.cause == .notFound)
    let redirected = bench.receive(request("bob@example.org"))
    bench.consultant.questions[1].answer(.redirect("sip:desk2@example.org"))
    #expect(redirected.redirected == ["sip:desk2@example.org"])
    #expect(bench.recorder.ended.count == 2)
  }

  @Test(arguments: [ServiceConfiguration.Kind.conference, .lecture, .twoStageDialing, .mediaPlayback])
  func aServiceThatNobodyHostsIsNamedInTheRecord(_ kind: ServiceConfiguration.Kind) throws {
    let bench = try bench()
    let leg = bench.receive(request("board@example.org"))
    bench.consultant.questions[0].answer(.service(ServiceConfiguration(kind: kind, name: "Board")))
    #expect(leg.rejected?.cause == .temporarilyUnavailable)
    let record = try #require(bench.recorder.ended.first)
    #expect(record.disconnect?.text == "Not served yet: \(kind.rawValue)" && record.serviceName == "Board")
  }

  /// The record does not say what our own rules would have decided: nothing was.
  @Test func whoHangsUpWithdrawsTheQuestionAndLeavesARecord() throws {
    let bench = try bench()
    let leg = bench.receive(request("bob@example.org"))
    leg.observer?.leg(leg, did: .progress(.trying, media: nil))
    leg.observer?.leg(leg, did: .ended(Disconnect(.cancelled)))
    let question = bench.consultant.questions[0]
    #expect(question.isWithdrawn)
    question.answer(.gateway(gateway))
    #expect(bench.host.taken.isEmpty)
    #expect(bench.exchange.undecidedCount == 0)
    #expect(bench.recorder.ended.map(\.disconnect?.cause) == [.cancelled])
    let record = try #require(bench.recorder.ended.first)
    #expect(record.decision.decision == .reject(.withdrawn))
    #expect(record.decision.rule == nil && record.decision.considered.isEmpty)
    #expect(record.decision.policyAnswers.map(\.outcome) == ["withdrawn"])
    #expect(record.serviceName.isEmpty && record.endedBy == .caller)
    // Its place is free again.
    #expect(bench.exchange.ledger.calls.isEmpty)
  }

  @Test func aCallThatWaitsHoldsUpNoOther() throws {
    let bench = try bench()
    _ = bench.receive(request("bob@example.org"))
    bench.consultant.isAsked = false
    _ = bench.receive(request("eve@example.org"))
    #expect(bench.host.taken.map(\.request.alias.parsed) == ["eve@example.org"])
    bench.consultant.questions[0].answer(nil)
    #expect(bench.host.taken.count == 2)
  }

  @Test func theCallKeepsThePolicyItWasAskedUnder() throws {
    let bench = try bench()
    _ = bench.receive(request("bob@example.org"))
    bench.router.activate(try snapshot(rules: [rule("new", ".*", to: .registration)]))
    bench.consultant.questions[0].answer(nil)
    #expect(bench.host.taken.first?.routed.record.rule == "own")
    #expect(bench.host.taken.first?.routed.policy === bench.consultant.questions[0].policy)
  }

  @Test func nobodyIsAskedAboutWhatIsRefusedAnyway() throws {
    let off = try bench { $0.sipEnabled = false }
    #expect(off.receive(request("bob@example.org")).rejected?.cause == .forbidden)
    let draining = try bench()
    draining.router.isDraining = true
    #expect(draining.receive(request("bob@example.org")).rejected?.cause == .shutdown)
    let scanned = try bench()
    for _ in 0..<30 {
      scanned.router.countBadAttempt(from: IPAddress.v4(0xc000_0209), location: nil, now: scanned.loop.now)
    }
    #expect(scanned.receive(request("bob@example.org")).rejected?.cause == .notFound)
    for bench in [off, draining, scanned] { #expect(bench.consultant.questions.isEmpty) }
  }

  @Test func theSwitchesStandAboveTheServer() throws {
    let bench = try bench { $0.dialOutEnabled = false }
    let leg = bench.receive(request("bob@example.org"))
    bench.consultant.questions[0].answer(.gateway(gateway))
    #expect(leg.rejected?.cause == .forbidden)
  }

  /// A server names each of its calls anew, so that the name cannot tell that a call has been here before.
  @Test func loopsAreToldByTheAlias() throws {
    let bench = try bench()
    _ = bench.receive(request("bob@example.org"))
    bench.consultant.questions[0].answer(.gateway(gateway))
    var hunt = try #require(bench.host.taken.first).routed.hunt
    let token = try #require(hunt.first()?.first).loopToken
    let back = bench.receive(request("bob@example.org", loopTokens: [token]))
    var renamed = gateway
    renamed.name = "desk-77aa"
    bench.consultant.questions[1].answer(.gateway(renamed))
    #expect(back.rejected?.cause == .loop)
  }

  @Test func whoStopsRefusesWhatWaits() throws {
    let bench = try bench()
    let leg = bench.receive(request("bob@example.org"))
    bench.exchange.refuseUndecided(Disconnect(.shutdown))
    #expect(leg.rejected?.cause == .shutdown && bench.exchange.undecidedCount == 0)
    #expect(bench.consultant.questions[0].isWithdrawn)
    #expect(bench.recorder.ended.map(\.endedBy) == [.tandem])
  }

  // MARK: Where media goes

  private func placed(_ change: (inout Policy) -> Void = { _ in }) throws -> Bench {
    var gateway = GatewayConfiguration(name: "out", remoteAlias: "", trunks: [TrunkChoice(trunk: "carrier")])
    gateway.outgoingLocation = "Edge"
    var policy = Policy(
      globals: Globals(),
      locations: [Location(name: "North"), Location(name: "South"), Location(name: "Edge")],
      trunks: [Trunk(name: "carrier", host: "192.0.2.50", port: 5060, transport: .udp)],
      rules: [
        CallRoutingRule(name: "out", priority: 1, pattern: "9.*", gateway: gateway),
        rule("own", ".*", trunks: [TrunkChoice(trunk: "carrier")]),
      ])
    policy.globals.media.addresses = (1...3).map { MediaSettings.Address(bind: .v4(0x0a00_0000 + $0)) }
    policy.locations[0].mediaAddresses = [.v4(0x0a00_0001)]
    policy.locations[2].mediaAddresses = [.v4(0x0a00_0003)]
    change(&policy)
    return Bench(try PolicySnapshot(compiling: policy))
  }

  private func northern(_ alias: String) -> CallRequest {
    var request = request(alias)
    request.location = "North"
    return request
  }

  @Test func mediaGoesWhereTheServerSays() throws {
    let bench = try placed()
    bench.consultant.isAsked = false
    bench.consultant.kinds = [.mediaLocation]
    _ = bench.receive(northern("bob@example.org"))
    // It is a call from now on.
    #expect(bench.host.taken.isEmpty && bench.exchange.ledger.calls.count == 1)
    let question = try #require(bench.consultant.others.first)
    guard case .mediaLocation(let joining) = question.question else { return #expect(Bool(false)) }
    let service = joining.service
    #expect(service.name == "own" && service.uniqueName.hasPrefix("own ") && service.uniqueName.count > 10)
    question.answer(.mediaLocation(MediaLocation(location: "South", overflowLocations: ["North", "Edge"])))
    // South has none of its own: any of them, in the deployment's order.
    let all: [IPAddress] = (1...3).map { .v4(0x0a00_0000 + $0) }
    let taken = try #require(bench.host.taken.first)
    #expect(taken.placement.caller == all && taken.placement.called == all)
    #expect(taken.call.record.decision.policyAnswers.map(\.request) == ["media_location"])

    _ = bench.receive(northern("bob@example.org"))
    bench.consultant.others[1].answer(
      .mediaLocation(MediaLocation(location: "Edge", overflowLocations: ["North"])))
    #expect(bench.host.taken.last?.placement.caller == [.v4(0x0a00_0003), .v4(0x0a00_0001)])
  }

  @Test func withoutAnAnswerTheLocationsOfTheCallCount() throws {
    let bench = try placed()
    bench.consultant.isAsked = false
    _ = bench.receive(northern("bob@example.org"))
    #expect(bench.host.taken.last?.placement.caller == [.v4(0x0a00_0001)])
    #expect(bench.host.taken.last?.placement.called == [.v4(0x0a00_0001)])
    bench.consultant.kinds = [.mediaLocation]
    _ = bench.receive(northern("9123"))
    bench.consultant.others[0].answer(.mediaLocation(nil))
    // The rule sends it out from another location.
    #expect(bench.host.taken.last?.placement.caller == [.v4(0x0a00_0001)])
    #expect(bench.host.taken.last?.placement.called == [.v4(0x0a00_0003)])
    var nowhere = northern("bob@example.org")
    nowhere.location = nil
    _ = bench.receive(nowhere)
    bench.consultant.others[1].answer(.mediaLocation(nil))
    #expect(bench.host.taken.last?.placement == MediaPlacement())
  }

  @Test func whereNothingCanBeChosenNobodyIsAsked() throws {
    let bench = try placed {
      for index in $0.locations.indices { $0.locations[index].mediaAddresses = [] }
    }
    bench.consultant.isAsked = false
    bench.consultant.kinds = [.mediaLocation]
    _ = bench.receive(northern("bob@example.org"))
    #expect(bench.consultant.others.isEmpty && bench.host.taken.count == 1)
    // Nor about a call that gets no media.
    let other = try placed { $0.rules = [] }
    other.consultant.kinds = [.mediaLocation]
    other.consultant.isAsked = false
    #expect(other.receive(northern("bob@example.org")).rejected?.cause == .notFound)
    #expect(other.consultant.others.isEmpty)
  }

  @Test(arguments: [true, false]) func whoIsGoneNeedsNoMedia(_ isCaller: Bool) throws {
    let bench = try placed { $0.globals.limits.total.concurrentCalls = 1 }
    bench.consultant.isAsked = false
    bench.consultant.kinds = [.mediaLocation]
    let leg = bench.receive(northern("bob@example.org"))
    if isCaller {
      leg.observer?.leg(leg, did: .ended(Disconnect(.cancelled)))
    } else {
      bench.exchange.ledger.endAll(Disconnect(.shutdown))
    }
    let question = try #require(bench.consultant.others.first)
    #expect(question.isWithdrawn)
    question.answer(.mediaLocation(nil))
    #expect(bench.host.taken.isEmpty && bench.exchange.undecidedCount == 0)
    let record = try #require(bench.recorder.ended.first)
    #expect(record.decision.rule == "own" && record.endedBy == (isCaller ? .caller : .tandem))
    #expect(record.decision.policyAnswers.map(\.outcome) == ["withdrawn"])
    #expect((leg.rejected?.cause == .shutdown) != isCaller)
    // Its place is free again.
    _ = bench.receive(northern("bob@example.org"))
    #expect(bench.consultant.others.count == 2)
  }

  // MARK: Who takes part

  private func asked(_ kinds: Set<PolicyRequestKind> = [.participantProperties, .mediaLocation]) throws
    -> Bench
  {
    let bench = try placed()
    bench.consultant.isAsked = false
    bench.consultant.kinds = kinds
    return bench
  }

  @Test func theParticipantComesBeforeItsMedia() throws {
    let bench = try asked()
    _ = bench.receive(northern("bob@example.org"))
    let question = try #require(bench.consultant.others.first)
    guard case .participant(let joining, let participant) = question.question else {
      return #expect(Bool(false))
    }
    #expect(joining.service.name == "own" && joining.request.alias.parsed == "bob@example.org")
    guard case .gateway = joining.decision else { return #expect(Bool(false)) }
    #expect(participant.callUUID.count == 36 && participant.participantUUID.count == 36)
    #expect(participant.preauthenticatedRole == nil && participant.stage == .standard)
    var properties = ParticipantProperties()
    properties.remoteDisplayName = "Phone caller"
    let script = PolicyScriptRecord(profile: "CRM", kind: "participant", script: "who.j2", outcome: .used)
    question.answer(.participant(.apply(properties)), scripts: [script])
    // The next question waits for it.
    #expect(bench.host.taken.isEmpty && bench.consultant.others.count == 2)
    bench.consultant.others[1].answer(.mediaLocation(MediaLocation(location: "Edge")))
    let taken = try #require(bench.host.taken.first)
    #expect(taken.participant == properties && taken.placement.caller == [.v4(0x0a00_0003)])
    let record = taken.call.record.decision
    #expect(record.policyAnswers.map(\.request) == ["participant", "media_location"])
    #expect(record.scripts == [script])
  }

  @Test(arguments: ["not on the list", nil]) func whoMayNotTakePartHearsThatTheNumberIsWrong(
    _ reason: String?
  ) throws {
    let bench = try asked()
    let leg = bench.receive(northern("bob@example.org"))
    bench.consultant.others[0].answer(.participant(.reject(reason: reason)), "reject")
    #expect(leg.rejected?.cause == .notFound)
    #expect(bench.host.taken.isEmpty && bench.consultant.others.count == 1)
    #expect(bench.exchange.ledger.calls.isEmpty && bench.exchange.undecidedCount == 0)
    let record = try #require(bench.recorder.ended.first)
    #expect(record.endedBy == .tandem && record.decision.rule == "own")
    #expect(record.decision.policyAnswers.map(\.outcome) == ["reject"])
    #expect(record.events.map(\.what) == (reason.map { ["participant refused: \($0)"] } ?? []))
  }

  @Test(arguments: [true, false]) func whoIsGoneIsNotAskedAbout(_ isCaller: Bool) throws {
    let bench = try asked()
    let leg = bench.receive(northern("bob@example.org"))
    if isCaller {
      leg.observer?.leg(leg, did: .ended(Disconnect(.cancelled)))
    } else {
      bench.exchange.ledger.endAll(Disconnect(.shutdown))
    }
    #expect(bench.consultant.others.count == 1 && bench.consultant.others[0].isWithdrawn)
    bench.consultant.others[0].answer(.participant(.unchanged))
    #expect(bench.host.taken.isEmpty && bench.consultant.others.count == 1)
    #expect(bench.exchange.undecidedCount == 0)
    #expect(bench.recorder.ended.first?.decision.policyAnswers.map(\.outcome) == ["withdrawn"])
  }

  @Test func callsThatLeadNowhereHaveNoParticipants() throws {
    let bench = try placed { $0.rules = [] }
    bench.consultant.isAsked = false
    bench.consultant.kinds = [.participantProperties]
    #expect(bench.receive(northern("bob@example.org")).rejected?.cause == .notFound)
    #expect(bench.consultant.others.isEmpty)
  }

  // MARK: The other questions

  /// What clients will ask goes the same way.
  @Test func participantsPicturesAndDirectoriesCanBeAskedFor() throws {
    let bench = try bench()
    let call = northern("bob@example.org")
    let node = NodeFacts(location: "North", address: nil, versionID: "35", pseudoVersionID: "1")
    var told: [PolicyVerdict] = []
    let questions: [(PolicyQuestion, PolicyVerdict)] = [
      (
        .participant(
          PolicyChain.Joining(
            request: call, service: ServiceFacts(name: "Board", tag: "b"),
            decision: .service(ServiceConfiguration(kind: .conference, name: "Board"))),
          ParticipantFacts(participantUUID: "p", callUUID: "c")),
        .participant(.reject(reason: "Not on the list"))
      ),
      (.avatar(.init(alias: "ann", width: 40, height: 40), location: "North"), .avatar(nil)),
      (.directory(.init(query: "a", registrationAlias: "ann"), location: "North"), .directory(nil)),
    ]
    bench.consultant.kinds = Set(PolicyRequestKind.allCases)
    for (question, verdict) in questions {
      #expect(question.location == "North")
      #expect(bench.router.ask(question) { told.append($0.verdict) } != nil)
      bench.consultant.others.last?.answer(verdict)
      #expect(told.last == verdict)
    }
    let kinds = questions.map { $0.0.request(from: node).kind }
    #expect(kinds == [.participantProperties, .avatar, .directory])
    bench.consultant.kinds = []
    #expect(bench.router.ask(questions[0].0) { _ in } == nil)
  }
}
