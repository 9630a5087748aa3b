/// What a conference is that belongs to a telephone system (conferences reference §12): an extension number of its own, or the
/// conference that a telephone opens for itself.
public struct TelephoneConference: Hashable, Sendable {
  /// The number of the telephone whose own conference it is (`*8<number>`); nil: an extension that anybody may call.
  public var owner: String?
  /// Nobody is heard before a moderator is there.
  public var waitsForModerator = false
  /// Ends some time after the last moderator, or at once with its owner.
  public var endsOnExit = false
  /// Says who comes and goes.
  public var announcesCallers = false
  /// Whoever is alone hears music.
  public var playsMusicWhenAlone = true

  public init(owner: String? = nil) { self.owner = owner }
}
