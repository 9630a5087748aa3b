import CallModel
import PolicyEngine
import Router
import Testing

@testable import Gateway

/// Limits on whole calls: how they end, and that no transfer or redirection is a way around them.
@Suite struct LimitTests {
  private func limited(
    _ pattern: String, _ name: String, trunks: [String] = [], target: CallTarget = .external,
    _ total: CallCaps
  ) -> CallRoutingRule {
    var rule = rule(pattern, target: target, trunks: trunks) { $0.limits = CallLimits(total: total) }
    rule.name = name
    return rule
  }

  private func bench(
    rules: [CallRoutingRule], trunks: [Trunk] = [trunk("one")], destinations: [DestinationLimit] = [],
    devices: [String] = ["bob", "carol"], globals: (inout Globals) -> Void = { _ in }
  ) throws -> GatewayBench {
    try GatewayBench(
      rules: rules, trunks: trunks, devices: devices, destinationLimits: destinations, globals: globals)
  }

  private func answer(_ leg: ScriptedLeg, port: UInt16 = 30000) {
    leg.does(.answered(media: .audio(port: port)))
  }

  private func wait(_ bench: GatewayBench, _ seconds: Int64) {
    bench.loop.advance(to: bench.loop.now + .seconds(seconds))
  }

  @Test func aCallEndsWhenItsTimeIsUpOnBothSidesAndTheRecordSaysWhy() throws {
    let bench = try bench(
      rules: [limited("9.*", "out", trunks: ["one"], CallCaps(maximumDuration: .seconds(100)))])
    let caller = bench.call("91")
    wait(bench, 30)
    let callee = bench.dialer.legs[0]
    answer(callee)
    // Ringing does not count.
    wait(bench, 99)
    #expect(bench.finished.isEmpty)
    wait(bench, 1)
    #expect(caller.take().last == .end(.durationReached) && callee.take().last == .end(.durationReached))
    let record = try #require(bench.finished.first)
    #expect(record.disconnect?.cause == .durationReached && record.endedBy == .tandem)
    #expect(record.events.map(\.what) == ["ended by a limit: rule “out”: maximum_duration"])
    #expect(bench.router.openShares == 0 && bench.loop.nextDeadline == nil)
  }

  @Test func aShorterLimitOfTheTrunkTheNumberOrTheServiceEndsItEarlier() throws {
    func seconds(_ n: Int64) -> CallLimits { CallLimits(total: CallCaps(maximumDuration: .seconds(n))) }
    let cases: [(Int64, Int64, Int64, String)] = [
      (50, 60, 70, "trunk “one”"), (60, 50, 70, "destination “all”"), (60, 70, 50, "service"),
    ]
    for (trunkTime, numberTime, serviceTime, name) in cases {
      let bench = try bench(
        rules: [limited("9.*", "out", trunks: ["one"], CallCaps(maximumDuration: .seconds(100)))],
        trunks: [trunk("one") { $0.limits = seconds(trunkTime) }],
        destinations: [DestinationLimit(name: "all", limits: seconds(numberTime))],
        globals: { $0.limits.total.maximumDuration = .seconds(serviceTime) })
      _ = bench.call("91")
      answer(bench.dialer.legs[0])
      wait(bench, 49)
      #expect(bench.finished.isEmpty)
      wait(bench, 1)
      #expect(bench.finished.first?.events.map(\.what) == ["ended by a limit: \(name): maximum_duration"])
      #expect(bench.router.openShares == 0)
    }
  }

  @Test func minutesOfAllCallsTogetherEndWhatGoesOnAndRefuseWhatComes() throws {
    let bench = try bench(
      rules: [limited("9.*", "out", trunks: ["one"], CallCaps(callMinutes: Quota(3, per: .seconds(86_400))))])
    let callers = [bench.call("91"), bench.call("92")]
    bench.dialer.legs.forEach { answer($0) }
    wait(bench, 61)
    // One has begun its second minute, which was the third of all; for the other's there was none left.
    #expect(bench.liveCalls == 1)
    wait(bench, 60)
    #expect(bench.liveCalls == 0 && callers.allSatisfy { $0.take().last == .end(.durationReached) })
    #expect(bench.call("93").take() == [.reject(.quotaReached)])
    #expect(bench.finished.last?.decision.limit == LimitReached(.rule, name: "out", cap: .callMinutes))
  }

  @Test func aCallBeyondTheNumbersLimitIsRefusedAndTheNextTrunkIsTriedForAFullOne() throws {
    let one = CallLimits(total: CallCaps(concurrentCalls: 1))
    let bench = try bench(
      rules: [rule(".*", trunks: ["one", "two"])],
      trunks: [trunk("one") { $0.limits = one }, trunk("two")],
      destinations: [DestinationLimit(name: "abroad", prefixes: ["+"], limits: one)])
    let first = bench.call("123")
    _ = bench.call("124")
    #expect(bench.dialer.legs.map { $0.call?.target.via } == ["one", "two"])
    _ = bench.call("00471")
    let refused = bench.call("+472")
    #expect(refused.take() == [.reject(.quotaReached)])
    let record = try #require(bench.finished.last)
    #expect(record.attempts.last?.disconnect?.text == "destination “abroad”: concurrent_calls")
    first.does(.ended(Disconnect(.cancelled)))
    _ = bench.call("125")
    #expect(bench.dialer.legs.last?.call?.target.via == "one")
  }

  // MARK: No way around

  @Test func aRedirectionToARefusedNumberIsNotFollowed() throws {
    let bench = try bench(
      rules: [rule("bob", target: .registration), rule(".*", trunks: ["one"])],
      destinations: [DestinationLimit(name: "premium", prefixes: ["0900"], isRefused: true)])
    let caller = bench.call("bob")
    var moved = Disconnect(.moved, protocolCode: 302)
    moved.redirectTargets = ["sip:09001@127.0.0.1"]
    bench.dialer.legs[0].does(.ended(moved))
    #expect(bench.dialer.legs.count == 1)
    #expect(caller.take().last == .reject(.moved))
    #expect(
      bench.finished.first?.events.map(\.what) == [
        "redirection to sip:09001@127.0.0.1 refused: destination “premium”: refuse"
      ])
    #expect(bench.router.openShares == 0)
  }

  @Test func aRedirectionCountsForTheRuleItIsFollowedByAndFreesTheOneBefore() throws {
    let bench = try bench(
      rules: [
        limited("bob", "people", target: .registration, CallCaps(concurrentCalls: 1)),
        limited(
          "9.*", "out", trunks: ["one"], CallCaps(concurrentCalls: 1, calls: Quota(2, per: .seconds(60)))),
      ])
    func redirect(_ leg: ScriptedLeg, to number: String) {
      var moved = Disconnect(.moved, protocolCode: 302)
      moved.redirectTargets = ["sip:\(number)@127.0.0.1"]
      leg.does(.ended(moved))
    }
    let first = bench.call("bob")
    redirect(bench.dialer.legs[0], to: "91")
    #expect(bench.dialer.legs.last?.call?.target.calledAlias == "91")
    // Again by the same rule: it gives up the place it takes.
    redirect(bench.dialer.legs[1], to: "92")
    #expect(bench.dialer.legs.last?.call?.target.calledAlias == "92")
    let second = bench.call("bob")
    redirect(bench.dialer.legs[3], to: "93")
    #expect(second.take().last == .reject(.moved))
    first.does(.ended(Disconnect(.cancelled)))
    #expect(bench.router.openShares == 0)
  }

  @Test func aTransferToARefusedNumberIsRefusedAndTheCallGoesOn() throws {
    let bench = try bench(
      rules: [rule("bob", target: .registration), rule(".*", trunks: ["one"])],
      destinations: [DestinationLimit(name: "premium", prefixes: ["0900"], isRefused: true)])
    _ = bench.call("bob")
    let bob = bench.dialer.legs[0]
    answer(bob)
    _ = bob.take()
    bob.does(.transferRequested(TransferRequest(alias: Alias(sip: "sip:09001@127.0.0.1"))))
    // The caller is registered, so that the refusal may be told.
    #expect(bob.take() == [.transferProgress(.failed(Disconnect(.forbidden)))])
    #expect(bench.dialer.legs.count == 1 && bench.liveCalls == 1)
  }

  @Test func aTransferCountsForItsRuleAndIsGivenBackWhenItFails() throws {
    let bench = try bench(
      rules: [
        rule("bob", target: .registration),
        limited("9.*", "out", trunks: ["one"], CallCaps(concurrentCalls: 1)),
      ])
    func transfer(_ leg: ScriptedLeg, to number: String) {
      leg.does(.transferRequested(TransferRequest(alias: Alias(sip: "sip:\(number)@127.0.0.1"))))
    }
    let caller = bench.call("bob")
    let bob = bench.dialer.legs[0]
    answer(bob)
    transfer(bob, to: "91")
    #expect(bench.call("92").take() == [.reject(.quotaReached)])
    // Nobody answers there: the rule has room again.
    bench.dialer.legs[1].does(refusal(486))
    let other = bench.call("93")
    #expect(bench.dialer.legs.last?.call?.target.calledAlias == "93")
    _ = bob.take()
    transfer(bob, to: "94")
    #expect(bob.take() == [.transferProgress(.failed(Disconnect(.quotaReached)))])
    other.does(.ended(Disconnect(.cancelled)))
    transfer(bob, to: "95")
    let newcomer = try #require(bench.dialer.legs.last)
    answer(newcomer, port: 31000)
    caller.does(.answer(.audio(port: 20000)))
    #expect(bob.take().contains(.end(.transferred)))
    // Bob is gone, and the place belongs to the call until it ends.
    #expect(bench.call("96").take() == [.reject(.quotaReached)])
    caller.does(.ended(Disconnect(.normal)))
    #expect(bench.call("97").take() == [])
    bench.dialer.legs.last?.does(refusal(486))
    #expect(bench.router.openShares == 0)
  }

  @Test func aTransferKeepsTheEarlierEndAndBringsItsOwn() throws {
    for (first, second, end) in [(100, 1_000, 100), (1_000, 30, 70)] as [(Int64, Int64, Int64)] {
      let bench = try bench(
        rules: [
          rule("bob", target: .registration),
          limited("9.*", "out", trunks: ["one"], CallCaps(maximumDuration: .seconds(second))),
        ], globals: { $0.limits.total.maximumDuration = .seconds(first) })
      let caller = bench.call("bob")
      let bob = bench.dialer.legs[0]
      answer(bob)
      wait(bench, 20)
      bob.does(.transferRequested(TransferRequest(alias: Alias(sip: "sip:91@127.0.0.1"))))
      wait(bench, 20)
      answer(bench.dialer.legs[1], port: 31000)
      caller.does(.answer(.audio(port: 20000)))
      wait(bench, end - 41)
      #expect(bench.liveCalls == 1)
      wait(bench, 1)
      #expect(bench.liveCalls == 0 && bench.finished.first?.disconnect?.cause == .durationReached)
      #expect(bench.router.openShares == 0)
    }
  }

  /// The consultation call's party comes with the time it has left and with its place under the rule.
  @Test func anAttendedTransferBringsTheLimitsOfItsParty() throws {
    let bench = try bench(
      rules: [
        rule("bob", target: .registration),
        limited("9.*", "out", trunks: ["one"], CallCaps(concurrentCalls: 1, maximumDuration: .seconds(50))),
      ])
    let caller = bench.call("bob")
    let bob = bench.dialer.legs[0]
    answer(bob)
    let consultation = bench.call("91", offer: .audio(port: 22000), registered: "bob")
    let number = bench.dialer.legs[1]
    answer(number, port: 31000)
    wait(bench, 10)
    bob.does(
      .transferRequested(
        TransferRequest(alias: Alias(sip: "sip:91@127.0.0.1"), replacing: consultation.id)))
    number.does(.answer(.audio(port: 31000)))
    caller.does(.answer(.audio(port: 20000)))
    #expect(bench.liveCalls == 1)
    #expect(bench.call("92").take() == [.reject(.quotaReached)])
    wait(bench, 39)
    #expect(bench.liveCalls == 1)
    wait(bench, 1)
    #expect(bench.liveCalls == 0 && bench.router.openShares == 0)
  }
}
