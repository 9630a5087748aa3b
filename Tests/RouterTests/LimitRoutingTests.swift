import CallModel
import PolicyEngine
import TestSupport
import Testing

@testable import Router

/// Which limits a routed call meets, and what becomes of it there.
@Suite struct LimitRoutingTests {
  let now = MonotonicInstant.zero
  let wall = WallClock(milliseconds: 0)

  private func router(
    rules: [CallRoutingRule], trunks: [Trunk] = [Trunk(name: "one", host: "192.0.2.1")],
    destinations: [DestinationLimit] = [], globals: (inout Globals) -> Void = { _ in }
  ) throws -> Router {
    var settings = Globals()
    settings.numbering.countryCode = "44"
    globals(&settings)
    var policy = Policy(globals: settings, trunks: trunks, rules: rules)
    policy.destinationLimits = destinations
    return Router(policy: try PolicySnapshot(compiling: policy))
  }

  private func place(
    _ router: Router, _ alias: String, registered: String? = "ann", resolutions: Int = 0,
    at now: MonotonicInstant = .zero
  ) -> RoutedCall {
    router.route(
      request(alias, registered: registered, resolutions: resolutions), now: now, wallClock: wall)
  }

  @Test func aRulesCallsAreLimitedInTotalAndForEachCaller() throws {
    var limited = rule("out", "9.*", trunks: [TrunkChoice(trunk: "one")])
    limited.gateway.limits = CallLimits(
      total: CallCaps(concurrentCalls: 3), perCaller: CallCaps(concurrentCalls: 2))
    let router = try router(rules: [limited, rule("rest", ".*", trunks: [TrunkChoice(trunk: "one")])])
    let first = place(router, "91")
    _ = place(router, "92")
    let third = place(router, "93")
    #expect(third.decision == .reject(.limitReached))
    #expect(third.record.limit == LimitReached(.rule, name: "out", caller: "ann", cap: .concurrentCalls))
    #expect(third.refusalCause(toward: Caller(alias: "ann")) == .quotaReached)
    #expect(place(router, "93", registered: "bob").decision.isCall)
    #expect(place(router, "94", registered: "eve").record.limit?.caller == nil)
    #expect(place(router, "81").decision.isCall)
    router.release(first)
    #expect(place(router, "94", registered: "eve").decision.isCall)
  }

  /// The service has too much to do: 503, and others may have room. A caller has used up its share: 480, wherever it tries.
  @Test func whatACallerIsToldDependsOnWhoseLimitItIs() throws {
    let router = try router(rules: [rule("any", ".*", trunks: [TrunkChoice(trunk: "one")])]) {
      $0.limits.total.concurrentCalls = 2
      $0.limits.perCaller.calls = Quota(1, per: .seconds(60))
    }
    let caller = Caller(alias: "x")
    #expect(place(router, "1").decision.isCall)
    #expect(place(router, "1").refusalCause(toward: caller) == .quotaReached)
    #expect(place(router, "1", registered: "bob").decision.isCall)
    #expect(place(router, "1", registered: "eve").refusalCause(toward: caller) == .limitReached)
  }

  @Test func aNumberIsKnownInEveryFormAndUnderTheLongestPrefix() throws {
    let router = try router(
      rules: [rule("careless", ".*", trunks: [TrunkChoice(trunk: "one")])],
      destinations: [
        DestinationLimit(name: "premium", prefixes: ["+44900", "+49900"], isRefused: true),
        DestinationLimit(name: "support line", prefixes: ["+44900123"]),
        DestinationLimit(
          name: "abroad", prefixes: ["+"], limits: CallLimits(total: CallCaps(concurrentCalls: 1))),
        DestinationLimit(name: "at home", prefixes: ["+44"]),
      ])
    for alias in [
      "+449001", "00449001", "09001", "+44 (0) 900-1", "*31#09001", "0044(900)1@carrier.example", "+00449001",
      "09001;phone-context=+44", "00004490010", "%2b44900%31@carrier.example",
    ] {
      let routed = place(router, alias)
      #expect(routed.decision == .reject(.destinationRefused), "\(alias)")
      #expect(routed.record.limit == LimitReached(.destination, name: "premium", cap: .refused))
      // One of ours is told; to a stranger it is a wrong number.
      #expect(routed.refusalCause(toward: Caller(alias: "x", isRegistered: true)) == .forbidden)
      #expect(routed.refusalCause(toward: Caller(alias: "x")) == .notFound)
    }
    for alias in ["+449001234", "09001234", "+442079460000", "2079460000", "112"] {
      #expect(place(router, alias).hunt.stepCount == 1, "\(alias)")
    }
    var abroad = place(router, "0047221").hunt
    let target = try router.beginAttempt(try #require(abroad.first()?.first), now: now)
    var again = place(router, "+3312").hunt
    let other = try #require(again.first()?.first)
    #expect(throws: LimitReached(.destination, name: "abroad", cap: .concurrentCalls)) {
      try router.beginAttempt(other, now: now)
    }
    router.endAttempt(target)
    router.endAttempt(try router.beginAttempt(other, now: now))
    #expect(router.limitCounts == [.destination: 11])
  }

  /// What counts is the number as it leaves by each trunk, with the trunk's own way to write numbers.
  @Test func theNumberCountsAsItLeaves() throws {
    var bare = Trunk(name: "bare", host: "192.0.2.2")
    bare.numbering = Numbering(bareNumbers: .international)
    let router = try router(
      rules: [
        rule(
          "careless", ".*",
          trunks: [
            TrunkChoice(trunk: "one"),
            TrunkChoice(
              trunk: "bare", calledTransform: AliasTransform(pattern: "0(\\d+)", replacement: "44\\1")),
          ])
      ], trunks: [Trunk(name: "one", host: "192.0.2.1"), bare],
      destinations: [DestinationLimit(name: "premium", prefixes: ["+44900"], isRefused: true)])
    // Refused on both ways out.
    #expect(place(router, "09001").decision == .reject(.destinationRefused))
    // Only what the second trunk makes of it is premium.
    #expect(place(router, "449001").hunt.path(failing: .noResponse) == [["one"]])
    #expect(place(router, "0800").hunt.path(failing: .noResponse) == [["one"], ["bare"]])
  }

  @Test func lookUpsAreRefusedAsCallsAreAndCostNothing() throws {
    let router = try router(
      rules: [rule("careless", ".*", trunks: [TrunkChoice(trunk: "one")])],
      destinations: [DestinationLimit(name: "all", isRefused: true)],
      globals: { $0.limits.perCaller.calls = Quota(1, per: .seconds(60)) })
    let lookUp = router.route(request("123", direction: .nonDial), now: now, wallClock: wall)
    #expect(lookUp.decision == .reject(.destinationRefused) && router.openShares == 0)
  }

  @Test func aCallResolvedAnewIsOneMoreCallOfItsCallerButNotASecondAtOnce() throws {
    let router = try router(rules: [rule("any", ".*", trunks: [TrunkChoice(trunk: "one")])]) {
      $0.limits.perCaller.concurrentCalls = 1
      $0.limits.perCaller.distinctDestinations = Quota(2, per: .seconds(60))
    }
    let first = place(router, "1")
    let second = place(router, "2", resolutions: 1)
    #expect(first.decision.isCall && second.decision.isCall)
    #expect(place(router, "3", resolutions: 2).record.limit?.cap == .distinctDestinations)
    #expect(place(router, "1").record.limit?.cap == .concurrentCalls)
    router.release(first)
    router.release(second)
    #expect(router.openShares == 0)
    #expect(place(router, "3").record.limit?.cap == .distinctDestinations)
  }

  @Test func countsSurviveAnotherPolicy() throws {
    func policy(_ most: Int) throws -> PolicySnapshot {
      var limited = rule("out", ".*", trunks: [TrunkChoice(trunk: "one")])
      limited.gateway.limits = CallLimits(total: CallCaps(calls: Quota(most, per: .seconds(3600))))
      return try snapshot(rules: [limited], trunks: [Trunk(name: "one", host: "192.0.2.1")])
    }
    let router = Router(policy: try policy(5))
    for n in 0..<5 { router.release(place(router, "\(n)")) }
    router.activate(try policy(4))
    #expect(place(router, "6").decision == .reject(.limitReached))
    router.activate(try policy(6))
    #expect(place(router, "6").decision.isCall)
    #expect(place(router, "7").decision == .reject(.limitReached))
  }

  @Test(arguments: [
    ("2001:db8::1", "2001:db8::ffff", true), ("2001:db8::1", "2001:db8:0:1::1", false),
    ("192.0.2.1", "192.0.2.2", false), ("::ffff:192.0.2.1", "192.0.2.1", true),
  ])
  func strangersAreToldApartByAddressOrNetwork(_ a: String, _ b: String, _ isOne: Bool) throws {
    let router = try router(rules: [rule("any", ".*", trunks: [TrunkChoice(trunk: "one")])]) {
      $0.limits.perCaller.concurrentCalls = 1
    }
    func call(_ ip: String) throws -> RoutedCall {
      var call = request("1")
      call.caller.address = TransportAddress(try #require(IPAddress(ip)), 5060)
      return router.route(call, now: now, wallClock: wall)
    }
    #expect(try call(a).decision.isCall)
    #expect(try call(b).decision.isCall == !isOne)
  }

  /// What explain, test, diff, replay and shadow mode take for the outcome is what a live call meets.
  @Test func theToolsRefuseWhatALiveCallIsRefused() throws {
    var random = SplitMix(seed: 20)
    var counts: [Bool: Int] = [:]
    let digits = ["0900", "0049900", "+49900", "+44", "0044", "800", "9", "00", "0"]
    for _ in 0..<400 {
      let transforms: [AliasTransform?] = [
        nil, AliasTransform(pattern: "0(.*)", replacement: "+44\\1"),
        AliasTransform(pattern: ".*(..)", replacement: "0900\\1"),
      ]
      let trunks = ["one", "two", "three"].filter { _ in Bool.random(using: &random) }
      let router = try router(
        rules: [
          rule(
            "out", ".*", to: Int.random(in: 0..<8, using: &random) == 0 ? .registration : .external,
            trunks: trunks.map {
              TrunkChoice(
                trunk: $0, weight: Bool.random(using: &random) ? 1 : nil,
                calledTransform: transforms.randomElement(using: &random) ?? nil)
            })
        ], trunks: ["one", "two", "three"].map { Trunk(name: $0, host: "192.0.2.1") },
        destinations: [
          DestinationLimit(name: "refused", prefixes: ["+44900", "+49900"], isRefused: true),
          DestinationLimit(
            name: "rest", isRefused: Bool.random(using: &random),
            limits: CallLimits(total: CallCaps(concurrentCalls: 5))),
          DestinationLimit(name: "home", prefixes: ["+44"]),
        ])
      let alias =
        (digits.randomElement(using: &random) ?? "") + "\(Int.random(in: 1..<999, using: &random))"
        + (Bool.random(using: &random) ? "@example.net" : "")
      let live = place(router, alias)
      let decided = router.policy.decide(request(alias, registered: "ann"), now: wall).record
      let settled = router.policy.settled(decided)
      #expect(settled.decision == live.decision && settled.limit == live.record.limit, "\(alias) \(trunks)")
      counts[live.decision == .reject(.destinationRefused), default: 0] += 1
      if case .gateway(let gateway) = live.decision {
        let open = router.policy.departures(of: gateway, caller: "").filter { !$0.isRefused }
        #expect(Set(open.map(\.via)) == Set(live.hunt.path(failing: .noResponse).flatMap(\.self)))
      }
    }
    #expect(counts.values.allSatisfy { $0 > 50 }, "\(counts)")
  }
}
