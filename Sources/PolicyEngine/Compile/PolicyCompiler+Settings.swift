import CallModel

extension PolicyCompiler {
  /// Values that are wrong by themselves or beside each other.
  static func checkSettings(_ policy: Policy, into findings: inout [PolicyFinding]) {
    let globals = policy.globals
    checkListeners(globals, into: &findings)
    if let management = globals.management { check(management, into: &findings) }
    func order(_ low: TimeSpan, _ high: TimeSpan, _ lowKey: String, _ highKey: String, _ section: String) {
      guard low > high else { return }
      findings.append(
        PolicyFinding(
          code: "out-of-range", message: "\(lowKey) is longer than \(highKey)",
          path: PolicyPath(keys: "globals", section, lowKey)))
    }
    let registrar = globals.registrar
    order(
      registrar.minimumExpires, registrar.maximumExpires, "minimum_expires", "maximum_expires", "registrar")
    order(
      registrar.nattedMinimumExpires, registrar.nattedMaximumExpires, "natted_minimum_expires",
      "natted_maximum_expires", "registrar")
    order(
      globals.sip.minimumSessionExpires, globals.sip.sessionExpires, "minimum_session_expires",
      "session_expires", "sip")
    if globals.media.portRange.count < 4 {
      findings.append(
        PolicyFinding(
          code: "out-of-range", message: "a call needs at least four media ports",
          path: PolicyPath(keys: "globals", "media", "ports")))
    }
    for (i, rule) in policy.rules.enumerated() {
      check(rule, PolicyPath("rules", i), globals, into: &findings)
    }
    for (i, device) in policy.devices.enumerated() {
      if device.username.isEmpty != device.password.isEmpty {
        findings.append(
          PolicyFinding(
            code: "incomplete-credential",
            message: "a device needs both a user name and a password, or neither",
            path: PolicyPath("devices", i, "password")))
      }
    }
  }

  private static func check(_ management: ManagementSettings, into findings: inout [PolicyFinding]) {
    let path = PolicyPath(keys: "globals", "management")
    if !management.address.ip.isLoopback {
      findings.append(
        PolicyFinding(
          code: "not-loopback",
          message:
            "the management interface has no TLS of its own: \(management.address.ip) would carry passwords readably",
          path: path.appending("listen"), suggestion: "listen at 127.0.0.1 and put a proxy with TLS before it"
        ))
    }
    if management.users.isEmpty {
      findings.append(
        PolicyFinding(
          code: "incomplete-credential", message: "nobody may use it", path: path.appending("users")))
    }
    var seen: [String: Int] = [:]
    for (i, user) in management.users.enumerated() {
      let place = path.appending("users").appending(i)
      if user.name.contains(":") {
        findings.append(
          PolicyFinding(
            code: "invalid-name", message: "a user's name has no colon (RFC 7617 §2)",
            path: place.appending("name")))
      }
      if let earlier = seen.updateValue(i, forKey: user.name) {
        findings.append(
          PolicyFinding(
            code: "duplicate-name", message: "two users are called “\(user.name)”",
            path: place.appending("name"),
            related: [(path.appending("users").appending(earlier), "the other one")]))
      }
    }
  }

  private static func checkListeners(_ globals: Globals, into findings: inout [PolicyFinding]) {
    var seen: [SIPSettings.Listener: Int] = [:]
    for (i, listener) in globals.sip.listeners.enumerated() {
      let path = PolicyPath(keys: "globals", "sip", "listeners").appending(i)
      // UDP has ports of its own; TLS and TCP share one space.
      let key = SIPSettings.Listener(
        transport: listener.transport == .udp ? .udp : .tcp, address: listener.address)
      if listener.address.port != 0, let earlier = seen.updateValue(i, forKey: key) {
        findings.append(
          PolicyFinding(
            code: "duplicate-listener", message: "two listeners use \(listener.address)", path: path,
            related: [
              (PolicyPath(keys: "globals", "sip", "listeners").appending(earlier), "the other one")
            ]))
      }
      if listener.transport == .tls, listener.certificateFile == nil || listener.keyFile == nil {
        findings.append(
          PolicyFinding(
            code: "missing-certificate", message: "a TLS listener needs certificate_file and key_file",
            path: path))
      }
      if listener.transport == .udp, !globals.sipUDPEnabled {
        findings.append(
          PolicyFinding(
            severity: .warning, code: "listener-not-used",
            message: "this UDP listener stays closed: SIP over UDP is off", path: path,
            suggestion: "set globals.protocols.sip_udp: true to open it"))
      }
    }
  }

  private static func check(
    _ rule: CallRoutingRule, _ path: PolicyPath, _ globals: Globals, into findings: inout [PolicyFinding]
  ) {
    let gateway = rule.gateway
    let to = path.appending("to")
    if !(1...200).contains(rule.priority) {
      findings.append(
        PolicyFinding(
          code: "out-of-range", message: "priority must be from 1 to 200", path: path.appending("priority")))
    }
    func warn(_ code: String, _ message: String, _ place: PolicyPath, _ suggestion: String? = nil) {
      findings.append(
        PolicyFinding(severity: .warning, code: code, message: message, path: place, suggestion: suggestion))
    }
    switch gateway.target {
    case .gmsConference where gateway.gmsAccessToken == nil:
      findings.append(
        PolicyFinding(
          code: "missing-setting", message: "a Google Meet target needs gms_access_token", path: to))
    case .telehealthProfile where gateway.telehealthProfile == nil:
      findings.append(
        PolicyFinding(
          code: "missing-setting", message: "a telehealth target needs telehealth_profile", path: to))
    case .registration where !gateway.trunks.isEmpty:
      warn(
        "setting-ignored", "trunks are not used when the target is registered_device", to.appending("trunks"),
        "use target: registered_device_or_external to fall back to the trunks")
    case .mssipServer where !rule.matchesFullAlias || !rule.pattern.hasSuffix(".*"):
      warn(
        "incomplete-match",
        "calls to meetings through a Skype for Business reception need match_full: true and a pattern that ends in .*",
        path.appending("match"))
    default: break
    }
    if gateway.target != .registration, !gateway.trunks.isEmpty, gateway.outgoingProtocol != .sip {
      warn(
        "setting-ignored",
        "trunks are SIP: they are not used with protocol \(gateway.outgoingProtocol.rawValue)",
        to.appending("trunks"))
    }
    if gateway.outgoingProtocol == .teams || gateway.outgoingProtocol == .gms, gateway.liveCaptions != "no" {
      findings.append(
        PolicyFinding(
          code: "out-of-range", message: "calls to Teams and Google Meet must have live_captions: no",
          path: path.appending("call", "live_captions")))
    }
    if gateway.target != .registration, !globals.isEnabled(gateway.outgoingProtocol) {
      warn(
        "protocol-disabled", "outgoing \(gateway.outgoingProtocol.rawValue) is switched off in globals",
        to.appending("protocol"))
    }
  }
}
