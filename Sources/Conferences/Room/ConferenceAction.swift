import CallModel

/// What a conference wants done with its participants' calls; the driver holds the calls, the mixer and the Router.
public enum ConferenceAction: Hashable, Sendable {
  /// Answer the call that came in.
  case answer(ParticipantID)
  /// Refuse the call that came in, unanswered.
  case reject(ParticipantID, Disconnect)
  /// Call somebody; comes back as ``Conference/progressed(_:hasEarlyMedia:now:)``, ``Conference/answered(_:media:now:)`` or
  /// ``Conference/left(_:_:now:)``.
  case dial(ParticipantID, DialOut)
  /// Put its media there.
  case place(ParticipantID, Placement)
  /// Say this, after whatever is being said to the same listeners.
  case play([PromptPart], Audience)
  /// Silence what is being said to it: it has pressed a key.
  case stopPlaying(ParticipantID)
  case send(ParticipantID, DTMFDigit)
  /// End the call, in whatever state it is, after saying this to it.
  case disconnect(ParticipantID, Disconnect, saying: [PromptPart])
  /// Ask the Router for this alias and move the participant there, inside its call.
  case transfer(ParticipantID, ConferenceTransfer)
  /// Record what is heard, until this is taken back or the conference is over; comes back as
  /// ``Conference/recordingBegan(now:)`` or ``Conference/recordingFailed(now:)``.
  case record(Bool)
  /// A wrong PIN was entered; for ``PINGuard``.
  case countWrongPIN(ParticipantID)
  /// A participant's own client must take notice.
  case notify(ParticipantID, Notice)
  /// Send everybody the presentation of this participant; nil: of nobody.
  case changePresenter(ParticipantID?)
  /// A telephone key that concerns pictures.
  case changeView(ViewChange, by: ParticipantID)
  /// The conference is over; forget it. Always the last action.
  case end(Disconnect)

  /// Where a participant's media is.
  public enum Placement: Hashable, Sendable {
    /// On its own: hears prompts, is heard by nobody.
    case alone
    /// At the door: hears music, is heard by nobody.
    case waiting
    case mix(isHeard: Bool, hears: Bool)
  }

  public enum Audience: Hashable, Sendable {
    case one(ParticipantID)
    /// All that are in the conference.
    case everybody
    /// The Hosts that are in the conference.
    case hosts
  }

  public enum Notice: Hashable, Sendable {
    /// The token must be refreshed: it carries the role.
    case roleChanged(Participant.Role)
    case onHold(Bool)
  }

  public enum ViewChange: Hashable, Sendable {
    case nextLayout
    case toggleMultiscreen
    case togglePresentationInMix
  }
}

/// Where a participant is to go (`participants/<uuid>/transfer`).
public struct ConferenceTransfer: Hashable, Sendable {
  public var alias: String
  public var role: Participant.Role?
  public var pin: Secret?

  public init(alias: String, role: Participant.Role? = nil, pin: Secret? = nil) {
    self.alias = alias
    self.role = role
    self.pin = pin
  }
}
