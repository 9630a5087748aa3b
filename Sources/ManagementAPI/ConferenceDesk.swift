import Conferences

/// What administrators ask of the conferences that run. It stands between an interface, whatever that speaks, and the one loop
/// on which conferences live.
public protocol ConferenceDesk: Sendable {
  func running() async -> [ConferenceReport]

  /// Carries out a command on a running conference, which is named by its id or its name.
  /// - Returns: why not, if it was not.
  func perform(_ command: ConferenceCommand, on conference: String) async -> ConferenceRefusal?

  /// Follows a conference, which is named by its id or its name.
  ///
  /// - Parameter sequence: the number of the last event that is known; nil: nothing is.
  func follow(
    _ conference: String, after sequence: UInt64?
  ) async -> Result<any ConferenceEvents, ConferenceRefusal>

  /// Dials out from the service that owns an alias, which begins as a conference if it does not run.
  func dial(_ dialOut: DialOut, from alias: String) async -> Result<ParticipantID, ConferenceRefusal>
}
