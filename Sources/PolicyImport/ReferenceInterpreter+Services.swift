import CallModel
import JSONText

/// Services of an export in comparable words: what a call to one gets, read from the JSON alone.
extension ReferenceInterpreter {
  struct Service {
    var words: [String: String]
    /// Of a reception: what may be entered, and what it becomes. Nil: it is dialled as it is.
    var entry: (pattern: ReferencePattern, replacement: String)?
  }

  /// Words that are compared, and never shown.
  static let secretWords: Set<String> = ["service_pin", "service_guest_pin"]

  private static let layouts: Set<String> = [
    "one_main_zero_pips", "one_main_seven_pips", "one_main_twentyone_pips", "two_mains_twentyone_pips",
    "one_main_thirtythree_pips", "four_mains_zero_pips", "nine_mains_zero_pips", "sixteen_mains_zero_pips",
    "twentyfive_mains_zero_pips", "five_mains_seven_pips", "one_main_one_pip", "one_main_nine_around",
    "one_main_twelve_around", "two_mains_eight_around", "one_main_twentyone_around",
  ]
  private static let dialledProtocols: Set<String> = ["h323", "sip", "mssip", "rtmp"]

  static func service(
    _ conference: ManagementObject, _ participants: [ManagementObject], _ export: inout ManagementExport
  ) -> Service {
    let kind = conference.text("service_type")
    var words = ["service": conference.text("name"), "service_type": kind]
    words["service_tag"] = conference.text("tag")
    words["service_call_type"] = conference.text("call_type")
    words["service_theme"] = export.object(conference, "ivr_theme")?.text("name") ?? ""
    let global = export.first("global")
    for field in ["max_callrate_in", "max_callrate_out"] {
      if let limit = conference.integer(field) {
        words["service_\(field)"] = String(limit)
      } else if let global {
        words["service_\(field)"] = global.integer(field).map(String.init) ?? "unlimited"
      }
    }
    for field in ["max_pixels_per_second", "crypto_mode"] {
      if let word = conference.optional(field) ?? global?.text(field) { words["service_\(field)"] = word }
    }
    var entry: (ReferencePattern, String)?
    if ["conference", "lecture", "media_playback"].contains(kind) {
      words["service_pin"] = conference.text("pin")
      words["service_guest_pin"] = conference.text("guest_pin")
      words["service_allow_guests"] = String(conference.boolean("allow_guests"))
    }
    switch kind {
    case "conference", "lecture": room(conference, kind, participants, &words, &export)
    case "two_stage_dialing":
      for field in ["match_string", "replace_string", "post_match_string", "post_replace_string"] {
        words["reception_\(field)"] = conference.text(field)
      }
      words["reception_type"] = conference.text("two_stage_dial_type")
      for field in ["system_location", "gms_access_token", "mssip_proxy", "teams_proxy"] {
        words["reception_\(field)"] = export.object(conference, field)?.text("name") ?? ""
      }
      if let text = conference.optional("match_string"), let pattern = ReferencePattern(text) {
        entry = (pattern, conference.text("replace_string"))
      }
    case "media_playback":
      words["playback_playlist"] = export.object(conference, "media_playlist")?.text("name") ?? ""
      words["playback_completion"] = completion(conference.value("on_completion"))
    default: break
    }
    return Service(words: words, entry: entry)
  }

  private static func room(
    _ conference: ManagementObject, _ kind: String, _ participants: [ManagementObject],
    _ words: inout [String: String], _ export: inout ManagementExport
  ) {
    for field in kind == "lecture" ? ["host_view", "guest_view"] : ["host_view"] {
      let view = conference.text(field)
      words["room_\(field)"] = layouts.contains(view) ? view : "one_main_seven_pips"
    }
    if kind == "lecture" {
      words["room_force_presenter_into_main"] = String(conference.boolean("force_presenter_into_main"))
      words["room_guests_can_see_guests"] = conference.text("guests_can_see_guests")
    }
    for field in [
      "guests_can_present", "mute_all_guests", "breakout_rooms", "enable_active_speaker_indication",
      "enable_overlay_text", "denoise_enabled", "softmute_enabled",
    ] {
      words["room_\(field)"] = String(conference.boolean(field))
    }
    words["room_participant_limit"] = conference.integer("participant_limit").map(String.init) ?? "none"
    for field in ["direct_media", "enable_chat", "live_captions_enabled"] {
      words["room_\(field)"] = conference.text(field)
    }
    words["room_direct_media_notification_duration"] = String(
      conference.integer("direct_media_notification_duration") ?? 0)
    for field in ["pinning_config", "primary_owner_email_address"] {
      words["room_\(field)"] = printable(conference.text(field))
    }
    // The policy must say as whom it calls: without an alias it cannot.
    let called = participants.filter { dialledProtocols.contains($0.text("protocol")) }
    words["room_automatic_participants"] = called.map { participant in
      let texts = ["dtmf_sequence", "remote_display_name", "presentation_url"].map {
        printable(participant.text($0))
      }
      let choices = ["protocol", "role", "call_type", "keep_conference_alive", "routing"].map {
        participant.text($0)
      }
      let location = export.object(participant, "system_location")?.text("name") ?? ""
      return
        ([participant.text("alias")] + choices + texts + [
          String(participant.boolean("streaming")), location,
        ]).joined(separator: " ")
    }.joined(separator: " | ")
  }

  /// Without control characters, and not too long: a policy holds no others.
  private static func printable(_ text: String) -> String {
    String(
      String(
        String.UnicodeScalarView(text.unicodeScalars.filter { $0.value >= 0x20 || $0 == "\n" || $0 == "\t" })
      ).prefix(250))
  }

  /// An object, or a text that holds one.
  private static func completion(_ node: JSONNode?) -> String {
    var end = node
    if let text = node.flatMap(ManagementObject.text) { end = try? JSONReader.read(text) }
    guard case .object(let object)? = end?.value else { return "" }
    if case .boolean(true)? = object["disconnect"]?.value { return "disconnect" }
    guard case .object(let transfer)? = object["transfer"]?.value,
      let alias = transfer["conference"].flatMap(ManagementObject.text)
    else { return "" }
    let role =
      switch transfer["role"].flatMap(ManagementObject.text) {
      case "host", "chair": "chair"
      case "guest": "guest"
      default: ""
      }
    return "transfer to \(alias) \(role)"
  }

  /// What an entry at the reception of this name becomes; nil: it is not valid. `open` where it took too much work.
  func entered(_ text: String, at service: Service) -> (alias: String?, isOpen: Bool) {
    guard let entry = service.entry else { return (text, false) }
    switch entry.pattern.match(text) {
    case .failed: return (nil, true)
    case .unmatched: return (nil, false)
    case .matched(let groups):
      return (entry.replacement.isEmpty ? text : entry.pattern.expand(entry.replacement, groups), false)
    }
  }
}

extension ReferenceInterpreter.Outcome {
  /// What a policy says of a service, in the same words.
  static func words(_ service: ServiceConfiguration) -> [String: String] {
    func limit(_ bandwidth: Bandwidth?) -> String {
      bandwidth.map { String($0.kilobitsPerSecond) } ?? "unlimited"
    }
    var words = [
      "service": service.name, "service_type": service.kind.rawValue, "service_tag": service.tag,
      "service_call_type": service.callCapability.rawValue, "service_theme": service.theme ?? "",
      "service_max_callrate_in": limit(service.maximumBandwidthIn),
      "service_max_callrate_out": limit(service.maximumBandwidthOut),
      "service_max_pixels_per_second": service.maximumPixels ?? "",
      "service_crypto_mode": service.mediaEncryption.rawValue,
      "service_allow_guests": String(service.allowsGuests),
    ]
    // What this machine does not hold cannot be compared.
    for (key, pin) in [("service_pin", service.pin), ("service_guest_pin", service.guestPIN)]
    where pin != .unavailable {
      words[key] = pin?.reveal() ?? ""
    }
    switch service.kind {
    case .conference, .lecture: add(service.room, service.kind, &words)
    case .twoStageDialing: add(service.reception, &words)
    case .mediaPlayback:
      words["playback_playlist"] = service.playback.playlist
      words["playback_completion"] =
        switch service.playback.completion {
        case nil: ""
        case .disconnect: "disconnect"
        case .transfer(let alias, let role): "transfer to \(alias) \(role?.rawValue ?? "")"
        }
    case .testCall: break
    }
    return words
  }

  private static func add(
    _ room: RoomSettings, _ kind: ServiceConfiguration.Kind, _ words: inout [String: String]
  ) {
    words["room_host_view"] = (kind == .lecture ? room.hostLayout : room.layout).rawValue
    words["room_guest_view"] = room.guestLayout.rawValue
    words["room_force_presenter_into_main"] = String(room.forcesPresenterIntoMain)
    words["room_guests_can_see_guests"] = room.guestsCanSeeGuests.rawValue
    words["room_guests_can_present"] = String(room.guestsCanPresent)
    words["room_mute_all_guests"] = String(room.mutesAllGuests)
    words["room_breakout_rooms"] = String(room.hasBreakoutRooms)
    words["room_enable_active_speaker_indication"] = String(room.showsActiveSpeaker)
    words["room_enable_overlay_text"] = String(room.showsOverlayText)
    words["room_denoise_enabled"] = String(room.denoises)
    words["room_softmute_enabled"] = String(room.softMutes)
    words["room_participant_limit"] = room.participantLimit.map(String.init) ?? "none"
    words["room_direct_media"] = room.directMedia.rawValue
    words["room_enable_chat"] = room.chat.rawValue
    words["room_live_captions_enabled"] = room.liveCaptions.rawValue
    words["room_direct_media_notification_duration"] = String(room.directMediaNotification)
    words["room_pinning_config"] = room.pinningConfiguration
    words["room_primary_owner_email_address"] = room.ownerEmailAddress
    words["room_automatic_participants"] = room.automaticParticipants.map { participant in
      [
        participant.remoteAlias, participant.callProtocol.rawValue, participant.role.rawValue,
        participant.callCapability.rawValue, participant.keepAlive.rawValue,
        participant.isRoutedByRules ? "routing_rule" : "manual", participant.dtmfSequence,
        participant.remoteDisplayName, participant.presentationURL, String(participant.isStreaming),
        participant.systemLocation ?? "",
      ].joined(separator: " ")
    }.joined(separator: " | ")
  }

  private static func add(_ reception: ReceptionSettings, _ words: inout [String: String]) {
    words["reception_match_string"] = reception.match.pattern
    words["reception_replace_string"] = reception.match.replacement
    words["reception_post_match_string"] = reception.afterLookUp.pattern
    words["reception_post_replace_string"] = reception.afterLookUp.replacement
    words["reception_type"] = reception.dialType.rawValue
    words["reception_system_location"] = reception.location ?? ""
    words["reception_gms_access_token"] = reception.gmsAccessToken ?? ""
    words["reception_mssip_proxy"] = reception.mssipProxy ?? ""
    words["reception_teams_proxy"] = reception.teamsProxy ?? ""
  }
}
