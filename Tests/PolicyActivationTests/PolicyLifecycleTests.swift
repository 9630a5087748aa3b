import CallModel
import Foundation
import PolicyEngine
import PolicyHooks
import PolicyTools
import Synchronization
import Testing

@testable import PolicyActivation

/// How a policy comes into force, and out of it again.
@Suite struct PolicyLifecycleTests {
  let scratch: Scratch
  let service = Service()

  init() throws { scratch = try Scratch() }

  func start(manual: Bool = false) throws -> PolicyLifecycle {
    try #require(try service.start(scratch, manual: manual))
  }

  static func request(_ scratch: Scratch, _ name: String, share: Double = 0, confirm: Bool = false)
    -> PolicyLifecycle.ActivationRequest
  {
    .init(
      directory: "\(scratch.path)/\(name)", maximumShare: share, replaySince: WallClock(milliseconds: 0),
      isConfirmed: confirm, by: "ann", note: "for a test")
  }

  /// A recorded call to `alias`, decided by `policy`.
  static func record(_ alias: String, _ policy: PolicySnapshot) -> CallRecord {
    let at = WallClock(milliseconds: 1_767_740_000_000)
    let call = ExplainedCall(alias: alias, from: "sip:ann@example.org", isRegistered: true, at: at)
    return CallRecord(
      id: CallID(high: 1, low: UInt64(alias.utf8.count)), started: at,
      caller: LegParty(callProtocol: .sip, isIncoming: true, alias: "sip:ann@example.org"),
      calledAlias: alias, serviceName: "", serviceType: "", tag: "", decision: call.decide(by: policy))
  }

  // MARK: The last good policy

  @Test func brokenFilesChangeNothing() async throws {
    try scratch.write(Scratch.policy("9\\d+"))
    let lifecycle = try start()
    let first = await lifecycle.policy.version
    let whole = Scratch.policy("8\\d+")
    for broken in ["rules: [", "rules:\n  - { name: x }\n", "", " \n", String(whole.dropLast(40))] {
      try scratch.write(broken)
      await lifecycle.reload(because: "files changed", isAsked: false)
      #expect(await lifecycle.policy.version == first)
    }
    #expect(service.installed.isEmpty)
    #expect(service.events.contains { $0.hasPrefix("kept: files changed") })
  }

  @Test func filesThatVanishChangeNothing() async throws {
    try scratch.write(Scratch.policy("9\\d+"))
    let lifecycle = try start()
    let first = await lifecycle.policy.version
    try FileManager.default.removeItem(atPath: "\(scratch.policies)/p.yaml")
    await lifecycle.reload(because: "files changed", isAsked: false)
    #expect(await lifecycle.policy.version == first)
    try FileManager.default.removeItem(atPath: scratch.policies)
    await lifecycle.reload(because: "SIGHUP", isAsked: true)
    #expect(await lifecycle.policy.version == first)
    // A name that leads nowhere: the rest alone is not the policy.
    try scratch.write(Scratch.policy("8\\d+"))
    try FileManager.default.createSymbolicLink(
      atPath: "\(scratch.policies)/q.yaml", withDestinationPath: "/nowhere/at/all")
    await lifecycle.reload(because: "files changed", isAsked: false)
    #expect(await lifecycle.policy.version == first)
    #expect(service.installed.isEmpty)
  }

  @Test func theLastGoodPolicyIsServedOverARestart() async throws {
    try scratch.write(Scratch.policy("9\\d+"))
    let first = await (try start()).policy.version
    try scratch.write("rules: [")
    let again = try start()
    #expect(await again.policy.version == first)
    #expect(service.events.contains { $0.contains("the last good version \(first) is served") })
    #expect(await again.status.directoryErrors > 0)
    // Without a history there is nothing to fall back to.
    try FileManager.default.removeItem(atPath: scratch.state)
    #expect(try service.start(scratch) == nil)
  }

  // MARK: Files

  @Test func aChangeOfTheDirectoryActs() async throws {
    try scratch.write(Scratch.policy("9\\d+"))
    let lifecycle = try start()
    try scratch.write(Scratch.policy("8\\d+"))
    await lifecycle.reload(because: "files changed", isAsked: false)
    #expect(service.installed == [await lifecycle.policy.version.description])
    #expect(lifecycle.history.entries.map(\.way) == [.start, .reload])
  }

  @Test func inManualModeOnlyActivationActs() async throws {
    try scratch.write(Scratch.policy("9\\d+"))
    let lifecycle = try start(manual: true)
    let first = await lifecycle.policy.version
    try scratch.write(Scratch.policy("8\\d+"))
    await lifecycle.reload(because: "files changed", isAsked: false)
    await lifecycle.reload(because: "SIGHUP", isAsked: true)
    #expect(await lifecycle.policy.version == first)
    // Nor does a restart.
    let again = try start(manual: true)
    #expect(await again.policy.version == first)
    let result = await again.activate(Self.request(scratch, "policies"))
    #expect(result.isActivated)
    #expect(await again.policy.version != first)
    #expect(await (try start(manual: true)).policy.version == (await again.policy.version))
  }

  // MARK: The gate

  @Test func aChangeOfMoreCallsThanAllowedIsRefusedUnlessConfirmed() async throws {
    try scratch.write(Scratch.policy("9\\d+"))
    let lifecycle = try start()
    let old = await lifecycle.policy
    service.seen.withLock { seen in
      seen.calls = ["91", "92", "93", "70"].map { Self.record($0, old) }
    }
    try scratch.write(Scratch.policy("9[12]"), to: "next/p.yaml")
    let refused = await lifecycle.activate(Self.request(scratch, "next"))
    #expect(!refused.isActivated)
    #expect(refused.objections == ["25 % of 4 recorded calls differ (at most 0 % may)"])
    #expect(refused.text.contains("was    rule “out” to “93” over a"))
    #expect(await lifecycle.policy === old)

    let allowed = await lifecycle.activate(Self.request(scratch, "next", share: 25))
    #expect(allowed.isActivated)
    #expect(lifecycle.history.entries.last?.overruled == [])

    try scratch.write(Scratch.policy("7\\d+"), to: "other/p.yaml")
    let confirmed = await lifecycle.activate(Self.request(scratch, "other", confirm: true))
    #expect(confirmed.isActivated)
    let entry = try #require(lifecycle.history.entries.last)
    #expect(entry.overruled.count == 1)
    #expect(entry.by == "ann" && entry.note == "for a test" && entry.way == .activate)
  }

  @Test func failingTestsAreRefusedUnlessConfirmed() async throws {
    try scratch.write(Scratch.policy("9\\d+"))
    let lifecycle = try start()
    try scratch.write(Scratch.policy("8\\d+"), to: "next/p.yaml")
    try scratch.write(
      "tests:\n  - { name: nine, call: { alias: \"91\", registered: true }, expect: { rule: out } }\n",
      to: "next/tests/t.yaml")
    let refused = await lifecycle.activate(Self.request(scratch, "next"))
    #expect(!refused.isActivated)
    #expect(refused.objections == ["1 of 1 tests fail: “nine”"])
    #expect(await lifecycle.activate(Self.request(scratch, "next", confirm: true)).isActivated)
  }

  @Test func noConfirmationOverrulesAnError() async throws {
    try scratch.write(Scratch.policy("9\\d+"))
    let lifecycle = try start()
    let first = await lifecycle.policy.version
    try scratch.write("rules: [", to: "next/p.yaml")
    let result = await lifecycle.activate(Self.request(scratch, "next", confirm: true))
    #expect(!result.isActivated)
    #expect(await lifecycle.policy.version == first)
  }

  // MARK: Rollback

  @Test func rollbackHoldsUntilTheDirectoryChanges() async throws {
    try scratch.write(Scratch.policy("9\\d+"))
    let lifecycle = try start()
    let first = await lifecycle.policy.version.description
    try scratch.write(Scratch.policy("8\\d+"))
    await lifecycle.reload(because: "files changed", isAsked: false)
    let second = await lifecycle.policy.version.description
    let result = await lifecycle.rollback(to: nil, by: "ann", note: "")
    #expect(result.isActivated && result.version == first && result.previous == second)
    #expect(lifecycle.history.entries.last?.way == .rollback)
    #expect(await lifecycle.status.setAside == second)

    // Touched, but the same: it stays aside. So over a restart.
    await lifecycle.reload(because: "files changed", isAsked: false)
    #expect(await lifecycle.policy.version.description == first)
    let again = try start()
    #expect(await again.policy.version.description == first)
    // Changed: the directory is the policy again.
    try scratch.write(Scratch.policy("7\\d+"))
    await again.reload(because: "files changed", isAsked: false)
    #expect(await again.policy.version.description != first)
    #expect(await again.status.setAside == nil)
  }

  @Test func anyKeptVersionComesBackByItsBeginning() async throws {
    var versions: [String] = []
    try scratch.write(Scratch.policy("9\\d+"))
    let lifecycle = try start()
    versions.append(await lifecycle.policy.version.description)
    // More than are held in memory.
    for digit in 1...8 {
      try scratch.write(Scratch.policy("\(digit)\\d*"))
      await lifecycle.reload(because: "files changed", isAsked: false)
      versions.append(await lifecycle.policy.version.description)
    }
    #expect(Set(lifecycle.history.versions) == Set(versions))
    let result = await lifecycle.rollback(to: String(versions[0].prefix(8)).uppercased(), by: "", note: "")
    #expect(result.version == versions[0])
    #expect(await lifecycle.policy.policy.rules.first?.pattern == "9\\d+")
    let unknown = await lifecycle.rollback(to: "ffffffffffff", by: "", note: "")
    #expect(unknown.objections == ["no version ffffffffffff is kept"])
    let same = await lifecycle.rollback(to: versions[0], by: "", note: "")
    #expect(!same.isActivated)
  }

  @Test func withoutAPredecessorThereIsNoRollback() async throws {
    try scratch.write(Scratch.policy("9\\d+"))
    let result = await (try start()).rollback(to: nil, by: "", note: "")
    #expect(!result.isActivated)
    #expect(result.text.contains("there is no version before"))
  }

  // MARK: Shadow mode

  static func observation(_ alias: String, _ policy: PolicySnapshot) -> ShadowTally.Observation {
    let at = WallClock(milliseconds: 1_767_744_000_000)
    let request = ExplainedCall(alias: alias, from: "sip:ann@x", isRegistered: true, at: at).request(
      to: policy)
    return .init(
      request: request, answer: nil, record: policy.decide(request, now: at).record, at: at, policy: policy)
  }

  @Test func aShadowCountsWhatItWouldDoOtherwise() async throws {
    try scratch.write(Scratch.policy("9\\d+"))
    let lifecycle = try start()
    let live = await lifecycle.policy
    try scratch.write(Scratch.policy("9[12]\\d*", trunk: "b"), to: "next/p.yaml")
    let (version, _) = await lifecycle.startShadow("\(scratch.path)/next")
    let shadow = try #require(service.seen.withLock { $0.shadow })
    for alias in ["91", "92", "93", "70"] { shadow.offer(Self.observation(alias, live)) }
    #expect(await lifecycle.policy === live)

    // Activation waits for nothing: what is still in the queue is not counted, so let it drain.
    let report = try #require(await lifecycle.stopShadow())
    #expect(report.tally.compared == 4)
    #expect(
      report.tally.kinds.map { "\($0.kind.change.rawValue) \($0.count)" } == ["elsewhere 2", "refused 1"])
    #expect(report.text.contains("was    rule “out” to “93” over a"))
    #expect(service.seen.withLock { $0.shadow == nil })
    let kept = try String(contentsOfFile: "\(scratch.state)/policy/shadow.json", encoding: .utf8)
    #expect(kept.contains("\"version\": \"\(version ?? "")\""))
  }

  @Test func theGateAsksTheShadowOfTheSamePolicy() async throws {
    try scratch.write(Scratch.policy("9\\d+"))
    let lifecycle = try start()
    let live = await lifecycle.policy
    try scratch.write(Scratch.policy("8\\d+"), to: "next/p.yaml")
    _ = await lifecycle.startShadow("\(scratch.path)/next")
    let shadow = try #require(service.seen.withLock { $0.shadow })
    shadow.offer(Self.observation("91", live))
    while shadow.waitingCount > 0 { await Task.yield() }
    let refused = await lifecycle.activate(Self.request(scratch, "next", share: 50))
    #expect(refused.objections == ["100 % of 1 calls in shadow mode differ (at most 50 % may)"])
    let confirmed = await lifecycle.activate(Self.request(scratch, "next", confirm: true))
    #expect(confirmed.isActivated)
    // In force, it has nothing left to look on for.
    #expect(await lifecycle.shadow == nil)
  }

  @Test func aFullQueueDropsAndCounts() async throws {
    let policy = try #require(PolicyLoader.load(text: Scratch.policy("9\\d+")).snapshot)
    // Nothing may wait: all that comes while one is looked at is dropped, and nobody is held up.
    let shadow = ShadowEvaluation(
      candidate: policy, directory: "", started: WallClock(milliseconds: 0), capacity: 1)
    let observation = Self.observation("91", policy)
    for _ in 0..<20_000 { shadow.offer(observation) }
    await shadow.stop()
    #expect(shadow.result.compared + shadow.droppedCount == 20_000)
    #expect(shadow.droppedCount > 0)
    #expect(shadow.waitingCount == 0)
  }

  @Test func whatTheMomentDecidedIsNotCompared() throws {
    let policy = try #require(PolicyLoader.load(text: Scratch.policy("9\\d+")).snapshot)
    var tally = ShadowTally()
    var observation = Self.observation("91", policy)
    observation.record.decision = .reject(.limitReached)
    tally.add(observation, candidate: PolicyChain(policy))
    #expect(tally.compared == 0 && tally.skipped == 1)
  }

  /// A limit changes what becomes of a call only where it is reached; a number that is refused is refused.
  @Test func aShadowSeesWhatIsRefusedAndWhatIsLimited() throws {
    let text = Scratch.policy("9\\d+")
    let live = try #require(PolicyLoader.load(text: text).snapshot)
    let candidate = try #require(
      PolicyLoader.load(
        text: text + """
          destination_limits:
            - { name: premium, prefix: ["91"], refuse: true }
            - { name: rest, limits: { concurrent_calls: 5 } }

          """
      ).snapshot)
    var tally = ShadowTally()
    for alias in ["911", "921", "922"] {
      tally.add(Self.observation(alias, live), candidate: PolicyChain(candidate))
    }
    // A device of that number has it, whatever the number.
    var device = Self.observation("913", live)
    device.endsAtDevice = true
    tally.add(device, candidate: PolicyChain(candidate))
    #expect(
      tally.kinds.map { "\($0.kind.change.rawValue) \($0.count) to \($0.kind.after)" } == [
        "limited 2 to rule “out”", "refused 1 to nobody",
      ], "\(tally.kinds)")
    #expect(tally.differing == 1 && tally.share == 25)
    let refused = try #require(tally.examples.first { $0.key.change == .refused }?.value.first)
    #expect(refused.after == "refused: destination_refused (destination “premium”: refuse)")
    let limited = try #require(tally.examples.first { $0.key.change == .limited }?.value.first)
    #expect(limited.after == "rule “out” to “921” over a; destination “rest”: 5 calls at once")
  }
}
