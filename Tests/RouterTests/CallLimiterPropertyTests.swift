import CallModel
import TestSupport
import Testing

@testable import PolicyEngine

/// Random admissions, releases and lapses of time, beside a model that keeps every event and counts afresh.
@Suite struct CallLimiterPropertyTests {
  /// One admitted call, as the model remembers it.
  private struct Event {
    var at: MonotonicInstant
    var scopes: [Int]
    var destination: UInt64
    var share: CallLimiter.ShareID?
    var isOpen = true
    var minutes: [MonotonicInstant] = []
    var answered: MonotonicInstant?
  }

  private struct Account {
    var scope: CallLimiter.Scope
    var caps: CallCaps
  }

  private static func accounts(_ random: inout SplitMix) -> [Account] {
    let kinds: [LimitReached.Scope] = [.service, .rule, .trunk, .destination]
    return kinds.map { kind in
      var caps = CallCaps()
      if Bool.random(using: &random) { caps.concurrentCalls = Int.random(in: 1...4, using: &random) }
      if Bool.random(using: &random) {
        caps.calls = Quota(
          Int.random(in: 1...8, using: &random), per: .seconds(Int64.random(in: 1...200, using: &random)))
      }
      if Bool.random(using: &random) {
        caps.callMinutes = Quota(
          Int.random(in: 1...6, using: &random), per: .seconds(Int64.random(in: 60...900, using: &random)))
      }
      if Bool.random(using: &random) {
        caps.distinctDestinations = Quota(
          Int.random(in: 1...3, using: &random), per: .seconds(Int64.random(in: 1...200, using: &random)))
      }
      if Bool.random(using: &random) {
        caps.maximumDuration = .seconds(Int64.random(in: 1...400, using: &random))
      }
      return Account(scope: .init(kind, "x"), caps: caps)
    }
  }

  @Test(arguments: 0..<60) func noCapIsEverExceededAndNoneRefusesWithoutReason(seed: Int) {
    var random = SplitMix(seed: UInt64(seed) &* 977 &+ 3)
    let limiter = CallLimiter()
    let accounts = Self.accounts(&random)
    var events: [Event] = []
    var now = MonotonicInstant(nanoseconds: 1_000_000_000_000)
    for _ in 0..<400 {
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<4:
        // From one deadline to the next, as a timer would.
        let until = now + .milliseconds(Int64.random(in: 0...20_000, using: &random))
        while let next = events.compactMap({ $0.share.flatMap(limiter.nextDeadline) }).min(), next <= until {
          now = max(now, next)
          Self.settle(&events, accounts, limiter, now)
        }
        now = until
      case 4, 5:
        guard let i = events.indices.randomElement(using: &random) else { continue }
        // Also what was released before: that must do nothing.
        limiter.release(events[i].share)
        events[i].isOpen = false
      case 6:
        guard let i = events.indices.filter({ events[$0].isOpen }).randomElement(using: &random),
          let share = events[i].share
        else { continue }
        limiter.beginTime(share, now: now)
        if events[i].answered == nil { events[i].answered = now }
      default:
        let scopes = accounts.indices.filter { _ in Bool.random(using: &random) }
        let destination = UInt64.random(in: 1...5, using: &random)
        let charges = scopes.map {
          CallLimiter.Charge(accounts[$0].scope, accounts[$0].caps, destination: destination)
        }
        let limit = limiter.refusal(of: charges, now: now)
        let exact = scopes.filter {
          !Self.refusals(accounts[$0], $0, events, destination, now, slack: 0).isEmpty
        }
        let loose = scopes.flatMap { Self.refusals(accounts[$0], $0, events, destination, now, slack: 1) }
        if let limit {
          #expect(loose.contains(limit.cap), "refused by \(limit) without reason")
        } else {
          #expect(exact.isEmpty, "admitted beyond a cap")
          let share = limiter.take(charges, now: now)
          events.append(Event(at: now, scopes: scopes, destination: destination, share: share))
        }
      }
      Self.settle(&events, accounts, limiter, now)
    }
    for event in events { limiter.release(event.share) }
    #expect(limiter.openShares == 0)
    for account in accounts { #expect(limiter.concurrentCalls(account.scope) == 0) }
  }

  /// The caps that a new call would exceed; with slack, also those that it may be held to for a sixteenth of the window more.
  private static func refusals(
    _ account: Account, _ index: Int, _ events: [Event], _ destination: UInt64, _ now: MonotonicInstant,
    slack: Int64
  ) -> [LimitReached.Cap] {
    let own = events.filter { $0.scopes.contains(index) }
    func reaches(_ quota: Quota) -> TimeSpan {
      quota.window + TimeSpan(nanoseconds: slack * (quota.window.nanoseconds / 16 + 16))
    }
    var result: [LimitReached.Cap] = []
    let caps = account.caps
    if let most = caps.concurrentCalls, own.count(where: \.isOpen) >= most { result.append(.concurrentCalls) }
    if let quota = caps.calls, own.count(where: { now - $0.at < reaches(quota) }) >= quota.count {
      result.append(.calls)
    }
    if let quota = caps.callMinutes,
      own.flatMap(\.minutes).count(where: { now - $0 < reaches(quota) }) >= quota.count
    {
      result.append(.callMinutes)
    }
    if let quota = caps.distinctDestinations {
      let known = Set(own.filter { now - $0.at < quota.window }.map(\.destination))
      if !known.contains(destination), known.count >= quota.count { result.append(.distinctDestinations) }
    }
    return result
  }

  /// Time passes for what was answered: each call goes on or is ended, and the model agrees with either.
  private static func settle(
    _ events: inout [Event], _ accounts: [Account], _ limiter: CallLimiter, _ now: MonotonicInstant
  ) {
    for i in events.indices {
      guard let share = events[i].share, let due = limiter.nextDeadline(share), due <= now,
        let answered = events[i].answered
      else { continue }
      let limit = limiter.passTime(share, now: now)
      let counting = events[i].scopes.filter { accounts[$0].caps.callMinutes != nil }
      let deadline = events[i].scopes.compactMap { accounts[$0].caps.maximumDuration }.min()
      if let deadline, now - answered >= deadline {
        #expect(limit?.cap == .maximumDuration)
      } else if limit != nil {
        #expect(limit?.cap == .callMinutes)
        let loose = counting.flatMap { refusals(accounts[$0], $0, events, 0, now, slack: 1) }
        #expect(loose.contains(.callMinutes), "ended without reason")
      } else {
        let exact = counting.flatMap { refusals(accounts[$0], $0, events, 0, now, slack: 0) }
        #expect(!exact.contains(.callMinutes), "goes on beyond a cap")
        events[i].minutes.append(now)
      }
      if limit != nil {
        events[i].isOpen = false
        limiter.release(share)
      }
    }
  }
}
