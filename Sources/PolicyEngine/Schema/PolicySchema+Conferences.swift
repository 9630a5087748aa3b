import CallModel

extension PolicySchema {
  static let conferences = ObjectSchema(
    "globals.conferences", "What holds for all conferences, receptions and playbacks.",
    [
      .init(
        "guests_only_timeout", .duration(0...86_400), default: "60s",
        "How long guests may stay when the last host has left; 0s: they go with it."),
      .init(
        "waiting_for_host_timeout", .duration(0...86_400), default: "15m",
        "How long a guest waits for a host, or for being let in."),
      .init(
        "pin_entry_timeout", .duration(30...86_400), default: "2m",
        "Time to enter the right PIN, or a number that a reception knows."),
      .init(
        "last_participant_timeout", .word("never", or: .duration(60...86_400)), default: "never",
        "How long the last one left may stay."),
      .init("theme", .reference(section: "themes"), "Prompts of services that name no theme."),
      .init(
        "language", .language, default: "that of a theme's own files",
        "What prompts are spoken in, where neither the service nor its theme says so.", example: "de"),
      .init(
        "recordings", .path, default: "recordings, in the state directory",
        "The directory that recordings of conferences are written to. It is made if it is not there."),
    ])

  static let localConference = ObjectSchema(
    "devices[].local_conference",
    "The conference that this telephone opens by dialling *8 and its own number. Others join it by the same number.",
    [
      .init("pin", .secret, default: "none", "Asked of everybody but the owner: 4 to 20 digits."),
      .init("end_on_exit", .boolean, default: "false", "It ends when the owner leaves."),
      .init("announce_caller_name", .boolean, default: "false", "Says who comes and goes."),
    ])

  static let telephoneConference = ObjectSchema(
    "services[].room.telephone",
    "Makes a conference one of a telephone system: its keys, and calls to numbers from inside it. "
      + "`pin` is the moderator's where guests are allowed.",
    [
      .init("wait_for_moderator", .boolean, default: "false", "Nobody is heard before one is there."),
      .init("end_on_moderator_exit", .boolean, default: "false", "It ends some time after the last one."),
      .init("announce_caller_name", .boolean, default: "false", "Says who comes and goes."),
      .init("music_when_alone", .boolean, default: "true", "Whoever is alone hears music."),
    ])

  static let playlist = ObjectSchema(
    "playlists[]", "Recordings for playback services.",
    [
      .init("name", name, required: true, "Services refer to it."),
      description,
      .init(
        "files", .list(.shorthand(playlistFile, key: "file")), required: true, "In short: paths alone."),
      .init("loop", .boolean, default: "false", "Begins again at its end."),
      .init("shuffle", .boolean, default: "false", "Another order in every round."),
    ])

  static let playlistFile = ObjectSchema(
    "playlists[].files[]", "One recording. In short: its path.",
    [
      .init("file", .path, required: true, "WAV, or Ogg Opus."),
      .init("position", .integer(0...10_000), default: "1", "Recordings play by ascending position."),
      .init("play_count", .integer(1...1_000), default: "1", "How often it plays in its turn."),
    ])
}
