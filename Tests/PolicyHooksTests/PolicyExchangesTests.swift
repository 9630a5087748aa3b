import CallModel
import PolicyEngine
import PolicyHooks
import TestSupport
import Testing

/// Conversations with the exchanges of one server, on virtual time.
@Suite struct PolicyExchangesTests {
  /// Exchanges with the clock and the actions in hand.
  struct Bench {
    var exchanges: PolicyExchanges
    var now = MonotonicInstant(nanoseconds: 1_000_000_000_000)
    private(set) var actions: [PolicyExchanges.Action] = []

    init(
      _ hook: PolicyHook = PolicyHook(), kinds: [PolicyRequestKind] = PolicyRequestKind.allCases,
      concurrent: Int = 100, waiting: Int = 1_000
    ) throws {
      exchanges = PolicyExchanges(
        profile: PolicyProfile(
          name: "CRM", url: try PolicyServerURL("http://127.0.0.1"),
          hooks: Dictionary(uniqueKeysWithValues: kinds.map { ($0, hook) }), maximumConcurrent: concurrent,
          maximumWaiting: waiting))
    }

    mutating func ask(_ kind: PolicyRequestKind = .serviceConfiguration) -> PolicyExchanges.ID {
      exchanges.ask(kind, now: now, into: &actions)
    }
    mutating func end(_ id: PolicyExchanges.ID, _ end: PolicyExchangeEnd) {
      exchanges.ended(id, end, now: now, into: &actions)
    }
    mutating func withdraw(_ id: PolicyExchanges.ID) { exchanges.withdraw(id, now: now, into: &actions) }
    /// Lets time pass, stopping at every deadline on the way.
    mutating func wait(_ span: TimeSpan) {
      let end = now + span
      while let deadline = exchanges.nextDeadline, deadline <= end {
        now = deadline
        exchanges.advance(to: now, into: &actions)
      }
      now = end
    }
    /// What was ordered since the last time.
    mutating func take() -> [PolicyExchanges.Action] {
      defer { actions = [] }
      return actions
    }
    mutating func conclusion() -> PolicyConclusion? {
      for case .conclude(_, let conclusion) in take() { return conclusion }
      return nil
    }
    mutating func onlyConclusion() throws -> PolicyConclusion {
      let found = conclusion()
      return try #require(found)
    }
  }

  static func answer(_ status: Int = 200, _ kind: PolicyRequestKind = .serviceConfiguration)
    -> PolicyExchangeEnd
  {
    .answered(status: status, Fixture.read(kind, Fixture.success("{}"), status: status))
  }
  static let refused = PolicyExchangeEnd.failed(.connection("refused"))

  // MARK: One exchange

  @Test func anAnswerConcludes() throws {
    var bench = try Bench()
    let id = bench.ask()
    #expect(bench.take() == [.send(id, attempt: 1)])
    bench.wait(.milliseconds(12))
    bench.end(
      id, .answered(status: 200, Fixture.read(.serviceConfiguration, Fixture.success(Fixture.conference()))))
    let conclusion = try bench.onlyConclusion()
    #expect(conclusion.outcome == .used)
    #expect(!conclusion.isFallback)
    #expect(conclusion.status == 200)
    #expect(conclusion.latency == .milliseconds(12))
    #expect(conclusion.attempts == 1)
    #expect(conclusion.disposition == .continue)
    #expect(bench.exchanges.count == 0)
    #expect(bench.exchanges.nextDeadline == nil)
  }

  @Test func theDeadlineIsFiveSecondsForEverything() throws {
    var bench = try Bench()
    let id = bench.ask()
    _ = bench.take()
    bench.wait(.milliseconds(4_999))
    #expect(bench.take().isEmpty)
    bench.wait(.milliseconds(1))
    let actions = bench.take()
    #expect(actions.first == .cancel(id))
    guard case .conclude(id, let conclusion) = actions.last else { return #expect(Bool(false)) }
    #expect(conclusion.outcome == .timeout)
    #expect(conclusion.verdict == .service(.ownRules))
    #expect(conclusion.isFallback)
    #expect(conclusion.latency == .seconds(5))
    // Late, twice over.
    bench.end(id, Self.answer())
    bench.withdraw(id)
    #expect(bench.take().isEmpty)
  }

  @Test func anAnswerAtTheDeadlineIsLate() throws {
    var bench = try Bench()
    let id = bench.ask()
    bench.now = bench.now + .seconds(5)
    bench.end(id, Self.answer())
    #expect(bench.conclusion()?.outcome == .timeout)
  }

  @Test func eachHookHasItsDeadline() throws {
    var bench = try Bench(kinds: [])
    bench.exchanges = PolicyExchanges(
      profile: PolicyProfile(
        name: "x", url: bench.exchanges.profile.url,
        hooks: [.avatar: PolicyHook(deadline: .seconds(3)), .directory: PolicyHook(deadline: .seconds(1))]))
    let avatar = bench.ask(.avatar)
    let directory = bench.ask(.directory)
    _ = bench.take()
    bench.wait(.seconds(2))
    #expect(bench.take().map(\.id) == [directory, directory])
    bench.wait(.seconds(2))
    #expect(bench.take().map(\.id) == [avatar, avatar])
  }

  @Test func aClosedPooledConnectionIsTriedOnceMore() throws {
    var bench = try Bench()
    let id = bench.ask()
    bench.wait(.seconds(4))
    bench.end(id, .failed(.closedBeforeResponse(wasReused: true)))
    #expect(bench.take() == [.send(id, attempt: 1), .send(id, attempt: 2)])
    bench.end(id, .failed(.closedBeforeResponse(wasReused: true)))
    let conclusion = try bench.onlyConclusion()
    #expect(conclusion.outcome == .error)
    #expect(conclusion.attempts == 2)
    #expect(bench.exchanges.inFlight == 0)
  }

  @Test func theRetryIsWithinTheSameDeadline() throws {
    var bench = try Bench()
    let id = bench.ask()
    bench.wait(.seconds(4))
    bench.end(id, .failed(.closedBeforeResponse(wasReused: true)))
    _ = bench.take()
    bench.wait(.seconds(1))
    let conclusion = try bench.onlyConclusion()
    #expect(conclusion.outcome == .timeout)
    #expect(conclusion.attempts == 2)
  }

  @Test(arguments: [
    PolicyTransportFailure.closedBeforeResponse(wasReused: false), .closedInResponse, .connection("refused"),
    .nameResolution("x"), .tls("bad certificate"), .proxy("407"), .answerTooLong(limit: 5), .malformed("x"),
  ]) func otherFailuresAreFinal(_ failure: PolicyTransportFailure) throws {
    var bench = try Bench()
    bench.end(bench.ask(), .failed(failure))
    let conclusion = try bench.onlyConclusion()
    #expect(conclusion.outcome == .error)
    #expect(conclusion.failure == failure)
    #expect(conclusion.attempts == 1)
    #expect(!failure.description.isEmpty)
  }

  @Test func whoHangsUpIsNotWaitedFor() throws {
    var bench = try Bench()
    let id = bench.ask()
    bench.wait(.seconds(1))
    bench.withdraw(id)
    let actions = bench.take()
    #expect(actions.dropFirst().first == .cancel(id))
    guard case .conclude(id, let conclusion)? = actions.last else { return #expect(Bool(false)) }
    #expect(conclusion.outcome == .withdrawn)
    #expect(bench.exchanges.inFlight == 0)
  }

  // MARK: Fallback

  @Test(arguments: [
    (
      PolicyRequestKind.serviceConfiguration, PolicyVerdict.service(.ownRules), PolicyVerdict.service(.reject)
    ),
    (.participantProperties, .participant(.unchanged), .participant(.reject(reason: nil))),
    (.registration, .registration(.ownDevices), .registration(.refuse)),
    (.mediaLocation, .mediaLocation(nil), .mediaLocation(nil)), (.avatar, .avatar(nil), .avatar(nil)),
    (.directory, .directory(nil), .directory(nil)),
  ])
  func fallbacks(_ kind: PolicyRequestKind, _ continued: PolicyVerdict, _ rejected: PolicyVerdict) throws {
    for (fallback, verdict) in [(PolicyHook.Fallback.continue, continued), (.reject, rejected)] {
      let hook = PolicyHook(fallback: fallback)
      var bench = try Bench(hook)
      bench.end(bench.ask(kind), Self.refused)
      #expect(bench.conclusion()?.verdict == verdict)
      bench.end(bench.ask(kind), Self.answer(503, kind))
      #expect(bench.conclusion()?.verdict == verdict)
      bench.end(bench.ask(kind), .answered(status: 200, Fixture.read(kind, "<html>")))
      let invalid = try bench.onlyConclusion()
      #expect(invalid.verdict == verdict)
      #expect(invalid.isFallback)
      #expect(invalid.findings.count == 1)
      _ = bench.ask(kind)
      bench.wait(.seconds(5))
      #expect(bench.conclusion()?.verdict == verdict)
      // "Not mine" is an answer.
      bench.end(bench.ask(kind), Self.answer(404, kind))
      let notMine = try bench.onlyConclusion()
      #expect(notMine.verdict == continued)
      #expect(!notMine.isFallback)
    }
  }

  // MARK: Concurrency

  @Test func moreThanTheBoundWaitInOrder() throws {
    var bench = try Bench(concurrent: 2, waiting: 2)
    let ids = (0..<4).map { _ in bench.ask() }
    #expect(bench.take() == [.send(ids[0], attempt: 1), .send(ids[1], attempt: 1)])
    let fifth = bench.ask()
    guard case .conclude(fifth, let conclusion)? = bench.take().first else { return #expect(Bool(false)) }
    #expect(conclusion.outcome == .overloaded)
    #expect(conclusion.attempts == 0)
    bench.end(ids[1], Self.answer())
    #expect(bench.take().last == .send(ids[2], attempt: 1))
    bench.withdraw(ids[0])
    #expect(bench.take().last == .send(ids[3], attempt: 1))
    bench.end(ids[3], Self.answer())
    bench.end(ids[2], Self.answer())
    #expect(bench.take().count == 2)
    #expect(bench.exchanges.count == 0 && bench.exchanges.inFlight == 0)
  }

  @Test func waitingCountsTowardsTheDeadline() throws {
    var bench = try Bench(concurrent: 1)
    let first = bench.ask()
    bench.wait(.seconds(4))
    let second = bench.ask()
    bench.wait(.seconds(1))
    // The first is at its end, and the second goes out with what is left of its own time.
    #expect(bench.take().map(\.id) == [first, first, first, second])
    bench.wait(.seconds(3))
    #expect(bench.take().isEmpty)
    bench.wait(.seconds(1))
    #expect(bench.conclusion()?.latency == .seconds(5))
  }

  @Test func whatOnlyWaitedWasNotAsked() throws {
    var bench = try Bench(
      PolicyHook(circuitBreaker: .init(failures: 2, coolDown: .seconds(60))), concurrent: 1)
    _ = bench.ask()
    let second = bench.ask()
    _ = bench.take()
    bench.wait(.seconds(5))
    let conclusions = bench.take().compactMap { action -> PolicyConclusion? in
      if case .conclude(_, let conclusion) = action { conclusion } else { nil }
    }
    #expect(conclusions.map(\.outcome) == [.timeout, .overloaded])
    #expect(conclusions.map(\.attempts) == [1, 0])
    // One failure, not two.
    #expect(!bench.exchanges.isOpen(.serviceConfiguration))
    _ = second
  }

  // MARK: Circuit breaker

  static let breaking = PolicyHook(circuitBreaker: .init(failures: 3, coolDown: .seconds(10)))

  @Test func failuresInARowOpenTheBreaker() throws {
    var bench = try Bench(Self.breaking)
    for _ in 0..<2 { bench.end(bench.ask(), Self.refused) }
    bench.end(bench.ask(), Self.answer())
    for _ in 0..<2 { bench.end(bench.ask(), Self.refused) }
    #expect(!bench.exchanges.isOpen(.serviceConfiguration))
    _ = bench.take()
    let last = bench.ask()
    bench.end(last, Self.refused)
    #expect(bench.take().contains(.breakerChanged(.serviceConfiguration, isOpen: true)))
    _ = bench.ask()
    let skipped = try bench.onlyConclusion()
    #expect(skipped.outcome == .skipped)
    #expect(skipped.isFallback)
    #expect(skipped.attempts == 0)
    #expect(skipped.latency == .zero)
    // The other questions have breakers of their own.
    let other = bench.ask(.avatar)
    #expect(bench.take() == [.send(other, attempt: 1)])
  }

  @Test func oneTrialAfterTheCoolDown() throws {
    var bench = try Bench(Self.breaking)
    for _ in 0..<3 { bench.end(bench.ask(), Self.answer(503)) }
    bench.wait(.nanoseconds(9_999_999_999))
    _ = bench.take()
    _ = bench.ask()
    #expect(bench.conclusion()?.outcome == .skipped)
    bench.wait(.nanoseconds(1))
    let trial = bench.ask()
    #expect(bench.take() == [.send(trial, attempt: 1)])
    _ = bench.ask()
    #expect(bench.conclusion()?.outcome == .skipped)
    // It fails: another ten seconds.
    bench.end(trial, Self.refused)
    #expect(bench.take().count == 1)
    bench.wait(.seconds(10))
    let second = bench.ask()
    #expect(bench.take() == [.send(second, attempt: 1)])
    bench.end(second, Self.answer())
    #expect(bench.take().contains(.breakerChanged(.serviceConfiguration, isOpen: false)))
    let third = bench.ask()
    #expect(bench.take() == [.send(third, attempt: 1)])
  }

  @Test func aTrialThatIsWithdrawnLeavesTheNextOneItsTurn() throws {
    var bench = try Bench(Self.breaking)
    for _ in 0..<3 { bench.end(bench.ask(), Self.refused) }
    bench.wait(.seconds(10))
    bench.withdraw(bench.ask())
    _ = bench.take()
    let next = bench.ask()
    #expect(bench.take() == [.send(next, attempt: 1)])
  }

  @Test func lateNewsDoNotMoveAnOpenBreaker() throws {
    var bench = try Bench(Self.breaking)
    let early = (0..<2).map { _ in bench.ask() }
    for _ in 0..<3 { bench.end(bench.ask(), Self.refused) }
    _ = bench.take()
    bench.end(early[0], Self.answer())
    bench.end(early[1], Self.refused)
    #expect(bench.take().count == 2)
    #expect(bench.exchanges.isOpen(.serviceConfiguration))
  }

  @Test func hangingCountsAndWrongAnswersDoNot() throws {
    var bench = try Bench(Self.breaking)
    for _ in 0..<5 {
      bench.end(bench.ask(), .answered(status: 200, Fixture.read(.serviceConfiguration, "x")))
      bench.end(bench.ask(), Self.answer(404))
      bench.end(bench.ask(), Self.answer(302))
    }
    #expect(!bench.exchanges.isOpen(.serviceConfiguration))
    for _ in 0..<3 { _ = bench.ask() }
    bench.wait(.seconds(5))
    #expect(bench.exchanges.isOpen(.serviceConfiguration))
  }

  @Test func withoutABreakerTheServerIsAlwaysAsked() throws {
    var bench = try Bench()
    for _ in 0..<50 { bench.end(bench.ask(), Self.refused) }
    _ = bench.take()
    let id = bench.ask()
    #expect(bench.take() == [.send(id, attempt: 1)])
  }

  // MARK: Whatever happens

  /// Every question gets exactly one conclusion, within its deadline; the bound holds; nothing is sent after its conclusion.
  @Test(arguments: 1...40) func anyOrderOfEvents(_ seed: Int) throws {
    var random = SplitMix(seed: UInt64(seed))
    let concurrent = Int.random(in: 1...4, using: &random)
    var bench = try Bench(
      PolicyHook(
        circuitBreaker: .init(failures: Int.random(in: 1...4, using: &random), coolDown: .seconds(2))),
      concurrent: concurrent, waiting: Int.random(in: 0...6, using: &random))
    var asked: [PolicyExchanges.ID: MonotonicInstant] = [:]
    var onWire: Set<PolicyExchanges.ID> = []
    var concluded: Set<PolicyExchanges.ID> = []
    func check(_ actions: [PolicyExchanges.Action]) {
      for action in actions {
        switch action {
        case .send(let id, let attempt):
          #expect(!concluded.contains(id))
          #expect(onWire.insert(id).inserted == (attempt == 1))
        case .cancel(let id): #expect(onWire.remove(id) != nil)
        case .conclude(let id, let conclusion):
          #expect(concluded.insert(id).inserted)
          onWire.remove(id)
          #expect(conclusion.latency <= .seconds(5))
        case .breakerChanged: break
        }
      }
      #expect(onWire.count <= concurrent)
      #expect(bench.exchanges.inFlight == onWire.count)
    }
    for _ in 0..<400 {
      switch Int.random(in: 0..<6, using: &random) {
      case 0, 1:
        let id = bench.ask(Bool.random(using: &random) ? .serviceConfiguration : .avatar)
        asked[id] = bench.now
      case 2: bench.wait(.milliseconds(.random(in: 0...1_500, using: &random)))
      case 3:
        // Ends come late and twice, too.
        guard let id = asked.keys.sorted(by: { $0.number < $1.number }).randomElement(using: &random) else {
          continue
        }
        bench.withdraw(id)
      default:
        guard
          let id = (onWire.isEmpty ? Set(asked.keys) : onWire).sorted(by: { $0.number < $1.number })
            .randomElement(using: &random)
        else { continue }
        let ends = [
          Self.answer(), Self.refused, Self.answer(500), .failed(.closedBeforeResponse(wasReused: true)),
        ]
        bench.end(id, ends.randomElement(using: &random) ?? Self.refused)
      }
      check(bench.take())
    }
    bench.wait(.seconds(11))
    check(bench.take())
    #expect(concluded == Set(asked.keys))
    #expect(bench.exchanges.count == 0)
    #expect(bench.exchanges.nextDeadline == nil)
  }
}

extension PolicyExchanges.Action {
  var id: PolicyExchanges.ID? {
    switch self {
    case .send(let id, _), .cancel(let id), .conclude(let id, _): id
    case .breakerChanged: nil
    }
  }
}

@Suite struct PolicyAnswerRecordTests {
  @Test func theRecordSaysWhatWasWrongAndHoldsNoSecret() throws {
    var call = Fixture.call()
    call.thirdPartyPasscode = Secret("4711")
    let id = RequestID(high: 1, low: 2)
    let request = try PolicyHTTPRequest(
      .serviceConfiguration(call, Fixture.node), id: id, server: PolicyServerURL("https://crm.example.org/x"),
      credential: Credential(username: "u", password: Secret("geheim")))
    var bench = try PolicyExchangesTests.Bench()
    let ask = bench.ask()
    bench.wait(.milliseconds(7))
    bench.end(
      ask,
      .answered(
        status: 200,
        Fixture.read(
          .serviceConfiguration,
          Fixture.success(Fixture.conference(#""view":"x","pin":"98765x","colour":"red""#)))))
    let record = PolicyAnswerRecord(
      profile: "CRM", kind: request.kind, id: id, url: request.loggedURL, try bench.onlyConclusion())
    #expect(record.outcome == "invalid")
    #expect(record.isFallback)
    #expect(record.status == 200)
    #expect(record.latency == .milliseconds(7))
    #expect(record.findings.map(\.field) == ["result.pin", "result.view", "result.colour"])
    #expect(record.findings.map(\.isError) == [true, true, false])
    #expect(
      record.url.hasPrefix(
        "https://crm.example.org/x/policy/v1/service/configuration?call_direction=dial_in&"))
    for secret in ["4711", "geheim", "98765"] { #expect(!"\(record)".contains(secret)) }
  }
}
