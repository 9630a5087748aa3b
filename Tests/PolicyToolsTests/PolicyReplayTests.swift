import CallModel
import Foundation
import PolicyEngine
import PolicyTools
import Testing

@Suite struct PolicyReplayTests {
  static func snapshot(_ rules: String) throws -> PolicySnapshot {
    let yaml = """
      trunks: [{ name: a, host: 192.0.2.1, sources: [198.51.100.0/24] }, { name: b, host: 192.0.2.2 }]
      services: [{ name: echo, type: test_call, aliases: [echo] }]
      schedules: [{ name: night, time_zone: UTC, periods: [{ hours: 20:00-06:00 }] }]
      rules:
      \(rules.split(separator: "\n").map { "  - { priority: 1, \($0) }" }.joined(separator: "\n"))
      """
    let outcome = PolicyLoader.load(text: yaml, name: "p.yaml")
    return try #require(outcome.snapshot, "\(outcome.diagnostics)")
  }

  /// A record as the old policy would have left it.
  static func record(
    _ alias: String, _ policy: PolicySnapshot, registered: Bool = false, source: String? = nil,
    hour: Int64 = 12
  ) -> CallRecord {
    let started = WallClock(milliseconds: 1_767_744_000_000 + hour * 3_600_000)
    let call = ExplainedCall(
      alias: alias, from: "sip:ann@example.org", isRegistered: registered,
      source: source.flatMap { IPAddress($0) },
      at: started)
    return CallRecord(
      id: CallID(high: 0, low: UInt64(alias.utf8.count)), started: started,
      caller: LegParty(
        callProtocol: .sip, isIncoming: true, alias: "sip:ann@example.org",
        address: source.flatMap { IPAddress($0) }.map { TransportAddress($0, 5060) }),
      calledAlias: alias, serviceName: "", serviceType: "", tag: "", decision: call.decide(by: policy))
  }

  static let old = """
    name: out, match: '9(\\d+)', replace: '\\1', from: { registered: true }, to: { trunks: [a] }
    name: people, match: '[a-z]+', to: { target: registered_device }
    """

  static func replay(
    _ new: String, _ alias: String, registered: Bool = false, source: String? = nil, hour: Int64 = 12
  )
    throws -> PolicyReplay
  {
    let record = record(alias, try snapshot(old), registered: registered, source: source, hour: hour)
    return PolicyReplay([record], by: try snapshot(new))
  }

  @Test(
    arguments: [
      (
        "name: out, match: '9(\\d+)', replace: '\\1', from: { registered: true }, to: { trunks: [b] }",
        "9123", "elsewhere"
      ),
      ("name: out, match: '9(\\d+)', from: { registered: true }, to: { trunks: [a] }", "9123", "elsewhere"),
      (
        "name: out, match: '9(\\d+)', replace: '\\1', from: { registered: true }, to: { trunks: [a] }, call: { capability: audio }",
        "9123", "otherwise"
      ),
      (
        "name: away, match: '9(\\d+)', replace: '\\1', from: { registered: true }, to: { trunks: [a] }",
        "9123", "renamed"
      ),
      ("name: out, match: '8(\\d+)', to: { trunks: [a] }", "9123", "refused"),
      ("name: all, match: '.*', to: { trunks: [a] }", "0123", "admitted"),
      ("name: all, match: 'x', to: { trunks: [a] }", "0123", nil),
      (old, "9123", nil), (old, "echo", nil), (old, "bob", nil),
    ] as [(String, String, String?)])
  func eachChange(_ new: String, _ alias: String, _ change: String?) throws {
    let replay = try Self.replay(new, alias, registered: true)
    #expect(replay.compared == 1)
    #expect(replay.differences.first?.change.rawValue == change, "\(replay.differences)")
    #expect((replay.changedShare > 0) == (change != nil && change != "renamed"))
  }

  /// The new policy's conditions meet the call as it was: its time, and the trunk its source belongs to.
  @Test func conditionsMeetTheCallAsItWas() throws {
    let byDay = "name: people, match: '[a-z]+', unless: [night], to: { target: registered_device }"
    #expect(try Self.replay(byDay, "bob").differences.isEmpty)
    #expect(try Self.replay(byDay, "bob", hour: 22).differences.first?.change == .refused)
    let fromTrunk = "name: people, match: '[a-z]+', from: { trunks: [a] }, to: { target: registered_device }"
    #expect(try Self.replay(fromTrunk, "bob", source: "198.51.100.7").differences.isEmpty)
    #expect(try Self.replay(fromTrunk, "bob", source: "203.0.113.7").differences.first?.change == .refused)
  }

  /// Rooms in every setting that records keep: PINs and keys are not among them.
  @Test func roomsAreCompared() throws {
    func policy(_ room: String, _ pin: String = "1234") throws -> PolicySnapshot {
      let outcome = PolicyLoader.load(
        text: """
          services:
            - {name: room, type: conference, aliases: [room], \(pin.isEmpty ? "" : "pin: '\(pin)',") room: {\(room)}}
          """)
      return try #require(outcome.snapshot, "\(outcome.diagnostics)")
    }
    func replay(_ record: CallRecord, by policy: PolicySnapshot) -> DecisionChange? {
      PolicyReplay([record], by: policy).differences.first?.change
    }
    let called =
      "automatic_participants: [{remote_alias: 'sip:a@b', local_alias: room, protocol: sip, role: guest"
    let old = try policy("view: four_mains_zero_pips, \(called), dtmf_sequence: '12'}]")
    var record = Self.record("room", old)
    guard case .service(let service) = record.decision.decision else { return #expect(Bool(false)) }
    record.decision.decision = .service(service.asRecorded)
    #expect(replay(record, by: old) == nil)
    #expect(replay(record, by: try policy("view: four_mains_zero_pips, \(called)}]", "4321")) == nil)
    #expect(replay(record, by: try policy("\(called)}]")) == .otherwise)
    #expect(replay(record, by: try policy("view: four_mains_zero_pips")) == .otherwise)
    #expect(replay(record, by: try policy("view: four_mains_zero_pips, \(called)}]", "")) == .otherwise)
    // Of an old record it is not known.
    record.decision.hasServiceSettings = false
    #expect(replay(record, by: try policy("")) == nil)
  }

  @Test func whatTheMomentDecidedIsNotCompared() throws {
    let policy = try Self.snapshot(Self.old)
    var limited = Self.record("bob", policy)
    limited.decision.decision = .reject(.limitReached)
    let replay = PolicyReplay(
      [limited, Self.record("bob", policy)], by: try Self.snapshot("name: r, match: 'x'"))
    #expect(replay.compared == 1 && replay.skipped == 1 && replay.changedShare == 100)
    let report = PolicyReplayReport(replay: replay, version: "v1")
    #expect(report.exitCode == 1)
    #expect(PolicyReplayReport(replay: replay, version: "v1", maximumShare: 100).exitCode == 0)
    #expect(report.text.contains("refused: sip:ann@example.org → bob"))
    #expect(report.text.hasSuffix("1 calls decided again by policy v1: 1 refused; 1 not comparable\n"))
    let json = try #require(try JSONSerialization.jsonObject(with: Data(report.json.utf8)) as? [String: Any])
    #expect(json["compared"] as? Int == 1 && (json["differences"] as? [Any])?.count == 1)
  }

  // MARK: Limits

  /// Calls to `9123` of one device, each with its beginning and end in seconds.
  private func calls(_ times: [(Double, Double)], _ policy: PolicySnapshot, alias: String = "9123")
    -> [CallRecord]
  {
    times.enumerated().map { i, time in
      var call = Self.record(alias, policy, registered: true)
      call.id = CallID(high: 0, low: UInt64(i + 1))
      let start = call.started.milliseconds
      call.started = WallClock(milliseconds: start + Int64(time.0 * 1000))
      call.connected = call.started
      call.ended = WallClock(milliseconds: start + Int64(time.1 * 1000))
      call.attempts = [CallAttempt(via: "a", alias: "123", started: call.started)]
      return call
    }
  }

  private static let limitedOut =
    "name: out, match: '9(\\d+)', replace: '\\1', from: { registered: true }, to: { trunks: [a] }"

  /// What would have come to a limit is said; what would not have is the same.
  @Test(
    arguments: [
      ("concurrent_calls: 2", [(0, 10), (1, 9), (2, 5), (11, 12)], [3: "refused"]),
      ("calls: 2 per 1m", [(0, 1), (2, 3), (4, 5), (100, 101)], [3: "refused"]),
      ("maximum_duration: 30s", [(0, 20), (0, 40), (50, 200)], [2: "shortened", 3: "shortened"]),
      ("call_minutes: 2 per 1h", [(0, 50), (60, 200), (300, 310)], [3: "refused"]),
      ("calls_per_second: 1", [(0, 1), (0.2, 1), (5, 6)], [2: "refused"]),
      ("per_caller: { concurrent_calls: 1 }", [(0, 10), (1, 2)], [2: "refused"]),
      ("concurrent_calls: 9", [(0, 10), (1, 9), (2, 5)], [:]),
    ] as [(String, [(Double, Double)], [UInt64: String])])
  func recordedCallsAreCountedAgainstLimits(
    _ caps: String, _ times: [(Double, Double)], _ changes: [UInt64: String]
  )
    throws
  {
    let old = try Self.snapshot(Self.limitedOut)
    let new = try PolicySnapshot(compiling: Self.limited(old.policy, caps))
    let replay = PolicyReplay(calls(times, old), by: new)
    let found = Dictionary(uniqueKeysWithValues: replay.differences.map { ($0.call.low, $0.change.rawValue) })
    #expect(found == changes, "\(replay.differences)")
    #expect(replay.differences.allSatisfy { $0.after.contains("destination “abroad”") })
    // Whatever order records come in.
    #expect(PolicyReplay(calls(times, old).reversed(), by: new).differences.count == changes.count)
    // The policy in force does with them what it did.
    #expect(PolicyReplay(calls(times, old), by: old).differences.isEmpty)
  }

  /// The same policy with a limit on every number.
  private static func limited(_ policy: Policy, _ caps: String) throws -> Policy {
    let yaml = "destination_limits: [{ name: abroad, limits: { \(caps) } }]"
    let outcome = PolicyLoader.load(text: yaml)
    var policy = policy
    policy.destinationLimits = try #require(outcome.snapshot, "\(outcome.diagnostics)").policy
      .destinationLimits
    return policy
  }

  @Test func aRefusedPrefixRefusesRecordedCalls() throws {
    let old = try Self.snapshot(Self.limitedOut)
    var policy = old.policy
    policy.destinationLimits = [DestinationLimit(name: "premium", prefixes: ["12"], isRefused: true)]
    let new = try PolicySnapshot(compiling: policy)
    let replay = PolicyReplay(calls([(0, 1)], old), by: new)
    #expect(replay.differences.map(\.change) == [.refused])
    #expect(replay.differences.first?.after == "refused: destination_refused (destination “premium”: refuse)")
    // And back: what was refused goes through.
    var refused = Self.record("9123", new, registered: true)
    refused.ended = refused.started
    #expect(refused.decision.decision == .reject(.destinationRefused))
    #expect(PolicyReplay([refused], by: old).differences.map(\.change) == [.admitted])
    #expect(PolicyReplay([refused], by: new).differences.isEmpty)
  }

  @Test func whatALimitRefusedIsComparableOnceItIsGone() throws {
    let old = try Self.snapshot(Self.limitedOut)
    var refused = calls([(0, 0)], old)[0]
    refused.decision.decision = .reject(.limitReached)
    refused.decision.limit = LimitReached(.service, cap: .callsPerSecond)
    refused.connected = nil
    #expect(PolicyReplay([refused], by: old).differences.map(\.change) == [.admitted])
    var policy = old.policy
    policy.globals.limits.total.callsPerSecond = 5
    let replay = PolicyReplay([refused], by: try PolicySnapshot(compiling: policy))
    #expect(replay.differences.isEmpty && replay.skipped == 1)
  }
}
