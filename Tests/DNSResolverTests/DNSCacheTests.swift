import CallModel
import Testing

@testable import DNSResolver

@Suite struct DNSCacheTests {
  private let question = DNSQuestion("a.test", .a)
  private let records = DNSAnswer.records([.address(.v4(0xc000_0201))])
  private let start = MonotonicInstant.zero

  private func cache(_ change: (inout DNSResolverConfiguration.Cache) -> Void = { _ in }) -> DNSCache {
    var configuration = DNSResolverConfiguration.Cache(staleLifetime: .zero)
    change(&configuration)
    return DNSCache(configuration)
  }

  @Test func anAnswerLivesForItsLifetime() {
    var cache = cache()
    #expect(cache.lookup(question, now: start) == .missing)
    #expect(cache.insert(records, for: question, lifetime: 60, now: start) == records)
    #expect(cache.lookup(question, now: start + .seconds(59)) == .fresh(records))
    #expect(cache.lookup(question, now: start + .seconds(60)) == .missing)
    #expect(cache.lookup(DNSQuestion("a.test", .aaaa), now: start) == .missing)
  }

  @Test(
    arguments: [
      (UInt32(0), Int64(0)), (1, 10), (10, 10), (50, 50), (100, 100), (4_000_000, 100),
    ] as [(UInt32, Int64)])
  func lifetimesAreBounded(_ lifetime: UInt32, _ expected: Int64) {
    var cache = cache {
      $0.minimumLifetime = .seconds(10)
      $0.maximumLifetime = .seconds(100)
    }
    _ = cache.insert(records, for: question, lifetime: lifetime, now: start)
    if expected > 0 {
      #expect(cache.lookup(question, now: start + .seconds(expected - 1)) == .fresh(records))
    }
    #expect(cache.lookup(question, now: start + .seconds(expected)) == .missing)
  }

  @Test(
    arguments: [(.noSuchName, nil, 5), (.noData, 20, 20), (.noSuchName, 86_400, 300)]
      as [(DNSAnswer, UInt32?, Int64)])
  func negativeAnswers(_ answer: DNSAnswer, _ lifetime: UInt32?, _ expected: Int64) {
    var cache = cache()
    _ = cache.insert(answer, for: question, lifetime: lifetime, now: start)
    #expect(cache.lookup(question, now: start + .seconds(expected - 1)) == .fresh(answer))
    #expect(cache.lookup(question, now: start + .seconds(expected)) == .missing)
  }

  @Test func failuresAreKeptForAShortTimeAndOurOwnNotAtAll() {
    var cache = cache()
    _ = cache.insert(.failed(.timeout), for: question, lifetime: nil, now: start)
    #expect(cache.lookup(question, now: start + .seconds(4)) == .fresh(.failed(.timeout)))
    #expect(cache.lookup(question, now: start + .seconds(5)) == .missing)
    _ = cache.insert(.failed(.cancelled), for: question, lifetime: nil, now: start + .seconds(6))
    #expect(cache.lookup(question, now: start + .seconds(6)) == .missing)
  }

  /// RFC 8767: an expired answer serves on while the servers fail, but not for ever.
  @Test func expiredAnswersServeWhileTheServersFail() {
    var cache = cache { $0.staleLifetime = .seconds(100) }
    _ = cache.insert(records, for: question, lifetime: 10, now: start)
    let late = start + .seconds(20)
    #expect(cache.lookup(question, now: late) == .stale(records))
    #expect(cache.insert(.failed(.timeout), for: question, lifetime: nil, now: late) == records)
    #expect(cache.lookup(question, now: late + .seconds(4)) == .fresh(records))
    #expect(cache.lookup(question, now: late + .seconds(5)) == .stale(records))
    let tooLate = start + .seconds(110)
    #expect(cache.insert(.failed(.timeout), for: question, lifetime: nil, now: tooLate) == .failed(.timeout))
    // A name that is gone is gone.
    _ = cache.insert(records, for: question, lifetime: 10, now: start)
    #expect(cache.insert(.noSuchName, for: question, lifetime: nil, now: late) == .noSuchName)
  }

  @Test func theOldestAnswerGoesFirstAtTheBound() {
    var cache = cache { $0.capacity = 100 }
    for i in 0..<100 {
      _ = cache.insert(records, for: DNSQuestion("h\(i).test", .a), lifetime: 60, now: start)
    }
    #expect(cache.count == 100)
    // Renewed: no longer the oldest.
    _ = cache.insert(records, for: DNSQuestion("h0.test", .a), lifetime: 60, now: start)
    #expect(cache.count == 100)
    _ = cache.insert(records, for: DNSQuestion("h100.test", .a), lifetime: 60, now: start)
    #expect(cache.count == 100)
    #expect(cache.lookup(DNSQuestion("h0.test", .a), now: start) == .fresh(records))
    #expect(cache.lookup(DNSQuestion("h1.test", .a), now: start) == .missing)
    for round in 0..<50 {
      for i in 0..<100 {
        _ = cache.insert(records, for: DNSQuestion("r\(round)-\(i).test", .a), lifetime: 60, now: start)
      }
    }
    #expect(cache.count == 100)
  }

  @Test func aCapacityOfZeroKeepsNothing() {
    var cache = cache { $0.capacity = 0 }
    _ = cache.insert(records, for: question, lifetime: 60, now: start)
    #expect(cache.count == 0)
  }
}
