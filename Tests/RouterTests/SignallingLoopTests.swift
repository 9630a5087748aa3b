import CallModel
import Router
import TestSupport
import Testing

@Suite struct SignallingLoopTests {
  @Test func timersFireInOrderOfTheirDeadlines() {
    let loop = SignallingLoop()
    var fired: [String] = []
    loop.schedule(after: .seconds(3)) { fired.append("c") }
    loop.schedule(after: .seconds(1)) { fired.append("a") }
    let cancelled = loop.schedule(after: .seconds(2)) { fired.append("x") }
    loop.schedule(after: .seconds(1)) { fired.append("b") }
    loop.cancel(cancelled)
    #expect(loop.nextDeadline == .zero + .seconds(1))
    loop.advance(to: .zero + .seconds(1))
    #expect(fired == ["a", "b"])
    loop.advance(to: .zero + .seconds(10))
    #expect(fired == ["a", "b", "c"] && loop.nextDeadline == nil)
  }

  @Test func aTimerMayScheduleAnotherForTheSameMoment() {
    let loop = SignallingLoop()
    var fired = 0
    loop.schedule(after: .seconds(1)) { loop.schedule(after: .zero) { fired += 1 } }
    loop.advance(to: .zero + .seconds(1))
    #expect(fired == 1)
  }

  @Test func theClockNeverGoesBack() {
    let loop = SignallingLoop(now: .zero + .seconds(5))
    loop.tick(to: .zero + .seconds(1))
    #expect(loop.now == .zero + .seconds(5))
  }

  @Test func anEarlierDeadlineIsAnnounced() {
    let loop = SignallingLoop()
    var announced = 0
    loop.onEarlierDeadline = { announced += 1 }
    loop.schedule(after: .seconds(5)) {}
    loop.schedule(after: .seconds(9)) {}
    loop.schedule(after: .seconds(1)) {}
    #expect(announced == 2)
  }

  /// The heap against a sorted list, with cancellations.
  @Test(arguments: 1...20) func anyMixtureFiresSorted(_ seed: UInt64) {
    var random = SplitMix(seed: seed)
    let loop = SignallingLoop()
    var fired: [Int64] = []
    var expected: [Int64] = []
    for _ in 0..<200 {
      let at = Int64.random(in: 0...1000, using: &random)
      let timer = loop.schedule(after: .milliseconds(at)) { fired.append(at) }
      if Bool.random(using: &random) { loop.cancel(timer) } else { expected.append(at) }
    }
    loop.advance(to: .zero + .seconds(2))
    #expect(fired == expected.sorted())
  }
}
