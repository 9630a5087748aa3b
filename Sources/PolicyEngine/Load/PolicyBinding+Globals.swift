import CallModel

extension PolicyBinding {
  func bind(_ o: CheckedObject, into globals: inout Globals) {
    globals.domain = o.text("domain") ?? globals.domain
    if let protocols = o.object("protocols") {
      globals.sipEnabled = protocols.boolean("sip") ?? globals.sipEnabled
      globals.sipUDPEnabled = protocols.boolean("sip_udp") ?? globals.sipUDPEnabled
      globals.h323Enabled = protocols.boolean("h323") ?? globals.h323Enabled
      globals.webrtcEnabled = protocols.boolean("webrtc") ?? globals.webrtcEnabled
      globals.rtmpEnabled = protocols.boolean("rtmp") ?? globals.rtmpEnabled
    }
    globals.dialOutEnabled = o.boolean("dial_out") ?? globals.dialOutEnabled
    globals.mediaEncryption = o.encryption("media_encryption") ?? globals.mediaEncryption
    if o.isNone("max_bandwidth_in") { globals.bandwidthIn = nil }
    globals.bandwidthIn = o.bandwidth("max_bandwidth_in") ?? globals.bandwidthIn
    if o.isNone("max_bandwidth_out") { globals.bandwidthOut = nil }
    globals.bandwidthOut = o.bandwidth("max_bandwidth_out") ?? globals.bandwidthOut
    globals.maximumPixels = o.text("max_resolution") ?? globals.maximumPixels
    if let sip = o.object("sip") { bind(sip, into: &globals.sip) }
    if let media = o.object("media") { bind(media, into: &globals.media) }
    globals.dnsServers = o.socketAddresses("dns_servers") ?? globals.dnsServers
    if let registrar = o.object("registrar") { bind(registrar, into: &globals.registrar) }
    if let breakIn = o.object("break_in_protection") { bind(breakIn, into: &globals.breakIn) }
    if let conferences = o.object("conferences") { bind(conferences, into: &globals.conferences) }
    if let limits = o.object("limits") { bind(limits, into: &globals.limits) }
    globals.numbering = o.object("numbering").map(numbering) ?? globals.numbering
    globals.policyProfile = o.text("policy_profile")
    globals.management = o.object("management").map(management)
  }

  private func management(_ o: CheckedObject) -> ManagementSettings {
    ManagementSettings(
      address: o.socketAddress("listen") ?? TransportAddress(.loopbackIPv4, 0),
      users: o.objects("users").map {
        ManagementSettings.User(name: $0.text("name") ?? "", password: $0.secret("password") ?? Secret(""))
      })
  }

  private func bind(_ o: CheckedObject, into sip: inout SIPSettings) {
    // An item that is wrong has been reported; the address only keeps its place.
    sip.listeners = o.objects("listeners").map { o in
      var listener = SIPSettings.Listener(
        transport: o.text("transport").flatMap(Trunk.Transport.init(rawValue:)) ?? .tcp,
        address: o.socketAddress("address") ?? TransportAddress(.anyIPv4, 0),
        advertised: o.socketAddress("advertised"), certificateFile: o.text("certificate_file"),
        keyFile: o.text("key_file"), location: o.text("location"))
      listener.isOptional = o.boolean("optional") ?? false
      return listener
    }
    sip.sessionExpires = o.duration("session_expires") ?? sip.sessionExpires
    sip.minimumSessionExpires = o.duration("minimum_session_expires") ?? sip.minimumSessionExpires
    sip.maxForwards = o.integer("max_forwards") ?? sip.maxForwards
    sip.credentials = o.objects("credentials").map(credential)
    if let names = o.texts("digest_algorithms"), !names.isEmpty { sip.digestAlgorithms = names }
  }

  private func bind(_ o: CheckedObject, into media: inout MediaSettings) {
    media.addresses = o.objects("addresses").compactMap { o in
      o.address("bind").map { MediaSettings.Address(bind: $0, advertised: o.address("advertised")) }
    }
    media.portRange = o.portRange("ports") ?? media.portRange
    if o.isNone("timeout") { media.timeout = nil }
    media.timeout = o.duration("timeout") ?? media.timeout
    media.audioDSCP = o.integer("audio_dscp") ?? media.audioDSCP
    media.videoDSCP = o.integer("video_dscp") ?? media.videoDSCP
    media.threads = o.integer("threads")
  }

  private func bind(_ o: CheckedObject, into registrar: inout RegistrarSettings) {
    registrar.isEnabled = o.boolean("enabled") ?? registrar.isEnabled
    registrar.minimumExpires = o.duration("minimum_expires") ?? registrar.minimumExpires
    registrar.maximumExpires = o.duration("maximum_expires") ?? registrar.maximumExpires
    registrar.nattedMinimumExpires = o.duration("natted_minimum_expires") ?? registrar.nattedMinimumExpires
    registrar.nattedMaximumExpires = o.duration("natted_maximum_expires") ?? registrar.nattedMaximumExpires
    registrar.maximumBindings = o.integer("maximum_bindings") ?? registrar.maximumBindings
  }

  private func bind(_ o: CheckedObject, into breakIn: inout BreakInProtection) {
    breakIn.scanQuarantineEnabled = o.boolean("scan_quarantine") ?? breakIn.scanQuarantineEnabled
    breakIn.maximumScanAttempts = o.integer("max_scan_attempts") ?? breakIn.maximumScanAttempts
    breakIn.pinChecksEnabled = o.boolean("pin_checks") ?? breakIn.pinChecksEnabled
    breakIn.maximumPINFailures = o.integer("max_pin_failures") ?? breakIn.maximumPINFailures
    breakIn.window = o.duration("window") ?? breakIn.window
    breakIn.allowList = o.networks("allow_list") ?? breakIn.allowList
  }
}
