import Testing

@testable import MediaRelay

/// When a thread lets packets gather.
@Suite struct PaceTests {
  private let millisecond: Int64 = 1_000_000

  /// Rests per second of a thread that gets packets at this rate, evenly, and how many it finds per round.
  private func run(rate: Int64, longest: Int64, batch: Int64 = 1) -> (longest: Int64, perRound: Double) {
    var pace = Pace(longest: longest)
    let step = 1_000 * millisecond / rate * batch
    var (now, next, longestRest, rounds, packets) = (Int64(0), Int64(0), Int64(0), 0, 0)
    while now < 1_000 * millisecond {
      var found: Int64 = 0
      while next <= now {
        found += batch
        next += step
      }
      let rest = pace.rest(after: Int(found), at: now)
      if now > 100 * millisecond {
        longestRest = max(longestRest, rest)
        rounds += 1
        packets += Int(found)
      }
      now = max(now + rest, next)
    }
    return (longestRest, Double(packets) / Double(max(1, rounds)))
  }

  @Test("Few packets are not waited with")
  func few() {
    for rate in [1, 50, 500, 1_900] as [Int64] {
      #expect(run(rate: rate, longest: millisecond).longest == 0, "\(rate)")
    }
  }

  @Test("Some are gathered, never longer than allowed", arguments: [300_000, 1_000_000] as [Int64])
  func some(_ longest: Int64) {
    for rate in [2_100, 5_000, 10_000, 20_000] as [Int64] where rate * longest > 2_000 * millisecond {
      let result = run(rate: rate, longest: longest)
      #expect(result.longest > 0 && result.longest <= longest, "\(rate)")
      let possible = min(Double(Pace.worthwhile), Double(rate * longest) / 1e9)
      #expect(result.perRound > possible * 0.45, "\(rate): \(result.perRound) of \(possible)")
    }
  }

  @Test("Many come together anyway")
  func many() {
    #expect(run(rate: 200_000, longest: millisecond).longest == 0)
    #expect(run(rate: 20_000, longest: millisecond, batch: 20).longest == 0)
  }

  @Test("Zero never waits, and a pause is forgotten at once")
  func never() {
    #expect(run(rate: 5_000, longest: 0).longest == 0)
    var pace = Pace(longest: millisecond)
    for i in 0..<1_000 as Range<Int64> { _ = pace.rest(after: 1, at: i * 200_000) }
    #expect(pace.rest(after: 1, at: 200 * millisecond) > 0)
    #expect(pace.rest(after: 1, at: 10_000 * millisecond) == 0)
  }
}
