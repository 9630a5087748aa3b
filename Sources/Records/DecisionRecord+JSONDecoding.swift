import CallModel
import Foundation

/// Why kept JSON is not a decision.
public struct DecisionJSONError: Error, Hashable, CustomStringConvertible {
  /// The member that is missing or of the wrong type; empty when the text is not JSON at all.
  public var member: String
  public var description: String {
    member.isEmpty ? "not a JSON object" : "member \"\(member)\" is missing or wrong"
  }
}

extension DecisionRecord {
  /// Reads what ``json`` wrote. PINs are not in it: here they are not known.
  public init(json: String) throws(DecisionJSONError) {
    guard let object = try? JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any] else {
      throw DecisionJSONError(member: "")
    }
    let members = KeptMembers(object)
    let alias = try members.object("alias")
    self.init(
      policyVersion: try members.string("policy_version"), direction: try members.value("direction"),
      callProtocol: try members.value("protocol"),
      alias: Alias(
        full: try alias.string("full"), parsed: try alias.string("parsed"), local: try alias.string("local")),
      location: members.optional("location"), isRegistered: try members.bool("registered"),
      service: members.optional("service"), considered: try members.considerations("considered"),
      omittedConsiderations: try members.integer("omitted"), rule: members.optional("rule"),
      replaced: members.optional("replaced"), decision: try Decision(try members.object("decision")))
    if case .service = decision { hasServiceSettings = try members.object("decision").has("settings") }
    // Absent from most decisions, and from those kept before there were any.
    if members.members["limit"] != nil {
      let kept = try members.object("limit")
      limit = LimitReached(
        try kept.value("scope"), name: try kept.string("name"), caller: kept.optional("caller"),
        cap: try kept.value("cap"))
    }
    if members.members["policy_answers"] != nil {
      for answer in try members.objects("policy_answers") {
        policyAnswers.append(try PolicyAnswerRecord(answer))
      }
    }
    if members.members["scripts"] != nil {
      for script in try members.objects("scripts") { scripts.append(try PolicyScriptRecord(script)) }
    }
  }
}

extension PolicyAnswerRecord {
  fileprivate init(_ members: KeptMembers) throws(DecisionJSONError) {
    self.init(
      profile: try members.string("profile"), request: try members.string("request"),
      requestID: try members.string("request_id"), url: try members.string("url"),
      outcome: try members.string("outcome"), isFallback: try members.bool("fallback"),
      status: members.members["status"] as? Int, failure: members.optional("failure"),
      latency: .microseconds(Int64(try members.integer("latency_us"))),
      attempts: try members.integer("attempts"))
    findings = try members.findings()
  }
}

extension PolicyScriptRecord {
  fileprivate init(_ members: KeptMembers) throws(DecisionJSONError) {
    self.init(
      profile: try members.string("profile"), kind: try members.string("kind"),
      script: try members.string("script"), outcome: try members.value("outcome"),
      isFallback: try members.bool("fallback"), failure: members.optional("failure"),
      line: try members.integer("line"), column: try members.integer("column"),
      steps: try members.integer("steps"), time: .microseconds(Int64(try members.integer("time_us"))),
      findings: try members.findings())
    for change in try members.objects("changes") {
      changes.append(
        Change(
          field: try change.string("field"), before: change.optional("before"),
          after: change.optional("after")))
    }
  }
}

extension Decision {
  fileprivate init(_ members: KeptMembers) throws(DecisionJSONError) {
    switch try members.string("kind") {
    case "service": self = .service(try ServiceConfiguration(members))
    case "gateway": self = .gateway(try GatewayConfiguration(members))
    case "reject": self = .reject(try members.value("reason"))
    case "redirect": self = .redirect(try members.string("alias"))
    default: throw DecisionJSONError(member: "kind")
    }
  }
}

extension ServiceConfiguration {
  fileprivate init(_ members: KeptMembers) throws(DecisionJSONError) {
    self.init(
      kind: try members.value("service_type"), name: try members.string("name"),
      tag: try members.string("tag"),
      description: try members.string("description"), callCapability: try members.value("call_capability"),
      mediaEncryption: try members.value("media_encryption"),
      maximumBandwidthIn: members.bandwidth("maximum_bandwidth_in"),
      maximumBandwidthOut: members.bandwidth("maximum_bandwidth_out"),
      maximumPixels: members.optional("maximum_pixels"), theme: members.optional("theme"),
      localDisplayName: members.optional("local_display_name") ?? "",
      allowsGuests: try members.bool("allows_guests"))
    language = members.optional("language").flatMap { LanguageTag($0) }
    if try members.bool("has_pin") { pin = .unavailable }
    if try members.bool("has_guest_pin") { guestPIN = .unavailable }
    if members.has("settings") { try readSettings(try members.object("settings")) }
  }
}

extension GatewayConfiguration {
  fileprivate init(_ members: KeptMembers) throws(DecisionJSONError) {
    self.init(
      name: try members.string("name"), tag: try members.string("tag"),
      remoteAlias: try members.string("remote_alias"), localAlias: members.optional("local_alias"),
      localDisplayName: members.optional("local_display_name"), target: try members.value("target"),
      outgoingProtocol: try members.value("outgoing_protocol"),
      outgoingLocation: members.optional("outgoing_location"),
      callCapability: try members.value("call_capability"),
      mediaEncryption: try members.value("media_encryption"),
      maximumBandwidthIn: members.bandwidth("maximum_bandwidth_in"),
      maximumBandwidthOut: members.bandwidth("maximum_bandwidth_out"),
      maximumPixels: members.optional("maximum_pixels"),
      isTreatedAsTrusted: try members.bool("treat_as_trusted"),
      denoiseAudio: try members.bool("denoise_audio"),
      liveCaptions: try members.string("live_captions"),
      externalAvatarLookup: try members.string("external_avatar_lookup"),
      ringTimeout: .milliseconds(Int64(try members.integer("ring_timeout_ms"))))
    for choice in try members.objects("trunks") { trunks.append(try TrunkChoice(choice)) }
    h323Gatekeeper = members.optional("h323_gatekeeper")
    mssipProxy = members.optional("mssip_proxy")
    stunServer = members.optional("stun_server")
    turnServer = members.optional("turn_server")
    teamsProxy = members.optional("teams_proxy")
    gmsAccessToken = members.optional("gms_access_token")
    telehealthProfile = members.optional("telehealth_profile")
    theme = members.optional("theme")
    dtmfSequence = members.optional("dtmf_sequence") ?? ""
    prefersIPv6 = members.members["prefer_ipv6"] as? Bool
    if members.members["transcoding"] as? Bool == false { details.transcodes = false }
    disabledCodecs = members.members["disabled_codecs"] as? [String] ?? []
    continueOn = []
    for name in try members.strings("continue_on") {
      guard let cause = Cause(rawValue: name) else { throw DecisionJSONError(member: "continue_on") }
      continueOn.insert(cause)
    }
    if members.members["limits"] != nil {
      let kept = try members.object("limits")
      limits = CallLimits(
        total: try CallCaps(try kept.object("total")), perCaller: try CallCaps(try kept.object("per_caller")))
    }
  }
}

extension CallCaps {
  fileprivate init(_ members: KeptMembers) throws(DecisionJSONError) {
    self.init(
      concurrentCalls: members.members["concurrent_calls"] as? Int,
      callsPerSecond: members.members["calls_per_second"] as? Double, calls: try members.quota("calls"),
      callMinutes: try members.quota("call_minutes"),
      distinctDestinations: try members.quota("distinct_destinations"),
      maximumDuration: (members.members["maximum_duration_ms"] as? Int).map { .milliseconds(Int64($0)) })
  }
}

extension TrunkChoice {
  fileprivate init(_ members: KeptMembers) throws(DecisionJSONError) {
    self.init(
      trunk: try members.string("trunk"), weight: members.members["weight"] as? Int,
      calledTransform: try members.transform("called_transform"),
      callingTransform: try members.transform("calling_transform"),
      ringTimeout: (members.members["ring_timeout_ms"] as? Int).map { .milliseconds(Int64($0)) })
  }
}

/// The members of one JSON object, taken out under their expected types.
struct KeptMembers {
  let members: [String: Any]

  init(_ members: [String: Any]) { self.members = members }

  func has(_ name: String) -> Bool { members[name] != nil }
  func string(_ name: String) throws(DecisionJSONError) -> String {
    try required(name, members[name] as? String)
  }
  func bool(_ name: String) throws(DecisionJSONError) -> Bool { try required(name, members[name] as? Bool) }
  func integer(_ name: String) throws(DecisionJSONError) -> Int { try required(name, members[name] as? Int) }
  func strings(_ name: String) throws(DecisionJSONError) -> [String] {
    try required(name, members[name] as? [String])
  }
  func object(_ name: String) throws(DecisionJSONError) -> KeptMembers {
    KeptMembers(try required(name, members[name] as? [String: Any]))
  }
  func objects(_ name: String) throws(DecisionJSONError) -> [KeptMembers] {
    try required(name, members[name] as? [[String: Any]]).map { KeptMembers($0) }
  }
  func optional(_ name: String) -> String? { members[name] as? String }
  func bandwidth(_ name: String) -> Bandwidth? { (members[name] as? Int).map(Bandwidth.init(bitsPerSecond:)) }

  func value<Value: RawRepresentable<String>>(_ name: String) throws(DecisionJSONError) -> Value {
    try required(name, optional(name).flatMap(Value.init(rawValue:)))
  }

  func findings() throws(DecisionJSONError) -> [PolicyAnswerRecord.Finding] {
    var result: [PolicyAnswerRecord.Finding] = []
    for finding in try objects("findings") {
      result.append(
        PolicyAnswerRecord.Finding(
          field: try finding.string("field"), problem: try finding.string("problem"),
          isError: try finding.bool("error")))
    }
    return result
  }

  func transform(_ name: String) throws(DecisionJSONError) -> AliasTransform? {
    guard members[name] is [String: Any] else { return nil }
    let object = try object(name)
    return AliasTransform(
      pattern: try object.string("pattern"), replacement: try object.string("replacement"))
  }

  func quota(_ name: String) throws(DecisionJSONError) -> Quota? {
    guard members[name] != nil else { return nil }
    let object = try object(name)
    return Quota(try object.integer("count"), per: .milliseconds(Int64(try object.integer("window_ms"))))
  }

  func considerations(_ name: String) throws(DecisionJSONError) -> [RuleConsideration] {
    var result: [RuleConsideration] = []
    for run in try objects(name) {
      let first = try run.integer("first")
      let last = try run.integer("last")
      // What was written never holds more; a damaged store must not make us expand for ever.
      guard last >= first, last - first < 1 << 20, result.count < 1 << 20,
        let outcome = RuleConsideration.Outcome.allCases.first(where: { $0.word == run.optional("outcome") })
      else { throw DecisionJSONError(member: name) }
      for rule in first...last { result.append(RuleConsideration(rule: rule, outcome: outcome)) }
    }
    return result
  }

  private func required<Value>(_ name: String, _ value: Value?) throws(DecisionJSONError) -> Value {
    guard let value else { throw DecisionJSONError(member: name) }
    return value
  }
}
