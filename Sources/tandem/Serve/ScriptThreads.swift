import CallModel
import Foundation
import NIOPosix
import PolicyScript
import PolicyTools
import Synchronization
import TimeZones

/// Where local policy scripts run: on a few threads of their own, so that heavy ones delay the calls they look at and nobody else.
/// The threads are there from the first script on.
final class ScriptThreads: Sendable {
  private struct State {
    var pool: NIOThreadPool?
    /// Running, or waiting for a thread.
    var count = 0
    var isShutDown = false
  }

  private let state = Mutex(State())

  /// Scripts that wait or run; a second's worth of the slowest. One more is not run.
  static let maximumCount = 1_000

  /// Runs `body` on one of the threads.
  ///
  /// - Parameter isLookUp: no call waits for it; such runs take half of the places at most.
  /// - Parameter mayRun: what `body` is given: false when too many scripts are waiting; it is called at once then.
  func run<Result: Sendable>(
    isLookUp: Bool = false, _ body: @escaping @Sendable (_ mayRun: Bool) -> Result
  ) async -> Result {
    let limit = isLookUp ? ScriptThreads.maximumCount / 2 : ScriptThreads.maximumCount
    let pool = state.withLock { state -> NIOThreadPool? in
      guard !state.isShutDown, state.count < limit else { return nil }
      state.count += 1
      if state.pool == nil {
        let pool = NIOThreadPool(numberOfThreads: max(1, ProcessInfo.processInfo.activeProcessorCount / 2))
        pool.start()
        state.pool = pool
      }
      return state.pool
    }
    guard let pool else { return body(false) }
    defer { state.withLock { $0.count -= 1 } }
    return (try? await pool.runIfActive { body(true) }) ?? body(false)
  }

  func shutDown() {
    let pool = state.withLock { state in
      state.isShutDown = true
      defer { state.pool = nil }
      return state.pool
    }
    pool?.shutdownGracefully { _ in }
  }
}

extension ScriptEnvironment {
  /// The real time and real randomness.
  static let live: ScriptEnvironment = {
    let zones = ZoneDirectory()
    return ScriptEnvironment(
      clock: threadTime,
      wallClock: { WallClock(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000)) },
      random: { UInt64.random(in: .min ... .max) }, timeZone: { zones.rules($0) })
  }()
}
