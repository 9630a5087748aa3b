import CallModel
import PolicyEngine

/// Says in words where a gateway call goes: devices, trunks in order with their transforms, or DNS; what each is told, and what
/// limits or refuses it.
struct TargetSentence {
  let gateway: GatewayConfiguration
  let policy: PolicySnapshot?
  /// The ways out; nil when the policy is not at hand.
  let ways: CallWays?
  let places: PolicyPlaces?
  /// The calling alias as received, without scheme; nil when it is not known.
  let caller: String?

  init(
    gateway: GatewayConfiguration, policy: PolicySnapshot?, places: PolicyPlaces? = nil,
    request: CallRequest, isCallerKnown: Bool, without: Set<String> = []
  ) {
    self.gateway = gateway
    self.policy = policy
    self.places = places
    ways = policy.map { CallWays(gateway, request, $0, without: without) }
    caller = isCallerKnown ? Alias(sip: request.caller.alias).parsed : nil
  }

  /// One place the call is tried at.
  struct Attempt {
    var place: Int
    var via: String
    var address: String?
    var called: String
    var calling: String?
    var weight: Int?
    var ringTimeout: TimeSpan
    /// nil when the policy is not at hand.
    var way: CallWays.Way?
  }

  /// Trunks in order; neighbours with weights share a place.
  var attempts: [Attempt] {
    guard gateway.target != .registration, gateway.outgoingProtocol == .sip else { return [] }
    guard let ways else {
      return gateway.trunks.enumerated().map { i, choice in
        Attempt(
          place: i + 1, via: choice.trunk, called: gateway.remoteAlias,
          calling: gateway.localAlias ?? caller, weight: choice.weight,
          ringTimeout: choice.ringTimeout ?? gateway.ringTimeout)
      }
    }
    return ways.ways.compactMap { way in
      guard let trunk = way.departure.trunk else { return nil }
      let host = IPAddress(trunk.host)?.bracketed ?? trunk.host
      return Attempt(
        place: way.place, via: trunk.name,
        address: "\(host)\(trunk.port.map { ":\($0)" } ?? " by DNS"), \(trunk.transport.rawValue)",
        called: way.departure.called, calling: way.departure.calling ?? caller, weight: way.departure.weight,
        ringTimeout: way.departure.ringTimeout, way: way)
    }
  }

  /// What stands below one way out: what is said of its number, and what it counts against.
  private func notes(_ way: CallWays.Way?) -> [String] {
    guard let way, let policy else { return [] }
    var lines: [String] = []
    if way.isDown { lines.append("assumed to be down: tried last, in vain") }
    if let destination = DestinationSentence(way.departure, policy, places) { lines.append(destination.line) }
    if !way.departure.isRefused {
      lines += way.limits.map { "limit: \(LimitSentence(limit: $0, policy: policy, places: places).line)" }
    }
    return lines.map { "   \($0)" }
  }

  /// Lines for people.
  var lines: [String] {
    let alias = gateway.remoteAlias
    var lines: [String] = []
    let device = policy?.device(alias: alias)
    switch gateway.target {
    case .registration:
      lines.append("the device registered as “\(alias)”, if there is one; otherwise the call fails")
      if policy != nil, device == nil {
        lines.append("no device of this policy has that alias: it cannot register")
      }
      return lines
    case .external:
      if let device { lines.append("a device registered as “\(device.alias)”, if there is one; else:") }
    case .mssipConferenceID: lines.append("the Skype for Business meeting “\(alias)”")
    case .mssipServer: lines.append("Skype for Business: “\(alias)”")
    case .gmsConference: lines.append("the Google Meet meeting “\(alias)”")
    case .teamsConference: lines.append("the Teams meeting “\(alias)”")
    case .teamsUser: lines.append("the Teams Room “\(alias)”")
    case .telehealthProfile:
      lines.append("telehealth profile “\(gateway.telehealthProfile ?? "")”: “\(alias)”")
    }
    guard gateway.target.isServed else { return lines + ["not served yet: the call is refused"] }
    let attempts = attempts
    for attempt in attempts {
      var line = "\(attempt.place). trunk “\(attempt.via)”"
      if let address = attempt.address { line += " (\(address))" }
      line += ", called “\(attempt.called)”"
      if let calling = attempt.calling { line += ", calling “\(calling)”" }
      if let weight = attempt.weight { line += ", weight \(weight)" }
      line += ", rings \(attempt.ringTimeout.milliseconds / 1000) s"
      lines.append(line)
      lines += notes(attempt.way)
    }
    if attempts.count(where: { $0.way?.isOpen ?? true }) > 1 {
      let causes = Cause.allCases.filter(gateway.continueOn.contains).map(\.words)
      lines.append("the next trunk is tried after: \(causes.joined(separator: ", "))")
    }
    if attempts.isEmpty {
      lines.append(withoutTrunks(alias))
      lines += notes(ways?.ways.first)
    }
    if !gateway.outgoingProtocol.isServedOutgoing { lines.append("not served yet: the call is refused") }
    if let ways, !ways.ways.isEmpty, !ways.ways.contains(where: \.isOpen),
      ways.ways.contains(where: { !$0.departure.isRefused })
    {
      lines.append("no way out is left: the call fails")
    }
    return lines
  }

  /// What the call counts against before any attempt.
  var limits: [LimitSentence] {
    guard let policy, let ways else { return [] }
    return ways.limits.map { LimitSentence(limit: $0, policy: policy, places: places) }
  }

  private func withoutTrunks(_ alias: String) -> String {
    let name = gateway.outgoingProtocol.rawValue
    switch gateway.outgoingProtocol {
    case .h323 where gateway.h323Gatekeeper != nil:
      return "“\(alias)” by h323 through gatekeeper “\(gateway.h323Gatekeeper ?? "")”"
    case .mssip where gateway.mssipProxy != nil:
      return "“\(alias)” by mssip through “\(gateway.mssipProxy ?? "")”"
    case .rtmp: return "a stream to \(alias)"
    case .teams, .gms: return "“\(alias)” by \(name)"
    default:
      guard let at = alias.lastIndex(of: "@"), alias.index(after: at) < alias.endIndex else {
        return "“\(alias)” has no domain and the rule no trunk: there is nowhere to send it"
      }
      return "“\(alias)” by \(name), to what DNS says of \(alias[alias.index(after: at)...])"
    }
  }
}

/// What a destination limit says of a number as it leaves.
struct DestinationSentence {
  let name: String
  let isRefused: Bool
  /// As it is written; nil for an entry that is for all the rest.
  let prefix: String?
  /// The number in the form that prefixes are compared with.
  let number: String
  let position: (file: String, line: Int)?

  /// nil: no limit applies.
  init?(_ departure: Departure, _ policy: PolicySnapshot, _ places: PolicyPlaces?) {
    guard let match = policy.destinationMatch(of: departure.called, over: departure.trunk) else { return nil }
    let limit = policy.policy.destinationLimits[match.limit]
    name = limit.name
    isRefused = limit.isRefused
    prefix = match.prefix.map { limit.prefixes[$0] }
    number = policy.canonicalNumber(departure.called, over: departure.trunk)
    let path = PolicyPath("destination_limits", match.limit)
    position =
      match.prefix.flatMap {
        places?.position(of: path.appending("prefix").appending($0))
          ?? places?.position(of: path.appending("prefix"))
      } ?? places?.position(of: path.appending("name"))
  }

  var line: String {
    let place = position.map { " (\($0.file):\($0.line))" } ?? ""
    let why = prefix.map { "\(number) begins with \($0)" } ?? "\(number) has no other prefix"
    return "\(isRefused ? "refused by" : "falls under") destination limit “\(name)”: \(why)\(place)"
  }

  var json: JSONText {
    .object([
      ("name", .string(name)), ("refused", .boolean(isRefused)), ("prefix", JSONText(prefix)),
      ("number", .string(number)), ("file", JSONText(position?.file)),
      ("line", position.map { .integer($0.line) } ?? .null),
    ])
  }
}

extension Cause {
  /// `networkFailure` as `network failure`.
  var words: String {
    rawValue.reduce(into: "") { $0 += $1.isUppercase ? " \($1.lowercased())" : String($1) }
  }
}
