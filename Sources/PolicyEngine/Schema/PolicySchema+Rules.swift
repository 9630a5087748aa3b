extension PolicySchema {
  static let rule = ObjectSchema(
    "rules[]",
    "A call routing rule. Rules are tried by ascending priority, then in the order written; the first whose conditions all hold and whose `match` covers the whole alias decides, also when its call then fails.",
    [
      .init("name", name, required: true, "Unique; names the calls it makes in logs and records."),
      description,
      .init("priority", .integer(1...200), required: true, "Lower is tried first."),
      .init("enabled", .boolean, default: "true", "A disabled rule stays in the list and is ignored."),
      .init("tag", .text(), default: "empty", "For logs, records and policy servers (`service_tag`)."),
      .init(
        "direction",
        .list(
          .choice([
            .init("incoming", "calls that arrived and that no service took"),
            .init("outgoing", "calls placed from a conference with automatic routing"),
          ])), default: "[incoming]", "Which calls are looked at."),
      .init("from", .object(ruleFrom), "Which callers are looked at."),
      .init(
        "when", .list(.reference(section: "schedules")), default: "always",
        "Only while one of these schedules is in force.", example: "[office-hours]"),
      .init(
        "unless", .list(.reference(section: "schedules")), default: "never",
        "Not while one of these schedules is in force.", example: "[holidays]"),
      .init(
        "match", .shorthand(ruleMatch, key: "regex"), required: true,
        "Regular expression that must match the whole alias, without case (`\\d`, `\\w`, `\\s` are ASCII), or a mapping that says the same in parts.",
        example: "9(\\d+)"),
      .init(
        "match_full", .boolean, default: "false",
        "Match the alias as received, with scheme and parameters (`sip:ann@example.org;transport=tls`)."),
      .init(
        "replace", .replacement, default: "the alias unchanged",
        "What the alias becomes: text with `\\1`…`\\99`, `\\g<1>`, `\\g<name>`, `\\g<0>`.",
        example: "\\1@pstn.example.org"),
      .init("to", .object(ruleTo), "Where the call goes."),
      .init("call", .object(ruleCall), "What the call may use."),
      .init("limits", .object(callLimits), "Limits of the rule's calls, and of each caller's share of them."),
    ])

  static let ruleMatch = ObjectSchema(
    "rules[].match",
    "Which aliases a rule matches, in parts: an alias is `user@domain` where `domain` is given, and all user where it is not; the user is one of a list, or a prefix, a rest and a suffix. All without case. In `replace`, `\\1` or `\\g<rest>` is what stands between prefix and suffix (of a list: the user), `\\g<user>` the user, `\\g<domain>` the domain.",
    [
      .init("regex", .pattern, "The regular expression; stands alone.", example: "9(\\d+)"),
      .init("exact", .oneOrMore(.text()), "The user, or several.", example: "[alice, bob]"),
      .init(
        "file", .aliasList,
        "A file with one user a line; empty lines and lines that begin with # do not count. Read when the policy is loaded.",
        example: "lists/board.txt"),
      .init("prefix", .oneOrMore(.text()), "What the user begins with; of several, the longest that fits."),
      .init("suffix", .oneOrMore(.text()), "What the user ends with; of several, the longest that fits."),
      .init(
        "digits", .digitCount, "The rest is digits, this many.", example: "4-15"),
      .init(
        "range", .oneOrMore(.numberRange),
        "The rest is a number of one of these ranges, with as many digits.", example: "1000-1999"),
      .init(
        "domain", .oneOrMore(.domainName), "The domain, or `*.name` for all below it.",
        example: "[example.org, \"*.example.org\"]"),
      .init(
        "domain_required", .boolean, default: "true", "No: an alias without a domain matches as well."),
    ])

  static let ruleFrom = ObjectSchema(
    "rules[].from",
    "Which callers a rule looks at. Protocols and registration only count for incoming calls.",
    [
      .init(
        "location", .reference(section: "locations"), default: "any",
        "Incoming: where the call arrived. Outgoing: where it is placed from."),
      .init("registered", .boolean, default: "false", "Only calls from devices that are registered here."),
      .init(
        "protocols", .list(.choice("sip", "h323", "mssip", "webrtc", "teams")),
        default: "[sip, h323, mssip, webrtc]", "Protocols of the caller; webrtc covers apps and RTMP."),
      .init(
        "caller", .pattern, default: "any",
        "Regular expression that must match the whole calling alias, without scheme and parameters.",
        example: ".*@example\\.org"),
      .init(
        "networks", .list(.network), default: "any", "Only calls from these addresses.",
        example: "[192.0.2.0/24]"),
      .init(
        "trunks", .list(.reference(section: "trunks")), default: "any",
        "Only calls that came over these trunks."),
      .init(
        "trusted", .boolean, default: "false",
        "Only calls from registered devices and over trunks with `trusted: true`."),
      .init(
        "capability", .list(capability(auto: true)), default: "any",
        "What the caller offers; `auto` is a call without an offer.", example: "[video, video_only]"),
      .init("tags", .list(.text()), default: "any", "Only calls that carry one of these tags."),
    ])

  static let ruleTo = ObjectSchema(
    "rules[].to", "Where a rule sends the call.",
    [
      .init(
        "target",
        .choice([
          .init(
            "registered_device_or_external", "a device registered under the alias, else an external system"),
          .init("registered_device", "only a device registered under the alias"),
          .init("mssip_conference_id", "a Skype for Business meeting, by its conference ID"),
          .init("mssip_server", "Skype for Business clients, or meetings through its reception"),
          .init("gms_conference", "a Google Meet meeting"),
          .init("teams_conference", "a Teams meeting"),
          .init("teams_user", "a Teams Room"),
          .init("telehealth_profile", "a telehealth call"),
        ]), default: "registered_device_or_external", "Kind of target."),
      .init(
        "protocol", .choice("sip", "h323", "mssip", "rtmp", "gms", "teams"), default: "sip",
        "Protocol of the outgoing call. A registered device is called with its own."),
      .init(
        "location", .reference(section: "locations"), default: "automatic",
        "Location that places the outgoing call."),
      .init(
        "trunks", .list(.shorthand(trunkChoice, key: "trunk")), default: "the alias' domain by DNS",
        "Trunks in order of attempt; neighbours with a weight share one place and are drawn by weight.",
        example: "[carrier-a, carrier-b]"),
      .init("h323_gatekeeper", .reference(section: "h323_gatekeepers"), default: "DNS", "For protocol h323."),
      .init("mssip_proxy", .reference(section: "mssip_proxies"), default: "DNS", "For protocol mssip."),
      .init("stun_server", .reference(section: "stun_servers"), "For legs with ICE."),
      .init("turn_server", .reference(section: "turn_servers"), "For legs with ICE."),
      .init(
        "teams_proxy", .reference(section: "teams_proxies"), default: "the outgoing location's", "For Teams."),
      .init(
        "gms_access_token", .reference(section: "gms_access_tokens"), "Required for gms_conference."),
      .init(
        "telehealth_profile", .reference(section: "telehealth_profiles"), "Required for telehealth_profile."),
      .init("ring_timeout", .duration(1...600), default: "60s", "How long one attempt may ring."),
      .init(
        "continue_on", .list(causes),
        default: "[network_failure, no_response, server_failure, congestion]",
        "Causes after which the next trunk is tried. Busy and declined are final unless named."),
    ])

  static let trunkChoice = ObjectSchema(
    "rules[].to.trunks[]", "One trunk of a rule. In short: its name alone.",
    [
      .init("trunk", .reference(section: "trunks"), required: true, "Name of the trunk."),
      .init("weight", .integer(1...1_000), default: "a place of its own", "Share among weighted neighbours."),
      .init(
        "called", .object(transform), "Changes the called alias on this trunk, after the rule's replace."),
      .init("calling", .object(transform), "Changes the calling alias on this trunk."),
      .init("ring_timeout", .duration(1...600), default: "the rule's", "How long an attempt here may ring."),
    ])

  static let transform = ObjectSchema(
    "rules[].to.trunks[].called", "A pattern and a replacement; an alias that does not match stays as it is.",
    [
      .init("match", .pattern, required: true, "As in a rule.", example: "0(\\d+)"),
      .init("replace", .replacement, required: true, "As in a rule.", example: "+44\\1"),
    ])

  static let ruleCall = ObjectSchema(
    "rules[].call", "What a call of this rule may use.",
    [
      .init(
        "capability", capability(auto: true), default: "video",
        "Media of the call; the called party cannot escalate above it."),
      .init(
        "max_bandwidth_in", .bandwidth, default: "the global setting",
        "Received from each participant: kbit/s, or with a unit.", example: "2 Mbps"),
      .init("max_bandwidth_out", .bandwidth, default: "the global setting", "Sent to each participant."),
      .init("max_resolution", resolution, default: "the global setting", "Largest picture."),
      .init("encryption", encryption, default: "the global setting", "Media encryption of the call."),
      .init(
        "disabled_codecs", .list(.text(maximumLength: 64)), default: "empty", "Codec names never offered.",
        example: "[G722]"),
      .init(
        "treat_as_trusted", .boolean, default: "false",
        "The target may treat the caller as one of its own organisation."),
      .init("denoise_audio", .boolean, default: "true", "Google Meet only."),
      .init("live_captions", yesNoDefault, default: "default", "Must be no for Teams and Google Meet."),
      .init("avatar_lookup", yesNoDefault, default: "default", "Pictures of external participants; Teams."),
      .init("theme", .reference(section: "themes"), default: "the standard theme", "What the caller meets."),
      .init(
        "caller", .text(), default: "the caller's alias", "Calling alias shown to the called party."),
      .init("caller_name", .text(), default: "the caller's name", "Display name shown to the called party."),
    ])
}
