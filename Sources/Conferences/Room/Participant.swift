import CallModel

/// One entry of a conference's roster, as the client API, status and records show it.
public struct Participant: Hashable, Sendable {
  public enum Role: String, Hashable, Sendable, CaseIterable {
    /// A Host.
    case chair
    case guest
  }

  /// Where a participant is on its way in (`service_type` of a participant).
  public enum Stage: Hashable, Sendable {
    /// Dialled out to, not answered yet.
    case connecting
    /// At a prompt: enters a PIN.
    case ivr
    /// A Guest without a Host present.
    case waitingForHost
    /// Held by the lock, until somebody inside admits it.
    case waitingForAdmission
    case inConference

    /// `current_service_type`, for a conference of the given kind.
    public func serviceType(in kind: ServiceConfiguration.Kind) -> String {
      switch self {
      case .connecting: "connecting"
      case .ivr: "ivr"
      case .waitingForHost, .waitingForAdmission: "waiting_room"
      case .inConference: kind.rawValue
      }
    }
  }

  /// What keeps a conference alive when only participants that were dialled out to remain (reference §4.1).
  public enum KeepAlive: String, Hashable, Sendable, CaseIterable {
    /// Until this participant leaves, if it is a Host.
    case yes = "keep_conference_alive"
    /// While there are two of this kind, and one of them is a Host.
    case ifMultiple = "keep_conference_alive_if_multiple"
    case never = "keep_conference_alive_never"
  }

  public enum Direction: String, Hashable, Sendable {
    case incoming = "in"
    case outgoing = "out"
  }

  /// Which media a participant has with us now. None at all: a participant that only controls (`protocol: api`).
  public struct Media: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public static let audio = Media(rawValue: 1)
    public static let video = Media(rawValue: 2)
    public static let presentation = Media(rawValue: 4)
  }

  public let id: ParticipantID
  public let direction: Direction
  /// nil: not known yet (`unknown`).
  public internal(set) var role: Role?
  public internal(set) var stage: Stage
  public internal(set) var callProtocol: CallProtocol
  /// Who it is: the caller's alias, or the one dialled out to.
  public var alias: String
  /// What it dialled, or what it sees as its caller.
  public var localAlias: String
  public internal(set) var displayName: String
  /// The name on its video; the display name, unless somebody changed it.
  public internal(set) var overlayText: String
  public var vendor: String
  public var callTag: String
  public internal(set) var media: Media

  /// Muted by a Host, an administrator, policy or a telephone key: received and not mixed.
  public internal(set) var isMuted = false
  /// Says of itself that it is muted; an indicator only.
  public internal(set) var isClientMuted = false
  /// Nothing is sent to it.
  public internal(set) var isTxMuted = false
  public internal(set) var isVideoMuted = false
  public internal(set) var isOnHold = false
  public internal(set) var isTransferring = false
  /// Whether its media is encrypted; nil: not known, or none.
  public internal(set) var isEncrypted: Bool?
  /// Has the floor of the presentation.
  public internal(set) var isPresenting = false
  /// Is sent presentations (`rx_presentation_policy`).
  public internal(set) var receivesPresentation = true
  /// A stream or a recorder: receives only, and is nobody.
  public internal(set) var isStreaming = false
  /// It came in the place of one that dialled in, and counts as that one did.
  public internal(set) var countsAsCaller = false
  /// nil: it dialled in.
  public internal(set) var keepAlive: KeepAlive?
  /// A Host without media that pressed Start counts as one that is there.
  public internal(set) var hasPressedStart = false
  /// Created this local conference (PBX).
  public internal(set) var isOwner = false
  /// An extension of this platform (PBX).
  public internal(set) var isExtension = false

  public internal(set) var arrivedAt: MonotonicInstant
  /// When the call was answered, by either side.
  public internal(set) var connectedAt: MonotonicInstant?
  /// When it came into the conference itself.
  public internal(set) var joinedAt: MonotonicInstant?
  /// Since when its hand is raised (`buzz_time`).
  public internal(set) var handRaisedAt: MonotonicInstant?
  public internal(set) var spotlitAt: MonotonicInstant?

  init(
    id: ParticipantID, direction: Direction, stage: Stage, callProtocol: CallProtocol, alias: String,
    localAlias: String, displayName: String, vendor: String = "", callTag: String = "", media: Media,
    arrivedAt: MonotonicInstant
  ) {
    self.id = id
    self.direction = direction
    self.stage = stage
    self.callProtocol = callProtocol
    self.alias = alias
    self.localAlias = localAlias
    self.displayName = displayName.isEmpty ? alias : displayName
    overlayText = self.displayName
    self.vendor = vendor
    self.callTag = callTag
    self.media = media
    self.arrivedAt = arrivedAt
  }

  public var isHost: Bool { role == .chair }

  /// Past its PIN: in the conference, or waiting at its door.
  public var isPresent: Bool {
    switch stage {
    case .connecting, .ivr: false
    case .waitingForHost, .waitingForAdmission, .inConference: true
    }
  }

  /// Counts where the end of a conference is decided: who only looks at the roster holds nothing (reference §3.3, §4.1).
  public var isHolding: Bool { !media.isEmpty || hasPressedStart }
}
