import CallModel

/// A participant with what the conference needs to know of it besides what everybody may see.
struct Member {
  var participant: Participant
  /// As the latest event showed it; nil: not shown yet.
  var published: Participant?
  var placement: ConferenceAction.Placement?
  var pinEntry: PINEntry?
  /// It was asked for a number to invite.
  var numberEntry: NumberEntry?
  var keys = KeyMatcher()
  var tones: DTMFSequencer?
  var dialOut: DialOut?
  var bypassesLock = false
  /// Somebody inside let it in.
  var isAdmitted = false
  var hasEarlyMedia = false
  var waitingSince: MonotonicInstant?
  var linkTokens: [String] = []
  /// It is another conference of ours: nobody by itself.
  var isConference = false

  init(_ participant: Participant) { self.participant = participant }

  var isInside: Bool { participant.stage == .inConference }
  var isHostInside: Bool { isInside && participant.isHost && participant.isHolding }
  var isHolding: Bool { participant.isPresent && participant.isHolding }
  var isWaiting: Bool {
    participant.stage == .waitingForHost || participant.stage == .waitingForAdmission
  }
}
