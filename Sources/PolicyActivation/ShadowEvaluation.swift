import CallModel
import PolicyEngine
import PolicyHooks
import Synchronization

/// A candidate policy that looks on: live decisions are handed to it, decided again in a task of their own, and counted.
///
/// Whoever hands over never waits. What comes faster than it is evaluated waits within bounds; beyond them it is dropped, and
/// counted.
public final class ShadowEvaluation: Sendable {
  public let candidate: PolicySnapshot
  public let directory: String
  public let started: WallClock
  private let counters: Counters
  private let input: AsyncStream<ShadowTally.Observation>.Continuation
  private let task: Task<Void, Never>

  /// Decisions that may wait.
  public static let capacity = 10_000

  public init(
    candidate: PolicySnapshot, directory: String, started: WallClock,
    capacity: Int = ShadowEvaluation.capacity
  ) {
    self.candidate = candidate
    self.directory = directory
    self.started = started
    let (stream, input) = AsyncStream.makeStream(
      of: ShadowTally.Observation.self, bufferingPolicy: .bufferingOldest(capacity))
    self.input = input
    let counters = Counters()
    self.counters = counters
    task = Task(priority: .utility) {
      let chain = PolicyChain(candidate)
      for await observation in stream {
        counters.tally.withLock { $0.add(observation, candidate: chain) }
        counters.waiting.subtract(1, ordering: .releasing)
      }
    }
  }

  deinit { input.finish() }

  private final class Counters: Sendable {
    let tally = Mutex(ShadowTally())
    let dropped = Atomic<Int>(0)
    let waiting = Atomic<Int>(0)
  }

  /// Takes a decision to look at, or drops it.
  public func offer(_ observation: ShadowTally.Observation) {
    counters.waiting.add(1, ordering: .relaxed)
    switch input.yield(observation) {
    case .dropped:
      counters.waiting.subtract(1, ordering: .relaxed)
      counters.dropped.add(1, ordering: .relaxed)
    case .enqueued: break
    case .terminated: counters.waiting.subtract(1, ordering: .relaxed)
    @unknown default: break
    }
  }

  /// Decisions dropped so far, and those that still wait.
  public var droppedCount: Int { counters.dropped.load(ordering: .relaxed) }
  public var waitingCount: Int { counters.waiting.load(ordering: .acquiring) }

  public var result: ShadowTally { counters.tally.withLock { $0 } }

  /// Takes no more, and lets what waits be evaluated.
  public func stop() async {
    input.finish()
    await task.value
  }
}
