import CallModel

/// A conference with an extension number of its own (PBX, reference §12.1).
public struct ConferenceExtension: Hashable, Sendable {
  public var number: String
  public var label: String
  /// Everybody's, unless it is the moderator's.
  public var pin: Secret?
  public var moderatorPIN: Secret?
  public var waitsForModerator = false
  /// Ends when the last moderator has left, after the time Guests have.
  public var endsOnModeratorExit = false
  public var announcesCallers = false
  public var participantLimit: Int?
  public var playsMusicWhenAlone = true

  public init(number: String, label: String) {
    self.number = number
    self.label = label
  }

  /// As a conference: moderators are its Hosts, everybody else a Guest. Without a moderator's PIN it has no moderators.
  public var settings: ConferenceSettings {
    var settings = ConferenceSettings(name: label.isEmpty ? number : label)
    let hasModerators = !(moderatorPIN?.isEmpty ?? true)
    settings.entry = EntryRules(pin: moderatorPIN, guestPIN: pin, allowsGuests: true)
    settings.participantLimit = participantLimit
    settings.guestsWaitForHost = hasModerators && waitsForModerator
    settings.ending = hasModerators && endsOnModeratorExit ? .hosts : .lastParticipant
    settings.announcesCallers = announcesCallers
    settings.playsMusicWhenAlone = playsMusicWhenAlone
    settings.mixesEarlyMedia = true
    settings.callCapability = .audio
    settings.controls = .pbx
    return settings
  }
}
