extension PolicySchema {
  static let location = ObjectSchema(
    "locations[]",
    "A part of the network. A call's location is that of its source network, else its listener's.",
    [
      .init("name", name, required: true, "Rules and listeners refer to it."),
      description,
      .init(
        "networks", .list(.network), default: "empty", "Sources that belong here; the longest prefix wins.",
        example: "[10.1.0.0/16]"),
      .init("domain", .host, "Domain of calling identities that have none of their own."),
      .init("trunk", .reference(section: "trunks"), "Trunk of calls dialled out by hand from here."),
      .init(
        "scan_quarantine", .boolean, default: "the global setting", "Overrides break_in_protection here."),
      .init("h323_gatekeeper", .reference(section: "h323_gatekeepers"), "For calls placed from here."),
      .init("mssip_proxy", .reference(section: "mssip_proxies"), "For calls placed from here."),
      .init("stun_server", .reference(section: "stun_servers"), "For calls placed from here."),
      .init("turn_server", .reference(section: "turn_servers"), "For calls placed from here."),
      .init("teams_proxy", .reference(section: "teams_proxies"), "For calls placed from here."),
      .init(
        "policy_profile", .word("none", or: .reference(section: "policy_profiles")),
        default: "the global setting",
        "Policy server asked about calls whose signalling arrives here; or none."),
      .init(
        "media_addresses", .list(.ipAddress), default: "any",
        "Which of `globals: media: addresses` (`bind`) carry the media of calls from here, and of calls that a rule or a policy server sends out from here; the next one when the first has no port left.",
        example: "[192.0.2.10]"),
    ])

  static let trunk = ObjectSchema(
    "trunks[]", "A SIP proxy, carrier or other call server that calls go to and come from.",
    [
      .init("name", name, required: true, "Rules refer to it."),
      description,
      .init("host", .host, required: true, "Host name or IP address.", example: "sip.carrier.example"),
      .init("port", port, default: "found by DNS", "Absent: found by DNS SRV (RFC 3263)."),
      .init("transport", .choice("udp", "tcp", "tls"), default: "tls", "Transport of requests sent."),
      .init(
        "domain", .host, default: "the alias' own, else the host", "Domain of the request URI and of To."),
      .init("credentials", .list(.object(credential)), default: "empty", "Answers to digest challenges."),
      .init("register", .object(registration), "Register Tandem itself at the trunk."),
      .init(
        "sources", .list(.network), default: "empty",
        "Requests from these networks are this trunk's. The host's own addresses always are."),
      .init(
        "trusted", .boolean, default: "false",
        "Assert and accept P-Asserted-Identity (RFC 3325): the peer is inside the trust domain."),
      .init(
        "inbound_credential", .object(credential), default: "none: the source address is enough",
        "Challenge this trunk's requests."),
      .init("media_encryption", encryption, default: "the rule's", "For calls over this trunk."),
      .init(
        "probe_interval", .word("never", or: .duration(5...3_600)), default: "30s",
        "How often health is asked by OPTIONS."),
      .init(
        "limits", .object(callLimits),
        "Limits of the calls sent over the trunk. At a limit the next trunk of the rule is tried."),
      .init(
        "numbering", .object(numbering), default: "that of globals",
        "How numbers are written on this trunk, for destination limits."),
      .init("verify_certificate", .boolean, default: "true", "Off only for laboratories."),
      .init("certificate_authority_file", .path, default: "the system's", "PEM file of trusted authorities."),
    ])

  static let credential = ObjectSchema(
    "credential", "A user name and a password for digest authentication.",
    [
      .init("realm", .text(), default: "any", "Only answers challenges of this realm."),
      .init("username", .text(maximumLength: 100), required: true, "Case matters."),
      .init("password", .secret, required: true, "By reference: `{env: NAME}` or `{file: path}`."),
    ])

  static let realmCredential = ObjectSchema(
    "globals.sip.credentials[]", "A user name and a password for one realm.",
    [
      .init("realm", .text(), required: true, "Challenges of this realm are answered."),
      .init("username", .text(maximumLength: 100), required: true, "Case matters."),
      .init("password", .secret, required: true, "By reference: `{env: NAME}` or `{file: path}`."),
    ])

  static let registration = ObjectSchema(
    "trunks[].register", "As whom Tandem registers itself at a trunk.",
    [
      .init(
        "address_of_record", .text(), required: true, "A SIP URI.", example: "sip:company@carrier.example"),
      .init("interval", .duration(30...86_400), default: "10m", "Expiry asked for."),
    ])

  static let device = ObjectSchema(
    "devices[]",
    "An alias that may register here. Calls reach a registered device through rules only.",
    [
      .init("alias", .text(), required: true, "What is registered.", example: "alice@example.org"),
      description,
      .init("tag", .text(), default: "empty", "For logs, records and policy servers."),
      .init("username", .text(maximumLength: 100), default: "empty", "Empty: no authentication."),
      .init("password", .secret, default: "empty", "By reference: `{env: NAME}` or `{file: path}`."),
      .init(
        "protocols", .list(.choice("sip", "h323", "webrtc")), default: "[sip]",
        "Protocols it may register with."),
      .init("local_conference", .object(localConference), "The conference it may open; absent: none."),
    ])

  static let gatekeeper = ObjectSchema(
    "h323_gatekeepers[]", "An H.323 gatekeeper that calls are placed through.",
    peer(port: 1719))

  static let mssipProxy = ObjectSchema(
    "mssip_proxies[]", "A Skype for Business Front End or Director server.",
    peer(port: 5061) + [.init("transport", .choice("tcp", "tls"), default: "tls", "Transport of requests.")])

  static let stunServer = ObjectSchema(
    "stun_servers[]", "Tells legs with ICE their public address.", peer(port: 3478))

  static let turnServer = ObjectSchema(
    "turn_servers[]", "Relays media for legs with ICE.",
    peer(port: 3478) + [
      .init("transport", .choice("udp", "tcp", "tls"), default: "udp", "Transport to the server."),
      .init("credential", .object(credential), "A fixed user name and password."),
      .init("shared_secret", .secret, "Makes time-limited credentials instead of a fixed one."),
    ])

  static let teamsProxy = ObjectSchema("teams_proxies[]", "A connector to Microsoft Teams.", peer(port: 443))

  static let gmsAccessToken = ObjectSchema(
    "gms_access_tokens[]", "Resolves Google Meet codes.",
    [
      .init("name", name, required: true, "Rules refer to it."),
      description,
      .init("token", .secret, required: true, "By reference: `{env: NAME}` or `{file: path}`."),
    ])

  static let telehealthProfile = ObjectSchema(
    "telehealth_profiles[]", "A telehealth integration that calls are handed to.",
    [
      .init("name", name, required: true, "Rules refer to it."),
      description,
      .init("url", .text(maximumLength: 255), required: true, "Base of the integration's interface."),
      .init("token", .secret, "By reference: `{env: NAME}` or `{file: path}`."),
    ])

  static let theme = ObjectSchema(
    "themes[]", "A set of prompts and pictures a caller meets.",
    [
      .init("name", name, required: true, "Rules refer to it."),
      description,
      .init("directory", .path, required: true, "Where its files are."),
      .init(
        "language", .language, default: "globals.conferences.language",
        "What its prompts are spoken in: those in the directory of this name come before the others.",
        example: "de"),
    ])

  private static func peer(port standard: Int) -> [ObjectSchema.Field] {
    [
      .init("name", name, required: true, "Rules and locations refer to it."),
      description,
      .init("host", .host, required: true, "Host name or IP address."),
      .init("port", port, default: "\(standard)", "Port of the server."),
    ]
  }
}
