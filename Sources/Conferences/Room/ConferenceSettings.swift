import CallModel

/// What policy or the database says about one conference (reference §2.1), with the documented defaults.
public struct ConferenceSettings: Hashable, Sendable {
  /// What ends a conference besides a command (reference §4; the others: PBX conferences, §12).
  public enum Ending: Hashable, Sendable {
    /// The rules of §4: Guests alone time out, dialled participants hold it as their class says.
    case hosts
    /// Lives while anybody is in it.
    case lastParticipant
    /// As ``lastParticipant``, and ends at once when the owner leaves (`conference_end_on_exit`).
    case owner
  }

  /// The identity: the same name is the same conference.
  public var name: String
  /// ``ServiceConfiguration/Kind/conference`` or ``ServiceConfiguration/Kind/lecture``.
  public var kind: ServiceConfiguration.Kind
  public var tag = ""
  public var description = ""
  public var entry = EntryRules()
  /// nil: no limit but the platform's.
  public var participantLimit: Int?
  public var callCapability = CallCapability.video
  public var mediaEncryption = MediaEncryption.bestEffort
  public var maximumBandwidthIn: Bandwidth?
  public var maximumBandwidthOut: Bandwidth?
  /// Guests join muted (`mute_all_guests`).
  public var mutesGuests = false
  public var guestsCanUnmute = true
  public var guestsCanPresent = true
  public var isChatEnabled = true
  /// Locked from the start (`locked`); says nothing to a conference that runs.
  public var isLocked = false
  /// Recorded from its beginning.
  public var isRecorded = false
  /// Who calls, on dial-out; nil: the service's name.
  public var localDisplayName: String?
  public var automaticParticipants: [RoomSettings.AutomaticParticipant] = []
  public var theme: String?
  public var ending = Ending.hosts
  /// False: Guests come in though no Host is there (`wait_for_moderator`).
  public var guestsWaitForHost = true
  /// Everybody hears the ringing and announcements of who is dialled (PBX).
  public var mixesEarlyMedia = false
  /// Says who comes and goes (`announce_caller_name`).
  public var announcesCallers = false
  /// A tone when somebody comes or goes.
  public var playsTones = false
  /// Whoever is alone is told so, and hears music (`moh_when_alone`).
  public var playsMusicWhenAlone = false
  public var controls = ControlProfile.vmr

  public init(name: String, kind: ServiceConfiguration.Kind = .conference) {
    self.name = name
    self.kind = kind
  }

  public init(_ service: ServiceConfiguration) {
    if let telephone = service.room.telephone {
      self = ConferenceSettings(telephone, of: service)
    } else {
      self.init(name: service.name, kind: service.kind == .lecture ? .lecture : .conference)
      entry = EntryRules(
        pin: service.pin, guestPIN: service.guestPIN, allowsGuests: service.allowsGuests)
      callCapability = service.callCapability
    }
    tag = service.tag
    description = service.description
    mediaEncryption = service.mediaEncryption
    maximumBandwidthIn = service.maximumBandwidthIn
    maximumBandwidthOut = service.maximumBandwidthOut
    theme = service.theme
    localDisplayName = service.localDisplayName.isEmpty ? nil : service.localDisplayName
    let room = service.room
    participantLimit = participantLimit ?? room.participantLimit
    mutesGuests = room.mutesAllGuests
    guestsCanPresent = room.guestsCanPresent
    isChatEnabled = room.chat != .no
    isLocked = room.isLocked
    isRecorded = room.isRecorded
    automaticParticipants = room.automaticParticipants
  }

  private init(_ telephone: TelephoneConference, of service: ServiceConfiguration) {
    if let owner = telephone.owner {
      self = LocalConferenceOptions(
        pin: service.guestPIN, endsOnExit: telephone.endsOnExit, announcesCallers: telephone.announcesCallers
      ).settings(owner: owner)
      name = service.name
      return
    }
    var conference = ConferenceExtension(number: service.name, label: service.name)
    // Without guests there are no moderators, and the PIN is everybody's.
    conference.moderatorPIN = service.allowsGuests ? service.pin : nil
    conference.pin = service.allowsGuests ? service.guestPIN : service.pin
    conference.waitsForModerator = telephone.waitsForModerator
    conference.endsOnModeratorExit = telephone.endsOnExit
    conference.announcesCallers = telephone.announcesCallers
    conference.playsMusicWhenAlone = telephone.playsMusicWhenAlone
    self = conference.settings
  }
}

/// Settings that hold for all conferences (reference §2.2).
public struct ConferenceGlobals: Hashable, Sendable {
  /// How long Guests may stay when the last Host has left; zero: they go with it. 0-86400 s.
  public var guestsOnlyTimeout = TimeSpan.seconds(60)
  /// How long a Guest waits for a Host, or for being admitted. 0-86400 s.
  public var waitingForHostTimeout = TimeSpan.seconds(900)
  /// From the first prompt to the right PIN. 30-86400 s.
  public var pinEntryTimeout = TimeSpan.seconds(120)
  /// How long the last one left may stay (`eject_last_participant_backstop_timeout`); nil: for ever. 60-86400 s.
  public var lastParticipantTimeout: TimeSpan?
  /// How long a participant that is dialled may ring. The call itself usually gives up sooner.
  public var dialOutTimeout = TimeSpan.seconds(180)
  public var isDialOutEnabled = true
  /// Participants of one conference, whatever its own limit says.
  public var maximumParticipants = 2_000

  public init() {}
}
