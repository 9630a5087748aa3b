import CallModel
import PolicyEngine

extension ConferenceReport.Row {
  /// The participant as clients see it (reference §9.4), as far as there is something to say.
  var clientObject: JSONText {
    let p = participant
    func yes(_ flag: Bool) -> JSONText { .string(flag ? "YES" : "NO") }
    // Seconds since 1970; 0: never.
    func seconds(_ time: WallClock?) -> JSONText { .number(Double(time?.milliseconds ?? 0) / 1_000) }
    return .object([
      ("uuid", .string(p.id.description)), ("api_url", .string("/participants/\(p.id)")),
      ("display_name", .string(p.displayName)), ("overlay_text", .string(p.overlayText)),
      ("uri", .string(p.alias)), ("local_alias", .string(p.localAlias)), ("vendor", .string(p.vendor)),
      ("role", .string(p.role?.rawValue ?? "unknown")), ("service_type", .string(serviceType)),
      ("protocol", .string(p.callProtocol.rawValue)), ("call_direction", .string(p.direction.rawValue)),
      ("call_tag", .string(p.callTag)), ("call_uuid", JSONText(call?.description)),
      ("start_time", seconds(connected)),
      ("encryption", .string(p.isEncrypted.map { $0 ? "On" : "Off" } ?? "Unknown")),
      ("has_media", .boolean(!p.media.isEmpty)), ("is_external", .boolean(false)),
      ("is_on_hold", .boolean(p.isOnHold)), ("is_transferring", .boolean(p.isTransferring)),
      ("is_muted", yes(p.isMuted)), ("is_tx_muted", .boolean(p.isTxMuted)),
      ("is_client_muted", .boolean(p.isClientMuted)), ("is_video_muted", .boolean(p.isVideoMuted)),
      ("is_presenting", yes(p.isPresenting)), ("presentation_supported", yes(false)),
      ("rx_presentation_policy", .string(p.receivesPresentation ? "ALLOW" : "DENY")),
      ("is_video_call", yes(p.media.contains(.video))),
      ("is_audio_only_call", yes(p.media == .audio)), ("fecc_supported", yes(false)),
      ("is_streaming_conference", .boolean(p.isStreaming)), ("mute_supported", yes(true)),
      ("transfer_supported", yes(p.stage == .inConference)), ("disconnect_supported", yes(true)),
      ("buzz_time", seconds(handRaised)), ("spotlight", seconds(spotlit)),
    ])
  }
}

extension ConferenceStatus {
  /// What `conference_update` tells.
  var clientObject: JSONText {
    .object([
      ("started", .boolean(isStarted)), ("locked", .boolean(isLocked)),
      ("guests_muted", .boolean(areGuestsMuted)), ("all_muted", .boolean(isEverybodyMuted)),
      ("presentation_allowed", .boolean(guestsCanPresent)), ("direct_media", .boolean(false)),
      ("live_captions_available", .boolean(false)), ("guests_can_unmute", .boolean(guestsCanUnmute)),
      ("guests_can_present", .boolean(guestsCanPresent)), ("chat_enabled", .boolean(isChatEnabled)),
      ("breakout_rooms", .boolean(false)),
      ("message_text", messageText.isEmpty ? .null : .string(messageText)),
      ("streaming", .boolean(isStreaming)), ("recording", .boolean(isRecording)),
    ])
  }
}
