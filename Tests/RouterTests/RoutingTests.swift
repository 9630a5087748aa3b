import CallModel
import PolicyEngine
import Router
import TestSupport
import Testing

@Suite struct RoutingTests {
  let now = MonotonicInstant.zero
  let wall = WallClock(milliseconds: 1_000_000)

  @Test func aRegisteredDeviceIsReachedByARuleOnly() throws {
    let policy = try snapshot(
      rules: [rule("people", #".+@example\.org"#, to: .registration)],
      devices: [Device(alias: "bob@example.org", allowsSIP: true)])
    let router = Router(policy: policy)
    router.registrations.add(binding("bob@example.org")) { _ in false }
    let routed = router.route(request("BOB@example.org"), now: now, wallClock: wall)
    #expect(routed.record.rule == "people")
    #expect(routed.hunt.path(failing: .busy) == [["registration"]])

    let other = router.route(request("bob@example.net"), now: now, wallClock: wall)
    #expect(other.decision == .reject(.notFound))
    #expect(other.hunt.stepCount == 0)
  }

  @Test func aRuleThatMatchesIsFinalThoughItsDeviceIsAway() throws {
    let policy = try snapshot(
      rules: [
        rule("people", #".+@example\.org"#, to: .registration, priority: 10),
        rule("rest", ".*", priority: 20, trunks: [TrunkChoice(trunk: "carrier")]),
      ], trunks: [Trunk(name: "carrier", host: "192.0.2.50", port: 5060, transport: .udp)])
    let routed = Router(policy: policy).route(request("bob@example.org"), now: now, wallClock: wall)
    #expect(routed.record.rule == "people")
    #expect(routed.hunt.stepCount == 0)
  }

  @Test func anExternalTargetPrefersTheRegistration() throws {
    let policy = try snapshot(
      rules: [rule("any", ".*", trunks: [TrunkChoice(trunk: "carrier")])],
      trunks: [Trunk(name: "carrier", host: "192.0.2.50", port: 5060, transport: .udp)],
      devices: [Device(alias: "bob@example.org", allowsSIP: true)])
    let router = Router(policy: policy)
    let away = router.route(request("bob@example.org"), now: now, wallClock: wall)
    #expect(away.hunt.path(failing: .networkFailure) == [["carrier"]])
    router.registrations.add(binding("bob@example.org")) { _ in false }
    let here = router.route(request("bob@example.org"), now: now, wallClock: wall)
    #expect(here.hunt.path(failing: .networkFailure) == [["registration"]])
  }

  @Test func allDevicesOfAnAliasRingTogetherMostPreferredFirst() throws {
    let policy = try snapshot(
      rules: [rule("people", ".*", to: .registration)], devices: [Device(alias: "bob", allowsSIP: true)])
    let router = Router(policy: policy)
    router.registrations.add(binding("bob", contact: "sip:a@192.0.2.1", q: 0.2)) { _ in false }
    router.registrations.add(binding("bob", contact: "sip:b@192.0.2.2", q: 0.9)) { _ in false }
    router.registrations.add(binding("bob", contact: "sip:c@192.0.2.3", expires: .seconds(-1))) { _ in false }
    var hunt = router.route(request("bob"), now: now, wallClock: wall).hunt
    let contacts = hunt.first()?.compactMap { target -> String? in
      if case .device(let binding) = target.destination { binding.contact } else { nil }
    }
    #expect(contacts == ["sip:b@192.0.2.2", "sip:a@192.0.2.1"])
  }

  @Test func withoutTrunksTheAliasOwnDomainIsUsed() throws {
    let router = Router(policy: try snapshot(rules: [rule("any", ".*")]))
    let routed = router.route(request("ann@example.net"), now: now, wallClock: wall)
    #expect(routed.hunt.path(failing: .networkFailure) == [["dns"]])
    // An alias without a domain leads nowhere.
    #expect(router.route(request("12345"), now: now, wallClock: wall).hunt.stepCount == 0)
  }

  /// Routing reference §3.4, third row: a registration is reached by its own protocol.
  @Test func aDeviceIsCalledInTheProtocolItRegisteredWith() throws {
    let policy = try snapshot(
      rules: [
        rule("B", #"(.+)@example\.org"#, to: .registration, priority: 20),
        rule("D", ".*", priority: 40, trunks: [TrunkChoice(trunk: "carrier")]),
      ], trunks: [Trunk(name: "carrier", host: "192.0.2.50")],
      devices: [Device(alias: "bob@example.org", allowsH323: true)])
    let router = Router(policy: policy)
    var h323 = binding("bob@example.org")
    h323.callProtocol = .h323
    router.registrations.add(h323) { _ in false }
    var call = request("Bob@EXAMPLE.ORG;user=phone")
    var routed = router.route(call, now: now, wallClock: wall)
    #expect(routed.hunt.first()?.map(\.callProtocol) == [.h323])
    // A device that is not registered ends it: D is not tried.
    call.alias = Alias(sip: "sip:carol@example.org")
    routed = router.route(call, now: now, wallClock: wall)
    #expect(routed.record.rule == "B" && routed.hunt.stepCount == 0)
  }

  @Test func aDeviceIsFoundWhateverFormOfItsAliasARuleLeadsTo() throws {
    for (replacement, isFound) in [
      ("sip:bob@example.org", true), (#"sips:BOB@example.org;transport=tcp"#, true),
      ("bob@example.org", true),
      ("sip:bob@example.org:5070", true), ("sip:carol@example.org", false),
      // Where an address is given, the call goes there.
      ("sip:dave@192.0.2.7", false),
    ] {
      let router = Router(
        policy: try snapshot(
          rules: [rule("any", ".*", to: .registration, replace: replacement)],
          devices: ["bob@example.org", "dave"].map { Device(alias: $0, allowsSIP: true) }))
      router.registrations.add(binding("bob@example.org")) { _ in false }
      router.registrations.add(binding("dave")) { _ in false }
      let routed = router.route(request("x"), now: now, wallClock: wall)
      #expect((routed.hunt.stepCount == 1) == isFound, "\(replacement)")
    }
  }

  @Test func registrationsAndDevicesFoldCaseAlike() throws {
    let policy = try snapshot(
      rules: [rule("any", ".*", to: .registration)],
      devices: [Device(alias: "STRASSE.İ.ΣΟΣ", allowsSIP: true)])
    let router = Router(policy: policy)
    router.registrations.add(binding("STRASSE.İ.ΣΟΣ")) { _ in false }
    // ς is a σ at the end of a word: the same letter.
    var call = request("x")
    call.alias = Alias(full: "strasse.İ.σος", parsed: "strasse.İ.σος", local: "strasse.İ.σος")
    #expect(policy.device(alias: call.alias.parsed) != nil)
    #expect(router.route(call, now: now, wallClock: wall).hunt.stepCount == 1)
  }

  @Test(arguments: [
    (CallTarget.mssipConferenceID, CallProtocol.mssip), (.mssipServer, .sip), (.teamsUser, .sip),
    (.teamsConference, .sip), (.telehealthProfile, .sip), (.external, .h323), (.external, .rtmp),
    (.external, .mssip),
  ])
  func whatIsNotServedIsRefused(_ target: CallTarget, _ callProtocol: CallProtocol) throws {
    var unserved = rule("any", ".*", to: target, trunks: [TrunkChoice(trunk: "carrier")])
    unserved.gateway.outgoingProtocol = callProtocol
    unserved.gateway.telehealthProfile = "t"
    var policy = Policy(
      trunks: [Trunk(name: "carrier", host: "192.0.2.50")], devices: [Device(alias: "bob", allowsSIP: true)],
      rules: [unserved])
    policy.telehealthProfiles = [TelehealthProfile(name: "t", url: "https://t.example")]
    let router = Router(policy: try PolicySnapshot(compiling: policy))
    let routed = router.route(request("5551234@example.org"), now: now, wallClock: wall)
    #expect(routed.decision == .reject(.notServed) && routed.record.decision == .reject(.notServed))
    #expect(routed.record.rule == "any" && routed.hunt.stepCount == 0)
    // A policy server that says the same fares no better.
    let said = ExternalDecision(.gateway(unserved.gateway))
    #expect(
      router.route(request("1@example.org"), external: said, now: now, wallClock: wall).decision
        == .reject(.notServed))
    // A registered device is called in its own protocol, whatever the rule says of others.
    router.registrations.add(binding("bob")) { _ in false }
    let here = router.route(request("bob"), now: now, wallClock: wall)
    #expect((here.hunt.stepCount == 1) == (target == .external))
  }

  @Test func aRuleThatFailsIsReported() throws {
    let router = Router(policy: try snapshot(rules: [rule("bad", "(a+)+$", priority: 1)]))
    var failed: [String] = []
    router.onRuleError = { rule, request, untold in
      failed.append("\(rule) \(untold) \(request.alias.parsed.count)")
    }
    let long = String(repeating: "a", count: 40) + "b"
    #expect(router.route(request(long), now: now, wallClock: wall).decision == .reject(.ruleError))
    #expect(failed == ["bad 0 41"])
    // Once a minute; the others are counted.
    for second in [1, 30, 59] as [Int64] {
      _ = router.route(request(long), now: now + .seconds(second), wallClock: wall)
    }
    #expect(failed == ["bad 0 41"])
    _ = router.route(request(long), now: now + .seconds(60), wallClock: wall)
    #expect(failed == ["bad 0 41", "bad 3 41"])
    #expect(router.route(request("c"), now: now, wallClock: wall).decision == .reject(.notFound))
    #expect(failed.count == 2)
    // Another policy has other rules.
    router.activate(router.policy)
    _ = router.route(request(long), now: now + .seconds(61), wallClock: wall)
    #expect(failed.last == "bad 0 41" && failed.count == 3)
  }

  @Test func eachTrunkTransformsOnItsOwn() throws {
    let choices = [
      TrunkChoice(
        trunk: "one", calledTransform: AliasTransform(pattern: #"00(\d+)"#, replacement: #"+\1"#),
        callingTransform: AliasTransform(pattern: #"caller@.*"#, replacement: "main@company.example"),
        ringTimeout: .seconds(7)),
      TrunkChoice(trunk: "two"),
    ]
    let policy = try snapshot(
      rules: [rule("pstn", #"9(\d+)"#, replace: #"\1"#, trunks: choices)],
      trunks: [Trunk(name: "one", host: "192.0.2.1"), Trunk(name: "two", host: "192.0.2.2")])
    var hunt = Router(policy: policy).route(request("9004712345@192.0.2.7"), now: now, wallClock: wall).hunt
    let first = try #require(hunt.first()?.first)
    #expect(first.calledAlias == "+4712345")
    #expect(first.callingAlias == "main@company.example")
    #expect(first.ringTimeout == .seconds(7))
    let second = try #require(hunt.next(after: .networkFailure)?.first)
    #expect(second.calledAlias == "004712345")
    #expect(second.callingAlias == nil)
  }

  @Test(arguments: [
    (Cause.networkFailure, true), (.noResponse, true), (.congestion, true), (.serverFailure, true),
    (.busy, false), (.declined, false), (.notFound, false), (.noAnswer, false), (.cancelled, false),
  ])
  func failoverHappensOnSelectedCausesOnly(_ cause: Cause, _ continues: Bool) throws {
    let choices = [TrunkChoice(trunk: "one"), TrunkChoice(trunk: "two")]
    let trunks = [Trunk(name: "one", host: "192.0.2.1"), Trunk(name: "two", host: "192.0.2.2")]
    let policy = try snapshot(rules: [rule("pstn", ".*", trunks: choices)], trunks: trunks)
    let routed = Router(policy: policy).route(request("1"), now: now, wallClock: wall)
    #expect(routed.hunt.path(failing: cause) == (continues ? [["one"], ["two"]] : [["one"]]))

    let asked = try snapshot(
      rules: [rule("pstn", ".*", trunks: choices, continueOn: [cause])], trunks: trunks)
    let again = Router(policy: asked).route(request("1"), now: now, wallClock: wall)
    #expect(again.hunt.path(failing: cause) == [["one"], ["two"]])
  }

  @Test func weightsDivideCallsInProportion() throws {
    let choices = [
      TrunkChoice(trunk: "big", weight: 3), TrunkChoice(trunk: "small", weight: 1),
      TrunkChoice(trunk: "last"),
    ]
    let policy = try snapshot(
      rules: [rule("pstn", ".*", trunks: choices)],
      trunks: ["big", "small", "last"].map { Trunk(name: $0, host: "192.0.2.1") })
    let router = Router(policy: policy, random: SplitMix(seed: 7))
    var first: [String: Int] = [:]
    for _ in 0..<2000 {
      let path = router.route(request("1", direction: .nonDial), now: now, wallClock: wall).hunt
        .path(failing: .networkFailure).flatMap { $0 }
      #expect(path.count == 3 && path[2] == "last")
      first[path[0], default: 0] += 1
    }
    let share = Double(first["big"] ?? 0) / 2000
    #expect(abs(share - 0.75) < 0.04)
  }

  @Test func aTrunkThatIsDownIsTriedLastUntilItIsDueAgain() throws {
    let choices = [TrunkChoice(trunk: "one"), TrunkChoice(trunk: "two")]
    let policy = try snapshot(
      rules: [rule("pstn", ".*", trunks: choices)],
      trunks: [Trunk(name: "one", host: "192.0.2.1"), Trunk(name: "two", host: "192.0.2.2")])
    let router = Router(policy: policy)
    var changes: [(String, Bool)] = []
    router.onTrunkChange = { name, isUp, _ in changes.append((name, isUp)) }
    func order(_ at: MonotonicInstant) -> [[String]] {
      router.route(request("1"), now: at, wallClock: wall).hunt.path(failing: .networkFailure)
    }
    router.report(trunk: "one", failure: .noResponse, now: now)
    #expect(order(now) == [["one"], ["two"]])
    router.report(trunk: "one", failure: .noResponse, now: now)
    #expect(order(now) == [["two"], ["one"]])
    // Health is no part of the policy: a reload keeps it.
    router.activate(policy)
    #expect(order(now) == [["two"], ["one"]])
    #expect(order(now + .seconds(31)) == [["one"], ["two"]])
    router.report(trunk: "one", failure: nil, now: now + .seconds(1))
    #expect(order(now + .seconds(1)) == [["one"], ["two"]])
    #expect(changes.map(\.0) == ["one", "one"] && changes.map(\.1) == [false, true])
  }
}
