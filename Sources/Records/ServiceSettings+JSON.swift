import CallModel

/// One setting of a service as records keep it: written where it is not the usual one, and the usual one where it is missing.
struct KeptSetting<Settings>: Sendable {
  let write: @Sendable (_ settings: Settings, _ usual: Settings, inout JSONWriter) -> Void
  let read: @Sendable (inout Settings, KeptMembers) throws(DecisionJSONError) -> Void

  static func boolean(
    _ name: StaticString, _ path: any WritableKeyPath<Settings, Bool> & Sendable
  ) -> KeptSetting {
    plain(name, path, write: { $0.member(name, $1) }) { members throws(DecisionJSONError) in
      try members.bool("\(name)")
    }
  }

  static func number(
    _ name: StaticString, _ path: any WritableKeyPath<Settings, Int> & Sendable
  ) -> KeptSetting {
    plain(name, path, write: { $0.member(name, $1) }) { members throws(DecisionJSONError) in
      try members.integer("\(name)")
    }
  }

  static func text(
    _ name: StaticString, _ path: any WritableKeyPath<Settings, String> & Sendable
  ) -> KeptSetting {
    plain(name, path, write: { $0.member(name, $1) }) { members throws(DecisionJSONError) in
      try members.string("\(name)")
    }
  }

  static func optional(
    _ name: StaticString, _ path: any WritableKeyPath<Settings, String?> & Sendable
  ) -> KeptSetting {
    KeptSetting(
      write: { settings, _, json in if let text = settings[keyPath: path] { json.member(name, text) } },
      read: { settings, members throws(DecisionJSONError) in
        settings[keyPath: path] = members.optional("\(name)")
      })
  }

  static func word<Word: RawRepresentable<String> & Equatable & SendableMetatype>(
    _ name: StaticString, _ path: any WritableKeyPath<Settings, Word> & Sendable
  ) -> KeptSetting {
    plain(name, path, write: { $0.member(name, $1.rawValue) }) { members throws(DecisionJSONError) in
      try members.value("\(name)")
    }
  }

  private static func plain<Value: Equatable & SendableMetatype>(
    _ name: StaticString, _ path: any WritableKeyPath<Settings, Value> & Sendable,
    write: @escaping @Sendable (inout JSONWriter, Value) -> Void,
    read: @escaping @Sendable (KeptMembers) throws(DecisionJSONError) -> Value
  ) -> KeptSetting {
    KeptSetting(
      write: { settings, usual, json in
        if settings[keyPath: path] != usual[keyPath: path] { write(&json, settings[keyPath: path]) }
      },
      read: { settings, members throws(DecisionJSONError) in
        guard members.has("\(name)") else { return }
        settings[keyPath: path] = try read(members)
      })
  }
}

extension RoomSettings {
  static let kept: [KeptSetting<RoomSettings>] = [
    .word("view", \.layout), .word("host_view", \.hostLayout), .word("guest_view", \.guestLayout),
    .boolean("force_presenter_into_main", \.forcesPresenterIntoMain),
    .word("guests_can_see_guests", \.guestsCanSeeGuests), .boolean("guests_can_present", \.guestsCanPresent),
    .boolean("mute_all_guests", \.mutesAllGuests), .boolean("locked", \.isLocked),
    .boolean("record", \.isRecorded),
    .boolean("breakout_rooms", \.hasBreakoutRooms), .word("direct_media", \.directMedia),
    .number("direct_media_notification", \.directMediaNotification), .word("enable_chat", \.chat),
    .boolean("enable_active_speaker_indication", \.showsActiveSpeaker),
    .boolean("enable_overlay_text", \.showsOverlayText), .boolean("denoise_enabled", \.denoises),
    .boolean("softmute_enabled", \.softMutes), .text("pinning_config", \.pinningConfiguration),
    .word("prefer_ipv6", \.preferIPv6), .text("primary_owner_email_address", \.ownerEmailAddress),
    .word("live_captions_enabled", \.liveCaptions), .text("live_captions_language", \.liveCaptionsLanguage),
    .text("source_language", \.sourceLanguage),
  ]
}

extension TelephoneConference {
  static let kept: [KeptSetting<TelephoneConference>] = [
    .optional("owner", \.owner), .boolean("waits_for_moderator", \.waitsForModerator),
    .boolean("ends_on_exit", \.endsOnExit), .boolean("announces_callers", \.announcesCallers),
    .boolean("plays_music_when_alone", \.playsMusicWhenAlone),
  ]
}

extension RoomSettings.AutomaticParticipant {
  /// Its aliases, protocol and role are always there.
  static let kept: [KeptSetting<RoomSettings.AutomaticParticipant>] = [
    .word("call_type", \.callCapability), .text("description", \.description),
    .word("keep_conference_alive", \.keepAlive), .text("local_display_name", \.localDisplayName),
    .text("remote_display_name", \.remoteDisplayName), .text("presentation_url", \.presentationURL),
    .boolean("routed_by_rules", \.isRoutedByRules), .boolean("streaming", \.isStreaming),
    .optional("system_location", \.systemLocation),
  ]
}

extension ReceptionSettings {
  static let kept: [KeptSetting<ReceptionSettings>] = [
    .text("match", \.match.pattern), .text("replace", \.match.replacement),
    .text("post_match", \.afterLookUp.pattern), .text("post_replace", \.afterLookUp.replacement),
    .word("type", \.dialType), .optional("system_location", \.location),
    .optional("gms_access_token", \.gmsAccessToken), .optional("mssip_proxy", \.mssipProxy),
    .optional("teams_proxy", \.teamsProxy),
  ]
}

extension SignOnSettings {
  static let kept: [KeptSetting<SignOnSettings>] = [
    .optional("host_group", \.hostGroup), .optional("guest_group", \.guestGroup), .word("others", \.others),
  ]
}

// MARK: Writing

extension JSONWriter {
  fileprivate mutating func members<Settings>(
    _ settings: Settings, _ usual: Settings, _ kept: [KeptSetting<Settings>]
  ) {
    for setting in kept { setting.write(settings, usual, &self) }
  }
}

extension ServiceConfiguration {
  /// What hosts of services look at. The object is always there, so that records from before there was one can be told.
  func writeSettings(to json: inout JSONWriter) {
    let kept = asRecorded
    json.member("settings") { json in
      if bypassesProxy { json.member("bypass_proxy", true) }
      if kept.signOn != SignOnSettings() {
        json.member("sign_on") { $0.members(kept.signOn, SignOnSettings(), SignOnSettings.kept) }
      }
      if kept.room != RoomSettings() { json.member("room") { kept.room.write(to: &$0) } }
      if kept.reception != ReceptionSettings() {
        json.member("reception") { $0.members(kept.reception, ReceptionSettings(), ReceptionSettings.kept) }
      }
      if kept.playback != PlaybackSettings() { json.member("playback") { kept.playback.write(to: &$0) } }
    }
  }
}

extension RoomSettings {
  fileprivate func write(to json: inout JSONWriter) {
    json.members(self, RoomSettings(), RoomSettings.kept)
    if let participantLimit { json.member("participant_limit", participantLimit) }
    if let telephone {
      json.member("telephone") { $0.members(telephone, TelephoneConference(), TelephoneConference.kept) }
    }
    guard !automaticParticipants.isEmpty else { return }
    json.key("automatic_participants")
    json.array(automaticParticipants) { json, participant in
      json.object { json in
        json.member("local_alias", participant.localAlias)
        json.member("remote_alias", participant.remoteAlias)
        json.member("protocol", participant.callProtocol.rawValue)
        json.member("role", participant.role.rawValue)
        let usual = AutomaticParticipant(
          localAlias: "", remoteAlias: "", callProtocol: participant.callProtocol, role: participant.role)
        json.members(participant, usual, AutomaticParticipant.kept)
      }
    }
  }
}

extension PlaybackSettings {
  fileprivate func write(to json: inout JSONWriter) {
    json.member("playlist", playlist)
    switch completion {
    case nil: break
    case .disconnect: json.member("disconnect", true)
    case .transfer(let alias, let role):
      json.member("transfer", alias)
      if let role { json.member("role", role.rawValue) }
    }
  }
}

// MARK: Reading

extension KeptMembers {
  fileprivate func read<Settings>(
    _ kept: [KeptSetting<Settings>], into settings: inout Settings
  ) throws(DecisionJSONError) {
    for setting in kept { try setting.read(&settings, self) }
  }
}

extension ServiceConfiguration {
  mutating func readSettings(_ members: KeptMembers) throws(DecisionJSONError) {
    bypassesProxy = members.has("bypass_proxy") ? try members.bool("bypass_proxy") : false
    if members.has("sign_on") {
      let kept = try members.object("sign_on")
      var settings = SignOnSettings()
      try kept.read(SignOnSettings.kept, into: &settings)
      signOn = settings
    }
    if members.has("room") { room = try RoomSettings(kept: try members.object("room")) }
    if members.has("reception") {
      let kept = try members.object("reception")
      var settings = ReceptionSettings()
      try kept.read(ReceptionSettings.kept, into: &settings)
      reception = settings
    }
    if members.has("playback") { playback = try PlaybackSettings(kept: try members.object("playback")) }
  }
}

extension RoomSettings {
  fileprivate init(kept members: KeptMembers) throws(DecisionJSONError) {
    self.init()
    try members.read(RoomSettings.kept, into: &self)
    if members.has("participant_limit") { participantLimit = try members.integer("participant_limit") }
    if members.has("telephone") {
      let kept = try members.object("telephone")
      var settings = TelephoneConference()
      try kept.read(TelephoneConference.kept, into: &settings)
      telephone = settings
    }
    guard members.has("automatic_participants") else { return }
    for kept in try members.objects("automatic_participants") {
      var participant = AutomaticParticipant(
        localAlias: try kept.string("local_alias"), remoteAlias: try kept.string("remote_alias"),
        callProtocol: try kept.value("protocol"), role: try kept.value("role"))
      try kept.read(AutomaticParticipant.kept, into: &participant)
      automaticParticipants.append(participant)
    }
  }
}

extension PlaybackSettings {
  fileprivate init(kept members: KeptMembers) throws(DecisionJSONError) {
    self.init()
    playlist = try members.string("playlist")
    if members.has("transfer") {
      completion = .transfer(
        alias: try members.string("transfer"), role: members.has("role") ? try members.value("role") : nil)
    } else if members.has("disconnect"), try members.bool("disconnect") {
      completion = .disconnect
    }
  }
}
