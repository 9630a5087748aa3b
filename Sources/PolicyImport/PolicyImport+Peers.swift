import CallModel

extension PolicyImport {
  /// Text that a policy file takes: without control characters, and not too long.
  func clean(_ object: ManagementObject, _ field: String, limit: Int = 250) -> String? {
    let text = object.text(field)
    guard !text.isEmpty else { return nil }
    var result = String(
      String.UnicodeScalarView(text.unicodeScalars.filter { $0.value >= 0x20 || $0 == "\n" || $0 == "\t" }))
    if result.count > limit { result = String(result.prefix(limit)) }
    if result != text { object.change(field, "shortened to \(limit) characters, without control characters") }
    return result
  }

  mutating func name(of object: ManagementObject?) -> String? { object?.text("name") }

  /// The name of what a field refers to.
  mutating func reference(_ object: ManagementObject, _ field: String) -> PolicyText? {
    guard let other = export.object(object, field) else { return nil }
    guard !leftOut.contains(ObjectIdentifier(other)) else {
      object.change(field, "left out, as the \(other.resource.name) “\(other.title)” is")
      return nil
    }
    return .text(other.text("name"))
  }

  mutating func convertPeers() {
    for object in export.all("system_location") { location(object) }
    let credentials = export.all("sip_credential")
    let proxies = export.all("sip_proxy")
    for object in proxies { trunk(object, credentials) }
    for object in credentials {
      if proxies.isEmpty {
        leaveOut(object, "there is no SIP proxy that could ask for it: add it to a trunk")
      } else {
        object.change(
          "realm", "a credential belongs to trunks: every trunk has it, for challenges of its realm")
      }
    }
    for (resource, section) in [
      ("h323_gatekeeper", "h323_gatekeepers"), ("mssip_proxy", "mssip_proxies"),
      ("stun_server", "stun_servers"),
      ("turn_server", "turn_servers"), ("teams_proxy", "teams_proxies"),
    ] {
      for object in export.all(resource) { server(object, section) }
    }
    for object in export.all("gms_access_token") {
      var item = PolicyText.Mapping()
      item.add("name", text: object.text("name"))
      item.add("token", secrets.reference(object.text("token"), to: "token", of: object.title, "gms"))
      add("gms_access_tokens", item, from: object)
    }
    for object in export.all("ivr_theme") {
      var item = PolicyText.Mapping(isShort: true)
      let name = object.text("name")
      item.add("name", text: name)
      let slug = String(name.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" })
      item.add("directory", text: "themes/\(slug)")
      _ = object.value("conference")
      _ = object.value("gateway_routing_rule")
      object.change("name", "its files are to be put into themes/\(slug)")
      add("themes", item, from: object)
    }
  }

  private mutating func location(_ object: ManagementObject) {
    var item = PolicyText.Mapping()
    item.add("name", text: object.text("name"))
    item.add("description", text: clean(object, "description"))
    item.add("domain", text: object.optional("local_mssip_domain"))
    item.add("trunk", reference(object, "sip_proxy"))
    for key in ["h323_gatekeeper", "mssip_proxy", "stun_server", "turn_server", "teams_proxy"] {
      item.add(key, reference(object, key))
    }
    item.add("policy_profile", reference(object, "policy_server"))
    switch object.text("bdpm_scan_quarantine_enabled") {
    case "ON": item.add("scan_quarantine", .word("true"))
    case "OFF": item.add("scan_quarantine", .word("false"))
    default: break
    }
    item.isShort = item.pairs.count == 1
    add("locations", item, from: object)
  }

  private mutating func trunk(_ object: ManagementObject, _ credentials: [ManagementObject]) {
    var item = PolicyText.Mapping()
    item.add("name", text: object.text("name"))
    item.add("description", text: clean(object, "description"))
    item.add("host", text: object.text("address"))
    item.add("port", number: object.integer("port"))
    if object.text("transport") != "tls" { item.add("transport", .word(object.text("transport"))) }
    let list = credentials.map { credential -> PolicyText in
      .short([
        "realm": .text(credential.text("realm")), "username": .text(credential.text("username")),
        "password": secret(of: credential),
      ])
    }
    if !list.isEmpty { item.add("credentials", .list(list)) }
    add("trunks", item, from: object)
  }

  /// One reference for one secret, however many trunks have it.
  private mutating func secret(of credential: ManagementObject) -> PolicyText {
    if let known = knownSecrets[ObjectIdentifier(credential)] { return known }
    let title = "\(credential.text("realm")) \(credential.text("username"))"
    let made = secrets.reference(credential.text("password"), to: "password", of: title, "sip")
    knownSecrets[ObjectIdentifier(credential)] = made
    return made
  }

  private mutating func server(_ object: ManagementObject, _ section: String) {
    var item = PolicyText.Mapping()
    item.add("name", text: object.text("name"))
    item.add("description", text: clean(object, "description"))
    item.add("host", text: object.text("address"))
    item.add("port", number: object.integer("port"))
    switch object.resource.name {
    case "mssip_proxy":
      if object.text("transport") != "tls" { item.add("transport", .word(object.text("transport"))) }
    case "turn_server":
      if object.text("transport_type") != "udp" {
        item.add("transport", .word(object.text("transport_type")))
      }
      if object.text("server_type") == "coturn_shared" {
        item.add(
          "shared_secret",
          secrets.reference(object.text("secret_key"), to: "secret", of: object.title, "turn"))
      } else if let username = object.optional("username") {
        item.add(
          "credential",
          .short([
            "username": .text(username),
            "password": secrets.reference(object.text("password"), to: "password", of: object.title, "turn"),
          ]))
      }
    default: break
    }
    item.isShort = item.pairs.count <= 3
    add(section, item, from: object)
  }

  mutating func convertDevices() {
    for object in export.all("device") {
      var item = PolicyText.Mapping()
      item.add("alias", text: object.text("alias"))
      item.add("description", text: clean(object, "description"))
      item.add("tag", text: object.optional("tag"))
      if let username = object.optional("username") {
        item.add("username", text: username)
        item.add(
          "password", secrets.reference(object.text("password"), to: "password", of: object.title, "device"))
        if object.text("password").isEmpty {
          object.change("username", "the export does not give the password away: it is to be set")
        }
      } else if object.optional("password") != nil {
        object.change("password", "left out: without a user name nobody is asked for it")
      }
      let protocols = [
        ("enable_sip", "sip"), ("enable_h323", "h323"), ("enable_infinity_connect_non_sso", "webrtc"),
      ].filter { object.boolean($0.0) }.map(\.1)
      if protocols != ["sip"] { item.add("protocols", .list(protocols.map { .word($0) })) }
      add("devices", item, from: object)
    }
  }
}
