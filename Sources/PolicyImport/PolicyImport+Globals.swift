import CallModel

extension PolicyImport {
  /// `global`, `registration` and the allow list of break-in protection.
  mutating func convertGlobals() {
    if let object = export.first("global") { settings(object) }
    if let object = export.first("registration") { registrar(object) }
    let allowed = export.all("break_in_allow_list_address")
    guard !allowed.isEmpty else { return }
    let networks = allowed.map { object -> PolicyText in
      _ = object.text("name")
      _ = object.text("description")
      for field in ["ignore_incorrect_aliases", "ignore_incorrect_pins", "allowlist_entry_type"] {
        let isStandard =
          field == "allowlist_entry_type" ? object.text(field) == "user" : object.boolean(field)
        if !isStandard { object.change(field, "a source on the list is never quarantined, whatever it does") }
      }
      let address = object.text("address")
      guard IPNetwork("\(address)/\(object.integer("prefix") ?? 0)") != nil else {
        export.report("wrong-value", "this is no network", at: object, field: "address", found: address)
        return .text(address)
      }
      return .text("\(address)/\(object.integer("prefix") ?? 0)")
    }
    var breakIn = PolicyText.Mapping()
    if let at = globals.pairs.firstIndex(where: { $0.key == "break_in_protection" }),
      case .mapping(let known) = globals.pairs[at].value
    {
      breakIn = known
      globals.pairs.remove(at: at)
    }
    breakIn.add("allow_list", .list(networks))
    globals.add("break_in_protection", breakIn)
  }

  private mutating func settings(_ object: ManagementObject) {
    if let domain = object.optional("local_mssip_domain") {
      globals.add("domain", text: domain)
      object.change("local_mssip_domain", "also the realm of devices' passwords")
    }
    var protocols = PolicyText.Mapping()
    protocols.add("sip", object.boolean("enable_sip"), standard: true)
    protocols.add("sip_udp", object.boolean("enable_sip_udp"), standard: false)
    protocols.add("h323", object.boolean("enable_h323"), standard: true)
    protocols.add("webrtc", object.boolean("enable_webrtc"), standard: true)
    protocols.add("rtmp", object.boolean("enable_rtmp"), standard: true)
    globals.add("protocols", protocols)
    globals.add("dial_out", object.boolean("enable_dialout"), standard: true)
    globals.add(
      "media_encryption", .word(PolicyImport.encryption(object.text("crypto_mode")) ?? "best_effort"))
    globals.add(
      "max_bandwidth_in", object.integer("max_callrate_in").map { .word(String($0)) } ?? .word("unlimited"))
    globals.add(
      "max_bandwidth_out", object.integer("max_callrate_out").map { .word(String($0)) } ?? .word("unlimited"))
    globals.add("max_resolution", .word(object.text("max_pixels_per_second")))
    var media = PolicyText.Mapping()
    let ports = (object.integer("media_ports_start") ?? 40_000, object.integer("media_ports_end") ?? 49_999)
    if ports != (40_000, 49_999) { media.add("ports", .word("\(ports.0)-\(ports.1)")) }
    globals.add("media", media)
    var breakIn = PolicyText.Mapping()
    breakIn.add("scan_quarantine", object.boolean("bdpm_scan_quarantine_enabled"), standard: true)
    breakIn.add("pin_checks", object.boolean("bdpm_pin_checks_enabled"), standard: true)
    for (key, field) in [
      ("max_scan_attempts", "bdpm_max_scan_attempts_per_window"),
      ("max_pin_failures", "bdpm_max_pin_failures_per_window"),
    ] {
      if let number = object.integer(field), number != 20 { breakIn.add(key, number: number) }
    }
    globals.add("break_in_protection", breakIn)
  }

  private mutating func registrar(_ object: ManagementObject) {
    var item = PolicyText.Mapping()
    item.add("enabled", object.boolean("enable"), standard: true)
    let strategy = object.text("refresh_strategy")
    let other = strategy == "adaptive" ? "maximum" : "adaptive"
    for field in ["\(other)_min_refresh", "\(other)_max_refresh"] { _ = object.integer(field) }
    if strategy == "adaptive" {
      object.change(
        "refresh_strategy", "an expiry asked for is kept within the bounds, and not adapted to the load")
    }
    for (key, field, standard) in [
      ("minimum_expires", "\(strategy)_min_refresh", 60),
      ("maximum_expires", "\(strategy)_max_refresh", 3_600),
      ("natted_minimum_expires", "natted_min_refresh", 60),
      ("natted_maximum_expires", "natted_max_refresh", 90),
    ] {
      if let seconds = object.integer(field), seconds != standard { item.add(key, .word("\(seconds)s")) }
    }
    globals.add("registrar", item)
  }

  /// nil: the global setting.
  static func encryption(_ word: String) -> String? {
    switch word {
    case "besteffort": "best_effort"
    case "on", "off": "'\(word)'"
    default: nil
    }
  }
}
