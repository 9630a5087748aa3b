import CallModel

extension PolicyCompiler {
  /// Every name must be that of something that exists.
  static func checkReferences(_ policy: Policy, into findings: inout [PolicyFinding]) {
    let check = ReferenceCheck(policy)
    for (i, location) in policy.locations.enumerated() {
      let path = PolicyPath("locations", i)
      check.refer(location.trunk, .trunk, path.appending("trunk"), &findings)
      check.refer(location.h323Gatekeeper, .gatekeeper, path.appending("h323_gatekeeper"), &findings)
      check.refer(location.mssipProxy, .mssipProxy, path.appending("mssip_proxy"), &findings)
      check.refer(location.stunServer, .stunServer, path.appending("stun_server"), &findings)
      check.refer(location.turnServer, .turnServer, path.appending("turn_server"), &findings)
      check.refer(location.teamsProxy, .teamsProxy, path.appending("teams_proxy"), &findings)
      check.refer(location.policyProfile, .policyProfile, path.appending("policy_profile"), &findings)
      let bound = policy.globals.media.addresses.map(\.bind)
      for (j, address) in location.mediaAddresses.enumerated() where !bound.contains(address) {
        findings.append(
          PolicyFinding(
            code: "unknown-reference", message: "media is not bound to \(address)",
            path: path.appending("media_addresses").appending(j),
            suggestion: bound.isEmpty
              ? "list it in globals: media: addresses"
              : "one of \(bound.map(\.description).joined(separator: ", "))"))
      }
    }
    check.refer(
      policy.globals.policyProfile, .policyProfile, PolicyPath(keys: "globals", "policy_profile"), &findings)
    for (i, listener) in policy.globals.sip.listeners.enumerated() {
      let path = PolicyPath(keys: "globals", "sip", "listeners").appending(i)
      check.refer(listener.location, .location, path.appending("location"), &findings)
    }
    check.refer(
      policy.globals.conferences.theme, .theme, PolicyPath(keys: "globals", "conferences", "theme"), &findings
    )
    for (i, service) in policy.services.enumerated() {
      let path = PolicyPath("services", i)
      let service = service.configuration
      if service.kind == .mediaPlayback, !service.playback.playlist.isEmpty {
        check.refer(
          service.playback.playlist, .playlist, path.appending("playback", "playlist"), &findings)
      }
      check.refer(service.theme, .theme, path.appending("theme"), &findings)
      for (j, participant) in service.room.automaticParticipants.enumerated() {
        check.refer(
          participant.systemLocation, .location,
          path.appending("room", "automatic_participants").appending(j).appending("system_location"),
          &findings)
      }
      let reception = service.reception
      let place = path.appending("reception")
      check.refer(reception.location, .location, place.appending("system_location"), &findings)
      check.refer(reception.gmsAccessToken, .gmsAccessToken, place.appending("gms_access_token"), &findings)
      check.refer(reception.mssipProxy, .mssipProxy, place.appending("mssip_proxy"), &findings)
      check.refer(reception.teamsProxy, .teamsProxy, place.appending("teams_proxy"), &findings)
    }
    for (i, rule) in policy.rules.enumerated() {
      let from = PolicyPath("rules", i, "from")
      let to = PolicyPath("rules", i, "to")
      check.refer(rule.sourceLocation, .location, from.appending("location"), &findings)
      for (j, name) in rule.conditions.trunks.enumerated() {
        check.refer(name, .trunk, from.appending("trunks").appending(j), &findings)
      }
      for (j, name) in rule.conditions.schedules.enumerated() {
        check.refer(name, .schedule, PolicyPath("rules", i, "when").appending(j), &findings)
      }
      for (j, name) in rule.conditions.exceptSchedules.enumerated() {
        check.refer(name, .schedule, PolicyPath("rules", i, "unless").appending(j), &findings)
      }
      let gateway = rule.gateway
      check.refer(gateway.outgoingLocation, .location, to.appending("location"), &findings)
      for (j, choice) in gateway.trunks.enumerated() {
        check.refer(choice.trunk, .trunk, to.appending("trunks").appending(j).appending("trunk"), &findings)
      }
      check.refer(gateway.h323Gatekeeper, .gatekeeper, to.appending("h323_gatekeeper"), &findings)
      check.refer(gateway.mssipProxy, .mssipProxy, to.appending("mssip_proxy"), &findings)
      check.refer(gateway.stunServer, .stunServer, to.appending("stun_server"), &findings)
      check.refer(gateway.turnServer, .turnServer, to.appending("turn_server"), &findings)
      check.refer(gateway.teamsProxy, .teamsProxy, to.appending("teams_proxy"), &findings)
      check.refer(gateway.gmsAccessToken, .gmsAccessToken, to.appending("gms_access_token"), &findings)
      check.refer(gateway.telehealthProfile, .telehealth, to.appending("telehealth_profile"), &findings)
      check.refer(gateway.theme, .theme, PolicyPath("rules", i, "call", "theme"), &findings)
    }
  }

  /// The kinds of thing that are referred to by name, and the section they stand in.
  private enum Kind: String, CaseIterable {
    case location = "locations"
    case trunk = "trunks"
    case schedule = "schedules"
    case gatekeeper = "h323_gatekeepers"
    case mssipProxy = "mssip_proxies"
    case stunServer = "stun_servers"
    case turnServer = "turn_servers"
    case teamsProxy = "teams_proxies"
    case gmsAccessToken = "gms_access_tokens"
    case telehealth = "telehealth_profiles"
    case theme = "themes"
    case playlist = "playlists"
    case policyProfile = "policy_profiles"

    var noun: String {
      switch self {
      case .location: "location"
      case .trunk: "trunk"
      case .schedule: "schedule"
      case .gatekeeper: "H.323 gatekeeper"
      case .mssipProxy: "Skype for Business proxy"
      case .stunServer: "STUN server"
      case .turnServer: "TURN server"
      case .teamsProxy: "Teams proxy"
      case .gmsAccessToken: "Google Meet access token"
      case .telehealth: "telehealth profile"
      case .theme: "theme"
      case .playlist: "playlist"
      case .policyProfile: "policy profile"
      }
    }
  }

  private struct ReferenceCheck {
    var names: [Kind: Set<String>] = [:]

    init(_ policy: Policy) {
      names[.location] = Set(policy.locations.map(\.name))
      names[.trunk] = Set(policy.trunks.map(\.name))
      names[.schedule] = Set(policy.schedules.map(\.name))
      names[.gatekeeper] = Set(policy.h323Gatekeepers.map(\.name))
      names[.mssipProxy] = Set(policy.mssipProxies.map(\.name))
      names[.stunServer] = Set(policy.stunServers.map(\.name))
      names[.turnServer] = Set(policy.turnServers.map(\.name))
      names[.teamsProxy] = Set(policy.teamsProxies.map(\.name))
      names[.gmsAccessToken] = Set(policy.gmsAccessTokens.map(\.name))
      names[.telehealth] = Set(policy.telehealthProfiles.map(\.name))
      names[.theme] = Set(policy.themes.map(\.name))
      names[.playlist] = Set(policy.playlists.map(\.name))
      names[.policyProfile] = Set(policy.policyProfiles.map(\.name))
    }

    func refer(
      _ name: String?, _ kind: Kind, _ path: @autoclosure () -> PolicyPath, _ findings: inout [PolicyFinding]
    ) {
      guard let name, let known = names[kind], !known.contains(name) else { return }
      let suggestion: String? =
        if let near = nearest(to: name, in: known.sorted()) {
          "did you mean “\(near)”?"
        } else if known.isEmpty {
          "there is none: define it under \(kind.rawValue):"
        } else {
          "known: \(known.sorted().prefix(8).joined(separator: ", "))"
        }
      findings.append(
        PolicyFinding(
          code: "unknown-reference", message: "there is no \(kind.noun) named “\(name)”", path: path(),
          suggestion: suggestion))
    }
  }

  /// Names and aliases stand for one thing each.
  static func checkNames(_ policy: Policy, into findings: inout [PolicyFinding]) {
    func unique(_ names: [String], _ section: String, _ key: String, _ noun: String) {
      var first: [String: Int] = [:]
      for (i, name) in names.enumerated() where !name.isEmpty {
        if let earlier = first[name] {
          findings.append(
            PolicyFinding(
              code: "duplicate-name", message: "\(noun) “\(name)” is defined twice",
              path: PolicyPath(section, i, key),
              related: [(PolicyPath(section, earlier, key), "first defined here")]))
        } else {
          first[name] = i
        }
      }
    }
    unique(policy.locations.map(\.name), "locations", "name", "location")
    unique(policy.trunks.map(\.name), "trunks", "name", "trunk")
    unique(policy.schedules.map(\.name), "schedules", "name", "schedule")
    unique(policy.h323Gatekeepers.map(\.name), "h323_gatekeepers", "name", "H.323 gatekeeper")
    unique(policy.mssipProxies.map(\.name), "mssip_proxies", "name", "Skype for Business proxy")
    unique(policy.stunServers.map(\.name), "stun_servers", "name", "STUN server")
    unique(policy.turnServers.map(\.name), "turn_servers", "name", "TURN server")
    unique(policy.teamsProxies.map(\.name), "teams_proxies", "name", "Teams proxy")
    unique(policy.gmsAccessTokens.map(\.name), "gms_access_tokens", "name", "Google Meet access token")
    unique(policy.telehealthProfiles.map(\.name), "telehealth_profiles", "name", "telehealth profile")
    unique(policy.themes.map(\.name), "themes", "name", "theme")
    unique(policy.playlists.map(\.name), "playlists", "name", "playlist")
    unique(policy.policyProfiles.map(\.name), "policy_profiles", "name", "policy profile")
    unique(policy.services.map(\.configuration.name), "services", "name", "service")
    unique(policy.rules.map(\.name), "rules", "name", "rule")
    unique(
      policy.destinationLimits.map(\.name), "destination_limits", "name", "destination limit")

    var devices: [String: Int] = [:]
    for (i, device) in policy.devices.enumerated() where !device.alias.isEmpty {
      if let earlier = devices.updateValue(i, forKey: device.alias.caseFolded) {
        devices[device.alias.caseFolded] = earlier
        findings.append(
          PolicyFinding(
            code: "duplicate-alias", message: "device alias “\(device.alias)” is defined twice",
            path: PolicyPath("devices", i, "alias"),
            related: [(PolicyPath("devices", earlier, "alias"), "first defined here")]))
      }
    }
    var services: [String: PolicyPath] = [:]
    for (i, service) in policy.services.enumerated() {
      for (j, alias) in service.aliases.enumerated() where !alias.isEmpty {
        let path = PolicyPath("services", i, "aliases").appending(j)
        if let earlier = services[alias.caseFolded] {
          findings.append(
            PolicyFinding(
              code: "duplicate-alias", message: "alias “\(alias)” belongs to two services", path: path,
              related: [(earlier, "first used here")]))
        } else {
          services[alias.caseFolded] = path
          if let device = devices[alias.caseFolded] {
            findings.append(
              PolicyFinding(
                severity: .warning, code: "service-hides-device",
                message:
                  "the service alias “\(alias)” is also a device: calls to it reach the service, never the device",
                path: path, related: [(PolicyPath("devices", device, "alias"), "the device")]))
          }
        }
      }
    }
  }
}
