import CallModel
import TestSupport
import Testing

@testable import SIP

@Suite struct DeadlineHeapTests {
  @Test(arguments: [UInt64(1), 2, 3, 4, 5]) func popsInOrderLikeASortedArray(seed: UInt64) {
    var random = SplitMix(seed: seed)
    var heap = DeadlineHeap<Int>()
    var model: [(MonotonicInstant, Int)] = []
    for step in 0..<2_000 {
      switch random.next(below: 5) {
      case 0, 1, 2:
        let deadline = MonotonicInstant(nanoseconds: Int64(random.next(below: 500)))
        heap.schedule(step, at: deadline)
        model.append((deadline, step))
      case 3:
        let now = MonotonicInstant(nanoseconds: Int64(random.next(below: 300)))
        while let (key, deadline) = heap.popDue(at: now) {
          #expect(deadline <= now)
          #expect(deadline == model.map(\.0).min())
          let index = model.firstIndex { $0.1 == key && $0.0 == deadline }
          if let index { model.remove(at: index) } else { Issue.record("popped what was not there") }
        }
        #expect(model.allSatisfy { $0.0 > now })
      default:
        let divisor = Int(random.next(below: 7)) + 2
        heap.removeAll { key, _ in key % divisor == 0 }
        model.removeAll { $0.1 % divisor == 0 }
      }
      #expect(heap.count == model.count)
      #expect(heap.nextDeadline == model.map(\.0).min())
    }
  }

  @Test func dropsStaleEntriesFromTheTopOnly() {
    var heap = DeadlineHeap<Int>()
    for key in 0..<10 { heap.schedule(key, at: MonotonicInstant(nanoseconds: Int64(key))) }
    heap.dropFirst { key, _ in key < 3 || key == 7 }
    #expect(heap.nextDeadline == MonotonicInstant(nanoseconds: 3))
    #expect(heap.count == 7)
  }
}
