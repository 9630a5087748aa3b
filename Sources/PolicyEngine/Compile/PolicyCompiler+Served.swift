import CallModel

/// What a policy may say and this version does not do yet.
extension PolicyCompiler {
  /// Rules whose calls cannot be placed, or never come, get a warning each; settings without effect one note together.
  static func warnAboutUnserved(_ policy: Policy, _ order: [Int], into findings: inout [PolicyFinding]) {
    for i in order where policy.rules[i].isEnabled {
      warnAboutUnservedCalls(policy.rules[i], PolicyPath("rules", i), into: &findings)
    }
    var unused = UnusedSettings()
    unused.look(at: policy.globals)
    for (i, location) in policy.locations.enumerated() { unused.look(at: location, i) }
    for (i, device) in policy.devices.enumerated() { unused.look(at: device, i) }
    for i in order { unused.look(at: policy.rules[i], i) }
    if let finding = unused.finding { findings.append(finding) }
  }

  private static func warnAboutUnservedCalls(
    _ rule: CallRoutingRule, _ path: PolicyPath, into findings: inout [PolicyFinding]
  ) {
    func warn(_ message: String, _ place: PolicyPath) {
      findings.append(
        PolicyFinding(
          severity: .warning, code: "not-served-yet", message: "rule “\(rule.name)”: \(message)", path: place)
      )
    }
    let gateway = rule.gateway
    if !gateway.target.isServed {
      let word = PolicyBinding.targets.word(gateway.target) ?? gateway.target.rawValue
      warn("calls to \(word) are not served yet: they are refused", path.appending("to", "target"))
    } else if gateway.target == .external, !gateway.outgoingProtocol.isServedOutgoing {
      warn(
        "calls out by \(gateway.outgoingProtocol.rawValue) are not served yet: only registered devices are reached",
        path.appending("to", "protocol"))
    }
    if rule.matchesIncoming, !rule.matchesOutgoing, !rule.covers(.sip) {
      warn("calls come in by SIP only so far: it never matches", path.appending("from", "protocols"))
    }
    if rule.matchesIncoming, !rule.matchesOutgoing, !rule.conditions.tags.isEmpty {
      // Tags are given by apps, and by policy to participants of conferences.
      warn("no incoming call carries a tag so far: it never matches", path.appending("from", "tags"))
    }
  }
}

/// Settings that differ from what they are when nobody writes them, and that nothing acts on.
private struct UnusedSettings {
  /// By name, in the order found.
  private var names: [String] = []
  private var places: [String: (first: PolicyPath, count: Int)] = [:]

  private mutating func use(_ isUsed: Bool, _ name: String, _ path: PolicyPath) {
    guard isUsed else { return }
    if places[name] == nil { names.append(name) }
    places[name, default: (path, 0)].count += 1
  }

  mutating func look(at globals: Globals) {
    let standard = Globals()
    func path(_ keys: String...) -> PolicyPath {
      PolicyPath(keys: "globals").appending(keys)
    }
    use(
      globals.maximumPixels != standard.maximumPixels, "globals.max_resolution", path("max_resolution"))
  }

  mutating func look(at location: Location, _ index: Int) {
    for (key, value) in [
      ("h323_gatekeeper", location.h323Gatekeeper),
      ("mssip_proxy", location.mssipProxy), ("stun_server", location.stunServer),
      ("turn_server", location.turnServer), ("teams_proxy", location.teamsProxy),
    ] {
      use(value != nil, "locations[].\(key)", PolicyPath("locations", index, key))
    }
  }

  mutating func look(at device: Device, _ index: Int) {
    let path = PolicyPath("devices", index, "protocols")
    use(device.allowsH323, "devices[].protocols: h323", path)
    use(device.allowsWebRTC, "devices[].protocols: webrtc", path)
  }

  mutating func look(at rule: CallRoutingRule, _ index: Int) {
    let gateway = rule.gateway
    let path = PolicyPath("rules", index)
    for (key, value) in [
      ("h323_gatekeeper", gateway.h323Gatekeeper), ("mssip_proxy", gateway.mssipProxy),
      ("stun_server", gateway.stunServer), ("turn_server", gateway.turnServer),
      ("teams_proxy", gateway.teamsProxy), ("gms_access_token", gateway.gmsAccessToken),
      ("telehealth_profile", gateway.telehealthProfile),
    ] {
      use(value != nil, "rules[].to.\(key)", path.appending("to", key))
    }
    for (key, isUsed) in [
      ("max_resolution", gateway.maximumPixels != nil), ("denoise_audio", !gateway.denoiseAudio),
      ("live_captions", gateway.liveCaptions != "default"),
      ("avatar_lookup", gateway.externalAvatarLookup != "default"), ("theme", gateway.theme != nil),
    ] {
      use(isUsed, "rules[].call.\(key)", path.appending("call", key))
    }
  }

  /// Where each stands first; nil when there is nothing to say.
  var finding: PolicyFinding? {
    guard let first = names.first.flatMap({ places[$0]?.first }) else { return nil }
    let list = names.map { name in
      let count = places[name]?.count ?? 1
      return count > 1 ? "\(name) (\(count) times)" : name
    }
    return PolicyFinding(
      severity: .note, code: "no-effect-yet",
      message: "read and checked, but nothing acts on it yet: \(list.joined(separator: ", "))", path: first,
      related: names.dropFirst().compactMap { name in
        places[name].map { ($0.first, "\(name), here first") }
      })
  }
}
