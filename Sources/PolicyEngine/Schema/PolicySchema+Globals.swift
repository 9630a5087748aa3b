extension PolicySchema {
  static let globals = ObjectSchema(
    "globals",
    "Settings of the whole deployment. May be spread over several files; each setting is made once.",
    [
      .init(
        "domain", .host, default: "tandem.invalid",
        "Realm of digest challenges, and domain of identities that have none.", example: "example.org"),
      .init("protocols", .object(protocols), "Which protocols are spoken at all."),
      .init(
        "dial_out", .boolean, default: "true",
        "Off disables every call Tandem would place: gateway calls and dial-out from conferences."),
      .init(
        "media_encryption", encryption, default: "best_effort",
        "For rules and services that say nothing else."),
      .init(
        "max_bandwidth_in", .word("unlimited", or: .bandwidth), default: "unlimited",
        "Received from each participant, audio, video and presentation together."),
      .init(
        "max_bandwidth_out", .word("unlimited", or: .bandwidth), default: "4128", "Sent to each participant."),
      .init("max_resolution", resolution, default: "hd", "Largest picture of a call."),
      .init("sip", .object(sip), "Where SIP is heard, and its timers."),
      .init("media", .object(media), "Where media flows."),
      .init(
        "dns_servers", .list(.socketAddress), default: "those of the system",
        "Name servers that are asked for NAPTR, SRV and address records, in order. Taken up at start.",
        example: "[\"192.0.2.53:53\"]"),
      .init("registrar", .object(registrar), "How devices register."),
      .init(
        "break_in_protection", .object(breakIn), "What happens to sources that try many aliases or PINs."),
      .init("conferences", .object(conferences), "What holds for all conferences and receptions."),
      .init("limits", .object(limits), "Limits that hold even when a rule is written carelessly."),
      .init("numbering", .object(numbering), "How telephone numbers are written, for destination limits."),
      .init(
        "policy_profile", .reference(section: "policy_profiles"),
        "Policy server asked about calls whose location names none."),
      .init(
        "management", .object(management),
        "The management interface over HTTP: commands to conferences, and their status. Off unless it is set."
      ),
    ])

  static let management = ObjectSchema(
    "globals.management", "The management interface over HTTP. Taken up at start.",
    [
      .init(
        "listen", .socketAddress, required: true,
        "An address of this host alone: passwords travel readably. A proxy with TLS before it serves others.",
        example: "127.0.0.1:8080"),
      .init("users", .list(.object(managementUser)), required: true, "Who may."),
    ])

  static let managementUser = ObjectSchema(
    "globals.management.users[]", "Somebody, or something, that may use the management interface.",
    [
      .init("name", .text(maximumLength: 250), required: true, "Without a colon.", example: "ann"),
      .init("password", .secret, required: true, "By reference: `{env: NAME}` or `{file: path}`."),
    ])

  static let protocols = ObjectSchema(
    "globals.protocols", "Calls in a protocol that is off are refused before any rule is looked at.",
    [
      .init("sip", .boolean, default: "true", "SIP, and Skype for Business."),
      .init("sip_udp", .boolean, default: "false", "SIP over UDP. Off by default: UDP invites scanners."),
      .init("h323", .boolean, default: "true", "H.323."),
      .init("webrtc", .boolean, default: "true", "Browsers and apps."),
      .init("rtmp", .boolean, default: "true", "RTMP streams."),
    ])

  static let sip = ObjectSchema(
    "globals.sip", "Where SIP is heard, and its timers.",
    [
      .init("listeners", .list(.object(listener)), "Addresses that take SIP requests."),
      .init(
        "session_expires", .duration(90...86_400), default: "30m",
        "Session timer that Tandem asks for (RFC 4028)."),
      .init(
        "minimum_session_expires", .duration(90...86_400), default: "90s",
        "Shortest session timer it accepts."),
      .init("max_forwards", .integer(1...255), default: "70", "Hops a call that starts here may take."),
      .init(
        "credentials", .list(.object(realmCredential)), default: "empty",
        "Answers to digest challenges (401, 407) by realm, for calls by DNS, and over trunks that have none of their own for it. Any server that a call leads to may ask with the realm, and gets the digest."
      ),
      .init(
        "digest_algorithms", .list(.choice("md5", "sha-256", "sha-512-256")), default: "[md5]",
        "Challenges offered to devices and trunks, the preferred first (RFC 8760). Many phones give up when they see any "
          + "but md5; over TLS md5 is safe enough, and with modern phones sha-256 is better."),
    ])

  static let listener = ObjectSchema(
    "globals.sip.listeners[]", "One address that takes SIP requests.",
    [
      .init("transport", .choice("udp", "tcp", "tls"), required: true, "UDP also needs protocols.sip_udp."),
      .init(
        "address", .socketAddress, required: true, "IP address and port to bind.", example: "192.0.2.10:5060"),
      .init("advertised", .socketAddress, "What peers are told instead, behind NAT."),
      .init("certificate_file", .path, "PEM certificate chain; TLS only."),
      .init("key_file", .path, "PEM private key; TLS only."),
      .init(
        "optional", .boolean, default: "false",
        "TLS only: the listener is left out, with a line in the log, while its certificate files do not exist."
      ),
      .init(
        "location", .reference(section: "locations"),
        "Location of calls that arrive here, unless their source network names another."),
    ])

  static let media = ObjectSchema(
    "globals.media", "Where media flows.",
    [
      .init(
        "addresses", .list(.shorthand(mediaAddress, key: "bind")),
        "Addresses that media sockets are bound to.", example: "[192.0.2.10]"),
      .init(
        "ports", .portRange, default: "40000-49999", "UDP ports used for media, both ends included.",
        example: "40000-49999"),
      .init(
        "timeout", .word("never", or: .duration(5...86_400)), default: "60s",
        "A call whose media stops for this long is ended."),
      .init("audio_dscp", .dscp, default: "EF", "Marking of audio packets."),
      .init("video_dscp", .dscp, default: "AF41", "Marking of video packets."),
      .init("threads", .integer(1...256), default: "one a core, at most two", "Threads that relay media."),
    ])

  static let mediaAddress = ObjectSchema(
    "globals.media.addresses[]", "One address for media. In short: the address alone.",
    [
      .init("bind", .ipAddress, required: true, "Address that sockets are bound to."),
      .init("advertised", .ipAddress, "What peers are told instead, behind NAT."),
    ])

  static let registrar = ObjectSchema(
    "globals.registrar", "How devices register.",
    [
      .init("enabled", .boolean, default: "true", "Off: every registration is refused."),
      .init("minimum_expires", .duration(10...86_400), default: "60s", "Shorter requests are answered 423."),
      .init("maximum_expires", .duration(60...604_800), default: "1h", "Longer requests are shortened."),
      .init("natted_minimum_expires", .duration(10...3_600), default: "60s", "For devices behind NAT."),
      .init("natted_maximum_expires", .duration(10...3_600), default: "90s", "For devices behind NAT."),
      .init("maximum_bindings", .integer(1...100), default: "10", "Contacts at once for one alias."),
    ])

  static let breakIn = ObjectSchema(
    "globals.break_in_protection", "What happens to sources that try many aliases or PINs.",
    [
      .init("scan_quarantine", .boolean, default: "true", "Quarantine sources that try unknown aliases."),
      .init(
        "max_scan_attempts", .integer(5...200), default: "20",
        "Unknown aliases and failed authentications from one source within the window."),
      .init("pin_checks", .boolean, default: "true", "Block PIN entry after too many wrong ones."),
      .init(
        "max_pin_failures", .integer(5...200), default: "20", "Wrong PINs for one service within the window."),
      .init("window", .duration(10...86_400), default: "10m", "How long attempts are remembered."),
      .init(
        "allow_list", .list(.network), default: "empty",
        "Sources that are never quarantined: trunks and proxies concentrate many callers on one address.",
        example: "[198.51.100.0/24]"),
    ])
}
