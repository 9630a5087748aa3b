import CallModel
import Testing

@testable import PolicyEngine
@testable import Router

@Suite struct CallLimiterTests {
  typealias Charge = CallLimiter.Charge
  typealias Scope = CallLimiter.Scope
  let start = MonotonicInstant(nanoseconds: 5_000_000_000_000)

  /// Admits a call if nothing stands against it.
  private func admit(
    _ limiter: CallLimiter, _ charges: [Charge], _ now: MonotonicInstant
  ) -> (share: CallLimiter.ShareID?, limit: LimitReached?) {
    if let limit = limiter.refusal(of: charges, now: now) { return (nil, limit) }
    return (limiter.take(charges, now: now), nil)
  }

  @Test func aShareIsGivenBackOnceHoweverOftenThatIsAsked() {
    let limiter = CallLimiter()
    let charge = Charge(Scope(.rule, "r"), CallCaps(concurrentCalls: 2))
    let first = admit(limiter, [charge], start).share
    _ = admit(limiter, [charge], start)
    #expect(admit(limiter, [charge], start).limit == LimitReached(.rule, name: "r", cap: .concurrentCalls))
    for _ in 0..<5 { limiter.release(first) }
    #expect(limiter.concurrentCalls(Scope(.rule, "r")) == 1)
    #expect(admit(limiter, [charge], start).limit == nil)
    #expect(admit(limiter, [charge], start).limit != nil)
  }

  @Test func allAccountsAreChargedOrNone() {
    let limiter = CallLimiter()
    let wide = Charge(Scope(.service), CallCaps(calls: Quota(10, per: .seconds(60))))
    let narrow = Charge(Scope(.rule, "r"), CallCaps(concurrentCalls: 1))
    _ = admit(limiter, [wide, narrow], start)
    for _ in 0..<50 {
      #expect(admit(limiter, [wide, narrow], start).limit?.cap == .concurrentCalls)
    }
    // The refused calls have used up nothing of the wide one.
    for _ in 0..<9 { #expect(admit(limiter, [wide], start).limit == nil) }
    #expect(admit(limiter, [wide], start).limit?.cap == .calls)
  }

  @Test func aQuotaHoldsInEveryWindowAndIsFreeSoonAfterIt() {
    let limiter = CallLimiter()
    let charge = Charge(Scope(.service), CallCaps(calls: Quota(3, per: .seconds(160))))
    for second in [0, 70, 150] as [Int64] {
      #expect(admit(limiter, [charge], start + .seconds(second)).limit == nil)
    }
    #expect(admit(limiter, [charge], start + .seconds(159)).limit?.cap == .calls)
    // The first call is out of the window at 160 s, and forgotten at most a sixteenth of the window later.
    #expect(admit(limiter, [charge], start + .seconds(170)).limit == nil)
    #expect(admit(limiter, [charge], start + .seconds(171)).limit?.cap == .calls)
  }

  @Test func anotherWindowOrAnotherLimitLiftsNothing() {
    let limiter = CallLimiter()
    let scope = Scope(.destination, "abroad")
    for _ in 0..<5 {
      _ = admit(limiter, [Charge(scope, CallCaps(calls: Quota(5, per: .seconds(3600))))], start)
    }
    for window in [1800, 7200, 60] as [Int64] {
      let charge = Charge(scope, CallCaps(calls: Quota(5, per: .seconds(window))))
      #expect(admit(limiter, [charge], start + .seconds(1)).limit?.cap == .calls)
    }
    let more = Charge(scope, CallCaps(calls: Quota(6, per: .seconds(60))))
    #expect(admit(limiter, [more], start + .seconds(2)).limit == nil)
  }

  @Test func differentDestinationsAreCountedAndTheSameOneIsFree() {
    let limiter = CallLimiter()
    func call(_ destination: UInt64, _ second: Int64) -> LimitReached.Cap? {
      let caps = CallCaps(distinctDestinations: Quota(2, per: .seconds(100)))
      let charge = Charge(Scope(.rule, "r", caller: "ann"), caps, destination: destination)
      return admit(limiter, [charge], start + .seconds(second)).limit?.cap
    }
    #expect(call(1, 0) == nil && call(2, 10) == nil)
    for second in 11..<60 { #expect(call(UInt64(second % 2 + 1), Int64(second)) == nil) }
    #expect(call(3, 60) == .distinctDestinations)
    // One was called last at 58 s, the other at 59 s.
    #expect(call(3, 157) == .distinctDestinations)
    #expect(call(3, 158) == nil)
    #expect(call(4, 158) == .distinctDestinations && call(2, 158) == nil)
  }

  @Test func minutesAreCountedAsTheyBeginForAllCallsTogether() throws {
    let limiter = CallLimiter()
    let charge = Charge(Scope(.trunk, "t"), CallCaps(callMinutes: Quota(5, per: .seconds(86_400))))
    let calls = try (0..<2).map { _ in try #require(admit(limiter, [charge], start).share) }
    #expect(calls.allSatisfy { limiter.nextDeadline($0) == nil })
    for call in calls { limiter.beginTime(call, now: start) }
    var now = start
    // Two calls use two minutes a minute: one of them gets a fifth, the other ends where the sixth would begin.
    #expect(calls.allSatisfy { limiter.passTime($0, now: now) == nil })
    now = now + .seconds(60)
    #expect(calls.allSatisfy { limiter.passTime($0, now: now) == nil })
    #expect(admit(limiter, [charge], now).limit == nil)
    now = now + .seconds(60)
    #expect(limiter.passTime(calls[0], now: now) == nil)
    #expect(limiter.passTime(calls[1], now: now) == LimitReached(.trunk, name: "t", cap: .callMinutes))
    #expect(admit(limiter, [charge], now).limit?.cap == .callMinutes)
    #expect(limiter.nextDeadline(calls[0]) == now + .seconds(60))
  }

  @Test func theShortestDurationEndsACall() throws {
    let limiter = CallLimiter()
    let charges = [
      Charge(Scope(.service), CallCaps(maximumDuration: .seconds(7200))),
      Charge(Scope(.rule, "r"), CallCaps(maximumDuration: .seconds(600))),
      Charge(Scope(.rule, "r", caller: "ann"), CallCaps(maximumDuration: .seconds(601))),
    ]
    let share = try #require(limiter.take(charges, now: start))
    limiter.beginTime(share, now: start + .seconds(20))
    limiter.beginTime(share, now: start + .seconds(500))
    #expect(limiter.nextDeadline(share) == start + .seconds(620))
    #expect(limiter.passTime(share, now: start + .seconds(619)) == nil)
    #expect(
      limiter.passTime(share, now: start + .seconds(620))
        == LimitReached(.rule, name: "r", cap: .maximumDuration))
    limiter.release(share)
    #expect(limiter.nextDeadline(share) == nil)
  }

  /// A caller cannot make room for itself by calling under many names, nor fill memory with them.
  @Test func aFloodOfCallersLiftsNobodysCap() {
    let limiter = CallLimiter(capacity: 100)
    func call(_ caller: String, _ now: MonotonicInstant) -> LimitReached? {
      let caps = CallCaps(calls: Quota(3, per: .seconds(3600)))
      let (share, limit) = admit(limiter, [Charge(Scope(.destination, "abroad", caller: caller), caps)], now)
      limiter.release(share)
      return limit
    }
    for _ in 0..<3 { #expect(call("mallory", start) == nil) }
    var admitted = 0
    for n in 0..<5_000 {
      if call("x\(n)", start + .milliseconds(Int64(n))) == nil { admitted += 1 }
    }
    #expect(limiter.accountCount <= 101)
    // Each of those told apart has its share; all the others have one between them.
    #expect(admitted == 99 + 3)
    #expect(call("mallory", start + .seconds(10))?.cap == .calls)
    #expect(call("a stranger", start + .seconds(10))?.caller == "a stranger")
    // Once the windows are over, all are forgotten and there is room again.
    #expect(call("a stranger", start + .seconds(3 * 3600)) == nil)
    #expect(limiter.accountCount == 1)
  }

  @Test func aCallThatTookNoPlaceIsTakenOutOfItsWindow() {
    let limiter = CallLimiter()
    let charge = Charge(Scope(.destination, "abroad"), CallCaps(calls: Quota(1, per: .seconds(60))))
    let share = admit(limiter, [charge], start).share
    #expect(admit(limiter, [charge], start).limit != nil)
    limiter.release(share, isTakenBack: true)
    limiter.release(share, isTakenBack: true)
    #expect(admit(limiter, [charge], start).limit == nil)
    #expect(admit(limiter, [charge], start).limit != nil)
  }

  @Test func aCallThatTakesAnothersPlaceNeedsNoSecondOne() {
    let limiter = CallLimiter()
    let charge = Charge(Scope(.rule, "r"), CallCaps(concurrentCalls: 1))
    let share = admit(limiter, [charge], start).share
    #expect(limiter.refusal(of: [charge], now: start) != nil)
    #expect(limiter.refusal(of: [charge], replacing: share, now: start) == nil)
  }

  @Test func reportsComeOnceAMinuteAndSayHowManyThereWere() {
    var reports = LimitReports()
    let limit = LimitReached(.rule, name: "r", caller: "ann", cap: .calls)
    #expect(reports.report(limit, now: start) == 0)
    for second in 1..<60 { #expect(reports.report(limit, now: start + .seconds(Int64(second))) == nil) }
    #expect(reports.report(LimitReached(.rule, name: "r", cap: .calls), now: start) == 0)
    #expect(reports.report(limit, now: start + .seconds(60)) == 59)
    #expect(reports.counts == [.rule: 62])
  }
}
