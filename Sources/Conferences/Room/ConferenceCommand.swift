import CallModel

/// What the client API, management and telephone keys can ask of a running conference (reference §9.1, §9.3).
public enum ConferenceCommand: Hashable, Sendable {
  case lock(Bool)
  case muteGuests(Bool)
  /// Records what is heard in it, or ends that.
  case record(Bool)
  case setGuestsCanUnmute(Bool)
  case setGuestsCanPresent(Bool)
  /// A Host without media starts the conference.
  case start
  case end
  /// The id is the caller's choice: the roster shows the participant under it at once.
  case dial(ParticipantID, DialOut)
  case message(contentType: String, text: String, to: ParticipantID?)
  /// The banner on everybody's video; empty clears it.
  case setMessageText(String)
  case clearSpotlights
  case lowerAllHands

  case mute(ParticipantID, Bool)
  case muteVideo(ParticipantID, Bool)
  /// Says of oneself that one is muted.
  case clientMute(ParticipantID, Bool)
  /// Nothing is sent to it any more.
  case txMute(ParticipantID, Bool)
  case setRole(ParticipantID, Participant.Role)
  /// Lets in somebody whom the lock holds.
  case admit(ParticipantID)
  case disconnect(ParticipantID)
  case transfer(ParticipantID, ConferenceTransfer)
  case hold(ParticipantID, Bool)
  case raiseHand(ParticipantID, Bool)
  /// Takes the floor of the presentation, or gives it back.
  case present(ParticipantID, Bool)
  case setReceivesPresentation(ParticipantID, Bool)
  case spotlight(ParticipantID, Bool)
  case setOverlayText(ParticipantID, String)
  case sendDigits(ParticipantID, [DTMFDigit])
}

/// Who asks.
public enum ConferenceRequester: Hashable, Sendable {
  case participant(ParticipantID)
  case administrator
}

/// Why a command was not carried out.
public enum ConferenceRefusal: Error, Hashable, Sendable {
  /// Guests, and those who wait, may not (`Invalid role`).
  case invalidRole
  case unknownParticipant
  case isFull
  /// Out of range, or too long (`Illegal value`).
  case illegalValue
  case dialOutDisabled
  /// It would call itself.
  case loop
  /// Self-unmute, presenting or chat is off.
  case notAllowed
  case isOver
}
