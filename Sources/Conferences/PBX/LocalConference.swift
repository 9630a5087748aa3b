import CallModel

/// What a telephone's settings say about its own conference (PBX, reference §12.2).
public struct LocalConferenceOptions: Hashable, Sendable {
  /// `conference_pin`: asked of everybody but the owner.
  public var pin: Secret?
  /// `conference_end_on_exit`: ends with its owner.
  public var endsOnExit = false
  /// `conference_announce_caller_name`
  public var announcesCallers = false

  public init(pin: Secret? = nil, endsOnExit: Bool = false, announcesCallers: Bool = false) {
    self.pin = pin
    self.endsOnExit = endsOnExit
    self.announcesCallers = announcesCallers
  }

  /// The conference of this telephone. The owner comes in as its Host (``Arrival/role``, ``Arrival/isOwner``).
  public func settings(owner number: String) -> ConferenceSettings {
    var settings = ConferenceSettings(name: "local conference of \(number)")
    settings.entry = EntryRules(guestPIN: pin, allowsGuests: true)
    settings.guestsWaitForHost = false
    settings.ending = endsOnExit ? .owner : .lastParticipant
    settings.announcesCallers = announcesCallers
    settings.mixesEarlyMedia = true
    settings.callCapability = .audio
    settings.controls = .localConference
    return settings
  }
}
