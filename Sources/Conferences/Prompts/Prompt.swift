/// Everything a service can say, by the name of its recording.
///
/// The names the reference platform's themes use are kept, so that such a theme's recordings are found; where its name is
/// not known, the name is ours.
public enum Prompt: String, Hashable, Sendable, CaseIterable {
  // Virtual reception.
  case receptionEnterNumber = "2sd-number-pound-key"
  case receptionInvalidNumber = "2sd-number-not-valid-try-again"
  case receptionThreeInvalid = "2sd-invalid-number-three-times-disconnect"
  case receptionNothingEntered = "2sd-not-entered-valid-number-disconnect-call"
  case receptionConnecting = "2sd-please-hold-connect-you"

  // Coming in.
  case enterPIN = "conf-get-pin"
  case enterPINWithHash = "conf-get-pin-pound-key"
  /// Hosts enter a PIN, Guests press `#`.
  case enterPINOrJoinAsGuest = "conf-get-pin-or-guest"
  case enterPINWithHashOrJoinAsGuest = "conf-get-pin-pound-key-or-guest"
  case wrongPIN = "conf-pin-not-valid-try-again"
  case threeWrongPINs = "conf-pin-invalid-three-times-disconnect"
  case noPINEntered = "conf-pin-not-entered-disconnect"
  case waitingForHost = "conf-waiting-for-host"
  case hostDidNotCome = "conf-host-did-not-join-disconnect"
  case waitingForAdmission = "conf-locked-waiting"
  case notAdmitted = "conf-not-admitted-disconnect"
  case conferenceFull = "conf-capacity_exceeded"
  case youAreAlone = "conf-you-are-alone"

  // In the conference.
  case knock = "conf-knock"
  case someone = "conf-someone"
  case hasJoined = "conf-has-joined"
  case hasLeft = "conf-has-left"
  case youAreMuted = "conf-you-are-muted"
  case youAreUnmuted = "conf-you-are-unmuted"
  case cannotUnmute = "conf-cannot-unmute"
  case guestsMuted = "conf-guests-muted"
  case guestsUnmuted = "conf-guests-unmuted"
  case conferenceLocked = "conf-locked"
  case conferenceUnlocked = "conf-unlocked"
  case recordingStarted = "conf-recording-started"
  case recordingStopped = "conf-recording-stopped"
  /// To whoever comes while it is recorded.
  case isBeingRecorded = "conf-being-recorded"
  case recordingFailed = "conf-recording-failed"
  case participantCount = "conf-participants-now"
  case conferenceEnds = "conf-call-will-be-disconnected"

  // Inviting.
  case inviteEnterNumber = "conf-invite-number-pound-key"
  case tryingToGetThrough = "conf-trying-to-get-through"
  case invitationDropped = "conf-invitation-dropped"
  case nobodyToDrop = "conf-nobody-to-drop"
  case cannotInvite = "conf-cannot-invite"
  case invitationFailed = "conf-invitation-failed"

  // Local conferences.
  case localConferenceCreated = "conf-local-created"
  case localConferenceNotRunning = "conf-local-not-running"

  // Test call, playback.
  case testCallWelcome = "test-call-welcome"
  case testCallGoodbye = "test-call-goodbye"

  // Tones and music.
  case holdMusic = "music-on-hold"
  case joinTone = "tone-join"
  case leaveTone = "tone-leave"

  // Digits, for numbers and names.
  case digit0 = "digits-0"
  case digit1 = "digits-1"
  case digit2 = "digits-2"
  case digit3 = "digits-3"
  case digit4 = "digits-4"
  case digit5 = "digits-5"
  case digit6 = "digits-6"
  case digit7 = "digits-7"
  case digit8 = "digits-8"
  case digit9 = "digits-9"

  private static let digits: [Prompt] = [
    .digit0, .digit1, .digit2, .digit3, .digit4, .digit5, .digit6, .digit7, .digit8, .digit9,
  ]

  /// The recording of one decimal digit.
  public init?(digit: Character) {
    guard digit.isASCII, let value = digit.wholeNumberValue, Prompt.digits.indices.contains(value) else {
      return nil
    }
    self = Prompt.digits[value]
  }

  /// The name of the file in a theme.
  public var fileName: String { rawValue + "_48kHz_mono.wav" }
}

/// A part of what is said.
public enum PromptPart: Hashable, Sendable {
  case prompt(Prompt)
  /// Digit by digit.
  case digits(String)
  /// Who it is: a recorded name where there is one, else the alias' digits, else "someone".
  case caller(ParticipantID, alias: String)

  /// What to play where no name was recorded.
  public var prompts: [Prompt] {
    switch self {
    case .prompt(let prompt): return [prompt]
    case .digits(let text): return text.compactMap { Prompt(digit: $0) }
    case .caller(_, let alias):
      var user = alias.prefix { $0 != "@" }
      if let colon = user.lastIndex(of: ":") { user = user[user.index(after: colon)...] }
      if user.first == "+" { user = user.dropFirst() }
      let digits = user.compactMap { Prompt(digit: $0) }
      return !digits.isEmpty && digits.count == user.count && digits.count <= 20 ? digits : [.someone]
    }
  }
}
