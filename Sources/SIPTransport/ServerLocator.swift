import CallModel
import DNSResolver
import NIOCore
import SIP

/// Finds the servers of a target: runs ``ServerLocation`` against a resolver, on an event loop.
public final class ServerLocator {
  private let resolver: DNSResolver
  private let eventLoop: any EventLoop
  private let preferences: ServerLocationPreferences
  private let deadline: TimeSpan
  private var random: any RandomNumberGenerator

  /// - Parameters:
  ///   - deadline: the most a look-up takes. What has been found by then is given out.
  ///   - random: draws among servers of equal priority.
  public init(
    resolver: DNSResolver, eventLoop: any EventLoop, preferences: ServerLocationPreferences,
    deadline: TimeSpan = .seconds(8), random: any RandomNumberGenerator = SystemRandomNumberGenerator()
  ) {
    self.resolver = resolver
    self.eventLoop = eventLoop
    self.preferences = preferences
    self.deadline = deadline
    self.random = random
  }

  /// The servers to try in order, at least one. Fails with ``ServerLocationError`` only. Must be called on the event loop.
  ///
  /// A numeric target, and one whose records are all in the cache, is answered without leaving the loop.
  public func locate(
    _ target: ServerLocationTarget, preferences: ServerLocationPreferences? = nil
  ) -> EventLoopFuture<[ServerCandidate]> {
    eventLoop.preconditionInEventLoop()
    let lookup = Lookup(
      ServerLocation(target: target, preferences: preferences ?? self.preferences),
      promise: eventLoop.makePromise())
    advance(lookup, lookup.location.start())
    if !lookup.isDone {
      lookup.timer = eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(deadline.nanoseconds)) {
        self.expire(lookup)
      }
    }
    return lookup.promise.futureResult
  }

  /// One look-up under way.
  private final class Lookup {
    var location: ServerLocation
    let promise: EventLoopPromise<[ServerCandidate]>
    var outstanding: Set<DNSQuestion> = []
    var timer: Scheduled<Void>?
    var isDone = false
    var isLate = false

    init(_ location: ServerLocation, promise: EventLoopPromise<[ServerCandidate]>) {
      self.location = location
      self.promise = promise
    }
  }

  private func advance(_ lookup: Lookup, _ step: ServerLocation.Step) {
    switch step {
    case .wait:
      break
    case .found(let candidates):
      finish(lookup)
      lookup.promise.succeed(candidates)
    case .failed(let error):
      finish(lookup)
      lookup.promise.fail(error)
    case .ask(let questions):
      lookup.outstanding.formUnion(questions)
      for question in questions where !lookup.isDone { ask(question, for: lookup) }
    }
  }

  private func ask(_ question: DNSQuestion, for lookup: Lookup) {
    if lookup.isLate { return answered(question, .failed(.timeout), lookup) }
    resolver.query(question, on: eventLoop).assumeIsolated().whenSuccess { answer in
      self.answered(question, answer, lookup)
    }
  }

  private func answered(_ question: DNSQuestion, _ answer: DNSAnswer, _ lookup: Lookup) {
    guard !lookup.isDone, lookup.outstanding.remove(question) != nil else { return }
    advance(lookup, lookup.location.answered(question, with: answer, random: &random))
  }

  private func expire(_ lookup: Lookup) {
    lookup.isLate = true
    for question in lookup.outstanding { answered(question, .failed(.timeout), lookup) }
  }

  private func finish(_ lookup: Lookup) {
    lookup.isDone = true
    lookup.timer?.cancel()
  }
}
