import CallModel
import PolicyEngine

extension PolicyImport {
  /// By priority, then by id: the order in which both systems try them.
  mutating func convertRules() {
    let rules = export.all("gateway_routing_rule").sorted {
      ($0.integer("priority") ?? 0, $0.id) < ($1.integer("priority") ?? 0, $1.id)
    }
    var last: ManagementObject?
    for rule in rules {
      if let last, last.integer("priority") == rule.integer("priority") {
        rule.change(
          "priority", "the same as that of “\(last.title)”: which goes first is not said; here the lower id")
      }
      last = rule
      convert(rule)
    }
  }

  private mutating func convert(_ rule: ManagementObject) {
    let pattern = rule.text("match_string")
    if let fault = PatternSyntax.fault(in: pattern) {
      export.report(
        "invalid-pattern", "this regular expression is invalid: \(fault)", at: rule, field: "match_string",
        found: "“\(pattern.prefix(200))”")
    }
    guard rule.text("called_device_type") != "telehealth_profile" else { return leaveOutTelehealth(rule) }
    var item = PolicyText.Mapping()
    item.add("name", text: rule.text("name"))
    item.add("description", text: clean(rule, "description"))
    item.add("priority", number: rule.integer("priority"))
    item.add("enabled", rule.boolean("enable"), standard: true)
    item.add("tag", text: rule.optional("tag"))
    let directions = [("match_incoming_calls", "incoming"), ("match_outgoing_calls", "outgoing")]
      .filter { rule.boolean($0.0) }.map(\.1)
    if directions != ["incoming"] { item.add("direction", .list(directions.map { .word($0) })) }
    item.add("from", from(rule))
    if rule.boolean("match_string_full") { item.add("match_full", .word("true")) }
    let replacement = rule.text("replace_string")
    if let parts = MatchParts(pattern, replacing: replacement) {
      item.add("match", parts.yaml)
      if !replacement.isEmpty { item.add("replace", .pattern(parts.replacement)) }
    } else {
      item.add("match", .pattern(pattern))
      if !replacement.isEmpty { item.add("replace", .pattern(replacement)) }
    }
    item.add("to", to(rule))
    item.add("call", call(rule))
    add("rules", item, from: rule)
  }

  private mutating func from(_ rule: ManagementObject) -> PolicyText.Mapping {
    var item = PolicyText.Mapping()
    item.add("location", reference(rule, "match_source_location"))
    item.add("registered", rule.boolean("match_incoming_only_if_registered"), standard: false)
    let protocols = ["sip", "h323", "mssip", "webrtc", "teams"].filter {
      rule.boolean("match_incoming_\($0)")
    }
    if protocols != ["sip", "h323", "mssip", "webrtc"] {
      item.add("protocols", .list(protocols.map { .word($0) }))
    }
    return item
  }

  private static let targets = [
    "external": "registered_device_or_external", "registration": "registered_device",
  ]

  private mutating func to(_ rule: ManagementObject) -> PolicyText.Mapping {
    var item = PolicyText.Mapping()
    let target = rule.text("called_device_type")
    if target != "external" { item.add("target", .word(PolicyImport.targets[target] ?? target)) }
    if rule.text("outgoing_protocol") != "sip" { item.add("protocol", .word(rule.text("outgoing_protocol"))) }
    item.add("location", reference(rule, "outgoing_location"))
    if let proxy = export.object(rule, "sip_proxy") { item.add("trunks", .list([.text(proxy.text("name"))])) }
    for key in [
      "h323_gatekeeper", "mssip_proxy", "stun_server", "turn_server", "teams_proxy", "gms_access_token",
    ] {
      item.add(key, reference(rule, key))
    }
    return item
  }

  private mutating func leaveOutTelehealth(_ rule: ManagementObject) {
    let why = "telehealth profiles cannot be imported: the export does not say their address and token"
    guard !isStrict else {
      return export.report(
        "unsupported", why, at: rule, field: "called_device_type",
        suggestion: "disable or remove the rule in the export, or leave it out by importing without --strict")
    }
    leftOutRules.insert(rule.text("name"))
    leaveOut(rule, why + (rule.boolean("enable") ? "; its calls fall to the rules behind it" : ""))
  }

  private mutating func call(_ rule: ManagementObject) -> PolicyText.Mapping {
    var item = PolicyText.Mapping()
    let capability = rule.text("call_type")
    if capability != "video" { item.add("capability", .word(capability.replacing("-", with: "_"))) }
    item.add("max_bandwidth_in", number: rule.integer("max_callrate_in"))
    item.add("max_bandwidth_out", number: rule.integer("max_callrate_out"))
    if let resolution = rule.optional("max_pixels_per_second") {
      item.add("max_resolution", .word(resolution))
    }
    if let mode = PolicyImport.encryption(rule.text("crypto_mode")) { item.add("encryption", .word(mode)) }
    let codecs = ReferenceInterpreter.codecs(rule.value("disabled_codecs"))
    if !codecs.isEmpty { item.add("disabled_codecs", .list(codecs.map { .text($0) })) }
    item.add("treat_as_trusted", rule.boolean("treat_as_trusted"), standard: false)
    item.add("denoise_audio", rule.boolean("denoise_audio"), standard: true)
    for (key, field) in [
      ("live_captions", "live_captions_enabled"), ("avatar_lookup", "external_participant_avatar_lookup"),
    ] where rule.text(field) != "default" && !rule.text(field).isEmpty {
      item.add(key, .text(rule.text(field)))
    }
    item.add("theme", reference(rule, "ivr_theme"))
    return item
  }
}
