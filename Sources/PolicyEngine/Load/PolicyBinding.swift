import CallModel

/// From checked values to the model. Binds what is there and takes defaults for the rest, also in an item with errors,
/// so that later checks can report everything else that is wrong.
struct PolicyBinding {
  /// One item of a section, and the object it came from.
  typealias Items = [String: [CheckedValue]]

  let globals: CheckedObject?
  let sections: Items

  func policy() -> Policy {
    var policy = Policy()
    if let globals { bind(globals, into: &policy.globals) }
    let encryption = policy.globals.mediaEncryption
    policy.locations = items("locations").map(location)
    policy.trunks = items("trunks").map(trunk)
    policy.devices = items("devices").map(device)
    policy.services = items("services").map { service($0, policy.globals) }
    policy.rules = items("rules").map { rule($0, encryption) }
    policy.destinationLimits = items("destination_limits").map(destinationLimit)
    policy.schedules = items("schedules").map(schedule)
    policy.h323Gatekeepers = items("h323_gatekeepers").map {
      H323Gatekeeper(
        name: $0.name, description: $0.descriptionText, host: $0.host, port: $0.port("port") ?? 1719)
    }
    policy.mssipProxies = items("mssip_proxies").map {
      MSSIPProxy(
        name: $0.name, description: $0.descriptionText, host: $0.host, port: $0.port("port") ?? 5061,
        transport: $0.transport ?? .tls)
    }
    policy.stunServers = items("stun_servers").map {
      STUNServer(name: $0.name, description: $0.descriptionText, host: $0.host, port: $0.port("port") ?? 3478)
    }
    policy.turnServers = items("turn_servers").map {
      TURNServer(
        name: $0.name, description: $0.descriptionText, host: $0.host, port: $0.port("port") ?? 3478,
        transport: $0.transport ?? .udp, credential: $0.object("credential").map(credential),
        sharedSecret: $0.secret("shared_secret"))
    }
    policy.teamsProxies = items("teams_proxies").map {
      TeamsProxy(name: $0.name, description: $0.descriptionText, host: $0.host, port: $0.port("port") ?? 443)
    }
    policy.gmsAccessTokens = items("gms_access_tokens").map {
      GMSAccessToken(name: $0.name, description: $0.descriptionText, token: $0.secret("token") ?? Secret(""))
    }
    policy.telehealthProfiles = items("telehealth_profiles").map {
      TelehealthProfile(
        name: $0.name, description: $0.descriptionText, url: $0.text("url") ?? "", token: $0.secret("token"))
    }
    policy.themes = items("themes").map {
      Theme(
        name: $0.name, description: $0.descriptionText, directory: $0.text("directory") ?? "",
        language: $0.language)
    }
    policy.playlists = items("playlists").map(playlist)
    policy.policyProfiles = items("policy_profiles").map(policyProfile)
    return policy
  }

  /// An item that is no mapping keeps its place, so that positions stay those of the files.
  private func items(_ section: String) -> [CheckedObject] {
    (sections[section] ?? []).map { value in
      if case .object(let object) = value.content { return object }
      guard case .list(.object(let schema))? = PolicySchema.file.field(section)?.type else {
        preconditionFailure("\(section) is no section")
      }
      return CheckedObject(schema: schema, position: value.position)
    }
  }

  // MARK: Peers

  private func location(_ o: CheckedObject) -> Location {
    var location = Location(
      name: o.name, description: o.descriptionText, networks: o.networks("networks") ?? [],
      domain: o.text("domain"), trunk: o.text("trunk"), scanQuarantine: o.boolean("scan_quarantine"))
    location.h323Gatekeeper = o.text("h323_gatekeeper")
    location.mssipProxy = o.text("mssip_proxy")
    location.stunServer = o.text("stun_server")
    location.turnServer = o.text("turn_server")
    location.teamsProxy = o.text("teams_proxy")
    location.policyProfile = o.text("policy_profile")
    location.asksNoPolicyServer = o.isNone("policy_profile")
    location.mediaAddresses = o.addresses("media_addresses") ?? []
    return location
  }

  private func trunk(_ o: CheckedObject) -> Trunk {
    var trunk = Trunk(name: o.name, description: o.descriptionText, host: o.host, port: o.port("port"))
    trunk.transport = o.transport ?? trunk.transport
    trunk.domain = o.text("domain")
    trunk.credentials = o.objects("credentials").map(credential)
    trunk.registration = o.object("register").map {
      TrunkRegistration(
        addressOfRecord: $0.text("address_of_record") ?? "",
        interval: $0.duration("interval") ?? .seconds(600))
    }
    trunk.sources = o.networks("sources") ?? []
    trunk.isTrusted = o.boolean("trusted") ?? trunk.isTrusted
    trunk.inboundCredential = o.object("inbound_credential").map(credential)
    trunk.mediaEncryption = o.encryption("media_encryption")
    if o.isNone("probe_interval") { trunk.probeInterval = nil }
    trunk.probeInterval = o.duration("probe_interval") ?? trunk.probeInterval
    trunk.limits = o.object("limits").map(limits) ?? trunk.limits
    trunk.numbering = o.object("numbering").map(numbering)
    trunk.verifiesCertificate = o.boolean("verify_certificate") ?? trunk.verifiesCertificate
    trunk.certificateAuthorityFile = o.text("certificate_authority_file")
    return trunk
  }

  func credential(_ o: CheckedObject) -> Credential {
    Credential(
      realm: o.text("realm"), username: o.text("username") ?? "", password: o.secret("password") ?? Secret("")
    )
  }

  private func device(_ o: CheckedObject) -> Device {
    let protocols = o.texts("protocols") ?? ["sip"]
    var device = Device(
      alias: o.text("alias") ?? "", description: o.descriptionText, tag: o.text("tag") ?? "",
      username: o.text("username") ?? "", password: o.secret("password") ?? Secret(""),
      allowsSIP: protocols.contains("sip"), allowsH323: protocols.contains("h323"),
      allowsWebRTC: protocols.contains("webrtc"))
    device.localConference = o.object("local_conference").map(localConference)
    return device
  }

  // MARK: Rules

  private func rule(_ o: CheckedObject, _ encryption: MediaEncryption) -> CallRoutingRule {
    let directions = o.texts("direction") ?? ["incoming"]
    let from = o.object("from")
    var rule = CallRoutingRule(
      name: o.name, description: o.descriptionText, priority: o.integer("priority") ?? 200,
      isEnabled: o.boolean("enabled") ?? true, matchesIncoming: directions.contains("incoming"),
      matchesOutgoing: directions.contains("outgoing"), sourceLocation: from?.text("location"),
      onlyRegistered: from?.boolean("registered") ?? false,
      matchesFullAlias: o.boolean("match_full") ?? false,
      pattern: o.object("match")?.text("regex") ?? "", replacement: o.text("replace") ?? "",
      gateway: gateway(o, encryption))
    rule.form = o.object("match").flatMap(form)
    if let protocols = from?.texts("protocols") {
      rule.protocols = Set(protocols.compactMap(CallProtocol.init(rawValue:)))
    }
    rule.conditions = RuleConditions(
      caller: from?.text("caller"), networks: from?.networks("networks") ?? [],
      trunks: from?.texts("trunks") ?? [], onlyTrusted: from?.boolean("trusted") ?? false,
      capabilities: Set((from?.texts("capability") ?? []).compactMap(PolicyBinding.capability)),
      tags: from?.texts("tags") ?? [], schedules: o.texts("when") ?? [],
      exceptSchedules: o.texts("unless") ?? [])
    return rule
  }

  /// nil for a regular expression, and for what is wrong and reported.
  private func form(_ o: CheckedObject) -> PatternForm? {
    guard !o.has("regex") else { return nil }
    return PatternForm(
      texts: (o.texts("exact") ?? []) + (o.texts("file") ?? []), file: o.has("file") ? "a list" : nil,
      prefixes: o.texts("prefix") ?? [], suffixes: o.texts("suffix") ?? [],
      digits: o.text("digits").flatMap(PatternForm.digitCount),
      ranges: (o.texts("range") ?? []).compactMap { PatternForm.NumberRange($0) },
      domains: o.texts("domain") ?? [], isDomainRequired: o.boolean("domain_required") ?? true)
  }

  private func schedule(_ o: CheckedObject) -> Schedule {
    Schedule(
      name: o.name, description: o.descriptionText, timeZone: o.text("time_zone") ?? "",
      periods: o.objects("periods").map {
        Schedule.Period(days: $0.texts("days") ?? [], hours: $0.text("hours"), dates: $0.text("dates"))
      })
  }

  static func capability(_ word: String) -> CallCapability? {
    CallCapability(rawValue: word == "video_only" ? "video-only" : word)
  }

  private func gateway(_ o: CheckedObject, _ encryption: MediaEncryption) -> GatewayConfiguration {
    var gateway = GatewayConfiguration(name: o.name, tag: o.text("tag") ?? "", remoteAlias: "")
    gateway.mediaEncryption = encryption
    if let to = o.object("to") {
      gateway.target = to.text("target").flatMap(PolicyBinding.targets.value) ?? gateway.target
      gateway.outgoingProtocol =
        to.text("protocol").flatMap(CallProtocol.init(rawValue:)) ?? gateway.outgoingProtocol
      gateway.outgoingLocation = to.text("location")
      gateway.trunks = to.objects("trunks").map(trunkChoice)
      gateway.h323Gatekeeper = to.text("h323_gatekeeper")
      gateway.mssipProxy = to.text("mssip_proxy")
      gateway.stunServer = to.text("stun_server")
      gateway.turnServer = to.text("turn_server")
      gateway.teamsProxy = to.text("teams_proxy")
      gateway.gmsAccessToken = to.text("gms_access_token")
      gateway.telehealthProfile = to.text("telehealth_profile")
      gateway.ringTimeout = to.duration("ring_timeout") ?? gateway.ringTimeout
      if let causes = to.texts("continue_on") {
        gateway.continueOn = Set(causes.compactMap(PolicyBinding.cause))
      }
    }
    if let call = o.object("call") {
      gateway.callCapability = call.capability ?? gateway.callCapability
      gateway.maximumBandwidthIn = call.bandwidth("max_bandwidth_in")
      gateway.maximumBandwidthOut = call.bandwidth("max_bandwidth_out")
      gateway.maximumPixels = call.text("max_resolution")
      gateway.mediaEncryption = call.encryption("encryption") ?? gateway.mediaEncryption
      gateway.disabledCodecs = call.texts("disabled_codecs") ?? []
      gateway.isTreatedAsTrusted = call.boolean("treat_as_trusted") ?? gateway.isTreatedAsTrusted
      gateway.denoiseAudio = call.boolean("denoise_audio") ?? gateway.denoiseAudio
      gateway.liveCaptions = call.text("live_captions") ?? gateway.liveCaptions
      gateway.externalAvatarLookup = call.text("avatar_lookup") ?? gateway.externalAvatarLookup
      gateway.theme = call.text("theme")
      gateway.localAlias = call.text("caller")
      gateway.localDisplayName = call.text("caller_name")
    }
    if let limits = o.object("limits").map(limits), !limits.isEmpty { gateway.limits = limits }
    return gateway
  }

  private func trunkChoice(_ o: CheckedObject) -> TrunkChoice {
    TrunkChoice(
      trunk: o.text("trunk") ?? "", weight: o.integer("weight"),
      calledTransform: o.object("called").map(transform),
      callingTransform: o.object("calling").map(transform), ringTimeout: o.duration("ring_timeout"))
  }

  private func transform(_ o: CheckedObject) -> AliasTransform {
    AliasTransform(pattern: o.text("match") ?? "", replacement: o.text("replace") ?? "")
  }

  // MARK: Words

  /// Words of the language beside the values of the model.
  struct Words<Value: Hashable & Sendable>: Sendable {
    let pairs: [(word: String, value: Value)]
    func value(_ word: String) -> Value? { pairs.first { $0.word == word }?.value }
    func word(_ value: Value) -> String? { pairs.first { $0.value == value }?.word }
  }

  static let targets = Words<CallTarget>(pairs: [
    ("registered_device_or_external", .external), ("registered_device", .registration),
    ("mssip_conference_id", .mssipConferenceID), ("mssip_server", .mssipServer),
    ("gms_conference", .gmsConference), ("teams_conference", .teamsConference), ("teams_user", .teamsUser),
    ("telehealth_profile", .telehealthProfile),
  ])

  /// `network_failure` is ``Cause/networkFailure``.
  static func cause(_ word: String) -> Cause? {
    let parts = word.split(separator: "_")
    let name = parts.prefix(1) + parts.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }
    return Cause(rawValue: name.joined())
  }
}

extension CheckedObject {
  var name: String { text("name") ?? "" }
  var descriptionText: String { text("description") ?? "" }
  fileprivate var host: String { text("host") ?? "" }
  fileprivate func port(_ key: String) -> UInt16? { integer(key).map { UInt16(truncatingIfNeeded: $0) } }
  fileprivate var transport: Trunk.Transport? { text("transport").flatMap(Trunk.Transport.init(rawValue:)) }
  var capability: CallCapability? {
    text("capability").flatMap(PolicyBinding.capability)
  }
  func encryption(_ key: String) -> MediaEncryption? {
    text(key).flatMap { MediaEncryption(rawValue: $0 == "best_effort" ? "besteffort" : $0) }
  }
  func objects(_ key: String) -> [CheckedObject] {
    (list(key) ?? []).map { value in
      if case .object(let object) = value.content { return object }
      // Keeps its place, as in a section.
      var schema = self.schema
      switch self.schema.field(key)?.type {
      case .list(.object(let element))?, .list(.shorthand(let element, _))?: schema = element
      default: preconditionFailure("\(self.schema.name).\(key) is no list of mappings")
      }
      return CheckedObject(schema: schema, position: value.position)
    }
  }
}
