import CallModel

/// A decision as it is kept with a call's record: JSON with stable keys, so that it can be read without this program.
///
/// PINs are left out (`has_pin` says whether there was one). Runs of rules that failed for the same reason are one
/// element: with a thousand rules, most calls have three or four runs.
extension DecisionRecord {
  /// The decision as one line of JSON.
  public var json: String { JSONWriter.text { write(to: &$0) } }

  func write(to json: inout JSONWriter) {
    json.object { json in
      json.member("policy_version", policyVersion)
      json.member("direction", direction.rawValue)
      json.member("protocol", callProtocol.rawValue)
      json.member("alias") { json in
        json.member("full", alias.full)
        json.member("parsed", alias.parsed)
        json.member("local", alias.local)
        json.member("has_pin", alias.pin != nil)
      }
      json.member("location", location)
      json.member("registered", isRegistered)
      json.member("service", service)
      json.key("considered")
      json.array(RuleRuns(considerations: considered)) { json, run in
        json.object { json in
          json.member("first", run.first)
          json.member("last", run.last)
          json.member("outcome", run.outcome.word)
        }
      }
      json.member("omitted", omittedConsiderations)
      json.member("rule", rule)
      json.member("replaced", replaced)
      if !policyAnswers.isEmpty {
        json.key("policy_answers")
        json.array(policyAnswers) { $1.write(to: &$0) }
      }
      if let limit {
        json.member("limit") { json in
          json.member("scope", limit.scope.rawValue)
          json.member("name", limit.name)
          json.member("caller", limit.caller)
          json.member("cap", limit.cap.rawValue)
        }
      }
      if !scripts.isEmpty {
        json.key("scripts")
        json.array(scripts) { $1.write(to: &$0) }
      }
      json.key("decision")
      decision.write(to: &json)
    }
  }
}

extension DecisionRecord {
  /// Tells decisions of one call apart without writing them out: whatever decides a call again gives it another rule,
  /// service, target or reason, or asks about another alias.
  var fingerprint: UInt64 {
    var hash: UInt64 = UInt64(truncatingIfNeeded: considered.count &+ omittedConsiderations)
    func add(_ text: String?) {
      guard var text else { return hash = mix(UnsafeRawBufferPointer(start: nil, count: 0), into: ~hash) }
      text.withUTF8 { hash = mix(UnsafeRawBufferPointer($0), into: hash) }
    }
    add(policyVersion)
    add(alias.full)
    add(rule)
    add(replaced)
    // What is asked later, about a transfer or about media, changes nothing else.
    for answer in policyAnswers { add(answer.requestID) }
    // Nor do the scripts that look at its party and its media. None is ever taken away.
    hash = hash &+ UInt64(truncatingIfNeeded: scripts.count)
    switch decision {
    case .service(let service):
      add(service.kind.rawValue)
      add(service.name)
    case .gateway(let gateway):
      add(gateway.name)
      add(gateway.remoteAlias)
      for choice in gateway.trunks { add(choice.trunk) }
    case .reject(let reason): add(reason.rawValue)
    case .redirect(let target): add(target)
    }
    return hash
  }
}

extension PolicyAnswerRecord {
  fileprivate func write(to json: inout JSONWriter) {
    json.object { json in
      json.member("profile", profile)
      json.member("request", request)
      json.member("request_id", requestID)
      json.member("url", url)
      json.member("outcome", outcome)
      json.member("fallback", isFallback)
      json.member("status", status.map(Int64.init))
      json.member("failure", failure)
      json.member("latency_us", latency.nanoseconds / 1_000)
      json.member("attempts", attempts)
      json.key("findings")
      json.array(findings) { $1.write(to: &$0) }
    }
  }
}

extension PolicyScriptRecord {
  fileprivate func write(to json: inout JSONWriter) {
    json.object { json in
      json.member("profile", profile)
      json.member("kind", kind)
      json.member("script", script)
      json.member("outcome", outcome.rawValue)
      json.member("fallback", isFallback)
      json.member("failure", failure)
      json.member("line", line)
      json.member("column", column)
      json.member("steps", steps)
      json.member("time_us", time.nanoseconds / 1_000)
      json.key("findings")
      json.array(findings) { $1.write(to: &$0) }
      json.key("changes")
      json.array(changes) { json, change in
        json.object { json in
          json.member("field", change.field)
          json.member("before", change.before)
          json.member("after", change.after)
        }
      }
    }
  }
}

extension PolicyAnswerRecord.Finding {
  fileprivate func write(to json: inout JSONWriter) {
    json.object { json in
      json.member("field", field)
      json.member("problem", problem)
      json.member("error", isError)
    }
  }
}

extension Decision {
  func write(to json: inout JSONWriter) {
    json.object { json in
      switch self {
      case .service(let service):
        json.member("kind", "service")
        service.write(to: &json)
      case .gateway(let gateway):
        json.member("kind", "gateway")
        gateway.write(to: &json)
      case .reject(let rejection):
        json.member("kind", "reject")
        json.member("reason", rejection.rawValue)
      case .redirect(let alias):
        json.member("kind", "redirect")
        json.member("alias", alias)
      }
    }
  }
}

extension ServiceConfiguration {
  fileprivate func write(to json: inout JSONWriter) {
    json.member("service_type", kind.rawValue)
    json.member("name", name)
    json.member("tag", tag)
    json.member("description", description)
    json.member("call_capability", callCapability.rawValue)
    json.member("media_encryption", mediaEncryption.rawValue)
    json.member("maximum_bandwidth_in", maximumBandwidthIn.map { Int64($0.bitsPerSecond) })
    json.member("maximum_bandwidth_out", maximumBandwidthOut.map { Int64($0.bitsPerSecond) })
    if let maximumPixels { json.member("maximum_pixels", maximumPixels) }
    if let theme { json.member("theme", theme) }
    if let language { json.member("language", language.description) }
    if !localDisplayName.isEmpty { json.member("local_display_name", localDisplayName) }
    json.member("has_pin", pin != nil)
    json.member("has_guest_pin", guestPIN != nil)
    json.member("allows_guests", allowsGuests)
    writeSettings(to: &json)
  }
}

extension GatewayConfiguration {
  fileprivate func write(to json: inout JSONWriter) {
    json.member("name", name)
    json.member("tag", tag)
    json.member("remote_alias", remoteAlias)
    json.member("local_alias", localAlias)
    json.member("local_display_name", localDisplayName)
    json.member("target", target.rawValue)
    json.member("outgoing_protocol", outgoingProtocol.rawValue)
    json.member("outgoing_location", outgoingLocation)
    json.key("trunks")
    json.array(trunks) { json, choice in
      json.object { json in
        json.member("trunk", choice.trunk)
        json.member("weight", choice.weight.map(Int64.init))
        json.member("called_transform", choice.calledTransform)
        json.member("calling_transform", choice.callingTransform)
        json.member("ring_timeout_ms", choice.ringTimeout?.milliseconds)
      }
    }
    // Rare ones are written only when set: most calls have none of them.
    if let h323Gatekeeper { json.member("h323_gatekeeper", h323Gatekeeper) }
    if let mssipProxy { json.member("mssip_proxy", mssipProxy) }
    if let stunServer { json.member("stun_server", stunServer) }
    if let turnServer { json.member("turn_server", turnServer) }
    if let teamsProxy { json.member("teams_proxy", teamsProxy) }
    if let gmsAccessToken { json.member("gms_access_token", gmsAccessToken) }
    if let telehealthProfile { json.member("telehealth_profile", telehealthProfile) }
    if let theme { json.member("theme", theme) }
    json.member("call_capability", callCapability.rawValue)
    json.member("media_encryption", mediaEncryption.rawValue)
    json.member("maximum_bandwidth_in", maximumBandwidthIn.map { Int64($0.bitsPerSecond) })
    json.member("maximum_bandwidth_out", maximumBandwidthOut.map { Int64($0.bitsPerSecond) })
    if let maximumPixels { json.member("maximum_pixels", maximumPixels) }
    if !disabledCodecs.isEmpty {
      json.key("disabled_codecs")
      json.array(disabledCodecs) { $0.string($1) }
    }
    json.member("treat_as_trusted", isTreatedAsTrusted)
    json.member("denoise_audio", denoiseAudio)
    json.member("live_captions", liveCaptions)
    json.member("external_avatar_lookup", externalAvatarLookup)
    json.member("ring_timeout_ms", ringTimeout.milliseconds)
    if !dtmfSequence.isEmpty { json.member("dtmf_sequence", dtmfSequence) }
    if let prefersIPv6 { json.member("prefer_ipv6", prefersIPv6) }
    if !details.transcodes { json.member("transcoding", false) }
    // Sorted, so that equal sets give equal text. (Asking the set about every cause costs thirty hashes a call.)
    json.key("continue_on")
    json.array(continueOn.map(\.rawValue).sorted()) { $0.string($1) }
    if let limits {
      json.member("limits") { json in
        json.member("total") { limits.total.write(to: &$0) }
        json.member("per_caller") { limits.perCaller.write(to: &$0) }
      }
    }
  }
}

extension CallCaps {
  fileprivate func write(to json: inout JSONWriter) {
    func quota(_ name: StaticString, _ quota: Quota?) {
      guard let quota else { return }
      json.member(name) { json in
        json.member("count", quota.count)
        json.member("window_ms", quota.window.milliseconds)
      }
    }
    if let concurrentCalls { json.member("concurrent_calls", concurrentCalls) }
    if let callsPerSecond { json.member("calls_per_second", callsPerSecond) }
    quota("calls", calls)
    quota("call_minutes", callMinutes)
    quota("distinct_destinations", distinctDestinations)
    if let maximumDuration { json.member("maximum_duration_ms", maximumDuration.milliseconds) }
  }
}

extension JSONWriter {
  fileprivate mutating func member(_ name: StaticString, _ transform: AliasTransform?) {
    guard let transform else { return }
    member(name) { json in
      json.member("pattern", transform.pattern)
      json.member("replacement", transform.replacement)
    }
  }
}

/// Neighbouring considerations with the same outcome, as one element. Expanding the runs gives the considerations again.
struct RuleRuns: Sequence, IteratorProtocol {
  struct Run: Hashable {
    var first: Int
    var last: Int
    var outcome: RuleConsideration.Outcome
  }

  let considerations: [RuleConsideration]
  private var position = 0

  init(considerations: [RuleConsideration]) { self.considerations = considerations }

  mutating func next() -> Run? {
    guard position < considerations.count else { return nil }
    let start = considerations[position]
    var run = Run(first: start.rule, last: start.rule, outcome: start.outcome)
    position += 1
    while position < considerations.count, considerations[position].outcome == run.outcome,
      considerations[position].rule == run.last &+ 1
    {
      run.last = considerations[position].rule
      position += 1
    }
    return run
  }
}
