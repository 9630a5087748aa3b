/// What a conference or a lecture looks like and allows (routing reference §12.1).
public struct RoomSettings: RareSettings, Hashable, Sendable {
  /// Whether guests see each other.
  public enum GuestVisibility: String, Hashable, Sendable, CaseIterable {
    /// While there is no host.
    case noHosts = "no_hosts"
    case always
    case never
  }

  /// Whether two participants may send each other their media directly.
  public enum DirectMedia: String, Hashable, Sendable, CaseIterable {
    case bestEffort = "best_effort"
    case always
    case never
  }

  /// Called when the first participant has joined.
  public var automaticParticipants: [AutomaticParticipant] = []
  /// Of a conference.
  public var layout = Layout.standard
  /// Of a lecture.
  public var hostLayout = Layout.standard
  public var guestLayout = Layout.standard
  /// Of a lecture, and so is ``guestsCanSeeGuests``.
  public var forcesPresenterIntoMain = false
  public var guestsCanSeeGuests = GuestVisibility.noHosts
  public var guestsCanPresent = true
  public var mutesAllGuests = false
  /// From its beginning.
  public var isLocked = false
  /// Recorded from its beginning. Policy servers have no field for it.
  public var isRecorded = false
  /// Nil: no limit.
  public var participantLimit: Int?
  public var hasBreakoutRooms = false
  public var directMedia = DirectMedia.never
  /// Seconds that participants are told before media goes another way; 0: not told.
  public var directMediaNotification = 0
  public var chat = Preference.standard
  public var showsActiveSpeaker = false
  public var showsOverlayText = false
  public var denoises = false
  public var softMutes = false
  /// Name of a pinning configuration of the theme; empty: none.
  public var pinningConfiguration = ""
  public var preferIPv6 = Preference.standard
  public var ownerEmailAddress = ""
  public var liveCaptions = Preference.standard
  public var liveCaptionsLanguage = ""
  public var sourceLanguage = ""
  /// Set when this is a breakout room.
  public var breakout: Breakout?
  /// Breakout rooms that a host is joined to.
  public var breakoutUUIDs: [String] = []
  /// Set when it is a telephone system's conference.
  public var telephone: TelephoneConference?

  public init() {}

  /// A room beside a main room (routing reference §12.4).
  public struct Breakout: Hashable, Sendable {
    public enum EndAction: String, Hashable, Sendable, CaseIterable {
      /// Back to the main room.
      case transfer
      case disconnect
    }

    public var uuid: String
    public var name: String
    public var description = ""
    public var guestsMayLeave = false
    public var endAction = EndAction.transfer
    /// Seconds since 1970; 0: none.
    public var endTime = 0

    public init(uuid: String, name: String) {
      self.uuid = uuid
      self.name = name
    }
  }
}

/// A choice that can be left to the deployment.
public enum Preference: String, Hashable, Sendable, CaseIterable {
  case standard = "default"
  case yes
  case no
}

/// How participants are arranged (`view`; routing reference §12.2).
public enum Layout: String, Hashable, Sendable, CaseIterable {
  case oneMain = "one_main_zero_pips"
  case oneMainSevenPips = "one_main_seven_pips"
  case oneMainTwentyOnePips = "one_main_twentyone_pips"
  case twoMainsTwentyOnePips = "two_mains_twentyone_pips"
  case oneMainThirtyThreePips = "one_main_thirtythree_pips"
  case fourMains = "four_mains_zero_pips"
  case nineMains = "nine_mains_zero_pips"
  case sixteenMains = "sixteen_mains_zero_pips"
  case twentyFiveMains = "twentyfive_mains_zero_pips"
  case fiveMainsSevenPips = "five_mains_seven_pips"
  case oneMainOnePip = "one_main_one_pip"
  case oneMainNineAround = "one_main_nine_around"
  case oneMainTwelveAround = "one_main_twelve_around"
  case twoMainsEightAround = "two_mains_eight_around"
  case oneMainTwentyOneAround = "one_main_twentyone_around"
  /// Of Teams gateway calls only, and so is ``teamsFocus``.
  case teams
  case teamsFocus = "teams_focus"

  public static let standard = Layout.oneMainSevenPips

  public var isForGatewayOnly: Bool { self == .teams || self == .teamsFocus }
}

/// What a participant may do, in the words of policy (the client API says HOST and GUEST).
public enum ParticipantRole: String, Hashable, Sendable, CaseIterable {
  case chair
  case guest
}

extension RoomSettings {
  /// A participant that the service calls by itself (routing reference §12.3).
  public struct AutomaticParticipant: Hashable, Sendable {
    public var localAlias: String
    public var remoteAlias: String
    public var callProtocol: CallProtocol
    public var role: ParticipantRole
    public var callCapability = CallCapability.video
    public var description = ""
    public var dtmfSequence = ""
    public var keepAlive = KeepAlive.ifMultiple
    public var localDisplayName = ""
    public var remoteDisplayName = ""
    /// Where an RTMP participant gets the presentation as a second stream.
    public var presentationURL = ""
    public var isRoutedByRules = false
    public var isStreaming = false
    public var systemLocation: String?

    /// Whether the participant keeps the conference going when all others have left.
    public enum KeepAlive: String, Hashable, Sendable, CaseIterable {
      case always = "keep_conference_alive"
      case ifMultiple = "keep_conference_alive_if_multiple"
      case never = "keep_conference_alive_never"
    }

    public init(localAlias: String, remoteAlias: String, callProtocol: CallProtocol, role: ParticipantRole) {
      self.localAlias = localAlias
      self.remoteAlias = remoteAlias
      self.callProtocol = callProtocol
      self.role = role
    }
  }
}
