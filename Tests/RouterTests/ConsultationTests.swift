import CallModel
import PolicyEngine
import Router
import Synchronization
import Testing

/// Policy servers before our own rules.
@Suite struct ConsultationTests {
  /// Answers when told to.
  private final class Consultant: PolicyConsultant {
    final class Question: PolicyConsultation {
      var request: CallRequest
      var policy: PolicySnapshot
      var then: ((ExternalDecision) -> Void)?
      private(set) var isWithdrawn = false
      init(_ request: CallRequest, _ policy: PolicySnapshot, _ then: @escaping (ExternalDecision) -> Void) {
        self.request = request
        self.policy = policy
        self.then = then
      }
      func withdraw() {
        isWithdrawn = true
        then = nil
      }
      func answer(_ decision: Decision?) {
        then?(
          ExternalDecision(
            decision,
            answers: [
              PolicyAnswerRecord(
                profile: "CRM", request: "service", requestID: "1", url: "u", outcome: "used")
            ]))
        then = nil
      }
    }

    var questions: [Question] = []
    var isAsked = true

    func consult(
      _ request: CallRequest, _ policy: PolicySnapshot, then: @escaping (ExternalDecision) -> Void
    ) -> (any PolicyConsultation)? {
      guard isAsked else { return nil }
      let question = Question(request, policy, then)
      questions.append(question)
      return question
    }
  }

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
    let consultant = Consultant()
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
}
