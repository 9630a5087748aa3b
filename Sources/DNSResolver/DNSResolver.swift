import CallModel
import NIOCore

/// Asks the domain name system for the records that server location needs, and remembers the answers.
///
/// c-ares does the asking on a thread of its own; nothing here blocks its caller, who may be on any thread. Answers in
/// the cache are given at once, without a hop to that thread. Equal questions that are outstanding are asked once.
public final class DNSResolver: Sendable {
  private let engine: DNSResolverEngine

  /// Starts the resolver's thread. Fails when the configuration of the system cannot be used.
  public init(configuration: DNSResolverConfiguration = DNSResolverConfiguration()) throws(DNSResolverError) {
    engine = try DNSResolverEngine(configuration)
    try engine.start()
  }

  deinit { engine.shutdown() }

  /// Stops the thread. Outstanding questions, and those asked from now on, are answered ``DNSFailure/cancelled``.
  public func shutdown() { engine.shutdown() }

  /// Asks. The completion is called once: before this returns when the answer is known, else on the resolver's thread,
  /// where it must not block.
  ///
  /// - Returns: what cancels the question; nil when it is answered already.
  @discardableResult
  public func query(
    _ question: DNSQuestion, completion: @escaping @Sendable (DNSAnswer) -> Void
  ) -> DNSQuery? {
    switch engine.ask(question, completion) {
    case .answered(let answer):
      completion(answer)
      return nil
    case .waiting(let waiter):
      return DNSQuery(engine: engine, question: question, waiter: waiter)
    }
  }

  /// Asks on behalf of an event loop. The future never fails: failures are answers too.
  public func query(_ question: DNSQuestion, on eventLoop: any EventLoop) -> EventLoopFuture<DNSAnswer> {
    let promise = eventLoop.makePromise(of: DNSAnswer.self)
    query(question) { promise.succeed($0) }
    return promise.futureResult
  }

  /// Asks from a task; cancelling the task cancels the question.
  public func answer(to question: DNSQuestion) async -> DNSAnswer {
    let cancellation = DNSCancellation()
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        cancellation.arm(query(question) { continuation.resume(returning: $0) })
      }
    } onCancel: {
      cancellation.cancel()
    }
  }

  /// Forgets every answer, e.g. when the operator has changed a zone.
  public func flushCache() { engine.flushCache() }

  /// What the resolver did so far.
  public var counters: DNSResolverCounters { engine.counters }
}

/// A question that is being asked.
public struct DNSQuery: Sendable {
  let engine: DNSResolverEngine
  let question: DNSQuestion
  let waiter: UInt64

  /// Answers ``DNSFailure/cancelled`` at once, unless the answer came first.
  public func cancel() { engine.cancel(question, waiter) }
}

public struct DNSResolverCounters: Hashable, Sendable {
  public var questions: UInt64 = 0
  public var cacheHits: UInt64 = 0
  /// Questions that went to the servers or the hosts file.
  public var asked: UInt64 = 0
  public var timeouts: UInt64 = 0
  public var failures: UInt64 = 0
  /// Expired answers given out since the servers failed.
  public var staleAnswers: UInt64 = 0
  public var refused: UInt64 = 0
  /// Gauges.
  public var outstanding: Int = 0
  public var cached: Int = 0

  public init() {}
}
