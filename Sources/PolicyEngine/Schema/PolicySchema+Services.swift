import CallModel

extension PolicySchema {
  static let service = ObjectSchema(
    "services[]", "A service that Tandem itself hosts.",
    [
      .init("name", name, required: true, "Unique."),
      .init(
        "type",
        .choice([
          .init("test_call", "answers and sends the caller's own media back"),
          .init("conference", "participants meet"), .init("lecture", "hosts speak to guests"),
          .init("two_stage_dialing", "a Virtual Reception: the caller enters an alias"),
          .init("media_playback", "plays a playlist"),
        ]), required: true, "What answers."),
      .init(
        "aliases", .list(.text()), required: true, "What reaches it, compared as a whole and without case.",
        example: "[test@example.org, \"9196\"]"),
      description,
      .init("tag", .text(), default: "empty", "For logs, records and policy servers."),
      .init("capability", capability(auto: false), default: "video", "Media a participant may use."),
      .init("media_encryption", encryption, default: "the global setting", "For its participants."),
      .init("max_bandwidth_in", .bandwidth, default: "the global setting", "Received from each participant."),
      .init("max_bandwidth_out", .bandwidth, default: "the global setting", "Sent to each participant."),
      .init(
        "max_resolution", resolution, default: "the global setting", "Of the video sent to participants."),
      .init("theme", .reference(section: "themes"), default: "the standard one", "Prompts and pictures."),
      .init(
        "language", .language, default: "that of the theme", "What prompts are spoken in.", example: "de"),
      .init("display_name", .text(), default: "its name", "What participants see as its name."),
      .init(
        "bypass_proxy", .boolean, default: "false",
        "Apps send media straight to the node that mixes, not through the edge node."),
      .init(
        "pin", .secret, default: "none",
        "Of a conference, lecture or playback: 4 to 20 digits; `#` may end it. Makes a participant a host."),
      .init("guest_pin", .secret, default: "none", "As long as `pin`, unless both end in `#`, and another."),
      .init("allow_guests", .boolean, default: "false", "Guests come in beside hosts. Needs a `pin`."),
      .init("room", .object(serviceRoom), "Of a conference or lecture."),
      .init("reception", .object(serviceReception), "Of a Virtual Reception."),
      .init("playback", .object(servicePlayback), "Of a playback."),
    ])

  private static let layout = SchemaType.choice(
    Layout.allCases.filter { !$0.isForGatewayOnly }.map { .init($0.rawValue) })

  private static func words<Value: RawRepresentable<String> & CaseIterable>(_ type: Value.Type) -> SchemaType
  {
    .choice(type.allCases.map { .init($0.rawValue) })
  }

  static let serviceRoom = ObjectSchema(
    "services[].room",
    "What a conference or lecture looks like and allows. Keys are those of policy servers and scripts.",
    [
      .init("view", layout, default: Layout.standard.rawValue, "Layout of a conference."),
      .init("host_view", layout, default: Layout.standard.rawValue, "What hosts of a lecture see."),
      .init("guest_view", layout, default: Layout.standard.rawValue, "What guests of a lecture see."),
      .init("force_presenter_into_main", .boolean, default: "false", "Of a lecture."),
      .init(
        "guests_can_see_guests", words(RoomSettings.GuestVisibility.self), default: "no_hosts",
        "Of a lecture; `no_hosts`: while there is no host."),
      .init("guests_can_present", .boolean, default: "true", "Guests may share what they like to show."),
      .init("mute_all_guests", .boolean, default: "false", "Guests come in muted."),
      .init("locked", .boolean, default: "false", "Locked from its beginning."),
      .init("record", .boolean, default: "false", "Recorded from its beginning."),
      .init("participant_limit", .integer(0...1_000_000), default: "none", "Participants at once."),
      .init("breakout_rooms", .boolean, default: "false", "Hosts may open breakout rooms."),
      .init(
        "direct_media", words(RoomSettings.DirectMedia.self), default: "never",
        "Whether two participants may send each other their media directly. Not with breakout rooms."),
      .init(
        "direct_media_notification", .integer(0...30), default: "0",
        "Seconds that participants are told before media goes another way."),
      .init("enable_chat", yesNoDefault, default: "default", "Chat."),
      .init("enable_active_speaker_indication", .boolean, default: "false", "Show who speaks."),
      .init("enable_overlay_text", .boolean, default: "false", "Show names."),
      .init("denoise_enabled", .boolean, default: "false", "Take noise out of all participants' audio."),
      .init("softmute_enabled", .boolean, default: "false", "Turn down who does not speak."),
      .init("pinning_config", .text(), default: "none", "A pinning configuration of the theme."),
      .init("prefer_ipv6", yesNoDefault, default: "default", "For calls placed from it."),
      .init("primary_owner_email_address", .text(), default: "empty", "Whose room it is."),
      .init("live_captions_enabled", yesNoDefault, default: "default", "Live captions."),
      .init("live_captions_language", .text(), default: "empty", "Language captions are shown in."),
      .init("source_language", .text(), default: "empty", "Language that is spoken."),
      .init(
        "automatic_participants", .list(.object(automaticParticipant)), default: "none",
        "Called when the first participant has joined."),
      .init("telephone", .object(telephoneConference), "A telephone system's conference."),
    ])

  static let automaticParticipant = ObjectSchema(
    "services[].room.automatic_participants[]", "A participant that the room calls by itself.",
    [
      .init("remote_alias", .text(), required: true, "Whom it calls."),
      .init("local_alias", .text(), required: true, "As whom."),
      .init("protocol", .choice("sip", "h323", "mssip", "rtmp"), required: true, "How."),
      .init("role", .choice("chair", "guest"), required: true, "As what the called party takes part."),
      .init("call_type", .choice("video", "video-only", "audio"), default: "video", "Media of the call."),
      .init("description", .text(), default: "empty", "For people."),
      .init(
        "dtmf_sequence", .text(), default: "none", "Digits played after the answer; a comma is two seconds."),
      .init(
        "keep_conference_alive", words(RoomSettings.AutomaticParticipant.KeepAlive.self),
        default: "keep_conference_alive_if_multiple", "Whether it keeps the conference going."),
      .init("local_display_name", .text(), default: "empty", "Name shown to the called party."),
      .init("remote_display_name", .text(), default: "empty", "Name shown in the room."),
      .init("presentation_url", .text(), default: "none", "Second stream of an RTMP participant."),
      .init("routing", .choice("manual", "routing_rule"), default: "manual", "Whether rules place the call."),
      .init("streaming", .boolean, default: "false", "It streams or records."),
      .init("system_location", .reference(section: "locations"), "Where the call is placed from."),
    ])

  static let serviceReception = ObjectSchema(
    "services[].reception", "What becomes of the alias that a caller enters.",
    [
      .init("match", .pattern, default: "anything", "What may be entered."),
      .init("replace", .replacement, default: "as entered", "What it becomes."),
      .init(
        "post_match", .pattern, default: "anything", "Which meetings' codes are rewritten after a look-up."),
      .init("post_replace", .replacement, default: "as found", "What they become."),
      .init(
        "type", words(ReceptionSettings.DialType.self), default: "regular", "Where the code is looked up."),
      .init("system_location", .reference(section: "locations"), "Where look-ups are made from."),
      .init("gms_access_token", .reference(section: "gms_access_tokens"), "For Google Meet."),
      .init("mssip_proxy", .reference(section: "mssip_proxies"), "For Skype for Business."),
      .init("teams_proxy", .reference(section: "teams_proxies"), "For Teams."),
    ])

  static let servicePlayback = ObjectSchema(
    "services[].playback", "What is played, and what follows.",
    [
      .init("playlist", .reference(section: "playlists"), required: true, "What is played."),
      .init(
        "on_completion", .object(playbackEnd), default: "the caller stays",
        "What follows the playlist. A caller who stays hears nothing more, until it hangs up."),
    ])

  static let playbackEnd = ObjectSchema(
    "services[].playback.on_completion", "One of the two.",
    [
      .init("disconnect", .boolean, default: "false", "The caller is disconnected."),
      .init("transfer", .text(), "The alias that the caller is transferred to."),
      .init("role", .choice("chair", "guest"), default: "as any caller", "As what the caller arrives there."),
    ])
}
