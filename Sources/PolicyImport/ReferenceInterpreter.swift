import CallModel
import JSONText

/// Decides calls by an export as it stands, as the reference system is documented to: services first, then rules by ascending
/// priority, the first whose conditions hold and whose expression matches the whole alias.
///
/// Slow and plain, and read from the JSON alone, so that a policy made of the export can be held against it.
struct ReferenceInterpreter {
  /// What becomes of a call, in comparable words.
  enum Outcome: Equatable {
    case decided([String: String])
    case notFound
    case refused
    /// A pattern took too much work: no comparison.
    case open
  }

  private struct Rule {
    var object: ManagementObject
    var pattern: ReferencePattern
    var priority: Int
    var decision: [String: String]
    var location: String?
  }

  /// By alias.
  private var services: [String: Service] = [:]
  private var rules: [Rule] = []
  private var disabled: Set<CallProtocol> = []
  private var placesCalls = true

  init(_ export: ManagementExport) {
    var export = export
    putServices(&export)
    for object in export.all("gateway_routing_rule") where object.boolean("enable") {
      guard let pattern = ReferencePattern(object.text("match_string")) else { continue }
      rules.append(
        Rule(
          object: object, pattern: pattern, priority: object.integer("priority") ?? 0,
          decision: ReferenceInterpreter.decision(object, &export),
          location: export.object(object, "match_source_location")?.text("name")))
    }
    rules.sort { ($0.priority, $0.object.id) < ($1.priority, $1.object.id) }
    if let global = export.first("global") {
      placesCalls = global.boolean("enable_dialout")
      if !global.boolean("enable_sip") { disabled.formUnion([.sip, .mssip]) }
      if !global.boolean("enable_h323") { disabled.insert(.h323) }
      if !global.boolean("enable_webrtc") { disabled.formUnion([.webrtc, .api]) }
      if !global.boolean("enable_rtmp") { disabled.insert(.rtmp) }
    }
  }

  private mutating func putServices(_ export: inout ManagementExport) {
    var aliases: [ObjectIdentifier: [String]] = [:]
    var participants: [ObjectIdentifier: [ManagementObject]] = [:]
    func put(_ participant: ManagementObject, _ conference: ManagementObject) {
      let key = ObjectIdentifier(conference)
      if participants[key]?.contains(where: { $0 === participant }) != true {
        participants[key, default: []].append(participant)
      }
    }
    let conferences = export.all("conference")
    for conference in conferences {
      for alias in export.objects(conference, "aliases") {
        aliases[ObjectIdentifier(conference), default: []].append(alias.text("alias"))
      }
      for participant in export.objects(conference, "automatic_participants") { put(participant, conference) }
    }
    for alias in export.all("conference_alias") {
      if let conference = export.object(alias, "conference") {
        aliases[ObjectIdentifier(conference), default: []].append(alias.text("alias"))
      }
    }
    for participant in export.all("automatic_participant") {
      for conference in export.objects(participant, "conference") { put(participant, conference) }
    }
    for conference in conferences {
      let service = ReferenceInterpreter.service(
        conference, participants[ObjectIdentifier(conference)] ?? [], &export)
      for alias in aliases[ObjectIdentifier(conference)] ?? [] { services[alias.lowercased()] = service }
    }
  }

  /// Of services that have an alias.
  var serviceNames: Set<String> { Set(services.values.compactMap { $0.words["service"] }) }

  /// The service that an alias belongs to.
  func service(alias: String) -> Service? { services[alias.lowercased()] }

  /// What a matching call gets, the alias apart.
  private static func decision(_ rule: ManagementObject, _ export: inout ManagementExport) -> [String: String]
  {
    var result = ["rule": rule.text("name")]
    for field in [
      "tag", "called_device_type", "outgoing_protocol", "call_type", "live_captions_enabled",
      "external_participant_avatar_lookup",
    ] {
      result[field] = rule.text(field)
    }
    for field in ["denoise_audio", "treat_as_trusted"] { result[field] = String(rule.boolean(field)) }
    for field in [
      "outgoing_location", "sip_proxy", "h323_gatekeeper", "mssip_proxy", "stun_server", "turn_server",
      "teams_proxy",
      "gms_access_token", "ivr_theme",
    ] {
      result[field] = export.object(rule, field)?.text("name") ?? ""
    }
    let global = export.first("global")
    for field in ["max_callrate_in", "max_callrate_out"] {
      if let limit = rule.integer(field) {
        result[field] = String(limit)
      } else if let global {
        result[field] = global.integer(field).map(String.init) ?? "unlimited"
      }
    }
    for field in ["max_pixels_per_second", "crypto_mode"] {
      if let word = rule.optional(field) ?? global?.text(field) { result[field] = word }
    }
    result["disabled_codecs"] = codecs(rule.value("disabled_codecs")).joined(separator: " ")
    return result
  }

  /// `[{"value": "G722"}]`, or the names alone.
  static func codecs(_ node: JSONNode?) -> [String] {
    guard case .array(let items)? = node?.value else { return [] }
    return items.compactMap { item in
      if case .object(let object) = item.value { return object["value"].flatMap(ManagementObject.text) }
      return ManagementObject.text(item)
    }
  }

  // MARK: Deciding

  func decide(_ request: CallRequest) -> Outcome {
    guard !disabled.contains(request.callProtocol) else { return .refused }
    let isOutgoing = request.direction == .dialOut
    if isOutgoing, !placesCalls { return .refused }
    if let service = services[request.alias.parsed.lowercased()] {
      return .decided(service.words)
    }
    for rule in rules where isCandidate(rule, request, isOutgoing) {
      let subject = rule.object.boolean("match_string_full") ? request.alias.full : request.alias.parsed
      switch rule.pattern.match(subject) {
      case .unmatched: continue
      case .failed: return .open
      case .matched(let groups):
        guard placesCalls else { return .refused }
        var decision = rule.decision
        let replacement = rule.object.text("replace_string")
        let keepsAll = rule.object.text("called_device_type") == "mssip_server"
        let unchanged = keepsAll ? subject : request.alias.parsed
        guard let alias = replacement.isEmpty ? unchanged : rule.pattern.expand(replacement, groups),
          !alias.isEmpty
        else { return .refused }
        decision["remote_alias"] = alias
        return .decided(decision)
      }
    }
    return .notFound
  }

  private func isCandidate(_ rule: Rule, _ request: CallRequest, _ isOutgoing: Bool) -> Bool {
    let object = rule.object
    if let location = rule.location, location != request.location { return false }
    guard !isOutgoing else { return object.boolean("match_outgoing_calls") }
    guard object.boolean("match_incoming_calls") else { return false }
    if object.boolean("match_incoming_only_if_registered"), !request.caller.isRegistered { return false }
    switch request.callProtocol {
    case .api, .webrtc, .rtmp: return object.boolean("match_incoming_webrtc")
    case .sip: return object.boolean("match_incoming_sip")
    case .mssip: return object.boolean("match_incoming_mssip")
    case .h323: return object.boolean("match_incoming_h323")
    case .teams: return object.boolean("match_incoming_teams")
    case .gms: return false
    }
  }
}

extension ReferenceInterpreter.Outcome {
  /// What a policy decided, in the same words.
  init(_ decision: Decision) {
    switch decision {
    case .service(let service):
      self = .decided(ReferenceInterpreter.Outcome.words(service))
    case .gateway(let gateway): self = .decided(ReferenceInterpreter.Outcome.words(gateway))
    case .reject(.notFound): self = .notFound
    case .reject: self = .refused
    case .redirect(let alias): self = .decided(["redirect": alias])
    }
  }

  private static func words(_ gateway: GatewayConfiguration) -> [String: String] {
    func limit(_ bandwidth: Bandwidth?) -> String {
      bandwidth.map { String($0.kilobitsPerSecond) } ?? "unlimited"
    }
    return [
      "rule": gateway.name, "tag": gateway.tag, "remote_alias": gateway.remoteAlias,
      "called_device_type": gateway.target.rawValue, "outgoing_protocol": gateway.outgoingProtocol.rawValue,
      "call_type": gateway.callCapability.rawValue, "live_captions_enabled": gateway.liveCaptions,
      "external_participant_avatar_lookup": gateway.externalAvatarLookup,
      "denoise_audio": String(gateway.denoiseAudio), "treat_as_trusted": String(gateway.isTreatedAsTrusted),
      "outgoing_location": gateway.outgoingLocation ?? "",
      "sip_proxy": gateway.trunks.map(\.trunk).joined(separator: " "),
      "h323_gatekeeper": gateway.h323Gatekeeper ?? "", "mssip_proxy": gateway.mssipProxy ?? "",
      "stun_server": gateway.stunServer ?? "", "turn_server": gateway.turnServer ?? "",
      "teams_proxy": gateway.teamsProxy ?? "", "gms_access_token": gateway.gmsAccessToken ?? "",
      "ivr_theme": gateway.theme ?? "", "max_callrate_in": limit(gateway.maximumBandwidthIn),
      "max_callrate_out": limit(gateway.maximumBandwidthOut),
      "max_pixels_per_second": gateway.maximumPixels ?? "", "crypto_mode": gateway.mediaEncryption.rawValue,
      "disabled_codecs": gateway.disabledCodecs.joined(separator: " "),
    ]
  }

  /// The words in which two outcomes differ, of those both have.
  func differences(from other: Self) -> [String] {
    guard case .decided(let a) = self, case .decided(let b) = other else {
      return self == other ? [] : ["\(text), \(other.text)"]
    }
    let keys = Set(a.keys).intersection(b.keys)
    // A service and a rule have no word in common.
    guard !keys.isEmpty else { return ["\(text), \(other.text)"] }
    return keys.sorted().filter { a[$0] != b[$0] }.map { key in
      ReferenceInterpreter.secretWords.contains(key)
        ? "\(key): another one" : "\(key): \(a[key] ?? ""), \(b[key] ?? "")"
    }
  }

  var text: String {
    switch self {
    case .decided(let words):
      words["service"].map { "service “\($0)”" } ?? words["rule"].map {
        "rule “\($0)” to “\(words["remote_alias"] ?? "")”"
      }
        ?? "redirected"
    case .notFound: "not found"
    case .refused: "refused"
    case .open: "open"
    }
  }
}
