/// What a participant can do with the keys of a telephone (reference §6.2, §12.3).
public enum ControlAction: String, Hashable, Sendable, CaseIterable {
  /// In the participant's own view.
  case togglePresentationInMix = "toggle-presentation-in-mix"
  case toggleGuestsMute = "toggle-guests-mute"
  case toggleSelfMute = "toggle-self-mute"
  case toggleLock = "toggle-lock"
  case nextLayout = "next-layout"
  /// In the participant's own view.
  case toggleMultiscreen = "toggle-multiscreen"
  /// In no built-in profile: whether a room may be recorded by its Hosts is its owner's decision.
  case toggleRecording = "toggle-recording"
  case endConference = "end-conference"
  /// Calls the number that follows the keys.
  case invite
  /// Asks for a number, and calls it.
  case inviteByPrompt = "invite-by-prompt"
  case dropLastInvited = "drop-last-invited"
  case dropLastGuest = "drop-last-guest"
  /// Says how many are in.
  case countParticipants = "count-participants"

  /// A number follows the keys.
  public var takesNumber: Bool { self == .invite }
}

/// Whom a control obeys.
public struct ControlAudience: OptionSet, Hashable, Sendable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }
  public static let host = ControlAudience(rawValue: 1)
  public static let guest = ControlAudience(rawValue: 2)
  /// Who created a local conference.
  public static let owner = ControlAudience(rawValue: 4)
  /// An extension of this platform, whatever its role.
  public static let platformExtension = ControlAudience(rawValue: 8)
  public static let everybody: ControlAudience = [.host, .guest, .owner, .platformExtension]

  public init(_ participant: Participant) {
    self = participant.isHost ? .host : .guest
    if participant.isOwner { insert(.owner) }
    if participant.isExtension { insert(.platformExtension) }
  }
}
