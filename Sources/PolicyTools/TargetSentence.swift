import CallModel
import PolicyEngine

/// Says in words where a gateway call goes: devices, trunks in order with their transforms, or DNS.
struct TargetSentence {
  let gateway: GatewayConfiguration
  let policy: PolicySnapshot?
  /// The calling alias, when it is at hand.
  let caller: String?

  /// One place the call is tried at.
  struct Attempt {
    var place: Int
    var via: String
    var address: String?
    var called: String
    var calling: String?
    var weight: Int?
    var ringTimeout: TimeSpan
  }

  /// Trunks in order; neighbours with weights share a place.
  var attempts: [Attempt] {
    guard gateway.target != .registration, gateway.outgoingProtocol == .sip else { return [] }
    var attempts: [Attempt] = []
    var place = 0
    var isSharing = false
    for choice in gateway.trunks {
      if choice.weight == nil || !isSharing { place += 1 }
      isSharing = choice.weight != nil
      let trunk = policy?.trunk(named: choice.trunk)
      let calling = gateway.localAlias ?? caller
      attempts.append(
        Attempt(
          place: place, via: choice.trunk,
          address: trunk.map { trunk in
            let host = IPAddress(trunk.host)?.bracketed ?? trunk.host
            return "\(host)\(trunk.port.map { ":\($0)" } ?? " by DNS"), \(trunk.transport.rawValue)"
          },
          called: transformed(gateway.remoteAlias, choice.calledTransform),
          calling: calling.map { transformed($0, choice.callingTransform) }, weight: choice.weight,
          ringTimeout: choice.ringTimeout ?? gateway.ringTimeout))
    }
    return attempts
  }

  private func transformed(_ alias: String, _ transform: AliasTransform?) -> String {
    guard let transform, let policy else { return alias }
    return policy.apply(transform, to: alias) ?? alias
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
    }
    if attempts.count > 1 {
      let causes = Cause.allCases.filter(gateway.continueOn.contains).map(\.words)
      lines.append("the next trunk is tried after: \(causes.joined(separator: ", "))")
    }
    if attempts.isEmpty { lines.append(withoutTrunks(alias)) }
    if !gateway.outgoingProtocol.isServedOutgoing { lines.append("not served yet: the call is refused") }
    return lines
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

extension Cause {
  /// `networkFailure` as `network failure`.
  var words: String {
    rawValue.reduce(into: "") { $0 += $1.isUppercase ? " \($1.lowercased())" : String($1) }
  }
}
