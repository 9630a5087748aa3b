import CallModel

extension PolicyBinding {
  func service(_ o: CheckedObject, _ globals: Globals) -> Service {
    var service = ServiceConfiguration(
      kind: o.text("type").flatMap(ServiceConfiguration.Kind.init(rawValue:)) ?? .testCall, name: o.name,
      tag: o.text("tag") ?? "", description: o.descriptionText, callCapability: o.capability ?? .video,
      mediaEncryption: o.encryption("media_encryption") ?? globals.mediaEncryption,
      maximumBandwidthIn: o.bandwidth("max_bandwidth_in") ?? globals.bandwidthIn,
      maximumBandwidthOut: o.bandwidth("max_bandwidth_out") ?? globals.bandwidthOut)
    service.maximumPixels = o.text("max_resolution") ?? globals.maximumPixels
    service.theme = o.text("theme")
    service.language = o.language
    service.localDisplayName = o.text("display_name") ?? ""
    service.bypassesProxy = o.boolean("bypass_proxy") ?? false
    service.pin = o.secret("pin").flatMap { $0.isEmpty ? nil : $0 }
    service.guestPIN = o.secret("guest_pin").flatMap { $0.isEmpty ? nil : $0 }
    service.allowsGuests = o.boolean("allow_guests") ?? false
    if let room = o.object("room") { service.room = self.room(room) }
    if let reception = o.object("reception") { service.reception = self.reception(reception) }
    if let playback = o.object("playback") { service.playback = self.playback(playback) }
    return Service(aliases: o.texts("aliases") ?? [], configuration: service)
  }

  private func room(_ o: CheckedObject) -> RoomSettings {
    var room = RoomSettings()
    room.layout = o.word("view") ?? room.layout
    room.hostLayout = o.word("host_view") ?? room.hostLayout
    room.guestLayout = o.word("guest_view") ?? room.guestLayout
    room.forcesPresenterIntoMain = o.boolean("force_presenter_into_main") ?? room.forcesPresenterIntoMain
    room.guestsCanSeeGuests = o.word("guests_can_see_guests") ?? room.guestsCanSeeGuests
    room.guestsCanPresent = o.boolean("guests_can_present") ?? room.guestsCanPresent
    room.mutesAllGuests = o.boolean("mute_all_guests") ?? room.mutesAllGuests
    room.isLocked = o.boolean("locked") ?? room.isLocked
    room.isRecorded = o.boolean("record") ?? room.isRecorded
    room.participantLimit = o.integer("participant_limit")
    room.hasBreakoutRooms = o.boolean("breakout_rooms") ?? room.hasBreakoutRooms
    room.directMedia = o.word("direct_media") ?? room.directMedia
    room.directMediaNotification = o.integer("direct_media_notification") ?? room.directMediaNotification
    room.chat = o.word("enable_chat") ?? room.chat
    room.showsActiveSpeaker = o.boolean("enable_active_speaker_indication") ?? room.showsActiveSpeaker
    room.showsOverlayText = o.boolean("enable_overlay_text") ?? room.showsOverlayText
    room.denoises = o.boolean("denoise_enabled") ?? room.denoises
    room.softMutes = o.boolean("softmute_enabled") ?? room.softMutes
    room.pinningConfiguration = o.text("pinning_config") ?? room.pinningConfiguration
    room.preferIPv6 = o.word("prefer_ipv6") ?? room.preferIPv6
    room.ownerEmailAddress = o.text("primary_owner_email_address") ?? room.ownerEmailAddress
    room.liveCaptions = o.word("live_captions_enabled") ?? room.liveCaptions
    room.liveCaptionsLanguage = o.text("live_captions_language") ?? room.liveCaptionsLanguage
    room.sourceLanguage = o.text("source_language") ?? room.sourceLanguage
    room.automaticParticipants = o.objects("automatic_participants").map(automaticParticipant)
    room.telephone = o.object("telephone").map(telephoneConference)
    return room
  }

  private func automaticParticipant(_ o: CheckedObject) -> RoomSettings.AutomaticParticipant {
    var participant = RoomSettings.AutomaticParticipant(
      localAlias: o.text("local_alias") ?? "", remoteAlias: o.text("remote_alias") ?? "",
      callProtocol: o.word("protocol") ?? .sip, role: o.word("role") ?? .guest)
    participant.callCapability = o.word("call_type") ?? participant.callCapability
    participant.description = o.text("description") ?? participant.description
    participant.dtmfSequence = o.text("dtmf_sequence") ?? participant.dtmfSequence
    participant.keepAlive = o.word("keep_conference_alive") ?? participant.keepAlive
    participant.localDisplayName = o.text("local_display_name") ?? participant.localDisplayName
    participant.remoteDisplayName = o.text("remote_display_name") ?? participant.remoteDisplayName
    participant.presentationURL = o.text("presentation_url") ?? participant.presentationURL
    participant.isRoutedByRules = o.text("routing") == "routing_rule"
    participant.isStreaming = o.boolean("streaming") ?? participant.isStreaming
    participant.systemLocation = o.text("system_location")
    return participant
  }

  private func reception(_ o: CheckedObject) -> ReceptionSettings {
    var reception = ReceptionSettings()
    reception.match = AliasTransform(pattern: o.text("match") ?? "", replacement: o.text("replace") ?? "")
    reception.afterLookUp = AliasTransform(
      pattern: o.text("post_match") ?? "", replacement: o.text("post_replace") ?? "")
    reception.dialType = o.word("type") ?? reception.dialType
    reception.location = o.text("system_location")
    reception.gmsAccessToken = o.text("gms_access_token")
    reception.mssipProxy = o.text("mssip_proxy")
    reception.teamsProxy = o.text("teams_proxy")
    return reception
  }

  private func playback(_ o: CheckedObject) -> PlaybackSettings {
    var playback = PlaybackSettings()
    playback.playlist = o.text("playlist") ?? ""
    if let end = o.object("on_completion") {
      if let alias = end.text("transfer") {
        playback.completion = .transfer(alias: alias, role: end.word("role"))
      } else if end.boolean("disconnect") == true {
        playback.completion = .disconnect
      }
    }
    return playback
  }
}

extension CheckedObject {
  /// The value that a word of the language stands for, where they are the same.
  fileprivate func word<Value: RawRepresentable<String>>(_ key: String) -> Value? {
    text(key).flatMap(Value.init(rawValue:))
  }
}
