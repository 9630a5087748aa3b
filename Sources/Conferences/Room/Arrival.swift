import CallModel

/// Somebody who comes to a conference by itself: a call, a client of the API, a participant transferred to it.
public struct Arrival: Sendable {
  public var id: ParticipantID
  public var callProtocol: CallProtocol
  public var alias: String
  /// What was dialled, without a PIN.
  public var localAlias: String
  public var displayName: String
  public var vendor = ""
  public var callTag = ""
  /// The name on its video, where policy has one; nil: the display name.
  public var overlayText: String?
  public var isEncrypted: Bool?
  /// Empty: a client that only controls, which is asked for its PIN before it arrives (``EntryRules/answer(to:wantsToBeGuest:)``).
  public var media: Participant.Media
  /// The PIN that came with the alias (`meet.alice**1234`).
  public var pin: Secret?
  /// Decided elsewhere: by the API's PIN, participant policy, a one-time token, a transfer.
  public var role: Participant.Role?
  /// Policy, or a one-time token, lets it in though the conference is locked.
  public var bypassesLock = false
  /// Whose place it takes: that one goes when this one is in.
  public var takesPlaceOf: ParticipantID?
  /// Its call is answered already: it comes from a reception or another conference.
  public var isAnswered = false
  public var isStreaming = false
  public var isOwner = false
  public var isExtension = false
  /// Conferences this call comes from (``ConferenceLinks``).
  public var linkTokens: [String] = []

  public init(
    id: ParticipantID, callProtocol: CallProtocol, alias: String, localAlias: String,
    displayName: String = "",
    media: Participant.Media
  ) {
    self.id = id
    self.callProtocol = callProtocol
    self.alias = alias
    self.localAlias = localAlias
    self.displayName = displayName
    self.media = media
  }
}
