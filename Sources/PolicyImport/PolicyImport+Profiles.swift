import PolicyEngine

extension PolicyImport {
  mutating func convertProfiles() {
    for object in export.all("policy_server") { profile(object) }
  }

  private mutating func profile(_ object: ManagementObject) {
    var item = PolicyText.Mapping()
    item.add("name", text: object.text("name"))
    item.add("description", text: clean(object, "description"))
    let hooks = [
      ("service", "service"), ("participant", "participant"), ("media_location", "media_location"),
      ("avatar", "avatar"), ("directory", "directory"), ("registration", "registration"),
    ].filter { object.boolean("enable_\($0.0)_lookup") }.map(\.1)
    var scripts = PolicyText.Mapping()
    for (key, kind) in [
      ("service", "service"), ("participant", "participant"), ("media_location", "media_location"),
    ] {
      script(object, key, kind, &scripts)
    }
    let url = object.optional("url")
    let needsServer = !PolicySchema.isOptional("url", in: "policy_profiles[]")
    guard url != nil || !scripts.pairs.isEmpty && !needsServer else {
      leaveOut(object, "it has neither an address nor a script that runs")
      return
    }
    item.add("url", text: url)
    if let username = object.optional("username") {
      item.add("username", text: username)
      item.add(
        "password", secrets.reference(object.text("password"), to: "password", of: object.title, "policy"))
    }
    if url != nil || PolicySchema.isOptional("hooks", in: "policy_profiles[]") == false {
      item.add(
        "hooks",
        .mapping(
          PolicyText.Mapping(pairs: hooks.map { .init(key: $0, value: .mapping(.init(isShort: true))) })))
    }
    item.add("scripts", scripts)
    item.add(
      "prefer_local_avatars", object.boolean("prefer_local_avatar_configuration"), standard: false)
    add("policy_profiles", item, from: object)
  }

  /// A script goes into a file of its own, where an editor knows its language.
  private mutating func script(
    _ object: ManagementObject, _ key: String, _ kind: String, _ scripts: inout PolicyText.Mapping
  ) {
    let field = "internal_\(key)_policy_template"
    let isEnabled = object.boolean("enable_internal_\(key)_policy")
    guard let text = object.optional(field) else { return }
    guard PolicySchema.knows("scripts", in: "policy_profiles[]") else {
      object.change(field, "left out: profiles cannot name scripts yet")
      return
    }
    let slug = object.title.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
    let name = "scripts/\(String(slug))-\(kind.replacing("_", with: "-")).j2"
    self.scripts.append(Output(name: name, text: text.hasSuffix("\n") ? text : text + "\n"))
    var item = PolicyText.Mapping(isShort: true)
    item.add("file", text: name)
    item.add("enabled", isEnabled, standard: true)
    scripts.add(kind, .mapping(item))
  }
}
