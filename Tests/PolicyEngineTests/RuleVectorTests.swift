import CallModel
import Testing

@testable import PolicyEngine

/// The rule test vectors of the routing reference §3.4, and what its §§1, 3 and 23 say in words.
@Suite struct RuleVectorTests {
  static func rule(
    _ name: String, _ priority: Int, _ pattern: String, _ replacement: String = "",
    target: CallTarget = .external, change: (inout CallRoutingRule) -> Void = { _ in }
  ) -> CallRoutingRule {
    var rule = CallRoutingRule(
      name: name, priority: priority, pattern: pattern, replacement: replacement,
      gateway: GatewayConfiguration(name: name, remoteAlias: "", target: target))
    change(&rule)
    return rule
  }

  static let policy = Policy(
    locations: [Location(name: "East"), Location(name: "West")],
    services: [
      Service(aliases: ["9100"], configuration: ServiceConfiguration(kind: .conference, name: "Room 9100"))
    ],
    // Out of order on purpose: priority decides.
    rules: [
      rule("D", 40, ".*@example\\.net") { $0.sourceLocation = "East" },
      rule("A", 10, "9(\\d+)", "\\1@pstn.example.org") { $0.onlyRegistered = true },
      rule("C", 30, ".*") { $0.isEnabled = false },
      rule("B", 20, "(.+)@example\\.org", target: .registration),
    ])

  static func request(
    _ alias: Alias, _ callProtocol: CallProtocol = .sip, registered: Bool = false, location: String? = nil,
    direction: CallDirection = .dialIn
  ) -> CallRequest {
    CallRequest(
      id: CallID(high: 1, low: 2), direction: direction, trigger: .unspecified, callProtocol: callProtocol,
      alias: alias, caller: Caller(alias: "sip:ann@example.org", isRegistered: registered), location: location
    )
  }

  static let now = WallClock(milliseconds: 0)

  static func decide(_ policy: Policy, _ request: CallRequest) throws -> (
    decision: Decision, record: DecisionRecord
  ) {
    try PolicySnapshot(compiling: policy).decide(request, now: now, keepingAllConsiderations: true)
  }

  static func outcomes(_ record: DecisionRecord) -> [RuleConsideration.Outcome] {
    record.considered.map(\.outcome)
  }

  @Test func unregisteredCallerFindsNothing() throws {
    let (decision, record) = try Self.decide(Self.policy, Self.request(Alias(sip: "sip:95551234@192.0.2.1")))
    #expect(record.alias.parsed == "95551234")
    #expect(decision == .reject(.notFound))
    #expect(Self.outcomes(record) == [.registered, .pattern, .disabled, .location])
  }

  @Test func registeredCallerDialsOut() throws {
    let (decision, record) = try Self.decide(
      Self.policy, Self.request(Alias(sip: "sip:95551234@192.0.2.1"), registered: true))
    guard case .gateway(let gateway) = decision else { Issue.record("\(decision)"); return }
    #expect(gateway.name == "A")
    #expect(gateway.remoteAlias == "5551234@pstn.example.org")
    #expect(record.rule == "A")
    #expect(record.replaced == "5551234@pstn.example.org")
    #expect(Self.outcomes(record) == [.matched])
  }

  /// Whether Bob is registered is not the policy's question: B decides either way, and D is not tried.
  @Test func caseDoesNotMatterAndTheFirstMatchIsFinal() throws {
    let (decision, record) = try Self.decide(
      Self.policy, Self.request(Alias(sip: "sip:Bob@EXAMPLE.ORG;user=phone"), location: "East"))
    guard case .gateway(let gateway) = decision else { Issue.record("\(decision)"); return }
    #expect(gateway.name == "B")
    #expect(gateway.target == .registration)
    #expect(gateway.remoteAlias == "Bob@EXAMPLE.ORG")
    #expect(Self.outcomes(record) == [.registered, .matched])
  }

  @Test func locationMatters() throws {
    let alias = Alias(dialled: "x@example.net", protocol: .h323)
    #expect(
      try Self.decide(Self.policy, Self.request(alias, .h323, location: "West")).decision
        == .reject(.notFound))
    #expect(try Self.decide(Self.policy, Self.request(alias, .h323, location: "East")).record.rule == "D")
    #expect(try Self.decide(Self.policy, Self.request(alias, .h323, location: nil)).record.rule == nil)
    #expect(try Self.decide(Self.policy, Self.request(alias, .h323, location: "Nowhere")).record.rule == nil)
  }

  @Test func serviceBeatsRule() throws {
    let (decision, record) = try Self.decide(
      Self.policy, Self.request(Alias(sip: "sip:9100@192.0.2.1"), registered: true))
    guard case .service(let service) = decision else { Issue.record("\(decision)"); return }
    #expect(service.name == "Room 9100")
    #expect(record.service == "Room 9100")
    #expect(record.considered.isEmpty)
  }

  @Test func patternsCoverTheWholeAlias() throws {
    let decision = try Self.decide(
      Self.policy, Self.request(Alias(sip: "sip:19555@192.0.2.1"), registered: true))
    #expect(decision.decision == .reject(.notFound))
  }

  @Test func serviceAliasesAreComparedWithoutCaseAndAsAWhole() throws {
    var policy = Policy()
    policy.services = [
      Service(
        aliases: ["Ünser.Raum@Example.org"], configuration: ServiceConfiguration(kind: .testCall, name: "T"))
    ]
    let hit = try Self.decide(policy, Self.request(Alias(sip: "sip:ÜNSER.raum@EXAMPLE.ORG:5060;a=b")))
    #expect(hit.record.service == "T")
    #expect(try Self.decide(policy, Self.request(Alias(sip: "sip:ünser.raum@host"))).record.service == nil)
  }

  @Test func directionsAreApart() throws {
    var policy = Policy()
    policy.rules = [
      Self.rule("out", 1, ".*") {
        $0.matchesIncoming = false
        $0.matchesOutgoing = true
        $0.onlyRegistered = true
        $0.protocols = []
      },
      Self.rule("in", 2, ".*"),
    ]
    let alias = Alias(sip: "sip:x@example.org")
    #expect(try Self.decide(policy, Self.request(alias)).record.rule == "in")
    #expect(try Self.decide(policy, Self.request(alias, direction: .nonDial)).record.rule == "in")
    // Protocol and registration do not apply to outgoing calls.
    #expect(try Self.decide(policy, Self.request(alias, direction: .dialOut)).record.rule == "out")
  }

  @Test(arguments: [
    (CallProtocol.api, CallProtocol.webrtc), (.webrtc, .webrtc), (.rtmp, .webrtc), (.sip, .sip),
    (.mssip, .mssip), (.h323, .h323), (.teams, .teams),
  ])
  func protocolsFallIntoClasses(_ callProtocol: CallProtocol, _ box: CallProtocol) throws {
    for protocols in [Set([box]), Set(CallProtocol.allCases).subtracting([box, .api, .rtmp])] {
      var policy = Policy()
      policy.rules = [Self.rule("r", 1, ".*") { $0.protocols = protocols }]
      let result = try Self.decide(policy, Self.request(Alias(dialled: "x", protocol: .sip), callProtocol))
      #expect((result.record.rule == "r") == (protocols == [box]))
    }
  }

  @Test func teamsIsOffByDefault() throws {
    var policy = Policy()
    policy.rules = [Self.rule("r", 1, ".*")]
    let alias = Alias(dialled: "x", protocol: .sip)
    for callProtocol in CallProtocol.allCases where callProtocol != .gms {
      let result = try Self.decide(policy, Self.request(alias, callProtocol))
      #expect((result.record.rule == "r") == (callProtocol != .teams), "\(callProtocol)")
    }
  }

  @Test func fullMatchingSeesSchemeAndParameters() throws {
    var policy = Policy()
    policy.rules = [Self.rule("full", 1, "sip:.*;transport=tls", "\\g<0>") { $0.matchesFullAlias = true }]
    let result = try Self.decide(policy, Self.request(Alias(sip: "sip:a@b;transport=tls")))
    #expect(result.record.replaced == "sip:a@b;transport=tls")
    #expect(try Self.decide(policy, Self.request(Alias(sip: "sip:a@b"))).record.rule == nil)
  }

  @Test func globalSwitchesComeFirst() throws {
    var policy = Self.policy
    policy.globals.sipEnabled = false
    let alias = Alias(sip: "sip:9100@192.0.2.1")
    #expect(try Self.decide(policy, Self.request(alias)).decision == .reject(.protocolDisabled))
    #expect(try Self.decide(policy, Self.request(alias, .mssip)).decision == .reject(.protocolDisabled))
    #expect(try Self.decide(policy, Self.request(alias, .h323)).record.service == "Room 9100")
    policy = Self.policy
    policy.globals.dialOutEnabled = false
    #expect(try Self.decide(policy, Self.request(alias)).record.service == "Room 9100")
    let bob = Self.request(Alias(sip: "sip:bob@example.org"))
    #expect(try Self.decide(policy, bob).decision == .reject(.protocolDisabled))
    let out = Self.request(alias, direction: .dialOut)
    #expect(try Self.decide(policy, out).decision == .reject(.protocolDisabled))
  }

  @Test func aServiceWithSignOnTakesNoDevicesButTrustedOnes() throws {
    var service = ServiceConfiguration(kind: .conference, name: "Board")
    service.signOn.guestGroup = "staff"
    var policy = Policy()
    policy.services = [Service(aliases: ["board@example.org"], configuration: service)]
    let alias = Alias(sip: "sip:board@example.org")
    func decision(_ request: CallRequest) throws -> Decision { try Self.decide(policy, request).decision }

    #expect(try decision(Self.request(alias)) == .reject(.signOnRequired))
    #expect(try decision(Self.request(alias, registered: true)) == .reject(.signOnRequired))
    #expect(try decision(Self.request(alias, .webrtc)) == .service(service))
    // It is the service that calls, or somebody who only asks.
    #expect(try decision(Self.request(alias, direction: .dialOut)) == .service(service))
    #expect(try decision(Self.request(alias, direction: .nonDial)) == .service(service))

    service.signOn.others = .allowIfTrusted
    policy.services[0].configuration = service
    #expect(try decision(Self.request(alias)) == .reject(.signOnRequired))
    #expect(try decision(Self.request(alias, registered: true)) == .service(service))

    // What a policy server answers is held to the same.
    let snapshot = try PolicySnapshot(compiling: Policy())
    let answered = snapshot.decide(Self.request(alias), external: .service(service), now: Self.now)
    #expect(answered.decision == .reject(.signOnRequired))
    #expect(answered.record.decision == .reject(.signOnRequired))
  }

  @Test func aPatternThatNeedsTooMuchWorkRefusesTheCall() throws {
    var policy = Policy()
    policy.rules = [Self.rule("bad", 1, "(a+)+$"), Self.rule("next", 2, ".*")]
    let alias = Alias(dialled: String(repeating: "a", count: 40) + "b", protocol: .sip)
    let (decision, record) = try Self.decide(policy, Self.request(alias))
    #expect(decision == .reject(.ruleError))
    #expect(record.rule == "bad")
    #expect(Self.outcomes(record) == [.patternError])
  }

  @Test func aReplacementThatLeavesNothingRefusesTheCall() throws {
    var policy = Policy()
    policy.rules = [Self.rule("empty", 1, "(x)?.*", "\\1")]
    #expect(
      try Self.decide(policy, Self.request(Alias(dialled: "abc", protocol: .sip))).decision
        == .reject(.ruleError))
  }

  @Test func globalLimitsFillIn() throws {
    var policy = Policy()
    policy.globals.bandwidthIn = Bandwidth(kilobitsPerSecond: 1000)
    policy.rules = [
      Self.rule("own", 1, "own") { $0.gateway.maximumBandwidthIn = Bandwidth(kilobitsPerSecond: 2000) },
      Self.rule("global", 2, ".*"),
    ]
    let snapshot = try PolicySnapshot(compiling: policy)
    func gateway(_ alias: String) -> GatewayConfiguration? {
      let request = Self.request(Alias(dialled: alias, protocol: .sip))
      guard case .gateway(let gateway) = snapshot.decide(request, now: Self.now).decision else { return nil }
      return gateway
    }
    #expect(gateway("own")?.maximumBandwidthIn == Bandwidth(kilobitsPerSecond: 2000))
    #expect(gateway("x")?.maximumBandwidthIn == Bandwidth(kilobitsPerSecond: 1000))
    #expect(gateway("x")?.maximumBandwidthOut == Bandwidth(kilobitsPerSecond: 4128))
    #expect(gateway("x")?.maximumPixels == "hd")
  }

  @Test func lookUps() throws {
    var policy = Policy()
    policy.devices = [Device(alias: "Bob@Example.org", allowsSIP: true)]
    policy.locations = [
      Location(name: "wide", networks: [IPNetwork("10.0.0.0/8")!]),
      Location(name: "narrow", networks: [IPNetwork("10.1.0.0/16")!, IPNetwork("2001:db8::/32")!]),
    ]
    policy.trunks = [
      Trunk(name: "a", host: "192.0.2.1"),
      Trunk(name: "b", host: "carrier.example", sources: [IPNetwork("192.0.2.0/24")!]),
    ]
    let snapshot = try PolicySnapshot(compiling: policy)
    #expect(snapshot.device(alias: "bob@EXAMPLE.org")?.alias == "Bob@Example.org")
    #expect(snapshot.device(alias: "bob") == nil)
    #expect(snapshot.location(for: IPAddress("10.1.2.3")!, listenerDefault: "x") == "narrow")
    #expect(snapshot.location(for: IPAddress("::ffff:10.2.2.3")!, listenerDefault: "x") == "wide")
    #expect(snapshot.location(for: IPAddress("2001:db8::1")!, listenerDefault: "x") == "narrow")
    #expect(snapshot.location(for: IPAddress("11.1.2.3")!, listenerDefault: "x") == "x")
    #expect(snapshot.trunk(forSource: IPAddress("192.0.2.1")!)?.name == "a")
    #expect(snapshot.trunk(forSource: IPAddress("192.0.2.2")!)?.name == "b")
    #expect(snapshot.trunk(forSource: IPAddress("192.0.3.2")!) == nil)
    #expect(snapshot.trunkIndex("b") == 1)
    #expect(snapshot.apply(AliasTransform(pattern: "0(.*)", replacement: "+44\\1"), to: "0123") == "+44123")
    #expect(snapshot.apply(AliasTransform(pattern: "0(.*)", replacement: "+44\\1"), to: "123") == nil)
    #expect(snapshot.apply(AliasTransform(pattern: "(", replacement: ""), to: "123") == nil)
  }
}
