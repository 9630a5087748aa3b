import CallModel
import Testing

@testable import MediaRelay

@Suite struct TickPriorityTests {
  private static let second: Int64 = 1_000_000_000

  /// When it changes, in seconds, if its use is `use(second)` thousandths.
  private func changes(until end: Int64, _ use: (Int64, Bool) -> Int) -> [Int64] {
    var priority = TickPriority()
    return (1...end).filter { priority.note(use: use($0, priority.isRaised), at: $0 * Self.second) }
  }

  @Test func whoNeedsLittleKeepsIt() {
    #expect(changes(until: 1_000) { _, _ in TickPriority.limit } == [])
  }

  /// Without end of work: longer and longer, up to half a minute, and one period in between.
  @Test func whoNeedsAllGivesItUp() {
    var use: [Int64] = []
    let times = changes(until: 200) { second, isRaised in
      if isRaised { use.append(second) }
      return TickPriority.limit + 1
    }
    #expect(times == [1, 5, 6, 14, 15, 31, 32, 64, 65, 97, 98, 130, 131, 163, 164, 196, 197])
    #expect(use.count == 9)
  }

  @Test func whoHadEnoughForLongRestsShortly() {
    let busy: Set<Int64> = [100, 102, 300]
    let times = changes(until: 400) { second, _ in busy.contains(second) ? 1_000 : 10 }
    #expect(times == [100, 102, 300, 302])
  }

  /// Whatever the system allows, the relay runs and says which it is.
  @Test func aRelayKnowsWhetherItsMixesGoFirst() throws {
    let (relaying, mixing) = (try Rig(), try Rig(thread: .idle))
    #expect(relaying.relay.isMixingPrompt == nil)
    #expect(mixing.relay.isMixingPrompt != nil)
    mixing.relay.shutdown()
    #expect(mixing.relay.isMixingPrompt == nil)
  }
}
