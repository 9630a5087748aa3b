import CallModel

extension PolicyBinding {
  func bind(_ o: CheckedObject, into conferences: inout ConferenceDefaults) {
    conferences.guestsOnlyTimeout = o.duration("guests_only_timeout") ?? conferences.guestsOnlyTimeout
    conferences.waitingForHostTimeout =
      o.duration("waiting_for_host_timeout") ?? conferences.waitingForHostTimeout
    conferences.pinEntryTimeout = o.duration("pin_entry_timeout") ?? conferences.pinEntryTimeout
    conferences.lastParticipantTimeout = o.duration("last_participant_timeout")
    conferences.theme = o.text("theme")
    conferences.language = o.language
    conferences.recordings = o.text("recordings")
  }

  func localConference(_ o: CheckedObject) -> LocalConference {
    var conference = LocalConference()
    conference.pin = o.secret("pin").flatMap { $0.isEmpty ? nil : $0 }
    conference.endsOnExit = o.boolean("end_on_exit") ?? false
    conference.announcesCallers = o.boolean("announce_caller_name") ?? false
    return conference
  }

  func telephoneConference(_ o: CheckedObject) -> TelephoneConference {
    var conference = TelephoneConference()
    conference.waitsForModerator = o.boolean("wait_for_moderator") ?? false
    conference.endsOnExit = o.boolean("end_on_moderator_exit") ?? false
    conference.announcesCallers = o.boolean("announce_caller_name") ?? false
    conference.playsMusicWhenAlone = o.boolean("music_when_alone") ?? true
    return conference
  }

  func playlist(_ o: CheckedObject) -> Playlist {
    Playlist(
      name: o.name, description: o.descriptionText,
      entries: o.objects("files").map { file in
        Playlist.Entry(
          file: file.text("file") ?? "", position: file.integer("position") ?? 1,
          playCount: file.integer("play_count") ?? 1)
      }, loops: o.boolean("loop") ?? false, shuffles: o.boolean("shuffle") ?? false)
  }
}

extension CheckedObject {
  /// Of prompts.
  var language: LanguageTag? { text("language").flatMap { LanguageTag($0) } }
}
