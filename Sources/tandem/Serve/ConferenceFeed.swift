import Conferences
import ManagementAPI
import NIOCore
import Synchronization

/// Follows one conference from outside the signalling loop: the loop says that there is something, and is asked what when the last
/// batch has been passed on. So who reads slowly costs nobody anything; who falls behind the conference's log takes its state anew.
final class ConferenceFeed: ConferenceWatcher, ConferenceEvents {
  private let server: NIOLoopBound<SignallingServer>
  private let eventLoop: any EventLoop
  private let hints: AsyncStream<Void>
  private let hint: AsyncStream<Void>.Continuation
  private let ticks: RepeatedTask
  /// What the conference left when it ended; nil: it runs.
  private let last = Mutex<[ConferenceNews]?>(nil)

  private init(server: NIOLoopBound<SignallingServer>, eventLoop: any EventLoop) {
    self.server = server
    self.eventLoop = eventLoop
    let (hints, hint) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    (self.hints, self.hint) = (hints, hint)
    let silence = TimeAmount.seconds(Int64(ServerSentEvents.silence))
    ticks = eventLoop.scheduleRepeatedTask(initialDelay: silence, delay: silence) { _ in hint.yield() }
    // Whatever was not known is there to be asked for.
    hint.yield()
  }

  /// - Parameter sequence: the number of the last event that is known; nil: nothing is.
  static func open(
    _ conference: String, after sequence: UInt64?, server: NIOLoopBound<SignallingServer>,
    eventLoop: any EventLoop
  ) async -> Result<ConferenceFeed, ConferenceRefusal> {
    let feed = ConferenceFeed(server: server, eventLoop: eventLoop)
    let followed = try? await eventLoop.submit {
      server.value.turn { $0.conferences.follow(conference, after: sequence, by: feed) } ?? .failure(.isOver)
    }.get()
    if case .success? = followed { return .success(feed) }
    feed.ticks.cancel()
    return (followed ?? .failure(.isOver)).map { _ in feed }
  }

  // MARK: On the loop

  func conferenceChanged() { hint.yield() }

  func conferenceEnded(_ last: [ConferenceNews]) {
    self.last.withLock { $0 = last }
    hint.yield()
    hint.finish()
  }

  // MARK: Away from it

  func next() async -> [ConferenceNews]? {
    var iterator = hints.makeAsyncIterator()
    let isHinted = await iterator.next() != nil
    let end = last.withLock { news in
      defer { if news != nil { news = [] } }
      return news
    }
    if let end { return end.isEmpty ? nil : end }
    guard isHinted else { return nil }
    let server = server
    return try? await eventLoop.submit {
      server.value.turn { $0.conferences.news(for: self) } ?? []
    }.get()
  }

  func close() {
    ticks.cancel()
    let server = server
    eventLoop.execute { server.value.turn { $0.conferences.unfollow(self) } }
  }
}
