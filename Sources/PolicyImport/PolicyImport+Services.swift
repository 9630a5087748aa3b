import CallModel
import JSONText
import PolicyEngine

extension PolicyImport {
  mutating func convertServices() {
    // An alias stands in its conference, in a list of its own, or both.
    var owners: [ObjectIdentifier: ManagementObject] = [:]
    var aliases: [ObjectIdentifier: [ManagementObject]] = [:]
    let conferences = export.all("conference")
    for conference in conferences {
      for alias in export.objects(conference, "aliases") {
        owners[ObjectIdentifier(alias)] = conference
        aliases[ObjectIdentifier(conference), default: []].append(alias)
      }
    }
    for alias in export.all("conference_alias") {
      let named = export.object(alias, "conference")
      guard owners[ObjectIdentifier(alias)] == nil else { continue }
      guard let conference = named else {
        leaveOut(alias, "it belongs to no conference")
        continue
      }
      aliases[ObjectIdentifier(conference), default: []].append(alias)
    }
    let participants = automaticParticipants(conferences)
    for conference in conferences {
      let own = aliases[ObjectIdentifier(conference)] ?? []
      for alias in own where alias.optional("description") != nil {
        alias.change("description", "left out: aliases have no description of their own")
      }
      convert(conference, own, participants[ObjectIdentifier(conference)] ?? [])
    }
    for playlist in export.all("media_library_playlist") {
      var item = PolicyText.Mapping()
      item.add("name", text: playlist.text("name"))
      item.add("files", .list([]))
      _ = playlist.value("loop")
      _ = playlist.value("shuffle")
      _ = playlist.value("playlist_entries")
      playlist.change("name", "its files are not part of the export: list them under playlists")
      add("playlists", item, from: playlist)
    }
  }

  private mutating func convert(
    _ conference: ManagementObject, _ owned: [ManagementObject], _ participants: [ManagementObject]
  ) {
    let aliases = owned.map { $0.text("alias") }
    let kind = conference.text("service_type")
    guard PolicySchema.knows("type", choice: kind, in: "services[]") else {
      leftOutServices.insert(conference.title)
      leaveOut(conference, "Tandem does not host services of type \(kind) yet: its aliases fall to the rules")
      for other in owned + participants { leaveOut(other, "with its conference “\(conference.title)”") }
      return
    }
    var item = PolicyText.Mapping()
    item.add("name", text: conference.text("name"))
    item.add("type", .word(kind))
    item.add("aliases", .list(aliases.map { .text($0) }))
    item.add("description", text: clean(conference, "description"))
    item.add("tag", text: conference.optional("tag"))
    let capability = conference.text("call_type")
    if capability != "video" { item.add("capability", .word(capability.replacing("-", with: "_"))) }
    if let mode = PolicyImport.encryption(conference.text("crypto_mode")) {
      item.add("media_encryption", .word(mode))
    }
    item.add("max_bandwidth_in", number: conference.integer("max_callrate_in"))
    item.add("max_bandwidth_out", number: conference.integer("max_callrate_out"))
    func known(_ key: String, in object: String = "services[]") -> Bool {
      PolicySchema.knows(key, in: object)
    }
    if known("max_resolution"), let resolution = conference.optional("max_pixels_per_second") {
      item.add("max_resolution", .word(resolution))
    }
    if known("theme") { item.add("theme", reference(conference, "ivr_theme")) }
    if ["conference", "lecture", "media_playback"].contains(kind), known("pin") {
      checkPINs(conference)
      if let pin = conference.optional("pin") {
        item.add("pin", secrets.reference(pin, to: "pin", of: conference.title, "service"))
      }
      if let pin = conference.optional("guest_pin") {
        item.add("guest_pin", secrets.reference(pin, to: "guest_pin", of: conference.title, "service"))
      }
      item.add("allow_guests", conference.boolean("allow_guests"), standard: false)
    }
    switch kind {
    case "conference", "lecture":
      if known("room") { item.add("room", room(conference, kind, aliases, participants)) }
    case "two_stage_dialing": if known("reception") { item.add("reception", reception(conference)) }
    case "media_playback": if known("playback") { item.add("playback", playback(conference)) }
    default: break
    }
    add("services", item, from: conference)
  }

  /// What a policy with these PINs would not load with is said here, of the export.
  private mutating func checkPINs(_ conference: ManagementObject) {
    var pins: [String: Secret] = [:]
    for field in ["pin", "guest_pin"] {
      guard let pin = conference.optional(field) else { continue }
      pins[field] = Secret(pin)
      guard !PINRules.isPIN(pin) else { continue }
      export.report("wrong-value", "this is no PIN", at: conference, field: field, expected: PINRules.form)
      return
    }
    for fault in PINRules.faults(
      pin: pins["pin"], guestPIN: pins["guest_pin"], allowsGuests: conference.boolean("allow_guests"))
    {
      let field = fault.field == .pin ? "pin" : "guest_pin"
      export.report(
        "wrong-value", "\(field) of “\(conference.title)” \(fault.reason)", at: conference, field: field)
    }
  }

  private mutating func checkPattern(_ conference: ManagementObject, _ field: String, _ pattern: String) {
    guard let fault = PatternSyntax.fault(in: pattern) else { return }
    export.report(
      "invalid-pattern", "this regular expression is invalid: \(fault)", at: conference, field: field,
      found: "“\(pattern.prefix(200))”")
  }

  // MARK: Rooms

  private mutating func room(
    _ conference: ManagementObject, _ kind: String, _ aliases: [String], _ participants: [ManagementObject]
  ) -> PolicyText.Mapping {
    var item = PolicyText.Mapping()
    func layout(_ key: String, _ field: String) {
      guard let view = conference.optional(field) else { return }
      guard PolicySchema.knows(key, choice: view, in: "services[].room") else {
        conference.change(field, "left out: Tandem has no layout “\(view)”")
        return
      }
      item.add(key, .text(view))
    }
    if kind == "lecture" {
      layout("host_view", "host_view")
      layout("guest_view", "guest_view")
      item.add("force_presenter_into_main", conference.boolean("force_presenter_into_main"), standard: false)
      if conference.text("guests_can_see_guests") != "no_hosts" {
        item.add("guests_can_see_guests", .word(conference.text("guests_can_see_guests")))
      }
    } else {
      layout("view", "host_view")
    }
    item.add("guests_can_present", conference.boolean("guests_can_present"), standard: true)
    for key in [
      "mute_all_guests", "breakout_rooms", "enable_active_speaker_indication", "enable_overlay_text",
      "denoise_enabled", "softmute_enabled",
    ] {
      item.add(key, conference.boolean(key), standard: false)
    }
    item.add("participant_limit", number: conference.integer("participant_limit"))
    if conference.text("direct_media") != "never" {
      item.add("direct_media", .word(conference.text("direct_media")))
    }
    if let seconds = conference.integer("direct_media_notification_duration"), seconds != 0 {
      item.add("direct_media_notification", number: seconds)
    }
    for key in ["enable_chat", "live_captions_enabled"] where conference.text(key) != "default" {
      item.add(key, .text(conference.text(key)))
    }
    for key in ["pinning_config", "primary_owner_email_address"] {
      item.add(key, text: clean(conference, key))
    }
    let called = participants.compactMap { participant($0, conference, aliases) }
    if !called.isEmpty { item.add("automatic_participants", .list(called)) }
    return item
  }

  private mutating func automaticParticipants(_ conferences: [ManagementObject])
    -> [ObjectIdentifier: [ManagementObject]]
  {
    var result: [ObjectIdentifier: [ManagementObject]] = [:]
    var known: Set<[ObjectIdentifier]> = []
    func put(_ participant: ManagementObject, _ conference: ManagementObject) {
      guard known.insert([ObjectIdentifier(participant), ObjectIdentifier(conference)]).inserted else {
        return
      }
      result[ObjectIdentifier(conference), default: []].append(participant)
    }
    for conference in conferences {
      for participant in export.objects(conference, "automatic_participants") { put(participant, conference) }
    }
    for participant in export.all("automatic_participant") {
      let named = export.objects(participant, "conference")
      for conference in named { put(participant, conference) }
      if named.isEmpty, !result.values.contains(where: { $0.contains { $0 === participant } }) {
        leaveOut(participant, "no conference calls it")
      }
    }
    return result
  }

  private mutating func participant(
    _ object: ManagementObject, _ conference: ManagementObject, _ aliases: [String]
  ) -> PolicyText? {
    let schema = "services[].room.automatic_participants[]"
    guard PolicySchema.knows("protocol", choice: object.text("protocol"), in: schema),
      let caller = aliases.first
    else {
      object.change(
        "conference",
        "left out: \(aliases.isEmpty ? "its conference has no alias to call as" : "no calls to \(object.text("protocol"))")"
      )
      return nil
    }
    object.change("alias", "calls as the conference's first alias, since it must call as somebody")
    var item = PolicyText.Mapping(isShort: true)
    item.add("remote_alias", text: object.text("alias"))
    item.add("local_alias", text: caller)
    item.add("protocol", .word(object.text("protocol")))
    item.add("role", .word(object.text("role")))
    if object.text("call_type") != "video" { item.add("call_type", .word(object.text("call_type"))) }
    for key in ["description", "dtmf_sequence", "remote_display_name", "presentation_url"] {
      item.add(key, text: clean(object, key))
    }
    if object.text("keep_conference_alive") != "keep_conference_alive_if_multiple" {
      item.add("keep_conference_alive", .word(object.text("keep_conference_alive")))
    }
    if object.text("routing") != "manual" { item.add("routing", .word(object.text("routing"))) }
    item.add("streaming", object.boolean("streaming"), standard: false)
    item.add("system_location", reference(object, "system_location"))
    return .mapping(item)
  }

  // MARK: Receptions and playbacks

  private mutating func reception(_ conference: ManagementObject) -> PolicyText.Mapping {
    var item = PolicyText.Mapping()
    for (key, field) in [
      ("match", "match_string"), ("replace", "replace_string"), ("post_match", "post_match_string"),
      ("post_replace", "post_replace_string"),
    ] {
      guard let text = conference.optional(field) else { continue }
      if key.hasSuffix("match") { checkPattern(conference, field, text) }
      item.add(key, .pattern(text))
    }
    if conference.text("two_stage_dial_type") != "regular" {
      item.add("type", .word(conference.text("two_stage_dial_type")))
    }
    for key in ["system_location", "gms_access_token", "mssip_proxy", "teams_proxy"] {
      item.add(key, reference(conference, key))
    }
    return item
  }

  private mutating func playback(_ conference: ManagementObject) -> PolicyText.Mapping {
    var item = PolicyText.Mapping()
    item.add("playlist", text: name(of: export.object(conference, "media_playlist")))
    guard let node = conference.value("on_completion") else { return item }
    // It comes as an object, or as text that holds one.
    var end = node
    if let text = ManagementObject.text(node) {
      guard !text.isEmpty else { return item }
      end = (try? JSONReader.read(text)) ?? node
    }
    guard case .object(let object) = end.value else {
      conference.change("on_completion", "left out: it says neither disconnect nor transfer")
      return item
    }
    if case .boolean(true)? = object["disconnect"]?.value {
      item.add("on_completion", .short(["disconnect": .word("true")]))
    } else if case .object(let transfer)? = object["transfer"]?.value,
      let alias = transfer["conference"].flatMap(ManagementObject.text)
    {
      var inner = PolicyText.Mapping(isShort: true)
      inner.add("transfer", text: alias)
      switch transfer["role"].flatMap(ManagementObject.text) {
      case "host", "chair": inner.add("role", .word("chair"))
      case "guest": inner.add("role", .word("guest"))
      case nil, "", "auto": break
      case let role?:
        conference.change("on_completion", "there is no role “\(role)”: the caller arrives as any other")
      }
      item.add("on_completion", .mapping(inner))
    } else {
      conference.change("on_completion", "left out: it says neither disconnect nor transfer")
    }
    return item
  }
}
