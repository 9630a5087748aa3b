/// The language of `policies/*.yaml`.
public enum PolicySchema {
  /// The top of every file. Sections of several files are put together.
  static let file = ObjectSchema(
    "Policy file",
    "A policy is all `*.yaml` files of one directory, read in the order of their names, with what they include, and put together: lists are joined, `globals` are merged. Keys that begin with `x-` are ignored, which gives anchors a place to stand.",
    [
      .init(
        "include", .oneOrMore(.text(maximumLength: 4_096)), default: "empty",
        "Further files, relative to this one and inside the policy's directory; `*`, `?` and `[a-z]` match names. They come before what this file says, each once.",
        example: "[trunks/carrier.yaml, rules/*.yaml]"),
      .init("globals", .object(globals), "Settings of the whole deployment."),
      .init("locations", .list(.object(location)), "Parts of the network that rules tell apart."),
      .init(
        "trunks", .list(.object(trunk)), "SIP proxies, carriers and call servers calls go to and come from."),
      .init("devices", .list(.object(device)), "Aliases that may register here."),
      .init(
        "services", .list(.object(service)),
        "Services that Tandem itself hosts. A service alias beats every rule."),
      .init("rules", .list(.object(rule)), "Call routing rules. The first that matches decides."),
      .init(
        "destination_limits", .list(.object(destinationLimit)),
        "Limits on numbers, whichever rule leads to them."),
      .init("schedules", .list(.object(schedule)), "Named times, for the `when` and `unless` of rules."),
      .init("h323_gatekeepers", .list(.object(gatekeeper)), "H.323 gatekeepers that rules name."),
      .init("mssip_proxies", .list(.object(mssipProxy)), "Skype for Business servers that rules name."),
      .init("stun_servers", .list(.object(stunServer)), "STUN servers that rules name."),
      .init("turn_servers", .list(.object(turnServer)), "TURN servers that rules name."),
      .init("teams_proxies", .list(.object(teamsProxy)), "Teams connectors that rules name."),
      .init(
        "gms_access_tokens", .list(.object(gmsAccessToken)), "Google Meet access tokens that rules name."),
      .init(
        "telehealth_profiles", .list(.object(telehealthProfile)), "Telehealth integrations that rules name."),
      .init(
        "policy_profiles", .list(.object(policyProfile)),
        "Policy servers, and what they are asked. Locations name the profile they use."),
      .init("themes", .list(.object(theme)), "Sets of prompts and pictures that services and rules name."),
      .init("playlists", .list(.object(playlist)), "Recordings that playback services name."),
    ])

  /// All objects, in the order of the reference.
  static let objects: [ObjectSchema] = [
    file, globals, protocols, sip, listener, realmCredential, media, mediaAddress, registrar, breakIn,
    conferences, limits, callLimits, callerCaps, numbering, management, managementUser, location, trunk,
    credential, registration, device,
    localConference, service,
    serviceRoom, telephoneConference, automaticParticipant, serviceReception, servicePlayback, playbackEnd,
    rule, ruleMatch,
    ruleFrom, ruleTo, trunkChoice, transform,
    ruleCall,
    destinationLimit, schedule, period,
    gatekeeper, mssipProxy, stunServer, turnServer, teamsProxy, gmsAccessToken, telehealthProfile, theme,
    playlist, playlistFile,
    policyProfile, policyHooks, policyHook, policyScripts, policyScript, circuitBreaker, policyProxy,
  ]

  // MARK: Types used in several places

  static let name = SchemaType.text(maximumLength: 250)
  static let description = ObjectSchema.Field(
    "description", .text(), default: "empty", "Free text for people.")
  static let port = SchemaType.integer(1...65535)

  static let encryption = SchemaType.choice([
    .init("on", "media must be encrypted; a participant that cannot is refused"),
    .init("best_effort", "encrypted where the other side can"),
    .init("off", "never encrypted"),
  ])
  static let resolution = SchemaType.choice("sd", "hd", "fullhd")
  static let yesNoDefault = SchemaType.choice("default", "yes", "no")
  static let causes = SchemaType.choice(
    "busy", "busy_everywhere", "no_answer", "no_response", "declined", "forbidden", "not_found", "gone",
    "does_not_exist_anywhere", "invalid_number", "temporarily_unavailable", "not_acceptable",
    "encryption_required", "unauthorised", "network_failure", "server_failure", "congestion", "limit_reached",
    "quota_reached", "loop", "too_many_hops", "protocol_error")
  static func capability(auto: Bool) -> SchemaType {
    .choice(
      [
        .init("video", "main video, presentation and audio"), .init("video_only", "no presentation"),
        .init("audio", "audio only"),
      ] + (auto ? [.init("auto", "the same as the incoming call")] : []))
  }
}
