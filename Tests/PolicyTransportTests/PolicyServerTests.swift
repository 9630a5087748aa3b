import CallModel
import NIOPosix
import PolicyEngine
import PolicyHooks
import PolicyTransport
import Synchronization
import Testing

/// Real exchanges with a real server process, in everything it can do wrong.
@Suite struct PolicyServerTests {
  static let call = CallFacts(
    direction: .dialIn, callProtocol: .sip, trigger: .invite, localAlias: "sip:desk@example.org",
    remoteAlias: "sip:ann@example.org", remoteDisplayName: "Ann Ö & Co", vendor: "Acme/1 (b 2)")
  static let node = NodeFacts(
    location: "North Hall", address: IPAddress.loopbackIPv4, versionID: "35", pseudoVersionID: "77683.0.0")
  static let question = ExternalPolicyRequest.serviceConfiguration(call, node)
  static let group = MultiThreadedEventLoopGroup.singleton

  /// Five seconds are the reference's; tests of what hangs need not wait for so long.
  static func hook(_ deadline: TimeSpan = .seconds(20)) -> PolicyHook { PolicyHook(deadline: deadline) }

  static func server(
    _ url: PolicyServerURL, _ hook: PolicyHook = hook(), _ change: (inout PolicyProfile) -> Void = { _ in }
  ) -> PolicyServer {
    var profile = PolicyProfile(
      name: "test", url: url,
      hooks: Dictionary(uniqueKeysWithValues: PolicyRequestKind.allCases.map { ($0, hook) }))
    change(&profile)
    return PolicyServer(profile: profile, group: group)
  }

  private func ask(
    _ process: PolicyServerProcess, _ behaviour: String, _ hook: PolicyHook = hook(),
    _ question: ExternalPolicyRequest = question
  ) async throws -> PolicyAnswer {
    let server = Self.server(try process.url(behaviour), hook)
    let answer = await server.ask(question, AnswerContext())
    await server.shutdown()
    return answer
  }

  // MARK: What goes out

  @Test func theRequestLineIsTheReferencesByteForByte() async throws {
    let process = try PolicyServerProcess()
    let server = Self.server(try process.url("secured/tandem")) {
      $0.credential = Credential(username: "tandem", password: Secret("s3cret"))
    }
    let answer = await server.ask(Self.question, AnswerContext())
    #expect(answer.conclusion.outcome == .used)
    let request = try PolicyHTTPRequest(
      Self.question, id: RequestID(high: 0, low: 0), server: try #require(server.profile.url), credential: nil
    )
    let last = try #require(try await process.get("stats")["last"] as? [String: Any])
    #expect(last["line"] as? String == "GET \(request.target) HTTP/1.1")
    let headers = try #require(last["headers"] as? [String: String])
    #expect(headers["authorization"] == "Basic dGFuZGVtOnMzY3JldA==")
    #expect(headers["accept"] == "application/json")
    #expect(headers["accept-encoding"] == "identity")
    #expect(headers["host"] == "127.0.0.1:\(process.ports[0])")
    #expect(headers["x-request-id"] == answer.record.requestID)
    #expect(headers["cookie"] == nil && headers["content-length"] == nil)
    #expect(answer.record.url == request.loggedURL)
    #expect(!"\(answer)".contains("s3cret"))
    await server.shutdown()
  }

  @Test func pathAliasesStayOneSegment() async throws {
    let process = try PolicyServerProcess()
    let question = ExternalPolicyRequest.registration(
      .init(alias: "sip:a/b c@example.org", callProtocol: .sip), Self.node)
    _ = try await ask(process, "ok", Self.hook(), question)
    let last = try #require(try await process.get("stats")["last"] as? [String: Any])
    let line = try #require(last["line"] as? String)
    #expect(line.hasPrefix("GET /ok/policy/v1/registrations/sip%3Aa%2Fb%20c%40example.org?protocol=sip&"))
  }

  @Test func connectionsAreKept() async throws {
    let process = try PolicyServerProcess()
    let server = Self.server(try process.url("ok"))
    var peers: Set<Int> = []
    for _ in 0..<5 {
      #expect(await server.ask(Self.question, AnswerContext()).conclusion.outcome == .used)
      let last = try #require(try await process.get("stats")["last"] as? [String: Any])
      peers.insert(try #require(last["peer"] as? Int))
    }
    #expect(peers.count == 1)
    await server.shutdown()
  }

  // MARK: What comes back

  @Test(arguments: ["ok", "bom", "chunked", "until-close", "limit"]) func goodAnswers(_ behaviour: String)
    async throws
  {
    let answer = try await ask(PolicyServerProcess(), behaviour)
    guard case .service(.use(let fields)) = answer.conclusion.verdict else {
      return #expect(Bool(false), "\(answer)")
    }
    #expect(fields.name == "desk")
    #expect(answer.record.outcome == "used")
    #expect(answer.record.status == 200)
    #expect(answer.record.latency > .zero)
  }

  @Test func aDirectory() async throws {
    let process = try PolicyServerProcess()
    let question = ExternalPolicyRequest.directory(
      .init(query: "an n&", registrationAlias: "bob@example.org"), Self.node)
    let answer = try await ask(process, "people", Self.hook(), question)
    #expect(
      answer.conclusion.verdict
        == .directory(
          DirectoryAnswer(entries: [.init(alias: "ann@example.org", description: "Ann")], ignoresLocal: true))
    )
    let last = try #require(try await process.get("stats")["last"] as? [String: Any])
    let line = try #require(last["line"] as? String)
    #expect(line.hasPrefix("GET /people/policy/v1/registrations?"), "\(line)")
    #expect(line.contains("q=an+n%26") && line.contains("limit=10"), "\(line)")
    #expect(line.contains("registration_alias=bob%40example.org"), "\(line)")
  }

  @Test func aPicture() async throws {
    let process = try PolicyServerProcess()
    let question = ExternalPolicyRequest.avatar(.init(alias: "a@b", width: 40, height: 30), Self.node)
    let answer = try await ask(process, "jpeg", Self.hook(), question)
    guard case .avatar(let image?) = answer.conclusion.verdict else { return #expect(Bool(false)) }
    #expect(image.width == 40)
  }

  @Test(arguments: [
    ("types", PolicyOutcome.invalid, 200), ("text", .invalid, 200), ("empty", .invalid, 200),
    ("gzip", .invalid, 200), ("latin1", .invalid, 200), ("utf16", .invalid, 200), ("redirect", .error, 302),
    ("not-mine", .notMine, 404), ("unauthorised", .error, 401), ("secured", .error, 401),
    ("broken", .error, 500),
  ]) func badAnswers(_ behaviour: String, _ outcome: PolicyOutcome, _ status: Int) async throws {
    let process = try PolicyServerProcess()
    let answer = try await ask(process, behaviour)
    #expect(answer.conclusion.outcome == outcome)
    #expect(answer.conclusion.status == status)
    #expect(answer.conclusion.verdict == .service(.ownRules))
    #expect(try await process.count(behaviour) == 1)
    // A redirection is not followed.
    #expect(try await process.count("ok") == 0)
  }

  /// What an administrator reads.
  @Test(arguments: [
    ("text", "not JSON: 1:1: expected a value"), ("empty", "the text is empty"),
    ("gzip", "not JSON: encoded as gzip, which was not asked for"),
    ("gzip-unsaid", "not JSON: it is compressed, which was not asked for"),
    ("utf16", "not JSON: it is in UTF-16 or UTF-32, not in UTF-8"), ("latin1", "not UTF-8"),
    ("html", "not JSON: it is HTML or XML"), ("redirect", "a redirection, which is not followed"),
    ("unauthorised", "the server does not accept our user name and password"),
    ("broken", "the server failed"), ("types", "must be"),
  ]) func whatIsSaidOfBadAnswers(_ behaviour: String, _ message: String) async throws {
    let answer = try await ask(PolicyServerProcess(), behaviour)
    let texts = answer.record.findings.filter(\.isError).map(\.problem)
    #expect(texts.contains { $0.contains(message) }, "\(texts)")
    #expect(answer.record.isFallback)
  }

  @Test(arguments: [
    ("big", "the response has more than 1048576 bytes"),
    ("nothing", "the connection was closed before the response"),
    ("half", "the connection was closed within the response"), ("garbage", "not HTTP"),
  ]) func whatIsSaidOfNoAnswer(_ behaviour: String, _ message: String) async throws {
    let answer = try await ask(PolicyServerProcess(), behaviour)
    #expect(answer.record.failure?.contains(message) == true, "\(answer.record.failure ?? "")")
    #expect(answer.record.isFallback && answer.record.outcome == "error")
  }

  @Test func theRecordNamesTheFields() async throws {
    let answer = try await ask(PolicyServerProcess(), "types")
    #expect(
      answer.record.findings.map(\.field) == [
        "result.name", "result.service_tag", "result.view", "result.locked",
      ])
  }

  // MARK: What does not come back

  @Test(arguments: [
    ("nothing", PolicyTransportFailure.closedBeforeResponse(wasReused: false)),
    ("reset", .closedBeforeResponse(wasReused: false)), ("half", .closedInResponse),
    ("big", .answerTooLong(limit: 1 << 20)), ("big-chunked", .answerTooLong(limit: 1 << 20)),
    ("over-limit", .answerTooLong(limit: 1 << 20)),
  ]) func failures(_ behaviour: String, _ failure: PolicyTransportFailure) async throws {
    let process = try PolicyServerProcess()
    let answer = try await ask(process, behaviour)
    #expect(answer.conclusion.outcome == .error)
    #expect(answer.conclusion.failure == failure)
    #expect(answer.conclusion.status == nil)
    #expect(try await process.count(behaviour) == 1)
  }

  @Test(arguments: ["garbage", "huge-header"]) func whatIsNoHTTP(_ behaviour: String) async throws {
    let answer = try await ask(PolicyServerProcess(), behaviour)
    #expect(answer.conclusion.outcome == .error)
    guard case .malformed? = answer.conclusion.failure else {
      return #expect(Bool(false), "\(String(describing: answer.conclusion.failure))")
    }
  }

  @Test(arguments: ["hang", "hang-head", "slow"]) func theDeadlineEndsEverything(_ behaviour: String)
    async throws
  {
    let process = try PolicyServerProcess()
    let clock = ContinuousClock()
    let start = clock.now
    let answer = try await ask(process, behaviour, Self.hook(.milliseconds(600)))
    #expect(answer.conclusion.outcome == .timeout)
    #expect(answer.conclusion.isFallback)
    #expect(answer.conclusion.latency >= .milliseconds(600))
    // Long before the server would have gone on; the machine may be busy.
    #expect(clock.now - start < .seconds(20))
  }

  @Test func nobodyListens() async throws {
    let process = try PolicyServerProcess()
    let url = try process.url("ok")
    process.terminate()
    let server = Self.server(url)
    let answer = await server.ask(Self.question, AnswerContext())
    #expect(answer.conclusion.outcome == .error)
    guard case .connection? = answer.conclusion.failure else {
      return #expect(Bool(false), "\(String(describing: answer.conclusion.failure))")
    }
    // Refused is refused: nobody waits for the deadline.
    #expect(answer.conclusion.latency < .seconds(10))
    await server.shutdown()
  }

  @Test func aNameThatIsNone() async throws {
    let server = Self.server(try PolicyServerURL("http://policy.invalid/"))
    let answer = await server.ask(Self.question, AnswerContext())
    #expect(answer.conclusion.failure == .nameResolution("policy.invalid"))
    await server.shutdown()
  }

  @Test func aStalePooledConnectionIsTriedOnceMore() async throws {
    let process = try PolicyServerProcess()
    let server = Self.server(try process.url("stale"))
    #expect(await server.ask(Self.question, AnswerContext()).conclusion.attempts == 1)
    let second = await server.ask(Self.question, AnswerContext())
    #expect(second.conclusion.outcome == .used)
    #expect(second.conclusion.attempts == 2)
    #expect(try await process.count("stale") == 3)
    await server.shutdown()
  }

  @Test func whoHangsUpIsNotWaitedFor() async throws {
    let process = try PolicyServerProcess()
    let server = Self.server(try process.url("wait"))
    let asking = Task { await server.ask(Self.question, AnswerContext()) }
    while try await process.count("wait") == 0 { await Task.yield() }
    asking.cancel()
    #expect(await asking.value.conclusion.outcome == .withdrawn)
    await server.shutdown()
  }

  @Test func shutdownWithdrawsWhatIsOpen() async throws {
    let process = try PolicyServerProcess()
    let server = Self.server(try process.url("wait"))
    let asking = Task { await server.ask(Self.question, AnswerContext()) }
    while try await process.count("wait") == 0 { await Task.yield() }
    await server.shutdown()
    #expect(await asking.value.conclusion.outcome == .withdrawn)
    #expect(await server.ask(Self.question, AnswerContext()).conclusion.attempts == 0)
  }

  @Test func aQuestionThatFitsNoURL() async throws {
    let server = Self.server(try PolicyServerURL("http://127.0.0.1:1"))
    let question = ExternalPolicyRequest.registration(.init(alias: "..", callProtocol: .sip), Self.node)
    let answer = await server.ask(question, AnswerContext())
    #expect(answer.conclusion.outcome == .unaskable)
    #expect(answer.record.findings.count == 1)
    #expect(answer.record.url.isEmpty)
    await server.shutdown()
  }

  // MARK: Many at once

  @Test func aHangingServerSlowsNoOtherCall() async throws {
    let process = try PolicyServerProcess()
    let hanging = Self.server(try process.url("wait"), Self.hook(.seconds(60))) { $0.maximumConcurrent = 20 }
    let well = Self.server(try process.url("ok"), Self.hook(.seconds(60)))
    let stuck = (0..<60).map { _ in Task { await hanging.ask(Self.question, AnswerContext()) } }
    while try await process.count("wait") < 20 { await Task.yield() }
    // All twenty connections hang and forty questions wait, and the other server is as quick as ever.
    await withTaskGroup(of: PolicyOutcome.self) { group in
      for _ in 0..<200 {
        group.addTask { await well.ask(Self.question, AnswerContext()).conclusion.outcome }
      }
      for await outcome in group { #expect(outcome == .used) }
    }
    #expect(try await process.count("wait") == 20)
    // The server wakes up, and every question is answered by itself: nothing is shared between them.
    _ = try await process.get("release")
    for task in stuck { #expect(await task.value.conclusion.outcome == .used) }
    #expect(try await process.count("wait") == 60)
    await hanging.shutdown()
    await well.shutdown()
  }

  // MARK: Death in mid-run

  @Test func aServerThatDiesIsLeftInPeaceAndFoundAgain() async throws {
    let process = try PolicyServerProcess()
    let port = process.ports[0]
    let changes = Mutex<[Bool]>([])
    let hook = PolicyHook(
      deadline: .seconds(20), circuitBreaker: .init(failures: 3, coolDown: .milliseconds(500)))
    func profile(_ behaviour: String) throws -> PolicyProfile {
      PolicyProfile(name: "test", url: try process.url(behaviour), hooks: [.serviceConfiguration: hook])
    }
    let server = PolicyServer(profile: try profile("ok"), group: Self.group) { _, _, isOpen in
      changes.withLock { $0.append(isOpen) }
    }
    func outcome() async -> PolicyOutcome {
      await server.ask(Self.question, AnswerContext()).conclusion.outcome
    }
    #expect(await outcome() == .used)

    let dying = PolicyServer(profile: try profile("die"), group: Self.group)
    let last = await dying.ask(Self.question, AnswerContext())
    #expect(last.conclusion.failure == .closedInResponse)
    await dying.shutdown()
    process.waitUntilExit()

    for _ in 0..<3 { #expect(await outcome() == .error) }
    #expect(await outcome() == .skipped)
    let second = try PolicyServerProcess(port: port)
    let clock = ContinuousClock()
    let start = clock.now
    var found = await outcome()
    while found == .skipped, clock.now - start < .seconds(30) {
      await Task.yield()
      found = await outcome()
    }
    #expect(found == .used)
    #expect(changes.withLock { $0 } == [true, false])
    await server.shutdown()
    second.terminate()
  }

  // MARK: A reload

  @Test func aReloadKeepsWhatDidNotChange() async throws {
    let process = try PolicyServerProcess()
    let hooks: [PolicyRequestKind: PolicyHook] = [.serviceConfiguration: Self.hook()]
    let kept = PolicyProfile(name: "kept", url: try process.url("ok"), hooks: hooks)
    var changed = PolicyProfile(name: "changed", url: try process.url("wait"), hooks: hooks)
    let policy = ExternalPolicy(group: Self.group)
    await policy.activate([kept, changed])
    let first = try #require(policy.server("kept", for: .serviceConfiguration))
    let old = try #require(policy.server("changed", for: .serviceConfiguration))
    #expect(policy.server("kept", for: .avatar) == nil)
    #expect(policy.server("unknown", for: .serviceConfiguration) == nil)
    let asking = Task { await old.ask(Self.question, AnswerContext()) }
    while try await process.count("wait") == 0 { await Task.yield() }

    changed.url = try process.url("ok")
    await policy.activate([kept, changed])
    #expect(policy.server("kept", for: .serviceConfiguration) === first)
    let new = try #require(policy.server("changed", for: .serviceConfiguration))
    #expect(new !== old)
    #expect(await new.ask(Self.question, AnswerContext()).conclusion.outcome == .used)
    // The question under way is answered under the profile it began with.
    _ = try await process.get("release")
    #expect(await asking.value.conclusion.outcome == .used)
    await policy.shutdown()
    #expect(policy.server("kept", for: .serviceConfiguration) == nil)
  }
}
