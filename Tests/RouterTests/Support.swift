import CallModel
import PolicyEngine
import Router

func snapshot(
  rules: [CallRoutingRule] = [], trunks: [Trunk] = [], devices: [Device] = [], services: [Service] = [],
  globals: (inout Globals) -> Void = { _ in }
) throws -> PolicySnapshot {
  var settings = Globals()
  globals(&settings)
  return try PolicySnapshot(
    compiling: Policy(globals: settings, trunks: trunks, devices: devices, services: services, rules: rules))
}

func rule(
  _ name: String, _ pattern: String, to target: CallTarget = .external, replace: String = "",
  priority: Int = 10,
  trunks: [TrunkChoice] = [], continueOn: Set<Cause> = GatewayConfiguration.defaultContinueCauses
) -> CallRoutingRule {
  CallRoutingRule(
    name: name, priority: priority, pattern: pattern, replacement: replace,
    gateway: GatewayConfiguration(
      name: name, remoteAlias: "", target: target, trunks: trunks, continueOn: continueOn))
}

func request(
  _ alias: String, from address: String = "192.0.2.9:5060", registered: String? = nil, hopsLeft: Int? = 70,
  loopTokens: [String] = [], direction: CallDirection = .dialIn, resolutions: Int = 0
) -> CallRequest {
  CallRequest(
    id: CallID(high: 1, low: 2), direction: direction, trigger: .invite, callProtocol: .sip,
    alias: Alias(sip: "sip:\(alias)"),
    caller: Caller(
      alias: "sip:caller@example.org", address: TransportAddress(address), isRegistered: registered != nil,
      registeredAlias: registered),
    hopsLeft: hopsLeft, loopTokens: loopTokens, resolutions: resolutions)
}

func binding(
  _ alias: String, contact: String = "sip:phone@192.0.2.1", expires: TimeSpan = .seconds(3600), q: Double = 1,
  connection: UInt64? = nil
) -> Registrations.Binding {
  Registrations.Binding(
    alias: alias, callProtocol: .sip, contact: contact, remote: TransportAddress(.v4(0xc000_0201), 5060),
    since: WallClock(milliseconds: 0), expires: .zero + expires, q: q, route: contact, connection: connection)
}

extension RouteHunt {
  /// The names of the targets, step by step, if every step fails for `cause`.
  func path(failing cause: Cause) -> [[String]] {
    var hunt = self
    var result: [[String]] = []
    var step = hunt.first()
    while let targets = step {
      result.append(targets.map(\.via))
      step = hunt.next(after: cause)
    }
    return result
  }
}
