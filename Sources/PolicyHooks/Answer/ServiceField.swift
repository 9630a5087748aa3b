import CallModel

/// The kinds of service an answer can describe (`service_type`).
public enum ServiceType: String, Hashable, Sendable, CaseIterable {
  case conference
  case lecture
  case gateway
  case twoStageDialing = "two_stage_dialing"
  case mediaPlayback = "media_playback"
  case testCall = "test_call"

  init(_ kind: ServiceConfiguration.Kind) {
    switch kind {
    case .conference: self = .conference
    case .lecture: self = .lecture
    case .twoStageDialing: self = .twoStageDialing
    case .mediaPlayback: self = .mediaPlayback
    case .testCall: self = .testCall
    }
  }
}

/// The fields of a service configuration under their names on the wire (routing reference §12.1, §12.4).
public enum ServiceField: String, Hashable, Sendable, CaseIterable {
  case name, serviceTag = "service_tag", serviceType = "service_type", description
  case localAlias = "local_alias", remoteAlias = "remote_alias", outgoingProtocol = "outgoing_protocol"
  case mediaPlaylistName = "media_playlist_name"
  case allowGuests = "allow_guests", pin, guestPIN = "guest_pin"
  case hostIdentityProviderGroup = "host_identity_provider_group"
  case guestIdentityProviderGroup = "guest_identity_provider_group"
  case nonIDPParticipants = "non_idp_participants"
  case automaticParticipants = "automatic_participants"
  case view, hostView = "host_view", guestView = "guest_view"
  case forcePresenterIntoMain = "force_presenter_into_main"
  case guestsCanSeeGuests = "guests_can_see_guests", guestsCanPresent = "guests_can_present"
  case muteAllGuests = "mute_all_guests", locked, participantLimit = "participant_limit"
  case breakoutRooms = "breakout_rooms", directMedia = "direct_media"
  case directMediaNotificationDuration = "direct_media_notification_duration"
  case enableChat = "enable_chat", enableActiveSpeakerIndication = "enable_active_speaker_indication"
  case enableOverlayText = "enable_overlay_text", denoiseEnabled = "denoise_enabled"
  case softmuteEnabled = "softmute_enabled", denoiseAudio = "denoise_audio", pinningConfig = "pinning_config"
  case preferIPv6 = "prefer_ipv6", primaryOwnerEmailAddress = "primary_owner_email_address"
  case liveCaptionsEnabled = "live_captions_enabled", liveCaptionsLanguage = "live_captions_language"
  case sourceLanguage = "source_language", bypassProxy = "bypass_proxy", callType = "call_type"
  case cryptoMode = "crypto_mode", ivrThemeName = "ivr_theme_name", localDisplayName = "local_display_name"
  case maxCallrateIn = "max_callrate_in", maxCallrateOut = "max_callrate_out"
  case maxPixelsPerSecond = "max_pixels_per_second", calledDeviceType = "called_device_type"
  case dtmfSequence = "dtmf_sequence"
  case externalParticipantAvatarLookup = "external_participant_avatar_lookup"
  case gmsAccessTokenName = "gms_access_token_name", h323GatekeeperName = "h323_gatekeeper_name"
  case sipProxyName = "sip_proxy_name", mssipProxyName = "mssip_proxy_name"
  case teamsProxyName = "teams_proxy_name", outgoingLocationName = "outgoing_location_name"
  case stunServerName = "stun_server_name", turnServerName = "turn_server_name"
  case teamsFitToFrame = "teams_fit_to_frame", transcodingEnabled = "transcoding_enabled"
  case treatAsTrusted = "treat_as_trusted", matchString = "match_string", replaceString = "replace_string"
  case postMatchString = "post_match_string", postReplaceString = "post_replace_string"
  case twoStageDialType = "two_stage_dial_type", systemLocationName = "system_location_name"
  case onCompletion = "on_completion"
  case breakout, breakoutUUID = "breakout_uuid", breakoutName = "breakout_name"
  case breakoutDescription = "breakout_description"
  case breakoutGuestsAllowedToLeave = "breakout_guests_allowed_to_leave"
  case endAction = "end_action", endTime = "end_time", breakoutUUIDs = "breakout_uuids"
}

/// What a field may hold, which services have it, and what it is when not given: one row of the table.
struct ServiceFieldRule: Sendable {
  enum FieldType: Sendable {
    case text(isEmptyAllowed: Bool = true, isMultiline: Bool = false)
    case boolean
    case integer(ClosedRange<Int>)
    case choice([String])
    case layout
    case name(ConfiguredNames.Kind)
    case pin
    case pattern
    case uuid
    case uuids
    case dtmf
    case automaticParticipants
    case completion
  }

  var field: ServiceField
  var type: FieldType
  /// One character for each of ``ServiceType`` in order: `R` required, `o` optional, `-` not there.
  var columns: String
  var standard: FieldValue?

  init(_ field: ServiceField, _ type: FieldType, _ columns: String, _ standard: FieldValue? = nil) {
    self.field = field
    self.type = type
    self.columns = columns
    self.standard = standard
  }

  enum Presence: Character { case required = "R", optional = "o", absent = "-" }

  func presence(in service: ServiceType) -> Presence {
    let position = ServiceType.allCases.firstIndex(of: service) ?? 0
    let character = columns[columns.index(columns.startIndex, offsetBy: position)]
    return Presence(rawValue: character) ?? .absent
  }

  static let yesNoDefault = ["default", "yes", "no"]
  static let callrate = 128_000...8_192_000

  static let table: [ServiceFieldRule] = [
    .init(.name, .text(isEmptyAllowed: false), "RRRRRR"),
    .init(.serviceTag, .text(), "RRRRRR"),
    .init(.serviceType, .choice(ServiceType.allCases.map(\.rawValue)), "RRRRRR"),
    .init(.description, .text(isMultiline: true), "oooooo", .text("")),
    .init(.localAlias, .text(), "--R---"),
    .init(.remoteAlias, .text(isEmptyAllowed: false), "--R---"),
    .init(.outgoingProtocol, .choice(["h323", "sip", "mssip", "rtmp", "gms", "teams"]), "--R---"),
    .init(.mediaPlaylistName, .name(.playlist), "----R-"),
    .init(.allowGuests, .boolean, "oo--o-", .boolean(false)),
    .init(.pin, .pin, "oo--o-"),
    .init(.guestPIN, .pin, "oo--o-"),
    .init(.hostIdentityProviderGroup, .name(.identityProviderGroup), "oo--o-"),
    .init(.guestIdentityProviderGroup, .name(.identityProviderGroup), "oo--o-"),
    .init(
      .nonIDPParticipants, .choice(["disallow_all", "allow_if_trusted"]), "oo--o-", .text("disallow_all")),
    .init(.automaticParticipants, .automaticParticipants, "oo----", .automaticParticipants([])),
    .init(.view, .layout, "o-o---", .text("one_main_seven_pips")),
    .init(.hostView, .layout, "-o----", .text("one_main_seven_pips")),
    .init(.guestView, .layout, "-o----", .text("one_main_seven_pips")),
    .init(.forcePresenterIntoMain, .boolean, "-o----", .boolean(false)),
    .init(.guestsCanSeeGuests, .choice(["no_hosts", "always", "never"]), "-o----", .text("no_hosts")),
    .init(.guestsCanPresent, .boolean, "oo----", .boolean(true)),
    .init(.muteAllGuests, .boolean, "oo----", .boolean(false)),
    .init(.locked, .boolean, "oo----", .boolean(false)),
    .init(.participantLimit, .integer(0...1_000_000), "oo----"),
    .init(.breakoutRooms, .boolean, "oo----", .boolean(false)),
    .init(.directMedia, .choice(["best_effort", "always", "never"]), "oo----", .text("never")),
    .init(.directMediaNotificationDuration, .integer(0...30), "oo----", .integer(0)),
    .init(.enableChat, .choice(yesNoDefault), "oo----", .text("default")),
    .init(.enableActiveSpeakerIndication, .boolean, "ooo---", .boolean(false)),
    .init(.enableOverlayText, .boolean, "ooo---", .boolean(false)),
    .init(.denoiseEnabled, .boolean, "oo----", .boolean(false)),
    .init(.softmuteEnabled, .boolean, "oo----", .boolean(false)),
    .init(.denoiseAudio, .boolean, "--o---", .boolean(true)),
    .init(.pinningConfig, .text(), "oo----", .text("")),
    .init(.preferIPv6, .choice(yesNoDefault), "ooo---", .text("default")),
    .init(.primaryOwnerEmailAddress, .text(), "oo----", .text("")),
    .init(.liveCaptionsEnabled, .choice(yesNoDefault), "ooo---", .text("default")),
    .init(.liveCaptionsLanguage, .text(), "ooo---", .text("")),
    .init(.sourceLanguage, .text(), "ooo---", .text("")),
    .init(.bypassProxy, .boolean, "oooo-o", .boolean(false)),
    .init(.callType, .choice(["video", "video-only", "audio", "auto"]), "oooo-o", .text("video")),
    .init(.cryptoMode, .choice(["besteffort", "on", "off"]), "oooo-o"),
    .init(.ivrThemeName, .name(.theme), "oooooo"),
    .init(.localDisplayName, .text(), "oooo-o", .text("")),
    .init(.maxCallrateIn, .integer(callrate), "oooooo"),
    .init(.maxCallrateOut, .integer(callrate), "ooooo-"),
    .init(.maxPixelsPerSecond, .choice(["sd", "hd", "fullhd"]), "oooooo"),
    .init(
      .calledDeviceType,
      .choice([
        "external", "registration", "mssip_conference_id", "mssip_server", "gms_conference",
        "teams_conference", "teams_user", "telehealth_profile",
      ]), "--o---", .text("external")),
    .init(.dtmfSequence, .dtmf, "--o---", .text("")),
    .init(.externalParticipantAvatarLookup, .choice(yesNoDefault), "--o---", .text("default")),
    .init(.gmsAccessTokenName, .name(.gmsAccessToken), "--oo--"),
    .init(.h323GatekeeperName, .name(.h323Gatekeeper), "--o---"),
    .init(.sipProxyName, .name(.trunk), "--o---"),
    .init(.mssipProxyName, .name(.mssipProxy), "--oo--"),
    .init(.teamsProxyName, .name(.teamsProxy), "--oo--"),
    .init(.outgoingLocationName, .name(.location), "--o---"),
    .init(.stunServerName, .name(.stunServer), "--o---"),
    .init(.turnServerName, .name(.turnServer), "--o---"),
    .init(.teamsFitToFrame, .choice(["yes", "no"]), "--o---", .text("no")),
    .init(.transcodingEnabled, .boolean, "--o---", .boolean(true)),
    .init(.treatAsTrusted, .boolean, "--o---", .boolean(false)),
    .init(.matchString, .pattern, "---o--", .text("")),
    .init(.replaceString, .text(), "---o--", .text("")),
    .init(.postMatchString, .pattern, "---o--", .text("")),
    .init(.postReplaceString, .text(), "---o--", .text("")),
    .init(.twoStageDialType, .choice(["regular", "mssip", "gms", "teams"]), "---o--", .text("regular")),
    .init(.systemLocationName, .name(.location), "---o--"),
    .init(.onCompletion, .completion, "----o-"),
    .init(.breakout, .boolean, "oo----", .boolean(false)),
    .init(.breakoutUUID, .uuid, "oo----"),
    .init(.breakoutName, .text(isEmptyAllowed: false), "oo----"),
    .init(.breakoutDescription, .text(isMultiline: true), "oo----"),
    .init(.breakoutGuestsAllowedToLeave, .boolean, "oo----", .boolean(false)),
    .init(.endAction, .choice(["transfer", "disconnect"]), "oo----", .text("transfer")),
    .init(.endTime, .integer(0...Int(UInt32.max) * 4), "oo----", .integer(0)),
    .init(.breakoutUUIDs, .uuids, "oo----"),
  ]

  static let byField: [ServiceField: ServiceFieldRule] = Dictionary(
    uniqueKeysWithValues: table.map { ($0.field, $0) })
}
