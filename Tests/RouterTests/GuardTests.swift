import CallModel
import PolicyEngine
import Router
import Testing

@Suite struct GuardTests {
  let now = MonotonicInstant.zero
  let wall = WallClock(milliseconds: 0)

  // MARK: Loops

  @Test func aCallThatComesBackToItsRuleIsALoop() throws {
    let router = Router(policy: try snapshot(rules: [rule("any", ".*")]))
    var hunt = router.route(request("ann@example.net"), now: now, wallClock: wall).hunt
    let token = try #require(hunt.first()?.first?.loopToken)
    let back = request("ann@example.net", loopTokens: ["0000000000000000", token])
    #expect(router.route(back, now: now, wallClock: wall).decision == .reject(.loop))
    // Another alias by the same rule is a spiral, not a loop (RFC 3261 §16.3).
    let spiral = request("bob@example.net", loopTokens: [token])
    #expect(router.route(spiral, now: now, wallClock: wall).decision != .reject(.loop))
    // Another system's tokens mean nothing here.
    let other = Router(policy: try snapshot(rules: [rule("any", ".*")]))
    #expect(other.route(back, now: now, wallClock: wall).decision != .reject(.loop))
  }

  @Test(arguments: [(0, true), (1, false), (70, false)])
  func hopsEnd(_ hopsLeft: Int, _ isRefused: Bool) throws {
    let router = Router(policy: try snapshot(rules: [rule("any", ".*")]))
    let decision = router.route(request("a@b.example", hopsLeft: hopsLeft), now: now, wallClock: wall)
      .decision
    #expect((decision == .reject(.tooManyHops)) == isRefused)
  }

  @Test(arguments: [(10, false), (11, true)])
  func resolutionsEnd(_ resolutions: Int, _ isRefused: Bool) throws {
    let router = Router(policy: try snapshot(rules: [rule("any", ".*")]))
    let decision = router.route(request("a@b.example", resolutions: resolutions), now: now, wallClock: wall)
      .decision
    #expect((decision == .reject(.loop)) == isRefused)
  }

  // MARK: Limits

  @Test func concurrentCallsOfACallerAreLimitedAndFreedAgain() throws {
    let policy = try snapshot(rules: [rule("any", ".*")]) { $0.limits.perCaller.concurrentCalls = 2 }
    let router = Router(policy: policy)
    func place(_ registered: String?) -> RoutedCall {
      router.route(request("a@b.example", registered: registered), now: now, wallClock: wall)
    }
    let first = place("ann@example.org")
    _ = place("ANN@example.org")
    #expect(place("ann@example.org").decision == .reject(.limitReached))
    #expect(place("bob@example.org").decision != .reject(.limitReached))
    router.release(first.admission)
    #expect(place("ann@example.org").decision != .reject(.limitReached))
  }

  @Test func callsPerSecondRefillWithTime() throws {
    let policy = try snapshot(rules: [rule("any", ".*")]) { $0.limits.total.callsPerSecond = 2 }
    let router = Router(policy: policy)
    func isRefused(_ at: MonotonicInstant) -> Bool {
      router.route(request("a@b.example"), now: at, wallClock: wall).decision == .reject(.limitReached)
    }
    #expect([isRefused(now), isRefused(now), isRefused(now)] == [false, false, true])
    #expect(isRefused(now + .milliseconds(400)))
    #expect(!isRefused(now + .milliseconds(600)))
    #expect(isRefused(now + .milliseconds(700)))
  }

  @Test func lookUpsOccupyNoLimit() throws {
    let policy = try snapshot(rules: [rule("any", ".*")]) { $0.limits.total.concurrentCalls = 1 }
    let router = Router(policy: policy)
    for _ in 0..<5 {
      let routed = router.route(request("a@b.example", direction: .nonDial), now: now, wallClock: wall)
      #expect(routed.decision != .reject(.limitReached))
    }
  }

  @Test func aFullTrunkTakesNoFurtherAttempt() throws {
    let policy = try snapshot(
      rules: [rule("any", ".*", trunks: [TrunkChoice(trunk: "one")])],
      trunks: [Trunk(name: "one", host: "192.0.2.1", limits: CallLimits(total: CallCaps(concurrentCalls: 1)))]
    )
    let router = Router(policy: policy)
    var hunt = router.route(request("1"), now: now, wallClock: wall).hunt
    let target = try #require(hunt.first()?.first)
    let begun = try router.beginAttempt(target, now: now)
    #expect(throws: LimitReached(.trunk, name: "one", cap: .concurrentCalls)) {
      try router.beginAttempt(target, now: now)
    }
    router.endAttempt(begun)
    router.endAttempt(begun)
    _ = try router.beginAttempt(target, now: now)
  }

  // MARK: Break-in protection

  @Test func aScannerIsQuarantinedAndHeardAgainLater() throws {
    let policy = try snapshot(rules: [rule("known", "known@example.org")]) {
      $0.breakIn.maximumScanAttempts = 5
      $0.breakIn.window = .seconds(600)
    }
    let router = Router(policy: policy)
    func call(_ alias: String, from: String, _ at: MonotonicInstant) -> Decision {
      router.route(request(alias, from: from), now: at, wallClock: wall).decision
    }
    for n in 0..<5 { #expect(call("\(n)", from: "198.51.100.7:5060", now) == .reject(.notFound)) }
    #expect(!router.isQuarantined(IPAddress("198.51.100.7")!, now: now))
    // The sixth unknown alias puts the source away, and from then on nothing works, whatever its port.
    #expect(call("x", from: "198.51.100.7:5060", now) == .reject(.blocked))
    #expect(call("known@example.org", from: "198.51.100.7:999", now) == .reject(.blocked))
    // Blocked looks like a wrong number.
    #expect(Rejection.blocked.cause == Rejection.notFound.cause)
    #expect(call("known@example.org", from: "198.51.100.8:5060", now) != .reject(.blocked))
    #expect(call("known@example.org", from: "198.51.100.7:5060", now + .seconds(1300)) != .reject(.blocked))
  }

  @Test func theAllowListIsNeverQuarantined() throws {
    let policy = try snapshot {
      $0.breakIn.maximumScanAttempts = 5
      $0.breakIn.allowList = [IPNetwork("198.51.100.0/24")!]
    }
    let router = Router(policy: policy)
    for n in 0..<50 {
      _ = router.route(request("\(n)", from: "198.51.100.7:5060"), now: now, wallClock: wall)
    }
    #expect(!router.isQuarantined(IPAddress("198.51.100.7")!, now: now))
  }

  /// Switched off, quarantine neither begins nor holds any longer.
  @Test func quarantineMayBeOffEverywhereOrInOneLocation() throws {
    func policy(global: Bool, office: Bool?) throws -> PolicySnapshot {
      var policy = Policy(
        locations: [Location(name: "office", scanQuarantine: office), Location(name: "edge")])
      policy.globals.breakIn.maximumScanAttempts = 5
      policy.globals.breakIn.scanQuarantineEnabled = global
      return try PolicySnapshot(compiling: policy)
    }
    func guesses(_ router: Router, at location: String?) {
      for n in 0..<9 {
        var call = request("\(n)", from: "198.51.100.7:5060")
        call.location = location
        _ = router.route(call, now: now, wallClock: wall)
      }
    }
    let source = IPAddress("198.51.100.7")!
    for (global, office, edgeIsGuarded, officeIsGuarded) in [
      (true, nil, true, true), (true, false, true, false), (false, nil, false, false),
      (false, true, false, true),
    ] as [(Bool, Bool?, Bool, Bool)] {
      for (location, isGuarded) in [("edge", edgeIsGuarded), ("office", officeIsGuarded)] {
        let router = Router(policy: try policy(global: global, office: office))
        guesses(router, at: location)
        #expect(router.isQuarantined(source, location: location, now: now) == isGuarded)
        #expect(
          router.breakIn.quarantined(now: now) == (isGuarded ? [source] : []),
          "\(global) \(office.debugDescription) \(location)")
      }
    }
    // What holds is what the policy in force says of the place where the call arrives.
    let router = Router(policy: try policy(global: true, office: false))
    guesses(router, at: "edge")
    var call = request("known", from: "198.51.100.7:5060")
    call.location = "office"
    #expect(router.route(call, now: now, wallClock: wall).decision == .reject(.notFound))
    call.location = "edge"
    #expect(router.route(call, now: now, wallClock: wall).decision == .reject(.blocked))
    router.activate(try policy(global: false, office: nil))
    #expect(router.route(call, now: now, wallClock: wall).decision == .reject(.notFound))
  }

  @Test func attemptsSpreadOverWindowsAreForgotten() throws {
    let policy = try snapshot {
      $0.breakIn.maximumScanAttempts = 5
      $0.breakIn.window = .seconds(10)
    }
    let router = Router(policy: policy)
    for n in 0..<30 {
      _ = router.route(
        request("\(n)", from: "198.51.100.7:5060"), now: now + .seconds(Int64(n * 3)), wallClock: wall)
    }
    #expect(!router.isQuarantined(IPAddress("198.51.100.7")!, now: now + .seconds(90)))
  }

  @Test func drainingRefusesNewCallsOnly() throws {
    let router = Router(policy: try snapshot(rules: [rule("any", ".*")]))
    router.isDraining = true
    #expect(router.route(request("a@b.example"), now: now, wallClock: wall).decision == .reject(.shutdown))
    let lookUp = router.route(request("a@b.example", direction: .nonDial), now: now, wallClock: wall)
    #expect(lookUp.decision != .reject(.shutdown))
  }
}
