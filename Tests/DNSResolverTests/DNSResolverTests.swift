import CallModel
import DNSResolver
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// Against servers that misbehave in every way a test can think of.
@Suite(.timeLimit(.minutes(1))) struct DNSResolverTests {
  private static let addressRecord = Wire.record(1, ttl: 60, [192, 0, 2, 1])
  private static let answer = DNSAnswer.records([.address(.v4(0xc000_0201))])

  private func resolver(
    _ servers: [FakeNameServer], _ change: (inout DNSResolverConfiguration) -> Void = { _ in }
  ) throws -> DNSResolver {
    var configuration = DNSResolverConfiguration(
      servers: servers.map(\.address), hostsFile: nil, tryTimeout: .milliseconds(100), tries: 1,
      deadline: .seconds(5))
    change(&configuration)
    return try DNSResolver(configuration: configuration)
  }

  @Test func anAnswerIsRemembered() async throws {
    let server = try await FakeNameServer.start { Wire.response(to: $0, answers: [Self.addressRecord]) }
    let resolver = try resolver([server])
    #expect(await resolver.answer(to: DNSQuestion("A.Test.", .a)) == Self.answer)
    #expect(await resolver.answer(to: DNSQuestion("a.test", .a)) == Self.answer)
    #expect(server.queryCount == 1)
    #expect(resolver.counters.cacheHits == 1 && resolver.counters.cached == 1)
    resolver.flushCache()
    #expect(await resolver.answer(to: DNSQuestion("a.test", .a)) == Self.answer)
    #expect(server.queryCount == 2)
  }

  @Test func aCachedAnswerComesBeforeTheCallReturns() async throws {
    let server = try await FakeNameServer.start { Wire.response(to: $0, answers: [Self.addressRecord]) }
    let resolver = try resolver([server])
    _ = await resolver.answer(to: DNSQuestion("a.test", .a))
    let seen = Mutex<DNSAnswer?>(nil)
    let query = resolver.query(DNSQuestion("a.test", .a)) { answer in seen.withLock { $0 = answer } }
    #expect(query == nil)
    #expect(seen.withLock { $0 } == Self.answer)
  }

  @Test func aLifetimeOfZeroIsNotRemembered() async throws {
    let server = try await FakeNameServer.start {
      Wire.response(to: $0, answers: [Wire.record(1, ttl: 0, [192, 0, 2, 1])])
    }
    let resolver = try resolver([server])
    for _ in 0..<3 { #expect(await resolver.answer(to: DNSQuestion("a.test", .a)) == Self.answer) }
    #expect(server.queryCount == 3)
  }

  @Test func aSilentServerTimesOutAndIsNotAskedAgainAtOnce() async throws {
    let server = try await FakeNameServer.start { _ in nil }
    let resolver = try resolver([server])
    #expect(await resolver.answer(to: DNSQuestion("a.test", .srv)) == .failed(.timeout))
    let asked = server.queryCount
    #expect(await resolver.answer(to: DNSQuestion("a.test", .srv)) == .failed(.timeout))
    #expect(server.queryCount == asked)
  }

  @Test func theDeadlineHoldsWhateverTheTriesAre() async throws {
    let server = try await FakeNameServer.start { _ in nil }
    let resolver = try resolver([server]) {
      $0.tryTimeout = .seconds(100)
      $0.deadline = .milliseconds(100)
    }
    #expect(await resolver.answer(to: DNSQuestion("a.test", .a)) == .failed(.timeout))
  }

  @Test func theNextServerIsAskedWhenOneIsSilentOrBroken() async throws {
    let silent = try await FakeNameServer.start { _ in nil }
    let broken = try await FakeNameServer.start { Wire.response(to: $0, code: 2) }
    let working = try await FakeNameServer.start { Wire.response(to: $0, answers: [Self.addressRecord]) }
    let resolver = try resolver([silent, broken, working])
    #expect(await resolver.answer(to: DNSQuestion("a.test", .a)) == Self.answer)
    #expect(silent.queryCount == 1 && broken.queryCount == 1 && working.queryCount == 1)
  }

  @Test(arguments: [UInt8(2), 4, 5])
  func serverErrors(_ code: UInt8) async throws {
    let server = try await FakeNameServer.start { Wire.response(to: $0, code: code) }
    let resolver = try resolver([server])
    #expect(await resolver.answer(to: DNSQuestion("a.test", .a)) == .failed(.serverFailure))
    #expect(resolver.counters.failures == 1)
  }

  @Test func aBrokenResponseIsAFailureOfTheServer() async throws {
    let server = try await FakeNameServer.start { query in
      Wire.response(to: query, answers: [Wire.record(5, ttl: 60, [0xc0, 0xff])])
    }
    let resolver = try resolver([server])
    #expect(await resolver.answer(to: DNSQuestion("a.test", .a)) == .failed(.serverFailure))
  }

  @Test func equalQuestionsAreAskedOnce() async throws {
    let server = try await FakeNameServer.start { _ in nil }
    let resolver = try resolver([server]) { $0.tryTimeout = .seconds(30) }
    let answers = await withTaskGroup(of: DNSAnswer.self) { group in
      for _ in 0..<50 { group.addTask { await resolver.answer(to: DNSQuestion("a.test", .a)) } }
      group.addTask {
        await server.nextQuery(after: 0)
        // Another question passes the first, which is still open.
        server.change { Wire.response(to: $0, answers: [Self.addressRecord]) }
        return await resolver.answer(to: DNSQuestion("b.test", .a))
      }
      let first = await group.next()
      #expect(first == Self.answer)
      #expect(server.queryCount == 2)
      resolver.shutdown()
      var answers: [DNSAnswer] = []
      for await answer in group { answers.append(answer) }
      return answers
    }
    #expect(answers == Array(repeating: .failed(.cancelled), count: 50))
  }

  @Test func cancellingATaskEndsItsQuestionOnly() async throws {
    let server = try await FakeNameServer.start { _ in nil }
    let resolver = try resolver([server]) { $0.tryTimeout = .seconds(30) }
    let task = Task { await resolver.answer(to: DNSQuestion("a.test", .a)) }
    await server.nextQuery(after: 0)
    task.cancel()
    #expect(await task.value == .failed(.cancelled))
    let late = Task { () -> DNSAnswer in
      while !Task.isCancelled { await Task.yield() }
      return await resolver.answer(to: DNSQuestion("c.test", .a))
    }
    late.cancel()
    #expect(await late.value == .failed(.cancelled))
  }

  @Test func outstandingQuestionsAreBounded() async throws {
    let server = try await FakeNameServer.start { _ in nil }
    let resolver = try resolver([server]) {
      $0.tryTimeout = .seconds(30)
      $0.maximumOutstanding = 10
    }
    let immediate = Mutex<[DNSAnswer]>([])
    for i in 0..<11 {
      resolver.query(DNSQuestion("h\(i).test", .a)) { answer in immediate.withLock { $0.append(answer) } }
    }
    #expect(immediate.withLock { $0 } == [.failed(.overloaded)])
    #expect(resolver.counters.outstanding == 10 && resolver.counters.refused == 1)
    resolver.shutdown()
    #expect(immediate.withLock { $0.count } == 11)
    resolver.query(DNSQuestion("x.test", .a)) { answer in immediate.withLock { $0.append(answer) } }
    #expect(immediate.withLock { $0.last } == .failed(.cancelled))
  }

  @Test(arguments: ["", ".", "a..b", "a b", "a\\.b", String(repeating: "a", count: 64), "ä"])
  func namesThatCannotBeAsked(_ name: String) async throws {
    let server = try await FakeNameServer.start { _ in nil }
    let resolver = try resolver([server])
    #expect(await resolver.answer(to: DNSQuestion(name, .a)) == .failed(.invalidName))
    #expect(server.queryCount == 0)
  }

  @Test func aFutureIsCompletedOnItsLoop() async throws {
    let server = try await FakeNameServer.start { Wire.response(to: $0, answers: [Self.addressRecord]) }
    let resolver = try resolver([server])
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let isOnLoop = try await resolver.query(DNSQuestion("a.test", .a), on: loop)
      .map { $0 == Self.answer && loop.inEventLoop }.get()
    #expect(isOnLoop)
  }

  @Test func aNameServerThatCannotBeParsedIsRefusedAtStart() {
    // No port is refused by c-ares; an unusable list is.
    let configuration = DNSResolverConfiguration(servers: [TransportAddress(.anyIPv6, 1)], hostsFile: nil)
    #expect(throws: Never.self) { _ = try DNSResolver(configuration: configuration) }
  }
}
